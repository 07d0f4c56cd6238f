"""Frames a second of 720p videos: one worker, two, one process that uses both cores for one video, and MediaPipe."""

import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import tyro
from ledger import command, publish
from speed import HEIGHT, WIDTH, decoded
from teacher import Teacher

from mien.compose.batches import RunOptions, run_batch
from mien.compose.captures import capture_batch
from mien.compose.outputs import BatchOptions
from mien.core.report import Report, Row
from mien.formats.video import VideoReader, VideoWriter
from mien.pipelines.capture import CaptureOptions, FaceChoice

CLIPS, FRAMES, ROUNDS = 4, 300, 3


def seconds(
    sources: list[Path], folder: Path, workers: int | None, options: CaptureOptions = CaptureOptions()
) -> tuple[float, float]:
    """What it takes to capture videos to a table, start of the workers included: by the clock, and of the cores."""
    batch = BatchOptions((folder / "t.csv",), overwrite=True)
    start, used = time.perf_counter(), processor_time()
    if workers is None:
        results = capture_batch(sources, batch, options)
    else:
        results = run_batch(sources, batch, options, RunOptions(workers=workers))
    assert all(done.error is None and done.seen == done.frames for done in results)
    return time.perf_counter() - start, processor_time() - used


def processor_time() -> float:
    """Seconds that this process and its ended children have had of the cores."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def peer_seconds(data: Path, sources: list[Path], processes: int) -> float:
    """What MediaPipe takes for the same videos, decoded by the same reader; it writes no table.

    Args:
        data: folder that holds its model.
        sources: the videos.
        processes: how many of them read videos; with 1 it is this one, as its users' scripts are.
    """
    start = time.perf_counter()
    read = partial(_peer_reads, data)
    if processes == 1:
        counts = list(map(read, sources))
    else:
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            counts = list(pool.map(read, sources))
    assert all(counts)
    return time.perf_counter() - start


def _peer_reads(data: Path, source: Path) -> int:
    """The frames in which MediaPipe, following one face and giving its weights, sees it."""
    with Teacher(data, blendshapes=True, video=True) as teacher, VideoReader(source) as video:
        return sum(bool(teacher.detect(frame.pixels, frame.time).face_landmarks) for frame in video)


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Compare one worker with two, and with MediaPipe, on the same videos.

    Args:
        data: Folder with videos and models.
        limit: Frames of each video; 300 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    count = limit or FRAMES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = decoded(data, min(count, 150))
        sources = [folder / f"{k}.mp4" for k in range(CLIPS)]
        with VideoWriter(sources[0], WIDTH, HEIGHT, 25) as writer:
            there_and_back = [*frames, *frames[-2:0:-1]]
            for k in range(count):
                writer.write(there_and_back[k % len(there_and_back)].pixels)
        for source in sources[1:]:
            source.write_bytes(sources[0].read_bytes())
        load = os.getloadavg()[0]
        # In turn, and of each the best: what else the machine does is nobody's merit.
        ways: tuple[int | None, ...] = (1, 2, None)
        timed, theirs, alone = [], [], []
        for _ in range(ROUNDS):
            timed.append([seconds(sources, folder, workers) for workers in ways])
            theirs.append([peer_seconds(data, sources, processes) for processes in (1, 2)])
            alone.append(seconds(sources, folder, 2, CaptureOptions(face=FaceChoice(largest=True)))[0])
        (one, one_used), (two, two_used), (both, _) = (
            map(min, zip(*each, strict=True)) for each in zip(*timed, strict=True)
        )
        peer, peers = (min(each) for each in zip(*theirs, strict=True))
    total = CLIPS * count
    rows = (
        Row("two workers against one", one / two, "times", ">= 1.7", ">= 1.9"),
        Row("two workers against MediaPipe as scripts use it: one process", peer / two, "times", ">= 2", ">= 5"),
        Row("the same, one face sought by both: --face largest", peer / min(alone), "times"),
        Row("two workers against two processes of MediaPipe", peers / two, "times"),
        Row("one worker, one core", total / one, "frames/s"),
        Row("two workers", total / two, "frames/s"),
        Row("two workers, --face largest", total / min(alone), "frames/s"),
        Row("without workers: one process, one video after the other on both cores", total / both, "frames/s"),
        Row("MediaPipe, one process", total / peer, "frames/s"),
        Row("MediaPipe, two processes", total / peers, "frames/s"),
        Row(
            "time of the cores, one worker over two: what two are worth where both cores are free",
            2 * one_used / two_used,
        ),
    )
    notes = (
        f"{CLIPS} videos of {count} frames at {WIDTH} x {HEIGHT} to one table; the best of {ROUNDS} rounds, in turn.",
        "Start of the workers, decoding and the table are in it; of MediaPipe (VIDEO mode, one face, blendshapes) its "
        "start and decoding by the same reader.",
        f"Load of the machine before: {load:.1f}. Under other people's load the clock says little.",
    )
    publish(Report("Workers", command(data, limit), rows, notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
