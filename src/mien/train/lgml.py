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
from torch.nn.functional import interpolate

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.report import Row
from mien.data.tiles import EXPRESSIVE
from mien.detect.shape import mean_face
from mien.losses import global_metric, local_metric
from mien.metrics import inter_ocular_distance, pearson
from mien.nets.local_global import LocalGlobalNet
from mien.nets.regions import READ
from mien.rig.compact import MOVED, compact_model
from mien.rig.fit import Fitter
from mien.train.landmarks import emphasis
from mien.train.loop import TrainOptions
from mien.train.reading import Misreading
from mien.train.seen import Looked, SeenFaces, ViewCounts, look
from mien.train.teaching import Teaching, taught

OPTIONS = TrainOptions(steps=20_000, batch=128, rate=1.5e-3, decay=0.03, score_every=500, bfloat16=False)

VIEWS = ViewCounts(photo=5, render=2)
"""Views that are looked at of every training face."""

PEOPLE_SHARE = 2
"""Faces of a person in a batch. Of four, drawn with repetition from the four views of a render's person, more were one
and the same, and fewer people were there."""

NEUTRAL_SHARE = 0.15
"""Share of a batch that is drawn from neutral faces."""

APPEARS, ABSENT = 0.2, 0.05
"""Weights from which a channel appears, and up to which it does not."""

RENDERED_SHARE, EDITED_SHARE = 0.62, 0.12
"""Shares of the people in a batch who are renders, and whose photos were edited, where there are such packs."""

CALM_RENDERED_SHARE = 0.4
"""Share of the neutral faces who are: however many renders there are, most calm faces are photographed ones."""

_LEAST = 0.08
"""Deviation below which a channel's errors count no more: one that hardly ever moves must not drown the others."""

_LAMPS, _FALL = (3, 3), 0.25
"""Places over a view at which light is drawn, and the deviation of its logarithm there."""

_TREMBLE, _DRIFT = 0.2, 0.3
"""Pixels of a view: further noise on the points, on each alone and on all together."""

MISPLACED = 3.0
"""What points that are off by an inter-ocular distance cost beside a weight that is off by its deviation."""

MISREADING = 1.2
"""What an error of 1 in every weight that a fit would read costs beside points that are off by that distance."""

_EYES_APART = 0.063
"""Metres between the irises of the mean face."""

_FITTED = 300
"""Renders whose points are fitted for the score."""

EXPRESSIVE_FROM = 0.3
"""A face is expressive when one of its weights passes this."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What metric learning counts beside regression; 0 leaves a part out."""

    local: float = 0.1
    whole: float = 0.1


