"""Does capture of a longer video need more memory? It must not: frames come and go one by one."""

import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import av
import tyro
from ledger import command, publish

from mien.compose.captures import capture_batch
from mien.compose.outputs import BatchOptions
from mien.core.report import Report, Row
from mien.formats.video import VideoReader, VideoWriter

CLIP = "WolfgangLanger_Pexels.mp4"
FRAMES = 240
LONGER = 10

LONG_CLIP = "single_face.mp4"
MINUTES, RATE = 10.0, 5
"""Of the shorter of the two that are captured to a table alone, and frames a second: an hour is read in minutes."""
HOUR = 6
"""How much longer the other one is."""


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


def prolonged(source: Path, target: Path, minutes: float) -> int:
    """Writes the packets of a video over and over, as they are, `RATE` frames a second; how many frames that are."""
    frames = round(minutes * 60 * RATE)
    written = 0
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in _packets(given, frames):
            packet.stream = stream
            made.mux(packet)
            written += 1
    return written


def _packets(given: av.container.InputContainer, count: int) -> "Iterator[av.Packet[av.VideoStream]]":
    """So many packets of a video in whole rounds of it, with times that go on."""
    video = given.streams.video[0]
    if video.average_rate is None or video.time_base is None or not video.frames:
        raise ValueError("the video tells no frame rate")
    stretch = video.average_rate / RATE
    step = 1 / (RATE * video.time_base)
    for turn in range(-(-count // video.frames)):
        given.seek(0)
        for packet in given.demux(video):
            if packet.pts is None or packet.dts is None:  # the end
                continue
            after = round(turn * video.frames * step)
            packet.pts, packet.dts = round(packet.pts * stretch) + after, round(packet.dts * stretch) + after
            yield packet


def captured(video: Path, folder: Path) -> float:
    """Captures a video to a table and an overlay, as `mien capture` does; the peak of this process, in MB."""
    return _peak_of(video, BatchOptions((folder / f"{video.stem}.csv",), overlay=folder / f"{video.stem}-overlay.mp4"))


def tabled(video: Path, folder: Path) -> float:
    """Captures a video to a table alone; the peak of this process, in MB."""
    return _peak_of(video, BatchOptions((folder / f"{video.stem}.csv",)))


def _peak_of(video: Path, batch: BatchOptions) -> float:
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


def in_child(measure: Callable[[Path, Path], float], video: Path, folder: Path) -> float:
    """What `measure` says in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, video, folder).result()


def main(data: Path, limit: int | None = None, minutes: float = MINUTES, ledger: bool = False) -> None:
    """Compare the peak memory of capture over short and long videos.

    Args:
        data: Folder with videos.
        limit: Frames of the short video that is captured with an overlay; 240 when not given.
        minutes: Length of the shorter video that is captured to a table; the other one is six times as long.
        ledger: Also write the figures into benchmarks/ledger.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peaks, counts = [], []
        for title, times in (("short", 1), ("long", LONGER)):
            video = folder / f"{title}.mp4"
            counts.append(repeated(data / "videos" / CLIP, video, limit or FRAMES, times))
            peaks.append(in_child(captured, video, folder))
        tables, lengths = [], []
        for title, times in (("shorter", 1), ("longer", HOUR)):
            video = folder / f"{title}.mp4"
            lengths.append(prolonged(data / "videos" / LONG_CLIP, video, times * minutes))
            tables.append(in_child(tabled, video, folder))
    rows = (
        Row(
            f"to a table: {HOUR * minutes:g} min over {minutes:g} min", tables[1] / tables[0], "times", "<= 1.05", None
        ),
        Row(f"to a table: peak, {minutes:g} min, {lengths[0]} frames", tables[0], "MB"),
        Row(f"to a table: peak, {HOUR * minutes:g} min, {lengths[1]} frames", tables[1], "MB"),
        Row("table and overlay: long over short", peaks[1] / peaks[0], "times", "<= 1.05", None),
        Row(f"table and overlay: peak, {counts[0]} frames", peaks[0], "MB"),
        Row(f"table and overlay: peak, {counts[1]} frames", peaks[1], "MB"),
    )
    notes = (
        f"To a table: packets of {LONG_CLIP} over and over, {RATE} frames a second, captured with default options.",
        f"{CLIP} written anew, once and {LONGER} times over; each captured to a CSV table and an MP4 overlay by its "
        "own process.",
        "Peak resident memory of that process, Python, ONNX Runtime and the H.264 encoder included.",
    )
    publish(
        Report("Memory", command(data, limit, "" if minutes == MINUTES else f"--minutes {minutes:g}"), rows, notes),
        ledger,
    )


if __name__ == "__main__":
    tyro.cli(main)
