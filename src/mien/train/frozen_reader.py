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

_FADES = 6.0
"""Pixels of a picture that is laid over a face in which it fades into it."""


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
            pictures: [B, 3 or 1, H, W] of 0 to 255, in colours or in luminance.
            squares: [B, 2, 3] from a cut of 128 px to the picture, as of `face_square`.
        """
        return self._through(_luminance(pictures, squares))

    def glance(self, squares: Tensor, *pictures: Tensor) -> tuple[Tensor, ...]:
        """The same from a little elsewhere, through another exposure and noise: torch's own generator says which.

        Several pictures of the same faces are looked at alike, so that what is read differs by what they show alone.

        Args:
            squares: [B, 2, 3] from a cut of 128 px to each of the pictures, as of `face_square`.
            pictures: each [B, 3 or 1, H, W] of 0 to 255.

        Returns:
            For each of them [B, 52] weights over `ARKIT`.
        """
        count, where = len(squares), squares.device
        zoom = 1 + _ZOOM * torch.randn((count, 1, 1), device=where)
        middle = torch.full((2, 1), SIDE / 2, device=where)
        linear, shift = squares[:, :, :2] * zoom, squares[:, :, 2:]
        aside = middle + _SHIFT * SIDE * torch.randn((count, 2, 1), device=where)
        wandering = torch.cat([linear, squares[:, :, :2] @ aside + shift - linear @ middle], 2)
        exposure = torch.exp(_EXPOSURE * torch.randn((count, 1, 1, 1), device=where))
        noise = _NOISE * torch.randn((count, 1, SIDE, SIDE), device=where)
        # Noise comes last: of skin without any contrast the expression network's gradient is not finite.
        return tuple(self._through(exposure * _luminance(picture, wandering) + noise) for picture in pictures)

    def _through(self, view: Tensor) -> Tensor:
        """[B, 52] what is read off cuts [B, 1, 128, 128]."""
        for network in (self._landmarks, self._refiner, self._expression):
            network.to(view.device)
        first = self._landmarks(view)
        points = self._refiner(view, first.points, first.features)
        weights: Tensor = self._expression(view, points).weights
        return weights


def _luminance(pictures: Tensor, squares: Tensor) -> Tensor:
    """[B, 1, 128, 128] of pictures [B, 3 or 1, H, W] where squares [B, 2, 3] lead."""
    return seen_through(_grey(pictures), squares)


def _grey(pictures: Tensor) -> Tensor:
    """[B, 1, H, W] luminance of pictures [B, 3 or 1, H, W]."""
    if pictures.shape[1] == 1:
        return pictures
    return (pictures * torch.tensor(_SHARES, device=pictures.device)[:, None, None]).sum(1, keepdim=True)


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


def laid_over(faces: Tensor, pictures: Tensor, places: Tensor) -> Tensor:
    """Faces [B, 1, 128, 128] in luminance with a picture of a part of each, [B, 3, h, w], laid where that part is.

    Args:
        faces: of 0 to 255, as a reader cuts them.
        pictures: likewise; towards their border the face shows through.
        places: [B, 2, 3] from pixels of a face to those of its picture.
    """
    height, width = pictures.shape[2:]
    down, across = (torch.arange(size, device=pictures.device) + 0.5 for size in (height, width))
    inwards = torch.minimum(torch.minimum(down, height - down)[:, None], torch.minimum(across, width - across))
    cover = (inwards / _FADES).clamp(max=1).expand(len(pictures), 1, -1, -1)
    layer = seen_through(torch.cat([_grey(pictures) * cover, cover], 1), places)
    return layer[:, :1] + (1 - layer[:, 1:]) * faces