class Batch(NamedTuple):
    """Faces.

    Args:
        view: [B, 1, 128, 128].
        points: [B, 478, 3] as the frozen networks saw them.
        true: [B, 478, 3].
        trust: [B] what the labels are worth.
        weights: [B, 52].
        known: [B, 52] what each of them is worth, 0 where nobody knows.
        strength: [B] sum of the weights that make an expression, 0 below the neutral.
        neutral: [B].
        person: [B].
    """

    view: Tensor
    points: Tensor
    true: Tensor
    trust: Tensor
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

    def __init__(self, data: Path, folder: Path, metrics: Metrics = Metrics(), views: ViewCounts = VIEWS) -> None:
        self.looked = look(data, folder, views)
        self.metrics = metrics
        self._net = LocalGlobalNet(torch.from_numpy(np.asarray(self.looked.mirror)))
        self.network: nn.Module = self._net
        self.teaching = Teaching.of(self.looked)
        train = self.looked.train
        self._weights = torch.from_numpy(self.teaching.weights(train, self.looked.true))
        self._known = torch.from_numpy(self.teaching.known(train, self.looked.true))
        self._neutral = torch.from_numpy(np.array(train.neutral))
        self._columns = torch.tensor(ARKIT.indices(READ))
        self._flipped = torch.from_numpy(ARKIT.mirror.copy())
        self._unit = _deviations(self._weights, self._known, self._flipped)
        self._people = _People(self.looked)
        self._emphasis, self._misreading = emphasis(), Misreading()
        self._net.start_from(self._misreading.linear * _EYES_APART)

    def draw(self, batch: int, generator: Generator) -> Batch:
        """Some people, several faces of each, and neutral faces."""
        rows = self._people.draw(batch, generator)
        train, index = self.looked.train, rows.numpy()
        points, true = (torch.from_numpy(of[index]).float() for of in (train.points, train.true))
        weights, known = self._weights[rows], self._known[rows]
        expressive = (weights * (known > 0))[:, list(EXPRESSIVE)]
        strength = expressive.sum(1) * (expressive.amax(1) > EXPRESSIVE_FROM)
        return Batch(
            _relit(torch.from_numpy(train.view[index])[:, None], generator),
            _astray(points, generator),
            true,
            torch.from_numpy(train.trust[index]),
            weights,
            known,
            strength,
            self._neutral[rows],
            torch.from_numpy(train.person[index]),
        )

    def loss(self, sample: Batch) -> Tensor:
        """The share of each channel's variance that is not explained, the two metric losses, and that of the points.

        Squares, since most weights are 0 most of the time: absolute errors would be least for always answering 0.
        """
        seen = self._net.read(sample.view, sample.points)
        device = sample.weights.device
        away = ((self._net.joined(seen) - sample.weights) / self._unit.to(device)).square()
        loss = (away * sample.known).sum() / sample.known.sum().clamp(min=1)
        loss = loss + MISPLACED * self._misplaced(seen.points, sample)
        # One side of each face: what the other one shows is much the same.
        side = torch.arange(len(sample.person), device=device) % 2
        one = torch.arange(len(side), device=device), side
        if self.metrics.local:
            state = self._state(sample, side)
            loss = loss + self.metrics.local * local_metric(seen.local[one], state, sample.person)
        if self.metrics.whole:
            expressive = sample.strength, sample.neutral, sample.person
            loss = loss + self.metrics.whole * global_metric(seen.whole[one], *expressive)
        return loss

    def _misplaced(self, points: Tensor, sample: Batch) -> Tensor:
        """Mean of what points [B, 478, 3] cost, those of which the labels are sure counting more."""
        cost = self._misreading.cost(points, sample.true, self._emphasis.to(points.device), MISREADING)
        return (cost * sample.trust).sum() / sample.trust.sum().clamp(min=1e-6)

    def _state(self, sample: Batch, side: Tensor) -> Tensor:
        """[B, 31] of one side of each face, 0 right and 1 left: 1 appears, -1 does not, 0 undecided or unknown."""
        state = (sample.weights > APPEARS).float() - (sample.weights < ABSENT).float()
        state = state * (sample.known > 0)
        state = torch.where(side[:, None] == 1, state[:, self._flipped.to(state.device)], state)
        return state[:, self._columns.to(state.device)]

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """On validation faces: correlations with what renders are and with what the teacher says, rest, and points."""
        val = self.looked.val
        weights, points = self.seen_by(network, val)
        rendered = np.array(self.looked.rendered)[val.pack]
        errors = _distances(points, val)
        rows = []
        if rendered.any():
            r = pearson(weights[rendered], val.weights[rendered])[:-1]
            error = np.abs(weights[rendered] - val.weights[rendered])[:, :-1].mean()
            rows += [Row("renders r", float(r.mean())), Row("renders error", float(error))]
            rows += [Row("renders % IOD", float(errors[rendered].mean()))]
            rows += [Row("renders, fit of points, r", self._fitted(points, val, np.flatnonzero(rendered)[:_FITTED]))]
        photos = taught(self.looked.true)[val.pack]
        if photos.any():
            r = pearson(weights[photos], val.weights[photos])[self.teaching.active]
            rows.append(Row("photos r", float(r.mean()) if len(r) else 0.0))
            rows.append(Row("photos % IOD", float(errors[photos].mean())))
        told = ~rendered & ~photos
        if told.any():
            known = self.looked.true[np.unique(val.pack[told])].all(0)
            r = pearson(weights[told], val.weights[told])[known]
            rows.append(Row("edited or labelled by hand, r", float(r.mean()) if len(r) else 0.0))
        calm = photos & val.neutral
        if calm.any():
            columns = list(EXPRESSIVE)
            rest = np.abs(weights[calm][:, columns]).mean() / max(val.weights[calm][:, columns].mean(), 1e-6)
            rows.append(Row("rest against the teacher's", float(rest)))
        return tuple(rows)

    def _fitted(self, points: Array, val: SeenFaces, which: Array) -> float:
        """Mean correlation of what a fit reads of the points of some faces with their weights."""
        fitter = Fitter(compact_model(), mean_face().steadiness)
        read = np.array([fitter.fit(points[k].astype(np.float64)).weights for k in which])
        return float(pearson(read, val.weights[which])[ARKIT.indices(MOVED)].mean())

    def seen_by(self, network: nn.Module, seen: SeenFaces) -> tuple[Array, Array]:
        """[N, 52] what `network` reads off seen faces, and [N, 478, 3] where it says that the points are."""
        weights, points = [], []
        with torch.no_grad():
            for part in np.array_split(np.arange(len(seen)), max(len(seen) // 256, 1)):
                view = torch.from_numpy(seen.view[part])[:, None].float()
                found = network(view, torch.from_numpy(seen.points[part]).float())
                weights.append(found[0])
                points.append(found[1])
        return np.asarray(torch.cat(weights)), np.asarray(torch.cat(points))


def _distances(points: Array, seen: SeenFaces) -> Array:
    """[N] mean distance of points [N, 478, 3] from the true ones, % of the inter-ocular distance."""
    true = seen.true.astype(np.float32)
    away = np.linalg.norm((points - true)[..., :2], axis=2).mean(1)
    return np.asarray(away / inter_ocular_distance(true) * 100)


def _deviations(weights: Tensor, known: Tensor, flipped: Tensor) -> Tensor:
    """[52] of each channel where it is known, both sides alike, `_LEAST` or more."""
    both = torch.cat([weights, weights[:, flipped]])
    seen = torch.cat([known, known[:, flipped]]) > 0
    mean = (both * seen).sum(0) / seen.sum(0).clamp(min=1)
    spread = (((both - mean) * seen).square().sum(0) / seen.sum(0).clamp(min=1)).sqrt()
    return spread.clamp(min=_LEAST)


def _relit(view: Tensor, generator: Generator) -> Tensor:
    """Views [B, 1, H, W] uint8 under another gamma and another light, which falls slowly off over them.

    They are kept, so what changes from look to look is added here.
    """
    gamma = torch.exp((torch.rand((len(view), 1), generator=generator) * 2 - 1) * 0.3)
    shown = (torch.arange(256) / 255).clamp(min=1e-4) ** gamma * 255
    lit = shown.gather(1, view.flatten(1).long()).view(view.shape)
    falls = torch.randn((len(view), 1, *_LAMPS), generator=generator) * _FALL
    return (lit * interpolate(falls, view.shape[2:], mode="bilinear", align_corners=True).exp()).clamp(max=255)


def _astray(points: Tensor, generator: Generator) -> Tensor:
    """Points [B, 478, 3] that tremble, each for itself and all together."""
    alone = torch.randn(points.shape, generator=generator) * _TREMBLE
    together = torch.randn((len(points), 1, 3), generator=generator) * _DRIFT
    return points + alone + together


class _People:
    """Draws rows so that batches hold several faces of each of many people, and enough that are neutral."""

    def __init__(self, looked: Looked) -> None:
        train = looked.train
        person = np.asarray(train.person)
        self._order = torch.from_numpy(np.argsort(person, kind="stable"))
        _, starts, counts = np.unique(person[self._order], return_index=True, return_counts=True)
        self._starts, self._counts = torch.from_numpy(starts), torch.from_numpy(counts)
        pack = np.asarray(train.pack)[self._order[starts]]
        rendered, edited = (np.array(of)[pack] for of in (looked.rendered, looked.edited))
        shares = RENDERED_SHARE, EDITED_SHARE if edited.any() else 0.0
        share = np.zeros(len(starts))
        for kind, total in zip((rendered, edited, ~rendered & ~edited), (*shares, 1 - sum(shares)), strict=True):
            packs = np.unique(pack[kind])
            sizes = np.array([(pack == k).sum() ** 0.7 for k in packs])
            for k, size in zip(packs, sizes / max(sizes.sum(), 1e-9), strict=True):
                share[pack == k] = total * size / (pack == k).sum()
        self._share = torch.from_numpy(share)
        resting = np.flatnonzero(train.neutral)
        drawn = np.array(looked.rendered)[np.asarray(train.pack)[resting]]
        self._neutral = [torch.from_numpy(resting[kind]) for kind in (~drawn, drawn) if kind.any()]

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
        rendered = round(calm * CALM_RENDERED_SHARE)
        parts = [calm] if len(self._neutral) == 1 else [calm - rendered, rendered]
        resting = [
            of[torch.randint(len(of), (count,), generator=generator)]
            for of, count in zip(self._neutral, parts, strict=True)
        ]
        return torch.cat([rows, *resting])
