"""How long after a webcam's frame its reading is out, and how many frames are missed: mien beside MediaPipe, live.

A video is played as a camera would give it, 720p at 30 frames a second, through the very class that reads webcams. Each
of the two gets the newest frame whenever it is done with the one before; what came meanwhile is dropped and counted.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tyro
from ledger import command, publish
from rich.progress import track
from speed import HEIGHT, WIDTH, decoded, pinned
from teacher import Teacher

from mien.compose.cameras import CameraOptions, LiveCamera
from mien.core.live import Figures
from mien.core.report import Report, Row
from mien.formats.video import VideoWriter
from mien.pipelines.capture import LIVE, CaptureOptions, Capturer, FaceChoice

RATE = 30.0
SECONDS = 10.0
ROUNDS = 3
CLIP_FRAMES = 150

Reader = Callable[[LiveCamera], None]


def written(data: Path, path: Path) -> None:
    """The clip of the speed benchmark in 720p, at 30 frames a second, there and back."""
    frames = decoded(data, CLIP_FRAMES)
    with VideoWriter(path, WIDTH, HEIGHT, RATE) as writer:
        for k, frame in enumerate([*frames, *frames[-2:0:-1]]):
            writer.write(frame.pixels, k / RATE)


def watched(clip: Path, seconds: float, read: Reader) -> Figures:
    """How a reader keeps up with the clip played again and again for some seconds."""
    with LiveCamera(CameraOptions(f"loop:{clip}", duration=seconds)) as camera:
        read(camera)
    return camera.figures()


def by_mien(capturer: Capturer) -> Reader:
    """As `mien capture --camera` does."""

    def read(camera: LiveCamera) -> None:
        for frame, _ in capturer.stream(camera.frames(), LIVE):
            camera.read(frame)

    return read


def by_mediapipe(data: Path) -> Reader:
    """MediaPipe in VIDEO mode with blendshapes, its picture object counted in."""

    def read(camera: LiveCamera) -> None:
        with Teacher(data, blendshapes=True, video=True) as teacher:
            for frame in camera.frames():
                teacher.detect(frame.pixels, frame.time)
                camera.read(frame)

    return read


def rows_of(name: str, rounds: list[Figures]) -> list[Row]:
    """The medians over the rounds."""

    def middle(what: Callable[[Figures], float]) -> float:
        return float(np.median([what(figures) for figures in rounds]))

    median, worst = middle(lambda figures: figures.median), middle(lambda figures: figures.worst)
    return [
        Row(f"{name}: latency, median", median, "ms"),
        Row(f"{name}: latency, 95 %", worst, "ms"),
        Row(f"{name}: latency, median", median * RATE / 1000, "frames"),
        Row(f"{name}: latency, 95 %", worst * RATE / 1000, "frames"),
        Row(f"{name}: frames dropped", middle(lambda f: 100 * f.dropped / max(f.frames + f.dropped, 1)), "%"),
    ]


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Measure the latency of live reading beside MediaPipe Face Landmarker.

    Args:
        data: Folder with videos and models.
        limit: Seconds of each round; 10 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    cores = pinned()
    seconds = float(limit or SECONDS)
    largest = Capturer(CaptureOptions(face=FaceChoice(largest=True)))
    readers = {
        "mien": by_mien(Capturer()),
        "mien, --face largest": by_mien(largest),
        "MediaPipe": by_mediapipe(data),
    }
    found: dict[str, list[Figures]] = {name: [] for name in readers}
    with TemporaryDirectory(prefix="mien-") as folder:
        clip = Path(folder) / "clip.mp4"
        written(data, clip)
        for _ in track(range(ROUNDS), "rounds", transient=True):
            for name, read in readers.items():
                found[name].append(watched(clip, seconds, read))
    rows = [row for name, rounds in found.items() for row in rows_of(name, rounds)]
    notes = (
        f"{seconds:g} s of a 640x360 clip enlarged to {WIDTH}x{HEIGHT}, played at {RATE:g} frames a second by the "
        f"class that reads webcams; {ROUNDS} rounds in turn, the median of each figure.",
        "From a frame's arrival, decoded, to its reading: points, 52 weights, pose and gaze. Decoding the clip takes a "
        "part of the same cores, as decoding a webcam's JPEGs would.",
        "MediaPipe Tasks in VIDEO mode with blendshapes, told to seek one face; it starts anew in each round, and its "
        "first frame counts. mien looks for further faces once a second unless told --face largest.",
        cores,
    )
    publish(Report("Live latency", command(data, limit), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
