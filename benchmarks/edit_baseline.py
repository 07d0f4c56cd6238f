"""What a motion step is worth: one network that lays colours over a face, with a motion step before it and without.

Both learn by `mien train` from the same photos, by the same losses, for as long; without the motion step it is what
GANimation is in kind. The protocol is that of `edit_london.py`. The networks work at 96 px, so their edits are also
held against the truth at that size, where they are not blamed for the pixels that they never had.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from edit_london import Pair, alike, errors, likeness, pairs
from ledger import command, publish
from PIL import Image
from rich.progress import track
from rig import TEST_PEOPLE, four_views
from teacher import Teacher

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import apply_affine, compose_affine, invert_affine
from mien.core.image import Frame
from mien.core.points import FACE_OVAL, OUTER_LIPS
from mien.core.report import Report, Row
from mien.data.packs import read_photos
from mien.imaging.face_cut import SIDE, FaceCut, cut_face
from mien.imaging.mouth_patch import resampled
from mien.nets.texture import TEXTURE_COLUMNS, TextureNet
from mien.pipelines.edit import Editor
from mien.rig.compact import compact_model
from mien.train.loop import begin_from, read_checkpoint

TRAINING_PEOPLE = ("001", "006", "011", "017", "022", "029", "034", "041")
"""Of the London set: what is chosen is chosen on these."""

FADE = 5.0
"""Pixels along the border of a cut over which what is laid on it ends."""

SHOWN = 2
"""Pixels of the picture along a pixel of the cut."""


@dataclass(frozen=True)
class Laid:
    """An edit: the picture, and the share of the face's cut that a network painted."""

    pixels: Array
    painted: float = 0.0


