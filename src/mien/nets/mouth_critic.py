"""The critic of painted mouths: says of every cell whether it looks photographed. It learns beside the painter only."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.nets.mouth import PLANES


class Verdict(NamedTuple):
    """What a critic says at one scale.

    Args:
        score: [B, 1, h, w] for each cell, the higher the more it looks photographed.
        features: what it saw on its way, from fine to coarse.
    """

    score: Tensor
    features: tuple[Tensor, ...]


class _Scale(nn.Module):
    """Cells of 8 pixels. Group norm, since a spectral one stalled when the critic was made larger."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3 + PLANES
        for k, width in enumerate(widths):
            layer: list[nn.Module] = [nn.Conv2d(before, width, 4, 2, 1)]
            layer += [nn.GroupNorm(8, width)] if k else []
            layers.append(nn.Sequential(*layer, nn.LeakyReLU(0.2)))
            before = width
        self.layers = nn.ModuleList(layers)
        self.judge = nn.Conv2d(before, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Verdict:
        """What each place looks like, and what was seen on the way."""
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return Verdict(self.judge(x), tuple(features))


class MouthCritic(nn.Module):
    """Looks at a patch as it is and at half its size.

    Args:
        widths: channels after each halving.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128)) -> None:
        super().__init__()
        self.scales = nn.ModuleList([_Scale(widths), _Scale(widths)])

    def forward(self, picture: Tensor, maps: Tensor) -> tuple[Verdict, ...]:
        """A verdict for each scale.

        Args:
            picture: [B, 3, h, w] of 0 to 255, h and w multiples of 16.
            maps: [B, 7, h, w] what was to be painted where.
        """
        x = torch.cat([picture / 127.5 - 1, maps], 1)
        verdicts = []
        for scale in self.scales:
            verdicts.append(scale(x))
            x = functional.avg_pool2d(x, 2)
        return tuple(verdicts)
