"""MediaPipe Face Landmarker, the teacher of the labels and the peer of the figures, as points and weights in pixels."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from mien.core.arrays import Array
from mien.core.basis import ARKIT


@dataclass(frozen=True, slots=True)
class Taught:
    """What the teacher sees of a face.

    Args:
        points: [478, 3] in pixels; z in the same scale, negative towards the camera.
        weights: [52] in the columns of `ARKIT`; 0 where it has none, or was not asked for any.
    """

    points: Array
    weights: Array


class Teacher:
    """The landmarker of one face; a context manager.

    Args:
        data: folder that holds `models/face_landmarker.task`.
        blendshapes: whether it also gives weights.
        video: whether it follows the face from frame to frame, in place of finding it in each.
    """

    def __init__(self, data: Path, blendshapes: bool = False, video: bool = False) -> None:
        self._video = video
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(data / "models" / "face_landmarker.task")),
            running_mode=vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE,
            num_faces=1,
            output_face_blendshapes=blendshapes,
        )
        self._landmarker = vision.FaceLandmarker.create_from_options(options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._landmarker.close()

    def detect(self, pixels: Array, time: float = 0.0) -> Any:
        """Its own result for RGB pixels [H, W, 3]: all that is timed when it is the peer."""
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        if self._video:
            return self._landmarker.detect_for_video(picture, round(time * 1000))
        return self._landmarker.detect(picture)

    def see(self, pixels: Array, time: float = 0.0) -> Taught | None:
        """The face in RGB pixels [H, W, 3], or None."""
        result = self.detect(np.ascontiguousarray(pixels), time)
        if not result.face_landmarks:
            return None
        height, width = pixels.shape[:2]
        points = np.array([[point.x, point.y, point.z] for point in result.face_landmarks[0]])
        weights = np.zeros(len(ARKIT), np.float32)
        for shape in result.face_blendshapes[0] if result.face_blendshapes else ():
            if shape.category_name in ARKIT.columns:
                weights[ARKIT.index(shape.category_name)] = shape.score
        return Taught(points * [width, height, width], weights)
