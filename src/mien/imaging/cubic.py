"""What a picture shows between its pixels, by cubic interpolation, at places that follow no rule; quickly, in numpy.

The three colours of a pixel lie side by side in one whole number, each in a lane of its own: so a pixel is fetched
once, and weighed by one multiplication. Places and weights are whole numbers, too, in 64ths.

Source: R. G. Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981.
"""

import numpy as np

from mien.core.arrays import Array

REACH = 3
"""Pixels that a place must keep from a picture's border."""

_STEPS = 6
"""Bits of a part of a pixel, and of a weight: nobody sees a 128th of a pixel."""

_LANE = 21
"""Bits of a colour's lane: 8 of a value, `_STEPS` of a weight across and down each, one for what the kernel adds."""

_BELOW = 80
"""Grey levels by which a colour may undershoot; they are added while lanes are taken apart, so that none borrows."""

_AT_ONCE = 1 << 13
"""Places that are worked on at once: what is between two steps then stays near the processor."""


def _kernel() -> Array:
    """[4, 64] int64 weights of the pixels before, at, after and two after a place that is so many 64ths beyond one."""
    one = 1 << _STEPS
    beyond = np.arange(one) / one
    left = 1 - beyond
    outer = [-0.5 * beyond * left * left, -0.5 * left * beyond * beyond]
    inner = [1.5 * d**3 - 2.5 * d**2 + 1 for d in (beyond, left)]
    weights = np.rint(np.stack([outer[0], *inner, outer[1]]) * one).astype(np.int64)
    # What rounding lost goes to the nearer pixel: what is even stays so.
    nearer = 1 + (beyond > 0.5)
    weights[nearer, np.arange(one)] += one - weights.sum(0)
    return np.asarray(weights)


_KERNEL = _kernel()


def packed(pixels: Array) -> Array:
    """[H, W] int64, the colours of `pixels` [H, W, 3] uint8 in their lanes, as `between` reads them."""
    lanes = pixels[..., 0].astype(np.int64)
    for colour in (1, 2):
        lanes <<= _LANE
        lanes += pixels[..., colour]
    return lanes


def between(lanes: Array, x: Array, y: Array) -> Array:
    """The colours at some places of a picture.

    Args:
        lanes: [H, W] the picture, as `packed` gives it.
        x: [P] pixels from its left border, centres at .5, at least `REACH` from either side.
        y: [P] likewise from the top.

    Returns:
        [P, 3] uint8. On the centre of a pixel it is that pixel's, to the bit.
    """
    colours = np.empty((len(x), 3), np.uint8)
    flat, width = lanes.ravel(), lanes.shape[1]
    for first in range(0, len(x), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        _weigh(flat, width, _in_steps(x[part]), _in_steps(y[part]), colours[part])
    return colours


def _in_steps(places: Array) -> Array:
    """[P] int64, how many 64ths of a pixel places are beyond the centre of the first one."""
    return np.asarray(np.rint((places - 0.5) * (1 << _STEPS)).astype(np.int32).astype(np.int64))


def _weigh(flat: Array, width: int, x: Array, y: Array, colours: Array) -> None:
    """Writes the `colours` [P, 3] at places in 64ths of a pixel."""
    part = (1 << _STEPS) - 1
    across, down = (_KERNEL.take(v & part, axis=1) for v in (x, y))
    place = (y >> _STEPS) * width + (x >> _STEPS) - (width + 1)
    half = (_BELOW << 2 * _STEPS) + (1 << 2 * _STEPS - 1)
    total = np.full(len(place), (((half << _LANE) + half) << _LANE) + half)
    for j in range(4):
        row = flat[j * width :].take(place)
        row *= across[0]
        for i in range(1, 4):
            pixel = flat[j * width + i :].take(place)
            pixel *= across[i]
            row += pixel
        row *= down[j]
        total += row
    for k in range(3):
        level = (total >> (2 - k) * _LANE + 2 * _STEPS).astype(np.int32) & ((1 << _LANE - 2 * _STEPS) - 1)
        colours[:, k] = np.clip(level - _BELOW, 0, 255)
