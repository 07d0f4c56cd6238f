"""Teeth for mouths wider open than the network knows: it is shown the mouth half open, and they stay with the lip.

Hardly any mouth that the network learned from was wide open, and where one is it draws no teeth. Half open it knows
them well. So the lower lip and all below it is raised until the mouth is half open, and what the network paints below
the upper lip then is laid over what it paints of the whole: upper teeth stand in the skull and move with no jaw.
"""

from dataclasses import dataclass, replace

import numpy as np

from mien.core.arrays import Array
from mien.imaging.mouth_patch import HEIGHT, MAPS, WIDTH, MouthPatch, lip_heights

HALF = 13.0
"""Pixels of a patch between the lips of a mouth that the network knows well."""

_TEETH = 0.62
"""Share of a half-open mouth, from the upper lip on, in which the upper teeth lie."""

_CORNERS = 0.25
"""Share of half a mouth's width at its corners towards which they end: lips meet there, and hide them."""

_SOFT = 2.0
"""Pixels of a patch over which they give way to what is below."""


@dataclass(frozen=True, slots=True, eq=False)
class HalfOpen:
    """A mouth whose lower lip was raised.

    Args:
        cut: [96, 128, 3] uint8, the patch so.
        patch: its lips so.
        cover: [96, 128] 0 to 1, where the upper teeth lie.
    """

    cut: Array
    patch: MouthPatch
    cover: Array

    @classmethod
    def of(cls, cut: Array, patch: MouthPatch) -> "HalfOpen":
        """The mouth of a patch [96, 128, 3], closed to `HALF` where it is wider open."""
        x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT)[:, None] + 0.5
        upper, lower = lip_heights(patch.inner, x)
        share = max(1 - HALF / max(patch.gap, 1e-6), 0.0)
        opening = np.clip(lower - upper, 0, None)
        raised = share * opening
        rows = np.where(y < (upper + lower - raised) / 2, y, y + raised)
        along = dict(zip(MAPS, patch.maps(), strict=True))["along"]
        above = np.clip((_TEETH * (opening - raised) - (y - upper)) / _SOFT + 0.5, 0, 1)
        cover = above * np.clip((1 - np.abs(along)) / _CORNERS, 0, 1)
        return cls(_sampled(cut, rows), _raised(patch, share), cover.astype(np.float32))

    def teeth_on(self, whole: Array, half: Array) -> Array:
        """[96, 128, 3] float32: the whole mouth as painted, with the upper teeth of the half-open one.

        Args:
            whole: [96, 128, 3] float32.
            half: likewise, in the same place.
        """
        return np.asarray(whole + self.cover[..., None] * (half - whole))


def _raised(patch: MouthPatch, share: float) -> MouthPatch:
    """Lips whose lower one is nearer to the upper one by a share of the way."""
    inner, outer = patch.inner.copy(), patch.outer.copy()
    for ring in (inner, outer):
        half = len(ring) // 2
        upper, lower = lip_heights(patch.inner, ring[1:half, 0])
        ring[1:half, 1] -= share * np.clip(lower - upper, 0, None)
    return replace(patch, inner=inner, outer=outer)


def _sampled(pixels: Array, y: Array) -> Array:
    """[96, 128, 3] uint8, each column of `pixels` at the heights `y` [96, 128], pixels with centres at .5."""
    rows = np.clip(y - 0.5, 0, HEIGHT - 1)
    first, columns = np.minimum(rows.astype(np.intp), HEIGHT - 2), np.arange(WIDTH)
    share = (rows - first)[..., None]
    mixed = (1 - share) * pixels[first, columns] + share * pixels[first + 1, columns]
    return np.asarray(np.round(mixed).astype(np.uint8))
