"""Recipe of the mouth painter: real open mouths are cut out and painted again, first by distance, then for a critic.

The texture step of "Self-supervised Deformation Modeling for Facial Expression Editing" (S. Athar et al. 2020), in our
reading: the motion step leaves a hole where lips part, and any real open mouth shows what belongs there. With a real
mouth T, the hole H, what is painted P, a critic D with features d, and the package's own networks R that read
expressions off the whole face, frozen:

    I'  = H P + (1 - H) T
    L   = |P - T| over H + l_o over the rest + l_s |slopes of P - T| over H + l_w |R(I') - R(T)|²
          - l_d mean D(I') + l_f |d(I') - d(T)|
    L_D = [1 - D(T)]+ + [1 + D(I')]+

The paper's cycle is the first part: a mouth that was shut and is opened again must show what it showed, and to be cut
out is all that shutting does to it. Its identity is the part outside the hole: where nothing is uncovered, nothing may
change. Its mask is the hole, which the motion step gives.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor, nn

from mien.core.basis import ARKIT
from mien.core.report import Row
from mien.data.mouth_views import NARROW, Damaged, fits_narrow, has_seam, plain, varied
from mien.data.mouths import Mouths, read_mouths
from mien.imaging.mouth_patch import HEIGHT, WIDTH
from mien.losses import covered_distance, expression_distance, feature_distance, hinge, in_cells, slope_distance
from mien.nets.mouth import MOUTH_COLUMNS, MouthNet
from mien.nets.mouth_critic import MouthCritic
from mien.train.devices import narrowed
from mien.train.frozen_reader import FrozenReader, laid_over
from mien.train.loop import TrainOptions

OPTIONS = TrainOptions(steps=10_000, batch=16, rate=2.5e-4, decay=0.0, score_every=1_000, bfloat16=True)

LARGE = replace(OPTIONS, steps=60_000, batch=64, rate=2e-4, score_every=2_000, width=2)
"""What a GPU should be given instead; not tried, for lack of one."""

BEGINS = 10_000
"""Pictures after which the critic begins: colours and the dark gap are there by then, blurred."""

SLOPES = 0.5
"""What a wrong step from pixel to pixel costs beside a wrong pixel."""

JUDGED, ALIKE = 0.03, 0.7
"""What the critic's verdict costs, and features unlike those of the truth. At .08 a long training ended in black dots
between teeth and a green cast; most of them went when it went on with a new critic at .03."""

CELL = 8
"""Pixels along a cell of the painter and of the critic."""

READ, _FEW, _LEAST = 1.0, 8, 0.05
"""What weights count that are read otherwise than off the true mouth; of how many faces one is read, for it takes
long; and the least deviation of a weight, which is its unit."""

AROUND = 0.1
"""What a pixel outside the hole counts: there is nothing to paint, but the colours must not leave the photo's."""

WHOLE = 0.25
"""Share of the batches that are of mouths too wide for a narrow window, or can be opened until they are."""

_SCORED = 160


