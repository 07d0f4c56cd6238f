"""Recipes of the texture step learned without any true answer, with a motion step before it and without.

"Self-supervised Deformation Modeling for Facial Expression Editing" (S. Athar, Z. Shu, D. Samaras 2019), our reading,
and its natural baseline: the same with the motion step off, which is A. Pumarola et al., "GANimation", 2018, in kind.
The motion is the rig's and the mender's, and does not learn here. GANimation's critic also learns to read expressions;
in a training as short as ours it hardly does, so here the package's own networks read, frozen. With a picture I of
weights s, asked-for weights t, the motion step W, colours C and a mask A of the network, a critic D and a reader R:

    I'  = A W(I) + (1 - A) C
    L   = - l_D mean D(I') + l_w |R(I') - t|² + l_c |I'(I', s) - I| + l_i |I'(I, s) - I|
          + l_a mean (1 - A) + l_v TV(A)
    L_D = [1 - D(I)]+ + [1 + D(I')]+
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.report import Row
from mien.data.face_cuts import FaceCuts, asked_of, read_face_cuts
from mien.detect.landmarks import SIDE as SEEN
from mien.detect.shape import mean_face
from mien.imaging.face_cut import SIDE, FaceCut
from mien.imaging.sheets import FaceSheet
from mien.imaging.warp import face_square
from mien.losses import expression_distance, flattery, hinge, mask_area, picture_distance, total_variation
from mien.nets.texture import TEXTURE_COLUMNS, Layer, TextureCritic, TextureNet
from mien.paint.motion import MotionMender
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter
from mien.rig.motion import face_motion
from mien.train.frozen_reader import FrozenReader
from mien.train.loop import TrainOptions

OPTIONS = TrainOptions(steps=4_000, batch=8, rate=4e-4, decay=0.0, score_every=250, bfloat16=False)

LARGE = replace(OPTIONS, steps=200_000, batch=32, rate=2e-4, score_every=5_000, bfloat16=True, width=4)
"""What a GPU should be given instead; not tried, for lack of one."""

JUDGED, READ, CYCLE, SAME, AREA, EVEN = 0.5, 1.5, 2.0, 2.0, 0.002, 0.05
"""What each part of the loss counts: the verdict, the weights as they are read, there and back, nothing asked, the
mask's area and its unevenness. Found on training and validation faces: a READ of .3 shuts masks at once, with 3 and a
verdict of .08 a screen of dots was painted that the reader took for a smile."""

PERFORMED = 0.3
"""Share of the expressions that are asked for which are of takes, where there are any."""

_LEAST = 0.1
"""Deviation below which a column's errors count no more."""

_RETURNING, _FEW = 2, 4
"""One of so many faces is edited back again, and one of so many asked for nothing: each takes a pass of its own."""

_SCORED = 48


class Asked(NamedTuple):
    """A batch of faces and what is asked of them.

    Args:
        picture: [B, 3, 96, 96] of 0 to 255.
        now: [B, 52] weights.
        asked: [B, 52].
        ahead: [B, 96, 96, 2] pixels: added to a place of the moved picture, it gives the place that is seen there.
        back: the same of the way back; both are 0 without a motion step.
        square: [B, 2, 3] from what a reader sees to the picture: of the face as it is asked for, more or less.
    """

    picture: Tensor
    now: Tensor
    asked: Tensor
    ahead: Tensor
    back: Tensor
    square: Tensor


class CutMotion:
    """The motion step on a cut: the compact rig, what the mender adds, and the sheet that carries pixels."""

    def __init__(self) -> None:
        self._model = compact_model()
        self._fitter = Fitter(self._model, mean_face().steadiness)
        self._mender = MotionMender.shipped()
        self._sheet = FaceSheet.of(self._model.mean, self._model.triangles)

    def flows(self, points: Array, now: Array, asked: Array) -> tuple[Array, Array]:
        """[96, 96, 2] there, and back again, of a face with points [478, 3] and weights [52]."""
        head = self._fitter.fit(points, expected=now).head
        motion = face_motion(self._model, points, head, now, asked)
        motion = self._mender.mend(motion, points, head, now, asked)
        after = np.column_stack([motion.target, motion.points[:, 2]])
        there = self._sheet.stretched(motion.points, motion.target)
        again = self._sheet.stretched(after, motion.points[:, :2])
        return there.over(SIDE, SIDE), again.over(SIDE, SIDE)


