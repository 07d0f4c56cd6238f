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


def sharpness(cut: Array, size: float = 1.0) -> float:
    """0 (blurred, or nearly black) to 1 (sharp) of a face's upright cut [128, 128], luminance of 0 to 255.

    Args:
        cut: a square round a face, as its networks see it.
        size: 0 to 1, how much of the finest band a face of its size in the picture can have: a face of few pixels is
            not called blurred for that.
    """
    border = _MARGIN * len(cut) // 64
    inner = cut[border : len(cut) - border, border : len(cut) - border]
    smooth, across, down, both = _haar(inner)
    noise = (float(np.median(np.abs(both[::2, ::2]))) / _DEVIATION) ** 2
    smooth, across, down, both = _haar(smooth)
    fine = _pooled(across * across + down * down + both * both)
    _, across, down, both = _haar(smooth)
    coarse = across * across + down * down + both * both
    # White noise of one deviation in each of a band's three parts is half as strong in the next coarser one's.
    fine = np.maximum(fine - 3 * noise / 4, 0.0)
    coarse = np.maximum(coarse - 3 * noise / 16, 0.0)
    busy = np.argpartition(-(fine + coarse), _BUSY, axis=None)[:_BUSY]
    below, above = float(fine.ravel()[busy].mean()), float(coarse.ravel()[busy].mean())
    if above <= 0 or size <= 0:
        return 0.0
    ratio = ((below / above) ** 0.5 - _BLURRED) / ((_SHARP - _BLURRED) * size)
    return float(min(max(ratio, 0.0), 1.0) * min(above**0.5 / _LEVELS, 1.0))


def _haar(picture: Array) -> tuple[Array, Array, Array, Array]:
    """Means of 2 x 2 pixels [H/2, W/2], and their details across, down and both, so that a block's variance is the sum
    of their squares.
    """
    left, right = picture[:, ::2], picture[:, 1::2]
    sums, steps = left + right, left - right
    return (
        (sums[::2] + sums[1::2]) / 4,
        (steps[::2] + steps[1::2]) / 4,
        (sums[::2] - sums[1::2]) / 4,
        (steps[::2] - steps[1::2]) / 4,
    )


def _pooled(band: Array) -> Array:
    """Means of 2 x 2."""
    rows = band[::2] + band[1::2]
    return np.asarray((rows[:, ::2] + rows[:, 1::2]) / 4)
