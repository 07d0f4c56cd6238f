"""The patch round a mouth that a network paints in, placed by eyes and nose, and the maps that say what to paint.

The lips do not place it: where a painted tooth lies must follow from the skull, which eyes and nose tell, whether the
mouth is open or shut. Learning and painting cut and draw with the functions of this file, so the network sees at run
time what it saw while it learned.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mien.core.arrays import Array, frozen_array
from mien.core.face import LANDMARKS
from mien.core.geometry import affine_scale, apply_affine, compose_affine, invert_affine
from mien.core.points import INNER_LIPS, OUTER_LIPS

WIDTH, HEIGHT = 128, 96
"""Pixels of a patch. Over 10,000 photos the lips stay inside, the widest yawns among them."""

EYES = 100.0
"""Pixels of a patch between the outer corners of the eyes of a face that looks into the camera."""

GROW = 1.0
"""Pixels of a patch by which a hole is larger than the opening: less leaves the seam, more paints over the photo's own
lips, coarser than they were."""

LIP_EDGE = 0.9
"""Pixels of a patch from a lip's edge in which nothing of a mouth is kept: it is blurred, and landmarks not exact."""

LEAST_GAP = 0.8
"""Pixels of a patch between the lips below which nothing is painted."""

MAPS = ("hole", "opening", "below_upper", "above_lower", "along", "x", "y")
"""What the maps of a patch hold, in order."""

_EYE_RIGHT, _EYE_LEFT, _NOSE = 33, 263, 1
_TURNED = 2.0
"""How much a nose tip beside the middle of the eyes says that their distance is foreshortened, fitted on 10,000 photos:
with it, the height at which closed mouths lie varies least.
"""

_ASIDE, _DOWN, _WITH_NOSE = 0.34, 0.51, 0.53
"""Where a closed mouth lies: its share of the nose tip's way aside; its way down, and how far it goes with the tip."""

_RISE = 36.0
"""Pixels of a patch above a closed mouth: below it there must be room for the jaw."""

_REACH = 16.0
"""Pixels of a patch that are 1 in the maps of distance."""

_RIM, _NOISE = 2.0, 0.2
_USUAL, _SPREAD = -0.85, 0.3
"""Sharpness: pixels round the opening, grey levels that are noise; mean and deviation over the training mouths."""

