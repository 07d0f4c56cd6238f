import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_message_builder import build_msg
from receivers import any_rotations, float32, made_moment, moments, osc_messages

from mien.core.arrays import Array
from mien.core.basis import ARKIT, PERFECT_SYNC
from mien.core.errors import InputError
from mien.core.geometry import rotation_from_angles
from mien.formats.stream import Moment
from mien.formats.vmc import MOST_BYTES, decode_vmc, encode_vmc, encode_vmc_lost, quaternion, rotation_of

# --- what is sent -----------------------------------------------------------------------------------------------------


@given(moments())
@settings(derandomize=True, deadline=None, max_examples=30)
def test_a_frame_is_sent_in_the_protocol_s_order(moment: Moment) -> None:
    datagrams = encode_vmc(moment)
    sent = [message for datagram in datagrams for message in osc_messages(datagram)]
    assert [address for address, _ in sent] == (
        ["/VMC/Ext/OK", "/VMC/Ext/T", "/VMC/Ext/Root/Pos"]
        + ["/VMC/Ext/Bone/Pos"] * 3
        + ["/VMC/Ext/Blend/Val"] * 52
        + ["/VMC/Ext/Blend/Apply"]
    )
    values = [arguments for _, arguments in sent]
    assert values[0] == (1,)
    assert values[1] == (float32(moment.time),)
    assert values[2] == ("root", 0, 0, 0, 0, 0, 0, 1)
    assert [bone[0] for bone in values[3:6]] == ["Head", "LeftEye", "RightEye"]
    assert all(bone[1:4] == (0, 0, 0) for bone in values[3:6])
    weights = moment.state.expression.weights.tolist()
    assert values[6:58] == [("".join((n[0].upper(), n[1:])), w) for n, w in zip(ARKIT.columns, weights, strict=True)]
    assert values[58] == ()


def test_no_datagram_is_taken_apart_on_its_way() -> None:
    datagrams = encode_vmc(made_moment())
    assert 1 < len(datagrams) < 5
    assert all(len(datagram) <= MOST_BYTES <= 1452 for datagram in datagrams)


def test_names_are_spelled_as_asked() -> None:
    def names(moment: Moment, **options: object) -> list[object]:
        datagrams = encode_vmc(moment, **options)  # type: ignore[arg-type]
        sent = [message for datagram in datagrams for message in osc_messages(datagram)]
        return [values[0] for address, values in sent if address == "/VMC/Ext/Blend/Val"]

    assert names(made_moment()) == list(PERFECT_SYNC.columns)
    assert names(made_moment(), names=ARKIT) == list(ARKIT.columns)


def test_weights_beyond_1_are_sent_as_they_are() -> None:
    sent = [message for datagram in encode_vmc(made_moment(jawOpen=1.05)) for message in osc_messages(datagram)]
    assert ("/VMC/Ext/Blend/Val", ("JawOpen", float(np.float32(1.05)))) in sent


def test_a_lost_face_is_told_and_no_bone_is_sent() -> None:
    datagram = encode_vmc_lost(2.5)
    assert osc_messages(datagram) == [("/VMC/Ext/OK", (0,)), ("/VMC/Ext/T", (2.5,))]
    assert decode_vmc([datagram]) is None


# --- Unity's frame ----------------------------------------------------------------------------------------------------


def turned(numbers: tuple[float, ...], vector: Array) -> Array:
    """A quaternion x y z w on a vector, as Unity multiplies them: v + 2 u x (u x v + w v)."""
    axis, w = np.array(numbers[:3]), numbers[3]
    return np.asarray(vector + 2 * np.cross(axis, np.cross(axis, vector) + w * vector))


def multiplied(p: tuple[float, ...], q: tuple[float, ...]) -> Array:
    """Hamilton's product, x y z w."""
    a, b = np.array(p[:3]), np.array(q[:3])
    return np.append(p[3] * b + q[3] * a + np.cross(a, b), p[3] * q[3] - a @ b)


RIGHT, UP, FORWARD = np.eye(3)
"""Axes of a model in Unity: its own right, up, and where it looks."""


