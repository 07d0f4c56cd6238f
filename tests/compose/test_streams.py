import errno
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from made import made_reading
from portraits import blank
from receivers import Receiver, float32, ifacialmocap_line, live_link_packet, osc_messages

from mien.compose.sources import Source
from mien.compose.streams import DEFAULT_RATE, PATIENCE, Streams, StreamSink
from mien.core.basis import ARKIT
from mien.core.errors import UsageError
from mien.core.face import Expression, FaceReading, FaceState
from mien.core.image import Frame
from mien.formats.ifacialmocap import NAMES
from mien.formats.stream import Destination, Protocol
from mien.formats.vmc import decode_vmc

CLIP = Source("clip.mp4", [], True, 30000 / 1001, 100)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def to(receiver: Receiver, protocol: str, host: str = "127.0.0.1") -> Destination:
    return Destination.parse(f"{protocol}://{host}:{receiver.port}")


def frame(index: int, rate: float = 25.0) -> Frame:
    return Frame(blank(8, 8), index / rate, index)


def larger(reading: FaceReading, factor: float = 2.0) -> FaceReading:
    points = reading.landmarks.points
    return replace(reading, landmarks=replace(reading.landmarks, points=points * factor))


def closed_port() -> int:
    with Receiver() as gone:
        return gone.port


# --- what each protocol gets ------------------------------------------------------------------------------------------


def test_every_receiver_gets_the_face_in_its_own_language() -> None:
    with Receiver() as vmc, Receiver() as live_link, Receiver() as mocap:
        destinations = [to(vmc, "vmc"), to(live_link, "livelink"), to(mocap, "ifacialmocap")]
        with Streams(destinations) as streams:
            sinks = streams.sinks(CLIP)
            readings = [made_reading(0, k) for k in range(3)]
            for k, reading in enumerate(readings):
                for sink in sinks:
                    with sink as taking:
                        taking.add(frame(k), [reading])
            results = streams.streamed()
        assert [one.destination for one in results] == destinations
        assert all((one.failed, one.cause, one.clipped) == (0, "", 0) for one in results)
        bundles, packets, lines = vmc.datagrams(), live_link.datagrams(), mocap.datagrams()
    assert [one.sent for one in results] == [len(bundles), len(packets), len(lines)] == [9, 3, 3]
    for k, reading in enumerate(readings):
        weights = reading.state.expression.weights
        read = decode_vmc(bundles[3 * k : 3 * k + 3])
        assert read is not None
        np.testing.assert_array_equal(read.state.expression.weights, weights)
        packet = live_link_packet(packets[k])
        assert (packet.subject, packet.rate) == ("mien-0", (30000, 1001))
        assert (packet.frame + packet.subframe) * 1001 / 30000 == pytest.approx(reading.time, abs=1e-6)
        np.testing.assert_array_equal(np.array(packet.values[:52]), weights)
        values = ifacialmocap_line(lines[k]).values
        assert [values[name] for name in NAMES] == np.rint(100 * weights).tolist()


def test_vmc_spells_names_as_the_address_asks(receiver: Receiver) -> None:
    destination = Destination.parse(f"vmc://127.0.0.1:{receiver.port}?names=arkit")
    with Streams([destination]) as streams:
        (sink,) = streams.sinks(CLIP)
        sink.add(frame(0), [made_reading()])
    sent = [message for datagram in receiver.datagrams() for message in osc_messages(datagram)]
    assert [values[0] for address, values in sent if address.endswith("/Val")] == list(ARKIT.columns)


def test_live_link_gets_every_face_as_a_subject(receiver: Receiver) -> None:
    with Streams([to(receiver, "livelink")]) as streams:
        (sink,) = streams.sinks(CLIP)
        sink.add(frame(0), [made_reading(0), made_reading(3)])
        sink.add(frame(1), [])
        sink.add(frame(2), [made_reading(3, 2)])
    assert [live_link_packet(one).subject for one in receiver.datagrams()] == ["mien-0", "mien-3", "mien-3"]


