"""The landmark network: an upright cut of a face to its 478 points and whether there is a face at all. Our own."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mien.nets.blocks import Down, Residual, standardise

SIDE = 128
"""Pixels along the side of the cut."""

FEATURES = 256
"""Length of the description of the face that the expression head reads."""

POINTS = 478


class LandmarkOutput(NamedTuple):
    """Points [B, 478, 3] in pixels of the cut, presence [B] as 0..1, features [B, 256]."""

    points: Tensor
    presence: Tensor
    features: Tensor


class LandmarkNet(nn.Module):
    """Convolutions down to an 8x8 map, kept whole, so that places are not averaged away; then a linear face model.

    Args:
        widths: channels at 64, 32, 16 and 8 pixels.
        components: how many directions of the linear face model the last layer starts from.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (16, 32, 80, 160), components: int = 192) -> None:
        super().__init__()
        a, b, c, d = widths
        self.trunk = nn.Sequential(
            *(Down(1, a, 5), Down(a, b), Residual(b)),
            *(Down(b, c), Residual(c), Residual(c)),
            *(Down(c, d), Residual(d), Residual(d)),
            *(nn.Conv2d(d, 32, 1), nn.ReLU(), nn.Flatten()),
        )
        self.describe = nn.Sequential(nn.Linear(32 * (SIDE // 16) ** 2, FEATURES), nn.ReLU())
        self.coefficients = nn.Linear(FEATURES, components)
        self.face = nn.Linear(components, POINTS * 3)
        self.presence = nn.Linear(FEATURES, 1)

    def start_from(self, mean: Tensor, directions: Tensor) -> None:
        """Starts the last layer from a linear model of faces in their cuts.

        Args:
            mean: [478, 3] in pixels of the cut.
            directions: [components, 478, 3], each one standard deviation long.
        """
        with torch.no_grad():
            self.face.weight.copy_(directions.flatten(1).T / SIDE)
            self.face.bias.copy_(mean.flatten() / SIDE)

    def forward(self, luminance: Tensor) -> LandmarkOutput:
        """[B, 1, 128, 128] luminance of 0..255."""
        return self.read(self.look(luminance))

    def look(self, luminance: Tensor) -> Tensor:
        """The convolutions: [B, 1, 128, 128] luminance to a flat map of the cut [B, 2048]."""
        flat: Tensor = self.trunk(standardise(luminance))
        return flat

    def read(self, flat: Tensor) -> LandmarkOutput:
        """The linear rest, which wants full precision: half of it would move points by half a per cent."""
        features = self.describe(flat)
        points = self.face(self.coefficients(features)).view(-1, POINTS, 3) * SIDE
        return LandmarkOutput(points, torch.sigmoid(self.presence(features)[:, 0]), features)