def test_a_nod_is_a_nod_and_a_turn_goes_to_the_same_side() -> None:
    down = turned(quaternion(rotation_from_angles(0.3, 0, 0)), FORWARD)
    np.testing.assert_allclose(down, np.cos(0.3) * FORWARD - np.sin(0.3) * UP, atol=1e-12)
    to_her_right = turned(quaternion(rotation_from_angles(0, 0.3, 0)), FORWARD)
    np.testing.assert_allclose(to_her_right, np.cos(0.3) * FORWARD + np.sin(0.3) * RIGHT, atol=1e-12)
    to_her_left_shoulder = turned(quaternion(rotation_from_angles(0, 0, 0.3)), UP)
    np.testing.assert_allclose(to_her_left_shoulder, np.cos(0.3) * UP - np.sin(0.3) * RIGHT, atol=1e-12)


@given(any_rotations, any_rotations)
@settings(derandomize=True, deadline=None)
def test_one_turn_after_another_is_their_product(first: Array, second: Array) -> None:
    together = np.array(quaternion(first @ second))
    product = multiplied(quaternion(first), quaternion(second))
    assert abs(abs(together @ product) - 1) < 1e-9  # q and -q are one rotation


@given(any_rotations)
@settings(derandomize=True, deadline=None)
def test_every_rotation_comes_back(rotation: Array) -> None:
    numbers = quaternion(rotation)
    assert numbers[3] >= 0
    np.testing.assert_allclose(rotation_of(numbers), rotation, atol=1e-12)
    for axis in np.eye(3):  # the model's axes are ours, turned round
        np.testing.assert_allclose(turned(numbers, axis), -(rotation @ -axis), atol=1e-12)


@pytest.mark.parametrize("axis", range(3))
def test_half_turns_are_no_exception(axis: int) -> None:
    rotation = -np.eye(3)
    rotation[axis, axis] = 1
    np.testing.assert_allclose(np.abs(quaternion(rotation)), np.eye(4)[axis], atol=1e-12)


# --- reading ----------------------------------------------------------------------------------------------------------


@given(moments(), st.sampled_from([ARKIT, PERFECT_SYNC]))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_what_is_sent_is_read(moment: Moment, names: type) -> None:
    read = decode_vmc(encode_vmc(moment, names))  # type: ignore[arg-type]
    assert read is not None
    assert read.time == np.float32(moment.time)
    np.testing.assert_array_equal(read.state.expression.weights, moment.state.expression.weights)
    np.testing.assert_allclose(read.state.pose.rotation, moment.state.pose.rotation, atol=1e-6)
    np.testing.assert_allclose(read.state.gaze.rotation, moment.state.gaze.rotation, atol=1e-6)


def test_order_and_bundling_are_the_sender_s_business() -> None:
    moment = made_moment(rotation_from_angles(0.1, 0.2, 0.3), time=4.0, mouthPucker=0.25)
    loose = [part for datagram in encode_vmc(moment) for part in elements(datagram)]
    assert all(part.startswith(b"/") for part in loose)
    strange = build_msg("/VMC/Ext/Setting/Win", [1, 0, 0, 0]).dgram
    other = build_msg("/avatar/parameters/x", [True, 2.5]).dgram
    read = decode_vmc([strange, *reversed(loose), other])
    assert read is not None
    assert read.state.expression["mouthPucker"] == 0.25
    np.testing.assert_allclose(read.state.pose.rotation, moment.state.pose.rotation, atol=1e-6)
    assert decode_vmc([bundle(bundle(*loose))]) is not None


def elements(datagram: bytes) -> list[bytes]:
    """The messages of a bundle, each as a datagram of its own."""
    index, found = 16, []
    while index < len(datagram):
        (size,) = struct.unpack_from(">i", datagram, index)
        found.append(datagram[index + 4 : index + 4 + size])
        index += 4 + size
    return found


def bundle(*parts: bytes) -> bytes:
    head = b"#bundle\0" + struct.pack(">Q", 1)
    return head + b"".join(struct.pack(">i", len(part)) + part for part in parts)


def message(address: str, *values: object) -> bytes:
    return build_msg(address, list(values)).dgram


