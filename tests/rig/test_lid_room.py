"""Lids that open wide never pass what lies above them; brows give way before skin is folded over."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import Similarity, rotation_from_angles
from mien.core.points import LID_FOLDS, UPPER_LIDS, downwards
from mien.rig.compact import compact_model
from mien.rig.lid_room import with_room
from mien.rig.motion import FaceMotion, face_motion

SCALE = 3000.0
WIDE = ARKIT.indices(["eyeWideLeft", "eyeWideRight"])
BROWS = [105, 66, 63, 334, 296, 293, 52, 65, 282, 295]


def face(roll: float = 0.0, narrow: float = 1.0) -> tuple[Array, Similarity]:
    """Points of a face whose brows, and all between them and the lids, lie `narrow` times as far up as usual."""
    mean = compact_model().mean.astype(np.float64).copy()
    above = mean[:, 1] < -0.006
    mean[above, 1] = -0.006 + narrow * (mean[above, 1] + 0.006)
    rotation = rotation_from_angles(0.0, 0.0, roll)
    head = Similarity(SCALE, rotation, np.array([250.0, 250.0, 0.0]))
    return SCALE * mean @ rotation.T + head.translation, head


def widened(points: Array, head: Similarity, dose: float) -> FaceMotion:
    asked = np.zeros(len(ARKIT))
    asked[WIDE] = dose
    return face_motion(compact_model(), points, head, np.zeros(len(ARKIT)), asked)


def skin_left(motion: FaceMotion) -> float:
    """The least share of the way from lid to fold that is left."""
    down, shares = downwards(motion.points[:, :2]), []
    for lid, fold in zip(UPPER_LIDS, LID_FOLDS, strict=True):
        lines = [(flat[list(lid)] - flat[list(fold)])[2:7] @ down for flat in (motion.points[:, :2], motion.target)]
        shares.append((lines[1] / lines[0]).min())
    return float(min(shares))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 1.0), st.floats(0.15, 1.0), st.floats(-0.5, 0.5))
def test_lids_keep_their_skin_however_little_there_is(dose: float, narrow: float, roll: float) -> None:
    motion = widened(*face(roll, narrow), dose)
    roomy = with_room(motion)
    assert skin_left(roomy) >= min(skin_left(motion), 0.3 - 1e-6)
    lids = [k for lid in UPPER_LIDS for k in lid]
    np.testing.assert_array_equal(roomy.target[lids], motion.target[lids])


def test_where_there_is_room_hardly_anything_changes() -> None:
    """Beside the eyes' outer corners lines lie close on everybody."""
    motion = widened(*face(), 0.3)
    np.testing.assert_allclose(with_room(motion).target, motion.target, atol=0.005 * 0.063 * SCALE)


def test_low_brows_give_way() -> None:
    motion = widened(*face(narrow=0.15), 1.0)
    assert skin_left(motion) < 0, "or there was nothing to make room for"
    rise = motion.target[BROWS, 1] - with_room(motion).target[BROWS, 1]
    assert (rise >= 0).all()
    assert rise.max() > 1


def test_brows_that_come_down_on_lids_that_stay_may() -> None:
    points, head = face(narrow=0.3)
    asked = np.zeros(len(ARKIT))
    asked[ARKIT.indices(["browDownLeft", "browDownRight"])] = 1.0
    motion = face_motion(compact_model(), points, head, np.zeros(len(ARKIT)), asked)
    lids = [k for lid in UPPER_LIDS for k in lid]
    still = replace(motion, target=np.where(np.isin(np.arange(478), lids)[:, None], points[:, :2], motion.target))
    np.testing.assert_allclose(with_room(still).target, still.target)
