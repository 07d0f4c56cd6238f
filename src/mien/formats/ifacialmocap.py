"""iFacialMocap over UDP: one line of text a frame.

Checked against the app's page for developers: `name-value|…|=head#rx,ry,rz,x,y,z|rightEye#rx,ry,rz|leftEye#…|`, the
52 names with `_L` and `_R` for the sides (but `jawLeft`, `mouthRight`), values as whole numbers 0 to 100, angles in
degrees. A value outside 0 to 100 cannot be said: `-` is what parts a name from its value.

Signs follow from the page's sample frame, whose eyes look down with a positive rx and, both converging, turn to the
subject's left with a positive ry: ARKit's axes, x to the subject's left, y up, z out of the face. Its head lies at
z = -0.66: metres in a camera that looks along -z, with y up. Assumed: rz fits the same axes, and the three angles
compose as Unity's do (z, then x, then y), for a known receiver hands them to Unity as they come.

The app answers whoever says hello at its port 49983. Its receivers bind that very port of their own machine and take
what comes in, hello or not; so frames are sent there directly, no port is opened here, and sender and receiver may
share a machine.
"""

import re

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression, FaceState, Gaze, Pose
from mien.core.geometry import angles_from_rotation, rotation_from_angles
from mien.formats.stream import Moment, check_angles, refuse_packet

_WHOLE = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")

NAMES = tuple(
    column if column in _WHOLE else re.sub("(Left|Right)$", lambda side: "_" + side[0][0], column)
    for column in ARKIT.columns
)
"""The 52 weights as the app calls them, in ARKit's order."""

MOST_BYTES = 16384
"""Of a line that is read at all; a real one has some 1200."""

_TO_ARKIT = np.diag([1.0, -1.0, -1.0])
# Rz Ry Rx of the axes z, x, y is Ry Rx Rz of x, y, z: the order in which Unity composes angles.
_TO_UNITY_ORDER = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) @ _TO_ARKIT
_PLACES = {name: place for place, name in enumerate(NAMES)}
_VALUE = re.compile(r"(\w+)-([0-9]{1,3})")


def encode_ifacialmocap(moment: Moment) -> tuple[bytes, int]:
    """The datagram, and how many weights lay outside 0 to 1 and were clipped, for the format cannot say them."""
    weights = moment.state.expression.weights
    clipped = int(((weights < 0) | (weights > 1)).sum())
    values = np.rint(100 * np.clip(weights, 0, 1)).astype(int).tolist()
    shapes = "".join(f"{name}-{value}|" for name, value in zip(NAMES, values, strict=True))
    pose, (left, right) = moment.state.pose, moment.state.gaze.rotation
    head = _numbers([*_degrees(pose.rotation), *(_TO_ARKIT @ pose.translation)])
    line = f"{shapes}=head#{head}|rightEye#{_numbers(_degrees(right))}|leftEye#{_numbers(_degrees(left))}|"
    return line.encode("ascii"), clipped


def decode_ifacialmocap(datagram: bytes, time: float = 0.0) -> Moment:
    """The moment in a datagram, which itself says nothing of time.

    Names beyond the 52, such as `trackingStatus`, are passed over.

    Raises:
        InputError: it is no such line, one of the 52 weights, the head or an eye is missing, or a number is absurd.
    """
    if len(datagram) > MOST_BYTES:
        raise refuse_packet("iFacialMocap", f"{len(datagram)} bytes")
    try:
        shapes, rotations = datagram.decode("ascii").split("=")
    except ValueError as error:  # other letters, or not exactly one sign between values and rotations
        raise refuse_packet("iFacialMocap", "no line of values and rotations") from error
    if not (shapes.endswith("|") and rotations.endswith("|")):
        raise refuse_packet("iFacialMocap", "the line ends early")
    parts = _parts(rotations)
    head, right, left = (parts[name][:3] for name in ("head", "rightEye", "leftEye"))
    check_angles(np.deg2rad([head, right, left]), "iFacialMocap")
    pose = Pose(_rotation(head), _TO_ARKIT @ parts["head"][3:])
    gaze = Gaze(np.array([_rotation(left), _rotation(right)]))
    return Moment(time, FaceState(Expression(_weights(shapes), ARKIT), pose, gaze))


def _weights(shapes: str) -> Array:
    weights = np.full(len(ARKIT), np.nan)
    for part in shapes.removesuffix("|").split("|"):
        found = _VALUE.fullmatch(part)
        if found is None or int(found[2]) > 100:
            raise refuse_packet("iFacialMocap", f"{part[:40]!r} is no name with a value of 0 to 100")
        if found[1] in _PLACES:
            weights[_PLACES[found[1]]] = int(found[2]) / 100
    if np.isnan(weights).any():
        raise refuse_packet("iFacialMocap", f"{NAMES[int(np.isnan(weights).argmax())]} is missing")
    return weights


def _parts(rotations: str) -> dict[str, Array]:
    """The numbers of head [6] and eyes [3] by name: the app itself writes the eyes in either order."""
    found: dict[str, Array] = {}
    for part in rotations.removesuffix("|").split("|"):
        name, _, numbers = part.partition("#")
        try:
            found[name] = np.array([float(number) for number in numbers.split(",")])
        except ValueError as error:
            raise refuse_packet("iFacialMocap", f"{part[:40]!r} holds no numbers") from error
    for name, count in (("head", 6), ("rightEye", 3), ("leftEye", 3)):
        if name not in found or len(found[name]) != count or not np.isfinite(found[name]).all():
            raise refuse_packet("iFacialMocap", f"{name} needs {count} numbers")
    return found


def _degrees(rotation: Array) -> list[float]:
    """rx, ry, rz of our rotation [3, 3]."""
    z, x, y = angles_from_rotation(_TO_UNITY_ORDER @ rotation @ _TO_UNITY_ORDER.T).tolist()
    return [float(np.rad2deg(angle)) for angle in (x, y, z)]


def _rotation(degrees: Array) -> Array:
    """Our rotation [3, 3] of rx, ry, rz."""
    x, y, z = np.deg2rad(degrees).tolist()
    return np.asarray(_TO_UNITY_ORDER.T @ rotation_from_angles(z, x, y) @ _TO_UNITY_ORDER)


def _numbers(values: list[float]) -> str:
    return ",".join(f"{value:.6f}" for value in values)  # never 1e-05, which not every receiver reads