_FINE = 4
"""Samples along a pixel's side where outlines are drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class MouthPatch:
    """Where a mouth's patch lies in its frame, and its lips.

    Args:
        to_frame: [2, 3] from the patch to the frame, both in pixels with centres at .5.
        inner: [20, 2] the ring `INNER_LIPS`, pixels of the patch.
        outer: [20, 2] the ring `OUTER_LIPS`, likewise.
    """

    to_frame: Array
    inner: Array
    outer: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "to_frame", frozen_array(self.to_frame, "to_frame", (2, 3)))
        for name, ring in (("inner", INNER_LIPS), ("outer", OUTER_LIPS)):
            object.__setattr__(self, name, frozen_array(getattr(self, name), name, (len(ring), 2)))

    @classmethod
    def of(cls, points: Array) -> Self:
        """The patch of a face.

        Args:
            points: [478, 2 or more] landmarks in pixels of the frame.

        Raises:
            ValueError: the points have another shape, are not finite, or the eyes lie in one place.
        """
        flat = frozen_array(points[..., :2], "points", (LANDMARKS, 2))
        return cls.at(flat, placement(flat))

    @classmethod
    def at(cls, points: Array, to_frame: Array) -> Self:
        """The patch that `to_frame` [2, 3] places, with the lips of `points` [478, 2] in pixels of the frame."""
        lips = apply_affine(invert_affine(to_frame), points[[*INNER_LIPS, *OUTER_LIPS], :2])
        return cls(to_frame, lips[: len(INNER_LIPS)], lips[len(INNER_LIPS) :])

    @property
    def scale(self) -> float:
        """Pixels of the frame along a pixel of the patch."""
        return affine_scale(self.to_frame)

    @property
    def gap(self) -> float:
        """The greatest distance of the lips, pixels of the patch; 0 where the lower one lies above the upper one."""
        upper, lower = lip_heights(self.inner, np.linspace(self.inner[:, 0].min(), self.inner[:, 0].max(), 33))
        return max(float((lower - upper).max()), 0.0)

    def cut(self, pixels: Array) -> Array:
        """[96, 128, 3] uint8 of `pixels` [H, W, 3] uint8; beyond their edge what lies on it."""
        return resampled(pixels, self.to_frame, WIDTH, HEIGHT)

    def mirrored(self) -> Self:
        """The patch of the mirrored face, whose pixels are these with the columns reversed.

        `to_frame` leads to the frame that was: it turns the mirror image back.
        """
        flip = np.array([[-1.0, 0.0, WIDTH], [0.0, 1.0, 0.0]])
        return replace(
            self,
            to_frame=compose_affine(self.to_frame, flip),
            inner=_twins(apply_affine(flip, self.inner)),
            outer=_twins(apply_affine(flip, self.outer)),
        )

    def maps(self, grow: float = GROW, kept: tuple[Array, ...] = ()) -> Array:
        """[7, 96, 128] float32, the planes that `MAPS` names.

        `hole` and `opening` are covers of 0 to 1; `below_upper` and `above_lower` the way down from the upper lip and
        up from the lower one, in 16 px, -2 to 2; `along` goes from -1 in the subject's right corner to 1 in the left;
        `x` and `y` are -1 to 1 over the patch.

        Args:
            grow: pixels by which the hole is larger than the opening.
            kept: outlines [N, 2] of what is seen and no part of the hole, pixels of the patch.
        """
        x, y = np.arange(WIDTH, dtype=np.float64) + 0.5, np.arange(HEIGHT, dtype=np.float64)[:, None] + 0.5
        upper, lower = lip_heights(self.inner, x)
        right, left = self.inner[0], self.inner[len(self.inner) // 2]
        axis = left - right
        along = ((x - right[0]) * axis[0] + (y - right[1]) * axis[1]) / max(float(axis @ axis), 1.0)
        hole = filled(self.inner, grow, WIDTH, HEIGHT)
        for outline in kept:
            hole = hole * (1 - filled(outline, 0.0, WIDTH, HEIGHT))
        planes = (
            hole,
            filled(self.inner, 0.0, WIDTH, HEIGHT),
            np.clip((y - upper) / _REACH, -2, 2),
            np.clip((lower - y) / _REACH, -2, 2),
            np.clip(along * 2 - 1, -2, 2),
            x * (2 / WIDTH) - 1,
            y * (2 / HEIGHT) - 1,
        )
        return np.stack([np.broadcast_to(plane, (HEIGHT, WIDTH)) for plane in planes]).astype(np.float32)


def placement(points: Array) -> Array:
    """The map from the patch of a face to the frame, [2, 3].

    Args:
        points: [478, 2] landmarks in pixels of the frame.

    Raises:
        ValueError: the outer corners of the eyes lie in one place.
    """
    right, left = points[_EYE_RIGHT], points[_EYE_LEFT]
    apart = float(np.linalg.norm(left - right))
    if apart == 0:
        raise ValueError("the eyes' outer corners lie in one place")
    across = (left - right) / apart
    axes = np.stack([across, [-across[1], across[0]]])
    middle = (left + right) / 2
    nose = axes @ (points[_NOSE] - middle)
    size = float(np.hypot(apart, _TURNED * nose[0]))
    mouth = middle + np.array([_ASIDE * nose[0], _DOWN * size + _WITH_NOSE * nose[1]]) @ axes
    linear = axes.T * (size / EYES)
    return np.concatenate([linear, (mouth - linear @ [WIDTH / 2, _RISE])[:, None]], axis=1)


def resampled(pixels: Array, to_picture: Array, width: int, height: int) -> Array:
    """[height, width, 3] uint8: `pixels` [H, W, 3] uint8 where `to_picture` [2, 3] leads, by cubic interpolation.

    What is to become much smaller is first averaged over whole pixels. Beyond the picture's edge lies what is on it.
    """
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    reached = apply_affine(to_picture, corners)
    factor = max(int(affine_scale(to_picture)), 1)
    low = np.floor(reached.min(0)).astype(int) - 2 * factor - 1
    size = -(-(np.ceil(reached.max(0)).astype(int) + 2 * factor + 1 - low) // factor) * factor
    rows, columns = (np.clip(np.arange(low[k], low[k] + size[k]), 0, pixels.shape[1 - k] - 1) for k in (1, 0))
    part = Image.fromarray(np.ascontiguousarray(pixels[rows[:, None], columns]))
    if factor > 1:
        part = part.reduce(factor)
    within = np.array([[1 / factor, 0, -low[0] / factor], [0, 1 / factor, -low[1] / factor]])
    way = compose_affine(within, to_picture)
    coefficients = tuple(way.ravel().tolist())
    cut = part.transform((width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC)
    return np.asarray(cut)


def sharpness(cut: Array, inner: Array) -> float:
    """How sharp a mouth is: about -2 for a blurred one, 2 for a crisp one.

    The finest detail in the opening beside what is a little coarser, so that neither light nor contrast counts.

    Args:
        cut: [96, 128, 3] uint8, a patch.
        inner: [20, 2] the ring `INNER_LIPS` in its pixels.
    """
    grey = Image.fromarray(cut).convert("L")
    levels = [np.asarray(grey.filter(ImageFilter.GaussianBlur(radius)), np.float32) for radius in (0, 1, 3)]
    where = filled(inner, _RIM, WIDTH, HEIGHT)
    fine, coarse = (float((np.abs(one - other) * where).sum() / where.sum()) for one, other in pairwise(levels))
    return float(np.log((fine + _NOISE) / (coarse + 1)) - _USUAL) / _SPREAD


def filled(ring: Array, grow: float, width: int, height: int) -> Array:
    """[height, width] float32 share of each pixel that a closed outline [N, 2], `grow` pixels wider, covers."""
    fine = Image.new("L", (width * _FINE, height * _FINE))
    pen = ImageDraw.Draw(fine)
    # Pillow counts from the middle of a pixel.
    outline = [(float(x) * _FINE - 0.5, float(y) * _FINE - 0.5) for x, y in ring]
    pen.polygon(outline, 255)
    reach = grow * _FINE
    if reach > 0:
        pen.line([*outline, outline[0]], 255, max(round(2 * reach), 1))
        for x, y in outline:
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), 255)
    return np.asarray(fine.reduce(_FINE), np.float32) / 255


def lip_heights(inner: Array, x: Array) -> tuple[Array, Array]:
    """The y of the edges of upper and lower lip at each x [N]; beyond their corners that of these.

    Args:
        inner: [20, 2] the ring `INNER_LIPS`.
        x: where.
    """
    upper, lower = _edges(inner)
    return _height(upper, x), _height(lower, x)


def _twins(ring: Array) -> Array:
    """A ring of lips [20, 2] in the order of a mirrored face: it starts in the other corner, the same way along."""
    half = len(ring) // 2
    return np.concatenate([ring[half::-1], ring[:half:-1]])


def _edges(inner: Array) -> tuple[Array, Array]:
    """The edges of upper and lower lip, [11, 2] each, from corner to corner."""
    half = len(inner) // 2
    return np.concatenate([inner[half:], inner[:1]]), inner[: half + 1]


def _height(edge: Array, x: Array) -> Array:
    """The y of an edge at each x; beyond its ends theirs."""
    order = np.argsort(edge[:, 0], kind="stable")
    return np.asarray(np.interp(x, edge[order, 0], edge[order, 1]))
