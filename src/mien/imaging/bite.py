"""Where the teeth of both rows meet: a mouth that shows them shut parts there, too, when the jaw goes down."""

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
    columns = open_columns(patch, LEAST)
    if not len(columns):
        return None
    x = np.arange(WIDTH) + 0.5
    upper, lower = lip_heights(patch.inner, x)
    opening, each = (lower - upper)[columns], np.arange(len(columns))
    colours = at_heights(cut, upper[columns] + _PLACES[:, None] * opening - 0.5, columns)
    light = colours @ LUMINANCE
    inside = (np.minimum(_PLACES, 1 - _PLACES)[:, None] * opening) > _EDGE
    teeth = np.where(inside, light, -1.0)
    above, below = np.maximum.accumulate(teeth), np.maximum.accumulate(teeth[::-1])[::-1]
    depth = np.where(inside, np.minimum(above, below) - light, -_STIFF)
    may = np.flatnonzero((_WITHIN[0] <= _PLACES) & (_WITHIN[1] >= _PLACES))
    way = may[darkest_way(-depth[may], opening, _PLACES[may], _STIFF)]
    tall = opening > _TALL * opening.max()
    deep = depth[way, each][tall]
    if np.median(deep) < _DEEP or np.percentile(deep, 20) < _EVERYWHERE:
        return None
    if np.median((below / np.maximum(above, 1))[way, each][tall]) < _AS_BRIGHT:
        return None
    if np.median(((1 - _PLACES[way]) * opening)[tall]) < _ROW:
        return None
    rows = np.arange(len(_PLACES))[:, None]
    first, second = (
        _redness(colours[np.where(side, teeth, -1).argmax(0), each])[tall] for side in (rows <= way, rows >= way)
    )
    around = filled(patch.outer, 0.0, WIDTH, HEIGHT) - filled(patch.inner, 1.0, WIDTH, HEIGHT)
    lips = float(np.median(_redness(cut[around > 0.5]))) if (around > 0.5).any() else 0.0
    most = max((float(np.median(first)) + lips) / 2, float(np.median(first)) + _PALE)
    if np.median(first) >= _RED or np.median(second) > most:
        return None
    return np.asarray(np.interp(x, x[columns], _PLACES[way]))


def _redness(colours: Array) -> Array:
    """[N] share of red beyond green in colours [N, 3]."""
    red, green = colours[:, 0].astype(np.float64), colours[:, 1].astype(np.float64)
    return np.asarray((red - green) / np.maximum(red, 1))
