"""The protocol of `edit_london.py` on clips: a calm frame is edited into others' expressions, and held against them.

One light and one camera, five people. What moves points learned from none of them; what shades and paints did from some
(see the cards), so of these two only the order of magnitude tells anything.
"""

from pathlib import Path

import numpy as np
import tyro
from edit_london import Pair, as_taught, errors, likeness, placed
from ledger import command, publish
from rich.progress import track
from rig import four_views, steadily
from teacher import Taught, Teacher

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.image import Frame
from mien.core.points import OUTER_LIPS, STEADY
from mien.core.report import Report, Row
from mien.data.packs import read_photos
from mien.formats.video import VideoReader
from mien.nets.crease import CREASE_COLUMNS
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import Editor

EVERY, EACH = 6, 10
"""Frames from one that is looked at to the next, and pairs of one clip at most."""

NEAR, CHANGED = 0.05, 1.0
"""Inter-ocular distances by which steady points may lie apart, and the sum by which weights must."""


def pairs(clip: Path, teacher: Teacher, mirror: Array) -> list[Pair]:
    """The calmest frame of a clip with others of another expression in the same pose, spread over the clip."""
    with VideoReader(clip) as reader:
        frames = [frame for k, frame in enumerate(reader) if k % EVERY == 0]
    taught = [four_views(teacher, frame.pixels, mirror) for frame in frames]
    weights = np.array([one.weights for one in taught])[:, ARKIT.indices(CREASE_COLUMNS)]
    calm = int(weights.sum(1).argmin())
    before = taught[calm]
    moved = np.abs(weights - weights[calm]).sum(1)
    others = [k for k, one in enumerate(taught) if moved[k] > CHANGED and _apart(one, before) < NEAR]
    if not others:
        return []
    chosen = np.unique(np.linspace(0, len(others) - 1, EACH).astype(int))
    reading = as_taught(Capturer(CaptureOptions(face=FaceChoice(largest=True))), frames[calm], before)
    return [Pair(frames[calm], reading, before, taught[others[k]], frames[others[k]]) for k in chosen]


def _apart(one: Taught, other: Taught) -> float:
    """How far steady points lie apart once they are laid over each other, inter-ocular distances."""
    unit = np.linalg.norm(other.points[IRIS_RIGHT, :2] - other.points[IRIS_LEFT, :2])
    away = (steadily(one.points, other.points) - other.points)[list(STEADY), :2]
    return float(np.linalg.norm(away, axis=1).mean() / unit)


def main(data: Path, ledger: bool = False) -> None:
    """Measure edited frames against real ones; every clip counts alike.

    Args:
        data: folder with the packs, `videos/driving-*.mp4` and `models/face_landmarker.task`.
        ledger: append the report to the ledger.
    """
    clips = sorted((data / "videos").glob("driving-*.mp4"))
    if not clips:
        raise InputError(data / "videos", "E_NOTHING", "holds no driving-*.mp4", "name the folder with the test data")
    mirror = read_photos(data)[0][0].mirror
    with Teacher(data, blendshapes=True) as teacher:
        found = [pairs(clip, teacher, mirror) for clip in track(clips, "clips", transient=True)]
    found = [each for each in found if each]
    editors = {
        "no edit": None,
        "the rig's motion alone": Editor(paint=False, shade=False, mend=False),
        "motion alone": Editor(paint=False, shade=False),
        "motion and shading": Editor(paint=False),
        "edited": Editor(),
    }
    rows = [Row("pairs", sum(map(len, found))), Row("people", len(found))]
    for name, editor in track(editors.items(), "edits", transient=True):
        structure, away, mouth = np.array([np.mean([_measured(editor, p) for p in each], 0) for each in found]).mean(0)
        rows += [Row(f"{name}, SSIM in the face", structure), Row(f"{name}, difference", away, "of 1")]
        rows.append(Row(f"{name}, mouth as placed", mouth, "% IOD"))
    publish(Report("Edited frames against real ones, driving clips", command(data), tuple(rows)), ledger)


def _measured(editor: Editor | None, pair: Pair) -> tuple[float, float, float]:
    """SSIM, mean difference, and how far the mouth's points were put from where they are, % IOD."""
    frame, points = pair.calm, pair.before.points
    if editor is not None:
        made = editor.edit(pair.calm, pair.reading, pair.after.weights)
        frame, points = Frame(made.pixels), placed(made, pair)
    return *likeness(frame, pair.before.points, pair), float(errors(points, pair)[list(OUTER_LIPS)].mean())


if __name__ == "__main__":
    tyro.cli(main)
