"""Distances for reporting, as pure functions of arrays."""

import numpy as np

from mien.core.arrays import Array
from mien.core.face import IRIS_LEFT, IRIS_RIGHT


def inter_ocular_distance(points: Array) -> Array:
    """[...] distance of the iris centres in the plane of the picture, of landmarks [..., 478, 2 or 3]."""
    return np.asarray(np.linalg.norm(points[..., IRIS_RIGHT, :2] - points[..., IRIS_LEFT, :2], axis=-1))


def landmark_error(seen: Array, true: Array) -> Array:
    """[...] mean distance of landmarks [..., 478, 2 or 3] in the plane, % of the true inter-ocular distance."""
    distance = np.linalg.norm(seen[..., :2] - true[..., :2], axis=-1).mean(-1)
    return np.asarray(distance / inter_ocular_distance(true) * 100)


def pearson(one: Array, other: Array) -> Array:
    """[K] Pearson correlation of the columns of two arrays [N, K]; 0 where a column does not vary."""
    a, b = one - one.mean(0), other - other.mean(0)
    spread = np.sqrt((a * a).sum(0) * (b * b).sum(0))
    return np.asarray(np.divide((a * b).sum(0), spread, out=np.zeros_like(spread), where=spread > 0))
