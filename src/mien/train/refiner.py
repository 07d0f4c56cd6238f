"""Recipe of the refiner: the teacher's points on photos, true ones on renders, from where the landmark network ends."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn

from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.report import Row
from mien.data.augment import degrade, fill_outside, jitter, points_in_views, take_views, view_maps
from mien.data.packs import read_folder
from mien.data.tiles import cut_tiles
from mien.nets.landmarks import SIDE
from mien.nets.refiner import Refiner
from mien.train.devices import CPU, narrowed
from mien.train.landmarks import emphasis, frozen_landmarks
from mien.train.loop import TrainOptions
from mien.train.reading import Misreading

OPTIONS = TrainOptions(steps=20_000, batch=128, rate=1.2e-3, score_every=500, bfloat16=False)

RENDERS = 1.2
"""What a pack of renders counts beside one of photos of its size."""

STEPS = 2
"""How often the points are moved in training, each time by what lies where they were moved to, by the same weights.

The second time is for practice: what ships moves them once. A second move gained 5 % on renders and nothing on photos.
"""

MISREADING = 0.2
"""What an error of 1 in every weight that a fit would read costs beside an error of the inter-ocular distance."""

_SCORED = 400


class Views(NamedTuple):
    """A batch: cuts [B, 1, 128, 128], what the landmark network saw, the true points [B, 478, 3], their trust [B]."""

    cuts: Tensor
    points: Tensor
    features: Tensor
    true: Tensor
    trust: Tensor


class RefinerTask:
    """The refiner alone learns; the landmark network is frozen.

    Args:
        data: folder of the packs; renders among them are learned from, too.
        landmarks: checkpoint of the trained landmark network.

    Raises:
        InputError: packs or checkpoint are missing.
    """

    def __init__(self, data: Path, landmarks: Path) -> None:
        self._first = frozen_landmarks(landmarks)
        self.packs, _ = read_folder(data)
        self.tiles, self.val = cut_tiles(self.packs, "train"), cut_tiles(self.packs, "val")
        self.network: nn.Module = Refiner()
        self._points = torch.from_numpy(self.tiles.points)
        self._mirror = torch.from_numpy(self.tiles.mirror)
        self._trust = 1 / (1 + (torch.from_numpy(self.tiles.spread) / 1.5) ** 2)
        self._emphasis = emphasis()
        self._misreading = Misreading()
        sizes = torch.tensor([float((self.tiles.pack == k).sum()) for k in range(len(self.packs))])
        shares = sizes**0.6 * torch.tensor([RENDERS if pack.rendered else 1.0 for pack in self.packs])
        self._draw = (shares / sizes)[torch.from_numpy(self.tiles.pack)]

    def draw(self, batch: int, generator: Generator) -> Views:
        """Views of faces, most of them degraded, as the landmark network sees them."""
        index = torch.multinomial(self._draw, batch, replacement=True, generator=generator)
        flip = torch.rand(batch, generator=generator) < 0.5
        maps = view_maps(jitter(generator, batch, wide=0.2), flip, SIDE)
        cuts = take_views(torch.from_numpy(self.tiles.pixels[index.numpy()])[:, None].float(), maps, SIDE)
        mild = torch.rand((batch, 1, 1, 1), generator=generator) < 0.4
        cuts = fill_outside(cuts, generator)
        cuts = torch.where(mild, cuts, degrade(cuts, generator))
        return self._seen(cuts, points_in_views(self._points[index], maps, flip, self._mirror), self._trust[index])

    def _seen(self, cuts: Tensor, true: Tensor, trust: Tensor) -> Views:
        with narrowed(CPU, True):
            flat = self._first.look(cuts)
        first = self._first.read(flat.float())
        return Views(cuts, first.points, first.features, true, trust)

    def loss(self, sample: Views) -> Tensor:
        """Distance of points and depths, and what a fit would misread, after every step, the last one twice.

        No step learns for the next.
        """
        points, total = sample.points, sample.trust.new_zeros(())
        for step in range(STEPS):
            points = self.network(sample.cuts, points.detach(), sample.features)
            error = self._misreading.cost(points, sample.true, self._emphasis.to(points.device), MISREADING)
            total = total + (error * sample.trust).sum() / sample.trust.sum() * (2 if step == STEPS - 1 else 1)
        return total

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """Mean % of the inter-ocular distance on validation faces of each pack, cut as in following."""
        rows = []
        for k, pack in enumerate(self.packs):
            chosen = np.flatnonzero(self.val.pack == k)[:_SCORED]
            if len(chosen) == 0:  # renders, say, of which all are learned from
                continue
            maps = view_maps(
                jitter(Generator().manual_seed(7), len(chosen)), torch.zeros(len(chosen), dtype=torch.bool), SIDE
            )
            cuts = take_views(torch.from_numpy(self.val.pixels[chosen])[:, None].float(), maps, SIDE)
            true = points_in_views(
                torch.from_numpy(self.val.points[chosen]),
                maps,
                torch.zeros(len(chosen), dtype=torch.bool),
                self._mirror,
            )
            with torch.no_grad():
                seen = self._seen(cuts, true, torch.ones(len(chosen)))
                points = network(seen.cuts, seen.points, seen.features)
            unit = (true[:, IRIS_RIGHT, :2] - true[:, IRIS_LEFT, :2]).norm(dim=1)
            error = (points[..., :2] - true[..., :2]).norm(dim=2).mean(1) / unit
            name = pack.name.removeprefix("faces-")
            rows.append(Row(f"{name} % IOD", float(error.mean()) * 100))
            rows.append(Row(f"{name} misread", float(self._misreading(points, true).abs().mean())))
        return tuple(rows)
