"""The skin of a face as a sheet of triangles, laid from where its points are to where they shall be.

The sheet goes across the eyes and the mouth, so that it is whole; what is seen *through* them is another matter
(`imaging/openings`). Round the face it goes on in rings that move less and less: what lies beyond the last is still.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.face import LANDMARKS
from mien.core.points import (
    FACE_OVAL,
    LID_FOLDS,
    LOWER_INNER_LIP,
    LOWER_LIDS,
    UPPER_INNER_LIP,
    UPPER_LIDS,
    downwards,
)
from mien.imaging.flow import Flow
from mien.imaging.raster import rasterise

_RINGS = ((1.08, 0.85), (1.18, 0.55), (1.3, 0.25), (1.45, 0.0))
"""How far out each ring lies, in distances of the face's border from its middle, and how much of its motion it has."""

_CELLS = 128
"""Cells along the longer side of a face with its surroundings, for pictures large enough."""

_FAR = 1e4
"""How far off the face is taken to be, in cells: so far that nothing is foreshortened."""


_SKIRT = 4.0
"""Cells that a side of an opening goes on beyond its border."""

LASHES = 0.35
"""Share of the way from an upper lid's border to the line above it that goes with the border, unstretched: a lid that
comes down brings its lashes as they are, and unfolds skin above them."""

_UPPER, _LOWER = (UPPER_INNER_LIP, *UPPER_LIDS), (LOWER_INNER_LIP, *LOWER_LIDS)


