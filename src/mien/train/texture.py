"""Recipes of the texture step learned without any true answer, with a motion step before it and without.

"Self-supervised Deformation Modeling for Facial Expression Editing" (S. Athar, Z. Shu, D. Samaras 2019), our reading,
and its natural baseline: the same with the motion step off, which is A. Pumarola et al., "GANimation", 2018, in kind.
The motion is the rig's and the mender's, and does not learn here. With a picture I of weights s, asked-for weights t,
the motion step W, colours C and a mask A of the network, and a critic D that also reads weights:

    I'  = A W(I) + (1 - A) C
    L   = - l_D mean D(I') + l_w |D_w(I') - t|² + l_c |I'(I', s) - I| + l_i |I'(I, s) - I|
          + l_a mean (1 - A) + l_v TV(A)
    L_D = [1 - D(I)]+ + [1 + D(I')]+ + |D_w(I) - s|²
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
from mien.core.image import Frame
from mien.core.report import Row
from mien.data.face_cuts import FaceCuts, asked_of, read_face_cuts
from mien.detect.expression import ExpressionReader
from mien.detect.landmarks import SIDE as SEEN
from mien.detect.landmarks import LandmarkReader
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
from mien.train.loop import TrainOptions

OPTIONS = TrainOptions(steps=2_000, batch=8, rate=4e-4, decay=0.0, score_every=250, bfloat16=False)

LARGE = replace(OPTIONS, steps=200_000, batch=32, rate=2e-4, score_every=5_000, bfloat16=True, width=4)
"""What a GPU should be given instead; not tried, for lack of one."""

JUDGED, READ, CYCLE, SAME, AREA, EVEN = 0.08, 0.3, 1.0, 0.5, 0.008, 0.008
"""What each part of the loss counts: the verdict, the weights as read, there and back, nothing asked, the mask's area
and its unevenness. The proportions of GANimation, but for the weights, whose errors are counted in deviations here."""

BEGINS = 3_200
"""Faces after which the painter begins. Until then the critic learns to read: it would else say nothing of use, and the
mask would close for good, for that costs least."""

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
    """

    picture: Tensor
    now: Tensor
    asked: Tensor
    ahead: Tensor
    back: Tensor


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
    """The painter learns, and a critic that also reads expressions beside it.

    Args:
        data: folder of the packs; takes of its folder `takes` say what else may be asked for.
        motion: whether the rig's motion step is done first.
        width: how many times as wide both networks are as those of the experiment.

    Raises:
        InputError: there are no packs, or no faces in them.
    """

    practises = True
    begins = BEGINS

    def __init__(self, data: Path, motion: bool, width: int = 1) -> None:
        cut = FaceCut.of(compact_model().mean)
        self.faces = read_face_cuts(data, "train", cut)
        self.network: nn.Module = TextureNet(16 * width)
        self.critic: nn.Module = TextureCritic(SIDE, (24 * width, 48 * width, 72 * width, 96 * width))
        self._motion = CutMotion() if motion else None
        self._columns = torch.tensor(ARKIT.indices(TEXTURE_COLUMNS))
        spread = self.faces.weights[:, ARKIT.indices(TEXTURE_COLUMNS)].std(0)
        self._unit = torch.from_numpy(np.maximum(spread, _LEAST).astype(np.float32))
        val = read_face_cuts(data, "val", cut)
        rng = np.random.default_rng(0)
        which = rng.permutation(len(val))[:_SCORED]
        self._val = self._sample(val, which, rng, turned=0.0)
        self._readers = LandmarkReader.shipped(), ExpressionReader.shipped()
        self._seen = np.stack([face_square(val.plain(int(k))[1], SEEN) for k in which])

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
            rows.append((pixels.transpose(2, 0, 1).astype(np.float32), now, asked, ahead, back))
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
        """What the critic says and reads, there and back, nothing asked, and how much of the picture is painted: always
        `judged`, since the critic practises until then."""
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
        said = self.critic(made)
        loss = loss + JUDGED * flattery(said.score)
        return loss + READ * self._misread(said.weights, sample.asked)

    def critic_loss(self, sample: Asked, answer: Tensor) -> Tensor:
        """Photos against edits, and what it misreads on photos."""
        real, made = self.critic(sample.picture), self.critic(answer[:, :3])
        cells = torch.ones_like(real.score)
        return hinge(real.score, made.score, cells) + self._misread(real.weights, sample.now)

    def _misread(self, read: Tensor, true: Tensor) -> Tensor:
        unit, columns = self._unit.to(read.device), self._columns.to(read.device)
        return expression_distance(read, true[:, columns], unit)

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """On validation faces: how much of what was asked the shipped reader reads, what stays, and there and back."""
        val = self._val
        with torch.no_grad():
            made, keep = self._edited(network, val.picture, val.now, val.asked, val.ahead)
            again, _ = self._edited(network, made, val.asked, val.now, val.back)
        before, after = (self._read(picture) for picture in (val.picture, made))
        columns = ARKIT.indices(TEXTURE_COLUMNS)
        change, asked = (after - before)[:, columns], (val.asked - val.now).numpy()[:, columns]
        return (
            Row("arrived", float((change * asked).sum() / (asked**2).sum()), "of asked"),
            Row("painted", float(mask_area(keep)), "of the cut"),
            Row("there and back", float(picture_distance(again, val.picture)), "grey levels"),
        )

    def _read(self, pictures: Tensor) -> Array:
        """[B, 52] what the shipped networks read off the validation faces [B, 3, 96, 96]."""
        landmarks, expression = self._readers
        frames = pictures.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        sights = [landmarks.read(Frame(frame), square) for frame, square in zip(frames, self._seen, strict=True)]
        return np.stack([expression.read(sight)[0].weights for sight in sights])


def warped(picture: Tensor, flow: Tensor) -> Tensor:
    """Pictures [B, C, H, W] whose pixels come from where a flow [B, H, W, 2] of pixels says, bilinearly."""
    height, width = picture.shape[2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + 0.5 + flow[..., 0]
    y = (torch.arange(height, device=flow.device, dtype=flow.dtype) + 0.5)[:, None] + flow[..., 1]
    grid = torch.stack([x * (2 / width) - 1, y * (2 / height) - 1], -1)
    return functional.grid_sample(picture, grid, padding_mode="border", align_corners=False)
