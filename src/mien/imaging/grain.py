"""The grain of a photo: how much there is, and some more of it, for what is painted must not be smoother than skin."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from mien.core.arrays import Array

_FINEST = 0.87
"""What a blur of one pixel takes away of white noise, as a share of its deviation."""


def roughness(picture: Array, where: Array) -> float:
    """Deviation of what a blur of one pixel takes away, grey levels, from its median: edges do not count.

    Args:
        picture: [h, w, 3] uint8.
        where: [h, w] bool; 0 comes of nowhere.
    """
    if not where.any():
        return 0.0
    grey = Image.fromarray(picture).convert("L")
    smooth = np.asarray(grey.filter(ImageFilter.GaussianBlur(1)), np.float32)
    return 1.48 * float(np.median(np.abs(np.asarray(grey, np.float32) - smooth)[where]))


def sown(height: int, width: int, rough: float, seed: Sequence[int]) -> Array:
    """[height, width, 1] float32 noise as rough as `roughness` says, the same for the same seed.

    Seeds may lie below 0: places do, of faces that reach beyond the upper or the left border of a picture.
    """
    noise = np.random.default_rng([number % (1 << 32) for number in seed]).standard_normal(
        (height, width, 1), np.float32
    )
    return np.asarray(noise * np.float32(rough / _FINEST))
