"""Reads videos with MediaPipe as its users' scripts do: what `workers.py` times beside us. Knows nothing of mien."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import mediapipe
import tyro
from mediapipe.tasks.python import BaseOptions, vision

Decoder = Literal["av", "cv2"]


def frames(video: Path, decoder: Decoder) -> Iterator[Any]:
    """The frames [H, W, 3] in RGB: by PyAV in one thread, as mien decodes, or by OpenCV, which takes all cores."""
    if decoder == "cv2":
        capture = cv2.VideoCapture(str(video))
        while (read := capture.read())[0]:
            yield cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
        return
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "NONE"
        for picture in container.decode(video=0):
            yield picture.to_ndarray(format="rgb24")


def seen(model: Path, decoder: Decoder, video: Path) -> int:
    """In how many frames MediaPipe, following one face and giving its weights, sees it."""
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        running_mode=vision.RunningMode.VIDEO,
        num_faces=1,
        output_face_blendshapes=True,
    )
    count = 0
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for k, pixels in enumerate(frames(video, decoder)):
            picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
            count += bool(landmarker.detect_for_video(picture, k * 40).face_blendshapes)
    return count


def main(model: Path, videos: tuple[Path, ...], decoder: Decoder = "av", processes: int = 1) -> None:
    """Read videos.

    Args:
        model: The file of its networks, face_landmarker.task.
        videos: What to read.
        decoder: Whose decoder.
        processes: How many share the videos; 1 for this one alone.
    """
    read = partial(seen, model, decoder)
    if processes == 1:
        counts = list(map(read, videos))
    else:
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            counts = list(pool.map(read, videos))
    assert all(counts), f"a video in which MediaPipe sees no face: {counts}"


if __name__ == "__main__":
    tyro.cli(main)
