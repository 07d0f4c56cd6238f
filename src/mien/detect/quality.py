"""How far a reading can be trusted, told from the picture, the points and the head."""

from collections.abc import Sequence

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


def qualities(sights: Sequence[Seen], pose: Pose) -> list[Quality]:
    """How far readings of what was seen can be trusted, without what a fit may add.

    Args:
        sights: N faces' cuts and points.
        pose: of their heads, [N].
    """
    cuts, points, cut_points = (
        np.stack(some)
        for some in zip(*((sight.cut, sight.landmarks.points, sight.cut_points) for sight in sights), strict=True)
    )
    # The last element of `pose.facing()`, without the other eight.
    away = (pose.rotation[:, :, 2] * pose.translation).sum(1) / np.linalg.norm(pose.translation, axis=1)
    frontality = np.clip(away, 0, 1)
    size = np.minimum(inter_ocular_distance(points) / np.maximum(frontality, 0.2) / _CLEAR_AT, 1)
    parts = (size, frontality, sharpness(cuts, size), usual_look().occlusion(cuts, cut_points))
    told = zip(sights, *(part.tolist() for part in parts), strict=True)
    return [Quality(one.landmarks.score, big, front, sharp, occlusion=hid) for one, big, front, sharp, hid in told]


def explained(residual: float) -> float:
    """0 to 1, what a fit's residual (% of the inter-ocular distance) leaves of the trust in a reading."""
    return float(np.clip((_UNEXPLAINED - residual) / (_UNEXPLAINED - _USUAL), 0, 1))