WHOLE = encode_vmc(made_moment(jawOpen=0.5))
DEEP = message("/VMC/Ext/OK", 1)
for _ in range(400):
    DEEP = bundle(DEEP)


@pytest.mark.parametrize(
    ("datagrams", "cause"),
    [
        ([], "/VMC/Ext/OK is missing"),
        (WHOLE[1:], "/VMC/Ext/OK is missing"),
        (WHOLE[:-1], "/VMC/Ext/Blend/Apply is missing"),
        ((WHOLE[0], WHOLE[2]), " is missing, or no number"),
        ([bundle(message("/VMC/Ext/OK", 1))], "/VMC/Ext/T is missing"),
        ([message("/VMC/Ext/OK", 1), message("/VMC/Ext/T", float("nan"))], "/VMC/Ext/T is missing or not finite"),
        ([*WHOLE, message("/VMC/Ext/Blend/Val", "JawOpen", 9.0)], "jawOpen is 9, outside"),
        ([*WHOLE, message("/VMC/Ext/Blend/Val", "JawOpen", float("inf"))], "jawOpen is inf, outside"),
        ([*WHOLE, message("/VMC/Ext/Blend/Val", "JawOpen")], "not of the types sf"),
        ([*WHOLE, message("/VMC/Ext/Blend/Val", 0.5, "JawOpen")], "not of the types sf"),
        ([*WHOLE, message("/VMC/Ext/Bone/Pos", "Head", *[0.0] * 7)], "a quaternion of length 0"),
        ([*WHOLE, message("/VMC/Ext/Bone/Pos", "Head", *[float("nan")] * 7)], "a quaternion of length nan"),
        ([*WHOLE, message("/VMC/Ext/OK", 1.0)], "not of the types i"),
        ([*WHOLE, message("/VMC/Ext/OK", True)], "an argument of type 'T'"),
        ([b""], "no OSC message"),
        ([b"/VMC"], "no OSC message"),
        ([b"#bundle\0"], "ends within its head"),
        ([bundle() + b"\0\0"], "ends within a size"),
        ([bundle() + struct.pack(">i", -4)], "an element of -4 bytes"),
        ([bundle() + struct.pack(">i", 0)], "an element of 0 bytes"),
        ([bundle() + struct.pack(">i", 2**31 - 1)], "an element of 2147483647 bytes"),
        ([bundle(message("/VMC/Ext/T", 1.0)[:-4])], "/VMC/Ext/T does not end where it says"),
        ([message("/VMC/Ext/T", 1.0) + b"\0\0\0\0"], "/VMC/Ext/T does not end where it says"),
        ([b"/VMC/Ext/T\0\0f\0\0\0\0\0\0\0"], "/VMC/Ext/T does not end where it says"),
        ([b"/VMC/Ext/\xff\0\0,\0\0\0"], "no OSC message"),
        ([DEEP], "bundles within bundles"),
    ],
)
def test_what_is_no_frame_is_refused(datagrams: list[bytes], cause: str) -> None:
    with pytest.raises(InputError, match="VMC datagram: E_FORMAT: ") as caught:
        decode_vmc(datagrams)
    assert cause in str(caught.value)


@given(st.data())
@settings(derandomize=True, deadline=None, max_examples=200)
def test_damage_is_refused_or_harmless_and_never_a_crash(data: st.DataObject) -> None:
    datagrams = list(WHOLE)
    place = data.draw(st.integers(0, len(datagrams) - 1))
    harm = bytearray(datagrams[place])
    for _ in range(data.draw(st.integers(1, 4))):
        harm[data.draw(st.integers(0, len(harm) - 1))] = data.draw(st.integers(0, 255))
    datagrams[place] = bytes(harm[: data.draw(st.integers(0, len(harm)))])
    with suppress(InputError):
        decode_vmc(datagrams)


@given(st.binary(max_size=80))
@settings(derandomize=True, deadline=None)
def test_any_bytes_are_refused(data: bytes) -> None:
    for datagram in (data, b"#bundle\0" + data, b"/VMC/Ext/OK\0" + data):
        with pytest.raises(InputError):
            decode_vmc([datagram, *WHOLE[:1]])  # even if a word of it is understood, the frame is not whole