@pytest.mark.parametrize(
    ("rate", "told"),
    [
        (25.0, Fraction(25)),
        (24000 / 1001, Fraction(24000, 1001)),
        (None, DEFAULT_RATE),
        (1e-5, DEFAULT_RATE),
        (90000.0, Fraction(90000)),
    ],
)
def test_the_rate_is_the_source_s(rate: float | None, told: Fraction, receiver: Receiver) -> None:
    with Streams([to(receiver, "livelink")]) as streams:
        (sink,) = streams.sinks(Source("x", [], rate is not None, rate))
        sink.add(frame(0), [made_reading()])
    (datagram,) = receiver.datagrams()
    assert live_link_packet(datagram).rate == (told.numerator, told.denominator)


def test_what_a_protocol_cannot_say_is_clipped_there_alone_and_counted() -> None:
    reading = made_reading()
    weights = np.full(len(ARKIT), 0.5)
    weights[:3] = (1.05, -0.2, 1.0)
    state = FaceState(Expression(weights, ARKIT), reading.state.pose, reading.state.gaze)
    with Receiver() as vmc, Receiver() as live_link, Receiver() as mocap:
        with Streams([to(vmc, "vmc"), to(live_link, "livelink"), to(mocap, "ifacialmocap")]) as streams:
            for sink in streams.sinks(CLIP):
                for k in range(2):
                    sink.add(frame(k), [replace(reading, state=state)])
            assert [one.clipped for one in streams.streamed()] == [0, 0, 4]
        assert live_link_packet(live_link.datagrams()[0]).values[:2] == (float32(1.05), float32(-0.2))
        read = decode_vmc(vmc.datagrams()[:3])
        assert read is not None
        assert read.state.expression.weights[0] == np.float32(1.05)


# --- which face -------------------------------------------------------------------------------------------------------


def followed(receiver: Receiver, seen: list[list[FaceReading]], rate: float = 25.0) -> list[int | None]:
    """The face that a receiver of one face got in each frame, told by its weights."""
    with Streams([to(receiver, "vmc")]) as streams:
        (sink,) = streams.sinks(CLIP)
        got: list[int | None] = []
        for k, readings in enumerate(seen):
            sink.add(frame(k, rate), readings)
            read = decode_vmc(receiver.datagrams())
            faces = {one.state.expression.weights.tobytes(): one.face for one in readings}
            got.append(None if read is None else faces[read.state.expression.weights.tobytes()])
    return got


def test_a_receiver_of_one_face_gets_the_largest_and_stays_with_it(receiver: Receiver) -> None:
    small, large, huge = made_reading(0), larger(made_reading(1)), larger(made_reading(2), 4)
    assert followed(receiver, [[], [small, large], [small, large, huge], [small, huge], [large, huge]]) == (
        [None, 1, 1, None, 1]
    )


def test_it_gets_another_one_when_its_own_stays_away(receiver: Receiver) -> None:
    first, second = made_reading(0), made_reading(1)
    away = [[second]] * 30
    got = followed(receiver, [[first, second], *away, [first, second]])
    patient = round(PATIENCE * 25)
    assert got == [0, *[None] * (patient - 1), *[1] * (30 - patient + 1), 1]


def test_a_lost_face_is_told_to_vmc_only() -> None:
    with Receiver() as vmc, Receiver() as live_link, Receiver() as mocap:
        with Streams([to(vmc, "vmc"), to(live_link, "livelink"), to(mocap, "ifacialmocap")]) as streams:
            for sink in streams.sinks(CLIP):
                sink.add(frame(5), [])
        assert [osc_messages(one) for one in vmc.datagrams()] == [
            [("/VMC/Ext/OK", (0,)), ("/VMC/Ext/T", (float32(0.2),))]
        ]
        assert live_link.datagrams() == mocap.datagrams() == []


# --- the network ------------------------------------------------------------------------------------------------------


def test_ipv6_addresses_are_addresses() -> None:
    try:
        receiver = Receiver("::1")
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")
    with receiver, Streams([to(receiver, "livelink", "[::1]")]) as streams:
        (sink,) = streams.sinks(CLIP)
        sink.add(frame(0), [made_reading()])
        assert len(receiver.datagrams()) == 1


