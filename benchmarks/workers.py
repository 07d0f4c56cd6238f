"""Frames a second of 720p videos: one worker, two, one process that uses both cores for one video, and MediaPipe.

Each is started as its users start it, in a process of its own, and timed until that ends.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from ledger import command, publish
from rich.progress import track
from speed import HEIGHT, WIDTH, decoded

from mien.core.report import Report, Row
from mien.formats.video import VideoWriter

CLIPS, FRAMES, ROUNDS = 4, 600, 3
"""Videos long enough that the start of a process is a small part of what it takes."""

WAYS = {
    "one": ("--workers", "1"),
    "two": ("--workers", "2"),
    "largest": ("--workers", "2", "--face", "largest"),
    "alone": (),
}
PEERS = {
    "peer": (),
    "peer cv2": ("--decoder", "cv2"),
    "peers": ("--processes", "2"),
}


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process and its children took, seconds by the clock and of the cores, and what it said."""

    clock: float
    cores: float
    said: str


def timed(words: Sequence[str | Path]) -> Spent:
    """Runs Python with these arguments to its end. Raises `CalledProcessError` when it fails."""
    used = _children()
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, check=True, text=True)
    said = " ".join((done.stdout + done.stderr).split())  # however wide the terminal is thought to be
    return Spent(time.perf_counter() - start, _children() - used, said)


def _children() -> float:
    """Seconds of the cores that all processes have had which this one has seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ours(sources: Sequence[Path], options: Sequence[str], frames: int) -> Spent:
    """What `mien capture` takes to write a table of the videos, which must hold a face in every frame."""
    table = sources[0].with_name("t.csv")
    spent = timed(["-m", "mien", "capture", *sources, "-o", table, "--overwrite", *options])
    assert f"seen in {frames} of {frames} frames" in spent.said, spent.said
    return spent


def theirs(data: Path, sources: Sequence[Path], options: Sequence[str]) -> Spent:
    """What MediaPipe takes to read them; it writes nothing."""
    script, model = Path(__file__).with_name("peer_script.py"), data / "models" / "face_landmarker.task"
    return timed([script, "--model", model, *options, "--videos", *sources])


def clips(data: Path, folder: Path, frames: int) -> list[Path]:
    """Videos of so many frames, each there and back again through the first ones of a clip."""
    once = decoded(data, min(frames, 150))
    there_and_back = [*once, *once[-2:0:-1]]
    sources = [folder / f"{k}.mp4" for k in range(CLIPS)]
    with VideoWriter(sources[0], WIDTH, HEIGHT, 25) as writer:
        for k in range(frames):
            writer.write(there_and_back[k % len(there_and_back)].pixels)
    for source in sources[1:]:
        source.write_bytes(sources[0].read_bytes())
    return sources


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Compare one worker with two, and with MediaPipe, on the same videos.

    Args:
        data: Folder with videos and models.
        limit: Frames of each video; 600 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    count = limit or FRAMES
    total = CLIPS * count
    spent: dict[str, list[Spent]] = {way: [] for way in (*WAYS, *PEERS)}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        sources = clips(data, Path(name), count)
        # In turn, and of each the best: what else the machine does is nobody's merit.
        for _ in track(range(ROUNDS), "rounds", transient=True):
            for way, options in WAYS.items():
                spent[way].append(ours(sources, options, total))
            for way, options in PEERS.items():
                spent[way].append(theirs(data, sources, options))
    best = {way: min(each.clock for each in rounds) for way, rounds in spent.items()}
    cores = {way: min(each.cores for each in rounds) for way, rounds in spent.items()}
    rows = (
        Row("two workers against one", best["one"] / best["two"], "times", ">= 1.7", ">= 1.9"),
        Row("two workers against MediaPipe in one process", best["peer"] / best["two"], "times", ">= 2", ">= 5"),
        Row("the same, one face sought by both: --face largest", best["peer"] / best["largest"], "times"),
        Row(
            "the same, MediaPipe's frames decoded by OpenCV on all cores beside it",
            best["peer cv2"] / best["largest"],
            "times",
        ),
        Row("two workers against two processes of MediaPipe", best["peers"] / best["two"], "times"),
        Row("one worker, one core", total / best["one"], "frames/s"),
        Row("two workers", total / best["two"], "frames/s"),
        Row("two workers, --face largest", total / best["largest"], "frames/s"),
        Row("without workers: one video after the other on both cores", total / best["alone"], "frames/s"),
        Row("MediaPipe, one process", total / best["peer"], "frames/s"),
        Row("MediaPipe, one process, OpenCV", total / best["peer cv2"], "frames/s"),
        Row("MediaPipe, two processes", total / best["peers"], "frames/s"),
        Row(
            "time of the cores, one worker over two: what two are worth where both cores are free",
            2 * cores["one"] / cores["two"],
        ),
    )
    notes = (
        f"{CLIPS} videos of {count} frames at {WIDTH} x {HEIGHT}; the best of {ROUNDS} rounds, in turn.",
        "`mien capture` to one table, and a script that reads with MediaPipe (VIDEO mode, one face, blendshapes; "
        "benchmarks/peer_script.py), each from the start of its process to its end, imports included. Both decode by "
        "PyAV in one thread, but where OpenCV is named.",
        f"Load of the machine before: {load:.1f}. Under other people's load the clock says little.",
    )
    publish(Report("Workers", command(data, limit), rows, notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
