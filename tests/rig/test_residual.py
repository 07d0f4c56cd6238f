"""What a field adds is told in the plane of the head, and irises stay with the gaze."""

import numpy as np
import pytest
from hypothesis import given
from made_fits import CHECKED, MIDDLE, SCALE, SEEDS, face, person, turned

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import LANDMARKS
from mien.core.field import COLUMNS, ROWS, MotionField
from mien.core.geometry import Similarity
from mien.core.points import IRISES_LEFT, IRISES_RIGHT
from mien.rig.compact import compact_model
from mien.rig.motion import FaceMotion, face_motion
from mien.rig.residual import EYES_APART, in_head, mended

CALM = np.zeros(len(ARKIT))


def motion(points: Array, head: Similarity) -> FaceMotion:
    asked = CALM.copy()
    asked[ARKIT.index("jawOpen")] = 0.5
    return face_motion(compact_model(), points, head, CALM, asked)


def posed(seed: int) -> tuple[Array, Similarity]:
    rng = np.random.default_rng(seed)
    rotation = turned(rng)
    return face(person(rng), CALM, rotation), Similarity(SCALE, rotation, MIDDLE)


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
    after = mended(before, head, MotionField(np.zeros((2, ROWS, COLUMNS))), np.zeros((LANDMARKS, 2)))
    np.testing.assert_array_equal(after.target, before.target)


@pytest.mark.parametrize("of_skin", [False, True])
def test_a_plain_shift_goes_along_the_head_s_axes_and_leaves_irises(of_skin: bool) -> None:
    points, head = posed(2)
    before = motion(points, head)
    shift, further = np.zeros((2, ROWS, COLUMNS)), np.zeros((LANDMARKS, 2))
    if of_skin:
        further[:, 1] = 0.1
    else:
        shift[1] = 0.1
    after = mended(before, head, MotionField(shift), further)
    irises = [*IRISES_LEFT, *IRISES_RIGHT]
    np.testing.assert_array_equal(after.target[irises], before.target[irises])
    skin = np.setdiff1d(np.arange(478), irises)
    expected = SCALE * EYES_APART * 0.1 * head.rotation[:2, 1]
    np.testing.assert_allclose((after.target - before.target)[skin], np.tile(expected, (len(skin), 1)), atol=1e-9)
