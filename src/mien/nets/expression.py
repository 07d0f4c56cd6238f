"""The first expression head: the landmark network's view of a face to 52 ARKit weights. Our own."""

import torch
from torch import Tensor, nn

from mien.nets.landmarks import FEATURES, POINTS, SIDE

WEIGHTS = 52


class ExpressionHead(nn.Module):
    """Points and features to weights: points carry the shape of lids and lips, features what points miss.

    Args:
        hidden: length of the two hidden layers.
    """

    def __init__(self, hidden: int = 256) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(POINTS * 3)
        self.read = nn.Sequential(
            nn.Linear(FEATURES + POINTS * 3, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, WEIGHTS),
        )

    def forward(self, points: Tensor, features: Tensor) -> Tensor:
        """Points [B, 478, 3] in pixels of the cut and features [B, 256] to weights [B, 52] of 0..1."""
        shape = self.norm((points - points.mean(1, keepdim=True)).flatten(1) / SIDE)
        return torch.sigmoid(self.read(torch.cat([shape, features], 1)))
