"""Edits against the truth: people who were photographed calm and smiling, none of whom was ever trained on.

The calm photo gets the change of weights that the teacher reads between the two; then the teacher reads the edited
picture, and it is held against the smiling one: points, and pixels inside the face.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from ledger import command, publish
from PIL import Image, ImageDraw
from rich.progress import track
from rig import TEST_PEOPLE, four_views, steadily
from skimage.metrics import structural_similarity
from teacher import Taught, Teacher

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, Expression, FaceReading
from mien.core.geometry import fit_similarity
from mien.core.image import Frame
from mien.core.points import FACE_OVAL, OUTER_LIPS, STEADY
from mien.core.report import Report, Row
from mien.data.packs import read_photos
from mien.formats.images import read_image
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import EditedFace, Editor


@dataclass(frozen=True)
class Pair:
    """One person: the calm photo as read, what the teacher sees in it and in the smiling one, and the smiling one."""

    calm: Frame
    reading: FaceReading
    before: Taught
    after: Taught
    smiling: Frame


def pairs(data: Path, teacher: Teacher, mirror: Array, people: tuple[str, ...] = TEST_PEOPLE) -> list[Pair]:
    """The test people, or others of the set."""
    capturer = Capturer(CaptureOptions(face=FaceChoice(largest=True)))
    found = []
    for person in track(people, "London", transient=True):
        calm, smiling = (read_image(data / "photos" / f"london-{person}-{mood}.jpg") for mood in ("neutral", "smiling"))
        before, after = (four_views(teacher, frame.pixels, mirror) for frame in (calm, smiling))
        found.append(Pair(calm, as_taught(capturer, calm, before), before, after, smiling))
    return found


def as_taught(capturer: Capturer, calm: Frame, before: Taught) -> FaceReading:
    """The face of a frame as we read it, its weights in the teacher's own words as those after are: what our reader
    sees otherwise is no part of these figures."""
    _, (reading,) = next(iter(capturer.stream([calm])))
    return replace(reading, state=replace(reading.state, expression=Expression(before.weights, ARKIT)))


def errors(points: Array, pair: Pair) -> Array:
    """[478] distances of points from those of the smile, laid over each other, % IOD of the calm face."""
    before = pair.before.points
    truth = steadily(pair.after.points, before)
    unit = np.linalg.norm(before[IRIS_RIGHT, :2] - before[IRIS_LEFT, :2])
    return np.asarray(np.linalg.norm((steadily(points, before) - truth)[:, :2], axis=1) / unit * 100)


def likeness(frame: Frame, points: Array, pair: Pair) -> tuple[float, float]:
    """SSIM and mean absolute difference (0 to 1) to the smiling photo, laid over, inside the face."""
    steady = np.zeros(len(points))
    steady[list(STEADY)] = 1
    laid = fit_similarity(pair.after.points[:, :2], points[:, :2], steady)
    shape = laid.scale * laid.rotation
    height, width = pair.smiling.pixels.shape[:2]
    shift = laid.translation
    coefficients = (*shape[0], shift[0], *shape[1], shift[1])
    moved = Image.fromarray(frame.pixels).transform(
        (width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
    )
    return alike(np.asarray(moved), pair.smiling.pixels, pair.after.points[list(FACE_OVAL), :2])


def alike(one: Array, other: Array, border: Array) -> tuple[float, float]:
    """SSIM and mean absolute difference (0 to 1) of two pictures [H, W, 3] uint8 within a border [N, 2], pixels."""
    height, width = other.shape[:2]
    canvas = Image.new("L", (width, height))
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in border.tolist()], fill=1)
    inside = np.asarray(canvas, bool)
    compare: Any = structural_similarity  # which has no types
    _, field = compare(one, other, channel_axis=2, full=True, gaussian_weights=True)
    away = np.abs(one.astype(np.float64) - other) / 255
    return float(field[inside].mean()), float(away[inside].mean())


def main(data: Path, ledger: bool = False, pictures: Path | None = None) -> None:
    """Measure edited smiles against real ones.

    Args:
        data: folder with the packs, `photos` and `models/face_landmarker.task`.
        ledger: append the report to the ledger.
        pictures: write calm, edited and smiling side by side to this PNG.
    """
    mirror = read_photos(data)[0][0].mirror
    editors = {
        "edited": Editor(),
        "motion and shading": Editor(paint=False),
        "motion alone": Editor(paint=False, shade=False),
        "the rig's motion alone": Editor(paint=False, shade=False, mend=False),
    }
    names = (*editors, "geometry", "no edit")
    points: dict[str, list[Array]] = {name: [] for name in names}
    alike: dict[str, list[tuple[float, float]]] = {name: [] for name in names if name != "geometry"}
    rows, strips = [], []
    with Teacher(data, blendshapes=True) as teacher:
        for pair in track(pairs(data, teacher, mirror), "edits", transient=True):
            calm, before = pair.calm.pixels, pair.before.points
            made = {name: editor.edit(pair.calm, pair.reading, pair.after.weights) for name, editor in editors.items()}
            for name, face in made.items():
                points[name].append(errors(four_views(teacher, face.pixels, mirror).points, pair))
                alike[name].append(likeness(Frame(face.pixels), before, pair))
            points["geometry"].append(errors(placed(made["edited"], pair), pair))
            points["no edit"].append(errors(before, pair))
            alike["no edit"].append(likeness(pair.calm, before, pair))
            strips.append(np.concatenate([calm, made["edited"].pixels, pair.smiling.pixels], axis=1))
    mouth = list(OUTER_LIPS)
    for name, each_points in points.items():
        every, floors = np.array(each_points), ("<= 1.48", "<= 2.53") if name == "edited" else (None, None)
        rows += [
            Row(f"{name}, all points", float(every.mean()), "% IOD", floors[0]),
            Row(f"{name}, mouth", float(every[:, mouth].mean()), "% IOD", floors[1]),
        ]
    for name, each in alike.items():
        structure, away = np.array(each).mean(0)
        rows += [Row(f"{name}, SSIM in the face", float(structure)), Row(f"{name}, difference", float(away), "of 1")]
    for name in ("no edit", "motion alone", "the rig's motion alone"):
        beyond = np.array(alike["edited"]) - np.array(alike[name])
        (structure, away), (unsure, _) = beyond.mean(0), beyond.std(0, ddof=1) / np.sqrt(len(beyond))
        rows += [
            Row(f"edited beyond {name}, SSIM", float(structure), "", ">= 0"),
            Row("the same, standard error over people", float(unsure)),
            Row(f"edited beyond {name}, difference", float(away), "of 1", "<= 0"),
        ]
    publish(Report("Edited smiles against real ones, London test people", command(data), tuple(rows)), ledger)
    if pictures is not None:
        Image.fromarray(np.concatenate(strips)).save(pictures)


def placed(edited: EditedFace, pair: Pair) -> Array:
    """[478, 3] where the edit put the points, with the teacher's points moved as ours were."""
    placed = pair.before.points.copy()
    placed[:, :2] += edited.target - pair.reading.landmarks.points[:, :2]
    return placed


if __name__ == "__main__":
    tyro.cli(main)
