"""The texture step of an edit: paints what an opened mouth shows where a warp left a hole."""

from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.core.image import LUMINANCE
from mien.imaging.mouth_blend import compose
from mien.imaging.mouth_patch import GROW, LEAST_GAP, MouthPatch
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

_SCALES, _CRISP = (0.65, 0.9), (-0.5, -0.2)
"""Pixels of a photo along a pixel of the patch, and the sharpness to ask for there: more draws dots between teeth, and
at the -1.2 that half of the mouths of coarse photos measure teeth run into lips."""

_SLITS, _GROWN = (1.5, 2.5, 3.0, 4.0), (GROW, 3.0, 3.0, GROW)
"""Pixels of a patch that lips were apart, and by how much larger than the opening the hole is then."""

_AJAR = 0.25
"""The most of `jawOpen` that the network is told of. How far lips are apart its maps say; told more, it pales the dark
and shortens teeth to gums. Chosen by eye on London's training people and validation photos."""

_COLOURLESS = 1.5
"""Grey levels by which the colours of a black and white photo differ at most, in the mean: those of JPEGs do."""

_IVORY = 12.0
"""Grey levels by which teeth may be yellower than the skin round them."""

_MOST = np.where(np.arange(len(ARKIT)) == ARKIT.index("jawOpen"), _AJAR, 1.0).astype(np.float32)


def crispness(scale: float) -> float:
    """The sharpness to ask for in a photo of so many pixels along a pixel of the patch: what a small face can show.

    As `mien.imaging.mouth_patch.sharpness` measures it. Crisp teeth in a coarse photo look broken.
    """
    return float(np.interp(scale, _SCALES, _CRISP))


def grown(gap: float) -> float:
    """By how much the hole of a mouth is larger than its opening, pixels of a patch, if lips were `gap` apart before.

    In a slit landmarks do not tell where lips begin: what was seen in it, too little to be kept, would stick to them.
    """
    return float(np.interp(gap, _SLITS, _GROWN))


def in_kind(painted: Array, cut: Array) -> Array:
    """[H, W, 3] float32 what was painted, without colour where the photo [H, W, 3] has none."""
    if np.abs(cut.astype(np.float32) - cut.mean(2, keepdims=True)).mean() > _COLOURLESS:
        return painted
    return np.repeat((painted @ LUMINANCE)[..., None], 3, axis=2)


def natural(painted: Array, cut: Array) -> Array:
    """[H, W, 3] float32 painted pixels, no more mauve or green, and hardly more yellow, than the photo [H, W, 3] round
    them, and as bright.

    No tooth is, in white light. The network draws some mauve on very dark skin, of which it saw little, some green, and
    in pale photos teeth as yellow as in others.
    """
    around = cut.astype(np.float32).mean((0, 1))
    usual = max(float(min(around[0], around[2]) - around[1]), 0.0)
    mauve = np.clip(np.minimum(painted[..., 0], painted[..., 2]) - painted[..., 1] - usual, 0, None)
    green = np.clip(painted[..., 1] - painted[..., 0] - max(float(around[1] - around[0]), 0.0), 0, None)
    settled = painted + (mauve - green)[..., None] * (np.array([0, 1, 0], np.float32) - LUMINANCE[1])
    usual = max(float(min(around[0], around[1]) - around[2]), 0.0) + _IVORY
    yellow = np.clip(np.minimum(settled[..., 0], settled[..., 1]) - settled[..., 2] - usual, 0, None)
    return np.asarray(settled + yellow[..., None] * (np.array([0, 0, 1], np.float32) - LUMINANCE[2]))


class MouthPainter:
    """Paints teeth, the dark between them and the tongue.

    Args:
        session: the network `mouth`.
    """

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    @classmethod
    def shipped(cls) -> Self:
        """With the network of the package. Raises `ModelError` when its file was changed."""
        return cls(OnnxSession(card("mouth")))

    def paint(
        self, pixels: Array, points: Array, weights: Array, kept: tuple[Array, ...] = (), grow: float = GROW
    ) -> Array:
        """The photo with its mouth painted; as it was where the lips are shut.

        Args:
            pixels: [H, W, 3] uint8 RGB, the warped photo; what lies between the lips is painted over.
            points: [478, 2 or more] the face's landmarks as they are now, pixels of the photo with centres at .5.
            weights: [52] over `ARKIT`, the expression as it is now; what passes 0 to 1 counts as these.
            kept: outlines [N, 2] of what is not painted over, pixels of the mouth's patch.
            grow: pixels of the patch by which the hole is larger than the opening.

        Returns:
            [H, W, 3] uint8, a new array.

        Raises:
            ValueError: points or weights have another shape, or are not finite.
        """
        patch = MouthPatch.of(points)
        said = np.clip(frozen_array(weights, "weights", (len(ARKIT),), np.float32), 0, _MOST)
        if patch.gap < LEAST_GAP:
            return pixels.copy()
        cut = patch.cut(pixels)
        painted = self.look(cut, patch, said, crispness(patch.scale), kept, grow)
        painted = in_kind(natural(painted, cut), cut)
        return compose(pixels, painted, patch, kept, grow)

    def look(
        self,
        cut: Array,
        patch: MouthPatch,
        weights: Array,
        sharpness: float,
        kept: tuple[Array, ...] = (),
        grow: float = GROW,
    ) -> Array:
        """What the network makes of a patch: [96, 128, 3] float32 of about 0 to 255, the hole painted.

        Args:
            cut: [96, 128, 3] uint8, what `patch.cut` gives.
            patch: its lips.
            weights: [52] over `ARKIT`.
            sharpness: what is asked for, as `mien.imaging.mouth_patch.sharpness` measures it.
            kept: outlines [N, 2] of what is not to be painted over, pixels of the patch.
            grow: as of `paint`.
        """
        picture = cut.astype(np.float32).transpose(2, 0, 1)
        told = np.clip(weights, 0, 1), np.array([sharpness])
        (painted,) = self._session(picture[None], patch.maps(grow, kept)[None], *(value[None] for value in told))
        return np.asarray(painted[0].transpose(1, 2, 0))
