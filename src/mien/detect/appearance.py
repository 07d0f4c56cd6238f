"""How a face looks, whatever it does: a direction in 48 dimensions, by which a face that comes back is known again.

A description tells who somebody is. It lives in memory, for the source that is being read, and is never written.
"""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.errors import ModelError
from mien.core.face import LANDMARKS
from mien.core.geometry import fit_similarity
from mien.detect.landmarker import Seen
from mien.detect.landmarks import SIDE
from mien.detect.shape import mean_face
from mien.weights.catalog import card
from mien.weights.store import read_weights

SKIN = LANDMARKS - 10
"""Points of the face without the irises, which say more of where somebody looks than of who it is."""

TRAITS = 3 * SKIN
"""Numbers that are seen of a face before they are weighed."""

_DARK = 20.0
"""Added to luminance (0 to 255) before its logarithm, so that noise in the shade counts little."""

_SHAPE = 10.0
"""Traits a metre: gives the shape about half the weight of the skin."""


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """Weighs traits so that they differ most between people, and least between pictures of one of them.

    Args:
        mean: [`TRAITS`] of many faces.
        directions: [`TRAITS`, D] what is made of the rest.
    """

    mean: Array
    directions: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", frozen_array(self.mean, "mean", (TRAITS,), np.float32))
        object.__setattr__(self, "directions", frozen_array(self.directions, "directions", (TRAITS, None), np.float32))

    def describe(self, sight: Seen) -> Array:
        """[D] of length 1, how the face in `sight` looks. The product of two is 1 for equal looks, 0 for strangers."""
        return self.weighed(traits(sight.cut, sight.cut_points))

    def weighed(self, seen: Array) -> Array:
        """[D] of length 1, what traits [`TRAITS`] say."""
        described = (seen - self.mean) @ self.directions
        return np.asarray(described / max(float(np.linalg.norm(described)), 1e-9))


@cache
def shipped_appearance() -> Appearance:
    """The one that comes with the package. Raises `ModelError` when its file was changed."""
    about = card("appearance")
    with np.load(io.BytesIO(read_weights(about)), allow_pickle=False) as archive:
        try:
            return Appearance(archive["mean"], archive["directions"])
        except (KeyError, ValueError) as error:
            raise ModelError(about.file, "E_MODEL", f"describes no appearance: {error}", "reinstall mien") from error


def traits(cut: Array, points: Array) -> Array:
    """What tells people apart, [`TRAITS`] float32: the skin at the points without the light, their places in the head.

    Args:
        cut: [128, 128] float32 luminance of 0 to 255.
        points: [478, 3] in pixels of the cut.
    """
    shape = mean_face()
    lit = np.log(_DARK + _at(_halved(cut), points[:SKIN, :2] / 2))
    # Brightness, contrast and a light from one side are the lamp's, not the face's.
    lamp = _lamp()
    lit -= lamp @ (lit @ lamp)
    fit = fit_similarity(shape.points, points.astype(np.float64), shape.steadiness)
    placed = (points - fit.translation) @ fit.rotation[:, :2] / fit.scale - shape.points[:, :2]
    placed *= np.sqrt(shape.steadiness)[:, None] * _SHAPE
    skin = lit / max(float(np.linalg.norm(lit)), 1e-6)
    return np.concatenate([skin, placed[:SKIN].ravel()], dtype=np.float32)


def _halved(cut: Array) -> Array:
    """[64, 64] means of two by two pixels."""
    return np.asarray((cut[::2, ::2] + cut[1::2, ::2] + cut[::2, 1::2] + cut[1::2, 1::2]) / 4)


def _at(picture: Array, places: Array) -> Array:
    """[N] a square picture's values at places [N, 2], bilinear; beyond the border those of the border."""
    side = SIDE // 2
    x, y = np.clip(places - 0.5, 0, side - 1.001).astype(np.float32).T
    column, row = x.astype(np.int64), y.astype(np.int64)
    x, y, first = x - column, y - row, row * side + column
    flat = picture.ravel()
    upper = flat[first] * (1 - x) + flat[first + 1] * x
    lower = flat[first + side] * (1 - x) + flat[first + side + 1] * x
    return np.asarray(upper * (1 - y) + lower * y)


@cache
def _lamp() -> Array:
    """[`SKIN`, 3] orthonormal: what an even light and one from a side add to the skin."""
    flat = mean_face().points[:SKIN, :2]
    basis, _ = np.linalg.qr(np.column_stack([np.ones(SKIN), flat / np.abs(flat).max(0)]))
    return np.asarray(basis, np.float32)
