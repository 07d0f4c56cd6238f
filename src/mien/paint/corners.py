"""The corners of a mouth that opens or shuts: what a warp leaves there of how it was.

Shut lips end in a line that goes on beside the mouth; where they part, skin unfolds it. A warp leaves it where it was,
as a dark whisker beside an open mouth: here the thin dark is lifted to what lies above and below it, by a gain, so that
pores and grain stay. And an open mouth has dark corners with the ends of teeth in them, where landmarks tell nothing:
where it shuts, lips are carried on over them from above and below, to a line.
"""

import numpy as np
from PIL import Image, ImageFilter

from mien.core.arrays import Array
from mien.core.geometry import apply_affine, bounds, compose_affine, invert_affine
from mien.core.image import LUMINANCE
from mien.imaging.jaw_seam import at_heights
from mien.imaging.mouth_patch import HEIGHT, WIDTH, MouthPatch, lip_heights

_THICK = 3
"""Pixels of a patch above and below within which a line is lifted: half of the thickest."""

_FROM, _FADE, _FAR, _TALL = 1.0, 3.0, 18.0, 8.0
"""Pixels of a patch beside the corner of the opening: where lifting begins, over how many, where it ends; and how far
above and below the corner."""

_UNFOLDED, _MOST = 8.0, 0.85
"""Pixels of a patch that lips must part further until all is unfolded that is; and how much of the dark that is."""

_BRIGHTEST = 2.5
"""The strongest gain."""

_SEALED = (0.35, 0.6, 1.05, 1.2), (0.0, 1.0, 0.9, 0.0)
"""Ways from the middle of a mouth to its corner, and how much of `_LIPS` is carried on over there."""

_LIPS, _OPENED, _SHUT = 4.5, (2.5, 7.0), (1.0, 3.0)
"""Pixels of a patch above and below the line; between the lips before, from which some is sealed, and all; and after,
up to which all is, and nothing."""

_LINE, _LINE_DARK = 0.75, np.array([0.36, 0.44, 0.42])
"""The line of shut lips: its deviation, pixels of a patch, and how much of the red, green and blue it keeps off."""


def unfolded_corners(pixels: Array, now: MouthPatch, before: MouthPatch) -> Array:
    """[H, W, 3] uint8, a new array: a moved face without the lines beside its mouth, as far as it opened.

    Args:
        pixels: [H, W, 3] uint8, the face after its motion.
        now: the mouth in it.
        before: the mouth as it was, in any frame.
    """
    amount = _MOST * float(np.clip((now.gap - before.gap) / _UNFOLDED, 0, 1))
    lifted = pixels.copy()
    if amount == 0:
        return lifted
    place = _place(now, pixels)
    if place is not None:
        more = _enlarged(lifting(now.cut(pixels), now, amount)[..., None] - 1, now, place)
        lifted[place] = np.clip(np.rint(lifted[place] * (1 + more)), 0, 255).astype(np.uint8)
    return lifted


def sealed_corners(pixels: Array, now: MouthPatch, before: MouthPatch) -> Array:
    """[H, W, 3] uint8, a new array: a moved face whose mouth shut, without what was seen in its corners.

    Args:
        pixels: [H, W, 3] uint8, the face after its motion.
        now: the mouth in it.
        before: the mouth as it was, in any frame.
    """
    closed = np.clip((before.gap - now.gap) / _OPENED[0], 0, 1)
    amount = float(closed * np.interp(before.gap, _OPENED, (0, 1)) * np.interp(now.gap, _SHUT, (1, 0)))
    sealed = pixels.copy()
    place = _place(now, pixels)
    if amount > 0 and place is not None:
        lips, cover = lips_over(now.cut(pixels), now)
        both = _enlarged(np.concatenate([lips, amount * cover[..., None]], 2), now, place)
        old = sealed[place].astype(np.float32)
        sealed[place] = np.clip(np.rint(old + both[..., 3:] * (both[..., :3] - old)), 0, 255).astype(np.uint8)
    return sealed