def test_a_name_with_both_kinds_of_address_means_the_old_one(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(host: str, port: int, **options: object) -> list[Any]:
        assert host == "studio"
        return [
            (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with Streams([to(receiver, "livelink", "studio")]) as streams:
        (sink,) = streams.sinks(CLIP)
        sink.add(frame(0), [made_reading()])
    assert len(receiver.datagrams()) == 1


def test_a_host_that_does_not_resolve_is_a_mistake_of_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"E_HOST: a{64} does not resolve"):  # too long for a name: nobody is asked
        Streams([Destination(Protocol.VMC, "a" * 64, 39539)])

    def unknown(host: str, port: int, **options: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UsageError, match=r"--stream vmc://nowhere\.invalid:39539: E_HOST: nowhere\.invalid does not"):
        Streams([Destination.parse("vmc://nowhere.invalid")])


def test_an_address_without_a_way_to_it_is_a_mistake_of_usage(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Offline(socket.socket):
        """What a socket says where no network is."""

        def connect(self, address: Any) -> None:
            if address[0] == "192.0.2.1":
                raise OSError(errno.ENETUNREACH, "Network is unreachable")
            super().connect(address)

    opened = to(receiver, "vmc")
    monkeypatch.setattr(socket, "socket", Offline)
    with pytest.raises(UsageError, match=r"E_HOST: no way to 192\.0\.2\.1: Network is unreachable"):
        Streams([opened, Destination.parse("vmc://192.0.2.1")])


class Broken:
    """A socket whose network refuses by plan."""

    def __init__(self, *plan: OSError | None) -> None:
        self._plan = list(plan)
        self.through: list[bytes] = []

    def send(self, datagram: bytes) -> None:
        error = self._plan.pop(0) if self._plan else None
        if error is not None:
            raise error
        self.through.append(datagram)

    def close(self) -> None:
        pass


def broken(monkeypatch: pytest.MonkeyPatch, *plan: OSError | None) -> tuple[Streams, StreamSink, Broken]:
    wire = Broken(*plan)
    monkeypatch.setattr("mien.compose.streams._connected", lambda destination: wire)
    streams = Streams([Destination.parse("livelink://127.0.0.1")])
    (sink,) = streams.sinks(CLIP)
    return streams, sink, wire


def test_what_the_network_refuses_is_counted_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable, full = OSError(101, "Network is unreachable"), BlockingIOError(11, "Resource temporarily unavailable")
    streams, sink, wire = broken(monkeypatch, None, unreachable, full, None)
    for k in range(4):
        sink.add(frame(k), [made_reading(0, k)])
    (result,) = streams.streamed()
    assert (result.sent, result.failed, result.cause) == (2, 2, "Network is unreachable")
    assert len(wire.through) == 2


def test_a_late_refusal_does_not_cost_the_datagram_that_meets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ConnectionRefusedError(111, "Connection refused")
    streams, sink, wire = broken(monkeypatch, None, refused, None, refused, refused)
    for k in range(3):
        sink.add(frame(k), [made_reading(0, k)])
    (result,) = streams.streamed()
    assert [live_link_packet(one).frame for one in wire.through] == [0, 1]
    # The first was refused after it was sent, then the second; the third met the second's report, and its own.
    assert (result.sent, result.failed, result.cause) == (0, 3, "Connection refused")


def test_a_port_where_nobody_listens_is_survived() -> None:
    with Streams([Destination.parse(f"vmc://127.0.0.1:{closed_port()}")]) as streams:
        (sink,) = streams.sinks(CLIP)
        for k in range(5):
            sink.add(frame(k), [made_reading(0, k)])
        (result,) = streams.streamed()
    assert result.sent + result.failed == 15
    if sys.platform == "linux":
        assert result.failed >= 1
        assert result.cause == "Connection refused"


def test_sockets_are_closed_whatever_happens(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = Streams([to(receiver, "livelink")])
    (sink,) = streams.sinks(CLIP)
    with streams, pytest.raises(ZeroDivisionError):
        raise ZeroDivisionError
    sink.add(frame(0), [made_reading()])
    assert streams.streamed()[0].failed == 1  # a closed socket sends nothing
    assert receiver.datagrams() == []
