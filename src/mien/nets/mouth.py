"""The network that paints what a mouth shows when it opens: teeth, the dark between them, the tongue. Our own.

A U-net on the cut-out patch, without normalisation, so that a photo's light and grain pass through; what the face does,
and how sharp the picture is to be, scale and shift its features (FiLM: E. Perez et al. 2018).
"""

import torch
from torch import Tensor

from mien.core.basis import ARKIT
from mien.nets.unet import ToldUNet, painted, silent

PLANES = 7
"""Maps that say what lies where: see `mien.imaging.mouth_patch.MAPS`; the first is the hole."""

MOUTH_COLUMNS = tuple(name for name in ARKIT.columns if name.startswith(("jaw", "mouth", "cheek", "nose", "tongue")))
"""What of an expression a mouth can show: all else would tell one person from another, to learn by heart."""


class MouthNet(ToldUNet):
    """Paints the hole of a patch; outside it, and where it has not learned yet, the patch is as it was.

    Args:
        width: channels at half the size; 48 ships.
        told: length of what the weights and the sharpness become.
    """

    def __init__(self, width: int = 48, told: int = 64) -> None:
        super().__init__(3 + PLANES, width, MOUTH_COLUMNS, further=1, told=told, thoughts=6)
        self.colour = silent(width, 3)

    def forward(self, picture: Tensor, maps: Tensor, weights: Tensor, sharpness: Tensor) -> Tensor:
        """The patch with its hole painted, [B, 3, h, w] of 0 to 255; values may pass these bounds a little.

        Args:
            picture: [B, 3, h, w] of 0 to 255, h and w multiples of 8; what lies in the hole is not looked at.
            maps: [B, 7, h, w] as `MouthPatch.maps` draws them.
            weights: [B, 52] over `ARKIT`.
            sharpness: [B, 1] see `mien.imaging.mouth_patch.sharpness`.
        """
        cut = (picture / 127.5 - 1) * (1 - maps[:, :1])
        drawn = self._drawn(torch.cat([cut, maps], 1), torch.cat([weights[:, self.columns], sharpness], 1))
        return (cut + painted(self.colour, drawn) + 1) * 127.5
