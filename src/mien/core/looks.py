"""Gaze and the eight eyeLook weights say the same thing twice: how one is told from the other.

Conversion is our reading: Apple names no angle for a full look. Takes that carry both keep both.
"""

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression, Gaze
from mien.core.geometry import angles_from_rotation, rotation_from_angles

FULL_LOOK = np.deg2rad(30.0)
"""Radians that a weight of 1 turns an eye, sideways or up and down."""

_LEAST_TURN = 1e-6
"""Greatest element of a rotation, less the identity, that counts as none."""

_IN, _OUT, _UP, _DOWN = (
    ARKIT.indices([f"eyeLook{way}{side}" for side in ("Left", "Right")]) for way in ("In", "Out", "Up", "Down")
)


def gaze_from_looks(expression: Expression) -> Gaze:
    """Where the eyes of an ARKit expression [..., 52] look. Raises `ValueError` for another basis."""
    if expression.basis != ARKIT:
        raise ValueError(f"looks are told from arkit weights, got {expression.basis.name}")
    weights = expression.weights.astype(np.float64)
    outward = weights[..., _OUT] - weights[..., _IN]
    yaw = outward * [-1.0, 1.0] * FULL_LOOK  # positive yaw turns to the subject's right: outward for the right eye
    pitch = (weights[..., _DOWN] - weights[..., _UP]) * FULL_LOOK
    return Gaze(rotation_from_angles(pitch, yaw, 0.0))


def looks_from_gaze(gaze: Gaze) -> Array:
    """[..., 52] ARKit weights, all 0 but the eight eyeLook ones, of 0 and more."""
    angles = angles_from_rotation(gaze.rotation) / FULL_LOOK
    pitch, outward = angles[..., 0], angles[..., 1] * [-1.0, 1.0]
    weights = np.zeros((*pitch.shape[:-1], len(ARKIT)), np.float32)
    for places, amount in ((_IN, -outward), (_OUT, outward), (_UP, -pitch), (_DOWN, pitch)):
        weights[..., places] = np.maximum(amount, 0.0)
    return weights


def turns(gaze: Gaze) -> bool:
    """Whether an eye ever leaves the middle."""
    return bool(np.abs(gaze.rotation - np.eye(3)).max(initial=0) > _LEAST_TURN)


def looking(expression: Expression, gaze: Gaze) -> Expression:
    """An ARKit expression with the looks of `gaze` where its own weights never look aside; any other as it is.

    OpenFace and py-feat say where eyes look, and have no unit for it; lids and a GLB's eyes follow weights alone.
    """
    looks = np.concatenate([_IN, _OUT, _UP, _DOWN])
    if expression.basis != ARKIT or expression.weights[..., looks].any() or not turns(gaze):
        return expression
    return Expression(expression.weights + looks_from_gaze(gaze), ARKIT)
