"""Curves over time or dose as a picture, to stand among the pictures of a board."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.core.arrays import Array
from mien.imaging.portrait import BACKDROP

_GRID, _WORDS = (62, 70, 84), (139, 148, 164)
_MARGIN = 0.1
"""Share of the side that scales and words take."""

_GAP = 2.5
"""Usual steps from which one is a gap."""

_FINER = 3
"""Lines are drawn so much larger, and made smaller: PIL draws none that are smooth."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One line.

    Args:
        values: [N], 0 to 1; not a number leaves a gap.
        colour: sRGB.
        name: what it shows.
    """

    values: Array
    colour: tuple[int, int, int]
    name: str


def chart(places: Array, curves: Sequence[Curve], size: tuple[int, int], ends: tuple[str, str]) -> Array:
    """Curves over `places`, from 0 to 1, with a scale and the names of the curves.

    Args:
        places: [N] ascending. Where one lies much farther from the last than they mostly do, curves have a gap.
        curves: each of [N].
        size: width and height, pixels.
        ends: what is written at the first and the last place.

    Returns:
        [h, w, 3] uint8.
    """
    wide, high = size[0] * _FINER, size[1] * _FINER
    canvas = Image.new("RGB", (wide, high), BACKDROP)
    pen, margin = ImageDraw.Draw(canvas), round(_MARGIN * min(wide, high))
    width, height = wide - 2 * margin, high - 2 * margin
    first, last = (float(places[0]), float(places[-1])) if len(places) else (0.0, 1.0)
    across = (places - first) / max(last - first, 1e-9)
    for share in (0.0, 0.5, 1.0):
        level = margin + (1 - share) * height
        pen.line((margin, level, margin + width, level), _GRID, _FINER)
    apart = _apart(places)
    for curve in curves:
        x = margin + across * width
        y = margin + (1 - np.clip(curve.values, 0, 1)) * height
        for start, end in _runs(np.isfinite(curve.values), apart):
            points = list(zip(x[start:end].tolist(), y[start:end].tolist(), strict=True))
            if len(points) == 1:
                (px, py) = points[0]
                pen.ellipse((px - 2 * _FINER, py - 2 * _FINER, px + 2 * _FINER, py + 2 * _FINER), curve.colour)
            else:
                pen.line(points, curve.colour, 2 * _FINER, "curve")
    small = canvas.resize(size, Image.Resampling.BOX)
    _write(ImageDraw.Draw(small), curves, size, ends)
    return np.array(small)


def _write(pen: ImageDraw.ImageDraw, curves: Sequence[Curve], size: tuple[int, int], ends: tuple[str, str]) -> None:
    """Scale and names."""
    wide, high = size
    margin = round(_MARGIN * min(size))
    font = ImageFont.load_default(max(9, round(0.55 * margin)))
    for share in (0.0, 0.5, 1.0):
        y = margin + (1 - share) * (high - 2 * margin)
        pen.text((margin - 3, y), f"{share:g}", _WORDS, font, anchor="rm")
    pen.text((margin, high - margin / 2), ends[0], _WORDS, font, anchor="lm")
    pen.text((wide - margin, high - margin / 2), ends[1], _WORDS, font, anchor="rm")
    left = float(margin)
    for curve in curves:
        pen.text((left, margin / 2), curve.name, curve.colour, font, anchor="lm")
        left += font.getlength(curve.name) + margin / 2


def _apart(places: Array) -> Array:
    """[N] bool, places before which there is a gap."""
    steps = np.diff(places)
    wide = steps > _GAP * np.median(steps) if len(steps) else np.zeros(0, bool)
    return np.concatenate([np.zeros(min(len(places), 1), bool), wide])


def _runs(there: Array, apart: Array) -> list[tuple[int, int]]:
    """Where runs of `True` begin and end, at the latest where the next one is `apart`."""
    begins = np.flatnonzero(there & (apart | ~np.concatenate([[False], there[:-1]])))
    ends = np.flatnonzero(there & np.concatenate([apart[1:] | ~there[1:], [True]])) + 1
    return [(int(start), int(end)) for start, end in zip(begins, ends, strict=True)]
