"""Does capture give the same bytes twice, and the same numbers whatever the number of threads and workers?"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import tyro
from ledger import command, publish
from memory import repeated
from rich.progress import track

from mien.compose.batches import RunOptions, run_batch
from mien.compose.calibration import Calibration
from mien.compose.done import Steps
from mien.compose.items import Job, capture_item
from mien.compose.outputs import BatchOptions
from mien.compose.pace import SYSTEM_CLOCK
from mien.compose.streams import Streams
from mien.compose.table_sink import open_table
from mien.core.arrays import Array
from mien.core.report import Report, Row
from mien.formats.registry import load
from mien.pipelines.capture import CaptureOptions, Capturer
from mien.runtime import session

CLIP = "driving-d19.mp4"
PHOTOS, FRAMES = 12, 60
THREADS = (1, 2, 4)
WORKERS = (1, 2)


def captured(sources: Sequence[Path], folder: Path, threads: int) -> Path:
    """Captures `sources` to a table and takes in `folder`, with so many threads on every network."""
    folder.mkdir()
    # Capture itself would give all networks but one a single thread, and none more than there are cores.
    with (
        patch.object(session, "MOST_THREADS", threads),
        patch.object(session, "available_cores", lambda: threads),
        patch.object(session.OnnxSession.__init__, "__defaults__", (None, threads)),
    ):
        capturer = Capturer(CaptureOptions(landmarks=True), threads=threads)
    batch = BatchOptions((folder / "{name}.npz",))
    with open_table(folder / "table.csv", True, False) as table:
        job = Job(batch, capturer, [table], Streams(()), Calibration(capturer.options, batch), Steps(), SYSTEM_CLOCK)
        for path in sources:
            done = capture_item(path, job)
            if done.error is not None:
                raise done.error
    return folder


def by_workers(sources: Sequence[Path], folder: Path, workers: int) -> Path:
    """The same by worker processes."""
    folder.mkdir()
    batch = BatchOptions((folder / "table.csv", folder / "{name}.npz"))
    for done in run_batch(sources, batch, CaptureOptions(landmarks=True), RunOptions(workers=workers)):
        if done.error is not None:
            raise done.error
    return folder


def numbers(folder: Path) -> list[Array]:
    """Every number of the takes in a folder, at full precision: weights, pose, gaze, points, boxes, scores."""
    found: list[Array] = []
    for path in sorted(folder.glob("*.npz")):
        for take in load(path).takes:
            state = take.state
            points = np.zeros(0) if take.landmarks is None else take.landmarks
            found += [state.expression.weights, state.pose.rotation, state.pose.translation, state.gaze.rotation]
            found += [points, take.box, take.score, take.quality, take.valid.astype(np.float64)]
    return found


def apart(one: Path, other: Path) -> float:
    """The greatest difference of two runs' numbers; pixels, metres and weights alike."""
    pairs = zip(numbers(one), numbers(other), strict=True)
    return max(float(np.abs(a.astype(np.float64) - b).max(initial=0)) for a, b in pairs)


def _listed(counts: Sequence[int]) -> str:
    return "/".join(map(str, counts))


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Capture photos and a clip again and again and compare tables and takes.

    Args:
        data: Folder with photos and videos.
        limit: Photos, and five times as many frames; 12 and 60 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    photos = sorted((data / "photos").glob("*.jpg"))[-(limit or PHOTOS) :]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repeated(data / "videos" / CLIP, folder / "clip.mp4", 5 * limit if limit else FRAMES, 1)
        sources = [*photos, folder / "clip.mp4"]
        first = captured(sources, folder / "first", THREADS[0])
        made = {"again": captured(sources, folder / "again", THREADS[0])}
        for count in track(THREADS[1:], "threads", transient=True):
            made[f"{count} threads"] = captured(sources, folder / f"threads-{count}", count)
        for count in track(WORKERS, "workers", transient=True):
            made[f"{count} workers"] = by_workers(sources, folder / f"workers-{count}", count)
        table = (first / "table.csv").read_bytes()
        unlike = [title for title, place in made.items() if (place / "table.csv").read_bytes() != table]
        differences = {title: apart(first, place) for title, place in made.items()}
    threads = [differences[f"{count} threads"] for count in THREADS[1:]]
    workers = [differences[f"{count} workers"] for count in WORKERS]
    rows = (
        Row("a second run's table: bytes equal (0) or not (1)", float("again" in unlike), "", "<= 0", None),
        Row(f"greatest difference of any number, {_listed(THREADS)} threads", max(threads), "", "<= 1e-6", None),
        Row(f"greatest difference of any number, {_listed(WORKERS)} workers", max(workers), "", "<= 1e-6", None),
        Row("tables that are not equal byte by byte", float(len(unlike)), f"of {len(made)}"),
        Row("size of the table", len(table) / 1000, "kB"),
    )
    notes = (
        f"{len(photos)} photos and {CLIP} captured to one CSV with landmarks and to NPZ takes, {len(made) + 1} times. "
        "Numbers are compared as the takes hold them: weights, rotations, metres, pixels.",
        "Every network has so many threads; capture itself would start fewer, and on this machine perhaps could not.",
        *((f"Unlike: {', '.join(unlike)}.",) if unlike else ()),
    )
    publish(Report("Same bits", command(data, limit), rows, notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
