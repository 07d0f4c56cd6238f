"""A stream of readings to takes."""

import numpy as np

from mien.core.basis import ARKIT
from mien.core.face import LANDMARKS, Capture, Expression, FaceReading, FaceState, Gaze, Identity, Pose, Take
from mien.core.geometry import bounds
from mien.core.image import Frame


class Gather:
    """Gathers a stream of readings into a `Capture`: the one place where a video grows in memory.

    Args:
        source: its name.
        frame_rate: frames a second, or None.
        start_timecode: of the first frame, or None.
    """

    def __init__(self, source: str, frame_rate: float | None = None, start_timecode: str | None = None) -> None:
        self._source = source
        self._rate, self._timecode = frame_rate, start_timecode
        self._times: list[float] = []
        self._frames: list[int] = []
        self._size = (0, 0)
        self._faces: dict[int, dict[int, FaceReading]] = {}

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """Adds a frame and what was read in it."""
        row = len(self._times)
        self._times.append(frame.time)
        self._frames.append(frame.index)
        self._size = (frame.width, frame.height)
        for reading in readings:
            self._faces.setdefault(reading.face, {})[row] = reading

    def capture(self) -> Capture:
        """Everything gathered so far."""
        takes = tuple(self._take(face, self._faces[face]) for face in sorted(self._faces))
        return Capture(self._source, *self._size, takes, len(self._times))

    def _take(self, face: int, rows: dict[int, FaceReading]) -> Take:
        count = len(self._times)
        weights = np.zeros((count, len(ARKIT)), np.float32)
        rotation, translation = np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))
        gaze = np.tile(np.eye(3), (count, 2, 1, 1))
        valid, box = np.zeros(count, bool), np.zeros((count, 4), np.float32)
        score, trust = np.zeros(count, np.float32), np.zeros(count, np.float32)
        points = np.zeros((count, LANDMARKS, 3), np.float32)
        identity = Identity()
        for row, reading in rows.items():
            state = reading.state
            weights[row], gaze[row] = state.expression.weights, state.gaze.rotation
            rotation[row], translation[row] = state.pose.rotation, state.pose.translation
            valid[row], box[row] = True, bounds(reading.landmarks.points)
            score[row], trust[row] = reading.landmarks.score, reading.quality
            points[row] = reading.landmarks.points
            identity = reading.identity
        return Take(
            FaceState(Expression(weights, ARKIT), Pose(rotation, translation), Gaze(gaze)),
            times=np.array(self._times),
            frames=np.array(self._frames),
            valid=valid,
            box=box,
            score=score,
            quality=trust,
            identity=identity,
            landmarks=points,
            source=self._source,
            face=face,
            frame_rate=self._rate,
            start_timecode=self._timecode,
        )
