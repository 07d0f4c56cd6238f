"""VMC: what VTuber programs listen to, OSC messages over UDP.

Checked against the protocol's own pages (marionette specification, V3.1) and its public sample receiver:

- `/VMC/Ext/OK i`: 1 while bones are sent, else 0. Later versions append numbers that a receiver may do without.
- `/VMC/Ext/T f`: the sender's time in seconds. `/VMC/Ext/Root/Pos s fff ffff`: the name is always `root`.
- `/VMC/Ext/Bone/Pos s fff ffff`: a bone of Unity's HumanBodyBones, its position and its quaternion x y z w, both local
  to its parent.
- `/VMC/Ext/Blend/Val s f` for each weight, then one `/VMC/Ext/Blend/Apply`. The page names no range of values, and the
  sample receiver does not clip; so nothing is clipped here.
- A frame may come in several datagrams: each message stands for itself, and weights take effect at `Apply`.

Assumed: a weight called as Perfect Sync calls it (`JawOpen`) reaches most models, and that is the default; receivers
that heed upper case and expect ARKit's names need the other spelling. Positions are 0, for a camera does not see how
long a neck is: a receiver that also takes over bone positions must leave that off.

The head turns against the camera's axes, as the subject does: her own left is the model's left.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg
from pythonosc.parsing import osc_types

from mien.core.arrays import Array
from mien.core.basis import ARKIT, PERFECT_SYNC, Basis
from mien.core.face import Expression, FaceState, Gaze, Pose
from mien.formats.stream import Moment, check_weights, refuse_packet

MOST_BYTES = 1400
"""Of a datagram: with its headers it fits the 1500 of an Ethernet frame, so that no router takes it apart."""

BONES = ("Head", "LeftEye", "RightEye")

_OK, _TIME, _ROOT, _BONE, _VALUE, _APPLY = (
    "/VMC/Ext/" + name for name in ("OK", "T", "Root/Pos", "Bone/Pos", "Blend/Val", "Blend/Apply")
)
_BUNDLE = b"#bundle\x00"
_BUNDLE_HEAD, _SIZE = 16, 4
_DEEPEST = 4
_Argument = str | int | float
_PLACES = {name: place for basis in (ARKIT, PERFECT_SYNC) for place, name in enumerate(basis.columns)}


def encode_vmc(moment: Moment, names: Basis = PERFECT_SYNC) -> tuple[bytes, ...]:
    """The datagrams of one frame, each an OSC bundle of at most `MOST_BYTES`; the last one ends with `Apply`.

    Args:
        moment: the face.
        names: how the weights are spelled, `PERFECT_SYNC` or `ARKIT`: their columns stand in the same order.
    """
    state = moment.state
    rotations = (state.pose.rotation, *state.gaze.rotation)
    bones = [
        _message(_BONE, name, 0.0, 0.0, 0.0, *quaternion(rotation))
        for name, rotation in zip(BONES, rotations, strict=True)
    ]
    weights = state.expression.weights.tolist()
    return _bundled(
        [
            _message(_OK, 1),
            _message(_TIME, float(moment.time)),
            _message(_ROOT, "root", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
            *bones,
            *(_message(_VALUE, name, weight) for name, weight in zip(names.columns, weights, strict=True)),
            _message(_APPLY),
        ]
    )


def encode_vmc_lost(time: float) -> bytes:
    """The datagram of a frame without the face: 0 says that no bones are sent, and the model keeps its last pose."""
    (datagram,) = _bundled([_message(_OK, 0), _message(_TIME, float(time))])
    return datagram


def decode_vmc(datagrams: Iterable[bytes]) -> Moment | None:
    """The moment in the datagrams of one frame; None when they say that the face is lost.

    Messages of other addresses are passed over, as the protocol wants it; a bone that is not named is at rest.

    Raises:
        InputError: a datagram is no OSC, a message has other arguments than it must have, a number is absurd, or one
            of the 52 weights, the time or `Apply` is missing: a datagram was lost.
    """
    found: list[tuple[str, tuple[_Argument, ...]]] = []
    for datagram in datagrams:
        found += _messages(datagram, 0)
    status = [_exactly(values, "i")[0] for address, values in found if address == _OK]
    if not status:
        raise refuse_packet("VMC", f"{_OK} is missing")
    if status[-1] == 0:
        return None
    times = [_exactly(values, "f")[0] for address, values in found if address == _TIME]
    if not times or not np.isfinite(float(times[-1])):
        raise refuse_packet("VMC", f"{_TIME} is missing or not finite")
    if not any(address == _APPLY for address, _ in found):
        raise refuse_packet("VMC", f"{_APPLY} is missing")
    weights = np.full(len(ARKIT), np.nan)
    bones = {name: np.eye(3) for name in BONES}
    for address, values in found:
        if address == _VALUE:
            name, weight = _exactly(values, "sf")
            if name in _PLACES:
                weights[_PLACES[str(name)]] = weight
        elif address == _BONE:
            name, *numbers = _exactly(values, "sfffffff")
            bones[str(name)] = rotation_of([float(number) for number in numbers[3:]])
    if np.isnan(weights).any():
        raise refuse_packet("VMC", f"{ARKIT.columns[int(np.isnan(weights).argmax())]} is missing, or no number")
    check_weights(weights, "VMC")
    eyes = Gaze(np.array([bones[name] for name in BONES[1:]]))
    return Moment(float(times[-1]), FaceState(Expression(weights, ARKIT), Pose(bones["Head"], np.zeros(3)), eyes))


# Our head looks along -z, x points to the subject's left, y down. Unity's models look along +z, x points to their
# right, y up. So every axis turns round: a point p becomes -p, and a rotation R becomes (-1) R (-1) = R. The matrix
# stays as it is, and since Unity reads a quaternion into a matrix by the usual formula, so does the quaternion.
def quaternion(rotation: Array) -> tuple[float, float, float, float]:
    """Unity's quaternion x, y, z, w of our rotation [3, 3], with w at least 0.

    Of the four ways to find it the one that divides by the largest number is taken, so that no angle is singular.
    """
    r = np.asarray(rotation, np.float64).tolist()
    trace = r[0][0] + r[1][1] + r[2][2]
    squares = [1 + 2 * r[k][k] - trace for k in range(3)] + [1 + trace]
    big = max(range(4), key=lambda k: squares[k])
    x = (squares[0], r[0][1] + r[1][0], r[0][2] + r[2][0], r[2][1] - r[1][2])
    y = (r[0][1] + r[1][0], squares[1], r[1][2] + r[2][1], r[0][2] - r[2][0])
    z = (r[0][2] + r[2][0], r[1][2] + r[2][1], squares[2], r[1][0] - r[0][1])
    w = (r[2][1] - r[1][2], r[0][2] - r[2][0], r[1][0] - r[0][1], squares[3])
    found = np.array((x[big], y[big], z[big], w[big]))
    found /= np.copysign(np.linalg.norm(found), found[3])
    return found[0].item(), found[1].item(), found[2].item(), found[3].item()


def rotation_of(numbers: Sequence[float]) -> Array:
    """Our rotation [3, 3] of Unity's quaternion x, y, z, w. Raises `InputError` unless its length is 1 (within 1 %)."""
    length = float(np.linalg.norm(numbers))
    if not abs(length - 1) <= 0.01:
        raise refuse_packet("VMC", f"a quaternion of length {length:g}")
    x, y, z, w = np.asarray(numbers) / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _message(address: str, *values: _Argument) -> OscMessage:
    return build_msg(address, values)


