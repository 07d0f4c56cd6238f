"""What a rig misses of a face's motion, as a field in the face's own plane: small, smooth, and never folding.

A rig's expressions are the same for everybody and add up; a network says what is left. Its answer is laid over the
points that the rig moved: `x + u(x)`, where `u` never grows faster than the place does, so that no two places meet
(a contraction added to the identity is one to one). The integral warp of S. Athar et al. 2020 serves the same end with
spacings above 0; this is our own.
"""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.geometry import Similarity
from mien.core.points import IRISES_LEFT, IRISES_RIGHT
from mien.rig.motion import FaceMotion

EYES_APART = 0.063
"""Metres between the irises of an ordinary face: the unit of a field."""

ROWS, COLUMNS = 28, 24
"""Of a field's grid."""

LEFT, TOP, WIDE, HIGH = -1.5, -1.4, 3.0, 3.5
"""Where the grid lies in the head's plane, inter-ocular distances, 0 between the eyes: its corners are its outermost
values."""


@dataclass(frozen=True, slots=True, eq=False)
class MotionField:
    """Where places of a face go further.

    Args:
        grid: [2, 28, 24] across and down, inter-ocular distances.
    """

    grid: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", frozen_array(self.grid, "grid", (2, ROWS, COLUMNS), np.float64))

    def at(self, places: Array) -> Array:
        """[N, 2] how far places [N, 2] of the head's plane go, inter-ocular distances; beyond the grid as its rim."""
        x = np.clip((places[:, 0] - LEFT) / WIDE * (COLUMNS - 1), 0, COLUMNS - 1)
        y = np.clip((places[:, 1] - TOP) / HIGH * (ROWS - 1), 0, ROWS - 1)
        column, row = np.minimum(x.astype(int), COLUMNS - 2), np.minimum(y.astype(int), ROWS - 2)
        across, down = x - column, y - row
        upper = self.grid[:, row, column] * (1 - across) + self.grid[:, row, column + 1] * across
        lower = self.grid[:, row + 1, column] * (1 - across) + self.grid[:, row + 1, column + 1] * across
        return np.asarray((upper * (1 - down) + lower * down).T)

    def steepest(self) -> float:
        """The greatest step between neighbours, in steps of the place: below 0.7 nothing folds."""
        across = np.linalg.norm(np.diff(self.grid, axis=2), axis=0).max() * (COLUMNS - 1) / WIDE
        down = np.linalg.norm(np.diff(self.grid, axis=1), axis=0).max() * (ROWS - 1) / HIGH
        return float(max(across, down))


def in_head(points: Array, head: Similarity) -> Array:
    """[N, 3] inter-ocular distances along the head's axes, of points [N, 3] of the picture.

    Args:
        points: pixels, z in the same scale.
        head: pixels = scale * rotation @ metres + translation.
    """
    return np.asarray((points - head.translation) @ head.rotation / (head.scale * EYES_APART))


def mended(motion: FaceMotion, head: Similarity, field: MotionField) -> FaceMotion:
    """The motion with what a field adds; irises stay with the gaze.

    Args:
        motion: in the picture.
        head: as of `in_head`.
        field: in the head's plane.
    """
    placed = np.column_stack([motion.target, motion.points[:, 2]])
    further = field.at(in_head(placed, head)[:, :2])
    further[[*IRISES_LEFT, *IRISES_RIGHT]] = 0
    target = motion.target + head.scale * EYES_APART * further @ head.rotation[:2, :2].T
    return FaceMotion(motion.points, target, motion.parted, motion.looks)
