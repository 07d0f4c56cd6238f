"""MediaPipe's networks behind mien's interface against MediaPipe's own program: differences, and the time of each."""

from pathlib import Path
from time import perf_counter
from typing import Any

import mediapipe
import numpy as np
import tyro
from ledger import command, publish
from mediapipe.tasks.python import BaseOptions, vision
from rich.progress import track

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import FaceReading
from mien.core.geometry import bounds, box_overlap
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.formats.images import read_image
from mien.pipelines.capture import LIVE, CaptureOptions, Capturer

ROUNDS = 3
SAME = 0.5
"""Overlap from which two boxes are of one face."""

READ = [k for k, name in enumerate(ARKIT.columns) if name != "tongueOut"]


def their_faces(result: Any, width: int, height: int) -> list[tuple[Array, Array]]:
    """Points [478, 3] in pixels and weights [52] of every face of MediaPipe's own result."""
    found = []
    for landmarks, shapes in zip(result.face_landmarks, result.face_blendshapes, strict=True):
        points = np.array([[point.x, point.y, point.z] for point in landmarks]) * [width, height, width]
        scores = {shape.category_name: shape.score for shape in shapes}
        found.append((points, np.array([scores.get(name, 0.0) for name in ARKIT.columns])))
    return found


def differences(ours: list[FaceReading], theirs: list[tuple[Array, Array]]) -> list[tuple[float, float, float]]:
    """Greatest difference in the picture and in depth, pixels, and of a weight, of each face that both see.

    Depth is compared up to one factor a face: MediaPipe stretches it where a face is turned in a picture that is no
    square, mien keeps it in the scale of the picture.
    """
    found = []
    for points, weights in theirs:
        boxes = np.array([bounds(reading.landmarks.points) for reading in ours]).reshape(-1, 4)
        overlap = box_overlap(bounds(points), boxes)
        if overlap.size and overlap.max() >= SAME:
            reading = ours[int(overlap.argmax())]
            stretch = (reading.landmarks.points[:, 2] @ points[:, 2]) / (points[:, 2] @ points[:, 2])
            apart = np.abs(reading.landmarks.points - points * [1, 1, stretch])
            unlike = np.abs(reading.state.expression.weights - weights)[READ]
            found.append((float(apart[:, :2].max()), float(apart[:, 2].max()), float(unlike.max())))
    return found


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Compare `mien capture --landmarker mediapipe` with MediaPipe Tasks on photos.

    Args:
        data: Folder with photos and MediaPipe's model.
        limit: Photos; all of them when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    model = data / "models" / "face_landmarker.task"
    capturer = Capturer(CaptureOptions(landmarker="mediapipe", landmarker_file=model))
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        num_faces=capturer.options.max_faces,
        output_face_blendshapes=True,
    )
    photos = [read_image(path) for path in sorted((data / "photos").glob("*.jpg"))[:limit]]
    counts, apart = np.zeros(2, int), []
    spent = np.full((2, len(photos)), np.inf)
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for turn in range(ROUNDS):
            for k, photo in enumerate(track(photos, f"round {turn + 1} of {ROUNDS}", transient=True)):
                marks = [perf_counter()]
                picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=photo.pixels)
                result = landmarker.detect(picture)
                marks.append(perf_counter())
                _, ours = next(iter(capturer.stream([Frame(photo.pixels)], LIVE)))
                marks.append(perf_counter())
                spent[:, k] = np.minimum(spent[:, k], np.diff(marks) * 1000)
                if turn == 0:
                    theirs = their_faces(result, photo.width, photo.height)
                    counts += len(ours), len(theirs)
                    apart += differences(ours, theirs)
    most, median = np.max(apart, axis=0), np.median(apart, axis=0)
    both, photo_count = len(apart), len(photos)
    rows = (
        Row("landmarks, greatest difference in the picture", float(most[0]), "px", "<= 0.1", None),
        Row("weights, greatest difference", float(most[2]), "", "<= 0.005", None),
        Row("faces that only one of the two sees", float(counts.sum() - 2 * both), "", "<= 0", None),
        Row("faces that both see", float(both), ""),
        Row("landmarks, greatest difference in depth, but for one factor a face", float(most[1]), "px"),
        Row("landmarks, median over faces of the greatest difference", float(median[0]), "px"),
        Row("weights, median over faces of the greatest difference", float(median[2]), ""),
        Row("MediaPipe's own program, median of a photo", float(np.median(spent[0])), "ms"),
        Row("mien --landmarker mediapipe, median of a photo, with pose and gaze", float(np.median(spent[1])), "ms"),
    )
    notes = (
        f"{photo_count} photos, {counts[1]} faces; MediaPipe {mediapipe.__version__} Tasks in IMAGE mode with "
        f"blendshapes, told to seek up to {capturer.options.max_faces} faces; mien with default options.",
        f"Times: the best of {ROUNDS} rounds in turn, pixels to results; decoding is not counted.",
    )
    publish(Report("The peer behind the interface", command(data, limit), rows, notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
