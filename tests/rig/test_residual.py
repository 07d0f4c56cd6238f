"""A field moves nothing where it is 0, folds nothing, and is told in the head's own plane."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_fits import CHECKED, MIDDLE, SCALE, SEEDS, face, person, turned

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import Similarity
from mien.core.points import IRISES_LEFT, IRISES_RIGHT
from mien.rig.compact import compact_model
from mien.rig.motion import FaceMotion, face_motion
from mien.rig.residual import COLUMNS, EYES_APART, HIGH, LEFT, ROWS, TOP, WIDE, MotionField, in_head, mended

CALM = np.zeros(len(ARKIT))


def field(rng: np.random.Generator, steepest: float = 0.6) -> MotionField:
    """A rough field, as steep as given."""
    rough = MotionField(rng.normal(size=(2, ROWS, COLUMNS)))
    return MotionField(rough.grid * steepest / rough.steepest())


def places(rng: np.random.Generator, count: int = 200) -> Array:
    return np.asarray(rng.uniform([LEFT - 0.3, TOP - 0.3], [LEFT + WIDE + 0.3, TOP + HIGH + 0.3], (count, 2)))


def motion(points: Array, head: Similarity) -> FaceMotion:
    asked = CALM.copy()
    asked[ARKIT.index("jawOpen")] = 0.5
    return face_motion(compact_model(), points, head, CALM, asked)


def posed(seed: int) -> tuple[Array, Similarity]:
    rng = np.random.default_rng(seed)
    rotation = turned(rng)
    return face(person(rng), CALM, rotation), Similarity(SCALE, rotation, MIDDLE)


@CHECKED
@given(SEEDS, st.floats(0.0, 0.69))
def test_no_two_places_ever_meet(seed: int, steepest: float) -> None:
    rng = np.random.default_rng(seed)
    some, spots = field(rng, steepest), places(rng)
    near = spots + rng.normal(size=spots.shape) * 0.05
    apart = np.linalg.norm(spots - near, axis=1)
    moved = np.linalg.norm(some.at(spots) - some.at(near), axis=1)
    assert (moved < apart).all()


def test_a_field_says_its_own_numbers_at_its_corners_and_its_rim_beyond() -> None:
    some = field(np.random.default_rng(0))
    corners = np.array([[LEFT, TOP], [LEFT + WIDE, TOP + HIGH], [LEFT - 9, TOP - 9]])
    expected = some.grid[:, [0, -1, 0], [0, -1, 0]].T
    np.testing.assert_allclose(some.at(corners), expected, atol=1e-12)


@CHECKED
@given(SEEDS)
def test_the_head_s_plane_undoes_pose(seed: int) -> None:
    points, head = posed(seed)
    told = in_head(points, head)
    back = head.scale * EYES_APART * told @ head.rotation.T + head.translation
    np.testing.assert_allclose(back, points, atol=1e-9)


def test_an_empty_field_mends_nothing() -> None:
    points, head = posed(1)
    before = motion(points, head)
    after = mended(before, head, MotionField(np.zeros((2, ROWS, COLUMNS))))
    np.testing.assert_array_equal(after.target, before.target)


def test_a_plain_shift_goes_along_the_head_s_axes_and_leaves_irises() -> None:
    points, head = posed(2)
    before = motion(points, head)
    shift = np.zeros((2, ROWS, COLUMNS))
    shift[1] = 0.1
    after = mended(before, head, MotionField(shift))
    irises = [*IRISES_LEFT, *IRISES_RIGHT]
    np.testing.assert_array_equal(after.target[irises], before.target[irises])
    skin = np.setdiff1d(np.arange(478), irises)
    expected = SCALE * EYES_APART * 0.1 * head.rotation[:2, 1]
    np.testing.assert_allclose((after.target - before.target)[skin], np.tile(expected, (len(skin), 1)), atol=1e-9)


def test_a_field_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="grid"):
        MotionField(np.zeros((2, ROWS, COLUMNS + 1)))
