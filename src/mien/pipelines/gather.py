"""A stream of readings to takes."""

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import LANDMARKS, Capture, Expression, FaceReading, FaceState, Gaze, Identity, Pose, Take
from mien.core.geometry import bounds
from mien.core.image import Frame

_KEPT: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
    "weights": (np.float32, (len(ARKIT),)),
    "rotation": (np.float64, (3, 3)),
    "translation": (np.float64, (3,)),
    "gaze": (np.float64, (2, 3, 3)),
    "box": (np.float32, (4,)),
    "score": (np.float32, ()),
    "quality": (np.float32, ()),
    "landmarks": (np.float32, (LANDMARKS, 3)),
}
"""What is kept of a face in a frame that shows it, as a take holds it: half of what a reading weighs."""

_UPRIGHT = ("rotation", "gaze")
"""What is no zero where the face is not seen."""

_LEAST, _GROWTH = 4, 8
"""Rows that there is room for at least, and the part of all of them by which it grows."""


class Gather:
    """Gathers a stream of readings into a `Capture`: the one place where a video grows in memory.

    A face takes room for the frames that show it, about 6 kB each; only its take has a row for every frame.

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
        self._faces: dict[int, _Face] = {}

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """Adds a frame and what was read in it."""
        row = len(self._times)
        self._times.append(frame.time)
        self._frames.append(frame.index)
        self._size = (frame.width, frame.height)
        for reading in readings:
            self._faces.setdefault(reading.face, _Face()).add(row, reading)

    def capture(self) -> Capture:
        """Everything gathered so far, which is let go of: a second call finds no face."""
        takes = tuple(self._take(face, self._faces.pop(face)) for face in sorted(self._faces))
        return Capture(self._source, *self._size, takes, len(self._times))

    def _take(self, number: int, face: "_Face") -> Take:
        rows = face.spread(len(self._times))
        return Take(
            FaceState(
                Expression(rows["weights"], ARKIT), Pose(rows["rotation"], rows["translation"]), Gaze(rows["gaze"])
            ),
            times=np.array(self._times),
            frames=np.array(self._frames),
            valid=rows["valid"],
            box=rows["box"],
            score=rows["score"],
            quality=rows["quality"],
            identity=face.identity,
            landmarks=rows["landmarks"],
            source=self._source,
            face=number,
            frame_rate=self._rate,
            start_timecode=self._timecode,
        )


class _Face:
    """What was read of one face.

    Attributes:
        identity: as the last reading tells it.
    """

    def __init__(self) -> None:
        self.identity = Identity()
        self._rows = np.zeros(_LEAST, np.int64)
        self._kept: dict[str, Array] = {name: np.zeros((_LEAST, *axes), kind) for name, (kind, axes) in _KEPT.items()}
        self._count = 0

    def add(self, row: int, reading: FaceReading) -> None:
        """Adds what was read in the frame of this row."""
        if self._count == len(self._rows):
            self._make_room(self._count + max(self._count // _GROWTH, _LEAST))
        state, points = reading.state, reading.landmarks.points
        now: dict[str, object] = {
            "weights": state.expression.weights,
            "rotation": state.pose.rotation,
            "translation": state.pose.translation,
            "gaze": state.gaze.rotation,
            "box": bounds(points),
            "score": reading.landmarks.score,
            "quality": reading.quality,
            "landmarks": points,
        }
        self._rows[self._count] = row
        for name, value in now.items():
            self._kept[name][self._count] = value
        self._count += 1
        self.identity = reading.identity

    def _make_room(self, count: int) -> None:
        # In place: long arrays are moved by the system's tables, not copied. Nobody else has seen them.
        for array in (self._rows, *self._kept.values()):
            array.resize((count, *array.shape[1:]), refcheck=False)

    def spread(self, count: int) -> dict[str, Array]:
        """Its arrays with a row for each of `count` frames, those without the face as `Take` says; read-only.

        What was kept is let go of array by array, and is itself the answer where every frame shows the face.
        """
        self._make_room(self._count)
        everywhere = np.array_equal(self._rows, np.arange(count))
        arrays = {"valid": np.zeros(count, bool)}
        arrays["valid"][self._rows] = True
        for name in _KEPT:
            kept = self._kept.pop(name)
            arrays[name] = kept if everywhere else self._scattered(kept, count, name in _UPRIGHT)
        for array in arrays.values():
            array.flags.writeable = False  # a take takes over what cannot change, and copies what can
        return arrays

    def _scattered(self, kept: Array, count: int, upright: bool) -> Array:
        rows = np.zeros((count, *kept.shape[1:]), kept.dtype)
        if upright:
            rows[:] = np.eye(3)
        rows[self._rows] = kept
        return rows
