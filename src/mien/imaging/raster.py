"""Which triangle is seen at each pixel: a z-buffer in plain numpy.

Every triangle is cut into spans, one per row of pixel centres, and all spans of a mesh are worked on at once, so that
a thousand large triangles cost what fifty thousand small ones do: what the pixels cost that they cover.

A pixel belongs to the span whose left end is at or before its centre and whose right end is behind it. Two triangles
that share an edge compute its crossing with a row from the same two vertices in the same order, to the last bit, so
a pixel on the edge falls to one of them: there are no holes and no doubles.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array, frozen_array

NEAR = 1e-3
"""Metres: a triangle with a corner closer to the camera than this is left out."""

_LEAST_TURN, _SLIVER = 1e-12, 1e-6
"""Twice the area, square pixels, below which a triangle is left out, and below which it counts as of one depth."""

_CHUNK = 1 << 23
"""Pixels that the boxes of the triangles worked on at once may hold, so that memory stays bounded."""


def _least(corners: Array) -> Array:
    return np.asarray(np.minimum(np.minimum(corners[0], corners[1]), corners[2]))


def _most(corners: Array) -> Array:
    return np.asarray(np.maximum(np.maximum(corners[0], corners[1]), corners[2]))


@dataclass(frozen=True, slots=True, eq=False)
class _Front:
    """Triangles that face the viewer: x, y and 1 / depth of their corners [3, F], and twice their area [F], below 0.

    One over the depth is linear in the picture, where the depth itself is not.
    """

    x: Array
    y: Array
    inverse: Array
    turn: Array

    def slopes(self) -> tuple[Array, Array]:
        """How much 1 / depth grows per pixel, [F] across and [F] down."""
        (x1, x2), (y1, y2), (w1, w2) = (v[1:] - v[0] for v in (self.x, self.y, self.inverse))
        turn = np.where(self.turn < -_SLIVER, self.turn, -np.inf)
        return (w1 * y2 - w2 * y1) / turn, (w2 * x1 - w1 * x2) / turn

    def parts(self, width: int, height: int) -> Iterator[slice]:
        """Runs of triangles whose boxes in the picture hold about `_CHUNK` pixels at most."""
        wide, high = (
            np.clip(_most(v), 0, size) - np.clip(_least(v), 0, size) + 1
            for v, size in ((self.x, width), (self.y, height))
        )
        chunks = np.cumsum(wide * high) // _CHUNK
        bounds = np.concatenate([[0], np.flatnonzero(np.diff(chunks)) + 1, [len(chunks)]])
        return (slice(a, b) for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True) if b > a)

    def shares(self, place: Array, x: Array, y: Array) -> Array:
        """Shares of the corners [P, 3] float32 of triangles `place` [P] at x [P], y [P]."""
        # Linear functions about the first corner. Float64: slivers have slopes that eat up the digits of float32.
        (x1, x2), (y1, y2) = (v[1:] - v[0] for v in (self.x, self.y))
        w0, w1, w2 = self.inverse
        right, below = x - self.x[0][place], y - self.y[0][place]
        second = (y2 / self.turn)[place] * right - (x2 / self.turn)[place] * below
        third = (x1 / self.turn)[place] * below - (y1 / self.turn)[place] * right
        # A centre on an edge may lie beyond it by a rounding, and in a sliver that is far.
        second, third = np.clip(second, 0, 1), np.clip(third, 0, 1)
        first = np.maximum(1 - second - third, 0) * w0[place]
        second *= w1[place]
        third *= w2[place]
        total = first + second + third
        shares = np.empty((len(place), 3), np.float32)
        for corner, share in enumerate((first, second, third)):
            np.divide(share, total, out=shares[:, corner], casting="same_kind")
        return shares


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is seen of a mesh, pixel by pixel where there is something; in the order of the pixels.

    Args:
        width: of the picture, pixels.
        height: likewise.
        pixel: [P] `row * width + column`, rising.
        triangle: [P] which triangle.
        depth: [P] float32, in the unit of the vertices' third column.
    """

    width: int
    height: int
    pixel: Array
    triangle: Array
    depth: Array
    _front: _Front
    _place: Array

    def barycentric(self, which: Array | slice = slice(None)) -> Array:
        """Shares [P', 3] float32 of the triangle's corners at the centres of some pixels, corrected for depth.

        They sum to 1. `which` is places in `pixel`, or a mask of it.
        """
        row, column = np.divmod(self.pixel[which].astype(np.int32), np.int32(self.width))
        return self._front.shares(self._place[which], column + 0.5, row + 0.5)

    def spread(self, values: Array, elsewhere: float) -> Array:
        """Values [P, ...] of the seen pixels as a picture [height, width, ...], with `elsewhere` in the others."""
        picture = np.empty((self.height * self.width, *values.shape[1:]), values.dtype)
        picture[...] = elsewhere
        picture[self.pixel] = values
        return picture.reshape(self.height, self.width, *values.shape[1:])


