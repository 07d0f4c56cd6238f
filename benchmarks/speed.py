"""Milliseconds a frame of capture beside MediaPipe's, on the same frames, the same cores, in the same run."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import tyro
from ledger import command, publish
from PIL import Image
from rich.progress import track
from teacher import Teacher

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.face import Landmarks
from mien.core.geometry import apply_affine
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.detect.landmarks import SIDE
from mien.detect.pose import fit_head, gaze_from, head_pose, look_weights
from mien.formats.video import VideoReader
from mien.imaging.warp import cut, face_square
from mien.pipelines.capture import Capturer, CaptureOptions, FaceChoice, quality
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

WIDTH, HEIGHT = 1280, 720
FRAMES = 150
ROUNDS = 5
CORES = 2
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
        raise InputError(data / "videos", "E_NOTFILE", f"holds none of {', '.join(CLIPS)}", "name the folder with --data")
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


def mien_round(capturer: Capturer, frames: Sequence[Frame]) -> Array:
    """Milliseconds of each frame of capture: everything from pixels to a reading."""
    stream = capturer.stream(frames)
    spent = []
    for _ in frames:
        start = perf_counter()
        next(stream)
        spent.append(perf_counter() - start)
    return np.array(spent) * 1000


def parts_round(capturer: Capturer, frames: Sequence[Frame]) -> dict[str, Array]:
    """Milliseconds of each frame by part: the same steps as capture while it follows one face, one after the other."""
    landmarks, expression = OnnxSession(card("landmarks")), OnnxSession(card("expression"))
    shape, camera = capturer.shape, capturer.camera(frames[0])
    spent: dict[str, list[float]] = {}

    def timed[T](part: str, step: Callable[[], T]) -> T:
        start = perf_counter()
        made = step()
        spent.setdefault(part, []).append((perf_counter() - start) * 1000)
        return made

    for frame, readings in capturer.stream(frames):
        if not readings:
            continue
        square = face_square(readings[0].landmarks.points, SIDE)
        crop = timed("cut", lambda: cut(frame, square, SIDE))  # noqa: B023
        points, _, features = timed("landmark network", lambda: landmarks(crop.pixels[None, None]))  # noqa: B023
        seen = apply_affine(square, points[0].astype(np.float64))
        timed("expression head", lambda: expression(points[0][None], features[0][None]))  # noqa: B023

        def turned() -> None:
            head = fit_head(seen, shape)  # noqa: B023
            pose = head_pose(head, camera)
            look_weights(gaze_from(seen, head, shape))  # noqa: B023
            quality(Landmarks(seen, 1.0), pose)  # noqa: B023

        timed("pose, gaze and quality", turned)
    return {part: np.array(times) for part, times in spent.items()}
