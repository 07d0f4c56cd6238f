"""Milliseconds a frame of capture beside MediaPipe's, on the same frames, the same cores, in the same run."""

import os
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import tyro
from ledger import command, publish
from PIL import Image
from rich.progress import track
from teacher import Teacher

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.geometry import apply_affine
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.detect.landmarks import SIDE
from mien.detect.pose import fit_head, gaze_from, head_pose
from mien.formats.video import VideoReader
from mien.imaging.warp import cut, face_square
from mien.pipelines.capture import LIVE, TWO_CORES, CaptureOptions, Capturer, FaceChoice, Stride
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

WIDTH, HEIGHT = 1280, 720
FRAMES = 150
ROUNDS = 5
CORES = 2
SETTLE = 0.1
"""Seconds after which idle threads have stopped spinning."""

PARTS = ("cut", "landmark network", "refiner", "expression network", "pose and gaze")
CLIPS = ("WolfgangLanger_Pexels.mp4", "single_face.mp4")


def letterboxed(frame: Frame) -> Frame:
    """The frame in 720p, bars where its shape is another."""
    scale = min(WIDTH / frame.width, HEIGHT / frame.height)
    size = (round(frame.width * scale), round(frame.height * scale))
    canvas = Image.new("RGB", (WIDTH, HEIGHT))
    grown = Image.fromarray(frame.pixels).resize(size, Image.Resampling.BICUBIC)
    canvas.paste(grown, ((WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2))
    return Frame(np.array(canvas), frame.time, frame.index)


def decoded(data: Path, count: int) -> list[Frame]:
    """The first `count` frames of the clips in 720p: in memory, for decoding is not what is timed."""
    frames: list[Frame] = []
    for name in CLIPS:
        file = data / "videos" / name
        if file.exists():
            with VideoReader(file) as video:
                frames = [letterboxed(frame) for frame, _ in zip(video, range(count), strict=False)]
            if len(frames) == count:
                return frames
    if not frames:
        raise InputError(
            data / "videos", "E_NOTFILE", f"holds none of {', '.join(CLIPS)}", "name the folder with --data"
        )
    return frames


def teacher_round(data: Path, frames: Sequence[Frame]) -> Array:
    """Milliseconds of each frame of MediaPipe in VIDEO mode with blendshapes, its picture object counted in."""
    with Teacher(data, blendshapes=True, video=True) as teacher:
        spent = []
        for frame in frames:
            start = perf_counter()
            teacher.detect(frame.pixels, frame.time)
            spent.append(perf_counter() - start)
    return np.array(spent) * 1000


def mien_round(capturer: Capturer, frames: Sequence[Frame], stride: Stride = TWO_CORES) -> Array:
    """Milliseconds a frame of capture, everything from pixels to a reading: of each group that is read together."""
    stream = capturer.stream(frames, stride)
    spent = []
    for _ in frames:
        start = perf_counter()
        next(stream)
        spent.append(perf_counter() - start)
    whole = len(spent) // stride.together * stride.together
    return np.asarray(np.array(spent[:whole]).reshape(-1, stride.together).mean(1) * 1000)


def parts_round(capturer: Capturer, frames: Sequence[Frame]) -> Array:
    """[frames, `PARTS`] milliseconds: the steps of capture while it follows a face, one after the other."""
    landmarks, refiner, expression = (OnnxSession(card(name)) for name in ("landmarks-8bit", "refiner", "lgml"))
    shape, camera, together = capturer.shape, capturer.camera(frames[0]), TWO_CORES.together
    spent = []
    # Capture first, then time: two networks whose idle threads spin would take the cores from each other.
    seen_in = [(frame, readings[0].landmarks.points) for frame, readings in capturer.stream(frames) if readings]
    sleep(SETTLE)
    for frame, last in seen_in:
        square = face_square(last, SIDE)
        marks = [perf_counter()]
        crop = cut(frame, square, SIDE)
        marks.append(perf_counter())
        pixels = crop.pixels[None, None]
        one = landmarks(pixels)
        marks.append(perf_counter())
        # Read as capture reads: several at once.
        several, first, features = (np.repeat(each, together, 0) for each in (pixels, one[0], one[2]))
        (points,) = refiner(several, first, features)
        marks.append(perf_counter())
        _, moved = expression(several, points)
        marks.append(perf_counter())
        seen = apply_affine(square, moved[0].astype(np.float64))
        head = fit_head(seen, shape)
        head_pose(head, camera)
        gaze_from(seen, head, shape)
        marks.append(perf_counter())
        spent.append(np.diff(marks) / [1, 1, together, together, 1])
    return np.array(spent).reshape(-1, len(PARTS)) * 1000


def pinned() -> str:
    """Holds this process, with every thread it will start, to `CORES` cores; says how that went."""
    if not hasattr(os, "sched_setaffinity"):
        return "Not pinned: this system cannot hold a process to some cores."
    chosen = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, chosen)
    return f"Both pinned to the same {len(chosen)} cores."


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Time capture of 720p frames beside MediaPipe Face Landmarker.

    Args:
        data: Folder with videos and models.
        limit: Frames; 150 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    cores = pinned()
    frames = decoded(data, limit or FRAMES)
    default, largest = Capturer(), Capturer(CaptureOptions(face=FaceChoice(largest=True)))
    theirs, ours, alone, live, parts = [], [], [], [], []
    for _ in track(range(ROUNDS), "rounds", transient=True):
        theirs.append(teacher_round(data, frames))
        ours.append(mien_round(default, frames))
        alone.append(mien_round(largest, frames))
        live.append(mien_round(largest, frames, LIVE))
        parts.append(np.median(parts_round(largest, frames), axis=0))
    best = np.min(parts, axis=0)
    mean, median = (
        [min(float(f(r)) for r in rounds) for rounds in (theirs, ours, alone)] for f in (np.mean, np.median)
    )
    rows = [
        Row("MediaPipe over mien, mean of a frame, default options", mean[0] / mean[1], "times", ">= 2", ">= 4"),
        Row("MediaPipe over mien, mean of a frame, --face largest", mean[0] / mean[2], "times"),
        Row("MediaPipe over mien, median of a frame, --face largest", median[0] / median[2], "times"),
        Row("MediaPipe, mean of a frame", mean[0], "ms"),
        Row("mien, mean of a frame, default options", mean[1], "ms"),
        Row("mien, mean of a frame, --face largest", mean[2], "ms"),
        Row("mien, median of a frame, --face largest", median[2], "ms"),
        *(Row(f"mien: {part}", float(time), "ms") for part, time in zip(PARTS, best, strict=True)),
        Row(
            "mien, median of a frame, --face largest, live: nothing is followed ahead",
            float(np.min(np.median(live, 1))),
            "ms",
        ),
    ]
    notes = (
        f"{len(frames)} frames of a 640x360 clip enlarged to {WIDTH}x{HEIGHT}, in memory; {ROUNDS} rounds in turn, the "
        "best of each; decoding is not counted.",
        f"While {TWO_CORES.together} frames are read together (refiner, expression network, pose and gaze) the next "
        "ones are followed (cut, landmark network) on the other core; live each is read by itself.",
        "The mean counts the finder's work, on the first frame and (by default) once a second; the median does not.",
        "MediaPipe Tasks in VIDEO mode with blendshapes, told to seek one face; making its picture object is counted. "
        "Capture counts from pixels to reading: points, 52 weights, pose and gaze. The parts are timed apart.",
        cores,
    )
    publish(Report("Speed", command(data, limit), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
