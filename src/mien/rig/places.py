"""Where the 478 points lie on another rig's surface, so that one face's landmarks can be read off another."""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.face import LANDMARKS


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The landmarks as shares of a surface's vertices.

    Args:
        corners: [478, 3] vertices of the triangle in which each point lies.
        shares: [478, 3] how much of each corner; they sum to 1.
    """

    corners: Array
    shares: Array

    def __post_init__(self) -> None:
        corners = frozen_array(self.corners, "corners", (LANDMARKS, 3), np.int32)
        shares = frozen_array(self.shares, "shares", (LANDMARKS, 3))
        if corners.min() < 0 or np.abs(shares.sum(1) - 1).max() > 1e-3:
            raise ValueError("corners must be indices from 0, and each row of shares must sum to 1")
        object.__setattr__(self, "corners", corners)
        object.__setattr__(self, "shares", shares)

    def on(self, vertices: Array) -> Array:
        """The landmarks [..., 478, 3] of a surface with vertices [..., V, 3]; likewise of offsets.

        Raises:
            IndexError: the surface has fewer vertices than the places name.
        """
        return np.asarray(np.einsum("pk,...pkc->...pc", self.shares, vertices[..., self.corners, :]))
