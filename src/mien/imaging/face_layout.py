"""A face rolled out on one layout, so that a place of a cheek is the same pixel on every face, whatever it expresses.

The layout is the mean face seen from the front; a picture is sampled where a face's own landmarks put each triangle of
it. What a warp along landmarks does is then the identity: two expressions of a face differ in shading alone.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mien.core.arrays import Array, frozen_array
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS
from mien.core.geometry import bounds, fit_similarity
from mien.core.image import Frame
from mien.core.points import EYE_LEFT, EYE_RIGHT, FACE_OVAL, OUTER_LIPS, STEADY
from mien.imaging.raster import rasterise

WIDTH, HEIGHT = 88, 104
"""Pixels of the layout: an adult's irises lie about 39 apart."""

DARK = 8.0
"""Grey levels that are added before a logarithm is taken: the noise of dark pixels is no shading."""

MAPS = ("cover", "x", "y", "across", "down")
"""What the maps of a motion hold, in order."""

_BORDER = 2.0
"""Pixels between the face and the upper and lower ends of the layout."""

_FAR = 1e4
"""How far off the face is taken to be, in pixels: so far that nothing is foreshortened."""

_BROWS = (
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
_NOSE = (48, 115, 131, 134, 51, 5, 281, 363, 360, 344, 278, 294, 327, 326, 2, 97, 98, 64)
"""Rings that are left out: hairs and nostrils that lie a little elsewhere are no shading."""

_WITHIN, _FADE, _EDGE = 0.93, 2.2, 0.9
"""Where the cover ends, in distances of the face's border from its middle; pixels over which it fades there, and at
what is left out."""

_FINE = 4
"""Samples along a pixel's side where the cover is drawn."""

_NODES = 40.0
"""Cells along an inter-ocular distance by which what was found on the layout is laid on a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceLayout:
    """Which point of which triangle each pixel of the layout is.

    Args:
        placed: [478, 2] the landmarks on the layout, pixels.
        triangles: [M, 3] of the skin, counter-clockwise for the viewer.
        pixel: [P] `row * WIDTH + column` of the pixels that are skin.
        corners: [P, 3] the landmarks at the corners of each one's triangle.
        shares: [P, 3] how much of each.
        cover: [104, 88] float32 of 0 to 1, where shading may change: cheeks, forehead, lids and chin; 0 in eyes, brows
            and mouth and on the tip of the nose, fading out before the border of the face.
    """

    placed: Array
    triangles: Array
    pixel: Array
    corners: Array
    shares: Array
    cover: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "placed", frozen_array(self.placed, "placed", (LANDMARKS, 2), np.float64))
        object.__setattr__(self, "cover", frozen_array(self.cover, "cover", (HEIGHT, WIDTH), np.float32))

    @classmethod
    def of(cls, mean: Array, triangles: Array) -> Self:
        """The layout of a topology.

        Args:
            mean: [478, 3] some upright face, y down.
            triangles: [M, 3] of its points without those in eyes and mouth, counter-clockwise for the viewer.
        """
        box = bounds(mean)
        scale = (HEIGHT - 2 * _BORDER) / float(box[3] - box[1])
        middle = (box[:2] + box[2:]) / 2
        placed = (mean[:, :2] - middle) * scale + [WIDTH / 2, HEIGHT / 2]
        seen = rasterise(np.column_stack([placed, _FAR + mean[:, 2] * scale]), triangles, WIDTH, HEIGHT)
        skin = seen.spread(np.ones(len(seen.pixel), np.float32), 0.0)
        return cls(placed, triangles, seen.pixel, triangles[seen.triangle], seen.barycentric(), _cover(placed) * skin)

    def spread(self, values: Array) -> Array:
        """[K, 144, 112] float32 of values [478, K] at the landmarks, linear between them and 0 where no skin is."""
        planes = np.zeros((values.shape[1], HEIGHT * WIDTH), np.float32)
        planes[:, self.pixel] = (values[self.corners] * self.shares[..., None]).sum(1).T
        return planes.reshape(-1, HEIGHT, WIDTH)

    def brightness(self, frame: Frame, points: Array) -> Array:
        """[104, 88] float32: the logarithm of luminance (0 to 255) plus `DARK` of a face's skin; 0 elsewhere.

        Args:
            frame: the picture.
            points: [478, 2 or more] landmarks in it, pixels with centres at .5.
        """
        own = _between_eyes(points) / _between_eyes(self.placed)
        factor = max(int(own), 1)
        box = bounds(points)
        low = np.clip(np.floor(box[:2]).astype(int) - 2 * factor, 0, [frame.width - 1, frame.height - 1])
        high = np.clip(np.ceil(box[2:]).astype(int) + 2 * factor, low + 1, [frame.width, frame.height])
        part = Image.fromarray(np.ascontiguousarray(frame.pixels[low[1] : high[1], low[0] : high[0]])).convert("L")
        grey = np.asarray(part.reduce(factor) if factor > 1 else part, np.float32)
        at = ((points[:, :2] - low) / factor - 0.5)[self.corners]
        x, y = np.moveaxis((at * self.shares[..., None]).sum(1), 1, 0)
        rolled = np.zeros(HEIGHT * WIDTH, np.float32)
        rolled[self.pixel] = np.log(_bilinear(grey, x, y) + np.float32(DARK))
        return rolled.reshape(HEIGHT, WIDTH)

    def maps(self, points: Array, target: Array) -> Array:
        """[5, 144, 112] float32, the planes that `MAPS` names, of a face whose points move.

        `cover` is the layout's; `x` and `y` are -1 to 1 over it; `across` and `down` how far the skin moves, pixels of
        the layout, without what the whole head does.

        Args:
            points: [478, 3] where the landmarks are, pixels of some picture, z in the same scale.
            target: [478, 3] where they come to be, pixels of the same or of another picture; a head that turned and
                moved between the two is turned back.
        """
        steady = np.zeros(LANDMARKS)
        steady[list(STEADY)] = 1
        before, after = points.astype(np.float64), target.astype(np.float64)
        back = fit_similarity(after, before, steady)
        moved = (after @ (back.scale * back.rotation).T + back.translation - before)[:, :2]
        laid = fit_similarity(before[:, :2], self.placed, steady)
        across, down = self.spread(moved @ (laid.scale * laid.rotation).T)
        x = np.broadcast_to((np.arange(WIDTH, dtype=np.float32) + 0.5) * (2 / WIDTH) - 1, (HEIGHT, WIDTH))
        y = np.broadcast_to(((np.arange(HEIGHT, dtype=np.float32) + 0.5) * (2 / HEIGHT) - 1)[:, None], (HEIGHT, WIDTH))
        return np.stack([self.cover, x, y, across, down])

    def laid(self, plane: Array, points: Array) -> "Laid":
        """What was found on the layout, on a face of a picture.

        Args:
            plane: [104, 88] float32; 0 where the layout has no skin.
            points: [478, 3] the face's landmarks, pixels, z in the same scale: what is behind another part is not seen.
        """
        cell = max(int(_between_eyes(points) / _NODES), 1)
        box = bounds(points)
        left, top = (np.floor(box[:2]).astype(int) - cell).tolist()
        columns, rows = (-(-(np.ceil(box[2:]).astype(int) - [left, top]) // cell) + 1).tolist()
        placed = np.column_stack([(points[:, :2] - [left, top]) / cell, _FAR + points[:, 2] / cell])
        seen = rasterise(placed, self.triangles, columns, rows)
        at = (self.placed[self.triangles[seen.triangle]] * seen.barycentric()[..., None]).sum(1) - 0.5
        return Laid(left, top, cell, seen.spread(_bilinear(plane, at[:, 0], at[:, 1]), 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A plane that lies on part of a picture, in square cells.

    Args:
        left: pixel column of the part's left border; it may lie outside the picture.
        top: likewise, its row.
        cell: pixels along a cell.
        values: [R, C] float32 in the middles of the cells.
    """

    left: int
    top: int
    cell: int
    values: Array

    def on(self, left: int, top: int, width: int, height: int) -> tuple[Array, tuple[slice, slice]]:
        """The values, smooth from pixel to pixel, of a part of the picture, and the rows and columns where they lie.

        Args:
            left: pixel column of that part's left border.
            top: likewise, its row.
            width: of that part, pixels.
            height: likewise.

        Returns:
            [h, w] float32, and where in the part they are: h or w is 0 where the two do not meet.
        """
        rows, columns = self.values.shape
        x0, y0 = max(self.left, left), max(self.top, top)
        x1 = max(min(self.left + columns * self.cell, left + width), x0)
        y1 = max(min(self.top + rows * self.cell, top + height), y0)
        where = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        if x1 == x0 or y1 == y0:
            return np.zeros((y1 - y0, x1 - x0), np.float32), where
        x, y, cell = x0 - self.left, y0 - self.top, self.cell
        box = (x / cell, y / cell, (x + x1 - x0) / cell, (y + y1 - y0) / cell)
        small = Image.fromarray(np.ascontiguousarray(self.values, np.float32))
        return np.asarray(small.resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC, box)), where


