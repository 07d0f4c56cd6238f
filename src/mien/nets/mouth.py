"""The network that paints what a mouth shows when it opens: teeth, the dark between them, the tongue. Our own.

A U-net on the cut-out patch, without normalisation, so that a photo's light and grain pass through; what the face does,
and how sharp the picture is to be, scale and shift its features (FiLM: E. Perez et al. 2018).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.basis import ARKIT

PLANES = 7
"""Maps that say what lies where: see `mien.imaging.mouth_patch.MAPS`; the first is the hole."""

MOUTH_COLUMNS = tuple(name for name in ARKIT.columns if name.startswith(("jaw", "mouth", "cheek", "nose", "tongue")))
"""What of an expression a mouth can show: all else would tell one person from another, to learn by heart."""

_LEAK = 0.1


class Told(nn.Module):
    """Two convolutions and a shortcut, scaled and shifted by what is told; a new block changes nothing.

    Args:
        channels: of the picture.
        told: length of what is told.
    """

    def __init__(self, channels: int, told: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.tell = nn.Linear(told, 2 * channels)
        for parameter in (*self.second.parameters(), *self.tell.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """[B, channels, h, w] to the same; `told` is [B, told]."""
        scale, shift = self.tell(told)[:, :, None, None].chunk(2, 1)
        inner = self.first(functional.leaky_relu(x, _LEAK)) * (1 + scale) + shift
        changed: Tensor = x + self.second(functional.leaky_relu(inner, _LEAK))
        return changed


class MouthNet(nn.Module):
    """Paints the hole of a patch; outside it, and where it has not learned yet, the patch is as it was.

    Args:
        told: length of what the weights and the sharpness become.
    """

    columns: Tensor

    def __init__(self, told: int = 64) -> None:
        super().__init__()
        self.register_buffer("columns", torch.from_numpy(ARKIT.indices(MOUTH_COLUMNS)), persistent=False)
        self.hear = nn.Linear(len(MOUTH_COLUMNS) + 1, told)
        self.stem = nn.Conv2d(4 * (3 + PLANES), 32, 3, padding=1)
        self.shrink = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.see_half = Told(64, told)
        self.shrink_again = nn.Conv2d(64, 128, 3, stride=2, padding=1)
        self.think = nn.ModuleList(Told(128, told) for _ in range(3))
        self.widen_quarter = nn.Conv2d(128, 4 * 64, 1)
        self.draw_half = Told(64, told)
        self.widen_half = nn.Conv2d(64, 4 * 32, 1)
        self.draw_whole = Told(32, told)
        self.colour = nn.Conv2d(32, 4 * 3, 3, padding=1)
        for parameter in self.colour.parameters():
            nn.init.zeros_(parameter)

    def forward(self, picture: Tensor, maps: Tensor, weights: Tensor, sharpness: Tensor) -> Tensor:
        """The patch with its hole painted, [B, 3, h, w] of 0 to 255; values may pass these bounds a little.

        Args:
            picture: [B, 3, h, w] of 0 to 255, h and w multiples of 8; what lies in the hole is not looked at.
            maps: [B, 7, h, w] as `MouthPatch.maps` draws them.
            weights: [B, 52] over `ARKIT`.
            sharpness: [B, 1] see `mien.imaging.mouth_patch.sharpness`.
        """
        cut = (picture / 127.5 - 1) * (1 - maps[:, :1])
        told = functional.leaky_relu(self.hear(torch.cat([weights[:, self.columns], sharpness], 1)), _LEAK)
        whole = self.stem(functional.pixel_unshuffle(torch.cat([cut, maps], 1), 2))
        half = self.see_half(self.shrink(functional.leaky_relu(whole, _LEAK)), told)
        x = self.shrink_again(functional.leaky_relu(half, _LEAK))
        for block in self.think:
            x = block(x, told)
        x = half + functional.pixel_shuffle(self.widen_quarter(functional.leaky_relu(x, _LEAK)), 2)
        x = self.draw_half(x, told)
        x = whole + functional.pixel_shuffle(self.widen_half(functional.leaky_relu(x, _LEAK)), 2)
        x = self.draw_whole(x, told)
        painted = functional.pixel_shuffle(self.colour(functional.leaky_relu(x, _LEAK)), 2)
        return (cut + painted + 1) * 127.5
