"""Whether edited videos flicker: teeth where mouths open further, decided frame by frame or not, and skin that smiles.

What flickers is what a frame shows otherwise than the mean of the frames before and after it, in cuts that move with
the face. A film flickers a little by itself, for faces move.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish
from rich.progress import track

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.formats.video import VideoReader
from mien.imaging.face_cut import FaceCut, cut_face
from mien.imaging.mouth_patch import MAPS, MouthPatch
from mien.paint.parting import Parting, SteadyPartings
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import EditedFace, Editor
from mien.rig.compact import compact_model
from mien.rig.wishes import Change, Wish

LEAST = 3.0
"""Pixels of a patch between the lips of a mouth that shows something."""

FRAMES = 120
"""Frames of a clip that are edited, from the first one that counts."""

OPENED, SMILING = (Wish((Change.parse(words),)) for words in ("jawOpen+=0.4", "mouthSmile+=0.5"))

_OPENING = MAPS.index("opening")
_TEETH = ("between the lips: the film", "edited, each frame by itself", "edited, frames before having a say")
_SKIN = ("the face: the film", "moved into a smile", "moved and shaded")

Shown = tuple[Array, Array]
"""[H, W, 3] float32 pixels, and [H, W] bool which of them count."""


def faces(clip: Path) -> Iterator[tuple[Frame, FaceReading]]:
    """The largest face of each frame, as an edit reads it."""
    capturer = Capturer(CaptureOptions(face=FaceChoice(largest=True), smooth=False))
    with VideoReader(clip) as reader, closing(capturer.stream(reader)) as stream:
        for frame, readings in stream:
            for reading in readings[:1]:
                yield frame, reading


def mouth(pixels: Array, points: Array) -> Shown:
    """What lies between the lips."""
    patch = MouthPatch.of(points)
    return patch.cut(pixels).astype(np.float32), patch.maps()[_OPENING] > 0.9


def face(pixels: Array, points: Array) -> Shown:
    """A face from brow to chin."""
    cut = cut_face(pixels, FaceCut.of(compact_model().mean).to_frame(points)).astype(np.float32)
    return cut, np.ones(cut.shape[:2], bool)


def flickers(before: Shown, this: Shown, after: Shown) -> float:
    """Mean absolute difference of a moment from the mean of its neighbours, grey levels, where all of them count."""
    counts = before[1] & this[1] & after[1]
    away = np.abs(this[0] - (before[0] + after[0]) / 2)
    return float(away[counts].mean()) if counts.any() else 0.0


def beside(
    frame: Frame, reading: FaceReading, made: tuple[EditedFace, ...], show: Callable[[Array, Array], Shown]
) -> tuple[Shown, ...]:
    """A moment of the film, and what edits made of it."""
    return (
        show(frame.pixels, reading.landmarks.points),
        *(show(edited.pixels, edited.target) for edited in made),
    )


def rows_of(moments: dict[int, tuple[Shown, ...]]) -> Array:
    """[N, 3] how much each moment flickers that has a neighbour on either side, in three ways."""
    found = [
        [flickers(*three) for three in zip(*(moments[at] for at in (k - 1, k, k + 1)), strict=True)]
        for k in moments
        if k - 1 in moments and k + 1 in moments
    ]
    return np.array(found).reshape(-1, 3)


def teeth(clip: Path, editor: Editor) -> tuple[Array, Array]:
    """[N, 3] flicker between the lips, and [2] how often whether teeth part is decided otherwise than just before."""
    steady = SteadyPartings()
    moments: dict[int, tuple[Shown, ...]] = {}
    seams: dict[int, tuple[bool, bool]] = {}
    for frame, reading in faces(clip):
        parts = steady.at(frame, reading)
        lips = MouthPatch.of(reading.landmarks.points.astype(np.float64))
        if lips.gap < LEAST:
            continue
        seams[frame.index] = Parting.of(frame, lips).seam is not None, parts.seam is not None
        asked = OPENED.of(reading.state.expression.weights)
        made = tuple(editor.edit(frame, reading, asked, clip, said) for said in (None, parts))
        moments[frame.index] = beside(frame, reading, made, mouth)
        if len(moments) >= FRAMES:
            break
    turns = [np.not_equal(seams[k], seams[j]) for k, j in pairwise(seams) if j == k + 1]
    return rows_of(moments), np.sum(turns, 0) if turns else np.zeros(2)


def skin(clip: Path, editors: tuple[Editor, Editor]) -> Array:
    """[N, 3] flicker of the whole face."""
    moments = {}
    for frame, reading in islice(faces(clip), FRAMES):
        asked = SMILING.of(reading.state.expression.weights)
        made = tuple(editor.edit(frame, reading, asked, clip) for editor in editors)
        moments[frame.index] = beside(frame, reading, made, face)
    return rows_of(moments)


def listed(names: tuple[str, ...], flicker: Array) -> list[Row]:
    """Mean, and what 95 of 100 moments stay below, in each of the ways."""
    rows = []
    for name, column in zip(names, flicker.T, strict=True):
        rows.append(Row(f"{name}: mean of {len(flicker)} moments", float(column.mean()), "grey levels"))
        rows.append(Row(f"{name}: 95 of 100 below", float(np.percentile(column, 95)), "grey levels"))
    return rows


def main(data: Path, ledger: bool = False) -> None:
    """Measure how edited videos flicker; every moment counts alike.

    Args:
        data: folder with `videos/driving-*.mp4`.
        ledger: append the report to the ledger.
    """
    clips = sorted((data / "videos").glob("driving-*.mp4"))
    if not clips:
        raise InputError(data / "videos", "E_NOTHING", "holds no driving-*.mp4", "name the folder with the test data")
    editor, moved = Editor(), Editor(paint=False, shade=False)
    found = [teeth(clip, editor) for clip in track(clips, "teeth", transient=True)]
    smiles = [skin(clip, (moved, Editor(paint=False))) for clip in track(clips, "skin", transient=True)]
    rows = listed(_TEETH, np.concatenate([flicker for flicker, _ in found]))
    for name, count in zip(_TEETH[1:], np.sum([turns for _, turns in found], 0), strict=True):
        rows.append(Row(f"{name}: whether teeth part decided otherwise than just before", int(count)))
    rows += listed(_SKIN, np.concatenate(smiles))
    publish(Report("Flicker of edited driving clips: jawOpen +.4, mouthSmile +.5", command(data), tuple(rows)), ledger)


if __name__ == "__main__":
    tyro.cli(main)