def _between_eyes(points: Array) -> float:
    """Distance of the irises of points [478, 2 or more]."""
    return float(np.linalg.norm(points[IRIS_LEFT, :2] - points[IRIS_RIGHT, :2]))


def _bilinear(picture: Array, x: Array, y: Array) -> Array:
    """[P] float32 of a picture [H, W] at places in pixels whose centres are whole numbers; beyond it, what is on its
    edge."""
    height, width = picture.shape
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.minimum(x.astype(np.intp), max(width - 2, 0)), np.minimum(y.astype(np.intp), max(height - 2, 0))
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    u, v = x - left, y - top
    upper = picture[top, left] * (1 - u) + picture[top, right] * u
    lower = picture[below, left] * (1 - u) + picture[below, right] * u
    return np.asarray(upper * (1 - v) + lower * v, np.float32)


def _cover(placed: Array) -> Array:
    """[104, 88] float32 of 0 to 1: where shading may change on a face whose points lie so on the layout."""
    oval = placed[list(FACE_OVAL)]
    middle = (oval.min(0) + oval.max(0)) / 2
    cover = _drawn([middle + (oval - middle) * _WITHIN], _FADE)
    left_out = [placed[list(ring)] for ring in (EYE_LEFT, EYE_RIGHT, OUTER_LIPS, _NOSE, *_BROWS)]
    # Blurred outwards alone: inside it stays left out.
    kept_out = np.maximum(_drawn(left_out, 0.0), _drawn(left_out, _EDGE))
    return np.asarray(cover * (1 - kept_out), np.float32)


def _drawn(rings: list[Array], soft: float) -> Array:
    """[104, 88] how much of each pixel some rings [N, 2] cover, blurred over `soft` pixels."""
    canvas = Image.new("L", (WIDTH * _FINE, HEIGHT * _FINE))
    pen = ImageDraw.Draw(canvas)
    for ring in rings:
        pen.polygon([(x * _FINE - 0.5, y * _FINE - 0.5) for x, y in ring.tolist()], fill=255)
    blurred = canvas.filter(ImageFilter.GaussianBlur(soft * _FINE)) if soft else canvas
    return np.asarray(blurred.reduce(_FINE), np.float32) / 255
