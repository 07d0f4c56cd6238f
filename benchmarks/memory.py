"""Does capture of a video ten times as long need more memory? It must not: frames come and go one by one."""

import resource
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import tyro
from ledger import command, publish

from mien.compose.captures import capture_batch
from mien.compose.outputs import BatchOptions
from mien.core.report import Report, Row
from mien.formats.video import VideoReader, VideoWriter

CLIP = "WolfgangLanger_Pexels.mp4"
FRAMES = 240
LONGER = 10


def repeated(source: Path, target: Path, count: int, times: int) -> int:
    """Writes the first `count` frames of a video `times` over, one frame in memory at a time; how many that were."""
    with VideoReader(source) as video:
        size, rate = (video.width, video.height), video.frame_rate or 25.0
    written = 0
    with VideoWriter(target, *size, rate) as writer:
        for _ in range(times):
            with VideoReader(source) as video:
                for frame in islice(video, count):
                    writer.write(frame.pixels)
                    written += 1
    return written


def captured(video: Path, folder: Path) -> float:
    """Captures a video to a table and an overlay, as `mien capture` does; the peak of this process, in MB."""
    batch = BatchOptions((folder / f"{video.stem}.csv",), overlay=folder / f"{video.stem}-overlay.mp4")
    for done in capture_batch([video], batch):
        if done.error is not None:
            raise done.error
    return peak()


def peak() -> float:
    """Greatest resident memory of this process so far, in MB."""
    try:
        # On Linux the counter below begins at the peak of the process that started this one; this one does not.
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024 / (1024 if sys.platform == "darwin" else 1)


def in_child(video: Path, folder: Path) -> float:
    """`captured` in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(captured, video, folder).result()


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Compare the peak memory of capture over a short and a long video.

    Args:
        data: Folder with videos.
        limit: Frames of the short video; 240 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peaks, counts = [], []
        for title, times in (("short", 1), ("long", LONGER)):
            video = folder / f"{title}.mp4"
            counts.append(repeated(data / "videos" / CLIP, video, limit or FRAMES, times))
            peaks.append(in_child(video, folder))
    rows = (
        Row("long over short", peaks[1] / peaks[0], "times", "<= 1.05", None),
        Row(f"peak, {counts[0]} frames", peaks[0], "MB"),
        Row(f"peak, {counts[1]} frames", peaks[1], "MB"),
    )
    notes = (
        f"{CLIP} written anew, once and {LONGER} times over; each captured to a CSV table and an MP4 overlay by its "
        "own process.",
        "Peak resident memory of that process, Python, ONNX Runtime and the H.264 encoder included.",
    )
    publish(Report("Memory", command(data, limit), rows, notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
