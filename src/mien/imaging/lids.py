"""The skin that an upper lid unfolds as it comes down.

While the eye is open that skin is folded away, and what little is seen of it lies in the shade of the fold, under
lashes: stretched over the whole lid, it becomes a smear. So the skin round the eye goes on over the lid instead.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from mien.core.arrays import Array, frozen_array
from mien.core.geometry import bounds
from mien.core.image import LUMINANCE
from mien.imaging.grain import roughness, sown
from mien.imaging.openings import Region, smooth

_ACROSS = 56
"""Pixels along the eye of the small picture in which the skin round it is carried on: it has no detail of its own."""

_MARGIN = 0.35
"""Lengths of the eye round it that are looked at."""

_ROUND = 400
"""Times that each pixel becomes the mean of its neighbours, beginning with what is nearest: enough to settle."""

_ABOVE, _BELOW = 0.2, 0.35
"""Skin that is not trusted, for shade and lashes are there: shares of the height of the unfolded lid above its fold,
and of the eye below the lower lid."""

_DIMMER = 0.95
"""A lid beside the skin round it: it lies deeper."""

_FEATHER = 0.12
"""Share of the height of the unfolded lid over which the new skin gives way to what is there."""

_BARE, _SHOWN = 0.35, 0.85
"""Share of the lid's height that was to be seen before: with less all of it is new, with more nothing."""


_WHITE, _BRIGHT = 0.15, 0.12
"""Share of an eye's height below its lower lid as landmarks have it in which white may be left of an eye that is shut,
and by how much brighter than the skin round it what is seen there is no skin."""


@dataclass(frozen=True, slots=True, eq=False)
class Lid:
    """An upper lid that came down, as lines from its outer corner to the inner, [9, 2] pixels of the result.

    Args:
        fold: above it the skin is as it was.
        lashes: where they begin; below, they are as they were.
        lower: the lower lid.
        share: 0 to 1, how much of what lies between fold and lashes was not to be seen before.
        shut: 0 to 1, how far the eye is shut: at 1 nothing of its white is left.
    """

    fold: Array
    lashes: Array
    lower: Array
    share: float
    shut: float

    def __post_init__(self) -> None:
        for name in ("fold", "lashes", "lower"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), name, (None, 2), np.float64))


def hidden(before: float, after: float) -> float:
    """The share of a lid's skin that was folded away, 0 to 1, from its height before and after."""
    return float(np.clip((_SHOWN - before / max(after, 1e-6)) / (_SHOWN - _BARE), 0, 1))


def unfolded(patch: Array, left: int, top: int, lid: Lid) -> Array:
    """Part of a result with the skin of a lid carried on from what surrounds the eye.

    Args:
        patch: [h, w, 3] uint8.
        left: pixel column of the patch's left border in the picture.
        top: likewise, its row.
        lid: the lid.

    Returns:
        [h, w, 3] uint8, a new array.
    """
    height = float(np.linalg.norm(lid.lashes - lid.fold, axis=1).max())
    length = float(np.linalg.norm(lid.fold[-1] - lid.fold[0]))
    painted = patch.copy()
    if lid.share == lid.shut == 0 or height < 1 or length < 4:
        return painted
    lines = np.concatenate([lid.fold, lid.lashes, lid.lower])
    away = _MARGIN * length
    box = bounds(lines) + np.array([-away, -away, away, away]) - [left, top, left, top]
    x0, y0 = np.maximum(np.floor(box[:2]).astype(int), 0).tolist()
    x1, y1 = np.minimum(np.ceil(box[2:]).astype(int), patch.shape[1::-1]).tolist()
    if x1 - x0 < 2 or y1 - y0 < 2:
        return painted
    near = painted[y0:y1, x0:x1]
    corner = np.array([left + x0, top + y0])
    skin, rough = _carried_on(near, lid, corner, _ACROSS / length)

    def soft(upper: Array, lower: Array) -> Array:
        """[h, w, 1] float32 what lies between two lines, with a soft edge."""
        where = Region.between(upper, lower).share(left + x0, top + y0, x1 - x0, y1 - y0)
        level = Image.fromarray(np.rint(255 * where).astype(np.uint8))
        blurred = level.filter(ImageFilter.GaussianBlur(_FEATHER * height))
        return np.asarray(blurred, np.float32)[..., None] / np.float32(255)

    new = skin * np.float32(_DIMMER) + sown(y1 - y0, x1 - x0, rough, corner.tolist())
    made = near + soft(lid.fold, lid.lashes) * np.float32(lid.share) * (new - near)
    if lid.shut > 0:
        brighter = (near @ LUMINANCE) / np.maximum(skin @ LUMINANCE, 1) - 1
        white = np.clip(brighter / _BRIGHT, 0, 1)[..., None] * np.float32(lid.shut)
        made += soft(lid.lashes, lid.lower + _WHITE * (lid.lower - lid.fold)) * white * (new - made)
    near[:] = np.clip(np.rint(made), 0, 255).astype(np.uint8)
    return painted


def _carried_on(near: Array, lid: Lid, corner: Array, scale: float) -> tuple[Array, float]:
    """[h, w, 3] float32 the skin round an eye carried on over it, and how rough that skin is, grey levels.

    As a soap film hangs in its frame: every pixel is the mean of its neighbours (P. Pérez et al. 2003).
    """
    height, width = near.shape[:2]
    columns, rows = max(round(width * scale), 8), max(round(height * scale), 8)
    small = np.asarray(Image.fromarray(near).resize((columns, rows), Image.Resampling.BOX), np.float32)
    fit = np.array([columns / width, rows / height])
    down = lid.lashes - lid.fold
    reach = down * _ABOVE
    lower = lid.lower + (lid.lower - lid.fold) * _BELOW
    rim = Region(np.concatenate([smooth((lid.fold - reach - corner) * fit), smooth((lower - corner) * fit)[::-1]]))
    unknown = rim.share(0, 0, columns, rows) > 0
    film = _film(small, unknown)
    grown = Image.fromarray(np.clip(np.rint(film), 0, 255).astype(np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    known = np.asarray(Image.fromarray(~unknown).resize((width, height), Image.Resampling.NEAREST))
    return np.asarray(grown, np.float32), roughness(near, known)


def _film(picture: Array, unknown: Array) -> Array:
    """The picture [h, w, 3] with what is unknown [h, w] spanned from its border."""
    film = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    open_ = unknown[..., None]
    known = ~unknown
    if not known.any():
        return picture
    film[1:-1, 1:-1] = np.where(open_, picture[known].mean(0), picture)
    for _ in range(_ROUND):
        mean = (film[:-2, 1:-1] + film[2:, 1:-1] + film[1:-1, :-2] + film[1:-1, 2:]) / 4
        film[1:-1, 1:-1] = np.where(open_, mean, picture)
        film[0], film[-1], film[:, 0], film[:, -1] = film[1], film[-2], film[:, 1], film[:, -2]
    return np.asarray(film[1:-1, 1:-1])
