"""The face finder: a whole picture to scored boxes with five points, anchor-free at three strides. Our own."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mien.nets.blocks import Down, Residual, standardise

STRIDES = (8, 16, 32)
"""Pixels between the cells of the three maps."""

REACH = ((0.0, 44.0), (44.0, 100.0), (100.0, 330.0))
"""Longer sides of the faces that each map answers for, in pixels of the picture the network sees."""


class FinderOutput(NamedTuple):
    """Each of N cells of all maps, stride 8 first, row by row: score [B, N] as 0..1, box [B, N, 4], points [B, N, 10].

    Boxes (x0, y0, x1, y1) and points (x, y five times) are in pixels of the network's input.
    """

    score: Tensor
    box: Tensor
    points: Tensor


class _Head(nn.Module):
    """One map of features to its cells' answers."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.mix = nn.Sequential(
            nn.Conv2d(channels, 48, 3, padding=1, bias=False), nn.BatchNorm2d(48), nn.ReLU(), nn.Conv2d(48, 15, 1)
        )
        nn.init.constant_(self.mix[3].bias[:1], -4.0)  # type: ignore[index]  # most cells hold no face

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features [B, channels, H, W] to score [B, HW], box [B, HW, 4] and points [B, HW, 10]."""
        out = self.mix(features).float().flatten(2).transpose(1, 2)
        height, width = features.shape[2], features.shape[3]
        ys = (torch.arange(height, device=features.device, dtype=torch.float32) + 0.5) * self.stride
        xs = (torch.arange(width, device=features.device, dtype=torch.float32) + 0.5) * self.stride
        x = xs[None, :].expand(height, width).reshape(1, -1, 1)
        y = ys[:, None].expand(height, width).reshape(1, -1, 1)
        unit = 4.0 * self.stride
        centre = torch.cat([x, y], 2) + out[..., 1:3] * unit
        half = torch.exp(out[..., 3:5].clamp(-4, 4)) * (unit / 2)
        points = out[..., 5:15] * unit + torch.cat([x, y], 2).repeat(1, 1, 5)
        return torch.sigmoid(out[..., 0]), torch.cat([centre - half, centre + half], 2), points


class FaceFinder(nn.Module):
    """Convolutions to strides 8, 16 and 32, with the coarser maps' view added to the finer ones.

    Args:
        widths: channels at strides 2, 4, 8, 16 and 32.
    """

    def __init__(self, widths: tuple[int, int, int, int, int] = (16, 24, 48, 64, 96)) -> None:
        super().__init__()
        a, b, c, d, e = widths
        self.to_eight = nn.Sequential(Down(1, a, 5), Down(a, b), Residual(b), Down(b, c), Residual(c))
        self.to_sixteen = nn.Sequential(Down(c, d), Residual(d), Residual(d))
        self.to_thirtytwo = nn.Sequential(Down(d, e), Residual(e), Residual(e))
        self.from_thirtytwo = nn.Conv2d(e, d, 1)
        self.from_sixteen = nn.Conv2d(d, c, 1)
        self.heads = nn.ModuleList(_Head(width, stride) for width, stride in zip((c, d, e), STRIDES, strict=True))

    def forward(self, luminance: Tensor) -> FinderOutput:
        """[B, 1, H, W] luminance of 0..255, H and W multiples of 32."""
        eight = self.to_eight(standardise(luminance))
        sixteen = self.to_sixteen(eight)
        thirtytwo = self.to_thirtytwo(sixteen)
        sixteen = torch.relu(sixteen + _double(self.from_thirtytwo(thirtytwo)))
        eight = torch.relu(eight + _double(self.from_sixteen(sixteen)))
        answers = [head(features) for head, features in zip(self.heads, (eight, sixteen, thirtytwo), strict=True)]
        score, box, points = (torch.cat(parts, 1) for parts in zip(*answers, strict=True))
        return FinderOutput(score, box, points)


def _double(features: Tensor) -> Tensor:
    return nn.functional.interpolate(features, scale_factor=2.0, mode="nearest")
