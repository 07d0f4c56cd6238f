"""Single sliders on photos, read by MediaPipe, which trained no part of the edit: how much of what was asked arrives.

A face is edited as by `mien edit --set NAME+=0.6`, and read before and after. What MediaPipe hardly reads is measured
by points: wide eyes by how far the lids come apart, mouth corners by how far they drop, against what the rig promises.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish
from rich.progress import track
from teacher import Taught, Teacher

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.core.points import LOWER_LIDS, OUTER_LIPS, STEADY, UPPER_LIDS
from mien.core.report import Report, Row
from mien.data.packs import FacesPack, read_photos
from mien.data.tiles import EXPRESSIVE
from mien.detect.shape import mean_face
from mien.metrics import inter_ocular_distance
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import Editor
from mien.rig.compact import MOVED, compact_model
from mien.rig.fit import Fitter
from mien.rig.wishes import Change, Wish, channels

READ = ("mouthSmile", "jawOpen", "browInnerUp", "browDown", "eyeBlink", "mouthPucker")
"""Sliders that MediaPipe reads."""

LEAST_EYES = 36.0
"""Pixels between the irises: of smaller faces MediaPipe's reading of an eye says little."""

CALM = 0.35
"""Greatest weight of a face that shows little."""

FREE = 0.3
"""Weight up to which a channel has room for the dose."""


@dataclass(frozen=True)
class Face:
    """A photo, what we read in it, and what the teacher reads."""

    frame: Frame
    reading: FaceReading
    seen: Taught


def faces(packs: list[FacesPack], split: str, count: int, teacher: Teacher) -> list[Face]:
    """Faces of a split that both sides find, calm and large enough, evenly from all packs.

    Calm, for of a puckered laugh MediaPipe sees the laugh alone.
    """
    capturer = Capturer(CaptureOptions(face=FaceChoice(largest=True)))
    chosen: list[Face] = []
    for pack in packs:
        order = np.random.default_rng(5).permutation(pack.indices(split))
        large = order[inter_ocular_distance(pack.landmarks[order].astype(np.float64)) >= LEAST_EYES]
        large = large[pack.weights[large][:, list(EXPRESSIVE)].max(1) < CALM]
        found = 0
        for index in large:
            if found == -(-count // len(packs)):
                break
            frame = Frame(pack.pictures.rgb(int(index)))
            (_, readings), seen = next(iter(capturer.stream([frame]))), teacher.see(frame.pixels)
            if readings and seen is not None and readings[0].state.pose.facing()[2, 2] > np.cos(np.deg2rad(30)):
                chosen.append(Face(frame, readings[0], seen))
                found += 1
    return chosen


def dosed(
    editor: Editor, chosen: list[Face], name: str, dose: float, teacher: Teacher
) -> Iterator[tuple[Face, Array, Taught]]:
    """Every face that has room for a dose, the change of weights that is asked for, and the edited face as seen."""
    places = ARKIT.indices(list(channels(name)))
    wish = Wish((Change(name, "+=", dose),))
    for face in track(chosen, name, transient=True):
        now = face.reading.state.expression.weights
        if max(now[places].max(), face.seen.weights[places].max()) > FREE:
            continue
        try:
            edited = editor.edit(face.frame, face.reading, wish.of(now))
        except InputError:
            continue
        after = teacher.see(edited.pixels)
        if after is not None:
            yield face, wish.of(now) - now, after


def arrived(name: str, edits: Iterable[tuple[Face, Array, Taught]]) -> tuple[Array, Array]:
    """[N] what arrived in a slider's channels, and [N] the mean change of all others."""
    places = ARKIT.indices(list(channels(name)))
    others = np.setdiff1d(np.arange(len(ARKIT)), places)
    changes = np.array([after.weights - face.seen.weights for face, _, after in edits])
    return changes[:, places].mean(1), np.abs(changes[:, others]).mean(1)


def promised(name: str, edits: Iterable[tuple[Face, Array, Taught]]) -> tuple[Array, Array]:
    """[N] what the points of a slider do as the rig has them, and [N] as the teacher sees them, in eye distances."""
    measure = {"eyeWide": _aperture, "mouthFrown": _corners}[name]
    rows = []
    for face, change, after in edits:
        points = face.reading.landmarks.points
        said = measure(_by_the_rig(points, change)) - measure(points[:, :2])
        rows.append((said, measure(after.points[:, :2]) - measure(face.seen.points[:, :2])))
    wanted, seen = np.array(rows).reshape(-1, 2).T
    return wanted, seen


def _by_the_rig(points: Array, change: Array) -> Array:
    """[478, 2] points moved as the compact rig has it, without the gains of the edit."""
    model = compact_model()
    head = Fitter(model, mean_face().steadiness).fit(points.astype(np.float64)).head
    offsets = np.tensordot(change[ARKIT.indices(MOVED)], model.expressions, 1)
    return np.asarray(points[:, :2] + head.scale * (offsets @ head.rotation.T)[:, :2])


def _down(flat: Array) -> Array:
    way = flat[152] - flat[168]
    return np.asarray(way / np.linalg.norm(way))


def _aperture(flat: Array) -> float:
    """Mean distance of the lids in distances of the irises."""
    gaps = [
        ((flat[list(low)] - flat[list(up)]) @ _down(flat))[3:6].mean()
        for up, low in zip(UPPER_LIDS, LOWER_LIDS, strict=True)
    ]
    return float(np.mean(gaps) / np.linalg.norm(flat[473] - flat[468]))


def _corners(flat: Array) -> float:
    """How far the corners of the mouth lie below the steady points' middle, in distances of the irises."""
    corners = flat[[OUTER_LIPS[0], OUTER_LIPS[10]]].mean(0) - flat[list(STEADY)].mean(0)
    return float(corners @ _down(flat) / np.linalg.norm(flat[473] - flat[468]))


def main(data: Path, count: int = 40, dose: float = 0.6, split: str = "val", ledger: bool = False) -> None:
    """Measure how much of a slider arrives.

    Args:
        data: folder with the packs and `models/face_landmarker.task`.
        count: faces.
        dose: what is added to a slider.
        split: of the packs, val for figures and train to choose gains by.
        ledger: append the report to the ledger.
    """
    editor = Editor()
    rows: list[Row] = []
    besides: list[float] = []
    with Teacher(data, blendshapes=True) as teacher:
        chosen = faces(read_photos(data)[0], split, count, teacher)
        for name in READ:
            got, others = arrived(name, dosed(editor, chosen, name, dose, teacher))
            rows.append(Row(f"{name}, {len(got)} faces", float(got.mean() / dose), "of asked", ">= 0.6", ">= 0.9"))
            besides.append(float(others.mean()))
        for name in ("eyeWide", "mouthFrown"):
            wanted, seen = promised(name, dosed(editor, chosen, name, dose, teacher))
            what = f"{name} by points, {len(wanted)} faces"
            rows.append(Row(what, float(seen.mean() / wanted.mean()), "of promised", ">= 0.6", ">= 0.9"))
    rows.append(Row("other channels, mean change", float(np.mean(besides)), "", "<= 0.06", "<= 0.03"))
    said = command(data, None, f"--count {count} --dose {dose} --split {split}")
    publish(Report(f"Sliders of the edit, {split} photos", said, tuple(rows)), ledger)


if __name__ == "__main__":
    tyro.cli(main)