def rasterise(vertices: Array, triangles: Array, width: int, height: int) -> Seen:
    """Which triangle is seen at each pixel of a picture.

    Args:
        vertices: [V, 3] x and y in pixels, centres at .5, and depth, growing away from the viewer.
        triangles: [M, 3] indices of vertices, counter-clockwise as the viewer sees their front; backs are not seen.
        width: of the picture, pixels.
        height: likewise.

    Returns:
        What is seen. Of triangles at one depth one is seen. Those with a corner nearer than `NEAR` are left out whole.

    Raises:
        ValueError: a coordinate is not finite, an array has another shape, or a size is below 1.
    """
    if width < 1 or height < 1:
        raise ValueError(f"a picture needs at least one pixel, got {width} x {height}")
    points = frozen_array(vertices, "vertices", (None, 3))
    corners = frozen_array(triangles, "triangles", (None, 3), np.intp)
    x, y, depth = (points[:, axis][corners.T] for axis in range(3))
    with np.errstate(over="ignore", invalid="ignore"):  # a triangle beyond all numbers has no front
        turn = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    inside = (_most(x) > 0) & (_most(y) > 0) & (_least(x) < width) & (_least(y) < height)
    candidates = np.flatnonzero((turn < -_LEAST_TURN) & np.isfinite(turn) & inside & (_least(depth) > NEAR))
    # From back to front: then the last writer of a pixel is nearly always the one that is seen.
    candidates = candidates[np.argsort(-depth[:, candidates].sum(0))]
    front = _Front(x[:, candidates], y[:, candidates], 1 / depth[:, candidates], turn[candidates])
    owner = np.full(width * height, -1, np.int32)
    nearest = np.zeros(width * height, np.float32)
    for part in front.parts(width, height):
        fragments = _fragments(front, part, width, height)
        _settle(owner, nearest, *(fragments if part.start == 0 else _closer(nearest, *fragments)))
    pixel = np.flatnonzero(owner >= 0)
    place = owner[pixel]
    return Seen(width, height, pixel, candidates[place], 1 / nearest[pixel], front, place)


def _fragments(front: _Front, part: slice, width: int, height: int) -> tuple[Array, Array, Array]:
    """Every pixel under each triangle of a part: its place [N], 1 / depth [N] float32, and the triangle [N] int32."""
    x, y = front.x[:, part], front.y[:, part]
    order = np.argsort(y, axis=0)
    x, y = (np.take_along_axis(v, order, axis=0) for v in (x, y))
    top, middle, bottom = np.clip(np.ceil(y - 0.5), 0, height).astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # level edges meet no row
        long, upper, lower = ((x[b] - x[a]) / (y[b] - y[a]) for a, b in ((0, 2), (0, 1), (1, 2)))
    rows = bottom - top
    triangle = np.repeat(np.arange(len(rows)), rows)
    row = np.arange(len(triangle)) - np.repeat(np.cumsum(rows) - rows - top, rows)
    level, start = row + 0.5, (row >= middle[triangle]).astype(np.intp)
    one = x[0][triangle] + (level - y[0][triangle]) * long[triangle]
    other = x[start, triangle] + (level - y[start, triangle]) * np.stack([upper, lower])[start, triangle]
    left, right = (np.clip(np.ceil(f(one, other) - 0.5), 0, width) for f in (np.minimum, np.maximum))
    covered = left < right
    triangle, row, left = triangle[covered], row[covered], left[covered]
    count = (right[covered] - left).astype(np.int64)
    across, down = (slope[part] for slope in front.slopes())
    origin_x, origin_y, inverse = (v[0, part] for v in (front.x, front.y, front.inverse))
    first = (
        inverse[triangle]
        + across[triangle] * (left + 0.5 - origin_x[triangle])
        + down[triangle] * (row + 0.5 - origin_y[triangle])
    )
    before = np.cumsum(count) - count
    step = np.arange(count.sum(), dtype=np.intp)
    pixel = step + np.repeat(row * width + left.astype(np.intp) - before, count)
    step -= np.repeat(before, count)
    closeness = np.repeat(first.astype(np.float32), count)
    closeness += step.astype(np.float32) * np.repeat(across[triangle].astype(np.float32), count)
    return pixel, closeness, np.repeat((triangle + part.start).astype(np.int32), count)


def _closer(nearest: Array, pixel: Array, closeness: Array, triangle: Array) -> tuple[Array, Array, Array]:
    """The fragments that are closer than what is there."""
    which = np.flatnonzero(closeness > nearest[pixel])
    return pixel[which], closeness[which], triangle[which]


def _settle(owner: Array, nearest: Array, pixel: Array, closeness: Array, triangle: Array) -> None:
    """Writes fragments that are closer than what is there into `owner` and `nearest`, of each pixel the closest."""
    while len(pixel):
        # Of several fragments of one pixel the last one stays, in both buffers; closer ones come back for it.
        nearest[pixel] = closeness
        owner[pixel] = triangle
        pixel, closeness, triangle = _closer(nearest, pixel, closeness, triangle)
