"""What is streamed and whither: a moment of a face, and the address of a receiver.

The protocols are next door: `vmc`, `livelink_packet` and `ifacialmocap` turn a `Moment` into datagrams and back, as
pure functions. Nothing here opens a socket.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import AddressValueError, IPv6Address
from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, PERFECT_SYNC, Basis
from mien.core.errors import InputError, UsageError
from mien.core.face import FaceState

LEAST_WEIGHT, MOST_WEIGHT = -0.5, 2.0
"""Real recordings leave 0 to 1 a little; a weight beyond these limits is a fault of the packet, and refused."""

MOST_ANGLE = 2 * np.pi
"""Radians beyond which no angle of a packet is believed."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One face at one time, as a stream carries it.

    Args:
        time: seconds, from the source's clock.
        state: over ARKit's 52, without leading axes.
        subject: how a receiver that knows several faces tells them apart.
    """

    time: float
    state: FaceState
    subject: str = ""

    def __post_init__(self) -> None:
        if self.state.leading:
            raise ValueError(f"a stream carries one moment at a time, got leading axes {list(self.state.leading)}")
        if self.state.expression.basis != ARKIT:
            raise ValueError(f"a stream carries weights over arkit, got {self.state.expression.basis.name}")
        if not np.isfinite(self.time):
            raise ValueError("time must be finite")


class Protocol(StrEnum):
    """The languages that receivers speak, by the scheme of their addresses."""

    VMC = "vmc"
    LIVE_LINK = "livelink"
    IFACIALMOCAP = "ifacialmocap"

    @property
    def port(self) -> int:
        """Where a receiver listens unless it was told otherwise."""
        return {Protocol.VMC: 39539, Protocol.LIVE_LINK: 11111, Protocol.IFACIALMOCAP: 49983}[self]


_ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<host>\[[0-9A-Fa-f:.]+(?:%[^\s\]]+)?\]|[^\s:/?#@\[\]]+)(?::(?P<port>[0-9]{1,5}))?/?"
    r"(?:\?names=(?P<names>\w+))?"
)
_NAMES = {basis.name: basis for basis in (PERFECT_SYNC, ARKIT)}
_ALLOWED = "allowed: " + ", ".join(f"{protocol}://HOST[:{protocol.port}]" for protocol in Protocol)


@dataclass(frozen=True, slots=True)
class Destination:
    """A receiver: what it speaks, and where it listens.

    Args:
        protocol: what it speaks.
        host: a name, an IPv4 or an IPv6 address (without brackets).
        port: 1 to 65535.
        names: how VMC spells the weights: `JawOpen` (Perfect Sync), or `jawOpen` (ARKit).
    """

    protocol: Protocol
    host: str
    port: int
    names: Basis = PERFECT_SYNC

    @classmethod
    def parse(cls, text: str) -> Self:
        """`vmc://HOST[:PORT]`, `livelink://…`, `ifacialmocap://…`; an IPv6 address stands in brackets.

        `?names=arkit` at the end makes VMC write `jawOpen` for `JawOpen`.

        Raises:
            UsageError: anything else; says what is allowed.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise _refused(text, "names no receiver")
        scheme = found["scheme"].lower()
        if scheme not in [str(protocol) for protocol in Protocol]:
            raise _refused(text, f"no stream is called {scheme}")
        protocol = Protocol(scheme)
        port = protocol.port if found["port"] is None else int(found["port"])
        if not 1 <= port <= 65535:
            raise _refused(text, f"port {port} is outside 1..65535")
        host = found["host"].strip("[]")
        if found["host"].startswith("["):
            try:
                IPv6Address(host)
            except AddressValueError:
                raise _refused(text, f"{host} is no IPv6 address") from None
        if found["names"] is not None and (protocol is not Protocol.VMC or found["names"] not in _NAMES):
            raise _refused(text, f"names={found['names']} is not for {scheme}; vmc takes {' or '.join(_NAMES)}")
        return cls(protocol, host, port, _NAMES[found["names"] or PERFECT_SYNC.name])

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        names = "" if self.names == PERFECT_SYNC else f"?names={self.names.name}"
        return f"{self.protocol}://{host}:{self.port}{names}"


def _refused(text: str, cause: str) -> UsageError:
    return UsageError(f"--stream {text}", "E_USAGE", cause, _ALLOWED)


def refuse_packet(protocol: str, cause: str) -> InputError:
    """The error of a datagram that is not what it claims to be."""
    return InputError(f"{protocol} datagram", "E_FORMAT", cause, "it was cut short, or comes from another program")


def check_weights(weights: Array, protocol: str) -> None:
    """Raises `InputError` when weights [52] of a packet are not finite, or absurd."""
    wrong = ~((weights >= LEAST_WEIGHT) & (weights <= MOST_WEIGHT))
    if wrong.any():
        place = int(wrong.argmax())
        cause = f"{ARKIT.columns[place]} is {weights[place]:g}, outside {LEAST_WEIGHT:g}..{MOST_WEIGHT:g}"
        raise refuse_packet(protocol, cause)


def check_angles(radians: Array, protocol: str) -> None:
    """Raises `InputError` when angles of a packet are not finite, or absurd."""
    if not (np.abs(radians) <= MOST_ANGLE).all():
        raise refuse_packet(protocol, "an angle is not finite, or more than a whole turn")
