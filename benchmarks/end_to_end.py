"""The whole of capture against the teacher, from file to points, on people and clips that no training saw."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish
from rich.progress import track
from teacher import Teacher

from mien.core.arrays import Array
from mien.core.geometry import bounds, box_overlap
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.formats.images import read_image
from mien.formats.video import VideoReader
from mien.metrics import landmark_error
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice

PEOPLE = ("061", "067", "082", "091", "099", "104", "113", "119", "124", "129", "135", "140")
MOODS = ("neutral", "smiling")
MEASURED = ("single_face.mp4", "WolfgangLanger_Pexels.mp4")
FACELESS = "no_face.mp4"
ERROR = ("<= 3.0", "<= 1.8")

SAME = 0.5
"""Overlap of the two boxes of points from which both saw the same face."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame: what the teacher and mien made of it.

    Args:
        taught: whether the teacher finds a face.
        found: whether mien reports one.
        same: whether it is the same face.
        error: distance of the points, % of the inter-ocular distance; NaN unless both saw the same face.
    """

    taught: bool
    found: bool
    same: bool
    error: float


def compare(
    frames: Sequence[Frame] | VideoReader, capturer: Capturer, teacher: Teacher, limit: int | None
) -> list[Seen]:
    """Every frame through both; of several faces the first is compared."""
    seen = []
    for frame, readings in capturer.stream(frames):
        taught = teacher.see(frame.pixels)
        points = readings[0].landmarks.points if readings else None
        error, same = float("nan"), False
        if taught is not None and points is not None:
            same = bool(box_overlap(bounds(points), bounds(taught.points)[None])[0] >= SAME)
            error = float(landmark_error(points, taught.points)) if same else error
        seen.append(Seen(taught is not None, points is not None, same, error))
        if len(seen) == limit:
            break
    return seen


def photos(data: Path, capturer: Capturer, teacher: Teacher, limit: int | None) -> dict[str, list[Seen]]:
    """The test photos of each London person."""
    seen = {}
    for person in track(PEOPLE[:limit], "London", transient=True):
        files = [data / "photos" / f"london-{person}-{mood}.jpg" for mood in MOODS]
        seen[person] = [one for file in files for one in compare([read_image(file)], capturer, teacher, None)]
    return seen


def errors(seen: Sequence[Seen]) -> Array:
    """Errors of the frames in which both saw the face."""
    return np.array([one.error for one in seen if one.same])


def error_rows(name: str, seen: Sequence[Seen], bound: tuple[str | None, str | None] = (None, None)) -> list[Row]:
    """Mean and median error of a source."""
    found = errors(seen)
    mean, median = (float(found.mean()), float(np.median(found))) if len(found) else (float("nan"), float("nan"))
    return [
        Row(f"{name}, mean of {len(found)}", mean, "% IOD", *bound),
        Row(f"{name}, median", median, "% IOD"),
    ]


def group_rows(data: Path, seen: dict[str, list[Seen]]) -> list[Row]:
    """Mean error of the London people by gender and by ethnicity."""
    with (data / "photos" / "london-info.csv").open(newline="", encoding="utf-8") as file:
        people = {row["face_id"]: row for row in csv.DictReader(file)}
    rows = []
    for column in ("face_gender", "face_eth"):
        for group in sorted({people[person][column] for person in seen}):
            members = [person for person in seen if people[person][column] == group]
            found = errors([one for person in members for one in seen[person]])
            mean = float(found.mean()) if len(found) else float("nan")
            what = f"London, {group.replace('_', ' ')}: {len(members)} people, {len(found)} photos, mean"
            rows.append(Row(what, mean, "% IOD"))
    return rows


def followed_rows(clips: dict[str, list[Seen]]) -> list[Row]:
    """Share of the frames with the teacher's face in which mien has it too, of each clip and of all."""
    rows, taught, same, further = [], 0, 0, 0
    for name, seen in clips.items():
        here, both = sum(one.taught for one in seen), sum(one.same for one in seen)
        alone = sum(one.found and not one.taught for one in seen)
        taught, same, further = taught + here, same + both, further + alone
        share = 100 * both / here if here else float("nan")
        rows.append(Row(f"{name}, followed in {both} of {here} frames ({alone} further)", share, "%"))
    share = 100 * same / taught if taught else float("nan")
    rows.append(
        Row(f"all clips, followed in {same} of {taught} frames ({further} further)", share, "%", ">= 99", ">= 100")
    )
    return rows


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Measure capture against the teacher on photos and videos.

    Args:
        data: Folder with photos, videos and models.
        limit: London people, and frames of each video; all of them when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    capturer = Capturer(CaptureOptions(face=FaceChoice(largest=True)))
    anybody = Capturer()
    clips: dict[str, list[Seen]] = {}
    with Teacher(data) as teacher:
        london = photos(data, capturer, teacher, limit)
        files = sorted(file for file in (data / "videos").iterdir() if file.suffix in (".mp4", ".mov"))
        for file in track(files, "videos", transient=True):
            with VideoReader(file) as video:
                # Where nobody is, every face counts: the largest alone would hide those that come after the first.
                chosen = anybody if file.name == FACELESS else capturer
                clips[file.name] = compare(video, chosen, teacher, limit)
    faceless = clips.pop(FACELESS)
    people = [one for seen in london.values() for one in seen]
    measured = [*people, *(one for name in MEASURED for one in clips[name])]
    rows = error_rows("London photos", people)
    for name in MEASURED:
        rows += error_rows(name, clips[name])
    rows += error_rows("overall", measured, ERROR)
    rows.append(Row(f"London photos, found of {len(people)}", float(sum(one.same for one in people))))
    for name in sorted(clips.keys() - set(MEASURED)):
        rows += error_rows(f"further: {name}", clips[name])
    rows += followed_rows(clips)
    false = float(sum(one.found for one in faceless))
    rows.append(Row(f"{FACELESS}, frames of {len(faceless)} with a face", false, "frames", "<= 0", "<= 0"))
    rows += group_rows(data, london)
    notes = (
        "True points: one view of MediaPipe Face Landmarker in IMAGE mode; it repeats itself to about 1 % IOD.",
        f"Overall: the London photos and every frame of {' and '.join(MEASURED)}, each counted once.",
        f"Followed: the box overlaps the teacher's by {SAME} or more. Further: mien sees a face and the teacher none.",
        "The groups are far too small to tell one from another: they would show a gross failure only.",
    )
    publish(Report("End to end", command(data, limit), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
