"""Recipe of the motion's residual: photos of one person say where the rig's motion is wrong.

The motion step of S. Athar et al. 2020, in our reading: no deformation was ever labelled; two photos of a
person, a teacher's points on both, and how the skin between them lies in one and in the other, stand for it.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.field import COLUMNS, ROWS
from mien.core.points import OUTER_LIPS
from mien.core.report import Row
from mien.data.followed import Followed, read_followed
from mien.data.packs import read_photos
from mien.data.same_person import Changes, people_twice, read_changes
from mien.detect.shape import mean_face
from mien.nets.landmarks import POINTS
from mien.nets.motion import DIRECTIONS, MotionNet, sampled
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter
from mien.train.loop import TrainOptions
from mien.train.teaching import LEAST_DEVIATION

OPTIONS = TrainOptions(steps=600, batch=128, rate=2e-3, decay=0.05, score_every=200, bfloat16=False)

LARGE = replace(OPTIONS, steps=10_000, batch=1024, score_every=500, width=4)
"""What a GPU should be given instead; not tried, for lack of one."""

SMOOTH = 3.0
"""What the square of a field's bending costs, inter-ocular distances a cell."""

MOUTH = 2.0
"""What a point of the lips counts beside another."""

UNSURE = 0.045
"""Ridge of what skin does with a change of weights, beside the mean of one person's squared changes."""

_BEYOND = 0.003
"""Inter-ocular distances: errors count as they are, and below this as their squares."""


class Sample(NamedTuple):
    """A batch of `Changes`."""

    start: Tensor
    placed: Tensor
    true: Tensor
    now: Tensor
    then: Tensor
    turned: Tensor


class MotionTask:
    """The residual learns, and beside it what the turn of a head does to points, which does not ship.

    A teacher's points go with how a head is held, and so do its weights: what is blamed on the turn is not learned as
    expression.

    Args:
        data: folder of the packs.
        width: how many times as wide the network is, and how many times as many fields it mixes, as the one that ships.

    Raises:
        InputError: there are no packs, or nobody is in them twice.
    """

    def __init__(self, data: Path, width: int = 1) -> None:
        packs, _ = read_photos(data)
        fitter = Fitter(compact_model(), mean_face().steadiness)
        train, val = (people_twice(packs, split, fitter) for split in ("train", "val"))
        self._train, self._val = (_sample(read_changes(people)) for people in (train, val))
        mirror = torch.from_numpy(np.array(packs[0].mirror, np.int64))
        net = _started(mirror, self._train.start, width)
        net.counted *= told(self._train.now)
        counted = net.counted.numpy()
        skin = by_skin(read_followed(train), counted, net.mirror.numpy())
        net.skin.copy_(torch.from_numpy(skin))
        self._foreseen = foreseen(read_followed(val), skin, counted)
        self.network: nn.Module = _WithTurn(net)
        emphasis = torch.ones(POINTS)
        emphasis[list(OUTER_LIPS)] = MOUTH
        self._emphasis = emphasis / emphasis.mean()

    def draw(self, batch: int, generator: Generator) -> Sample:
        """Any pairs."""
        which = torch.randint(len(self._train.start), (batch,), generator=generator)
        return Sample(*(column[which] for column in self._train))

    def loss(self, sample: Sample) -> Tensor:
        """Distance of the points from the true ones, and how much the field bends."""
        field, whole = self.network(sample)
        placed = sample.placed + sampled(whole, sample.placed)
        away = ((placed - sample.true).square().sum(2) + _BEYOND**2).sqrt()
        bending = field.diff(n=2, dim=2).square().mean() + field.diff(n=2, dim=3).square().mean()
        loss: Tensor = (away * self._emphasis.to(away.device)).mean() + SMOOTH * bending
        return loss

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """On validation pairs: distance from the true points by the rig, with the turn, and with the residual too."""
        val = self._val
        with torch.no_grad():
            field, whole = network(val)
        rows = []
        for what, added in (("rig", None), ("rig, turn", whole - field), ("rig, turn, residual", whole)):
            placed = val.placed if added is None else val.placed + sampled(added, val.placed)
            away = (placed - val.true).norm(dim=2) * 100
            rows += [
                Row(f"{what}: all points", float(away.mean()), "% IOD"),
                Row(f"{what}: lips", float(away[:, list(OUTER_LIPS)].mean()), "% IOD"),
            ]
        return (*reversed(rows), Row("skin: foreseen of what it does beyond its points", self._foreseen, "of 1"))


