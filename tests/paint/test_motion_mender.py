"""The network that ships mends a little, nothing where nothing is asked, and never folds a face."""

import numpy as np
import pytest
from hypothesis import given
from made_fits import CHECKED, MIDDLE, SCALE, SEEDS, expression, face, person, turned

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import Similarity
from mien.core.points import IRISES_LEFT, IRISES_RIGHT
from mien.paint.motion import MotionMender
from mien.rig.compact import compact_model
from mien.rig.motion import FaceMotion, face_motion

MOST = 0.25
"""Inter-ocular distances."""


@pytest.fixture(scope="module")
def mender() -> MotionMender:
    return MotionMender.shipped()


def both(mender: MotionMender, seed: int, asked: Array | None = None) -> tuple[FaceMotion, FaceMotion]:
    rng = np.random.default_rng(seed)
    now, rotation = expression(rng), turned(rng)
    points, head = face(person(rng), now, rotation), Similarity(SCALE, rotation, MIDDLE)
    wanted = now if asked is None else asked
    motion = face_motion(compact_model(), points, head, now, wanted)
    return motion, mender.mend(motion, points, head, now, wanted)


@CHECKED
@given(SEEDS)
def test_nothing_asked_nothing_mended(seed: int) -> None:
    before, after = both(MotionMender.shipped(), seed)
    np.testing.assert_allclose(after.target, before.target, atol=1e-4)


@CHECKED
@given(SEEDS)
def test_what_is_mended_is_little_and_leaves_the_irises(seed: int) -> None:
    asked = expression(np.random.default_rng(seed + 1))
    before, after = both(MotionMender.shipped(), seed, asked)
    unit = SCALE * 0.063
    assert np.linalg.norm(after.target - before.target, axis=1).max() < MOST * unit
    irises = [*IRISES_LEFT, *IRISES_RIGHT]
    np.testing.assert_array_equal(after.target[irises], before.target[irises])


def test_a_smile_is_mended(mender: MotionMender) -> None:
    asked = np.zeros(len(ARKIT))
    asked[ARKIT.indices(["mouthSmileLeft", "mouthSmileRight"])] = 0.8
    before, after = both(mender, 5, asked)
    assert np.linalg.norm(after.target - before.target, axis=1).max() > 0.5
