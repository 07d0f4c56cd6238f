"""What critics are made of: halvings, each a layer, and a verdict on every cell that is left."""

from typing import NamedTuple

from torch import Tensor, nn


class Verdict(NamedTuple):
    """What a critic says at one scale.

    Args:
        score: [B, 1, h, w] for each cell, the higher the more it looks photographed.
        features: what it saw on its way, from fine to coarse.
    """

    score: Tensor
    features: tuple[Tensor, ...]


class CriticScale(nn.Module):
    """Looks at a picture at one scale. Group norm, since a spectral one stalled when the critic was made larger.

    Args:
        planes: of what is seen.
        widths: channels after each halving; a cell is as many pixels wide as they make it.
    """

    def __init__(self, planes: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = planes
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