def _bundled(messages: Sequence[OscMessage]) -> tuple[bytes, ...]:
    """The messages in order, in as few bundles as `MOST_BYTES` allows."""
    groups: list[list[OscMessage]] = [[]]
    size = _BUNDLE_HEAD
    for message in messages:
        if size + _SIZE + message.size > MOST_BYTES:
            groups.append([])
            size = _BUNDLE_HEAD
        groups[-1].append(message)
        size += _SIZE + message.size
    datagrams = []
    for group in groups:
        builder = OscBundleBuilder(IMMEDIATELY)
        for message in group:
            builder.add_content(message)
        datagrams.append(builder.build().dgram)
    return tuple(datagrams)


# python-osc's own bundle parser never ends on a negative size and goes as deep as a packet wants it to, and its
# messages fill missing bytes with zeros. So bundles are taken apart here, and a message must end where it says.
def _messages(data: bytes, depth: int) -> Iterator[tuple[str, tuple[_Argument, ...]]]:
    if not data.startswith(_BUNDLE):
        yield _read(data)
        return
    if depth == _DEEPEST:
        raise refuse_packet("VMC", f"bundles within bundles, more than {_DEEPEST} deep")
    if len(data) < _BUNDLE_HEAD:
        raise refuse_packet("VMC", "a bundle ends within its head")
    index = _BUNDLE_HEAD
    while index < len(data):
        if index + _SIZE > len(data):
            raise refuse_packet("VMC", "a bundle ends within a size")
        (size,) = struct.unpack_from(">i", data, index)
        index += _SIZE
        if size <= 0 or index + size > len(data):
            raise refuse_packet("VMC", f"an element of {size} bytes where {len(data) - index} follow")
        yield from _messages(data[index : index + size], depth + 1)
        index += size


def _read(data: bytes) -> tuple[str, tuple[_Argument, ...]]:
    """Address and arguments of one message; arguments of types that VMC does not use are refused with their address."""
    try:
        address, index = osc_types.get_string(data, 0)
        tags = ","
        if index < len(data):
            tags, index = osc_types.get_string(data, index)
        if not address.startswith("/VMC/Ext/"):
            return address, ()
        values: list[_Argument] = []
        for tag in tags.removeprefix(","):
            value, index = _READERS[tag](data, index)
            values.append(value)
    except (osc_types.ParseError, UnicodeDecodeError) as error:
        raise refuse_packet("VMC", "no OSC message, or one that ends early") from error
    except KeyError as error:
        raise refuse_packet("VMC", f"an argument of type {error} at {address}") from error
    if index != len(data) or not tags.startswith(","):
        raise refuse_packet("VMC", f"{address} does not end where it says")
    return address, tuple(values)


_READERS: dict[str, Callable[[bytes, int], tuple[_Argument, int]]] = {
    "s": osc_types.get_string,
    "i": osc_types.get_int,
    "f": osc_types.get_float,
}
_TYPES = {"s": str, "i": int, "f": float}


def _exactly(values: tuple[_Argument, ...], tags: str) -> tuple[_Argument, ...]:
    """The first arguments, when they are of these types; later versions of the protocol append more."""
    if len(values) < len(tags) or any(type(value) is not _TYPES[tag] for value, tag in zip(values, tags, strict=False)):
        raise refuse_packet("VMC", f"a message's arguments are not of the types {tags}")
    return values[: len(tags)]
