"""The texture step of an edit: paints what an opened mouth shows where a warp left a hole."""

from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.imaging.mouth_blend import compose
from mien.imaging.mouth_patch import LEAST_GAP, MAPS, MouthPatch
from mien.paint.gape import HALF, HalfOpen
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

_SMILING, _GAPING = 8.0, 24.0
"""Pixels of a patch between the lips of mouths that good portraits show, and of those that only clips and news do."""

_CRISP, _SOFT = 0.6, -0.5
"""The sharpness of the better half of either: no mouth to learn from was wide open and crisp; it comes in blocks."""

_TEETH = 0.0
"""The sharpness to ask for of teeth that are painted for a wide mouth: more makes gaps between them black."""

_DARK, _LIGHT = 90.0, 150.0
"""Luminances of what is calmed in a wide mouth, and of teeth, which are not."""


_DEEP, _DEEPEST, _HIDDEN = 12.0, 28.0, 0.65
"""Pixels of a patch between the lips from which a throat is seen, and from which all of it is; how much of its light is
kept off. Few mouths to learn from were so wide: what the network draws there is lit alike all over."""

_THROAT, _ABOUT = 0.38, 0.3
"""Where the throat lies, as a share of the way from the upper lip to the lower one, and how far its dark reaches."""

_FLESH, _ENAMEL = 110.0, 170.0
"""Luminances of what lies in that dark, and of teeth, which stand before it."""

_COLOURLESS = 1.5
"""Grey levels by which the colours of a black and white photo differ at most, in the mean: those of JPEGs do."""


def crispness(gap: float) -> float:
    """The sharpness to ask for, where lips are `gap` pixels of a patch apart: as `imaging.mouth_patch` measures it."""
    return float(np.interp(gap, (_SMILING, _GAPING), (_CRISP, _SOFT)))


def calmed(painted: Array, gap: float) -> Array:
    """[H, W, 3] float32 what a network painted, without the weave that it draws where few mouths taught it anything.

    Its grain is that of the network's pixels, in the dark of mouths that are wide open, where photos are out of focus.

    Args:
        painted: [H, W, 3] of about 0 to 255.
        gap: pixels of a patch between the lips.
    """
    wide = np.clip((gap - _SMILING) / (_GAPING - _SMILING), 0, 1)
    if wide == 0:
        return painted
    soft = painted
    for axis in (0, 1, 0, 1):  # binomial, twice
        ends = [(1, 1) if other == axis else (0, 0) for other in range(3)]
        row = np.moveaxis(np.pad(soft, ends, mode="edge"), axis, 0)
        soft = np.moveaxis((row[:-2] + 2 * row[1:-1] + row[2:]) / 4, 0, axis)
    dark = np.clip((_LIGHT - soft.mean(2, keepdims=True)) / (_LIGHT - _DARK), 0, 1)
    return np.asarray(painted + np.float32(wide) * dark * (soft - painted))


def hollowed(painted: Array, patch: MouthPatch) -> Array:
    """[96, 128, 3] float32 the same with the dark of a throat between the lips of a mouth that is wide open.

    Args:
        painted: [96, 128, 3] of about 0 to 255.
        patch: its lips.
    """
    wide = np.clip((patch.gap - _DEEP) / (_DEEPEST - _DEEP), 0, 1)
    if wide == 0:
        return painted
    maps = dict(zip(MAPS, patch.maps(), strict=True))
    down, up = (np.clip(maps[name], 0, None) for name in ("below_upper", "above_lower"))
    way = down / np.maximum(down + up, 1e-3)
    dark = np.exp(-(((way - _THROAT) / _ABOUT) ** 2)) * np.clip(1 - np.abs(maps["along"]) ** 3, 0, 1)
    behind = np.clip((_ENAMEL - painted.mean(2)) / (_ENAMEL - _FLESH), 0, 1)
    return np.asarray(painted * (1 - np.float32(_HIDDEN * wide) * dark * behind)[..., None], np.float32)


def in_kind(painted: Array, cut: Array) -> Array:
    """[H, W, 3] float32 what was painted, without colour where the photo [H, W, 3] has none."""
    if np.abs(cut.astype(np.float32) - cut.mean(2, keepdims=True)).mean() > _COLOURLESS:
        return painted
    return np.repeat((painted @ _LUMINANCE)[..., None], 3, axis=2)


_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def unmauved(painted: Array, cut: Array) -> Array:
    """[H, W, 3] float32 what was painted, no more mauve than the photo [H, W, 3] round it; as bright as it was.

    No tooth is, in white light. The network draws some so on very dark skin, of which it saw little.
    """
    around = cut.astype(np.float32).mean((0, 1))
    usual = max(float(min(around[0], around[2]) - around[1]), 0.0)
    mauve = np.clip(np.minimum(painted[..., 0], painted[..., 2]) - painted[..., 1] - usual, 0, None)
    return np.asarray(painted + mauve[..., None] * (np.array([0, 1, 0], np.float32) - _LUMINANCE[1]))


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

    def paint(self, pixels: Array, points: Array, weights: Array) -> Array:
        """The photo with its mouth painted; as it was where the lips are shut.

        Args:
            pixels: [H, W, 3] uint8 RGB, the warped photo; what lies between the lips is painted over.
            points: [478, 2 or more] the face's landmarks as they are now, pixels of the photo with centres at .5.
            weights: [52] over `ARKIT`, the expression as it is now; what passes 0 to 1 counts as these.

        Returns:
            [H, W, 3] uint8, a new array.

        Raises:
            ValueError: points or weights have another shape, or are not finite.
        """
        patch = MouthPatch.of(points)
        said = np.clip(frozen_array(weights, "weights", (len(ARKIT),), np.float32), 0, 1)
        if patch.gap < LEAST_GAP:
            return pixels.copy()
        cut = patch.cut(pixels)
        painted = hollowed(self._drawn(cut, patch, said, crispness(patch.gap)), patch)
        if patch.gap > HALF:
            half = HalfOpen.of(cut, patch)
            asked = float(np.interp(patch.gap, (HALF, 2 * HALF), (crispness(HALF), _TEETH)))
            told = np.where(np.arange(len(ARKIT)) == ARKIT.index("jawOpen"), said * HALF / patch.gap, said)
            painted = half.teeth_on(painted, self._drawn(half.cut, half.patch, told.astype(np.float32), asked))
        return compose(pixels, painted, patch)

    def _drawn(self, cut: Array, patch: MouthPatch, weights: Array, sharpness: float) -> Array:
        """What `look` gives, calmed, and in the photo's colours."""
        return calmed(in_kind(unmauved(self.look(cut, patch, weights, sharpness), cut), cut), patch.gap)

    def look(self, cut: Array, patch: MouthPatch, weights: Array, sharpness: float) -> Array:
        """What the network makes of a patch: [96, 128, 3] float32 of about 0 to 255, the hole painted.

        Args:
            cut: [96, 128, 3] uint8, what `patch.cut` gives.
            patch: its lips.
            weights: [52] over `ARKIT`.
            sharpness: what is asked for, as `mien.imaging.mouth_patch.sharpness` measures it.
        """
        picture = cut.astype(np.float32).transpose(2, 0, 1)
        told = np.clip(weights, 0, 1), np.array([sharpness])
        (painted,) = self._session(picture[None], patch.maps()[None], *(value[None] for value in told))
        return np.asarray(painted[0].transpose(1, 2, 0))
