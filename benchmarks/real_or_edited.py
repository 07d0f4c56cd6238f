"""Real or edited? A small network learns to tell, on some people, and is asked about others.

Both classes are the same photos, cut and encoded alike. The judge must tell mouths that were opened by the motion step
alone, whose inside is smeared skin; else what it says of whole edits is worth nothing.
"""

import io
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import tyro
from ledger import command, publish
from PIL import Image
from rich.progress import track
from torch import Tensor, nn

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.data.packs import FacesPack, read_photos
from mien.imaging.board import cut_square
from mien.metrics import inter_ocular_distance
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import Editor
from mien.rig.wishes import Change, Wish

SIDE, QUALITY = 128, 92
LEARNED = 0.6
"""Share of the people that the judge learns from."""
EPOCHS, BATCH, RATE = 16, 32, 1e-3

EDITS = (
    ("mouthSmile+=0.6",),
    ("jawOpen+=0.4",),
    ("mouthSmile+=0.5", "jawOpen+=0.2"),
    ("browInnerUp+=0.6", "browOuterUp+=0.5"),
    ("browDown+=0.6",),
    ("eyeBlink+=0.8",),
    ("mouthPucker+=0.6",),
    ("mouthFrown+=0.6",),
)
"""One of these a photo, in turn."""


@dataclass(frozen=True)
class Samples:
    """Cuts [N, 3, 128, 128] uint8 of photos as they are, edited, and with the mouth opened by motion alone, and who."""

    real: Tensor
    edited: Tensor
    opened: Tensor
    person: Array


def samples(packs: list[FacesPack], count: int, least_eyes: float = 36.0) -> Samples:
    """Faces of people whom no part of the edit was chosen by: those of validation."""
    capturer = Capturer(CaptureOptions(face=FaceChoice(largest=True)))
    painting, moving = Editor(), Editor(paint=False, shade=False)
    opening = Wish((Change.parse("jawOpen+=0.4"),))
    cuts: list[tuple[Array, Array, Array]] = []
    people: list[str] = []
    chosen = [(pack, int(k)) for pack in packs for k in pack.indices("val")]
    for place in track(np.random.default_rng(3).permutation(len(chosen)), "edits", transient=True):
        pack, index = chosen[place]
        if len(cuts) == count:
            break
        if inter_ocular_distance(pack.landmarks[index].astype(np.float64)[None])[0] < least_eyes:
            continue
        frame = Frame(pack.pictures.rgb(index))
        _, readings = next(iter(capturer.stream([frame])))
        if not readings:
            continue
        reading = readings[0]
        now = reading.state.expression.weights
        wish = Wish(tuple(Change.parse(word) for word in EDITS[len(cuts) % len(EDITS)]))
        try:
            whole = painting.edit(frame, reading, wish.of(now))
            motion = moving.edit(frame, reading, opening.of(now))
        except InputError:
            continue
        three = (frame, Frame(whole.pixels), Frame(motion.pixels))
        first, second, third = (_cut(each, reading.box) for each in three)
        cuts.append((first, second, third))
        people.append(f"{pack.name} {pack.identity[index]}")
    real, edited, opened = (torch.from_numpy(np.array(each)) for each in zip(*cuts, strict=True))
    return Samples(real, edited, opened, np.unique(people, return_inverse=True)[1])


def _cut(frame: Frame, box: Array) -> Array:
    """[3, 128, 128] uint8, a face as a JPEG gives it back."""
    file = io.BytesIO()
    Image.fromarray(cut_square(frame.pixels, box, 1.3, SIDE)).save(file, "JPEG", quality=QUALITY)
    return np.asarray(Image.open(file)).transpose(2, 0, 1)


def judge() -> nn.Sequential:
    """A fixed small network: 0.15 M parameters."""
    widths = (3, 24, 48, 72, 96)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.Conv2d(after, after, 3, 1, 1, groups=after, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(widths[-1], 1))


def told(real: Tensor, false: Tensor, person: Array, seed: int = 0) -> float:
    """Share of unseen people's cuts, of both kinds, that a fresh judge tells."""
    torch.manual_seed(seed)
    order = np.random.default_rng(seed).permutation(person.max() + 1)
    learned = np.isin(person, order[: int(LEARNED * len(order))])
    network = judge()
    steps = EPOCHS * (2 * int(learned.sum()) // BATCH + 1)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps)
    x = torch.cat([real[learned], false[learned]]).float() / 127.5 - 1
    y = torch.cat([torch.zeros(int(learned.sum())), torch.ones(int(learned.sum()))])
    for _ in track(range(steps), "judge", transient=True):
        rows = torch.randint(len(x), (BATCH,))
        cut = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, x[rows], x[rows].flip(3))
        loss = nn.functional.binary_cross_entropy_with_logits(network(cut)[:, 0], y[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        plan.step()
    network.eval()
    with torch.no_grad():
        answers = [network(each[~learned].float() / 127.5 - 1)[:, 0] > 0 for each in (real, false)]
    return float((~answers[0]).float().mean() + answers[1].float().mean()) / 2


def main(data: Path, count: int = 800, ledger: bool = False) -> None:
    """Ask a small network which faces are edited.

    Args:
        data: folder with the packs.
        count: photos.
        ledger: append the report to the ledger.
    """
    drawn = samples(read_photos(data)[0], count)
    rows = (
        Row(
            "whole edits told from photos", told(drawn.real, drawn.edited, drawn.person), "of all", "<= 0.85", "<= 0.65"
        ),
        Row("mouths opened by motion alone told", told(drawn.real, drawn.opened, drawn.person), "of all", ">= 0.95"),
    )
    note = f"{len(drawn.person)} photos of validation people, {LEARNED:.0%} of the people to learn from"
    publish(Report("Real or edited, 128 px", command(data, None, f"--count {count}"), rows, (note,)), ledger)


if __name__ == "__main__":
    tyro.cli(main)
