"""Receivers of streams for tests: sockets on loopback, and readers written from the wire formats, not from our own."""

import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression, FaceState, Gaze, Pose
from mien.core.geometry import rotation_from_angles
from mien.formats.stream import Moment


class Receiver:
    """A UDP socket at a free port of this machine."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self.port = int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def datagrams(self) -> list[bytes]:
        """Everything that has come in; loopback delivers before `send` returns."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(65536))
            except BlockingIOError:
                return found


Argument = str | int | float


def float32(number: float) -> float:
    """What comes out of 32 bits."""
    return float(np.float32(number))


def osc_messages(datagram: bytes) -> list[tuple[str, tuple[Argument, ...]]]:
    """Addresses and arguments of an OSC bundle, by the letter of OSC 1.0."""
    assert datagram[:16] == b"#bundle\0" + struct.pack(">Q", 1)  # "immediately"
    index, found = 16, []
    while index < len(datagram):
        (size,) = struct.unpack_from(">i", datagram, index)
        assert size % 4 == 0
        found.append(_osc_message(datagram[index + 4 : index + 4 + size]))
        index += 4 + size
    assert index == len(datagram)
    return found


def _osc_message(data: bytes) -> tuple[str, tuple[Argument, ...]]:
    address, index = _osc_string(data, 0)
    tags, index = _osc_string(data, index)
    assert tags[0] == ","
    values: list[Argument] = []
    for tag in tags[1:]:
        value: Argument
        if tag == "s":
            value, index = _osc_string(data, index)
        else:
            (value,) = struct.unpack_from({"i": ">i", "f": ">f"}[tag], data, index)
            index += 4
        values.append(value)
    assert index == len(data)
    return address, tuple(values)


def _osc_string(data: bytes, index: int) -> tuple[str, int]:
    end = data.index(b"\0", index)
    return data[index:end].decode(), end + 4 - (end - index) % 4


@dataclass(frozen=True)
class Packet:
    """What a Live Link packet of version 6 says."""

    device: str
    subject: str
    frame: int
    subframe: float
    rate: tuple[int, int]
    values: tuple[float, ...]


def live_link_packet(datagram: bytes) -> Packet:
    """Reads a packet by its layout."""
    assert datagram[0] == 6
    (length,) = struct.unpack_from("!i", datagram, 1)
    device = datagram[5 : 5 + length].decode()
    index = 5 + length
    (length,) = struct.unpack_from("!i", datagram, index)
    subject = datagram[index + 4 : index + 4 + length].decode()
    index += 4 + length
    frame, subframe, numerator, denominator, count = struct.unpack_from("!ifiiB", datagram, index)
    assert count == 61
    assert len(datagram) == index + 17 + 4 * 61
    values = struct.unpack_from("!61f", datagram, index + 17)
    return Packet(device, subject, frame, subframe, (numerator, denominator), values)


@dataclass(frozen=True)
class Line:
    """What a line of iFacialMocap says."""

    values: dict[str, int]
    parts: dict[str, list[float]]


def ifacialmocap_line(datagram: bytes) -> Line:
    """Reads a line by the description of its format."""
    shapes, rotations = datagram.decode("ascii").split("=")
    assert shapes[-1] == rotations[-1] == "|"
    pairs = (part.split("-") for part in shapes[:-1].split("|"))
    parts = (part.split("#") for part in rotations[:-1].split("|"))
    return Line(
        {name: int(value) for name, value in pairs},
        {name: [float(number) for number in numbers.split(",")] for name, numbers in parts},
    )


# --- moments ----------------------------------------------------------------------------------------------------------


def made_moment(
    head: Array | None = None,
    eyes: Array | None = None,
    time: float = 0.0,
    subject: str = "mien-0",
    place: tuple[float, float, float] = (0.0, 0.0, 0.6),
    **weights: float,
) -> Moment:
    """A moment in which only what is named differs from a face at rest that looks into the camera."""
    values = np.zeros(len(ARKIT), np.float32)
    for name, weight in weights.items():
        values[ARKIT.index(name)] = weight
    state = FaceState(
        Expression(values, ARKIT),
        Pose(np.eye(3) if head is None else head, np.array(place)),
        Gaze(np.stack([np.eye(3)] * 2) if eyes is None else eyes),
    )
    return Moment(time, state, subject)


def _rotations(most: float) -> st.SearchStrategy[Array]:
    angles = st.floats(-most, most)
    return st.builds(rotation_from_angles, angles, angles, angles)


rotations = _rotations(1.4)
"""Rotations [3, 3] short of a quarter turn about any axis."""


@st.composite
def moments(draw: st.DrawFn, least: float = -0.25, most: float = 1.25) -> Moment:
    """Moments with weights of `least` to `most`, every one of them drawn."""
    weights = draw(st.lists(st.floats(least, most, width=32), min_size=len(ARKIT), max_size=len(ARKIT)))
    place = [draw(st.floats(-2, 2)) for _ in range(3)]
    state = FaceState(
        Expression(np.array(weights, np.float32), ARKIT),
        Pose(draw(rotations), np.array(place)),
        Gaze(np.stack([draw(_rotations(0.7)), draw(_rotations(0.7))])),
    )
    return Moment(draw(st.floats(0, 36000)), state, draw(st.text("abc-éß0", max_size=12)))


any_rotations = st.builds(
    lambda numbers: _from_quaternion(np.array(numbers)),
    st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda numbers: np.linalg.norm(numbers) > 0.1),
)
"""Rotations [3, 3] about any axis, by any angle."""


def _from_quaternion(numbers: Array) -> Array:
    """Rodrigues' formula."""
    x, y, z, w = numbers / np.linalg.norm(numbers)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + 2 * w * cross + 2 * cross @ cross)
