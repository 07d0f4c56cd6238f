"""Where the rig says that points go: what is asked is what moves, the same on either side."""

import numpy as np
import pytest
from compact_face import flipped, one
from hypothesis import given
from hypothesis import strategies as st
from made_fits import CHECKED, MIDDLE, SCALE, SEEDS, expression, face, person, turned

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import Similarity
from mien.core.points import (
    CHIN,
    IRISES_LEFT,
    IRISES_RIGHT,
    LOWER_INNER_LIP,
    LOWER_LIDS,
    LOWER_LIP,
    UPPER_INNER_LIP,
    UPPER_LIDS,
    UPPER_LIP,
)
from mien.rig.compact import compact_model
from mien.rig.motion import FaceMotion, face_motion

CALM = np.zeros(len(ARKIT))
UPPER, LOWER = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)
LIPS = [*UPPER, *LOWER]
SIDES = ("Left", "Right")


def head(rotation: Array | None = None) -> Similarity:
    return Similarity(SCALE, np.eye(3) if rotation is None else rotation, MIDDLE)


def calm(closed: bool = False) -> Array:
    """[478, 3] the mean face from the front; `closed`, with lips that meet."""
    points = face(np.zeros(len(compact_model().identities)), CALM, np.eye(3))
    if closed:
        points[UPPER] = points[LOWER] = (points[UPPER] + points[LOWER]) / 2
    return points


def moved(wanted: Array, points: Array | None = None, now: Array = CALM) -> FaceMotion:
    return face_motion(compact_model(), calm() if points is None else points, head(), now, wanted)


def opening(flat: Array, side: int) -> float:
    """Pixels between the lids, in the middle; below 0 where they cross."""
    return float((flat[list(LOWER_LIDS[side])] - flat[list(UPPER_LIDS[side])])[2:-2, 1].mean())


# --- all of it --------------------------------------------------------------------------------------------------------


@CHECKED
@given(SEEDS)
def test_without_a_change_every_point_stays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, rotation = expression(rng), turned(rng)
    points = face(person(rng), weights, rotation)
    motion = face_motion(compact_model(), points, head(rotation), weights, weights)
    assert not motion.looks.any()
    np.testing.assert_allclose(motion.target, motion.points[:, :2], atol=1e-9)
    rest = np.setdiff1d(np.arange(478), LIPS)
    np.testing.assert_array_equal(motion.points[rest], points[rest])
    assert motion.parted[0] == pytest.approx(motion.parted[1], abs=0.02)


@CHECKED
@given(SEEDS)
def test_the_mirror_image_moves_like_its_mirror_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape, now, wanted = person(rng), expression(rng), expression(rng, 6)
    rotation = turned(rng)
    points = face(shape, now, rotation, middle=np.zeros(3))
    mirror = np.diag([-1.0, 1, 1])
    straight = face_motion(compact_model(), points, Similarity(SCALE, rotation, np.zeros(3)), now, wanted)
    twin = Similarity(SCALE, mirror @ rotation @ mirror, np.zeros(3))
    other = face_motion(compact_model(), flipped(points), twin, now[ARKIT.mirror], wanted[ARKIT.mirror])
    flat = np.column_stack([straight.target, np.zeros(478)])
    np.testing.assert_allclose(other.target, flipped(flat)[:, :2], atol=1e-3)
    np.testing.assert_allclose(other.points, flipped(straight.points), atol=1e-3)
    np.testing.assert_allclose(other.looks, straight.looks[::-1] * [-1, 1], atol=1e-6)
    np.testing.assert_allclose(other.parted, straight.parted, atol=1e-6)


@CHECKED
@given(SEEDS)
def test_the_same_face_elsewhere_and_larger_moves_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape, now, wanted = person(rng), expression(rng), expression(rng)
    small = face(shape, now, np.eye(3))
    large = 3 * (small - MIDDLE) + 50
    one_motion = face_motion(compact_model(), small, head(), now, wanted)
    other = face_motion(compact_model(), large, Similarity(3 * SCALE, np.eye(3), np.full(3, 50.0)), now, wanted)
    np.testing.assert_allclose(other.target, 3 * (one_motion.target - MIDDLE[:2]) + 50, atol=1e-6)
    np.testing.assert_allclose(other.parted, one_motion.parted, atol=1e-9)


@CHECKED
@given(SEEDS)
def test_inputs_stay_and_runs_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, now, wanted = calm(), expression(rng), expression(rng)
    before = [each.copy() for each in (points, now, wanted)]
    first, second = (moved(wanted, points, now) for _ in range(2))
    np.testing.assert_array_equal(first.target, second.target)
    for each, kept in zip((points, now, wanted), before, strict=True):
        np.testing.assert_array_equal(each, kept)


