"""How sharp a face is: fine detail beside coarse detail where there is most of either, by Haar's wavelet.

In a face at one scale, a ratio of neighbouring bands says how far its edges are blurred, whatever its contrast; taken
where there is most detail (lids, irises, lips, nostrils), smooth skin says nothing; and of either band the share is
taken off that noise explains, as told by a still finer band.
"""

import numpy as np

from mien.core.arrays import Array

_MARGIN = 8
"""A cut's border, in parts of its side's sixty-fourth: hair and room."""

_BUSY = 36
"""Places of 12 by 12 that count: a quarter."""

_BLURRED, _SHARP = 0.48, 0.60
"""The ratio of bands where nothing but slopes is left (in Haar's bands a slope gives 1/2), and from which a face is
sharp: what the median photo of the training packs has at the least size that counts fully."""

_LEVELS = 8.0
"""Grey levels of coarse detail from which a face has contrast enough. Seen faces have 25."""

_DEVIATION = 0.6745
"""Median of the absolute values of a normal variable of deviation 1."""


def sharpness(cut: Array, size: float | Array = 1.0) -> Array:
    """[...] 0 (blurred, or nearly black) to 1 (sharp) of faces' upright cuts [..., 128, 128], luminance of 0 to 255.

    Args:
        cut: squares round faces, as their networks see them.
        size: [...] 0 to 1, how much of the finest band faces of their size in the picture can have: a face of few
            pixels is not called blurred for that.
    """
    side = cut.shape[-1]
    border = _MARGIN * side // 64
    inner = cut[..., border : side - border, border : side - border]
    smooth, across, down, both = _haar(inner)
    noise = ((np.median(np.abs(both[..., ::2, ::2]), axis=(-2, -1)) / _DEVIATION) ** 2)[..., None, None]
    smooth, across, down, both = _haar(smooth)
    fine = _pooled(across * across + down * down + both * both)
    _, across, down, both = _haar(smooth)
    coarse = across * across + down * down + both * both
    # White noise of one deviation in each of a band's three parts is half as strong in the next coarser one's.
    bands = (fine - 3 * noise / 4, coarse - 3 * noise / 16)
    fine, coarse = (np.maximum(band, 0.0).reshape(*cut.shape[:-2], -1) for band in bands)
    busy = np.argpartition(-(fine + coarse), _BUSY, axis=-1)[..., :_BUSY]
    below, above = (np.take_along_axis(band, busy, -1).mean(-1) for band in (fine, coarse))
    some = (above > 0) & (np.asarray(size) > 0)
    ratio = (np.sqrt(below / np.where(some, above, 1)) - _BLURRED) / ((_SHARP - _BLURRED) * np.where(some, size, 1))
    return np.asarray(np.where(some, np.clip(ratio, 0, 1) * np.minimum(np.sqrt(above) / _LEVELS, 1), 0))


def _haar(picture: Array) -> tuple[Array, Array, Array, Array]:
    """Means of 2 x 2 pixels [..., H/2, W/2], and their details across, down and both, so that a block's variance is the
    sum of their squares.
    """
    left, right = picture[..., ::2], picture[..., 1::2]
    sums, steps = left + right, left - right
    return (
        (sums[..., ::2, :] + sums[..., 1::2, :]) / 4,
        (steps[..., ::2, :] + steps[..., 1::2, :]) / 4,
        (sums[..., ::2, :] - sums[..., 1::2, :]) / 4,
        (steps[..., ::2, :] - steps[..., 1::2, :]) / 4,
    )


def _pooled(band: Array) -> Array:
    """Means of 2 x 2."""
    rows = band[..., ::2, :] + band[..., 1::2, :]
    return np.asarray((rows[..., ::2] + rows[..., 1::2]) / 4)
