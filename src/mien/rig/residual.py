"""What a rig misses of a face's motion: a field in the face's own plane, smooth and never folding, and what skin adds.

A rig's expressions are the same for everybody and add up; a network says what is left. Its answer is laid over the
points that the rig moved: `x + u(x)`, where `u` never grows faster than the place does, so that no two places meet
(a contraction added to the identity is one to one). The integral warp of S. Athar et al. 2020 serves the same end with
spacings above 0; this is our own. How much further than its points skin goes is told point by point, is small, and is
not bounded: that the sheet hardly folds is measured (`EditedFace.folded`).
"""

import numpy as np

from mien.core.arrays import Array
from mien.core.field import MotionField
from mien.core.geometry import Similarity
from mien.core.points import IRISES_LEFT, IRISES_RIGHT
from mien.rig.motion import FaceMotion

EYES_APART = 0.063
"""Metres between the irises of an ordinary face: the unit of a field."""


def in_head(points: Array, head: Similarity) -> Array:
    """[N, 3] inter-ocular distances along the head's axes, of points [N, 3] of the picture.

    Args:
        points: pixels, z in the same scale.
        head: pixels = scale * rotation @ metres + translation.
    """
    return np.asarray((points - head.translation) @ head.rotation / (head.scale * EYES_APART))


def mended(motion: FaceMotion, head: Similarity, field: MotionField, skin: Array) -> FaceMotion:
    """The motion with what a field and its skin add; irises stay with the gaze.

    Args:
        motion: in the picture.
        head: as of `in_head`.
        field: in the head's plane.
        skin: [478, 2] how much further the skin at each point goes, likewise, inter-ocular distances.
    """
    placed = np.column_stack([motion.target, motion.points[:, 2]])
    further = field.at(in_head(placed, head)[:, :2]) + skin
    further[[*IRISES_LEFT, *IRISES_RIGHT]] = 0
    target = motion.target + head.scale * EYES_APART * further @ head.rotation[:2, :2].T
    return FaceMotion(motion.points, target, motion.parted, motion.looks)
