"""The expression network: one local feature for each channel, one global feature for the face, a head for each channel.

After "A Local-Global Metric Learning Method for Facial Expression Animation" (MIPR 2022), whose abstract alone could be
read: regions, widths and the two-sided reading are ours.

What the network sees are samples round landmarks, turned and scaled with the face, so that what lies beside a lip is
the same numbers wherever the lip is. Each side of the face is read with the other one's axis pointing the other way:
so a picture and its mirror image get mirrored weights by construction, and every sample teaches both sides.

What it sees of an expression also tells where the points are: it moves them once more.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.nets.landmarks import POINTS, SIDE
from mien.nets.regions import READ, REGIONS, region_of

LOCAL, GLOBAL = 32, 128
"""Lengths of the two kinds of features."""

UNIT = 36.0
"""Pixels between the irises of a face that looks into the camera, where offsets are meant."""

_SPREAD = 28.3
"""Root mean square distance of a face's points from their middle, pixels, at that size."""

_GRID, _RINGS = 1.5, (5.0, 9.0)
"""Pixels, at that size, between the samples of the grid round a landmark, and the radii of the rings."""

_FLAT, _PLAIN = 8.0, 5.0
"""Grey levels of contrast, of the face and round a point, below which nothing is made of noise."""

_HANDS = torch.tensor([1.0, -1.0])
_IN_A_MIRROR = torch.tensor([-1.0, 1.0, 1.0])

_SIDED, _SHARED, _WEIGHED, _RECALLED = 192, 64, 24, 64
"""Widths: of the outline, of what channels share of the global feature, of each channel's own layer, and of what is
kept of the points as they came."""


def _offsets() -> Tensor:
    """[41, 2] where samples are taken round a landmark, pixels of a face of `UNIT`: a 5 x 5 grid, and two rings."""
    steps = torch.arange(-2.0, 3.0) * _GRID
    angles = torch.arange(8) * (math.pi / 4)
    ring = torch.stack([torch.cos(angles), torch.sin(angles)], 1)
    return torch.cat([torch.cartesian_prod(steps, steps), *(ring * radius for radius in _RINGS)])


class Lie(NamedTuple):
    """How faces lie in their cuts.

    Args:
        middle: [B, 2] pixels.
        across: [B, 2] unit, from the right iris to the left.
        down: [B, 2] unit.
        scale: [B] pixels of the cut for one of a face of `UNIT`.
    """

    middle: Tensor
    across: Tensor
    down: Tensor
    scale: Tensor


class Reading(NamedTuple):
    """What both sides of faces show, the subject's right one first.

    Args:
        weights: [B, 2, 31] of `READ`.
        local: [B, 2, 31, 32] local features.
        whole: [B, 2, 128] global features.
        points: [B, 478, 3] where the landmarks are, pixels of the cut.
    """

    weights: Tensor
    local: Tensor
    whole: Tensor
    points: Tensor


class Seen(NamedTuple):
    """Weights [B, 52] of 0 to 1, tongueOut 0, and points [B, 478, 3] in pixels of the cut."""

    weights: Tensor
    points: Tensor


