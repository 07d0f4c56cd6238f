"""A small displacement field over the plane of a face: what is added to a motion, and cannot fold it."""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array, frozen_array

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