# --- lids -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [0, 1], ids=SIDES)
@CHECKED
@given(SEEDS)
def test_a_full_blink_makes_the_lids_meet(side: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rotation = turned(rng)
    points = face(person(rng), CALM, rotation)
    motion = face_motion(compact_model(), points, head(rotation), CALM, one(f"eyeBlink{SIDES[side]}"))
    upper, lower = motion.target[list(UPPER_LIDS[side])], motion.target[list(LOWER_LIDS[side])]
    np.testing.assert_allclose(upper, lower, atol=1e-9)
    other = [*UPPER_LIDS[1 - side], *LOWER_LIDS[1 - side]]
    assert np.abs(motion.target[other] - points[other, :2]).max() < 0.03 * 95


@CHECKED
@given(st.floats(0, 1), st.floats(0, 1))
def test_more_blink_never_opens(weight: float, more: float) -> None:
    less, most = sorted((weight, more))
    one_eye, other = (moved(one("eyeBlinkLeft", each)).target for each in (less, most))
    assert opening(other, 0) <= opening(one_eye, 0) + 1e-9
    assert opening(one_eye, 0) <= opening(calm()[:, :2], 0) + 1e-9


@CHECKED
@given(st.floats(0.2, 1), st.floats(0, 1))
def test_less_blink_opens(now: float, share: float) -> None:
    weights = one("eyeBlinkLeft", now) + one("eyeBlinkRight", now)
    points = face(np.zeros(len(compact_model().identities)), weights, np.eye(3))
    wanted = weights * share
    target = moved(wanted, points, weights).target
    for side in (0, 1):
        assert opening(target, side) >= opening(points[:, :2], side) - 1e-9


def test_the_upper_lid_goes_most_of_the_way() -> None:
    motion = moved(one("eyeBlinkLeft"))
    upper, lower = UPPER_LIDS[0][4], LOWER_LIDS[0][4]
    down = motion.target[upper, 1] - calm()[upper, 1]
    up = calm()[lower, 1] - motion.target[lower, 1]
    assert down > 3 * up > 0


# --- lips -------------------------------------------------------------------------------------------------------------


@CHECKED
@given(st.floats(0.05, 0.9))
def test_closed_lips_stay_closed_in_a_smile(weight: float) -> None:
    motion = moved(one("mouthSmileLeft", weight) + one("mouthSmileRight", weight), calm(closed=True))
    np.testing.assert_allclose(motion.target[UPPER], motion.target[LOWER], atol=1e-9)
    assert motion.parted == (0.0, 0.0)
    corners = motion.target[[UPPER[0], UPPER[-1]]] - calm()[[UPPER[0], UPPER[-1]], :2]
    assert corners[0, 0] < 0 < corners[1, 0], "they go apart"
    assert (corners[:, 1] < 0).all(), "and up"


@CHECKED
@given(st.floats(0.2, 1), st.floats(0, 0.034))
def test_an_open_jaw_parts_closed_lips_from_one_line(weight: float, apart: float) -> None:
    points = calm(closed=True)
    points[LOWER[1:-1], 1] += apart * 95
    motion = moved(one("jawOpen", weight), points)
    np.testing.assert_array_equal(motion.points[UPPER], motion.points[LOWER])
    assert motion.parted[0] == 0
    assert motion.parted[1] > 0.02
    middle = motion.target[LOWER] - motion.target[UPPER]
    assert middle[5, 1] > 0
    assert (middle[:, 1] >= -1e-9).all(), "no lip goes through the other"
    assert motion.parted[1] == pytest.approx(middle[:, 1].max() / 95, rel=0.1)


def rows(motion: FaceMotion, points: Array) -> tuple[list[float], list[float]]:
    """How far the rows of the upper lip and of the lower one went down in the middle, from the inner to the outer."""
    went = motion.target - points[:, :2]
    upper, lower = ([float(went[row[5], 1]) for row in lip] for lip in (UPPER_LIP, LOWER_LIP))
    return upper, lower


def test_lips_that_were_closed_part_further_than_those_that_were_open() -> None:
    """By about three hundredths of the eyes' distance, most of it at their inner borders, and chins stay out of it."""
    shut, ajar = calm(closed=True), calm(closed=True)
    ajar[LOWER[1:-1], 1] += 0.06 * 95
    further, plain = (moved(one("jawOpen", 0.3), points) for points in (shut, ajar))
    assert further.parted[1] - (plain.parted[1] - plain.parted[0]) == pytest.approx(0.03, abs=0.005)
    more = [
        [(a - b) / 95 for a, b in zip(one_lip, other, strict=True)]
        for one_lip, other in zip(rows(further, shut), rows(plain, ajar), strict=True)
    ]
    assert more[0][0] < more[0][1] < more[0][3] < 0 < more[1][3] < more[1][1] < more[1][0]
    np.testing.assert_allclose((further.target - shut[:, :2])[CHIN], (plain.target - ajar[:, :2])[CHIN], atol=1e-6)


@CHECKED
@given(st.floats(0, 1), st.floats(0, 1))
def test_more_jaw_parts_lips_more(weight: float, more: float) -> None:
    less, wider = (moved(one("jawOpen", value), calm(closed=True)).parted[1] for value in (weight, max(weight, more)))
    assert wider >= less - 1e-9


@CHECKED
@given(st.floats(0, 0.08))
def test_lips_that_nobody_asks_to_part_stay(apart: float) -> None:
    points = calm(closed=True)
    points[LOWER[1:-1], 1] += apart * 95
    motion = moved(one("browInnerUp", 0.5), points)
    assert motion.parted[1] == pytest.approx(motion.parted[0], abs=0.005)


@CHECKED
@given(SEEDS)
def test_lips_never_cross(seed: int) -> None:
    rng = np.random.default_rng(seed)
    now = expression(rng)
    points = face(person(rng), now, np.eye(3))
    motion = moved(expression(rng, 8), points, now)
    assert ((motion.target[LOWER] - motion.target[UPPER])[:, 1] > -1e-6).all()
    assert min(motion.parted) >= 0


def test_an_open_mouth_can_be_shut() -> None:
    points = face(np.zeros(len(compact_model().identities)), one("jawOpen", 0.5), np.eye(3))
    motion = moved(CALM, points, one("jawOpen", 0.5))
    assert 0.1 < motion.parted[0] < 1
    assert motion.parted[1] < 0.5 * motion.parted[0]


@pytest.mark.parametrize("unexplained", [0.0, 0.08])
def test_no_opening_is_left_that_no_weight_explains(unexplained: float) -> None:
    now = one("jawOpen", 0.4) + one("mouthUpperUpLeft", 0.5) + one("mouthUpperUpRight", 0.5)
    points = face(np.zeros(len(compact_model().identities)), now, np.eye(3))
    points[LOWER[1:-1], 1] += unexplained * 95
    motion = moved(CALM, points, now)
    assert motion.parted[0] > 0.15 + unexplained / 2
    assert motion.parted[1] < 0.035, "lips meet"


@CHECKED
@given(st.floats(0.2, 0.9), st.floats(0, 1))
def test_lips_that_shut_never_part_further(weight: float, share: float) -> None:
    now = one("jawOpen", weight)
    points = face(np.zeros(len(compact_model().identities)), now, np.eye(3))
    motion = moved(now * share, points, now)
    assert motion.parted[1] <= motion.parted[0] + 0.01


def test_a_lip_shuts_as_a_whole() -> None:
    """Its outer border follows the inner one, less far; the upper lip goes the shorter way."""
    now = one("mouthUpperUpLeft", 0.6) + one("mouthUpperUpRight", 0.6) + one("jawOpen", 0.3)
    points = face(np.zeros(len(compact_model().identities)), now, np.eye(3))
    far = points.copy()
    for row in (UPPER_LIP, LOWER_LIP):
        far[list(row[0])[1:-1], 1] += 0.05 * 95 * (1 if row is LOWER_LIP else -1)
    plain, further = (moved(CALM, each, now).target - each[:, :2] for each in (points, far))
    more = (further - plain)[:, 1]
    upper, lower = ([more[row[5]] for row in lip] for lip in (UPPER_LIP, LOWER_LIP))
    assert upper[0] > upper[1] > upper[2] > upper[3] > 0
    assert lower[0] < lower[1] < lower[2] < lower[3] < 0
    assert upper[3] < -lower[3]


def test_what_does_not_shut_leaves_lips_where_the_rig_has_them() -> None:
    points = face(np.zeros(len(compact_model().identities)), one("jawOpen", 0.4), np.eye(3))
    points[LOWER[1:-1], 1] += 0.08 * 95
    now = one("jawOpen", 0.4)
    motion = moved(now + one("browDownLeft", 0.5), points, now)
    assert motion.parted[1] == pytest.approx(motion.parted[0], abs=0.01)


# --- gaze -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "eye", "way"),
    [
        ("eyeLookOutLeft", 0, (1, 0)),
        ("eyeLookInLeft", 0, (-1, 0)),
        ("eyeLookOutRight", 1, (-1, 0)),
        ("eyeLookInRight", 1, (1, 0)),
        ("eyeLookUpLeft", 0, (0, -1)),
        ("eyeLookDownLeft", 0, (0, 1)),
        ("eyeLookUpRight", 1, (0, -1)),
        ("eyeLookDownRight", 1, (0, 1)),
    ],
)
def test_an_iris_goes_where_its_eye_looks(column: str, eye: int, way: tuple[int, int]) -> None:
    """The subject's left is at the picture's right; half a look is 15 degrees of a ball of 12 mm."""
    motion = moved(one(column, 0.5))
    expected = SCALE * 0.012 * np.sin(np.deg2rad(15)) * np.array(way)
    np.testing.assert_allclose(motion.looks[eye], expected, atol=1e-6)
    assert not motion.looks[1 - eye].any()
    for iris, look in ((IRISES_LEFT, motion.looks[0]), (IRISES_RIGHT, motion.looks[1])):
        np.testing.assert_allclose(motion.target[list(iris)] - calm()[list(iris), :2], np.tile(look, (5, 1)), atol=1e-9)


@CHECKED
@given(SEEDS)
def test_irises_go_by_the_gaze_alone(seed: int) -> None:
    wanted = expression(np.random.default_rng(seed), 8)
    wanted[[k for k, column in enumerate(ARKIT.columns) if column.startswith("eyeLook")]] = 0
    motion = moved(wanted)
    for iris in (IRIS_LEFT, IRIS_RIGHT):
        np.testing.assert_allclose(motion.target[iris], calm()[iris, :2], atol=1e-12)
