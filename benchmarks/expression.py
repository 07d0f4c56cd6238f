"""How closely the 52 weights follow the teacher's on faces that no training saw, channel by channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from following import following_square
from ledger import command, publish
from PIL import Image
from rich.progress import track
from teacher import Teacher

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import bounds, box_overlap
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.data.packs import FacesPack, read_folder
from mien.detect.expression import ExpressionReader
from mien.detect.landmarks import LandmarkReader
from mien.metrics import pearson


def _sides(*names: str) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in ("Left", "Right"))


ACTIVE = (
    *(*_sides("browDown"), "browInnerUp", *_sides("browOuterUp", "eyeBlink")),
    *_sides("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint"),
    *("jawOpen", *_sides("mouthLowerDown", "mouthPress"), "mouthPucker", "mouthRollLower", "mouthRollUpper"),
    *("mouthShrugLower", "mouthShrugUpper", *_sides("mouthSmile", "mouthStretch", "mouthUpperUp")),
)
"""The 33 channels that the teacher moves on the validation faces."""

BORDER, ZOOM = 0.12, 1.07
"""The ceiling's view: how wide a border goes round the picture, in parts of its sides, and how much larger it is."""

_LOOK = ARKIT.indices([channel for channel in ACTIVE if channel.startswith("eyeLook")])


@dataclass(frozen=True)
class Weights:
    """Weights [N, 52] of N faces over `ARKIT`.

    Args:
        true: the labels.
        seen: what the head says.
        again: the teacher's on one further view; NaN where it lost the face.
    """

    true: Array
    seen: Array
    again: Array


def read_faces(data: Path, packs: Sequence[FacesPack], limit: int | None) -> Weights:
    """Every validation face, cut as in following, through the networks; and as a whole picture through the teacher."""
    reader, head = LandmarkReader.shipped(), ExpressionReader.shipped()
    rng = np.random.default_rng(7)
    true, ours, again = [], [], []
    with Teacher(data, blendshapes=True) as teacher:
        for pack in packs:
            for index in track(pack.indices("val")[:limit], pack.name, transient=True):
                rgb, points = pack.pictures.rgb(index), pack.landmarks[index]
                read, _ = head.read(reader.read(Frame(rgb), following_square(points, rng)))
                ours.append(read.weights)
                true.append(pack.weights[index])
                again.append(second_view(teacher, rgb, points))
    return Weights(np.array(true), np.array(ours), np.array(again))


def second_view(teacher: Teacher, rgb: Array, points: Array) -> Array:
    """The teacher's weights [52] on the picture with a border, a little larger; NaN when it lost the face."""
    height, width = rgb.shape[:2]
    down, across = round(BORDER * height), round(BORDER * width)
    padded = np.pad(rgb, ((down, down), (across, across), (0, 0)))
    size = (round(padded.shape[1] * ZOOM), round(padded.shape[0] * ZOOM))
    seen = teacher.see(np.asarray(Image.fromarray(padded).resize(size, Image.Resampling.BICUBIC)))
    if seen is None:
        return np.full(len(ARKIT), np.nan)
    scale = np.array(size) / [padded.shape[1], padded.shape[0]]
    there = seen.points[:, :2] / scale - [across, down]
    same = box_overlap(bounds(points), bounds(there)[None])[0] >= 0.5
    return seen.weights if same else np.full(len(ARKIT), np.nan)


def channel_rows(weights: Weights) -> list[Row]:
    """The correlation of each active channel."""
    r = pearson(weights.seen, weights.true)
    return [Row(channel, float(r[ARKIT.index(channel)]), "r") for channel in ACTIVE]


def summary_rows(weights: Weights) -> list[Row]:
    """Means over the active channels, and the ceiling."""
    active = ARKIT.indices(ACTIVE)
    r = pearson(weights.seen, weights.true)
    kept = np.isfinite(weights.again).all(1)
    ceiling = pearson(weights.again[kept], weights.true[kept])
    error = float(np.abs(weights.seen - weights.true)[:, active].mean())
    return [
        Row(
            f"mean of {len(ACTIVE)} channels, {len(weights.true)} faces",
            float(r[active].mean()),
            "r",
            ">= 0.78",
            ">= 0.88",
        ),
        Row("lowest channel", float(r[active].min()), "r"),
        Row("8 eyeLook channels, mean", float(r[_LOOK].mean()), "r"),
        Row(f"mean absolute error, {len(ACTIVE)} channels", error, "of 1"),
        Row(f"ceiling: the teacher on a second view of {kept.sum()} faces, mean", float(ceiling[active].mean()), "r"),
    ]


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Measure the expression weights on the validation faces.

    Args:
        data: Folder with the packs (faces-*.npz) and models.
        limit: Faces of each pack; all of them when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    packs, _ = read_folder(data)
    weights = read_faces(data, packs, limit)
    rows = (*summary_rows(weights), *channel_rows(weights))
    notes = (
        "True weights: MediaPipe Face Landmarker, mean of four views. All packs are pooled, each face counted once.",
        "Faces are cut with the jitter of following (normal: turn 5 degrees, log zoom 0.06, shift 0.03 sides).",
        f"Ceiling: one view of the same teacher, the picture with a black border of {BORDER:.0%} and scaled by {ZOOM}, "
        f"against the labels; {int(np.isnan(weights.again).any(1).sum())} faces that it lost there are left out. "
        "One of the label's four views has a border too, so the ceiling is a little flattered.",
        "No truth: the teacher itself hardly moves noseSneer, cheekPuff, cheekSquint, jawForward, jawLeft/Right and "
        "mouthClose, which are not among the channels.",
    )
    publish(Report("Expression", command(data, limit), rows, notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
