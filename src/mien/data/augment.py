"""What a camera, a room and a finder do to a face, on whole batches at once: views, light, blur, compression, cover."""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mien.data.tiles import FACE, TILE


@dataclass(frozen=True, slots=True)
class Spread:
    """How far views wander from the face's own square.

    Args:
        turn: radians. Normal views: the deviation; wide views: the bound.
        zoom: logarithm of the scale, likewise.
        shift: in sides of the square, likewise.
    """

    turn: float
    zoom: float
    shift: float


FOLLOWING = Spread(turn=math.radians(5), zoom=0.06, shift=0.03)
"""The jitter of a square taken from the last frame's landmarks: normal deviations. Every benchmark uses it."""

FINDING = Spread(turn=math.radians(45), zoom=0.28, shift=0.14)
"""The errors of a square taken from the finder's box, and faces held askew: uniform bounds."""


def _uniform(generator: Generator, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low


def jitter(generator: Generator, count: int, wide: float = 0.0) -> Tensor:
    """[count, 4] turn, log zoom, shift x and y: `FOLLOWING`, and a share `wide` of `FINDING`."""
    near = torch.randn((count, 4), generator=generator) * torch.tensor(
        [FOLLOWING.turn, FOLLOWING.zoom, FOLLOWING.shift, FOLLOWING.shift]
    )
    far = _uniform(generator, (count, 4)) * torch.tensor([FINDING.turn, FINDING.zoom, FINDING.shift, FINDING.shift])
    return torch.where(torch.rand((count, 1), generator=generator) < wide, far, near)


def view_maps(wander: Tensor, flip: Tensor, side: int) -> Tensor:
    """The maps from cuts of `side` pixels to tiles, [B, 2, 3].

    Args:
        wander: [B, 4] turn, log zoom, shift x and y.
        flip: [B] bool, whether the cut shows the tile mirrored.
        side: of the cut.
    """
    turn, scale = wander[:, 0], torch.exp(wander[:, 1]) * (FACE / side)
    hand = 1.0 - 2.0 * flip.float()
    cos, sin = scale * torch.cos(turn), scale * torch.sin(turn)
    linear = torch.stack([torch.stack([cos * hand, -sin], 1), torch.stack([sin * hand, cos], 1)], 1)
    centre = TILE / 2 + wander[:, 2:4] * FACE
    return torch.cat([linear, (centre - linear @ torch.full((2,), side / 2))[..., None]], 2)


def take_views(tiles: Tensor, maps: Tensor, side: int) -> Tensor:
    """Cuts [B, 1, side, side] of tiles [B, 1, 256, 256] where `maps` [B, 2, 3] lead."""
    size = float(tiles.shape[-1])
    linear = maps[:, :, :2] * (side / size)
    offset = (maps[:, :, :2].sum(2) * side + 2 * maps[:, :, 2]) / size - 1
    grid = functional.affine_grid(
        torch.cat([linear, offset[..., None]], 2), [len(tiles), 1, side, side], align_corners=False
    )
    return functional.grid_sample(tiles, grid, padding_mode="zeros", align_corners=False)


def points_in_views(points: Tensor, maps: Tensor, flip: Tensor, mirror: Tensor) -> Tensor:
    """Points [B, P, 3] of tiles in the cuts that `maps` [B, 2, 3] lead from; a mirrored face swaps left and right."""
    inverse = torch.linalg.inv(maps[:, :, :2])
    flat = (points[..., :2] - maps[:, None, :, 2]) @ inverse.transpose(1, 2)
    depth = points[..., 2:] * torch.linalg.det(inverse).abs().sqrt()[:, None, None]
    moved = torch.cat([flat, depth], 2)
    return torch.where(flip[:, None, None], moved[:, mirror], moved)


def fill_outside(cuts: Tensor, generator: Generator) -> Tensor:
    """What lies past the picture's edge (0): left black in half of the cuts, else grey or noise."""
    count = len(cuts)
    grey = _uniform(generator, (count, 1, 1, 1), 0, 255) * (torch.rand((count, 1, 1, 1), generator=generator) < 0.5)
    rough = _uniform(generator, (count, 1, 1, 1), 0, 60) * (torch.rand((count, 1, 1, 1), generator=generator) < 0.3)
    noise = torch.randn(cuts.shape, generator=generator) * rough
    return torch.where(cuts < 0.75, (grey + noise).clamp(0, 255), cuts)


def relight(cuts: Tensor, generator: Generator) -> Tensor:
    """Gamma, contrast, brightness, and a slope of light across the picture."""
    count, side = len(cuts), cuts.shape[-1]
    shape = (count, 1, 1, 1)
    gamma = torch.exp(_uniform(generator, shape) * 0.5)
    light = (cuts / 255).clamp(1e-4, 1) ** gamma
    angle = _uniform(generator, shape, 0, 2 * math.pi)
    axis = torch.linspace(-1, 1, side)
    slope = torch.cos(angle) * axis.view(1, 1, 1, -1) + torch.sin(angle) * axis.view(1, 1, -1, 1)
    slope = 1 + slope * _uniform(generator, shape, 0, 0.5)
    contrast = torch.exp(_uniform(generator, shape) * 0.4)
    level = _uniform(generator, shape) * 0.2
    return ((light * slope - 0.5) * contrast + 0.5 + level).clamp(0, 1) * 255


def blur(cuts: Tensor, generator: Generator, share: float = 0.35) -> Tensor:
    """A share of the cuts as if seen from afar (made small and large again) or moved while exposed."""
    out = cuts.clone()
    chosen = torch.nonzero(torch.rand(len(cuts), generator=generator) < share)[:, 0]
    if len(chosen) == 0:
        return out
    side = cuts.shape[-1]
    for part in chosen.chunk(3):
        kind = float(torch.rand((), generator=generator))
        if kind < 0.6:
            small = max(int(side * float(_uniform(generator, (), 0.16, 0.7))), 8)
            reduced = functional.interpolate(cuts[part], (small, small), mode="area")
            out[part] = functional.interpolate(reduced, (side, side), mode="bilinear", align_corners=False)
        else:
            length = int(torch.randint(1, 4, (), generator=generator)) * 2 + 1
            kernel = torch.zeros(1, 1, length, length)
            across = kind < 0.8
            kernel[0, 0, length // 2 if across else slice(None), slice(None) if across else length // 2] = 1 / length
            out[part] = functional.conv2d(functional.pad(cuts[part], [length // 2] * 4, mode="replicate"), kernel)
    return out


def _cosines() -> Tensor:
    k = torch.arange(8.0)
    matrix = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


_COSINES = _cosines()
_FREQUENCY = torch.arange(8.0)[:, None] + torch.arange(8.0)[None, :]


def compress(cuts: Tensor, generator: Generator, share: float = 0.4) -> Tensor:
    """JPEG's loss on a share of the cuts: 8x8 cosine blocks, quantised the coarser the higher the frequency."""
    chosen = torch.nonzero(torch.rand(len(cuts), generator=generator) < share)[:, 0]
    if len(chosen) == 0:
        return cuts
    n, side = len(chosen), cuts.shape[-1]
    blocks = cuts[chosen].view(n, side // 8, 8, side // 8, 8).permute(0, 1, 3, 2, 4)
    steps = torch.exp(_uniform(generator, (n, 1, 1, 1, 1), math.log(2), math.log(30))) * (1 + 0.35 * _FREQUENCY)
    lost = torch.round((_COSINES @ blocks @ _COSINES.T) / steps) * steps
    back = (_COSINES.T @ lost @ _COSINES).permute(0, 1, 3, 2, 4).reshape(n, 1, side, side)
    out = cuts.clone()
    out[chosen] = back.clamp(0, 255)
    return out


def cover(cuts: Tensor, generator: Generator, share: float = 0.3) -> Tensor:
    """Something before the face in a share of the cuts: a turned box or ellipse of plain grey or of another picture."""
    chosen = torch.nonzero(torch.rand(len(cuts), generator=generator) < share)[:, 0]
    if len(chosen) == 0:
        return cuts
    n, side = len(chosen), cuts.shape[-1]
    axis = torch.linspace(-1, 1, side)
    centre = _uniform(generator, (n, 2), -0.9, 0.9)
    size = _uniform(generator, (n, 2), 0.08, 0.45)
    angle = _uniform(generator, (n, 1, 1), 0, math.pi)
    x = axis.view(1, 1, -1) - centre[:, 0].view(-1, 1, 1)
    y = axis.view(1, -1, 1) - centre[:, 1].view(-1, 1, 1)
    u = (torch.cos(angle) * x + torch.sin(angle) * y) / size[:, 0].view(-1, 1, 1)
    v = (torch.cos(angle) * y - torch.sin(angle) * x) / size[:, 1].view(-1, 1, 1)
    round_ = torch.rand((n, 1, 1), generator=generator) < 0.5
    inside = torch.where(round_, u * u + v * v < 1, (u.abs() < 1) & (v.abs() < 1))[:, None]
    plain = _uniform(generator, (n, 1, 1, 1), 0, 255).expand(-1, -1, side, side)
    other = cuts[torch.randint(len(cuts), (n,), generator=generator)].flip(2)
    stuff = torch.where(torch.rand((n, 1, 1, 1), generator=generator) < 0.5, plain, other)
    out = cuts.clone()
    out[chosen] = torch.where(inside, stuff, cuts[chosen])
    return out


def speckle(cuts: Tensor, generator: Generator) -> Tensor:
    """Sensor noise of up to 14 grey levels."""
    strength = _uniform(generator, (len(cuts), 1, 1, 1), 0, 1) ** 3 * 14
    return (cuts + torch.randn(cuts.shape, generator=generator) * strength).clamp(0, 255)


def degrade(cuts: Tensor, generator: Generator) -> Tensor:
    """All of it, in the order in which it happens to light: cover, light, blur, noise, compression."""
    cuts = relight(cover(cuts, generator), generator)
    return compress(speckle(blur(cuts, generator), generator), generator)
