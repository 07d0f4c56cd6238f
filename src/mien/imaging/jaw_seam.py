"""Where an open mouth parts when the jaw goes down: along the dark between upper teeth and what lies in the jaw.

Upper teeth keep to the skull, lower teeth and tongue go with the jaw, and of the dark between them there is more. So a
mouth that shows some of that dark can be opened further without a network, and looks like a photo of it.
"""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter

from mien.core.arrays import Array
from mien.core.image import LUMINANCE
from mien.imaging.mouth_patch import HEIGHT, WIDTH, MouthPatch, filled, lip_heights

LEAST = 7.0
"""Pixels of a patch between the lips of a mouth in which a seam is looked for."""

_PLACES = np.linspace(0.2, 0.97, 32)
"""Where a seam may lie, as shares of the way from the upper lip to the lower one."""

_STIFF = 30.0
"""Grey levels that a seam would rather cross than move by the whole opening from one column to the next."""

_SEEN, _NARROWEST = 1.0, 12
"""Pixels between the lips of a column that has a seam; how many there must be."""

_TALL = 0.35
"""Share of the widest opening of the columns that count."""

_DARK, _DARKEST_LIGHT, _BESIDE_SKIN = 60.0, 80.0, 0.4
"""Luminances that 85 % of a seam, and all of it, stay below; and the share of the skin's."""

_BAND, _SMEARED = 0.7, (2.5, 0.5)
"""Pixels on either side of a seam that become the dark; and how far that is blurred, across and down."""

_HOLLOW, _HIDDEN = 4.0, 0.5
"""Pixels into the dark at which it is darkest, and how much of the light of the seam is kept off there."""

_GLOOM = np.array([58.0, 38.0, 36.0], np.float32)
"""The brightest that the inside of a mouth is behind teeth that met, before light is kept off, 0 to 255."""


def dark_seam(cut: Array, patch: MouthPatch) -> Array | None:
    """[128] where each column of a mouth parts, as shares of the way from the upper lip to the lower one, or None.

    The darkest way from corner to corner; None where it is not dark all along, for then teeth or the tongue lie in it.

    Args:
        cut: [96, 128, 3] of 0 to 255, the patch.
        patch: its lips.
    """
    columns = open_columns(patch, LEAST)
    if not len(columns):
        return None
    x = np.arange(WIDTH) + 0.5
    upper, lower = lip_heights(patch.inner, x)
    grey = cut @ LUMINANCE
    opening = (lower - upper)[columns]
    light = at_heights(grey, upper[columns] + _PLACES[:, None] * opening, columns)
    way = darkest_way(light, opening, _PLACES, _STIFF)
    along, tall = light[way, np.arange(len(columns))], opening > _TALL * opening.max()
    around = filled(patch.outer, 4.0, WIDTH, HEIGHT) - filled(patch.outer, 0.0, WIDTH, HEIGHT)
    skin = float(np.median(grey[around > 0.5])) if (around > 0.5).any() else 0.0
    usual, most = float(np.percentile(along[tall], 85)), float(along[tall].max())
    if usual >= min(_DARK, _BESIDE_SKIN * skin) or most >= _DARKEST_LIGHT:
        return None
    return np.asarray(np.interp(x, x[columns], _PLACES[way]))


def open_columns(patch: MouthPatch, least: float) -> Array:
    """[N] the columns of a patch in which lips are apart; none if they part by less than `least` pixels everywhere."""
    upper, lower = lip_heights(patch.inner, np.arange(WIDTH) + 0.5)
    columns = np.flatnonzero(lower - upper > _SEEN)
    return columns if patch.gap >= least and len(columns) >= _NARROWEST else columns[:0]


def opened(cut: Array, patch: MouthPatch, seam: Array, more: float) -> tuple[Array, MouthPatch]:
    """A mouth opened further along its seam: [96, 128, 3] float32, and its lips.

    Args:
        cut: [96, 128, 3] of 0 to 255, the patch.
        patch: its lips.
        seam: [128], what `dark_seam` found.
        more: pixels by which the lips part further, where they are farthest apart.
    """
    x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT)[:, None] + 0.5
    upper, lower = lip_heights(patch.inner, x)
    opening = np.clip(lower - upper, 0, None)
    lowered = more * opening / max(float(opening.max()), 1e-6)
    first = upper + seam * opening - _BAND
    last = first + 2 * _BAND + lowered
    within = first + (y - first) * 2 * _BAND / (2 * _BAND + lowered)
    rows = np.where(y < first, y, np.where(y < last, within, y - lowered))
    wide = at_heights(cut, rows - 0.5, np.arange(WIDTH)).astype(np.float32)
    levels = Image.fromarray(np.clip(np.rint(wide), 0, 255).astype(np.uint8))
    smeared = np.minimum(np.asarray(levels.filter(ImageFilter.BoxBlur(_SMEARED)), np.float32), _GLOOM)
    # Beyond the corners there is nothing to part.
    away = (np.minimum(y - first, last - y) * np.clip(opening / _SEEN - 0.5, 0, 1))[..., None]
    deep, deeper = (np.clip(away / far, 0, 1).astype(np.float32) for far in (1.5, _HOLLOW))
    return wide + deep * (smeared * (1 - _HIDDEN * deeper) - wide), _lowered(patch, more)


def darkest_way(light: Array, opening: Array, places: Array, stiff: float) -> Array:
    """[N] which of the places makes the darkest way that is not too steep, by dynamic programming.

    Args:
        light: [P, N] luminance of each place in each column.
        opening: [N] pixels between the lips.
        places: [P] shares of the way from the upper lip to the lower one.
        stiff: grey levels that a way would rather cross than move by the whole opening from one column to the next.
    """
    steep = stiff * np.abs(places[:, None] - places)
    cost, came = light[:, 0], []
    for k in range(1, light.shape[1]):
        ways = cost + steep * max(opening[k] / 8, 1.0)
        came.append(ways.argmin(1))
        cost = light[:, k] + ways.min(1)
    way = [int(cost.argmin())]
    for before in reversed(came):
        way.append(int(before[way[-1]]))
    return np.array(way[::-1])


def _lowered(patch: MouthPatch, more: float) -> MouthPatch:
    """Lips whose lower one is lower, by `more` where they are farthest apart."""
    inner, outer = patch.inner.copy(), patch.outer.copy()
    for ring in (inner, outer):
        half = len(ring) // 2
        upper, lower = lip_heights(patch.inner, ring[1:half, 0])
        ring[1:half, 1] += more * np.clip(lower - upper, 0, None) / max(patch.gap, 1e-6)
    return replace(patch, inner=inner, outer=outer)


def at_heights(picture: Array, rows: Array, columns: Array) -> Array:
    """[..., N, C] a picture [H, W, C] at heights [..., N], counted from the middle of its first row, in columns [N]."""
    rows = np.clip(rows, 0, len(picture) - 1)
    first = np.minimum(rows.astype(np.intp), len(picture) - 2)
    share = (rows - first).reshape(rows.shape + (1,) * (picture.ndim - 2))
    return np.asarray((1 - share) * picture[first, columns] + share * picture[first + 1, columns])