@dataclass(frozen=True, slots=True, eq=False)
class FaceSheet:
    """Triangles over the landmarks and the rings round them.

    Args:
        triangles: [M, 3] of the skin, of the openings, and of the rings.
        openings: the first triangle of the openings, and the first after them.
    """

    triangles: Array
    openings: tuple[int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "triangles", frozen_array(self.triangles, "triangles", (None, 3), np.intp))

    @classmethod
    def of(cls, mean: Array, skin: Array) -> Self:
        """The sheet of a topology.

        Args:
            mean: [478, 3] some upright face, y down.
            skin: [M, 3] triangles of its points without those in eyes and mouth, counter-clockwise for the viewer.
        """
        openings = [_facing(mean, np.array(_between(*pair))) for pair in zip(_UPPER, _LOWER, strict=True)]
        rings = [np.array(FACE_OVAL)] + [
            np.arange(len(FACE_OVAL)) + LANDMARKS + k * len(FACE_OVAL) for k in range(len(_RINGS))
        ]
        outside = np.concatenate([_band(*pair) for pair in pairwise(rings)])
        everything = _extended(mean, np.zeros((LANDMARKS, 2)))[0]
        first = LANDMARKS + len(_RINGS) * len(FACE_OVAL)
        for lid, fold in zip(UPPER_LIDS, LID_FOLDS, strict=True):
            lashes = tuple(range(first, first + len(lid)))
            first += len(lid)
            skin = skin[~np.isin(skin, (*lid, *fold)).all(1)]
            bands = np.array([*_between(fold, lashes), *_between(lashes, lid)])
            skin = np.concatenate([skin, _facing(everything, bands)])
        whole = np.concatenate([skin, *openings, _facing(everything, outside)])
        return cls(whole, (len(skin), len(skin) + sum(map(len, openings))))

    def flows(self, points: Array, target: Array) -> "FaceFlows":
        """The motion that takes the sheet from `points` to `target`, as the picture's.

        Args:
            points: [478, 3] in pixels, z in the same scale.
            target: [478, 2] where they shall be.
        """
        grid, placed, motion = _laid_out(points, target)
        whole, triangle = grid.laid(placed, motion, self.triangles)
        down = downwards(placed[:, :2])
        upper, lower = (
            grid.laid(*_skirts(placed, motion, lines, _SKIRT * way), whole.backward)[0]
            for lines, way in ((_UPPER, down), (_LOWER, -down))
        )
        opening = (triangle >= self.openings[0]) & (triangle < self.openings[1])
        touched = opening[:-1, :-1] | opening[1:, :-1] | opening[:-1, 1:] | opening[1:, 1:]
        return FaceFlows(whole, upper, lower, ~touched)

    def stretched(self, points: Array, target: Array) -> Flow:
        """The whole of `flows` alone, in a third of the time: for those who paint over what is stretched."""
        grid, placed, motion = _laid_out(points, target)
        return grid.laid(placed, motion, self.triangles)[0]


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Corners of cells over a face and its surroundings, before and after."""

    left: int
    top: int
    cell: int
    columns: int
    rows: int

    def laid(self, vertices: Array, motion: Array, triangles: Array, under: Array | None = None) -> tuple[Flow, Array]:
        """The flow of some triangles over what is `under` them, and which one is seen at each corner of a cell."""
        seen = rasterise(vertices, triangles, self.columns, self.rows)
        corners, shares = triangles[seen.triangle], seen.barycentric()[..., None]
        backward = np.zeros((self.rows, self.columns, 2)) if under is None else under.copy()
        backward.reshape(-1, 2)[seen.pixel] = -sum(motion[corners[:, k]] * shares[:, k] for k in range(3))
        return Flow(self.left, self.top, self.cell, backward), seen.spread(seen.triangle, -1)


def _laid_out(points: Array, target: Array) -> tuple[_Grid, Array, Array]:
    """The grid, and on it the points [V, 3] of the sheet after the motion [V, 2], which is in pixels."""
    before, motion = _extended(points, target - points[:, :2])
    after = before[:, :2] + motion
    both = np.concatenate([before[:, :2], after])
    low = np.floor(both.min(0)).astype(int) - 1
    high = np.ceil(both.max(0)).astype(int) + 1
    cell = max(1, int(np.ceil((high - low).max() / _CELLS)))
    columns, rows = (int(n) + 1 for n in -(-(high - low) // cell))
    placed = np.column_stack([(after - low) / cell + 0.5, _FAR + before[:, 2] / cell])
    return _Grid(int(low[0]), int(low[1]), cell, columns, rows), placed, motion


@dataclass(frozen=True, slots=True, eq=False)
class FaceFlows:
    """How the skin of a face moves, on one grid.

    Args:
        whole: the sheet, stretched over the openings.
        upper: what is above an opening goes on for some cells into it and over what is below; for the border itself,
            where a grid would mix both sides.
        lower: likewise from below.
        skin: [R, C] bool, the cells that do not touch an eye or the inside of the mouth.
    """

    whole: Flow
    upper: Flow
    lower: Flow
    skin: Array

    @property
    def band(self) -> float:
        """Pixels on either side of a border within which `upper` and `lower` are to be asked."""
        return 2.5 * self.whole.cell


def _skirts(
    placed: Array, motion: Array, lines: tuple[tuple[int, ...], ...], away: Array
) -> tuple[Array, Array, Array]:
    """Strips that hang `away` [2] from lines of points [V, 3]: their points, how those move, and their triangles."""
    points, motions, triangles = [], [], []
    count = 0
    for line in lines:
        edge = placed[list(line)]
        points += [edge, edge + np.array([*away, 0])]
        motions += [motion[list(line)]] * 2
        upper = np.arange(len(line)) + count
        hem = upper + len(line)
        count += 2 * len(line)
        triangles += [np.stack([upper[:-1], hem[:-1], hem[1:]], 1), np.stack([upper[:-1], hem[1:], upper[1:]], 1)]
    whole = np.concatenate(points)
    return whole, np.concatenate(motions), _facing(whole, np.concatenate(triangles))


def _extended(points: Array, motion: Array) -> tuple[Array, Array]:
    """Points [478, 3] and motion [478, 2] with those of the rings, and of the lashes, after them."""
    border = points[list(FACE_OVAL)]
    middle = border[:, :2].mean(0)
    rings = [np.column_stack([middle + (border[:, :2] - middle) * reach, border[:, 2]]) for reach, _ in _RINGS]
    fading = [motion[list(FACE_OVAL)] * share for _, share in _RINGS]
    lids, folds = (points[[k for line in lines for k in line]] for lines in (UPPER_LIDS, LID_FOLDS))
    lashes = lids + LASHES * (folds - lids)
    carried = motion[[k for lid in UPPER_LIDS for k in lid]]
    return np.concatenate([points, *rings, lashes]), np.concatenate([motion, *fading, carried])


def _between(upper: tuple[int, ...], lower: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Triangles between two lines that share their ends."""
    steps = zip(pairwise(upper), pairwise(lower), strict=True)
    halves = (half for (a, b), (c, d) in steps for half in ((a, d, b), (a, c, d)))
    return [corners for corners in halves if len(set(corners)) == 3]


def _band(inner: Array, outer: Array) -> Array:
    """Triangles between two rings."""
    inner_next, outer_next = np.roll(inner, -1), np.roll(outer, -1)
    halves = ((inner, outer, outer_next), (inner, outer_next, inner_next))
    return np.concatenate([np.stack(corners, axis=1) for corners in halves])


def _facing(points: Array, triangles: Array) -> Array:
    """The triangles, each turned to face the viewer."""
    a, b, c = (points[triangles[:, k], :2] for k in range(3))
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    return np.where(turn[:, None] > 0, triangles[:, ::-1], triangles)
