"""What is seen through the eyes and the mouth: it lies behind the skin and does not move with it.

A lid that comes down covers the eye; it does not squeeze it. So the content of an opening is a layer of its own, seen
where the opening is in the result.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image, ImageFilter

from mien.core.arrays import Array, frozen_array
from mien.core.geometry import bounds
from mien.core.image import Frame
from mien.imaging.flow import Flow

_FINER = 4
"""Lines down a pixel along which an opening's border is followed."""

_BENDS = 8
"""Straight pieces between two points of a border."""

_CARRIED, _KEPT = 1.15, 2.4
"""Radii of the iris: within the first everything goes with it, beyond the second nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A part of the result with a border that pixels are cut by.

    Args:
        outline: [N, 2] its border, pixels, straight from one to the next.
    """

    outline: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "outline", frozen_array(self.outline, "outline", (None, 2), np.float64))

    @classmethod
    def between(cls, upper: Array, lower: Array) -> Self:
        """What lies between two lines [N, 2] that run the same way and share their ends."""
        return cls(np.concatenate([smooth(upper), smooth(lower)[::-1]]))

    @classmethod
    def along(cls, line: Array, away: Array) -> Self:
        """A strip along a line [N, 2], as wide as `away` [2] and on that side of it."""
        curve = smooth(line)
        return cls(np.concatenate([curve, curve[::-1] + away]))

    def share(self, left: int, top: int, width: int, height: int) -> Array:
        """[height, width] float32, how much of each pixel of a part of the picture the region takes, 0 to 1."""
        lines = top + (np.arange(height * _FINER) + 0.5) / _FINER
        begin, end = self.outline, np.roll(self.outline, -1, axis=0)
        line, edge = np.nonzero((begin[:, 1] <= lines[:, None]) != (end[:, 1] <= lines[:, None]))
        (x, y), (dx, dy) = begin[edge].T, (end - begin)[edge].T
        crossing = x + (lines[line] - y) / dy * dx - left
        # What lies to the right of a crossing is inside on the way down and outside again on the way up.
        beyond = np.sign(dy)[:, None] * np.clip(np.arange(1, width + 1) - crossing[:, None], 0, 1)
        wound = np.zeros((height * _FINER, width))
        if len(line):
            crossed, first = np.unique(line, return_index=True)
            wound[crossed] = np.add.reduceat(beyond, first)
        inside = np.minimum(np.abs(wound), 1)
        return np.asarray(inside.reshape(height, _FINER, width).mean(1, dtype=np.float32))


def smooth(line: Array) -> Array:
    """[(N - 1) * 8 + 1, 2] places on the cubic curve through points [N, 2], after E. Catmull and R. Rom (1974)."""
    ends = np.concatenate([2 * line[:1] - line[1:2], line, 2 * line[-1:] - line[-2:-1]])
    before, here, after, then = (ends[k : len(ends) - 3 + k, None] for k in range(4))
    t = (np.arange(_BENDS) / _BENDS)[None, :, None]
    curve = 0.5 * (
        2 * here
        + (after - before) * t
        + (2 * before - 5 * here + 4 * after - then) * t**2
        + (3 * here - before - 3 * after + then) * t**3
    )
    return np.concatenate([curve.reshape(-1, 2), line[-1:]])


def looking(flow: Flow, iris: Array, shift: Array) -> Flow:
    """The motion of an eye's content that takes the iris elsewhere, on the grid of `flow`.

    Args:
        flow: gives the grid.
        iris: [5, 2] its middle and border in the picture, pixels.
        shift: [2] pixels.
    """
    if not shift.any():
        return Flow(flow.left, flow.top, flow.cell, np.zeros_like(flow.backward))
    radius = max(float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean()), 1e-6)
    away = np.linalg.norm(flow.nodes() - (iris[0] + shift), axis=-1) / radius
    share = np.clip((_KEPT - away) / (_KEPT - _CARRIED), 0, 1)
    return Flow(flow.left, flow.top, flow.cell, -shift * (share * share * (3 - 2 * share))[..., None])


def lay_over(patch: Array, frame: Frame, flow: Flow, region: Region, content: Flow) -> Array:
    """Part of a result with a region of it seen by another motion.

    Args:
        patch: [h, w, 3] uint8, the part of the result that `flow` covers.
        frame: the picture.
        flow: gives the place of the patch.
        region: where the other motion holds.
        content: the other motion, on the grid of `flow`.

    Returns:
        [h, w, 3] uint8, a new array.
    """
    box = bounds(region.outline) + np.array([-2, -2, 2, 2])
    near = content.part(box)
    if near is None:
        return patch
    height, width = near.rows * near.cell, near.columns * near.cell
    share = region.share(near.left, near.top, width, height)
    wanted = np.asarray(share.reshape(near.rows, near.cell, near.columns, near.cell).any((1, 3)))
    other, share = near.sample(frame, wanted), share[..., None]
    rows = slice(near.top - flow.top, near.top - flow.top + height)
    columns = slice(near.left - flow.left, near.left - flow.left + width)
    mixed = patch.copy()
    skin = patch[rows, columns].astype(np.float32)
    mixed[rows, columns] = np.rint(skin + share * (other - skin)).astype(np.uint8)
    return mixed


def darkened(patch: Array, left: int, top: int, region: Region, amount: float, soft: float) -> Array:
    """Part of a result with a region in the shade.

    Args:
        patch: [h, w, 3] uint8.
        left: pixel column of the patch's left border in the picture.
        top: likewise, its row.
        region: what is in the shade.
        amount: 0 to 1, how much of the light is kept off.
        soft: pixels over which the shade fades out.

    Returns:
        [h, w, 3] uint8, a new array.
    """
    reach = int(np.ceil(3 * soft)) + 1
    x0, y0, x1, y1 = (bounds(region.outline) - [left, top, left, top]).tolist()
    columns = slice(max(int(x0) - reach, 0), min(int(np.ceil(x1)) + reach, patch.shape[1]))
    rows = slice(max(int(y0) - reach, 0), min(int(np.ceil(y1)) + reach, patch.shape[0]))
    shaded = patch.copy()
    near = shaded[rows, columns]
    if not near.size:
        return shaded
    share = region.share(left + columns.start, top + rows.start, near.shape[1], near.shape[0])
    faded = Image.fromarray(np.rint(255 * share).astype(np.uint8)).filter(ImageFilter.GaussianBlur(soft))
    light = 1 - np.float32(amount / 255) * np.asarray(faded, np.float32)[..., None]
    shaded[rows, columns] = np.rint(near * light).astype(np.uint8)
    return shaded