def told(weights: Tensor) -> Tensor:
    """[52] of 0 or 1, the weights that photos [N, 52] tell something of, both sides alike.

    What a network makes of a strong dose of one that hardly moves in them is chance, and the rig knows better.
    """
    deviation = weights.std(0)
    return (torch.maximum(deviation, deviation[torch.from_numpy(ARKIT.mirror.copy())]) >= LEAST_DEVIATION).float()


def by_skin(followed: Followed, counted: Array, mirror: Array) -> Array:
    """[52, 956] float32 by how much each weight's change moves the skin at 478 points beyond them, x and y.

    Ridge regression; every person counts alike, and as their own mirror image too.

    Args:
        followed: changes of some people.
        counted: [52] of 0 or 1, the weights that move skin.
        mirror: [478] index map of the points of a mirrored face.
    """
    change, further = followed.change.astype(np.float64) * counted, followed.further.astype(np.float64)
    _, who, pairs = np.unique(followed.person, return_inverse=True, return_counts=True)
    worth = 1 / np.sqrt(2 * pairs[who] * len(pairs))[:, None]
    flipped = further[:, mirror] * [-1.0, 1.0]
    asked = np.concatenate([change * worth, change[:, ARKIT.mirror] * worth])
    seen = np.concatenate([way.reshape(len(change), -1) * worth for way in (further, flipped)])
    return np.asarray(np.linalg.solve(asked.T @ asked + UNSURE * np.eye(len(ARKIT)), asked.T @ seen), np.float32)


def foreseen(followed: Followed, skin: Array, counted: Array) -> float:
    """Share of the squares of some people's flows that goes with their changes; most of a flow is chance.

    Nothing is foreseen where there is no flow.

    Args:
        followed: changes of people.
        skin: [52, 956] as `by_skin` gives it.
        counted: likewise.
    """
    made, true = (followed.change * counted) @ skin, followed.further.reshape(len(followed.change), -1)
    whole = float(np.square(true).sum())
    return 1 - float(np.square(made - true).sum()) / whole if whole else 0.0


class _WithTurn(nn.Module):
    """The residual, and a field for the turn of the head."""

    turned: Tensor

    def __init__(self, net: MotionNet) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("turned", torch.tensor([1.0, -1.0, -1.0, 1.0, -1.0, -1.0]))
        self.turn = nn.Sequential(
            *(nn.Linear(6, 64), nn.GELU(), nn.Linear(64, 48), nn.GELU(), nn.Linear(48, 2 * ROWS * COLUMNS))
        )
        for parameter in self.turn[4].parameters():
            nn.init.zeros_(parameter)

    def forward(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """Fields [B, 2, 28, 24]: the residual, and both together."""
        field = self.net.by_points(sample.start, sample.now, sample.then - sample.now)
        one, other = (self.turn(turned).view(-1, 2, ROWS, COLUMNS) for turned in self._both(sample.turned))
        return field, field + (one + other.flip(3) * self.net.across[:, None, None]) / 2

    def _both(self, turned: Tensor) -> tuple[Tensor, Tensor]:
        return turned, turned * self.turned


def _sample(changes: Changes) -> Sample:
    columns = (changes.start, changes.placed, changes.true, changes.now, changes.then, changes.turned)
    return Sample(*(torch.from_numpy(column) for column in columns))


def _started(mirror: Tensor, start: Tensor, width: int) -> MotionNet:
    """The network, told which directions faces differ in."""
    mean = start.mean(0)
    flat = (start - mean).flatten(1).double()
    spread, directions = torch.linalg.eigh(flat.T @ flat / len(flat))
    kept = directions[:, -DIRECTIONS:] / spread[-DIRECTIONS:].clamp(min=1e-6).sqrt()
    return MotionNet(mirror, mean, kept.float(), 256 * width, 96 * width)
