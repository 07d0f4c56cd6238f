"""A displacement of part of a picture, and its application to the picture's own pixels.

The field is computed on a coarse grid of square cells and is bilinear within each: enough for skin, whose motion is
smooth, and quick on the pictures of any camera. Pixel centres lie at .5, as everywhere.
"""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.image import Frame
from mien.imaging.cubic import REACH, between, packed

_STILL = 0.01
"""Pixels: what moves less keeps its own value, to the bit."""

_AT_ONCE = 1 << 13
"""Pixels that are looked up at once, or a row of cells."""

_BEYOND = 2
"""Cells beyond the picture's border that are looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Where the pixels of a part of a picture come from.

    Args:
        left: pixel column of the part's left border; it may lie outside the picture.
        top: likewise, its row.
        cell: pixels along a cell of the grid.
        backward: [R + 1, C + 1, 2] at the corners of the cells, pixels: added to a place of the result, it gives the
            place of the picture that is seen there.
    """

    left: int
    top: int
    cell: int
    backward: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "backward", frozen_array(self.backward, "backward", (None, None, 2), np.float64))
        if min(self.backward.shape[:2]) < 2 or self.cell < 1:
            raise ValueError("a flow needs a cell of at least one pixel")

    @property
    def rows(self) -> int:
        """Cells down."""
        return int(self.backward.shape[0]) - 1

    @property
    def columns(self) -> int:
        """Cells across."""
        return int(self.backward.shape[1]) - 1

    def nodes(self) -> Array:
        """[R + 1, C + 1, 2] x and y of the corners of the cells in the picture, pixels."""
        x = self.left + self.cell * np.arange(self.columns + 1, dtype=np.float64)
        y = self.top + self.cell * np.arange(self.rows + 1, dtype=np.float64)
        return np.stack(np.meshgrid(x, y), axis=-1)

    def part(self, box: Array) -> "Flow | None":
        """The cells that a box [4] x0, y0, x1, y1 in pixels of the picture meets; None when it meets none."""
        first = np.clip(np.floor((box[:2] - [self.left, self.top]) / self.cell), 0, None).astype(int)
        last = np.ceil((box[2:] - [self.left, self.top]) / self.cell).astype(int)
        last = np.minimum(last, [self.columns, self.rows])
        if (last <= first).any():
            return None
        corners = self.backward[first[1] : last[1] + 1, first[0] : last[0] + 1]
        left, top = np.array([self.left, self.top]) + first * self.cell
        return Flow(int(left), int(top), self.cell, corners)

    def turns(self) -> Array:
        """[R, C] area that a unit of each cell takes up in the picture, at the worse of its corners: below 0 where the
        map is folded over."""
        places = self.nodes() + self.backward
        across, down = np.diff(places, axis=1) / self.cell, np.diff(places, axis=0) / self.cell
        areas = [
            across[i : i + self.rows, :, 0] * down[:, j : j + self.columns, 1]
            - across[i : i + self.rows, :, 1] * down[:, j : j + self.columns, 0]
            for i in (0, 1)
            for j in (0, 1)
        ]
        return np.asarray(np.min(areas, axis=0))

    def moving(self) -> Array:
        """[R, C] bool, the cells in which anything moves."""
        moved = np.maximum(*np.moveaxis(np.abs(self.backward), -1, 0)) > _STILL
        return np.asarray(moved[:-1, :-1] | moved[1:, :-1] | moved[:-1, 1:] | moved[1:, 1:])

    def enlarged(self, cells: Array) -> Array:
        """[R * cell, C * cell] values of the cells [R, C], pixel by pixel."""
        return np.repeat(np.repeat(cells, self.cell, axis=0), self.cell, axis=1)

    def over(self, width: int, height: int) -> Array:
        """[height, width, 2] what is added to each place of a picture of that size, pixels; 0 where the flow is not."""
        fine = np.moveaxis(_spread(np.moveaxis(self.backward, -1, 0).astype(np.float32), self.cell), 0, -1)
        rows, columns = fine.shape[:2]
        x0, y0 = max(self.left, 0), max(self.top, 0)
        x1, y1 = max(min(self.left + columns, width), x0), max(min(self.top + rows, height), y0)
        laid = np.zeros((height, width, 2), np.float32)
        laid[y0:y1, x0:x1] = fine[y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left]
        return laid

    def sample(self, frame: Frame, wanted: Array | None = None) -> Array:
        """The part of the result: the picture's own pixels where they come from, by cubic interpolation.

        Beyond its border the picture goes on as it ends.

        Args:
            frame: the picture.
            wanted: [R, C] bool, the cells that anybody asks for; what is in the others does not matter. All when not
                given.

        Returns:
            [R * cell, C * cell, 3] uint8, a new array.
        """
        moved = self.moving() if wanted is None else self.moving() & wanted
        result = _cut(frame, np.array([self.left, self.top]), np.array([self.columns, self.rows]) * self.cell)
        if not moved.any():
            return result
        # Cells across the border keep their shape; those beyond it all show the same.
        beyond = _BEYOND * self.cell
        places = np.ascontiguousarray(np.moveaxis(self.nodes() + self.backward, -1, 0))
        np.clip(places, -beyond, np.reshape([frame.width, frame.height], (2, 1, 1)) + beyond, out=places)
        low, high = np.floor(places.min((1, 2))).astype(int) - REACH, np.ceil(places.max((1, 2))).astype(int) + REACH
        lanes = packed(_cut(frame, low, high - low))
        corners = (places - low[:, None, None]).astype(np.float32)
        some = max(_AT_ONCE // (self.columns * self.cell**2), 1)
        for first in range(0, self.rows, some):
            across = np.flatnonzero(moved[first : first + some].any(0))
            if len(across):
                left, right = int(across[0]), int(across[-1]) + 1
                x, y = _spread(corners[:, first : first + some + 1, left : right + 1], self.cell)
                part = result[first * self.cell :, left * self.cell :][: x.shape[0], : x.shape[1]]
                part[:] = between(lanes, x.ravel(), y.ravel()).reshape(part.shape)
        return result


def _cut(frame: Frame, corner: Array, size: Array) -> Array:
    """[h, w, 3] a part of a picture of `size` [2] w, h from `corner` [2] x, y on, a new array.

    Beyond its border the picture goes on as it ends.
    """
    (left, top), (right, bottom) = corner.tolist(), (corner + size).tolist()
    if min(left, top) >= 0 and right <= frame.width and bottom <= frame.height:
        return np.array(frame.pixels[top:bottom, left:right])
    columns, rows = np.arange(left, right), np.arange(top, bottom)
    return np.asarray(frame.pixels.take(rows, 0, mode="clip").take(columns, 1, mode="clip"))


def shown_at(frame: Frame, places: Array) -> Array:
    """[..., 3] uint8 what a picture shows at `places` [..., 2], pixels, by cubic interpolation.

    Beyond its border the picture goes on as it ends.
    """
    flat = places.reshape(-1, 2)
    near = np.clip(flat, -_BEYOND, np.array([frame.width, frame.height]) + _BEYOND)
    low, high = np.floor(near.min(0)).astype(int) - REACH, np.ceil(near.max(0)).astype(int) + REACH
    x, y = (near - low).astype(np.float32).T
    return between(packed(_cut(frame, low, high - low)), x, y).reshape(*places.shape[:-1], 3)


def _spread(corners: Array, cell: int) -> Array:
    """[2, R * cell, C * cell] what lies at the centres of the pixels between corners of cells [2, R + 1, C + 1]."""
    for _ in range(2):
        near, step = corners[:, :-1], np.diff(corners, axis=1)
        fine = np.empty((2, corners.shape[2], near.shape[1] * cell), np.float32).swapaxes(1, 2)
        for k in range(cell):
            fine[:, k::cell] = near + step * np.float32((k + 0.5) / cell)
        corners = fine.swapaxes(1, 2)
    return corners
