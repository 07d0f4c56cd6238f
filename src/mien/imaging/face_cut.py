"""The cut of a face in which colours are laid over it: placed by points that expressions hardly move.

A mouth that opens opens in the cut, and does not move it. Learning and measuring cut with the functions of this file.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS
from mien.core.geometry import bounds, fit_similarity
from mien.core.points import STEADY
from mien.imaging.mouth_patch import resampled

SIDE = 96
"""Pixels along a side."""

EYES = 32.0
"""Pixels between the irises of the mean face."""

_ABOVE = 3.0
"""Pixels above it; below, there must be room for the jaw."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceCut:
    """How faces lie in the cut.

    Args:
        placed: [478, 2] the mean face, pixels of the cut with centres at .5.
    """

    placed: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "placed", frozen_array(self.placed, "placed", (LANDMARKS, 2), np.float64))

    @classmethod
    def of(cls, mean: Array) -> Self:
        """The cut of a topology, of some upright face [478, 2 or 3], y down."""
        flat = mean[:, :2].astype(np.float64)
        flat = flat * (EYES / float(np.linalg.norm(flat[IRIS_LEFT] - flat[IRIS_RIGHT])))
        box = bounds(flat)
        return cls(flat + np.array([SIDE / 2 - (box[0] + box[2]) / 2, _ABOVE - box[1]]))

    def to_frame(self, points: Array) -> Array:
        """The map [2, 3] from the cut of a face to its picture, both in pixels with centres at .5.

        Args:
            points: [478, 2 or 3] its landmarks, pixels of the picture.
        """
        steady = np.zeros(LANDMARKS)
        steady[list(STEADY)] = 1
        laid = fit_similarity(self.placed, points[:, :2].astype(np.float64), steady)
        return np.column_stack([laid.scale * laid.rotation, laid.translation])


def cut_face(pixels: Array, to_frame: Array) -> Array:
    """[96, 96, 3] uint8 of a picture [H, W, 3] uint8 where `to_frame` [2, 3] leads; beyond it, what is on its edge."""
    return resampled(pixels, to_frame, SIDE, SIDE)
