"""Recipe of the landmark network: the teacher's points on real faces, seen through every view a camera may take."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.report import Row
from mien.data.augment import degrade, fill_outside, jitter, points_in_views, take_views, view_maps
from mien.data.decoys import find_decoys
from mien.data.packs import FacesPack, read_photos
from mien.data.rooms import Rooms
from mien.data.tiles import Tiles, cut_tiles, faceless_tiles
from mien.losses import depth_distance, point_distance, weights_distance
from mien.nets.landmarks import FEATURES, SIDE, LandmarkNet, LandmarkOutput
from mien.train.finder import trained_finder
from mien.train.loop import TrainOptions, read_checkpoint

OPTIONS = TrainOptions(steps=10_000, batch=128, rate=2e-3, score_every=500)

FACELESS = 0.14
"""Share of a batch in which there is no face."""

ASTRAY = 0.04
"""Share of a batch in which the square has lost its face: beside it, or deep inside it."""

DECOY_ROOMS = 6000
"""Pictures without faces in which the finder's mistakes are sought."""

_ARKIT_MIRROR = torch.from_numpy(ARKIT.mirror.copy())

_EYES_AND_LIPS = (
    *(33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    *(263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    *range(468, 478),
)


class Views(NamedTuple):
    """A batch.

    Args:
        cuts: [B, 1, 128, 128] luminance.
        faces: which of them show a face, F of them.
        points: [F, 478, 3] in pixels of the cut.
        weights: [F, 52] the teacher's.
        trust: [F] what a face's labels are worth, 0 to 1.
    """

    cuts: Tensor
    faces: slice
    points: Tensor
    weights: Tensor
    trust: Tensor


class LandmarkTask:
    """Points, depth, presence, and a glance at the teacher's weights so that the features know of expression.

    Args:
        data: folder of the packs.
        finder: checkpoint of a trained finder, whose false faces are learned as such.

    Raises:
        InputError: packs or checkpoint are missing.
    """

    def __init__(self, data: Path, finder: Path) -> None:
        packs, scenes = read_photos(data)
        if scenes is None:
            raise InputError(data, "E_NOTFILE", "holds no scenes.npz", "presence is learned from faceless pictures")
        eager = trained_finder(finder)
        self.packs = packs
        self.tiles = cut_tiles(packs, "train")
        self.val = cut_tiles(packs, "val")
        self.faceless = faceless_tiles(scenes, "train", np.random.default_rng(1), 6000)
        decoys = find_decoys(eager, Rooms(scenes, "train"), np.random.default_rng(3), DECOY_ROOMS)
        # As many again as the plain windows, so that each is seen as often.
        again = np.arange(len(self.faceless) if len(decoys) else 0) % max(len(decoys), 1)
        self.faceless = np.concatenate([self.faceless, decoys[again]])
        self.val_faceless = faceless_tiles(scenes, "val", np.random.default_rng(2), 400)
        self.network = _WithGlance(LandmarkNet())
        self._points = torch.from_numpy(self.tiles.points)
        self._mirror = torch.from_numpy(self.tiles.mirror)
        self._weights = torch.from_numpy(self.tiles.weights)
        self._column_scale = self._weights.std(0).clamp(min=0.05)
        self._trust = 1 / (1 + (torch.from_numpy(self.tiles.spread) / 1.5) ** 2)
        self._emphasis = emphasis()
        self._draw = self._sampling(packs)
        self._start()

    def _sampling(self, packs: list[FacesPack]) -> Tensor:
        """Probability of each tile: small packs count more than their size, not as much as their number."""
        sizes = torch.tensor([float((self.tiles.pack == k).sum()) for k in range(len(packs))])
        return (sizes**0.6 / sizes)[torch.from_numpy(self.tiles.pack)]

    def _start(self) -> None:
        """The linear face model that the last layer starts from: principal directions of the true points in views."""
        generator = Generator().manual_seed(0)
        index = torch.randint(len(self._points), (4000,), generator=generator)
        flip = torch.rand(4000, generator=generator) < 0.5
        maps = view_maps(jitter(generator, 4000, wide=0.4), flip, SIDE)
        points = points_in_views(self._points[index], maps, flip, self._mirror).flatten(1)
        mean = points.mean(0)
        components = self.network.net.coefficients.out_features
        _, singular, directions = torch.pca_lowrank(points - mean, components, niter=4)
        scaled = directions.T * (singular / len(points) ** 0.5)[:, None]
        self.network.net.start_from(mean.view(-1, 3), scaled.view(components, -1, 3))

    def draw(self, batch: int, generator: Generator) -> Views:
        """Views of faces that lost their square, of faces, and of none, in this order."""
        absent, astray = int(batch * FACELESS), int(batch * ASTRAY)
        index = torch.multinomial(self._draw, batch - absent, replacement=True, generator=generator)
        nothing = torch.randint(len(self.faceless), (absent,), generator=generator)
        pixels = np.concatenate([self.tiles.pixels[index.numpy()], self.faceless[nothing.numpy()]])
        flip = torch.rand(batch, generator=generator) < 0.5
        wander = jitter(generator, batch, wide=0.45)
        wander[:astray] = _lost(generator, astray)
        maps = view_maps(wander, flip, SIDE)
        cuts = take_views(torch.from_numpy(pixels)[:, None].float(), maps, SIDE)
        cuts = degrade(fill_outside(cuts, generator), generator)
        seen, flip = slice(astray, batch - absent), flip[astray : batch - absent, None]
        index = index[astray:]
        points = points_in_views(self._points[index], maps[seen], flip[:, 0], self._mirror)
        taught = self._weights[index]
        return Views(cuts, seen, points, torch.where(flip, taught[:, _ARKIT_MIRROR], taught), self._trust[index])

    def loss(self, sample: Views) -> Tensor:
        """Distance of points and depths where there is a face, and how sure the network is of it."""
        seen, weights = self.network(sample.cuts)
        points, true = seen.points[sample.faces], sample.points
        unit = (true[:, IRIS_RIGHT, :2] - true[:, IRIS_LEFT, :2]).norm(dim=1).clamp(min=24.0)
        error = point_distance(points, true, unit, self._emphasis.to(true.device)) + 0.2 * depth_distance(
            points, true, unit
        )
        places = (error * sample.trust).sum() / sample.trust.sum()
        present = sample.cuts.new_zeros(len(sample.cuts))
        present[sample.faces] = 1
        presence = functional.binary_cross_entropy(seen.presence.float().clamp(1e-6, 1 - 1e-6), present)
        glance = weights_distance(weights[sample.faces].float(), sample.weights, self._column_scale.to(true.device))
        return 10 * places + 0.5 * presence + 0.5 * glance

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """Mean % of the inter-ocular distance on each pack's validation faces, cut as in following, and presence."""
        rows = []
        with torch.no_grad():
            for k, pack in enumerate(self.packs):
                chosen = np.flatnonzero(self.val.pack == k)
                rows.append(
                    Row(f"{pack.name.removeprefix('faces-')} % IOD", following_error(network, self.val, chosen))
                )
            cuts = take_views(
                torch.from_numpy(self.val_faceless)[:, None].float(),
                view_maps(
                    torch.zeros(len(self.val_faceless), 4), torch.zeros(len(self.val_faceless), dtype=torch.bool), SIDE
                ),
                SIDE,
            )
            false = float((network(cuts)[0].presence > 0.5).float().mean())
        return (*rows, Row("false presence", false))


def emphasis() -> Tensor:
    """[478] what each point's error weighs, mean 1: twice as much for eyes and lips as for the rest."""
    weights = torch.ones(478)
    weights[list(_EYES_AND_LIPS)] = 2.0
    return weights / weights.mean()


def following_error(network: nn.Module, tiles: Tiles, chosen: np.ndarray) -> float:
    """Mean % of the inter-ocular distance on the `chosen` tiles, cut with the jitter of following."""
    generator = Generator().manual_seed(7)
    count = len(chosen)
    flip = torch.zeros(count, dtype=torch.bool)
    maps = view_maps(jitter(generator, count), flip, SIDE)
    cuts = take_views(torch.from_numpy(tiles.pixels[chosen])[:, None].float(), maps, SIDE)
    true = points_in_views(torch.from_numpy(tiles.points[chosen]), maps, flip, torch.from_numpy(tiles.mirror))
    seen = torch.cat([network(part)[0].points for part in torch.split(cuts, 128)])
    unit = (true[:, IRIS_RIGHT, :2] - true[:, IRIS_LEFT, :2]).norm(dim=1)
    error = (seen[..., :2] - true[..., :2]).norm(dim=2).mean(1) / unit
    return float(error.mean()) * 100


def _lost(generator: Generator, count: int) -> Tensor:
    """[count, 4] views that lost their face: half beside it, half deep inside it."""
    wander = jitter(generator, count, wide=1.0)
    beside = torch.arange(count) % 2 == 0
    angle = torch.rand(count, generator=generator) * 2 * torch.pi
    away = torch.stack([torch.cos(angle), torch.sin(angle)], 1) * 0.8
    wander[:, 2:4] = torch.where(beside[:, None], away, wander[:, 2:4])
    wander[:, 1] = torch.where(beside, wander[:, 1] - 0.5, wander[:, 1] * 0.5 - 1.3)
    return wander


def frozen_landmarks(checkpoint: Path) -> LandmarkNet:
    """The averaged landmark network of a training's checkpoint, in evaluation mode, without gradients."""
    state = read_checkpoint(checkpoint)["average"]
    network = LandmarkNet()
    network.load_state_dict(
        {name.removeprefix("net."): value for name, value in state.items() if name.startswith("net.")}
    )
    return network.eval().requires_grad_(False)


class _WithGlance(nn.Module):
    """The network with a linear reading of the teacher's weights that only training has."""

    def __init__(self, net: LandmarkNet) -> None:
        super().__init__()
        self.net = net
        self.glance = nn.Linear(FEATURES, 52)

    def forward(self, luminance: Tensor) -> tuple[LandmarkOutput, Tensor]:
        """[B, 1, 128, 128] luminance to the network's output and [B, 52] weights."""
        flat = self.net.look(luminance)
        with torch.autocast(luminance.device.type, enabled=False):
            seen = self.net.read(flat.float())
            return seen, self.glance(seen.features)
