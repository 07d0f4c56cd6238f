"""Live Link Face over UDP, packet version 6: what Unreal listens to.

Layout, big-endian (checked against two public encoders, PyLiveLinkFace and LLV, and the engine's own listener of the
version before): version u8 = 6; device and subject as strings, each its length in bytes as i32 and then UTF-8; frame
i32, subframe f32; frames a second as i32 / i32; count u8 = 61; 61 x f32. PyLiveLinkFace's little-endian "6" followed
by "$" is the same five bytes: the version and the length 36 of a UUID. The 61 stand in the order of the engine's
enumeration, where left comes before right for jaw and mouth (files list these two the other way round).

Weights: the engine takes any number; nothing is clipped.

Angles: radians. In two real recordings of the app the eyes' yaw grows when they turn to the subject's right, pitch when
they look down, and an eye without torsion fits R = Rz(roll) Ry(yaw) Rx(pitch) about our axes to five digits: the angles
are ours. Those recordings hold no head rotation: it is assumed to follow the eyes. A packet says nothing of the head's
place.
"""

import struct
import uuid
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, PERFECT_SYNC
from mien.core.face import Expression, FaceState, Gaze, Pose
from mien.core.geometry import angles_from_rotation, rotation_from_angles
from mien.formats.stream import Moment, check_angles, check_weights, refuse_packet

VERSION = 6

CHANNELS = (
    *PERFECT_SYNC.columns,
    *(part + angle for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll")),
)
"""The 61 values of a packet, in its order."""

DEVICE = str(uuid.uuid5(uuid.NAMESPACE_OID, "mien")).upper()
"""What stands for the telephone: the same for every user, so that it tells nothing of anyone."""

LONGEST_NAME = 255
"""Bytes of a subject's name; the engine's buffer holds no more."""

_TAIL = struct.Struct(">ifiiB61f")
_YAW_PITCH_ROLL = [1, 0, 2]


@dataclass(frozen=True, slots=True, eq=False)
class LiveLinkPacket:
    """One packet.

    Args:
        moment: the face; its subject is the name that the engine shows.
        rate: frames a second; the moment's time is kept as a frame number and a part of a frame.
        device: identifies the sender.
    """

    moment: Moment
    rate: Fraction = Fraction(60)
    device: str = DEVICE


def encode_live_link(packet: LiveLinkPacket) -> bytes:
    """The datagram.

    Raises:
        ValueError: a name is longer than `LONGEST_NAME` bytes, or the time or the rate does not fit 32 bits.
    """
    moment = packet.moment
    position = moment.time * packet.rate.numerator / packet.rate.denominator
    frame = floor(position)
    subframe = float(np.float32(position - frame))
    if subframe == 1:  # the next number that 32 bits can hold
        frame, subframe = frame + 1, 0.0
    rotations = np.stack([moment.state.pose.rotation, *moment.state.gaze.rotation])
    angles = angles_from_rotation(rotations)[:, _YAW_PITCH_ROLL].ravel()
    values = (*moment.state.expression.weights.tolist(), *angles.tolist())
    try:
        tail = _TAIL.pack(frame, subframe, packet.rate.numerator, packet.rate.denominator, len(CHANNELS), *values)
    except struct.error as error:
        raise ValueError(f"time {moment.time} s at {packet.rate} frames a second does not fit a packet") from error
    return bytes([VERSION]) + _string(packet.device) + _string(moment.subject) + tail


def decode_live_link(datagram: bytes) -> LiveLinkPacket:
    """The packet in a datagram; the head's place is unknown, and 0.

    Raises:
        InputError: another version, a wrong length or count, a name that is no UTF-8, an absurd number, or a packet
            that the app sends while it sees no face.
    """
    if not datagram or datagram[0] != VERSION:
        found = f"version {datagram[0]}" if datagram else "nothing in it"
        raise refuse_packet("Live Link", f"{found}; only version {VERSION} is known")
    device, index = _read_string(datagram, 1)
    subject, index = _read_string(datagram, index)
    if len(datagram) != index + _TAIL.size:
        left = len(datagram) - index
        raise refuse_packet("Live Link", f"{left} bytes after the names, not the {_TAIL.size} of a face")
    frame, subframe, numerator, denominator, count, *values = _TAIL.unpack_from(datagram, index)
    if count != len(CHANNELS):
        raise refuse_packet("Live Link", f"{count} values, not {len(CHANNELS)}")
    if numerator <= 0 or denominator <= 0 or not 0 <= subframe <= 1:
        raise refuse_packet("Live Link", f"frame {frame} + {subframe} at {numerator}/{denominator} frames a second")
    weights, angles = np.array(values[: len(ARKIT)]), np.array(values[len(ARKIT) :]).reshape(3, 3)
    check_weights(weights, "Live Link")
    check_angles(angles, "Live Link")
    head, *eyes = (_rotation(row) for row in angles)
    state = FaceState(Expression(weights, ARKIT), Pose(head, np.zeros(3)), Gaze(np.array(eyes)))
    rate = Fraction(numerator, denominator)
    time = (frame + subframe) * rate.denominator / rate.numerator
    return LiveLinkPacket(Moment(time, state, subject), rate, device)


def _rotation(yaw_pitch_roll: Array) -> Array:
    yaw, pitch, roll = yaw_pitch_roll.tolist()
    return rotation_from_angles(pitch, yaw, roll)


def _string(text: str) -> bytes:
    data = text.encode()
    if len(data) > LONGEST_NAME:
        raise ValueError(f"a name of {len(data)} bytes; a packet holds {LONGEST_NAME}")
    return struct.pack(">i", len(data)) + data


def _read_string(datagram: bytes, index: int) -> tuple[str, int]:
    """The string at `index`, and where it ends."""
    if len(datagram) < index + 4:
        raise refuse_packet("Live Link", "it ends before its names do")
    (length,) = struct.unpack_from(">i", datagram, index)
    start, end = index + 4, index + 4 + length
    if not 0 <= length <= LONGEST_NAME or end > len(datagram):
        raise refuse_packet("Live Link", f"a name of {length} bytes")
    try:
        return datagram[start:end].decode(), end
    except UnicodeDecodeError as error:
        raise refuse_packet("Live Link", "a name is no UTF-8") from error
