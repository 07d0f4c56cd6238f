"""The shipped networks that read an expression, as one function of pixels that passes gradients back to them.

What they say of an edit is what the edit is told to reach. They do not learn with it, and what is frozen can be fooled
by patterns that no eye sees; so they look each time from elsewhere, through another exposure and noise.
"""

import torch
from torch import Tensor
from torch.nn import functional

from mien.core.arrays import Array
from mien.nets.landmarks import SIDE, LandmarkNet
from mien.nets.local_global import LocalGlobalNet
from mien.nets.refiner import Refiner
from mien.train.export import as_shipped

_SHIFT, _ZOOM = 0.02, 0.04
"""Deviations of where a look is from: shares of the square."""

_EXPOSURE, _NOISE = 0.15, 5.0
"""Deviations of the logarithm of a look's exposure, and of its noise, grey levels."""

_SHARES = (0.299, 0.587, 0.114)


class FrozenReader:
    """Landmarks, refiner and expression network of the package, in a row.

    Args:
        mirror: [478] index map of the points of a mirrored face.

    Raises:
        ModelError: a weight file is missing or was changed.
    """

    def __init__(self, mirror: Array) -> None:
        self._landmarks = as_shipped(LandmarkNet(), "landmarks")
        self._refiner = as_shipped(Refiner(), "refiner")
        self._expression = as_shipped(LocalGlobalNet(torch.from_numpy(mirror)), "lgml")

    def read(self, pictures: Tensor, squares: Tensor) -> Tensor:
        """[B, 52] weights over `ARKIT`, as they are read.

        Args:
            pictures: [B, 3, H, W] of 0 to 255.
            squares: [B, 2, 3] from a cut of 128 px to the picture, as of `face_square`.
        """
        return self._through(_luminance(pictures, squares))

    def glance(self, pictures: Tensor, squares: Tensor) -> Tensor:
        """The same from a little elsewhere, through another exposure and noise: torch's own generator says which."""
        count, where = len(pictures), pictures.device
        zoom = 1 + _ZOOM * torch.randn((count, 1, 1), device=where)
        middle = torch.full((2, 1), SIDE / 2, device=where)
        linear, shift = squares[:, :, :2] * zoom, squares[:, :, 2:]
        aside = middle + _SHIFT * SIDE * torch.randn((count, 2, 1), device=where)
        wandering = torch.cat([linear, squares[:, :, :2] @ aside + shift - linear @ middle], 2)
        exposure = torch.exp(_EXPOSURE * torch.randn((count, 1, 1, 1), device=where))
        view = exposure * _luminance(pictures, wandering)
        # Noise comes last: of skin without any contrast the expression network's gradient is not finite.
        return self._through(view + _NOISE * torch.randn(view.shape, device=where))

    def _through(self, view: Tensor) -> Tensor:
        """[B, 52] what is read off cuts [B, 1, 128, 128]."""
        for network in (self._landmarks, self._refiner, self._expression):
            network.to(view.device)
        first = self._landmarks(view)
        points = self._refiner(view, first.points, first.features)
        weights: Tensor = self._expression(view, points).weights
        return weights


def _luminance(pictures: Tensor, squares: Tensor) -> Tensor:
    """[B, 1, 128, 128] of pictures [B, 3, H, W] where squares [B, 2, 3] lead."""
    shares = torch.tensor(_SHARES, device=pictures.device)
    return seen_through((pictures * shares[:, None, None]).sum(1, keepdim=True), squares)


def seen_through(pictures: Tensor, squares: Tensor) -> Tensor:
    """[B, C, 128, 128] cuts of pictures [B, C, H, W] where squares [B, 2, 3] lead, bilinearly; 0 outside."""
    height, width = pictures.shape[2:]
    steps = torch.arange(SIDE, device=squares.device, dtype=squares.dtype) + 0.5
    down, across = torch.meshgrid(steps, steps, indexing="ij")
    flat = torch.stack([across, down], -1).view(1, -1, 2)
    at = flat @ squares[:, :, :2].transpose(1, 2) + squares[:, :, 2][:, None]
    unit = torch.tensor([2 / width, 2 / height], device=squares.device, dtype=squares.dtype)
    grid = (at * unit - 1).view(-1, SIDE, SIDE, 2)
    return functional.grid_sample(pictures, grid, align_corners=False)
