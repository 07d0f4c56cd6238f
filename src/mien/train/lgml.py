"""Recipe of the expression network: renders whose weights are known, photos where the teacher can be believed.

Regression, local and global metric learning over people ("A Local-Global Metric Learning Method for Facial Expression
Animation", MIPR 2022; our reading, see docs/methods/local-global.md).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn

from mien.core.basis import ARKIT
from mien.core.report import Row
from mien.data.tiles import EXPRESSIVE
from mien.losses import global_metric, local_metric
from mien.metrics import pearson
from mien.nets.local_global import READ, LocalGlobalNet
from mien.train.loop import TrainOptions
from mien.train.seen import Looked, SeenFaces, look
from mien.train.teaching import Teaching, taught

OPTIONS = TrainOptions(steps=11_000, batch=128, rate=2e-3, decay=0.03, score_every=500)

VIEWS = 3
"""Views that are looked at of every training face."""

PEOPLE_SHARE = 4
"""Faces of a person in a batch."""

NEUTRAL_SHARE = 0.15
"""Share of a batch that is drawn from neutral faces."""

APPEARS, ABSENT = 0.2, 0.05
"""Weights from which a channel appears, and up to which it does not."""

RENDERED_SHARE = 0.4
"""Share of the people in a batch who are renders."""

_LEAST = 0.08
"""Deviation below which a channel's errors count no more: one that hardly ever moves must not drown the others."""

_TREMBLE = 0.15
"""Pixels of a view: further noise on the points."""

EXPRESSIVE_FROM = 0.3
"""A face is expressive when one of its weights passes this."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What metric learning counts beside regression; 0 leaves a part out."""

    local: float = 0.1
    whole: float = 0.1


class Views(NamedTuple):
    """A batch of one side of faces.

    Args:
        view: [B, 1, 96, 96].
        points: [B, 478, 3].
        weights: [B, 31] of `READ`.
        known: [B, 31] what each of them is worth, 0 where nobody knows.
        strength: [B] sum of the weights that make an expression, 0 below the neutral.
        neutral: [B].
        person: [B].
    """

    view: Tensor
    points: Tensor
    weights: Tensor
    known: Tensor
    strength: Tensor
    neutral: Tensor
    person: Tensor


