"""Recipe of the crease network: how a face's own shading changed between two of its expressions, told to it again.

The second half of the texture step of "Self-supervised Deformation Modeling for Facial Expression Editing" (S. Athar et
al. 2020), in our reading: what a warp leaves wrong is the difference between the warped picture and the person's other
one, and nobody has to label it.

Few people were photographed twice in one light, many in two. Of these it learns with the face before hidden: else it
would learn to guess that a face lit from the left will not be so again. What is left is a lamp that nothing foretells,
and what the expression did, which is the mean.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from mien.core.report import Row
from mien.data.creases import Change, CreasePairs, read_pairs, read_pairs_in_any_light
from mien.losses import covered_distance, slope_distance, squared_distance
from mien.nets.crease import CreaseNet
from mien.train.loop import TrainOptions

OPTIONS = TrainOptions(steps=1_500, batch=8, rate=1e-3, decay=0.01, score_every=250, bfloat16=False)

LARGE = replace(OPTIONS, steps=40_000, batch=64, score_every=2_000, bfloat16=True, width=2)
"""What a GPU should be given instead; not tried, for lack of one."""

SLOPES = 0.5
"""What a wrong step from pixel to pixel costs beside a wrong pixel."""

BROAD, CELL = 1.0, 4
"""What the error of shading averaged over cells costs, and pixels along such a cell: in there, grain drops out."""

OTHERS = 2
"""How many pairs in any light are drawn for one in one light."""

HIDDEN = 20.0
"""What the squared error of the detail of pairs in any light costs: squares, for the mean is what is looked for."""

LAMPS = 15
"""Pixels along the squares over which gains are averaged, twice, and what is broader is left out: it is the lamps'."""

_SCORED = 96


class Batch(NamedTuple):
    """Pairs in one light, and in any light, where there are such."""

    lit: Change
    hidden: Change | None


class CreaseTask:
    """The network learns from pairs of one person's pictures.

    Args:
        data: folder of packs whose people are each in one light, and of such whose people are not (see
            `mien.data.same_light.in_one_light`).
        width: how many times as wide the network is as the one that ships.

    Raises:
        InputError: there are no packs, or no pairs in them.
    """

    def __init__(self, data: Path, width: int = 1) -> None:
        self.pairs = read_pairs(data, "train")
        self.network: nn.Module = CreaseNet(20 * width)
        self.others = read_pairs_in_any_light(data, "train")
        self._val = _validation(read_pairs(data, "val"))

    def draw(self, batch: int, generator: Generator) -> Batch:
        """Pairs by their shares, each changed at random."""
        lit = _drawn(self.pairs, batch, generator)
        if self.others is None:
            return Batch(lit, None)
        hidden = _drawn(self.others, OTHERS * batch, generator)
        return Batch(lit, hidden._replace(brightness=torch.zeros_like(hidden.brightness)))

    def loss(self, sample: Batch) -> Tensor:
        """Distance of the gains where shading may change, of their slopes, and of their averages over cells; in any
        light, of their detail, squared."""
        lit, hidden = sample
        gain = self.network(lit.brightness, lit.maps, lit.change)
        cover = lit.maps[:, :1]
        loss = covered_distance(gain, lit.gain, cover) + SLOPES * slope_distance(gain, lit.gain, cover)
        made, true, weight = _in_cells(gain, lit)
        loss = loss + BROAD * covered_distance(made, true, weight)
        if hidden is None:
            return loss
        away = self.network(hidden.brightness, hidden.maps, hidden.change) - hidden.gain
        return loss + HIDDEN * squared_distance(_detail(away, hidden.maps[:, :1]), hidden.maps[:, :1])

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """On validation pairs of each pack in one light: the share of the change of shading that is foreseen, 1 if all
        is."""
        return tuple(Row(f"foreseen in {name}", foreseen(network, sample), "of 1") for name, sample in self._val)


def foreseen(network: nn.Module, sample: Change) -> float:
    """One less the error of the gains over their size, where shading may change, averaged over cells."""
    with torch.no_grad():
        parts = [network(*(x[k : k + 32] for x in sample[:3])) for k in range(0, len(sample.gain), 32)]
    made, true, weight = _in_cells(torch.cat(parts), sample)
    return 1 - float(covered_distance(made, true, weight) / covered_distance(torch.zeros(()), true, weight))


def _drawn(pairs: CreasePairs, count: int, generator: Generator) -> Change:
    """Pairs by their shares, each changed at random."""
    which = torch.multinomial(torch.from_numpy(pairs.share), count, replacement=True, generator=generator)
    return pairs.varied(which.numpy(), generator)


def _detail(plane: Tensor, cover: Tensor) -> Tensor:
    """A plane [B, 1, h, w] without what is broader than `LAMPS`, looked at where a cover [B, 1, h, w] is."""
    broad, share = plane * cover, cover
    for _ in range(2):
        broad, share = (functional.avg_pool2d(x, LAMPS, 1, LAMPS // 2) for x in (broad, share))
    return plane - broad / share.clamp(min=1e-2)


def _in_cells(gain: Tensor, sample: Change) -> tuple[Tensor, Tensor, Tensor]:
    """Gains, the true ones and their cover, each [B, 1, h, w], averaged over cells."""
    cover = sample.maps[:, :1]
    made, true = (functional.avg_pool2d(x * cover, CELL) for x in (gain, sample.gain))
    return made, true, functional.avg_pool2d(cover, CELL)


def _validation(pairs: CreasePairs) -> tuple[tuple[str, Change], ...]:
    """Some pairs of each pack, drawn once by their shares."""
    rng, found = np.random.default_rng(0), []
    for name in np.unique(pairs.source).tolist():
        own = np.flatnonzero(pairs.source == name)
        count, share = min(_SCORED, len(own)), pairs.share[own] / pairs.share[own].sum()
        found.append((name, pairs.plain(rng.choice(own, count, replace=False, p=share))))
    return tuple(found)
