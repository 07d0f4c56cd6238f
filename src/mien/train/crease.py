"""Recipe of the crease network: how a face's own shading changed between two of its expressions, told to it again.

The second half of the texture step of "Self-supervised Deformation Modeling for Facial Expression Editing" (S. Athar et
al. 2020), in our reading: what a warp leaves wrong is the difference between the warped picture and the person's other
one, and nobody has to label it.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from mien.core.report import Row
from mien.data.creases import Change, CreasePairs, read_pairs
from mien.losses import covered_distance, slope_distance
from mien.nets.crease import CreaseNet
from mien.train.loop import TrainOptions

OPTIONS = TrainOptions(steps=4_000, batch=8, rate=1e-3, decay=0.01, score_every=500, bfloat16=False)

LARGE = replace(OPTIONS, steps=40_000, batch=64, score_every=2_000, bfloat16=True, width=2)
"""What a GPU should be given instead; not tried, for lack of one."""

SLOPES = 0.5
"""What a wrong step from pixel to pixel costs beside a wrong pixel."""

BROAD, CELL = 1.0, 4
"""What the error of shading averaged over cells costs, and pixels along such a cell: in there, grain drops out."""

_SCORED = 96


class CreaseTask:
    """The network learns from pairs of one person's pictures.

    Args:
        data: folder of packs whose people are each in one light.
        width: how many times as wide the network is as the one that ships.

    Raises:
        InputError: there are no packs, or no pairs in them.
    """

    def __init__(self, data: Path, width: int = 1) -> None:
        self.pairs = read_pairs(data, "train")
        self.network: nn.Module = CreaseNet(20 * width)
        self._share = torch.from_numpy(self.pairs.share)
        self._val = _validation(read_pairs(data, "val"))

    def draw(self, batch: int, generator: Generator) -> Change:
        """Pairs by their shares, each changed at random."""
        which = torch.multinomial(self._share, batch, replacement=True, generator=generator)
        return self.pairs.varied(which.numpy(), generator)

    def loss(self, sample: Change) -> Tensor:
        """Distance of the gains where shading may change, of their slopes, and of their averages over cells."""
        gain = self.network(sample.brightness, sample.maps, sample.change)
        cover = sample.maps[:, :1]
        loss = covered_distance(gain, sample.gain, cover) + SLOPES * slope_distance(gain, sample.gain, cover)
        made, true, weight = _in_cells(gain, sample)
        return loss + BROAD * covered_distance(made, true, weight)

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """On validation pairs of each pack: the share of the change of shading that is foreseen, 1 if all is."""
        return tuple(Row(f"foreseen in {name}", foreseen(network, sample), "of 1") for name, sample in self._val)


def foreseen(network: nn.Module, sample: Change) -> float:
    """One less the error of the gains over their size, where shading may change, averaged over cells."""
    with torch.no_grad():
        parts = [network(*(x[k : k + 32] for x in sample[:3])) for k in range(0, len(sample.gain), 32)]
    made, true, weight = _in_cells(torch.cat(parts), sample)
    return 1 - float(covered_distance(made, true, weight) / covered_distance(torch.zeros(()), true, weight))


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
