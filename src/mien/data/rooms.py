"""Rooms: windows of pictures without faces: what faces are pasted into, and what a finder must pass over."""

import numpy as np
from PIL import Image

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.data.packs import ScenesPack


class Rooms:
    """Cuts windows from the pictures of a split that hold no face.

    Args:
        scenes: the pictures.
        split: which of them.

    Raises:
        InputError: every picture of the split holds a face.
    """

    def __init__(self, scenes: ScenesPack, split: str) -> None:
        empty = [index for index in scenes.indices(split) if len(scenes.boxes[index]) == 0]
        if not empty:
            cause = f"there is no picture without faces in scenes.npz of split {split}"
            raise InputError("packs", "E_FORMAT", cause, "make them with the layout of docs/data.md")
        self._pictures = [scenes.pictures.open(index).convert("L") for index in empty]

    def window(self, rng: np.random.Generator, side: int) -> Array:
        """[side, side] uint8 luminance; `rng` alone decides which."""
        picture = self._pictures[rng.integers(len(self._pictures))]
        least = min(picture.size)
        window = int(np.clip(np.exp(rng.uniform(np.log(0.25), 0)) * least, min(32, least), least))
        x, y = int(rng.integers(picture.width - window + 1)), int(rng.integers(picture.height - window + 1))
        cropped = picture.crop((x, y, x + window, y + window)).resize((side, side), Image.Resampling.BILINEAR)
        if rng.random() < 0.5:
            cropped = cropped.transpose(Image.Transpose(int(rng.integers(0, 7))))
        return np.asarray(cropped)
