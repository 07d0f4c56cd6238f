"""Moments over UDP while a source is read: to the receivers that the user named, and to nobody else.

A stream is never a reason to stop: what cannot be sent is counted, and said at the end.
"""

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from types import TracebackType
from typing import Self

from mien.compose.sources import Source
from mien.core.errors import UsageError
from mien.core.face import FaceReading, Pose
from mien.core.image import Frame
from mien.formats.ifacialmocap import encode_ifacialmocap
from mien.formats.livelink_packet import LiveLinkPacket, encode_live_link
from mien.formats.stream import Destination, Moment, Protocol
from mien.formats.vmc import encode_vmc, encode_vmc_lost

PATIENCE = 1.0
"""Seconds for which a receiver of one face waits for it to come back, before it gets another one."""

DEFAULT_RATE = Fraction(60)
"""Frames a second that are told to Live Link when the source names none: what the app itself sends."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """What became of the stream to one receiver.

    Args:
        destination: the receiver.
        sent: datagrams handed to the network; whether they arrived, UDP does not say.
        failed: datagrams that the network refused, or reported undeliverable.
        cause: the first reason for that, or empty.
        clipped: weights outside 0 to 1 that the protocol cannot say.
    """

    destination: Destination
    sent: int
    failed: int
    cause: str
    clipped: int


class Streams:
    """The sockets of all receivers: opened once, used by one source after the other.

    Args:
        destinations: the receivers.

    Raises:
        UsageError: a host does not resolve, or there is no way to it.
    """

    def __init__(self, destinations: Sequence[Destination]) -> None:
        with ExitStack() as stack:
            self._channels = [stack.enter_context(_Channel(destination)) for destination in destinations]
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def sinks(self, source: Source) -> list["StreamSink"]:
        """One for each receiver."""
        return [StreamSink(channel, source) for channel in self._channels]

    def streamed(self) -> list[Streamed]:
        """What became of each stream so far."""
        return [channel.streamed() for channel in self._channels]


class _Channel:
    """One receiver: a connected UDP socket that never waits, and its counts."""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.clipped = 0
        self._sent = self._failed = 0
        self._cause = ""
        self._socket = _connected(destination)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, datagram: bytes) -> None:
        """Hands a datagram to the network; a failure is counted."""
        try:
            self._deliver(datagram)
        except OSError as error:
            self._failed += 1
            self._cause = self._cause or error.strerror or type(error).__name__
        else:
            self._sent += 1

    def _deliver(self, datagram: bytes) -> None:
        try:
            self._socket.send(datagram)
        except ConnectionRefusedError as error:
            # The report is about an earlier datagram, and took this one's place; somebody may be listening by now.
            self._sent, self._failed = self._sent - 1, self._failed + 1
            self._cause = self._cause or error.strerror or "refused"
            self._socket.send(datagram)

    def streamed(self) -> Streamed:
        """What has become of it so far."""
        return Streamed(self.destination, self._sent, self._failed, self._cause, self.clipped)


def _connected(destination: Destination) -> socket.socket:
    try:
        found = socket.getaddrinfo(destination.host, destination.port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        cause = f"{destination.host} does not resolve"
        raise UsageError(f"--stream {destination}", "E_HOST", cause, "name a host, or its address") from error
    # Receivers listen at IPv4 addresses, hardly ever at a name's IPv6 ones, and UDP does not say that nobody did.
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    try:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.connect(address)
            connection.setblocking(False)
        except BaseException:
            connection.close()
            raise
    except OSError as error:
        cause = f"no way to {destination.host}: {error.strerror}"
        raise UsageError(f"--stream {destination}", "E_HOST", cause, "check the address and the network") from error
    return connection


class StreamSink:
    """The moments of one source to one receiver.

    Live Link gets every face, as subjects `mien-0`, `mien-1`, …; the others know one face only and get the largest of
    the first frame that shows any. They stay with it until it was gone for `PATIENCE` seconds. Of a lost face VMC is
    told, the others hear nothing: their protocols have no word for it.
    """

    def __init__(self, channel: _Channel, source: Source) -> None:
        self._channel = channel
        # 30000 / 1001 comes back whole; what is slower than a frame in half an hour does not fit, and gets the default.
        self._rate = Fraction(source.frame_rate or 0).limit_denominator(1001) or DEFAULT_RATE
        self._face: int | None = None
        self._seen = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The socket outlives the source."""

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """Sends what was read in a frame."""
        destination = self._channel.destination
        if destination.protocol is Protocol.LIVE_LINK:
            for reading in readings:
                self._channel.send(encode_live_link(LiveLinkPacket(_moment(reading), self._rate)))
            return
        one = self._one(frame, readings)
        if destination.protocol is Protocol.VMC:
            lost = (encode_vmc_lost(frame.time),)
            for datagram in lost if one is None else encode_vmc(_moment(one), destination.names):
                self._channel.send(datagram)
        elif one is not None:
            datagram, clipped = encode_ifacialmocap(_moment(one))
            self._channel.clipped += clipped
            self._channel.send(datagram)

    def _one(self, frame: Frame, readings: list[FaceReading]) -> FaceReading | None:
        """The face that a protocol without subjects gets in this frame, or None while it is lost."""
        chosen = next((reading for reading in readings if reading.face == self._face), None)
        if chosen is None and readings and (self._face is None or frame.time - self._seen >= PATIENCE):
            chosen = max(readings, key=lambda reading: reading.size)
        if chosen is not None:
            self._face, self._seen = chosen.face, frame.time
        return chosen


def _moment(reading: FaceReading) -> Moment:
    """The head against the line of sight, as in every file for an animated head: it does not depend on the lens."""
    pose = Pose(reading.state.pose.facing(), reading.state.pose.translation)
    return Moment(reading.time, replace(reading.state, pose=pose), f"mien-{reading.face}")
