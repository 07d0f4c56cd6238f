"""The mean face: proportions in metres, our own triangles, and how steady each point is under expression."""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.errors import ModelError
from mien.core.face import LANDMARKS
from mien.weights.catalog import card
from mien.weights.store import read_weights


@dataclass(frozen=True, slots=True)
class FaceShape:
    """The mean of many faces at rest and upright.

    Args:
        points: [478, 3] metres; the origin lies between the eyes, x right, y down, z forward of a camera that the
            face looks into; the irises are 63 mm apart.
        steadiness: [478] mean 1: how little a point moves with expression, the weight it has in the head's pose.
        triangles: [M, 3] a triangulation of the points, with holes for eyes and mouth.
    """

    points: Array
    steadiness: Array
    triangles: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen_array(self.points, "points", (LANDMARKS, 3)))
        object.__setattr__(self, "steadiness", frozen_array(self.steadiness, "steadiness", (LANDMARKS,)))
        object.__setattr__(self, "triangles", frozen_array(self.triangles, "triangles", (None, 3), np.int32))


@cache
def mean_face() -> FaceShape:
    """The shape that ships with the package. Raises `ModelError` when its file was changed."""
    shape = card("face-shape")
    with np.load(io.BytesIO(read_weights(shape)), allow_pickle=False) as archive:
        try:
            return FaceShape(archive["points"], archive["steadiness"], archive["triangles"])
        except (KeyError, ValueError) as error:
            raise ModelError(shape.file, "E_MODEL", f"is no face shape: {error}", "reinstall mien") from error