class TextureTask:
    """The painter learns, and a critic beside it.

    Args:
        data: folder of the packs; takes of its folder `takes` say what else may be asked for.
        motion: whether the rig's motion step is done first.
        width: how many times as wide both networks are as those of the experiment.

    Raises:
        InputError: there are no packs, or no faces in them.
    """

    begins = 0

    def __init__(self, data: Path, motion: bool, width: int = 1) -> None:
        cut = FaceCut.of(compact_model().mean)
        self.faces = read_face_cuts(data, "train", cut)
        self.network: nn.Module = TextureNet(16 * width)
        self.critic: nn.Module = TextureCritic((24 * width, 48 * width, 72 * width, 96 * width))
        self._reader = FrozenReader(np.asarray(self.faces.packs[0].mirror))
        self._motion = CutMotion() if motion else None
        self._columns = torch.tensor(ARKIT.indices(TEXTURE_COLUMNS))
        spread = self.faces.weights[:, ARKIT.indices(TEXTURE_COLUMNS)].std(0)
        self._unit = torch.from_numpy(np.maximum(spread, _LEAST).astype(np.float32))
        val = read_face_cuts(data, "val", cut)
        rng = np.random.default_rng(0)
        which = rng.permutation(len(val))[:_SCORED]
        self._val = self._sample(val, which, rng, turned=0.0)

    def draw(self, batch: int, generator: Generator) -> Asked:
        """Any faces, each asked for what another one shows, or a take."""
        which = torch.randint(len(self.faces), (batch,), generator=generator)
        rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        return self._sample(self.faces, which.numpy(), rng)

    def _sample(self, faces: FaceCuts, which: Array, rng: np.random.Generator, turned: float = 0.5) -> Asked:
        """Some faces, a share `turned` of them in the mirror."""
        rows = []
        for index in which:
            pixels, points, now = faces.mirrored(int(index)) if rng.random() < turned else faces.plain(int(index))
            pool = faces.performed if len(faces.performed) and rng.random() < PERFORMED else faces.weights
            wanted = pool[rng.integers(len(pool))]
            asked = asked_of(now, wanted[ARKIT.mirror] if rng.random() < 0.5 else wanted)
            ahead = back = np.zeros((SIDE, SIDE, 2), np.float32)
            if self._motion is not None:
                ahead, back = self._motion.flows(points, now, asked)
            square = face_square(points, SEEN)
            rows.append((pixels.transpose(2, 0, 1).astype(np.float32), now, asked, ahead, back, square))
        return Asked(*(torch.from_numpy(np.stack(column).astype(np.float32)) for column in zip(*rows, strict=True)))

    def answer(self, sample: Asked) -> Tensor:
        """[B, 4, 96, 96]: edited faces of 0 to 255, and the mask of what stayed."""
        return torch.cat(self._edited(self.network, sample.picture, sample.now, sample.asked, sample.ahead), 1)

    def _edited(
        self, network: nn.Module, picture: Tensor, now: Tensor, asked: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Edited pictures [B, 3, 96, 96], and what stayed [B, 1, 96, 96]."""
        moved = picture if self._motion is None else warped(picture, flow)
        layer = Layer(*network(moved, asked, asked - now))
        return layer.over(moved), layer.keep

    def loss(self, sample: Asked, answer: Tensor, judged: bool) -> Tensor:
        """What is read, the verdict, there and back, nothing asked, how much is painted; `judged` from the start."""
        made, keep = answer[:, :3], answer[:, 3:]
        half, few = (slice(max(len(made) // share, 1)) for share in (_RETURNING, _FEW))
        returned = made[half], sample.asked[half], sample.now[half], sample.back[half]
        again, kept = self._edited(self.network, *returned)
        still = torch.zeros_like(sample.ahead[few])
        same, _ = self._edited(self.network, sample.picture[few], sample.now[few], sample.now[few], still)
        loss = CYCLE * picture_distance(again, sample.picture[half]) + SAME * picture_distance(
            same, sample.picture[few]
        )
        loss = loss / 127.5
        for mask in (keep, kept):
            loss = loss + AREA * mask_area(mask) + EVEN * total_variation(mask)
        loss = loss + JUDGED * flattery(self.critic(made))
        read, columns = self._reader.glance(made, sample.square), self._columns.to(made.device)
        misread = expression_distance(read[:, columns], sample.asked[:, columns], self._unit.to(made.device))
        return loss + READ * misread

    def critic_loss(self, sample: Asked, answer: Tensor) -> Tensor:
        """Photos against edits."""
        real, made = self.critic(sample.picture), self.critic(answer[:, :3])
        return hinge(real, made, torch.ones_like(real))

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """On validation faces: how much of what was asked the shipped reader reads, what stays, and there and back."""
        val = self._val
        with torch.no_grad():
            made, keep = self._edited(network, val.picture, val.now, val.asked, val.ahead)
            again, _ = self._edited(network, made, val.asked, val.now, val.back)
            before, after = (self._reader.read(picture, val.square) for picture in (val.picture, made))
        change, asked = (after - before)[:, self._columns], (val.asked - val.now)[:, self._columns]
        return (
            Row("arrived", float((change * asked).sum() / asked.square().sum()), "of asked"),
            Row("painted", float(mask_area(keep)), "of the cut"),
            Row("there and back", float(picture_distance(again, val.picture)), "grey levels"),
        )


def warped(picture: Tensor, flow: Tensor) -> Tensor:
    """Pictures [B, C, H, W] whose pixels come from where a flow [B, H, W, 2] of pixels says, bilinearly."""
    height, width = picture.shape[2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + 0.5 + flow[..., 0]
    y = (torch.arange(height, device=flow.device, dtype=flow.dtype) + 0.5)[:, None] + flow[..., 1]
    grid = torch.stack([x * (2 / width) - 1, y * (2 / height) - 1], -1)
    return functional.grid_sample(picture, grid, padding_mode="border", align_corners=False)
