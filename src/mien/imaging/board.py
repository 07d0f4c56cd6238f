"""Pictures side by side with words to them, and displacement as colour."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.core.arrays import Array
from mien.imaging.draw import PANEL
from mien.imaging.portrait import BACKDROP

_INK, _DIM = (236, 239, 244), (139, 148, 164)
_GAP = 6
_BAR_STEPS = 256

_HEAT = np.array(
    [
        (0.0, 0.62, 0.62, 0.63),
        (0.12, 0.93, 0.82, 0.42),
        (0.45, 0.95, 0.48, 0.20),
        (0.8, 0.72, 0.10, 0.28),
        (1.0, 0.35, 0.0, 0.4),
    ]
)
"""How far a point moved, as a share of the most, and its sRGB: grey where nothing moves."""


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One picture of a board.

    Args:
        label: what it shows.
        picture: [h, w, 3] uint8, of one size for all tiles; None leaves the place empty.
        note: a word to it, in a quieter colour.
    """

    label: str
    picture: Array | None
    note: str = ""


def heat(shares: Array) -> Array:
    """Colours [N, 3] of 0 to 1, sRGB, of shares [N] of the largest displacement."""
    return np.stack([np.interp(shares, _HEAT[:, 0], _HEAT[:, k]) for k in (1, 2, 3)], axis=-1)


def cut_square(pixels: Array, box: Array, around: float, side: int) -> Array:
    """[side, side, 3] uint8, a square of a picture round a box; black where the picture ends.

    Args:
        pixels: [H, W, 3] uint8.
        box: [4] x0, y0, x1, y1, pixels.
        around: side of the square in the longer sides of the box.
        side: pixels of the result.
    """
    middle, half = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()) * around / 2
    x, y, size = int(middle[0] - half), int(middle[1] - half), max(int(2 * half), 1)
    # The square's part of the picture alone: a whole one costs more than all the rest.
    left, top = (min(max(at, 0), most) for at, most in ((x, pixels.shape[1] - 1), (y, pixels.shape[0] - 1)))
    part = Image.fromarray(pixels[top : max(y + size, top + 1), left : max(x + size, left + 1)])
    return np.asarray(part.crop((x - left, y - top, x - left + size, y - top + size)).resize((side, side)))


def board(tiles: Sequence[Tile], columns: int, title: str, size: tuple[int, int], scale: float | None = None) -> Array:
    """Tiles in rows under a title, each with its label and note beneath it.

    Args:
        tiles: in the order of reading.
        columns: how many in a row.
        title: at the top, on one line or several.
        size: width and height of a tile's picture, pixels.
        scale: millimetres at the upper end of the bar that explains the colours of `heat`, or None for no bar.

    Returns:
        [H, W, 3] uint8.
    """
    wide, high = size
    em = max(11, round(wide / 15))
    line, head = round(1.9 * em), round(2.6 * em) + round(1.5 * em) * title.count("\n")
    foot = round(3.2 * em) if scale is not None else 0
    columns, rows = min(columns, len(tiles)), -(-len(tiles) // columns)
    width = columns * (wide + _GAP) + _GAP
    canvas = Image.new("RGB", (width, head + rows * (high + line + _GAP) + foot), PANEL)
    pen, ink = ImageDraw.Draw(canvas), ImageFont.load_default(em)
    pen.text((_GAP + 0.5 * em, head / 2), title, _INK, ImageFont.load_default(round(1.15 * em)), anchor="lm")
    for number, tile in enumerate(tiles):
        left = _GAP + number % columns * (wide + _GAP)
        top = head + number // columns * (high + line + _GAP)
        if tile.picture is None:
            pen.rectangle((left, top, left + wide - 1, top + high - 1), outline=BACKDROP)
        else:
            canvas.paste(Image.fromarray(tile.picture), (left, top))
        middle = top + high + line / 2
        small = ImageFont.load_default(round(0.85 * em))
        pen.text((left + 0.5 * em, middle), tile.label, _INK, ink, anchor="lm")
        pen.text((left + wide - 0.5 * em, middle), tile.note, _DIM, small, anchor="rm")
    if scale is not None:
        _draw_scale(canvas, scale, em, foot)
    return np.array(canvas)


def _draw_scale(canvas: Image.Image, most: float, em: int, foot: int) -> None:
    """A bar of the colours of `heat` in the last `foot` rows, with millimetres under it."""
    pen, ink = ImageDraw.Draw(canvas), ImageFont.load_default(round(0.85 * em))
    left, right = round(0.62 * canvas.width), canvas.width - _GAP - 3 * em
    top = canvas.height - foot + round(0.5 * em)
    colours = np.round(255 * heat(np.linspace(0, 1, _BAR_STEPS))).astype(np.uint8)[None]
    canvas.paste(Image.fromarray(colours).resize((right - left, round(0.7 * em))), (left, top))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        place = left + share * (right - left)
        pen.text((place, top + 1.6 * em), f"{share * most:.3g}" + " mm" * (share == 1), _DIM, ink, anchor="mm")
    pen.text((left - em, top + 0.35 * em), "moved by", _DIM, ink, anchor="rm")
