"""The refiner: looks at a cut where the landmark network saw the points, and moves them. Our own.

In the manner of regression on features that lie where the shape lies (X. Cao et al., "Face alignment by explicit shape
regression", 2012; X. Xiong and F. De la Torre, "Supervised descent method", 2013): what a pixel beside a lip says is
the same wherever the lip is, so a small network that is led there sees what a large one that looks at the whole does
not.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.nets.landmarks import FEATURES, POINTS, SIDE

UNIT = 36.0
"""Pixels between the irises of an ordinary face in the cut: the size in which offsets and corrections are meant."""

_RIGHT, _LEFT = 468, 473
_GRID, _RING = 1.4, 6.0


def _offsets() -> Tensor:
    """[33, 2] where samples are taken round a point, pixels of a face of `UNIT`: a 5 x 5 grid, and a ring of 8."""
    steps = torch.arange(-2.0, 3.0) * _GRID
    grid = torch.cartesian_prod(steps, steps)
    angles = torch.arange(8) * (math.pi / 4)
    return torch.cat([grid, torch.stack([torch.cos(angles), torch.sin(angles)], 1) * _RING])


class Refiner(nn.Module):
    """Samples round every point, turned and scaled with the face; detectors of each point's own; a correction of all.

    Args:
        detectors: how many linear detectors each point has.
        hidden: width of the layers that see all of them.
    """

    offsets: Tensor

    def __init__(self, detectors: int = 8, hidden: int = 384) -> None:
        super().__init__()
        self.register_buffer("offsets", _offsets())
        samples = len(self.offsets)
        self.detect = nn.Parameter(torch.randn(POINTS, samples, detectors) / math.sqrt(samples))
        self.bias = nn.Parameter(torch.zeros(POINTS, 1, detectors))
        self.push = nn.Parameter(torch.zeros(POINTS, detectors, 2))
        self.gather = nn.Linear(POINTS * detectors + FEATURES + POINTS * 2, hidden)
        self.think = nn.Linear(hidden, hidden)
        self.move = nn.Linear(hidden, POINTS * 3)
        nn.init.normal_(self.move.weight, std=1e-3)
        nn.init.zeros_(self.move.bias)

    def forward(self, luminance: Tensor, points: Tensor, features: Tensor) -> Tensor:
        """Points [B, 478, 3] in pixels of the cut, better ones.

        Args:
            luminance: [B, 1, 128, 128] of 0..255.
            points: [B, 478, 3] of the landmark network.
            features: [B, 256] of the landmark network.
        """
        axis = points[:, _LEFT, :2] - points[:, _RIGHT, :2]
        axis = axis / UNIT
        across, down = axis, torch.stack([-axis[:, 1], axis[:, 0]], 1)
        frame = torch.stack([across, down], 1)  # rows: what a step to the right, and one down, of the face's own is
        scale = axis.norm(dim=1).clamp(min=0.2)[:, None, None]
        # Axis by axis: adding pairs to pairs would cost more than looking the samples up.
        around = (self.offsets @ frame).transpose(1, 2)
        places = torch.stack([points[:, :, axis, None] + around[:, None, axis] for axis in (0, 1)], 3)
        samples = functional.grid_sample(
            luminance, places * (2 / SIDE) - 1, padding_mode="border", align_corners=False
        )[:, 0]
        mean = samples.mean((1, 2), keepdim=True)
        spread = (samples - mean).square().mean((1, 2), keepdim=True).sqrt() + 5
        seen = ((samples - mean) / spread).transpose(0, 1)
        found = torch.relu(seen @ self.detect + self.bias).transpose(0, 1)
        flat = points[:, :, :2] - points[:, :, :2].mean(1, keepdim=True)
        shape = (flat @ frame.transpose(1, 2)) / (UNIT * scale * scale)
        all_of_it = torch.cat([found.flatten(1), features, shape.flatten(1)], 1)
        hidden = torch.relu(self.gather(all_of_it))
        hidden = hidden + torch.relu(self.think(hidden))
        moved = self.move(hidden).view(-1, POINTS, 3) * UNIT
        pushed = (found.transpose(0, 1) @ self.push).transpose(0, 1) * UNIT
        return points + torch.cat([(moved[..., :2] + pushed) @ frame, moved[..., 2:] * scale], 2)
