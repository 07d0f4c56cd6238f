"""Random but valid records for tests: what a capture would yield, without a picture or a network."""

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import (
    LANDMARKS,
    Capture,
    Expression,
    FaceReading,
    FaceState,
    Gaze,
    Landmarks,
    Pose,
    Take,
)
from mien.core.geometry import rotation_from_angles

FRAME_RATE = 25.0


def made_reading(face: int = 0, frame: int = 0, seed: int = 0) -> FaceReading:
    """A face in a picture of 640 x 480: weights 0 to 1, the head turned by up to 0.6 rad, the eyes by up to 0.4."""
    random = np.random.default_rng([seed, face, frame])
    pitch, yaw, roll = random.uniform(-0.6, 0.6, 3)
    eyes = np.stack([rotation_from_angles(up, side, 0) for up, side in random.uniform(-0.4, 0.4, (2, 2))])
    points = random.normal([200 + 100 * face, 240, 0], 30, (LANDMARKS, 3))
    return FaceReading(
        face=face,
        frame=frame,
        time=frame / FRAME_RATE,
        landmarks=Landmarks(points, float(random.uniform(0.5, 1))),
        state=FaceState(
            Expression(random.uniform(0, 1, len(ARKIT)), ARKIT),
            Pose(rotation_from_angles(pitch, yaw, roll), random.uniform([-0.3, -0.3, 0.3], [0.3, 0.3, 1.5])),
            Gaze(eyes),
        ),
        quality=float(random.uniform(0.3, 1)),
    )


def made_capture(frames: int = 3, faces: int = 2, landmarks: bool = True, seed: int = 0) -> Capture:
    """What was read from a clip of `frames` frames. Of several faces the last is not seen in frame 1."""
    takes = tuple(
        _made_take(
            [made_reading(face, t, seed) for t in range(frames)], landmarks, 1 if face and face == faces - 1 else -1
        )
        for face in range(faces)
    )
    return Capture("clip.mp4", 640, 480, takes, frames)


def _made_take(readings: list[FaceReading], landmarks: bool, unseen: int) -> Take:
    valid = np.array([t != unseen for t in range(len(readings))], bool)

    def seen(arrays: list[Array], placeholder: Array) -> Array:
        return np.array([array if is_seen else placeholder for array, is_seen in zip(arrays, valid, strict=True)])

    states = [reading.state for reading in readings]
    return Take(
        FaceState(
            Expression(
                seen([s.expression.weights for s in states], np.zeros(len(ARKIT))).reshape(-1, len(ARKIT)), ARKIT
            ),
            Pose(
                seen([s.pose.rotation for s in states], np.eye(3)).reshape(-1, 3, 3),
                seen([s.pose.translation for s in states], np.zeros(3)).reshape(-1, 3),
            ),
            Gaze(seen([s.gaze.rotation for s in states], np.stack([np.eye(3)] * 2)).reshape(-1, 2, 3, 3)),
        ),
        times=np.array([r.time for r in readings]),
        frames=np.array([r.frame for r in readings]),
        valid=valid,
        box=seen([r.box for r in readings], np.zeros(4)).reshape(-1, 4),
        score=np.where(valid, [r.landmarks.score for r in readings], 0),
        quality=np.where(valid, [r.quality for r in readings], 0),
        landmarks=(
            seen([r.landmarks.points for r in readings], np.zeros((LANDMARKS, 3))).reshape(-1, LANDMARKS, 3)
            if landmarks
            else None
        ),
        source="clip.mp4",
        face=readings[0].face if readings else 0,
        frame_rate=FRAME_RATE,
    )