class LocalGlobalNet(nn.Module):
    """Cuts of faces and their landmarks to ARKit weights, and to better landmarks.

    Args:
        mirror: [478] index map of the points of a mirrored face.
        detectors: how many each landmark of a region has.
        region: width of what is known of each region.
        hidden: width of what is known of a face.
        placed: width of the layer that moves points.
        forget: share of what detectors and regions say that a training does without, another one each time.
    """

    mirror: Tensor
    sides: Tensor
    offsets: Tensor
    once: Tensor
    which: Tensor
    region: Tensor

    def __init__(
        self,
        mirror: Tensor,
        detectors: int = 16,
        region: int = 128,
        hidden: int = 448,
        placed: int = 256,
        forget: float = 0.1,
    ) -> None:
        super().__init__()
        self._forget = forget
        self.register_buffer("mirror", mirror)
        self.register_buffer("sides", _sides())
        self.register_buffer("offsets", _offsets())
        right = torch.tensor(list(REGIONS.values())).flatten()
        # Regions share landmarks: what lies round one is looked up once for each side.
        once, which = torch.unique(right, return_inverse=True)
        self.register_buffer("once", once, persistent=False)
        self.register_buffer("which", which, persistent=False)
        names = list(REGIONS)
        self.register_buffer("region", torch.tensor([names.index(region_of(channel)) for channel in READ]))
        count, regions, samples, channels = len(right), len(names), 2 * len(self.offsets), len(READ)
        known = regions * region + _SIDED
        self.detect = _spread(count, samples, detectors)
        self.threshold = nn.Parameter(torch.zeros(count, 1, detectors))
        self.outline = nn.Linear(POINTS * 3, _SIDED)
        self.beside = nn.Linear(_SIDED, regions * region)
        self.look = _spread(regions, count // regions * detectors, region)
        self.think = _spread(regions, region, region)
        self.own = nn.Linear(known, hidden)
        self.other = nn.Linear(known, hidden, bias=False)
        self.whole = nn.Linear(hidden, GLOBAL)
        self.share = nn.Linear(GLOBAL, _SHARED)
        self.tell = _spread(channels, region, LOCAL)
        self.consider = _spread(channels, LOCAL + _SHARED, _WEIGHED)
        self.weigh = nn.Parameter(torch.randn(channels, LOCAL + _WEIGHED) / math.sqrt(LOCAL + _WEIGHED))
        self.bias = nn.Parameter(torch.full((channels,), -1.5))
        self.gather = nn.Linear(known + GLOBAL, placed)
        self.recall = nn.Linear(POINTS * 3, _RECALLED, bias=False)
        self.move = nn.Linear(placed + _RECALLED + channels, POINTS * 3)
        nn.init.zeros_(self.move.weight)
        nn.init.zeros_(self.move.bias)

    def start_from(self, reading: Tensor) -> None:
        """Lets what is kept of the points begin with what a fit would read of them.

        Args:
            reading: [K, 1434], K up to 64: what points a little elsewhere, in inter-ocular distances, add to weights.
        """
        with torch.no_grad():
            self.recall.weight[: len(reading)] = reading

    def forward(self, luminance: Tensor, points: Tensor) -> Seen:
        """Both sides put together; arguments as of `read`."""
        reading = self.read(luminance, points)
        return Seen(self.joined(reading), reading.points)

    def joined(self, reading: Reading) -> Tensor:
        """Weights [B, 52] of both sides; those of the middle are the mean of what each side shows."""
        return reading.weights.flatten(1) @ self.sides

    def read(self, luminance: Tensor, points: Tensor) -> Reading:
        """Both sides.

        Args:
            luminance: [B, 1, 128, 128] cuts, 0 to 255.
            points: [B, 478, 3] in pixels of the cut.
        """
        count, lie = points.shape[0], lie_of(points)
        sided = self._sided(points, lie)
        outline = functional.gelu(self.outline(sided))
        found = torch.relu(torch.baddbmm(self.threshold, self._sampled(luminance, points, lie), self.detect))
        found = functional.dropout(found, self._forget, self.training)
        seen = found.transpose(0, 1).reshape(2 * count, len(REGIONS), -1).transpose(0, 1)
        regions = functional.gelu(
            seen @ self.look + self.beside(outline).view(2 * count, len(REGIONS), -1).transpose(0, 1)
        )
        regions = functional.dropout(regions + functional.gelu(regions @ self.think), self._forget, self.training)
        local = functional.gelu(regions[self.region] @ self.tell).transpose(0, 1)
        known = torch.cat([regions.transpose(0, 1).flatten(1), outline], 1)
        both = self.own(known).view(count, 2, -1) + self.other(known).view(count, 2, -1).flip(1)
        whole = self.whole(functional.gelu(both).view(2 * count, -1))
        weights = self._weighed(local, functional.gelu(self.share(functional.gelu(whole))))
        gathered = functional.gelu(self.gather(torch.cat([known, whole], 1)))
        moved = self._moved(torch.cat([gathered, self.recall(sided), weights], 1), points, lie)
        return Reading(
            weights.view(count, 2, -1), local.view(count, 2, len(READ), LOCAL), whole.view(count, 2, GLOBAL), moved
        )

    def _sampled(self, luminance: Tensor, points: Tensor, lie: Lie) -> Tensor:
        """[P, 2B, 82] what lies round the landmarks of regions, beside the whole face and beside what is next to it."""
        count, samples = points.shape[0], len(self.offsets)
        across, down = lie.across * lie.scale[:, None], lie.down * lie.scale[:, None]
        steps = self.offsets[:, 0] * _HANDS.to(points.device)[:, None], self.offsets[:, 1]
        at = points[:, torch.cat([self.once, self.mirror[self.once]]), :2].view(count, 2, -1, 2)
        grid = [
            at[..., axis, None]
            + (across[:, axis, None, None] * steps[0] + down[:, axis, None, None] * steps[1])[:, :, None]
            for axis in (0, 1)
        ]
        places = torch.stack(grid, -1).view(count, -1, samples, 2) * (2 / SIDE) - 1
        grey = functional.grid_sample(luminance, places, padding_mode="border", align_corners=False)
        grey = grey.view(count, 2, -1, samples)[:, :, self.which]
        centred = grey - grey.mean((1, 2, 3), keepdim=True)
        contrast = centred.square().mean((1, 2, 3), keepdim=True).sqrt() + _FLAT
        near = centred - centred.mean(3, keepdim=True)
        plain = near.square().mean(3, keepdim=True).sqrt() + _PLAIN
        seen = torch.cat([centred / contrast, near / plain], 3)
        return seen.view(2 * count, -1, 2 * samples).transpose(0, 1)

    def _sided(self, points: Tensor, lie: Lie) -> Tensor:
        """[2B, 1434] the points in each side's own axes, inter-ocular distances of an ordinary face."""
        right = straightened(points, lie)
        left = right[:, self.mirror] * _IN_A_MIRROR.to(points.device)
        return torch.stack([right, left], 1).view(2 * points.shape[0], -1)

    def _weighed(self, local: Tensor, shared: Tensor) -> Tensor:
        """[2B, 31] of local features [2B, 31, 32] and what channels share of the global one [2B, 64]."""
        both = torch.cat([local, shared[:, None].expand(-1, len(READ), -1)], 2)
        considered = functional.gelu((both.transpose(0, 1) @ self.consider).transpose(0, 1))
        return torch.sigmoid((torch.cat([local, considered], 2) * self.weigh).sum(2) + self.bias)

    def _moved(self, told: Tensor, points: Tensor, lie: Lie) -> Tensor:
        """Points [B, 478, 3] moved by what both sides [2B, ...] say of all of them.

        Points that say of the expression what the weights do not say are drawn to where the weights would have them:
        so what the points say themselves, and the weights, enter as they are.
        """
        steps = self.move(told).view(points.shape[0], 2, POINTS, 3)
        left = steps[:, 1][:, self.mirror] * _IN_A_MIRROR.to(points.device)
        step = (steps[:, 0] + left) * (UNIT / 2 * lie.scale[:, None, None])
        flat = step[..., :1] * lie.across[:, None] + step[..., 1:2] * lie.down[:, None]
        return points + torch.cat([flat, step[..., 2:]], 2)


def lie_of(points: Tensor) -> Lie:
    """How faces with `points` [B, 478, 3] lie in their cuts.

    Size goes by the whole face, so that a face does not grow when it turns its eyes together.
    """
    flat = points[..., :2]
    middle = flat[:, :468].mean(1)
    across = flat[:, IRIS_LEFT] - flat[:, IRIS_RIGHT]
    across = across / across.norm(dim=1, keepdim=True).clamp(min=1e-6)
    spread = (flat[:, :468] - middle[:, None]).square().sum(2).mean(1).sqrt().clamp(min=1.0)
    return Lie(middle, across, torch.stack([-across[:, 1], across[:, 0]], 1), spread / _SPREAD)


def straightened(points: Tensor, lie: Lie) -> Tensor:
    """Points [B, 478, 3] along the axes of their faces, inter-ocular distances of an ordinary face."""
    away = points[..., :2] - lie.middle[:, None]
    axes = [(away * axis[:, None]).sum(2) for axis in (lie.across, lie.down)]
    deep = points[..., 2] - points[..., 2].mean(1, keepdim=True)
    return torch.stack([*axes, deep], 2) / (lie.scale[:, None, None] * UNIT)


def mirrored(points: Tensor, mirror: Tensor) -> Tensor:
    """Points [B, 478, 3] of cuts, of the same faces in a mirror; `mirror` [478] is the index map."""
    return torch.cat([SIDE - points[..., :1], points[..., 1:]], 2)[:, mirror]


def _spread(count: int, inputs: int, outputs: int) -> nn.Parameter:
    """[count, inputs, outputs] layers side by side that neither dampen nor heighten what goes through them."""
    return nn.Parameter(torch.randn(count, inputs, outputs) / math.sqrt(inputs))


def _sides() -> Tensor:
    """[62, 52] where the weights of `READ` of the right side, and of the left, belong among ARKit's columns."""
    sides = torch.zeros(2 * len(READ), len(ARKIT))
    for k, column in enumerate(ARKIT.indices(READ).tolist()):
        other = int(ARKIT.mirror[column])
        sides[k, column] += 0.5 if other == column else 1.0
        sides[len(READ) + k, other] += 0.5 if other == column else 1.0
    return sides