class MouthTask:
    """The painter learns, and its critic beside it.

    Args:
        data: folder of the packs.
        begins: pictures after which the critic begins.
        width: how many times as wide painter and critic are as those that ship.

    Raises:
        InputError: there are no packs, or no open mouths in them.
        ModelError: a weight file of the package is missing or was changed.
    """

    def __init__(self, data: Path, begins: int = BEGINS, width: int = 1) -> None:
        self.mouths = read_mouths(data, "train")
        self.begins = begins
        self.network: nn.Module = MouthNet(48 * width)
        self.critic: nn.Module = MouthCritic((32 * width, 64 * width, 128 * width))
        self._reader = FrozenReader(self.mouths.mirror)
        self._columns = torch.tensor(ARKIT.indices(MOUTH_COLUMNS))
        told = torch.from_numpy(self.mouths.weights)[:, self._columns]
        self._unit = told.std(0, correction=0).clamp(min=_LEAST)
        share = torch.from_numpy(self.mouths.share)
        narrow, seam = (torch.from_numpy(of(self.mouths)) for of in (fits_narrow, has_seam))
        self._narrow, self._wide = share * narrow, share * (~narrow | seam)
        self._narrowly = 1 - WHOLE if self._narrow.any() and self._wide.any() else float(self._narrow.any())
        self._val = _validation(read_mouths(data, "val"))

    def draw(self, batch: int, generator: Generator) -> Damaged:
        """Mouths in windows of one size: narrow ones where they fit, else any in the whole patch."""
        narrow = float(torch.rand((), generator=generator)) < self._narrowly
        share = self._narrow if narrow else self._wide
        which = torch.multinomial(share, batch, replacement=True, generator=generator)
        rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        return varied(self.mouths, which.numpy(), rng, NARROW if narrow else (HEIGHT, WIDTH))

    def answer(self, sample: Damaged) -> Tensor:
        """Painted mouths [B, 3, h, w] of 0 to 255."""
        painted: Tensor = self.network(sample.picture, sample.maps, sample.weights, sample.sharpness)
        return painted

    def loss(self, sample: Damaged, answer: Tensor, judged: bool) -> Tensor:
        """Distance of pixels and steps in the hole; weights read otherwise; the critic's verdict, and how it sees the
        two differ.
        """
        hole = sample.maps[:, :1]
        cover, unit = hole + AROUND * (1 - hole), 1 / 127.5
        loss = covered_distance(answer, sample.target, cover) + SLOPES * slope_distance(answer, sample.target, hole)
        loss = loss * unit + READ * self._misread(sample, answer)
        if not judged:
            return loss
        made, real, maps = _astray(_joined(sample, answer), sample.target, sample.maps)
        hole = maps[:, :1]
        with torch.no_grad():
            true = self.critic(real, maps)
        for one, other in zip(self.critic(made, maps), true, strict=True):
            cells = in_cells(hole, one.score)
            loss = loss - JUDGED * (one.score * cells).sum() / cells.sum().clamp(min=1e-6)
            loss = loss + ALIKE * feature_distance(one.features, other.features, hole)
        return loss

    def _misread(self, sample: Damaged, answer: Tensor) -> Tensor:
        """How differently the package's own reader reads a few of the faces with painted and with true mouths.

        Mouths are in another light than their faces were, and some opened further; what that does to a reading it does
        to both.
        """
        few = Damaged(*(part[: max(len(answer) // _FEW, 1)] for part in sample))
        made, real = _joined(few, answer[: len(few.target)]), few.target
        with narrowed(answer.device, wanted=False):  # points must not be rounded to half a pixel
            faces = [laid_over(few.face, mouths.float(), few.place) for mouths in (made, real)]
            whole = torch.eye(2, 3, device=answer.device).expand(len(real), -1, -1)
            read, true = self._reader.glance(whole, *faces)
        columns = self._columns.to(answer.device)
        return expression_distance(read[:, columns], true[:, columns], self._unit.to(answer.device))

    def critic_loss(self, sample: Damaged, answer: Tensor) -> Tensor:
        """Real mouths against painted ones, in the cells that the hole covers."""
        made, real, maps = _astray(_joined(sample, answer), sample.target, sample.maps)
        hole, loss = maps[:, :1], answer.new_zeros(())
        for verdict in self.critic(torch.cat([real, made]), torch.cat([maps, maps])):
            good, bad = verdict.score.chunk(2)
            loss = loss + hinge(good, bad, in_cells(hole, good))
        return loss

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """On validation mouths: the mean error in the hole, and the share of the true steps across that is reached."""
        val = self._val
        with torch.no_grad():
            parts = [network(*(x[k : k + 32] for x in val[:4])) for k in range(0, len(val.picture), 32)]
        painted, hole = torch.cat(parts).clamp(0, 255), val.maps[:, :1]
        detail = [covered_distance(x.diff(dim=3), torch.zeros(()), hole[..., 1:]) for x in (painted, val.target)]
        error = covered_distance(painted, val.target, hole)
        return (
            Row("hole error", float(error), "grey levels"),
            Row("detail", float(detail[0] / detail[1]), "of the true"),
        )


def _validation(mouths: Mouths) -> Damaged:
    """Every few of the validation mouths, cut out as at run time."""
    return plain(mouths, np.unique(np.linspace(0, len(mouths) - 1, _SCORED).astype(int)))


def _joined(sample: Damaged, answer: Tensor) -> Tensor:
    """Painted mouths in their true surroundings: all that a critic may find there lies in the hole."""
    return torch.lerp(sample.target, answer, sample.maps[:, :1])


def _astray(*pictures: Tensor) -> tuple[Tensor, ...]:
    """The same window of every picture, which begins anywhere in a cell.

    The critic's cells would else lie on the painter's, and teeth that are all in step with them would look right to it.
    """
    y, x = torch.randint(CELL, (2,), device="cpu").tolist()
    return tuple(
        picture[:, :, y : y + picture.shape[2] - CELL, x : x + picture.shape[3] - CELL] for picture in pictures
    )
