from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from receivers import ifacialmocap_line, made_moment, moments

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.geometry import rotation_from_angles
from mien.formats.ifacialmocap import NAMES, decode_ifacialmocap, encode_ifacialmocap
from mien.formats.stream import Moment

# --- what is sent -----------------------------------------------------------------------------------------------------


def test_names_are_the_app_s() -> None:
    assert len(set(NAMES)) == 52
    named = dict(zip(ARKIT.columns, NAMES, strict=True))
    known = {
        "eyeBlinkLeft": "eyeBlink_L", "mouthSmileRight": "mouthSmile_R", "browInnerUp": "browInnerUp",
        "browOuterUpLeft": "browOuterUp_L", "cheekSquintRight": "cheekSquint_R", "jawLeft": "jawLeft",
        "jawRight": "jawRight", "mouthLeft": "mouthLeft", "mouthRight": "mouthRight", "tongueOut": "tongueOut",
    }  # fmt: skip
    assert {column: named[column] for column in known} == known
    assert sum(name.endswith("_L") for name in NAMES) == sum(name.endswith("_R") for name in NAMES) == 18


@given(moments(least=0.0, most=1.0))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_a_receiver_reads_what_was_sent(moment: Moment) -> None:
    datagram, clipped = encode_ifacialmocap(moment)
    assert clipped == 0
    assert len(datagram) < 1452
    assert b"e-" not in datagram.split(b"=")[1]
    line = ifacialmocap_line(datagram)
    expected = np.rint(100 * moment.state.expression.weights).tolist()
    assert [line.values[name] for name in NAMES] == expected
    assert {name: len(numbers) for name, numbers in line.parts.items()} == {"head": 6, "rightEye": 3, "leftEye": 3}
    x, y, z = moment.state.pose.translation
    assert line.parts["head"][3:] == pytest.approx([x, -y, -z], abs=1e-6)


def test_what_cannot_be_said_is_clipped_and_counted() -> None:
    datagram, clipped = encode_ifacialmocap(made_moment(jawOpen=1.05, browInnerUp=-0.1, cheekPuff=1.0, jawLeft=0.0))
    values = ifacialmocap_line(datagram).values
    assert clipped == 2
    assert (values["jawOpen"], values["browInnerUp"], values["cheekPuff"], values["jawLeft"]) == (100, 0, 100, 0)


def angles(part: str, moment: Moment) -> list[float]:
    return ifacialmocap_line(encode_ifacialmocap(moment)[0]).parts[part][:3]


def test_signs_follow_the_app_s_own_sample() -> None:
    """Its eyes look down with a positive rx; both look at the nose, the right one with a positive ry."""
    left = rotation_from_angles(0.1, np.deg2rad(1.7), 0)
    right = rotation_from_angles(0.1, np.deg2rad(-2.4), 0)
    moment = made_moment(eyes=np.stack([left, right]))
    assert angles("rightEye", moment)[1] == pytest.approx(2.4, abs=0.05)
    assert angles("leftEye", moment)[1] == pytest.approx(-1.7, abs=0.05)
    assert angles("rightEye", moment)[0] == pytest.approx(np.rad2deg(0.1), abs=0.05)
    assert angles("head", made_moment(rotation_from_angles(0.2, 0, 0))) == pytest.approx([np.rad2deg(0.2), 0, 0])
    assert angles("head", made_moment(rotation_from_angles(0, 0, 0.2))) == pytest.approx([0, 0, -np.rad2deg(0.2)])


def unity(degrees: list[float]) -> Array:
    """Quaternion.Euler as a matrix: turns about z, then x, then y."""
    x, y, z = np.deg2rad(degrees)
    turn_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    turn_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    turn_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return np.asarray(turn_y @ turn_x @ turn_z)


@given(moments())
@settings(derandomize=True, deadline=None, max_examples=50)
def test_unity_s_composition_of_the_angles_gives_the_head_in_arkit_s_axes(moment: Moment) -> None:
    flip = np.diag([1.0, -1.0, -1.0])
    np.testing.assert_allclose(unity(angles("head", moment)), flip @ moment.state.pose.rotation @ flip, atol=1e-6)


