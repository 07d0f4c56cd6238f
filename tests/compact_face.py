"""The shipped compact rig as its tests look at it: states, mirror images, one channel at a time."""

from functools import cache

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from portraits import mirror

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression, FaceState, Gaze, Pose
from mien.core.geometry import Mesh
from mien.core.points import IRISES_LEFT, IRISES_RIGHT
from mien.rig.compact import MOVED, CompactRig, compact_model

CHECKED = settings(derandomize=True, deadline=None, max_examples=25)
MIRRORED = np.array([-1.0, 1.0, 1.0])
IRISES = np.array([*IRISES_LEFT, *IRISES_RIGHT])
TWINS = [MOVED.index(ARKIT.columns[ARKIT.mirror[ARKIT.index(column)]]) for column in MOVED]
SKIN = len(compact_model().triangles)
ANGLES = st.floats(-0.5, 0.5)


@cache
def rig() -> CompactRig:
    return CompactRig.shipped()


@cache
def rest() -> Mesh:
    return rig().rest()


def targets() -> Array:
    """[51, V, 3] the morph targets."""
    found = rest().morph_targets
    assert found is not None
    return found


def flipped(points: Array) -> Array:
    """Points [..., 478, 3] of the face in the mirror."""
    return np.asarray((points * MIRRORED)[..., mirror(), :])


def state(weights: Array, gaze: Gaze | None = None) -> FaceState:
    """A head that looks into the camera, [...] of `weights` [..., 52]."""
    leading = weights.shape[:-1]
    ahead = Gaze(np.broadcast_to(np.eye(3), (*leading, 2, 3, 3)))
    pose = Pose(np.broadcast_to(np.eye(3), (*leading, 3, 3)), np.zeros((*leading, 3)))
    return FaceState(Expression(weights, ARKIT), pose, gaze or ahead)


def one(column: str, weight: float = 1.0) -> Array:
    return np.asarray(weight * np.eye(len(ARKIT))[ARKIT.index(column)])
