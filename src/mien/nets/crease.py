"""The network that changes a face's shading with its expression: folds beside the nose, lines of forehead and brow.

It answers a ratio image, after Z. Liu, Y. Shan and Z. Zhang, "Expressive expression mapping with ratio images", 2001,
as the logarithm of what brightness is multiplied by; theirs is copied from another face, ours is learned. A U-net on
the face's layout, without normalisation; what the face does scales and shifts its features. Our own.
"""

import torch
from torch import Tensor
from torch.nn import functional

from mien.core.basis import ARKIT
from mien.nets.unet import ToldUNet, painted, silent

PLANES = 5
"""Maps that say where what moves: see `mien.imaging.face_layout.MAPS`."""

MOST = 0.5
"""The gain's logarithm stays within this on either side."""

CREASE_COLUMNS = tuple(name for name in ARKIT.columns if not name.startswith(("eyeLook", "tongue")))
"""What of an expression folds skin."""

_USUAL = 0.35
"""About the deviation of the logarithm of brightness over a face."""

_MOVES = 0.35
"""Pixels of the layout: skin that moves less changes its shading less, and skin that rests keeps it."""

_FAR = 3.0
"""Pixels of the layout that are 1 in what is seen of a motion."""


class CreaseNet(ToldUNet):
    """Says how much brighter each place of a face becomes; where it has not learned yet, nothing changes.

    While it answers, rather than learns, it also looks into a mirror: a mirrored face gets the mirrored answer.

    Args:
        width: channels at half the size; 20 ships.
        told: length of what the change of the weights becomes.
    """

    mirror: Tensor

    def __init__(self, width: int = 20, told: int = 48) -> None:
        super().__init__(1 + PLANES + 2, width, CREASE_COLUMNS, told=told, thoughts=2)
        self.register_buffer("mirror", torch.from_numpy(ARKIT.mirror.copy()), persistent=False)
        self.gain = silent(width, 1)

    def forward(self, brightness: Tensor, maps: Tensor, change: Tensor) -> Tensor:
        """[B, 1, h, w] what is added to the logarithm of brightness, within `MOST`.

        Args:
            brightness: [B, 1, h, w] as `FaceLayout.brightness` gives it, the face before; h and w multiples of 4.
            maps: [B, 5, h, w] as `FaceLayout.maps` makes them.
            change: [B, 52] weights over `ARKIT`, after less before.
        """
        if self.training:
            return self._one_way(brightness, maps, change)
        signs = maps.new_tensor([1.0, -1.0, 1.0, -1.0, 1.0])[:, None, None]
        both = self._one_way(
            torch.cat([brightness, brightness.flip(3)]),
            torch.cat([maps, maps.flip(3) * signs]),
            torch.cat([change, change[:, self.mirror]]),
        )
        ahead, behind = both.chunk(2)
        return (ahead + behind.flip(3)) / 2

    def _one_way(self, brightness: Tensor, maps: Tensor, change: Tensor) -> Tensor:
        cover, motion = maps[:, :1], maps[:, 3:]
        # Light and contrast of the photo drop out; folds that are there stay.
        share = cover / cover.sum((2, 3), keepdim=True).clamp(min=1e-3)
        seen = ((brightness - (brightness * share).sum((2, 3), keepdim=True)) / _USUAL).clamp(-4.0, 4.0)
        seen = seen * (brightness > 0)
        x = torch.cat([seen, maps[:, :3], motion / _FAR, _stretches(motion)], 1)
        gain = softened(painted(self.gain, self._drawn(x, change[:, self.columns])))
        length = (motion.square().sum(1, keepdim=True) + 1e-8).sqrt()
        moves = (functional.avg_pool2d(length, 7, 1, 3) / _MOVES).clamp(max=1.0)
        return MOST * torch.tanh(gain / MOST) * cover * moves


def softened(plane: Tensor) -> Tensor:
    """[B, 1, h, w] a picture with its finest detail taken away: a binomial filter of 5 by 5."""
    line = plane.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    padded = functional.pad(plane, (2, 2, 2, 2), mode="replicate")
    across = functional.conv2d(padded, line.reshape(1, 1, 1, 5))
    return functional.conv2d(across, line.reshape(1, 1, 5, 1))


def _stretches(motion: Tensor) -> Tensor:
    """[B, 2, h, w] the logarithms of how much longer skin becomes across and down, of its motion in pixels."""
    smooth = functional.avg_pool2d(motion, 3, 1, 1)
    across = functional.pad(smooth[:, :1, :, 2:] - smooth[:, :1, :, :-2], (1, 1, 0, 0)) / 2
    down = functional.pad(smooth[:, 1:, 2:] - smooth[:, 1:, :-2], (0, 0, 1, 1)) / 2
    return (1 + torch.cat([across, down], 1)).clamp(0.3, 3.0).log()
