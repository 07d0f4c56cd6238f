import struct
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from receivers import live_link_packet, made_moment, moments

from mien.core.errors import InputError
from mien.core.geometry import angles_from_rotation, rotation_from_angles
from mien.formats.livelink_packet import (
    CHANNELS,
    DEVICE,
    LiveLinkPacket,
    decode_live_link,
    encode_live_link,
)
from mien.formats.stream import Moment

# The engine's enumeration, by its numbers.
KNOWN_PLACES = {
    0: "EyeBlinkLeft", 6: "EyeWideLeft", 7: "EyeBlinkRight", 14: "JawForward", 15: "JawLeft", 16: "JawRight",
    17: "JawOpen", 18: "MouthClose", 21: "MouthLeft", 22: "MouthRight", 23: "MouthSmileLeft", 31: "MouthRollLower",
    32: "MouthRollUpper", 33: "MouthShrugLower", 40: "MouthUpperUpRight", 41: "BrowDownLeft", 43: "BrowInnerUp",
    46: "CheekPuff", 50: "NoseSneerRight", 51: "TongueOut", 52: "HeadYaw", 53: "HeadPitch", 54: "HeadRoll",
    55: "LeftEyeYaw", 56: "LeftEyePitch", 57: "LeftEyeRoll", 58: "RightEyeYaw", 60: "RightEyeRoll",
}  # fmt: skip


def test_the_values_stand_in_the_engine_s_order() -> None:
    assert len(CHANNELS) == 61
    assert {place: CHANNELS[place] for place in KNOWN_PLACES} == KNOWN_PLACES


def test_the_first_bytes_are_those_that_other_senders_write() -> None:
    datagram = encode_live_link(LiveLinkPacket(made_moment(subject="mien-0")))
    # PyLiveLinkFace: '<I' of 6, a UUID that begins with '$', '!i' of the name's length, the name.
    assert datagram[:5] == struct.pack("<I", 6) + b"$"
    assert len(DEVICE) == 36
    assert datagram[5:41] == DEVICE.encode()
    assert datagram[41:51] == struct.pack("!i", 6) + b"mien-0"
    assert len(datagram) == 51 + 16 + 1 + 61 * 4


RATES = st.sampled_from([Fraction(60), Fraction(30), Fraction(25), Fraction(30000, 1001), Fraction(1, 60)])


@given(moments(), RATES)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_a_receiver_reads_what_was_sent(moment: Moment, rate: Fraction) -> None:
    packet = live_link_packet(encode_live_link(LiveLinkPacket(moment, rate)))
    assert (packet.device, packet.subject) == (DEVICE, moment.subject)
    assert packet.rate == (rate.numerator, rate.denominator)
    assert 0 <= packet.subframe < 1
    seconds = (packet.frame + packet.subframe) * rate.denominator / rate.numerator
    assert seconds == pytest.approx(moment.time, abs=1e-6 / float(rate) + 1e-9)
    np.testing.assert_array_equal(np.array(packet.values[:52]), moment.state.expression.weights)
    head = np.float32(angles_from_rotation(moment.state.pose.rotation)[[1, 0, 2]])
    np.testing.assert_array_equal(np.array(packet.values[52:55]), head)
    for place, eye in zip((55, 58), moment.state.gaze.rotation, strict=True):
        angles = np.float32(angles_from_rotation(eye)[[1, 0, 2]])
        np.testing.assert_array_equal(np.array(packet.values[place : place + 3]), angles)


def test_signs_are_those_of_real_recordings() -> None:
    """In two takes of the app yaw grows as the eyes turn to the subject's right, pitch as they look down."""
    right_and_down = np.stack([rotation_from_angles(0.2, 0.3, 0)] * 2)
    values = live_link_packet(encode_live_link(LiveLinkPacket(made_moment(eyes=right_and_down)))).values
    assert values[55] == values[58] == np.float32(0.3)
    assert values[56] == values[59] == np.float32(0.2)


def test_an_eye_without_torsion_rolls_as_in_real_recordings() -> None:
    """There roll is yaw times pitch: what Rx(pitch) Ry(yaw) gives, taken apart as Rz Ry Rx."""
    pitch, yaw = 0.3, -0.5
    eye = rotation_from_angles(pitch, 0, 0) @ rotation_from_angles(0, yaw, 0)
    values = live_link_packet(encode_live_link(LiveLinkPacket(made_moment(eyes=np.stack([eye] * 2))))).values
    assert values[57] == pytest.approx(values[55] * values[56], rel=0.1)


