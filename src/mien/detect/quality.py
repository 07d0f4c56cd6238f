"""How far a reading can be trusted, told from the picture, the points and the head."""

import numpy as np

from mien.core.face import Pose
from mien.core.quality import Quality
from mien.detect.landmarker import Seen
from mien.detect.look import usual_look
from mien.imaging.sharpness import sharpness
from mien.metrics import inter_ocular_distance

_CLEAR_AT = 24.0
"""Pixels between the irises of a face that looks into the camera, from which size is no reason for doubt."""

_USUAL, _UNEXPLAINED = 2.0, 6.0
"""Residuals of a fit, % of the inter-ocular distance: up to which all is well, and from which nothing is believed."""


def quality(sight: Seen, pose: Pose) -> Quality:
    """How far a reading of what was seen can be trusted, without what a fit may add.

    Args:
        sight: the face's cut and points.
        pose: of its head.
    """
    # The last element of `pose.facing()`, without the other eight.
    away = float(pose.rotation[:, 2] @ pose.translation) / float(np.linalg.norm(pose.translation))
    frontality = min(max(away, 0.0), 1.0)
    apart = float(inter_ocular_distance(sight.landmarks.points)) / max(frontality, 0.2)
    size = min(apart / _CLEAR_AT, 1.0)
    occlusion = usual_look().occlusion(sight.cut, sight.cut_points)
    return Quality(sight.landmarks.score, size, frontality, sharpness(sight.cut, size), occlusion=occlusion)


def explained(residual: float) -> float:
    """0 to 1, what a fit's residual (% of the inter-ocular distance) leaves of the trust in a reading."""
    return float(np.clip((_UNEXPLAINED - residual) / (_UNEXPLAINED - _USUAL), 0, 1))
