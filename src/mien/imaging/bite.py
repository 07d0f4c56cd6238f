"""Where the teeth of both rows meet: a mouth that shows them shut parts there, too, when the jaw goes down."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.image import LUMINANCE
from mien.imaging.jaw_seam import at_heights, dark_seam, darkest_way, open_columns
from mien.imaging.mouth_patch import HEIGHT, WIDTH, MouthPatch, filled, lip_heights

LEAST = 5.0
"""Pixels of a patch between the lips of a mouth in which a bite is looked for."""

_PLACES = np.linspace(0, 1, 48)
"""Where in the opening columns are looked at, as shares of the way from the upper lip to the lower one."""

_WITHIN = 0.3, 0.92
"""Where a bite may lie, as such shares."""

_EDGE = 0.7
"""Pixels from the lips' edges that belong to no tooth."""

_STIFF = 20.0
"""Grey levels of depth that a bite would rather miss than move by the whole opening from one column to the next."""

_TALL = 0.6
"""Share of the widest opening of the columns that count."""

_DEEP, _EVERYWHERE = 14.0, 5.0
"""Grey levels by which the line is darker than the teeth on both sides, in the middle of the columns, and in 80 %."""

_AS_BRIGHT, _ROW = 0.65, 2.2
"""What the lower row is at least of the upper one's brightness; pixels that are seen of it."""

_TOOTH, _ABOVE_LIP = 13.0, 1.6
"""Pixels of a patch: as tall as upper teeth are seen; and from the lower lip's edge to where its blur ends."""

_RED, _PALE = 0.25, 0.05
"""Share of red beyond green that no upper tooth has; by how much a lower row may be redder where lips are no redder."""


def parting(cut: Array, patch: MouthPatch) -> Array | None:
    """[128] where each column of a mouth parts when the jaw goes down, along its dark or along its bite, or None.

    Args:
        cut: [96, 128, 3] of 0 to 255, the patch.
        patch: its lips.
    """
    seam = dark_seam(cut, patch)
    return bite(cut, patch) if seam is None else seam


def bite(cut: Array, patch: MouthPatch) -> Array | None:
    """[128] where the rows of teeth meet, as shares of the way from the upper lip to the lower one, or None.

    A line, darker than what is brightest above it and below it, from corner to corner; None where it is not, or where
    what lies below it is no row of teeth: dimmer than the upper one, or as red as lips are.

    Args:
        cut: [96, 128, 3] of 0 to 255, the patch.
        patch: its lips.
    """
    seen = _Seen.of(cut, patch)
    if seen is None:
        return None
    each = np.arange(len(seen.columns))
    above, below = np.maximum.accumulate(seen.teeth), np.maximum.accumulate(seen.teeth[::-1])[::-1]
    depth = np.where(seen.teeth >= 0, np.minimum(above, below) - seen.light, -_STIFF)
    may = np.flatnonzero((_WITHIN[0] <= _PLACES) & (_WITHIN[1] >= _PLACES))
    way = may[darkest_way(-depth[may], seen.opening, _PLACES[may], _STIFF)]
    deep = depth[way, each][seen.tall]
    if np.median(deep) < _DEEP or np.percentile(deep, 20) < _EVERYWHERE:
        return None
    if np.median((below / np.maximum(above, 1))[way, each][seen.tall]) < _AS_BRIGHT:
        return None
    if np.median(((1 - _PLACES[way]) * seen.opening)[seen.tall]) < _ROW:
        return None
    rows = np.arange(len(_PLACES))[:, None]
    first, second = (seen.brightest(side) for side in (rows <= way, rows >= way))
    if not _teeth(first, second, cut, patch):
        return None
    return np.asarray(np.interp(np.arange(WIDTH) + 0.5, seen.columns + 0.5, _PLACES[way]))


def one_row(cut: Array, patch: MouthPatch) -> bool:
    """Whether one row of teeth is all that is seen between the lips, down to the lower one.

    No more is seen than a tooth is tall, and what lies above the lower lip is as bright as teeth.

    Args:
        cut: [96, 128, 3] of 0 to 255, the patch of a mouth without a bite.
        patch: its lips.
    """
    seen = _Seen.of(cut, patch) if patch.gap <= _TOOTH else None
    if seen is None:
        return False
    _, lower = lip_heights(patch.inner, seen.columns + 0.5)
    last = at_heights(cut, lower - _ABOVE_LIP - 0.5, seen.columns)[seen.tall]
    first = seen.brightest(np.ones((len(_PLACES), 1), bool))
    bright = np.median((last @ LUMINANCE) / np.maximum(first @ LUMINANCE, 1)) >= _AS_BRIGHT
    return bool(bright) and _teeth(first, last, cut, patch)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What is seen between lips, column by column.

    Args:
        columns: [N] of the patch.
        opening: [N] pixels between the lips.
        colours: [48, N, 3] at `_PLACES`.
        light: [48, N] their luminance.
        teeth: [48, N] the same, below 0 along the lips.
        tall: [N] bool, the columns that count.
    """

    columns: Array
    opening: Array
    colours: Array
    light: Array
    teeth: Array
    tall: Array

    @classmethod
    def of(cls, cut: Array, patch: MouthPatch) -> Self | None:
        """What a patch shows; None where lips hardly part."""
        columns = open_columns(patch, LEAST)
        if not len(columns):
            return None
        upper, lower = lip_heights(patch.inner, columns + 0.5)
        opening = lower - upper
        colours = at_heights(cut, upper + _PLACES[:, None] * opening - 0.5, columns)
        light = colours @ LUMINANCE
        inside = (np.minimum(_PLACES, 1 - _PLACES)[:, None] * opening) > _EDGE
        return cls(columns, opening, colours, light, np.where(inside, light, -1.0), opening > _TALL * opening.max())

    def brightest(self, where: Array) -> Array:
        """[M, 3] the colour of the brightest place of each tall column, among those of `where` [48, N or 1]."""
        rows = np.where(where, self.teeth, -1).argmax(0)
        return np.asarray(self.colours[rows, np.arange(len(self.columns))][self.tall])


def _teeth(first: Array, second: Array, cut: Array, patch: MouthPatch) -> bool:
    """Whether colours [M, 3] are those of teeth, and others [M, 3] more like them than like the lips."""
    around = filled(patch.outer, 0.0, WIDTH, HEIGHT) - filled(patch.inner, 1.0, WIDTH, HEIGHT)
    lips = _redness(cut[around > 0.5]) if (around > 0.5).any() else 0.0
    upper = _redness(first)
    return upper < _RED and _redness(second) <= max((upper + lips) / 2, upper + _PALE)


def _redness(colours: Array) -> float:
    """The median of the share of red beyond green in colours [N, 3]."""
    red, green = colours[:, 0].astype(np.float64), colours[:, 1].astype(np.float64)
    return float(np.median((red - green) / np.maximum(red, 1)))
