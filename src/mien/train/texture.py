"""Recipes of the texture step with a motion step before it and without, learned from what people show next.

"Self-supervised Deformation Modeling for Facial Expression Editing" (S. Athar, Z. Shu, D. Samaras 2019), our reading,
and its natural baseline: the same with the motion step off, which is A. Pumarola et al., "GANimation", 2018, in kind.
The motion is the rig's and the mender's, and does not learn here. Both papers learn without a true answer, from a
critic that also reads expressions. With as few pictures and as short a training as ours neither a critic nor a frozen
reader leads anywhere by itself (docs/methods/deformation-editing.md); so the answer is shown, too: another picture of
the person, in the same pose and light. With a picture I of weights s, the other one T of weights t, the motion step W,
colours C and a mask A of the network, a critic D and the package's own networks R that read, frozen:

    I'  = A W(I) + (1 - A) C
    L   = l_t |I' - T|² - l_d mean D(I') + l_w |R(I') - t|² + l_c |I'(I', s) - I| + l_i |I'(I, s) - I|
          + l_a mean (1 - A) + l_v TV(A)
    L_D = [1 - D(T)]+ + [1 + D(I')]+
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
from mien.data.face_cuts import FaceCuts, read_face_cuts
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

OPTIONS = TrainOptions(steps=2_000, batch=8, rate=1e-3, decay=0.0, score_every=250, bfloat16=False)

LARGE = replace(OPTIONS, steps=200_000, batch=32, rate=2e-4, score_every=5_000, bfloat16=True, width=4)
"""What a GPU should be given instead; not tried, for lack of one."""

SHOWN, JUDGED, READ, CYCLE, SAME, AREA, EVEN = 50.0, 0.02, 0.02, 0.3, 0.3, 0.002, 0.05
"""What each part of the loss counts: the answer that is shown, the verdict, the weights as they are read, there and
back, nothing asked, the mask's area and its unevenness. With there and back, or nothing asked, counting three times as
much beside absolute differences of what is shown, nothing was edited after 500 steps."""

_LEAST = 0.1
"""Deviation below which a column's errors count no more."""

_RETURNING, _FEW = 2, 4
"""One of so many faces is edited back again, and one of so many is read, and asked for nothing: each takes a pass of
its own."""

_SCORED = 48


class Asked(NamedTuple):
    """A batch of faces and what is asked of them.

    Args:
        picture: [B, 3, 96, 96] of 0 to 255.
        shown: [B, 3, 96, 96] what the same faces look like with the weights that are asked for.
        now: [B, 52] weights.
        asked: [B, 52].
        ahead: [B, 96, 96, 2] pixels: added to a place of the moved picture, it gives the place that is seen there.
        back: the same of the way back; both are 0 without a motion step.
        square: [B, 2, 3] from what a reader sees to the picture: of the face as it is asked for, more or less.
    """

    picture: Tensor
    shown: Tensor
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
        data: folder of packs whose people are each in one light.
        motion: whether the rig's motion step is done first.
        width: how many times as wide both networks are as those of the experiment.

    Raises:
        InputError: there are no packs, or no pairs of faces in them.
    """

    begins = 4_000

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
        self._share = torch.from_numpy(self.faces.share)
        val = read_face_cuts(data, "val", cut)
        which = np.random.default_rng(0).choice(len(val), _SCORED, p=val.share)
        self._val = self._sample(val, which, np.zeros(_SCORED, bool))

    def draw(self, batch: int, generator: Generator) -> Asked:
        """Pairs by their shares, half of them in the mirror."""
        which = torch.multinomial(self._share, batch, replacement=True, generator=generator)
        turned = torch.rand(batch, generator=generator) < 0.5
        return self._sample(self.faces, which.numpy(), turned.numpy())

    def _sample(self, faces: FaceCuts, which: Array, turned: Array) -> Asked:
        """Some pairs, those that are `turned` in the mirror."""
        rows = []
        for pair, mirror in zip(which, turned, strict=True):
            look = faces.mirrored if mirror else faces.plain
            (pixels, points, now), (shown, _, asked) = (look(int(end[pair])) for end in (faces.first, faces.second))
            ahead = back = np.zeros((SIDE, SIDE, 2), np.float32)
            if self._motion is not None:
                ahead, back = self._motion.flows(points, now, asked)
            pictures = (picture.transpose(2, 0, 1).astype(np.float32) for picture in (pixels, shown))
            rows.append((*pictures, now, asked, ahead, back, face_square(points, SEEN)))
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
        """What was shown, what is read, there and back, nothing asked, how much is painted; the verdict once it is
        `judged`.
        """
        made, keep = answer[:, :3], answer[:, 3:]
        half, few = (slice(max(len(made) // share, 1)) for share in (_RETURNING, _FEW))
        returned = made[half], sample.asked[half], sample.now[half], sample.back[half]
        again, kept = self._edited(self.network, *returned)
        still = torch.zeros_like(sample.ahead[few])
        same, _ = self._edited(self.network, sample.picture[few], sample.now[few], sample.now[few], still)
        cycle, identity = (picture_distance(one, sample.picture[: len(one)]) / 127.5 for one in (again, same))
        loss = SHOWN * ((made - sample.shown) / 127.5).square().mean() + CYCLE * cycle + SAME * identity
        for mask in (keep, kept):
            loss = loss + AREA * mask_area(mask) + EVEN * total_variation(mask)
        if judged:
            loss = loss + JUDGED * flattery(self.critic(made))
        (read,), columns = self._reader.glance(sample.square[few], made[few]), self._columns.to(made.device)
        misread = expression_distance(read[:, columns], sample.asked[few][:, columns], self._unit.to(made.device))
        return loss + READ * misread

    def critic_loss(self, sample: Asked, answer: Tensor) -> Tensor:
        """Photos against edits."""
        real, made = self.critic(sample.shown), self.critic(answer[:, :3])
        return hinge(real, made, torch.ones_like(real))

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """On validation pairs: how near the shown picture is, beside no edit; how much of what was asked the shipped
        reader reads; what is painted; and there and back.
        """
        val = self._val
        with torch.no_grad():
            made, keep = self._edited(network, val.picture, val.now, val.asked, val.ahead)
            again, _ = self._edited(network, made, val.asked, val.now, val.back)
            before, after = (self._reader.read(picture, val.square) for picture in (val.picture, made))
        change, asked = (after - before)[:, self._columns], (val.asked - val.now)[:, self._columns]
        left, whole = (float(picture_distance(picture, val.shown)) for picture in (made, val.picture))
        return (
            Row("left of the difference", left / whole, "of 1"),
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
