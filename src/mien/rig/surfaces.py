"""Points on surfaces: the closest ones, and laying one face over another by them. Numpy alone."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mien.core.arrays import Array
from mien.core.geometry import Similarity, rotation_from_angles
from mien.rig.model import vertex_normals

_NEIGHBOURS = 6
"""Nearest vertices whose triangles are searched for the closest point."""
_CHUNK = 256
"""Points compared with every vertex at once."""
_SAME_WAY = 0.3
"""Least cosine of the angle between two normals that look the same way."""
_FEWEST = 8
"""Points that must find partners: a similarity has seven freedoms."""
_BEYOND = 0.002
"""Metres between a point and the border that it meets, from which on it lies beyond the surface."""
_TRIM = 0.8
"""Share of the points, the closest ones, that an alignment listens to."""
_CONTACT = ("corners", "shares", "points", "normals", "agrees")


@dataclass(frozen=True, slots=True, eq=False)
class Contact:
    """Where points meet a surface.

    Args:
        corners: [Q, 3] vertices of the triangle that each point meets.
        shares: [Q, 3] how much of each corner: barycentric coordinates.
        points: [Q, 3] the places themselves.
        normals: [Q, 3] of the triangles.
        agrees: [Q] whether the surface there looks the same way as the point does, and the point does not lie beyond
            the surface's border.
    """

    corners: Array
    shares: Array
    points: Array
    normals: Array
    agrees: Array

    def at(self, places: Array) -> "Contact":
        """The contacts of some of the points, by their indices or a mask."""
        return Contact(*(getattr(self, name)[places] for name in _CONTACT))

    def carried(self, values: Array) -> Array:
        """Values [..., V, D] of the surface's vertices at the places [..., Q, D]."""
        return np.asarray(np.einsum("qc,...qcd->...qd", self.shares, values[..., self.corners, :]))


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles that answer where they are closest to a point.

    Args:
        vertices: [V, 3].
        triangles: [M, 3], every vertex in at least one is found; the others are no part of the surface.
    """

    vertices: Array
    triangles: Array

    @cached_property
    def _fans(self) -> tuple[Array, Array, Array, Array]:
        """The vertices that triangles use [U]; the triangles round each in one row [3 M], where each one's start in it
        [U], and how many there are [U].
        """
        flat = self.triangles.ravel()
        order = np.argsort(flat, kind="stable")
        used, start, count = np.unique(flat[order], return_index=True, return_counts=True)
        return used, order // 3, start, count

    @cached_property
    def _border(self) -> Array:
        """[V] whether a vertex lies on an edge of one triangle only."""
        edges = np.sort(self.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        unique, count = np.unique(edges, axis=0, return_counts=True)
        border = np.zeros(len(self.vertices), bool)
        border[unique[count == 1]] = True
        return border

    @cached_property
    def _triangle_normals(self) -> Array:
        a, b, c = (self.vertices[self.triangles[:, k]] for k in range(3))
        normals = np.cross(b - a, c - a)
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.asarray(normals / np.where(length > 0, length, 1))

    def closest(self, points: Array, normals: Array) -> Contact:
        """The closest places to points [Q, 3], among those that look the way of `normals` [Q, 3] where there are any.

        Lips lie upon each other: without the normals a point of the upper one would find the lower.
        """
        parts = [
            self._closest(points[start : start + _CHUNK], normals[start : start + _CHUNK])
            for start in range(0, len(points), _CHUNK)
        ]
        return Contact(*(np.concatenate([getattr(part, name) for part in parts]) for name in _CONTACT))

    def _closest(self, points: Array, normals: Array) -> Contact:
        used, fans, start, count = self._fans
        # Half the memory for twice the speed: rounding can only swap neighbours that lie equally near.
        vertices = self.vertices[used].astype(np.float32)
        distances = (vertices**2).sum(1) - 2 * points.astype(np.float32) @ vertices.T
        near = np.argpartition(distances, min(_NEIGHBOURS, len(used)) - 1, axis=1)[:, :_NEIGHBOURS]
        many = count[near].ravel()
        ends = np.cumsum(many)
        candidates = fans[np.arange(ends[-1]) + np.repeat(start[near].ravel() - (ends - many), many)]
        owner = np.repeat(np.arange(len(points)), count[near].sum(1))
        corners = self.vertices[self.triangles[candidates]]
        shares = barycentric_of_closest(points[owner], corners)
        places = np.einsum("fc,fcd->fd", shares, corners)
        agrees = np.einsum("fd,fd->f", self._triangle_normals[candidates], normals[owner]) > _SAME_WAY
        away = ((places - points[owner]) ** 2).sum(-1)
        order = np.lexsort((away, ~agrees, owner))
        best = order[np.searchsorted(owner, np.arange(len(points)))]
        chosen = candidates[best]
        corners, shares = self.triangles[chosen], shares[best]
        on_border = (self._border[corners] | (shares < 1e-9)).all(1) & (shares < 1e-9).any(1)
        inside = ~on_border | (away[best] < _BEYOND**2)
        return Contact(corners, shares, places[best], self._triangle_normals[chosen], agrees[best] & inside)


def barycentric_of_closest(points: Array, corners: Array) -> Array:
    """Barycentric coordinates [..., 3] of the closest place to `points` [..., 3] in triangles [..., 3 corners, 3]."""
    a, b, c = (corners[..., k, :] for k in range(3))
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = d00 * d11 - d01 * d01
    flat = area <= 1e-12 * d00 * d11
    whole = np.where(flat, 1.0, area)
    v, w = (d11 * d20 - d01 * d21) / whole, (d00 * d21 - d01 * d20) / whole
    inside = np.stack([1 - v - w, v, w], -1)
    best, shortest = inside, np.where((inside >= 0).all(-1) & ~flat, -1.0, np.inf)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, edge = corners[..., first, :], corners[..., second, :] - corners[..., first, :]
        along = np.clip(((points - start) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-30), 0, 1)
        away = ((start + along[..., None] * edge - points) ** 2).sum(-1)
        on_edge = np.zeros_like(inside)
        on_edge[..., first], on_edge[..., second] = 1 - along, along
        best = np.where((away < shortest)[..., None], on_edge, best)
        shortest = np.minimum(shortest, away)
    return np.asarray(best)


def largest_piece(triangles: Array) -> Array:
    """[K] the triangles of the piece that holds most of them, where pieces share no vertex: of a head the skin."""
    label = np.arange(int(triangles.max(initial=-1)) + 1)
    while True:
        least = label[triangles].min(1, keepdims=True).repeat(3, 1)
        lower = label.copy()
        np.minimum.at(lower, triangles, least)
        lower = lower[lower]  # what a label stands for may have got a lower one itself: paths halve
        if (lower == label).all():
            break
        label = lower
    pieces = label[triangles[:, 0]]
    names, counts = np.unique(pieces, return_counts=True)
    return np.flatnonzero(pieces == names[np.argmax(counts)]) if len(names) else np.zeros(0, np.intp)


def nose_tip(vertices: Array) -> Array:
    """[3] the most forward of vertices [V, 3] of a head within 15 mm of its middle plane."""
    middle = vertices[np.abs(vertices[:, 0] - np.median(vertices[:, 0])) < 0.015]
    return np.asarray(middle[np.argmin(middle[:, 2])])


def placed(similarity: Similarity, points: Array) -> Array:
    """Points [..., 3] moved by a similarity."""
    return np.asarray(points @ similarity.rotation.T * similarity.scale + similarity.translation)


def aligned(
    vertices: Array, triangles: Array, surface: Surface, points: Array, start: Similarity, steps: int
) -> Similarity:
    """The similarity that lays a face over a surface by closest points, the farthest left out.

    What is made small is the distance to the closest triangle's plane: points may slide along the surface, so that a
    round head is not held by its own roundness.
    Source: Y. Chen, G. Medioni, "Object modelling by registration of multiple range images", 1992.

    Args:
        vertices: [V, 3] of the face.
        triangles: [M, 3] its triangles.
        surface: the other face.
        points: indices of the vertices that are laid on the surface.
        start: a similarity that nearly does it.
        steps: how often the closest points are sought.

    Raises:
        ValueError: hardly a point finds a partner that looks its way.
    """
    found = start
    for _ in range(steps):
        moved = placed(found, vertices)
        contact = surface.closest(moved[points], vertex_normals(moved, triangles)[points])
        if contact.agrees.sum() < _FEWEST:
            raise ValueError("the two rigs do not lie over each other: their surfaces do not look the same way")
        away = np.linalg.norm(contact.points - moved[points], axis=1)
        kept = contact.agrees & (away <= np.quantile(away[contact.agrees], _TRIM))
        found = _closer(found, moved[points[kept]], contact.points[kept], contact.normals[kept])
    return found


def _closer(found: Similarity, points: Array, places: Array, normals: Array) -> Similarity:
    """`found`, then the small turn, shift and growth that bring points [Q, 3] closest to the planes at `places`."""
    centre = points.mean(0)
    arms = points - centre
    slopes = np.concatenate([np.cross(arms, normals), normals, (arms * normals).sum(1, keepdims=True)], axis=1)
    system = slopes.T @ slopes
    held = np.diag(system).copy() * 1e-6 + 1e-15  # what no point tells, as the turn of a ball, stays
    step = np.linalg.solve(system + np.diag(held), slopes.T @ ((places - points) * normals).sum(1))
    turn, growth = rotation_from_angles(*step[:3].tolist()), float(np.exp(step[6]))
    shift = centre + step[3:6] - growth * turn @ centre
    return Similarity(growth * found.scale, turn @ found.rotation, growth * turn @ found.translation + shift)
