"""Who tells `mien data pack` where a face's points are: MediaPipe as the teacher, or mien's own networks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError, UsageError
from mien.core.image import Frame
from mien.data.portraits import Eye, Look
from mien.detect.faces import FaceFinder
from mien.detect.follow import Follower
from mien.detect.landmarks import LandmarkReader
from mien.formats.files import read_bytes

TAUGHT = tuple(column for column in ARKIT.columns if column != "tongueOut")
"""The columns of `ARKIT` that the teacher gives weights for."""

_FACES = 4
"""Faces that are looked for in a portrait: beside the one that is meant, neighbours may be in it."""


@contextmanager
def open_teacher(file: Path) -> Iterator[Eye]:
    """MediaPipe's Face Landmarker of a .task file, as an eye that sees points and weights while the block lasts.

    Raises:
        UsageError: mediapipe is not installed.
        InputError: there is no such file, or it is no landmarker with weights.
    """
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except ModuleNotFoundError as error:
        cause = f"a teacher needs {error.name}, which is not installed"
        raise UsageError("--teacher", "E_USAGE", cause, 'pip install "mien[benchmark]"') from error
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=read_bytes(file)),
        running_mode=vision.RunningMode.IMAGE,
        num_faces=_FACES,
        output_face_blendshapes=True,
    )
    try:
        landmarker = vision.FaceLandmarker.create_from_options(options)
    # What is no .task makes MediaPipe raise several kinds, none of them promised.
    except Exception as error:
        cause = f"no face landmarker with blendshapes: {str(error).splitlines()[0]:.120}"
        raise InputError(file, "E_FORMAT", cause, "give MediaPipe's face_landmarker.task") from error

    def see(pixels: Array) -> list[Look]:
        """The faces of RGB pixels [H, W, 3]."""
        result = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels))
        height, width = pixels.shape[:2]
        looks = []
        for face, shapes in zip(result.face_landmarks, result.face_blendshapes, strict=True):
            points = np.array([[point.x, point.y, point.z] for point in face])
            weights = np.zeros(len(ARKIT), np.float32)
            for shape in shapes:
                if shape.category_name in TAUGHT:
                    weights[ARKIT.index(shape.category_name)] = shape.score
            looks.append(Look(points * [width, height, width], weights))
        return looks

    with landmarker:
        yield see


def own_eye(finder: FaceFinder) -> Eye:
    """The networks of `mien capture`, as an eye that sees points and says nothing of weights.

    Raises:
        ModelError: the weight file is missing or was changed.
    """
    reader = LandmarkReader.shipped()

    def see(pixels: Array) -> list[Look]:
        """The faces of RGB pixels [H, W, 3]."""
        followed = Follower(finder, reader, _FACES, look_again=None).see(Frame(pixels))
        return [Look(one.sight.landmarks.points, np.zeros(len(ARKIT))) for one in followed]

    return see