@given(moments(), RATES)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_what_is_sent_is_read(moment: Moment, rate: Fraction) -> None:
    read = decode_live_link(encode_live_link(LiveLinkPacket(moment, rate, "DEADC0DE")))
    assert (read.rate, read.device, read.moment.subject) == (rate, "DEADC0DE", moment.subject)
    assert read.moment.time == pytest.approx(moment.time, abs=1e-6 / float(rate) + 1e-9)
    np.testing.assert_array_equal(read.moment.state.expression.weights, moment.state.expression.weights)
    np.testing.assert_allclose(read.moment.state.pose.rotation, moment.state.pose.rotation, atol=1e-6)
    np.testing.assert_allclose(read.moment.state.gaze.rotation, moment.state.gaze.rotation, atol=1e-6)


@pytest.mark.parametrize("time", [1 - 1e-12, 59.999999999, 0.1 + 0.2, 1e6 / 3])
def test_a_part_of_a_frame_never_becomes_a_whole_one(time: float) -> None:
    packet = live_link_packet(encode_live_link(LiveLinkPacket(made_moment(time=time), Fraction(1))))
    assert 0 <= packet.subframe < 1
    assert packet.frame + packet.subframe == pytest.approx(time, abs=1e-7)


def test_names_that_do_not_fit_are_refused() -> None:
    encode_live_link(LiveLinkPacket(made_moment(subject="é" * 127)))
    with pytest.raises(ValueError, match="a name of 256 bytes"):
        encode_live_link(LiveLinkPacket(made_moment(subject="é" * 128)))
    with pytest.raises(ValueError, match="does not fit a packet"):
        encode_live_link(LiveLinkPacket(made_moment(time=1e9)))
    with pytest.raises(ValueError, match="does not fit a packet"):
        encode_live_link(LiveLinkPacket(made_moment(), Fraction(2**31)))


# --- refusals ---------------------------------------------------------------------------------------------------------

WHOLE = encode_live_link(LiveLinkPacket(made_moment(jawOpen=0.5), Fraction(25)))
TAIL = len(WHOLE) - 4 * 61 - 17


def changed(place: int, data: bytes) -> bytes:
    return WHOLE[:place] + data + WHOLE[place + len(data) :]


def valued(name: str, value: float) -> bytes:
    return changed(TAIL + 17 + 4 * CHANNELS.index(name), struct.pack(">f", value))


@pytest.mark.parametrize(
    ("datagram", "cause"),
    [
        (b"", "nothing in it"),
        (b"\x05" + WHOLE[1:], "version 5; only version 6 is known"),
        (WHOLE[:3], "ends before its names do"),
        (WHOLE[:43], "ends before its names do"),
        (changed(1, struct.pack(">i", -1)), "a name of -1 bytes"),
        (changed(1, struct.pack(">i", 2**31 - 1)), "a name of 2147483647 bytes"),
        (changed(41, struct.pack(">i", 7)), "bytes after the names"),
        (changed(45, b"\xff\xfe"), "a name is no UTF-8"),
        (WHOLE[:TAIL], "0 bytes after the names, not the 261 of a face"),
        (WHOLE[:-1], "260 bytes after the names"),
        (WHOLE + b"\0", "262 bytes after the names"),
        (changed(TAIL + 16, b"\x3c"), "60 values, not 61"),
        (changed(TAIL + 8, struct.pack(">i", 0)), "at 0/1 frames a second"),
        (changed(TAIL + 12, struct.pack(">i", -1)), "at 25/-1 frames a second"),
        (changed(TAIL + 4, struct.pack(">f", np.nan)), "frame 0 + nan"),
        (changed(TAIL + 4, struct.pack(">f", 3.0)), "frame 0 + 3.0"),
        (valued("JawOpen", np.nan), "jawOpen is nan"),
        (valued("TongueOut", -1.0), "tongueOut is -1, outside"),
        (valued("HeadYaw", np.inf), "an angle is not finite"),
        (valued("RightEyeRoll", 90.0), "more than a whole turn"),
    ],
)
def test_what_is_no_packet_is_refused(datagram: bytes, cause: str) -> None:
    with pytest.raises(InputError, match="Live Link datagram: E_FORMAT: ") as caught:
        decode_live_link(datagram)
    assert cause in str(caught.value)


@given(st.data())
@settings(derandomize=True, deadline=None, max_examples=300)
def test_damage_is_refused_or_harmless_and_never_a_crash(data: st.DataObject) -> None:
    harm = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        harm[data.draw(st.integers(0, len(harm) - 1))] = data.draw(st.integers(0, 255))
    with suppress(InputError):
        decode_live_link(bytes(harm[: data.draw(st.integers(0, len(harm)))]))


@given(st.binary(max_size=400))
@settings(derandomize=True, deadline=None)
def test_any_bytes_are_refused(data: bytes) -> None:
    for datagram in (data, b"\x06" + data):
        with pytest.raises(InputError):
            decode_live_link(datagram)