class Texturer:
    """Lays a trained network's colours over a photo at the photo's own resolution.

    Args:
        checkpoint: of `mien train baseline` or `mien train texture`.
    """

    def __init__(self, checkpoint: Path) -> None:
        width = int(read_checkpoint(checkpoint)["options"].get("width", 1))
        self._network = TextureNet(16 * width).eval()
        begin_from(self._network, checkpoint)
        self._cut = FaceCut.of(compact_model().mean)

    def lay(self, pixels: Array, points: Array, asked: Array, now: Array) -> Laid:
        """A picture [H, W, 3] uint8 whose face had points [478, 3] and weights `now` [52] before, asked for others."""
        to_frame = self._cut.to_frame(points)
        cut = torch.from_numpy(cut_face(pixels, to_frame).transpose(2, 0, 1).astype(np.float32))[None]
        told = [torch.from_numpy(value.astype(np.float32))[None] for value in (asked, asked - now)]
        with torch.no_grad():
            colour, keep = self._network(cut, *told)
        edge = np.minimum(np.arange(SIDE), np.arange(SIDE)[::-1]) / FADE
        inside = np.clip(np.minimum(edge, edge[:, None]), 0, 1)
        give = (1 - keep[0, 0].numpy()) * inside
        height, width = pixels.shape[:2]
        coefficients = tuple(invert_affine(to_frame).ravel().tolist())

        def enlarged(plane: Array) -> Array:
            """[H, W] a plane of the cut on the picture; 0 beyond it."""
            small = Image.fromarray(np.ascontiguousarray(plane, np.float32))
            large = small.transform((width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC)
            return np.asarray(large)

        share = np.clip(enlarged(give), 0, 1)[..., None]
        colours = np.stack([enlarged(plane) for plane in colour[0].numpy()], 2)
        laid = pixels + share * (colours - pixels)
        return Laid(np.clip(np.rint(laid), 0, 255).astype(np.uint8), float(give.mean()))


def small_likeness(pixels: Array, pair: Pair, cut: FaceCut) -> tuple[float, float]:
    """SSIM and mean absolute difference (0 to 1) to the smiling photo inside the face, both cut to 96 px."""
    way = cut.to_frame(pair.after.points)
    one, other = cut_face(pixels, cut.to_frame(pair.before.points)), cut_face(pair.smiling.pixels, way)
    return alike(one, other, apply_affine(invert_affine(way), pair.after.points[list(FACE_OVAL), :2]))


def ways(baseline: Path, texture: Path) -> dict[str, Callable[[Pair], Laid]]:
    """Every edit that is compared, by name."""
    alone, after = Texturer(baseline), Texturer(texture)
    motion, whole = Editor(paint=False, shade=False), Editor()

    def moved(pair: Pair) -> Array:
        """The photo after the motion step."""
        return motion.edit(pair.calm, pair.reading, pair.after.weights).pixels

    def laid(by: Texturer, pixels: Array, pair: Pair) -> Laid:
        """What a network makes of a picture."""
        return by.lay(pixels, pair.before.points, pair.after.weights, pair.before.weights)

    return {
        "no edit": lambda pair: Laid(pair.calm.pixels),
        "motion off": lambda pair: laid(alone, pair.calm.pixels, pair),
        "motion alone": lambda pair: Laid(moved(pair)),
        "motion on": lambda pair: laid(after, moved(pair), pair),
        "mien edit": lambda pair: Laid(whole.edit(pair.calm, pair.reading, pair.after.weights).pixels),
    }


def main(
    data: Path,
    baseline: Path,
    texture: Path,
    people: Literal["test", "train"] = "test",
    pictures: Path | None = None,
    ledger: bool = False,
) -> None:
    """Compare a texture network with a motion step before it, without one, and what ships.

    Args:
        data: folder with the packs, `photos` and `models/face_landmarker.task`.
        baseline: baseline.pt, what `mien train baseline --data data -o FOLDER` leaves.
        texture: texture.pt, what `mien train texture --data data -o FOLDER` leaves.
        people: test for figures, train to choose by.
        pictures: write every edit between the calm and the smiling photo to this PNG.
        ledger: append the report to the ledger.
    """
    mirror, cut = read_photos(data)[0][0].mirror, FaceCut.of(compact_model().mean)
    edits = ways(baseline, texture)
    columns = ARKIT.indices(TEXTURE_COLUMNS)
    figures: dict[str, list[tuple[float, ...]]] = {name: [] for name in edits}
    strips = []
    with Teacher(data, blendshapes=True) as teacher:
        chosen = pairs(data, teacher, mirror, TEST_PEOPLE if people == "test" else TRAINING_PEOPLE)
        for pair in track(chosen, "edits", transient=True):
            asked = (pair.after.weights - pair.before.weights)[columns]
            strip = []
            for name, edit in edits.items():
                made = edit(pair)
                seen = pair.before if name == "no edit" else four_views(teacher, made.pixels, mirror)
                away = errors(seen.points, pair)
                change = (seen.weights - pair.before.weights)[columns]
                figures[name].append(
                    (
                        float(away.mean()),
                        float(away[list(OUTER_LIPS)].mean()),
                        float(change @ asked / (asked @ asked)),
                        *likeness(Frame(made.pixels), pair.before.points, pair),
                        *small_likeness(made.pixels, pair, cut),
                        made.painted,
                    )
                )
                strip.append(_shown(made.pixels, cut.to_frame(pair.before.points)))
            strip.append(_shown(pair.smiling.pixels, cut.to_frame(pair.after.points)))
            strips.append(np.concatenate(strip, 1))
    what = (
        ("all points", "% IOD"),
        ("mouth", "% IOD"),
        ("of the change, as the teacher reads it", "of 1"),
        ("SSIM", ""),
        ("difference", "of 1"),
        ("SSIM at 96 px", ""),
        ("difference at 96 px", "of 1"),
        ("painted", "of the cut"),
    )
    rows = tuple(
        Row(f"{name}, {of}", float(value), unit)
        for name, each in figures.items()
        for (of, unit), value in zip(what, np.array(each).mean(0), strict=True)
        if value or of != "painted"
    )
    said = command(data, None, f"--baseline {baseline.name} --texture {texture.name} --people {people}")
    publish(Report(f"With a motion step and without, London {people} people", said, rows), ledger)
    if pictures is not None:
        Image.fromarray(np.concatenate(strips)).save(pictures)


def _shown(pixels: Array, to_frame: Array) -> Array:
    """[192, 192, 3] a face as the networks see it, larger."""
    scale = np.array([[1 / SHOWN, 0, 0], [0, 1 / SHOWN, 0]])
    return resampled(pixels, compose_affine(to_frame, scale), SHOWN * SIDE, SHOWN * SIDE)


if __name__ == "__main__":
    tyro.cli(main)
