"""Pixels: a frame of a photo or a video, and a cut from one with the way back.

Pixels at rest are RGB uint8. Pixel centres lie at .5: the top-left pixel covers [0, 1] x [0, 1].
"""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array, frozen_array

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""What red, green and blue give to the brightness of a pixel (ITU-R BT.601)."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and when it was seen.

    Args:
        pixels: [H, W, 3] RGB uint8, upright.
        time: seconds from the start of the source, from its own clock; 0 for a photo.
        index: number of the frame in its source, from 0.
    """

    pixels: Array
    time: float = 0.0
    index: int = 0

    def __post_init__(self) -> None:
        pixels = self.pixels
        if not (isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 3):
            found = f"{pixels.dtype} {list(pixels.shape)}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
            raise ValueError(f"pixels must be uint8 of shape [H, W, 3], got {found}")
        if pixels.shape[2] != 3 or 0 in pixels.shape:
            raise ValueError(f"pixels must have shape [H, W, 3] with H and W above 0, got {list(pixels.shape)}")
        if not np.isfinite(self.time):
            raise ValueError("time must be finite")

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A square cut from a frame, in luminance, and the way back.

    Args:
        pixels: [S, S] float32 luminance, 0 (black) to 255; 0 outside the frame.
        to_frame: [2, 3] affine map from crop coordinates to frame coordinates, both in pixels with centres at .5.
    """

    pixels: Array
    to_frame: Array

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype != np.float32 or pixels.ndim != 2 or pixels.shape[0] != pixels.shape[1]:
            raise ValueError(f"pixels must be float32 of shape [S, S], got {pixels.dtype} {list(pixels.shape)}")
        object.__setattr__(self, "to_frame", frozen_array(self.to_frame, "to_frame", (2, 3)))

    @property
    def side(self) -> int:
        """Pixels along a side."""
        return int(self.pixels.shape[0])
