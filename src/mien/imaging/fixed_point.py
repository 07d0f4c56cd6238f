"""A square cut from a colour picture as OpenCV's fixed-point warp cuts it, to the last bit.

MediaPipe's networks see pictures through that warp: places rounded to a 32nd of a pixel, weights as whole numbers, and
the cut's pixel k looked up where the map takes the number k, not the middle of the pixel. To read what MediaPipe reads,
mien has to cut as it does; what mien's own networks see is cut by `imaging/warp`.
"""

import numpy as np

from mien.core.arrays import Array

_STEPS = 32
"""Places between two pixels that are told apart."""

_FAR = 2.0**20
"""Pixels, more than a picture has: further out all is border, and whole numbers of 64 bits are still exact."""


def sample_fixed(picture: Array, to_picture: Array, side: int, zeros_outside: bool) -> Array:
    """[side, side, 3] uint8: `picture` sampled bilinearly where `to_picture` takes the numbers of a cut's pixels.

    Args:
        picture: [H, W, 3] uint8.
        to_picture: [2, 3] from numbers of the cut's columns and rows to those of the picture.
        side: pixels along a side of the cut.
        zeros_outside: whether black lies outside the picture; else its border pixels go on.
    """
    height, width = picture.shape[:2]
    steps = np.arange(side, dtype=np.float64)
    (a, b, tx), (c, d, ty) = to_picture
    column, right = _split(a * steps[None, :] + b * steps[:, None] + tx)
    row, lower = _split(c * steps[None, :] + d * steps[:, None] + ty)
    flat = np.ascontiguousarray(picture).reshape(-1, 3)
    total = np.full((side * side, 3), _STEPS * _STEPS // 2, np.int32)
    for down in (0, 1):
        for across in (0, 1):
            x, y = column + across, row + down
            share = (right if across else _STEPS - right) * (lower if down else _STEPS - lower)
            if zeros_outside:
                share = np.where((x >= 0) & (x < width) & (y >= 0) & (y < height), share, 0)
            place = np.clip(y, 0, height - 1) * width + np.clip(x, 0, width - 1)
            total += flat.take(place.ravel(), axis=0) * share.reshape(-1, 1)
    return (total // (_STEPS * _STEPS)).astype(np.uint8).reshape(side, side, 3)


def _split(places: Array) -> tuple[Array, Array]:
    """Whole pixels [S, S] int64, and the steps [S, S] int32 beyond them."""
    fixed = np.rint(np.clip(places, -_FAR, _FAR) * _STEPS).astype(np.int64)
    return fixed // _STEPS, (fixed % _STEPS).astype(np.int32)
