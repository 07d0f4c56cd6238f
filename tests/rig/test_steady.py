"""Brows that are asked for move brows, and neither the eyes nor anything below."""

import numpy as np
import pytest

from mien.core.basis import ARKIT
from mien.core.geometry import Similarity, rotation_from_angles
from mien.core.points import EYE_LEFT, EYE_RIGHT, FACE_OVAL, LOWER_LIDS
from mien.rig.compact import MOVED, compact_model
from mien.rig.motion import face_motion
from mien.rig.steady import steadied

BROWS = [k for k, column in enumerate(MOVED) if column.startswith("brow")]
BROW = (105, 66, 63, 334, 296, 293)
CORNERS = (33, 133, 362, 263)
EYES_APART = 0.063


def offsets() -> tuple[np.ndarray, np.ndarray]:
    model = compact_model()
    return model.expressions.astype(np.float64) / EYES_APART, steadied(model) / EYES_APART


def test_only_brows_are_changed() -> None:
    before, after = offsets()
    others = np.setdiff1d(np.arange(len(MOVED)), BROWS)
    np.testing.assert_array_equal(after[others], before[others])
    assert all(np.abs(after[k] - before[k]).max() > 0.005 for k in BROWS)


def test_eyes_nose_and_mouth_stay() -> None:
    before, after = offsets()
    still = [*CORNERS, *(k for lid in LOWER_LIDS for k in lid), 1, 4, 13, 14, 61, 291, 152]
    assert np.abs(after[BROWS][:, still]).max() < 0.003
    assert np.abs(before[BROWS][:, still]).max() > 0.03, "or there was nothing to take back"


def test_brows_go_as_far_from_the_eyes_as_photos_had_them() -> None:
    before, after = offsets()
    for k in BROWS:
        apart = [x[k][list(BROW), 1].mean() - x[k][list(CORNERS), 1].mean() for x in (before, after)]
        assert apart[1] == pytest.approx(apart[0], abs=0.012)


def test_both_sides_are_alike() -> None:
    _, after = offsets()
    left, right = (after[MOVED.index(f"browDown{side}")] for side in ("Left", "Right"))
    eyes = [list(EYE_LEFT), list(EYE_RIGHT)]
    np.testing.assert_allclose(left[eyes[0]][:, 1], right[eyes[1]][:, 1], atol=1e-3)


@pytest.mark.parametrize("yaw", [-0.4, 0.0, 0.4])
def test_an_edit_of_brows_leaves_the_rest_of_a_turned_face(yaw: float) -> None:
    model, rotation = compact_model(), rotation_from_angles(0.1, yaw, 0.0)
    head = Similarity(3000.0, rotation, np.array([200.0, 200.0, 0.0]))
    points = head.scale * model.mean.astype(np.float64) @ rotation.T + head.translation
    asked = np.zeros(len(ARKIT))
    asked[ARKIT.indices(["browInnerUp", "browOuterUpLeft", "browOuterUpRight"])] = 0.8
    motion = face_motion(model, points, head, np.zeros(len(ARKIT)), asked)
    moved = (motion.target - points[:, :2]) / (head.scale * EYES_APART)
    assert moved[list(BROW), 1].mean() < -0.05
    assert np.abs(moved[[1, 4, 152, *CORNERS]]).max() < 0.01
    assert np.abs(moved[list(FACE_OVAL[10:26])]).max() < 0.01
    as_photos = face_motion(model, points, head, np.zeros(len(ARKIT)), asked, gained=False)
    assert np.abs((as_photos.target - points[:, :2])[1]).max() > 5
