"""The shading step of an edit: folds and cheeks, forehead and lids, lighter or darker as an expression makes them."""

from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.core.face import LANDMARKS
from mien.core.image import Frame
from mien.imaging.face_layout import DARK, FaceLayout
from mien.rig.compact import CompactModel, compact_model
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

STRENGTH = 1.0
"""How much of the network's answer is done: chosen on validation pairs and by eye."""

LIGHTEST = 0.12
"""What a place's gain comes near to and does not pass: a fold may be dark, but light patches look like make-up."""


def believed(gain: Array) -> Array:
    """How much of the logarithm of a gain is done, of any shape: what gets darker as it is, what gets lighter less."""
    return np.asarray(STRENGTH * np.where(gain > 0, LIGHTEST * np.tanh(gain / LIGHTEST), gain), np.float32)


class CreasePainter:
    """Multiplies a moved face by what its new expression does to its shading: pores, hair and grain stay.

    Args:
        session: the network `crease`.
        model: the compact rig, whose mean face is the layout.
    """

    def __init__(self, session: OnnxSession, model: CompactModel) -> None:
        self._session = session
        self._layout = FaceLayout.of(model.mean, model.triangles)

    @classmethod
    def shipped(cls) -> Self:
        """With the network of the package. Raises `ModelError` when its file was changed."""
        return cls(OnnxSession(card("crease")), compact_model())

    def paint(
        self, frame: Frame, points: Array, target: Array, change: Array, patch: Array, left: int, top: int
    ) -> Array:
        """Part of the moved picture with the face's new shading.

        Args:
            frame: the picture before.
            points: [478, 3] the face's landmarks in it, pixels with centres at .5, z in the same scale.
            target: [478, 2] where they were moved.
            change: [52] weights over `ARKIT`, after less before.
            patch: [h, w, 3] uint8, the part of the moved picture.
            left: pixel column of the part's left border in the picture; it may lie outside.
            top: likewise, its row.

        Returns:
            [h, w, 3] uint8, a new array; eyes, brows, mouth and all but the face are as they were.

        Raises:
            ValueError: points, target or change have another shape, or are not finite.
        """
        settled = frozen_array(points, "points", (LANDMARKS, 3), np.float64)
        moved = np.column_stack([frozen_array(target, "target", (LANDMARKS, 2), np.float64), settled[:, 2]])
        told = frozen_array(change, "change", (len(ARKIT),), np.float32)
        gain = believed(self.gain(frame, settled, moved, told))
        height, width = patch.shape[:2]
        shade, where = self._layout.laid(gain, moved).on(left, top, width, height)
        painted = patch.copy()
        under = painted[where].astype(np.float32)
        lit = (under + np.float32(DARK)) * np.exp(shade)[..., None] - np.float32(DARK)
        painted[where] = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
        return painted

    def gain(self, frame: Frame, points: Array, target: Array, change: Array) -> Array:
        """What the network says: [104, 88] float32 on the layout, the logarithm of what brightness is multiplied by.

        Args:
            frame: the picture before.
            points: [478, 3] the face's landmarks in it.
            target: [478, 3] where they are after.
            change: [52] weights, after less before.
        """
        bright, maps = self._layout.brightness(frame, points), self._layout.maps(points, target)
        (gain,) = self._session(bright[None, None], maps[None], change[None].astype(np.float32))
        return np.asarray(gain[0, 0])
