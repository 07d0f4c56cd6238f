"""Whether teeth flicker when a video's mouths are opened further, each frame by itself or with the say of those before.

What flickers is what a frame shows between the lips otherwise than the mean of the frames before and after it, in
patches that move with the face. A film flickers a little by itself, for mouths move.
"""

from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish
from rich.progress import track

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.report import Report, Row
from mien.formats.video import VideoReader
from mien.imaging.mouth_patch import MAPS, MouthPatch
from mien.paint.parting import Parting, SteadyPartings
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import Editor
from mien.rig.wishes import Change, Wish

LEAST = 3.0
"""Pixels of a patch between the lips of a mouth that shows something."""

FRAMES = 120
"""Frames with open mouths of a clip that are edited, from its first one."""

WISH = Wish((Change.parse("jawOpen+=0.4"),))

_OPENING = MAPS.index("opening")
_WAYS = ("the film", "edited, each frame by itself", "edited, frames before having a say")


def shown(pixels: Array, points: Array) -> tuple[Array, Array]:
    """[96, 128, 3] float32 a mouth, and [96, 128] bool what lies between its lips."""
    patch = MouthPatch.of(points)
    return patch.cut(pixels).astype(np.float32), patch.maps()[_OPENING] > 0.9


def flickers(before: tuple[Array, Array], this: tuple[Array, Array], after: tuple[Array, Array]) -> float:
    """Mean absolute difference of a moment from the mean of its neighbours, grey levels, between all their lips."""
    inside = before[1] & this[1] & after[1]
    away = np.abs(this[0] - (before[0] + after[0]) / 2)
    return float(away[inside].mean()) if inside.any() else 0.0


def measured(clip: Path, editor: Editor) -> tuple[Array, Array]:
    """[N, 3] flicker of the moments of a clip in the three ways, and [2] how often what parts is decided otherwise."""
    capturer, steady = Capturer(CaptureOptions(face=FaceChoice(largest=True), smooth=False)), SteadyPartings()
    moments: dict[int, tuple[tuple[Array, Array], ...]] = {}
    seams: dict[int, tuple[bool, bool]] = {}
    with VideoReader(clip) as reader, closing(capturer.stream(reader)) as stream:
        for frame, readings in track(stream, clip.name, reader.frame_count, transient=True):
            for reading in readings[:1]:
                parts = steady.at(frame, reading)
                mouth = MouthPatch.of(reading.landmarks.points.astype(np.float64))
                if mouth.gap < LEAST:
                    continue
                seams[frame.index] = Parting.of(frame, mouth).seam is not None, parts.seam is not None
                asked = WISH.of(reading.state.expression.weights)
                both = (editor.edit(frame, reading, asked, clip, said) for said in (None, parts))
                film = shown(frame.pixels, reading.landmarks.points)
                moments[frame.index] = (film, *(shown(edited.pixels, edited.target) for edited in both))
            if len(moments) >= FRAMES:
                break
    rows = [
        [flickers(moments[k - 1][way], moments[k][way], moments[k + 1][way]) for way in range(3)]
        for k in moments
        if k - 1 in moments and k + 1 in moments
    ]
    turns = [np.not_equal(seams[k], seams[j]) for k, j in pairwise(seams) if j == k + 1]
    return np.array(rows).reshape(-1, 3), np.sum(turns, 0) if turns else np.zeros(2)


def main(data: Path, ledger: bool = False) -> None:
    """Measure how teeth flicker; every moment counts alike.

    Args:
        data: folder with `videos/driving-*.mp4`.
        ledger: append the report to the ledger.
    """
    clips = sorted((data / "videos").glob("driving-*.mp4"))
    if not clips:
        raise InputError(data / "videos", "E_NOTHING", "holds no driving-*.mp4", "name the folder with the test data")
    editor = Editor()
    found = [measured(clip, editor) for clip in clips]
    flicker, turns = np.concatenate([moments for moments, _ in found]), np.sum([count for _, count in found], 0)
    rows = [Row("moments", len(flicker))]
    for name, column in zip(_WAYS, flicker.T, strict=True):
        rows.append(Row(f"{name}: mean", float(column.mean()), "grey levels"))
        rows.append(Row(f"{name}: 95 of 100 moments below", float(np.percentile(column, 95)), "grey levels"))
    for name, count in zip(_WAYS[1:], turns, strict=True):
        rows.append(Row(f"{name}: whether teeth part decided otherwise than just before", int(count)))
    publish(Report("Flicker of teeth, jawOpen +.4 in driving clips", command(data), tuple(rows)), ledger)


if __name__ == "__main__":
    tyro.cli(main)
