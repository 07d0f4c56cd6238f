"""A displacement of part of a picture, and its application to the picture's own pixels.

The field is computed on a coarse grid of square cells and is bilinear within each: enough for skin, whose motion is
smooth, and quick on the pictures of any camera. Pixel centres lie at .5, as everywhere.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from mien.core.arrays import Array, frozen_array
from mien.core.image import Frame

_STILL = 0.01
"""Pixels: what moves less keeps its own value, to the bit."""

_SIDES, _BENT = (8, 4, 2, 1), 0.15
"""Cells along a side that are moved as one where none is off by more than so many pixels: few large pieces are quicker
than many small ones."""


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
        moved = np.abs(self.backward).max(-1) > _STILL
        return np.asarray(moved[:-1, :-1] | moved[1:, :-1] | moved[:-1, 1:] | moved[1:, 1:])

    def enlarged(self, cells: Array) -> Array:
        """[R * cell, C * cell] values of the cells [R, C], pixel by pixel."""
        return np.repeat(np.repeat(cells, self.cell, axis=0), self.cell, axis=1)

    def sample(self, frame: Frame, wanted: Array | None = None) -> Array:
        """The part of the result: the picture's own pixels where they come from, by cubic interpolation.

        Beyond its border the picture goes on as it ends.

        Args:
            frame: the picture.
            wanted: [R, C] bool, the cells that anybody asks for; the others stay black. All when not given.

        Returns:
            [R * cell, C * cell, 3] uint8.
        """
        places = self.nodes() + self.backward
        # Cells across the border keep their shape; those beyond it all show the same.
        beyond = _BEYOND * self.cell
        places = np.clip(places, -beyond, np.array([frame.width, frame.height]) + beyond)
        low = np.floor(places.min((0, 1))).astype(int) - 3
        high = np.ceil(places.max((0, 1))).astype(int) + 3
        columns, rows = (np.arange(*ends) for ends in zip(low, high, strict=True))
        near = Image.fromarray(frame.pixels.take(rows, 0, mode="clip").take(columns, 1, mode="clip"))
        boxes, quads = _quads(places - low, wanted)
        pieces = [(tuple(box), quad) for box, quad in zip((boxes * self.cell).tolist(), quads.tolist(), strict=True)]
        size = (self.columns * self.cell, self.rows * self.cell)
        return np.asarray(near.transform(size, Image.Transform.MESH, pieces, Image.Resampling.BICUBIC))


def _quads(places: Array, wanted: Array | None) -> tuple[Array, Array]:
    """Squares of cells that together cover a grid, large where a bilinear map is as good as the cells' own.

    Args:
        places: [R + 1, C + 1, 2] where the corners of the cells come from.
        wanted: [R, C] bool, the cells to be covered; all when not given.

    Returns:
        [Q, 4] whole numbers: left, top, right and bottom of each square in cells, and [Q, 8] its corners' places: upper
        left, lower left, lower right, upper right.
    """
    rows, columns = places.shape[0] - 1, places.shape[1] - 1
    done = np.zeros((rows, columns), bool) if wanted is None else ~wanted
    boxes, quads = [], []
    for side in _SIDES:
        high, wide = rows // side, columns // side
        corners = places[: high * side + 1 : side, : wide * side + 1 : side]
        a, b, c, d = corners[:-1, :-1], corners[1:, :-1], corners[1:, 1:], corners[:-1, 1:]
        free = ~done[: high * side, : wide * side].reshape(high, side, wide, side).any((1, 3))
        step = max(side // 4, 1)  # what is bent between shows at every fourth place
        for i in range(0, side + 1, step) if side > 1 else ():
            for j in range(0, side + 1, step):
                v, u = i / side, j / side
                bent = (1 - v) * ((1 - u) * a + u * d) + v * ((1 - u) * b + u * c)
                own = places[i : i + high * side : side, j : j + wide * side : side][:high, :wide]
                free &= (np.abs(own - bent) < _BENT).all(-1)
        done[: high * side, : wide * side] |= np.repeat(np.repeat(free, side, axis=0), side, axis=1)
        y, x = np.nonzero(free)
        boxes.append(np.stack([x, y, x + 1, y + 1], axis=1) * side)
        quads.append(np.concatenate([a, b, c, d], axis=-1)[free])
    return np.concatenate(boxes), np.concatenate(quads)
