"""How open a surface lies to the light that comes from everywhere: mouths, nostrils and folds are dark inside."""

import numpy as np

from mien.core.arrays import Array
from mien.core.geometry import turn_to
from mien.imaging.raster import rasterise

_DIRECTIONS = 32
_SIDE = 160
"""Pixels of the pictures that are taken from every direction."""

_TOLERANCE = 0.02
"""Share of the surface's size by which a point may lie behind what is seen and still count as seen."""

_FAR = 100.0
"""Sizes of the surface between it and the viewer: from there, all lines of sight are parallel."""


def openness(vertices: Array, triangles: Array, normals: Array) -> Array:
    """[V] float32 share of the light from all sides that reaches each vertex: 1 where nothing is before it.

    Args:
        vertices: [V, 3].
        triangles: [M, 3] counter-clockwise seen from outside, in axes where y points down and z away.
        normals: [V, 3] unit vectors.
    """
    low, high = vertices.min(0), vertices.max(0)
    size = float(np.linalg.norm(high - low))
    if size == 0:
        return np.ones(len(vertices), np.float32)
    centred = (vertices - (low + high) / 2) / size
    reached, all_of_it = np.zeros(len(vertices)), np.zeros(len(vertices))
    for ray in _directions():
        cosine = np.maximum(-normals @ ray, 0)
        seen_from = centred @ _towards(ray)
        pixels = (seen_from[:, :2] + 0.5) * _SIDE
        depth = seen_from[:, 2] + _FAR
        seen = rasterise(np.column_stack([pixels, depth]), triangles, _SIDE, _SIDE)
        column, row = np.clip(pixels.astype(np.intp), 0, _SIDE - 1).T
        nearest = seen.spread(seen.depth, np.inf)[row, column]
        reached += cosine * (depth <= nearest + _TOLERANCE)
        all_of_it += cosine
    return (reached / np.maximum(all_of_it, 1e-9)).astype(np.float32)


def _towards(ray: Array) -> Array:
    """A rotation [3, 3] whose third column is `ray`."""
    mirror = 1.0 if ray[2] >= 0 else -1.0  # `turn_to` leads forward only: turned half round first, it leads back too
    return np.asarray(turn_to(ray * mirror) * np.array([1.0, mirror, mirror]))


def _directions() -> Array:
    """[_DIRECTIONS, 3] unit vectors, evenly over the sphere: a spiral of golden angles."""
    k = np.arange(_DIRECTIONS) + 0.5
    z = 1 - 2 * k / _DIRECTIONS
    angle = np.pi * (1 + 5**0.5) * k
    across = np.sqrt(1 - z * z)
    return np.stack([across * np.cos(angle), across * np.sin(angle), z], axis=1)
