"""Recipe of the mean face: landmarks of the training faces, freed of pose and size, averaged, made symmetric."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.spatial import Delaunay

from mien.core.arrays import Array
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import fit_similarity
from mien.core.points import EYE_LEFT, EYE_RIGHT, INNER_LIPS
from mien.data.packs import FacesPack, read_photos

IRIS_DISTANCE = 0.063
"""Metres between the irises of the mean adult."""

MOST = 3000
"""Faces that are enough for a mean."""

_EYE_CORNERS = (33, 133, 362, 263)


def learn_shape(data: Path) -> tuple[Array, Array, Array]:
    """Points [478, 3] in metres, steadiness [478] and triangles [M, 3] from the training faces of `data`."""
    packs, _ = read_photos(data)
    rng = np.random.default_rng(0)
    faces = np.concatenate([pack.landmarks[pack.indices("train")] for pack in packs]).astype(np.float64)
    faces = faces[rng.permutation(len(faces))[:MOST]]
    faces[..., :2] -= faces[..., :2].mean(1, keepdims=True)
    mean = _upright(packs)
    for _ in range(4):
        steadiness = _steadiness(faces, mean)
        moved = _laid_over(faces, mean, steadiness)
        mean = _symmetric(moved.mean(0), packs[0].mirror)
    origin = mean[list(_EYE_CORNERS)].mean(0)
    size = np.linalg.norm(mean[IRIS_RIGHT] - mean[IRIS_LEFT])
    points = (mean - origin) / size * IRIS_DISTANCE
    return points, _steadiness(faces, mean), triangulate(points)


def _upright(packs: list[FacesPack]) -> Array:
    """The mean of posed portraits: what people do who are told to look into the camera is our pitch of zero."""
    posed = next((pack for pack in packs if "official" in pack.name), packs[0])
    faces = posed.landmarks[posed.indices("train")].astype(np.float64)
    centred = faces - faces.mean(1, keepdims=True)
    return _symmetric((centred / np.sqrt((centred**2).sum((1, 2), keepdims=True))).mean(0), posed.mirror)


def _symmetric(points: Array, mirror: Array) -> Array:
    points = points - points.mean(0)
    return np.asarray((points + points[mirror] * [-1, 1, 1]) / 2)


def _laid_over(faces: Array, mean: Array, weights: Array) -> Array:
    fits = [fit_similarity(face, mean, weights) for face in faces]
    return np.stack([f.scale * face @ f.rotation.T + f.translation for f, face in zip(fits, faces, strict=True)])


def _steadiness(faces: Array, mean: Array) -> Array:
    """One over the variance each point keeps once pose is gone; reweighted twice so that jaws do not turn heads."""
    weights = np.ones(len(mean))
    for _ in range(2):
        moved = _laid_over(faces, mean, weights)
        variance = ((moved - moved.mean(0)) ** 2).sum(2).mean(0)
        weights = 1 / (variance + 0.25 * np.median(variance))
        weights[[IRIS_RIGHT, IRIS_LEFT]] = weights[468:478] = 0
        weights /= weights.mean()
    return weights


def triangulate(points: Array) -> Array:
    """[M, 3] triangles of the front view of points [478, 3], without the irises, the eyes and the open mouth."""
    flat = points[:468, :2]
    rings = EYE_RIGHT, EYE_LEFT, INNER_LIPS
    edges = [edge for ring in rings for edge in pairwise(ring + ring[:1])]
    triangles = _with_edges(Delaunay(flat).simplices, flat, edges)
    holes = [set(ring) for ring in rings]
    kept = [t for t in triangles if not any(hole.issuperset(t) for hole in holes)]
    a, b, c = (flat[np.array(kept)[:, k]] for k in range(3))
    turns = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    # y points down: a triangle that is counter-clockwise with y up has a negative area here.
    return np.array([t if turn < 0 else [t[0], t[2], t[1]] for t, turn in zip(kept, turns, strict=True)], np.int32)


def _with_edges(triangles: Array, flat: Array, edges: list[tuple[int, int]]) -> list[list[int]]:
    """A triangulation [M, 3] of points [N, 2] made to hold `edges` between them, by flipping those that cross them.

    Without it a web would span the corners of the mouth, where Delaunay's edges lead from one lip to the other.
    Source: S. W. Sloan, "A fast algorithm for generating constrained Delaunay triangulations", 1993.
    """
    opposite = {(t[k], t[k - 2]): t[k - 1] for t in triangles.tolist() for k in range(3)}
    for edge in [(a, b) for a, b in edges if (a, b) not in opposite and (b, a) not in opposite]:
        crossing = [other for other in opposite if other[0] < other[1] and _cross(flat, edge, other)]
        while crossing:
            one, other = crossing.pop(0)
            near, far = opposite[one, other], opposite[other, one]
            if not _cross(flat, (near, far), (one, other)):  # no convex quad yet: its neighbours come first
                crossing.append((one, other))
                continue
            for a, b, c in ((one, far, near), (far, other, near)):
                opposite |= {(a, b): c, (b, c): a, (c, a): b}
            del opposite[one, other], opposite[other, one]
            if _cross(flat, edge, (near, far)):
                crossing.append((near, far))
    return sorted([a, b, c] for (a, b), c in opposite.items() if a < b and a < c)


def _cross(flat: Array, one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two edges between points [N, 2] have a place in common that is no end of either."""
    if set(one) & set(other):
        return False

    def apart(edge: tuple[int, int], ends: tuple[int, int]) -> bool:
        start, along = flat[edge[0]], flat[edge[1]] - flat[edge[0]]
        sides = [along[0] * (flat[end] - start)[1] - along[1] * (flat[end] - start)[0] for end in ends]
        return bool(sides[0] * sides[1] < 0)

    return apart(one, other) and apart(other, one)
