"""Recipe of the first expression head: the teacher's weights from what the trained landmark network sees."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn

from mien.core.basis import ARKIT
from mien.core.report import Row
from mien.data.augment import degrade, fill_outside, jitter, take_views, view_maps
from mien.data.packs import read_photos
from mien.data.tiles import Tiles, cut_tiles
from mien.losses import weights_distance
from mien.metrics import pearson
from mien.nets.expression import ExpressionHead
from mien.nets.landmarks import SIDE, LandmarkNet
from mien.train.loop import TrainOptions, read_checkpoint

OPTIONS = TrainOptions(steps=3_000, batch=128, rate=1.5e-3, decay=0.05, score_every=500)

LEAST_DEVIATION = 0.05
"""A channel counts as active where the teacher's deviation over all validation pictures passes this."""


class Views(NamedTuple):
    """A batch: what the landmark network saw, [B, 478, 3] and [B, 256], and the teacher's weights [B, 52]."""

    points: Tensor
    features: Tensor
    weights: Tensor
    trust: Tensor


class ExpressionTask:
    """The head alone learns; the landmark network is frozen."""

    def __init__(self, data: Path, landmarks: Path) -> None:
        self._eyes = frozen_landmarks(landmarks)
        packs, _ = read_photos(data)
        self.tiles = cut_tiles(packs, "train")
        self.val = cut_tiles(packs, "val")
        self.network: nn.Module = ExpressionHead()
        self._weights = torch.from_numpy(self.tiles.weights)
        self._scale = self._weights.std(0).clamp(min=0.05)
        self._trust = 1 / (1 + (torch.from_numpy(self.tiles.spread) / 1.5) ** 2)
        sizes = torch.tensor([float((self.tiles.pack == k).sum()) for k in range(len(packs))])
        self._draw = (sizes**0.7 / sizes)[torch.from_numpy(self.tiles.pack)]

    def draw(self, batch: int, generator: Generator) -> Views:
        """Degraded views of faces, as the landmark network sees them."""
        index = torch.multinomial(self._draw, batch, replacement=True, generator=generator)
        flip = torch.rand(batch, generator=generator) < 0.5
        maps = view_maps(jitter(generator, batch, wide=0.1), flip, SIDE)
        cuts = take_views(torch.from_numpy(self.tiles.pixels[index.numpy()])[:, None].float(), maps, SIDE)
        mild = torch.rand((batch, 1, 1, 1), generator=generator) < 0.4
        cuts = fill_outside(cuts, generator)
        seen = self._eyes(torch.where(mild, cuts, degrade(cuts, generator)))
        taught = self._weights[index]
        taught = torch.where(flip[:, None], taught[:, torch.from_numpy(ARKIT.mirror.copy())], taught)
        return Views(seen.points, seen.features, taught, self._trust[index])

    def loss(self, sample: Views) -> Tensor:
        """Smooth L1 in units of each channel's deviation."""
        root = sample.trust.sqrt()[:, None]
        return weights_distance(
            self.network(sample.points, sample.features).float() * root, sample.weights * root, self._scale
        )

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """Mean Pearson r with the teacher over the active channels, validation faces cut as in following."""
        with torch.no_grad():
            seen = self._val_views(self.val)
            weights = np.asarray(network(*seen))
        active = self.val.weights.std(0) > LEAST_DEVIATION
        r = pearson(weights, self.val.weights)
        error = float(np.abs(weights - self.val.weights).mean())
        return (
            Row("mean r", float(r[active].sum() / max(active.sum(), 1))),
            Row("least r", float(r[active].min(initial=1))),
            Row("mean error", error),
        )

    def _val_views(self, tiles: Tiles) -> tuple[Tensor, Tensor]:
        generator = Generator().manual_seed(7)
        count = len(tiles.pixels)
        maps = view_maps(jitter(generator, count), torch.zeros(count, dtype=torch.bool), SIDE)
        cuts = take_views(torch.from_numpy(tiles.pixels)[:, None].float(), maps, SIDE)
        seen = [self._eyes(part) for part in torch.split(cuts, 128)]
        return torch.cat([s.points for s in seen]), torch.cat([s.features for s in seen])


def frozen_landmarks(checkpoint: Path) -> LandmarkNet:
    """The averaged landmark network of a training's checkpoint, in evaluation mode, without gradients."""
    state = read_checkpoint(checkpoint)["average"]
    network = LandmarkNet()
    network.load_state_dict(
        {name.removeprefix("net."): value for name, value in state.items() if name.startswith("net.")}
    )
    return network.eval().requires_grad_(False)