# --- reading ----------------------------------------------------------------------------------------------------------


@given(moments())
@settings(derandomize=True, deadline=None, max_examples=50)
def test_what_is_sent_is_read(moment: Moment) -> None:
    read = decode_ifacialmocap(encode_ifacialmocap(moment)[0], moment.time)
    assert read.time == moment.time
    weights = np.clip(moment.state.expression.weights, 0, 1)
    np.testing.assert_allclose(read.state.expression.weights, weights, atol=0.005 + 1e-6)
    np.testing.assert_allclose(read.state.pose.rotation, moment.state.pose.rotation, atol=1e-6)
    np.testing.assert_allclose(read.state.gaze.rotation, moment.state.gaze.rotation, atol=1e-6)
    np.testing.assert_allclose(read.state.pose.translation, moment.state.pose.translation, atol=1e-6)


SHAPES = "".join(f"{name}-{k}|" for k, name in enumerate(NAMES))
TURNS = "head#1,2,3,0.1,0.2,-0.6|leftEye#4,5,6|rightEye#7,8,9|"


def test_order_and_further_names_are_the_sender_s_business() -> None:
    read = decode_ifacialmocap(f"trackingStatus-1|{SHAPES}={TURNS}more#1|".encode())
    np.testing.assert_allclose(read.state.expression.weights, np.arange(52) / 100, atol=1e-7)
    np.testing.assert_allclose(read.state.pose.translation, [0.1, -0.2, 0.6])


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("", "no line of values and rotations"),
        (SHAPES, "no line of values and rotations"),
        (f"{SHAPES}={TURNS}=", "no line of values and rotations"),
        (f"é{SHAPES}={TURNS}", "no line of values and rotations"),
        (f"{SHAPES}={TURNS[:-1]}", "the line ends early"),
        (f"{SHAPES[:-1]}={TURNS}", "the line ends early"),
        (f"|={TURNS}", "'' is no name with a value"),
        (f"{SHAPES}jawOpen--5|={TURNS}", "'jawOpen--5' is no name with a value of 0 to 100"),
        (f"{SHAPES}jawOpen-101|={TURNS}", "'jawOpen-101' is no name"),
        (f"{SHAPES}jawOpen-9999|={TURNS}", "'jawOpen-9999' is no name"),
        (f"{SHAPES}jawOpen-1.5|={TURNS}", "'jawOpen-1.5' is no name"),
        (f"{SHAPES.replace('jawOpen-', 'jawopen-')}={TURNS}", "jawOpen is missing"),
        (f"{SHAPES}={TURNS.replace('leftEye', 'left')}", "leftEye needs 3 numbers"),
        (f"{SHAPES}={TURNS.replace('0.1,', '')}", "head needs 6 numbers"),
        (f"{SHAPES}={TURNS.replace('0.1', 'nan')}", "head needs 6 numbers"),
        (f"{SHAPES}={TURNS.replace('0.1', 'x')}", "holds no numbers"),
        (f"{SHAPES}={TURNS.replace('#1,', '#361,')}", "more than a whole turn"),
        (SHAPES * 40 + "=" + TURNS, " bytes"),
    ],
)
def test_what_is_no_line_is_refused(line: str, cause: str) -> None:
    with pytest.raises(InputError, match="iFacialMocap datagram: E_FORMAT: ") as caught:
        decode_ifacialmocap(line.encode())
    assert cause in str(caught.value)


@given(st.data())
@settings(derandomize=True, deadline=None, max_examples=300)
def test_damage_is_refused_or_harmless_and_never_a_crash(data: st.DataObject) -> None:
    harm = bytearray(f"{SHAPES}={TURNS}".encode())
    for _ in range(data.draw(st.integers(1, 4))):
        harm[data.draw(st.integers(0, len(harm) - 1))] = data.draw(st.integers(0, 255))
    with suppress(InputError):
        decode_ifacialmocap(bytes(harm[: data.draw(st.integers(0, len(harm)))]))


@given(st.binary(max_size=200))
@settings(derandomize=True, deadline=None)
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        decode_ifacialmocap(data)