class LocalGlobalTask:
    """The expression network learns; what it looks at was seen before by frozen networks.

    Args:
        data: folder of the packs.
        folder: of the checkpoints of `landmarks` and `refiner`; what was seen is kept there.
        metrics: what metric learning counts.
        views: of each training face.

    Raises:
        InputError: packs or checkpoints are missing.
    """

    def __init__(self, data: Path, folder: Path, metrics: Metrics = Metrics(), views: int = VIEWS) -> None:
        self.looked = look(data, folder, views)
        self.metrics = metrics
        self._mirror = torch.from_numpy(np.asarray(self.looked.mirror))
        self._net = LocalGlobalNet(self._mirror)
        self.network: nn.Module = self._net
        self.teaching = Teaching.of(self.looked)
        train = self.looked.train
        self._weights = torch.from_numpy(self.teaching.weights(train, self.looked.true))
        self._known = torch.from_numpy(self.teaching.known(train, self.looked.true))
        self._neutral = torch.from_numpy(np.array(train.neutral))
        self._columns = torch.tensor(ARKIT.indices(READ))
        self._flipped = torch.from_numpy(ARKIT.mirror.copy())
        seen = self._known > 0
        mean = (self._weights * seen).sum(0) / seen.sum(0).clamp(min=1)
        spread = (((self._weights - mean) * seen).square().sum(0) / seen.sum(0).clamp(min=1)).sqrt()
        self._unit = spread.clamp(min=_LEAST)[self._columns]
        self._people = _People(self.looked)

    def draw(self, batch: int, generator: Generator) -> Views:
        """Some people, several faces of each, and neutral faces; half of all in the mirror."""
        rows = self._people.draw(batch, generator)
        train, index = self.looked.train, rows.numpy()
        view = torch.from_numpy(train.view[index])[:, None].float()
        points = torch.from_numpy(train.points[index]).float()
        view = _relit(view, generator)
        points = points + torch.randn(points.shape, generator=generator) * _TREMBLE
        flip = torch.rand(len(rows), generator=generator) < 0.5
        view = torch.where(flip[:, None, None, None], view.flip(3), view)
        points = torch.where(flip[:, None, None], self._net.mirrored(points), points)
        weights, known = (
            torch.where(flip[:, None], of[rows][:, self._flipped], of[rows]) for of in (self._weights, self._known)
        )
        expressive = (weights * (known > 0))[:, list(EXPRESSIVE)]
        strength = expressive.sum(1) * (expressive.amax(1) > EXPRESSIVE_FROM)
        return Views(
            view,
            points,
            weights[:, self._columns],
            known[:, self._columns],
            strength,
            self._neutral[rows],
            torch.from_numpy(train.person[index]),
        )

    def loss(self, sample: Views) -> Tensor:
        """The share of each channel's variance that is not explained, and the two metric losses.

        Squares, since most weights are 0 most of the time: absolute errors would be least for always answering 0.
        """
        seen = self._net.read(sample.view, sample.points)
        away = ((seen.weights - sample.weights) / self._unit).square()
        loss = (away * sample.known).sum() / sample.known.sum().clamp(min=1)
        with torch.autocast("cpu", enabled=False):  # distances of near features would come in steps of a hundredth
            if self.metrics.local:
                loss = loss + self.metrics.local * local_metric(seen.local, _state(sample), sample.person)
            if self.metrics.whole:
                strength = sample.strength
                loss = loss + self.metrics.whole * global_metric(seen.whole, strength, sample.neutral, sample.person)
        return loss

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """Correlations on validation faces: with what renders are, with what the teacher says; readings at rest."""
        val = self.looked.val
        weights = self.weights_of(network, val)
        rendered = np.array(self.looked.rendered)[val.pack]
        rows = []
        if rendered.any():
            r = pearson(weights[rendered], val.weights[rendered])[:-1]
            error = np.abs(weights[rendered] - val.weights[rendered])[:, :-1].mean()
            rows += [Row("renders r", float(r.mean())), Row("renders error", float(error))]
        photos = taught(self.looked.true)[val.pack]
        if photos.any():
            r = pearson(weights[photos], val.weights[photos])[self.teaching.active]
            rows.append(Row("photos r", float(r.mean()) if len(r) else 0.0))
        calm = photos & val.neutral
        if calm.any():
            columns = list(EXPRESSIVE)
            rest = np.abs(weights[calm][:, columns]).mean() / max(val.weights[calm][:, columns].mean(), 1e-6)
            rows.append(Row("rest against the teacher's", float(rest)))
        return tuple(rows)

    def weights_of(self, network: nn.Module, seen: SeenFaces) -> np.ndarray:
        """[N, 52] what `network` reads off seen faces, both sides."""
        found = []
        with torch.no_grad():
            for part in np.array_split(np.arange(len(seen)), max(len(seen) // 256, 1)):
                view = torch.from_numpy(seen.view[part])[:, None].float()
                found.append(network(view, torch.from_numpy(seen.points[part]).float()))
        return np.asarray(torch.cat(found))


def _state(sample: Views) -> Tensor:
    """[B, 31] 1 appears, -1 does not, 0 undecided or unknown."""
    state = (sample.weights > APPEARS).float() - (sample.weights < ABSENT).float()
    return state * (sample.known > 0)


def _relit(view: Tensor, generator: Generator) -> Tensor:
    """Gamma, and a little noise: views are kept, so what changes from look to look is added here."""
    gamma = torch.exp((torch.rand((len(view), 1, 1, 1), generator=generator) * 2 - 1) * 0.3)
    light = (view / 255).clamp(1e-4, 1) ** gamma * 255
    rough = torch.rand((len(view), 1, 1, 1), generator=generator) * 3
    return light + torch.randn(view.shape, generator=generator) * rough


class _People:
    """Draws rows so that batches hold several faces of each of many people, and enough that are neutral."""

    def __init__(self, looked: Looked) -> None:
        train = looked.train
        person = np.asarray(train.person)
        self._order = torch.from_numpy(np.argsort(person, kind="stable"))
        _, starts, counts = np.unique(person[self._order], return_index=True, return_counts=True)
        self._starts, self._counts = torch.from_numpy(starts), torch.from_numpy(counts)
        rendered = np.array(looked.rendered)[np.asarray(train.pack)[self._order[starts]]]
        pack = np.asarray(train.pack)[self._order[starts]]
        share = np.zeros(len(starts))
        for kind, total in ((rendered, RENDERED_SHARE), (~rendered, 1 - RENDERED_SHARE)):
            packs = np.unique(pack[kind])
            sizes = np.array([(pack == k).sum() ** 0.7 for k in packs])
            for k, size in zip(packs, sizes / max(sizes.sum(), 1e-9), strict=True):
                share[pack == k] = total * size / (pack == k).sum()
        self._share = torch.from_numpy(share)
        self._neutral = torch.from_numpy(np.flatnonzero(train.neutral))

    def draw(self, batch: int, generator: Generator) -> Tensor:
        """[batch] rows."""
        calm = int(batch * NEUTRAL_SHARE) if len(self._neutral) else 0
        people = -(-(batch - calm) // PEOPLE_SHARE)
        chosen = torch.multinomial(self._share, people, replacement=True, generator=generator)
        chosen = chosen.repeat_interleave(PEOPLE_SHARE)[: batch - calm]
        place = (torch.rand(len(chosen), generator=generator) * self._counts[chosen]).long()
        rows = self._order[self._starts[chosen] + place]
        if not calm:
            return rows
        resting = self._neutral[torch.randint(len(self._neutral), (calm,), generator=generator)]
        return torch.cat([rows, resting])
