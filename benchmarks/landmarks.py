"""How far the landmark network lies from the teacher on faces it never saw, and whether it knows a face from none."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from following import following_square
from ledger import command, publish
from rich.progress import track

from mien.core.arrays import Array
from mien.core.errors import UsageError
from mien.core.geometry import angles_from_rotation, square_to_frame
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.data.packs import FacesPack, read_folder
from mien.data.tiles import TILE, faceless_tiles
from mien.detect.expression import ExpressionReader
from mien.detect.landmarks import SIDE, LandmarkReader
from mien.detect.pose import fit_head
from mien.detect.shape import mean_face
from mien.metrics import landmark_error

BOUNDS = {"wild": ("<= 2.6", "<= 1.6"), "official": ("<= 2.2", "<= 1.3"), "synthetic": ("<= 2.6", "<= 1.6")}
YAWS = ((0, 20), (20, 40), (40, 180))
FACELESS = 1000

PRESENT = 0.5
"""The score at which capture begins to follow a face."""


@dataclass(frozen=True)
class Read:
    """What was read of N faces: errors in % of the inter-ocular distance, presence scores, true yaw in degrees."""

    error: Array
    score: Array
    yaw: Array


def read_pack(reader: LandmarkReader, pack: FacesPack, limit: int | None) -> Read:
    """Reads the validation faces of a pack, each cut once from its picture as in following.

    Points are those of capture: the expression network has moved them.
    """
    head = ExpressionReader.shipped()
    rng = np.random.default_rng(7)
    shape = mean_face()
    rows = []
    for index in track(pack.indices("val")[:limit], pack.name, transient=True):
        true = pack.landmarks[index]
        _, sight = head.read(reader.read(Frame(pack.pictures.rgb(index)), following_square(true, rng)))
        yaw = angles_from_rotation(fit_head(true, shape).fit.rotation)[1]
        error = float(landmark_error(sight.landmarks.points, true))
        rows.append((error, sight.landmarks.score, abs(float(np.rad2deg(yaw)))))
    return Read(*np.array(rows).T)


def false_presence(reader: LandmarkReader, tiles: Array) -> float:
    """Share of faceless windows [N, 256, 256] in which the network sees a face."""
    whole = square_to_frame(np.array([TILE / 2, TILE / 2]), TILE, 0.0, SIDE)
    frames = (Frame(np.repeat(tile[..., None], 3, 2)) for tile in tiles)
    return float(np.mean([reader.read(frame, whole).landmarks.score >= PRESENT for frame in frames]))


def rows_of(name: str, read: Read) -> list[Row]:
    """Mean and median of a pack, and the mean by how far the head is turned."""
    floor, aim = BOUNDS.get(name, (None, None))
    rows = [
        Row(f"{name}, mean of {len(read.error)}", float(read.error.mean()), "% IOD", floor, aim),
        Row(f"{name}, median", float(np.median(read.error)), "% IOD"),
    ]
    return rows + by_yaw(name, read)


def by_yaw(name: str, read: Read) -> list[Row]:
    """Mean error by how far the head is turned."""
    rows = []
    for least, most in YAWS:
        chosen = (read.yaw >= least) & (read.yaw < most)
        span = f"over {least}" if most == 180 else f"{least} to {most}"
        mean = float(read.error[chosen].mean()) if chosen.any() else float("nan")
        rows.append(Row(f"{name}, yaw {span} degrees, mean of {chosen.sum()}", mean, "% IOD"))
    return rows


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Measure the landmark network on the validation faces.

    Args:
        data: Folder with the packs (faces-*.npz, scenes.npz).
        limit: Faces of each pack, and faceless windows; all of them when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    packs, scenes = read_folder(data)
    if scenes is None:
        raise UsageError(data, "E_USAGE", "holds no scenes.npz", "presence is measured on its faceless windows")
    reader = LandmarkReader.shipped()
    reads = {pack.name.removeprefix("faces-"): read_pack(reader, pack, limit) for pack in packs}
    rows = [row for name, read in reads.items() for row in rows_of(name, read)]
    every = Read(
        *(np.concatenate(part) for part in zip(*((r.error, r.score, r.yaw) for r in reads.values()), strict=True))
    )
    rows += by_yaw("all packs", every)
    windows = faceless_tiles(scenes, "val", np.random.default_rng(2), limit or FACELESS)
    rows += [
        Row(f"false presence, share of {len(windows)} faceless windows", false_presence(reader, windows)),
        Row(f"missed presence, share of {len(every.score)} faces", float((every.score < PRESENT).mean())),
    ]
    notes = (
        "The true points are the teacher's (MediaPipe Face Landmarker, mean of four views), which repeats itself to "
        "about 1.0, 0.7 and 0.8 % IOD on wild, official and synthetic faces.",
        "Cuts are jittered as in following (normal: turn 5 degrees, log zoom 0.06, shift 0.03 sides), one a face.",
        f"Faces with a presence score below {PRESENT} count in the errors like all others.",
    )
    publish(Report("Landmarks", command(data, limit), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