def lips_over(cut: Array, mouth: MouthPatch) -> tuple[Array, Array]:
    """[96, 128, 3] float32 lips that meet in a line, and [96, 128] where they hide the corners of the mouth, 0 to 1.

    Args:
        cut: [96, 128, 3] uint8, the patch.
        mouth: its lips, shut.
    """
    x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT)[:, None] + 0.5
    upper, lower = lip_heights(mouth.inner, x)
    line, ends = (upper + lower) / 2, (mouth.inner[0, 0], mouth.inner[len(mouth.inner) // 2, 0])
    along = np.abs(2 * (x - ends[0]) / max(ends[1] - ends[0], 1.0) - 1)
    high = _LIPS * np.interp(along, *_SEALED)
    levels = Image.fromarray(cut).filter(ImageFilter.GaussianBlur(0.7))
    soft, columns = np.asarray(levels, np.float32), np.arange(WIDTH)
    above, below = (at_heights(soft, line + side * (high + 1) - 0.5, columns) for side in (-1, 1))
    way = np.clip((y - line + high) / np.maximum(2 * high, 1e-3), 0, 1)[..., None]
    dark = 1 - _LINE_DARK * (np.exp(-(((y - line) / _LINE) ** 2) / 2) * high / _LIPS)[..., None]
    cover = np.clip((high - np.abs(y - line)) / 1.5, 0, 1)
    return ((above + way * (below - above)) * dark).astype(np.float32), cover.astype(np.float32)


def _place(mouth: MouthPatch, pixels: Array) -> tuple[slice, slice] | None:
    """Rows and columns of a picture that a patch covers; None where it lies beside the picture."""
    corners = np.array([[x, y] for x in (0.0, WIDTH) for y in (0.0, HEIGHT)])
    box = bounds(apply_affine(mouth.to_frame, corners))
    x0, y0 = np.maximum(np.floor(box[:2]).astype(int), 0).tolist()
    x1, y1 = np.minimum(np.ceil(box[2:]).astype(int), pixels.shape[1::-1]).tolist()
    return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None


def _enlarged(planes: Array, mouth: MouthPatch, place: tuple[slice, slice]) -> Array:
    """[h, w, P] float32 planes [96, 128, P] of a patch in a place of the picture; 0 beyond the patch."""
    rows, columns = place
    way = compose_affine(invert_affine(mouth.to_frame), np.array([[1.0, 0.0, columns.start], [0.0, 1.0, rows.start]]))
    size, coefficients = (columns.stop - columns.start, rows.stop - rows.start), tuple(way.ravel().tolist())
    parts = [
        Image.fromarray(plane).transform(size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
        for plane in np.moveaxis(planes.astype(np.float32), 2, 0)
    ]
    return np.stack([np.asarray(part) for part in parts], axis=2)


def lifting(cut: Array, mouth: MouthPatch, amount: float) -> Array:
    """[96, 128] float32 by how much each place is to be lightened, 1 and more; 1 towards the border and between lips.

    Args:
        cut: [96, 128, 3] uint8, the patch.
        mouth: its lips.
        amount: 0 to 1, how much of the dark goes.
    """
    grey = Image.fromarray(np.rint(cut @ LUMINANCE).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))
    light = np.asarray(grey, np.float32) + 1
    gain = (_closed(light) / light) ** np.float32(amount)
    return np.asarray(1 + _beside(mouth) * (np.minimum(gain, _BRIGHTEST) - 1), np.float32)


def _closed(light: Array) -> Array:
    """Without what is dark and less than `2 * _THICK + 1` high: a morphological closing down each column."""
    for most in (np.maximum, np.minimum):
        padded = np.pad(light, ((_THICK, _THICK), (0, 0)), mode="edge")
        light = most.reduce([padded[k : k + len(light)] for k in range(2 * _THICK + 1)])
    return light


def _beside(mouth: MouthPatch) -> Array:
    """[96, 128] 0 to 1, how much of each place lies beside a corner of the mouth."""
    x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT)[:, None] + 0.5
    cover = np.zeros((HEIGHT, WIDTH))
    half = len(mouth.inner) // 2
    for corner, outwards in ((mouth.inner[0], -1.0), (mouth.inner[half], 1.0)):
        out = outwards * (x - corner[0])
        across = np.clip((out - _FROM) / _FADE, 0, 1) * np.clip((_FAR - out) / (_FAR / 2), 0, 1)
        cover += across * np.clip((_TALL - np.abs(y - corner[1])) / (_TALL / 2), 0, 1)
    upper, lower = lip_heights(mouth.inner, x)
    shut = np.where(lower - upper > 0.5, 0.0, 1.0)
    return np.asarray(np.clip(cover * shut, 0, 1))
