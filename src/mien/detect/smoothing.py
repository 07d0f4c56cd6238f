"""A face that keeps still is read as one that does: readings of a video, smoothed without looking ahead."""

from dataclasses import replace

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, Expression, FaceReading, FaceState, Gaze, Landmarks, Pose
from mien.core.one_euro import RotationFilter, Tuning, VectorFilter

LONGEST_GAP = 0.3
"""Seconds between two frames beyond which the earlier one says nothing about the later."""

# Chosen on photos of London's training people, still under a sensor's noise and in turn with their smiles, and on the
# driving clips d0, d3, d10 and d19 (blinks, and how far a moving head is left behind): benchmarks/stillness.py.
_WEIGHTS = (
    (("eye",), 0.3, 60.0),
    (("jaw", "mouth", "tongue"), 0.2, 40.0),
    (("brow", "cheek", "nose"), 0.15, 30.0),
)
"""By the beginnings of their names: the cutoff of what keeps still, Hz, and its rise for a speed of 1 a second. Lids
must not lose a blink, brows and cheeks move slowly."""

_POINTS = Tuning(0.1, 150.0)
"""Speeds in inter-ocular distances a second: it does not matter how large a face is. Chosen on validation faces of the
packs, too: London's eight show none of those whose points waver most."""

_HEAD, _EYES = (0.3, 400.0), (0.5, 60.0)
"""Speeds in radians a second: eyes jump, but are read less exactly than heads."""

_PLACE = Tuning(0.1, 5000.0)
"""Speeds in distances from the camera a second."""


def weight_tuning() -> Tuning:
    """The tuning of each of ARKit's weights."""
    chosen = [next(row for row in _WEIGHTS if column.startswith(row[0])) for column in ARKIT.columns]
    return Tuning(np.array([row[1] for row in chosen]), np.array([row[2] for row in chosen]))


class Smoother:
    """Smooths the readings of one source, frame by frame. A face that was not seen, or after a gap, starts anew."""

    def __init__(self) -> None:
        self._people: dict[int, _Person] = {}

    def smooth(self, readings: list[FaceReading]) -> list[FaceReading]:
        """The readings of the next frame; each face by its own past."""
        before = self._people
        self._people = {}
        smoothed = []
        for reading in readings:
            person = before.get(reading.face)
            elapsed = 0.0 if person is None else reading.time - person.time
            if person is None or not 0 < elapsed <= LONGEST_GAP:
                person = _Person()
            self._people[reading.face] = person
            smoothed.append(person.next(reading, elapsed))
        return smoothed


class _Person:
    """The past of one face."""

    def __init__(self) -> None:
        self.time = 0.0
        self._weights = VectorFilter(weight_tuning())
        self._points = VectorFilter(_POINTS)
        self._turns = RotationFilter(Tuning(*np.array([_HEAD, _EYES, _EYES]).T))
        self._place = VectorFilter(_PLACE)

    def next(self, reading: FaceReading, elapsed: float) -> FaceReading:
        """The reading, smoothed."""
        self.time = reading.time
        state, points = reading.state, reading.landmarks.points
        weights = self._weights.next(state.expression.weights[:, None], elapsed)[:, 0]
        smooth = self._points.next(points, elapsed, _eyes_apart(points))
        rotation = self._turns.next(np.concatenate([state.pose.rotation[None], state.gaze.rotation]), elapsed)
        place = self._place.next(state.pose.translation, elapsed, float(np.linalg.norm(state.pose.translation)))
        moved = FaceState(Expression(weights, state.expression.basis), Pose(rotation[0], place), Gaze(rotation[1:]))
        return replace(reading, landmarks=Landmarks(smooth, reading.landmarks.score), state=moved)


def _eyes_apart(points: Array) -> float:
    """The distance of the irises, in pixels and in depth: it does not shrink as a head turns."""
    return max(float(np.linalg.norm(points[IRIS_LEFT] - points[IRIS_RIGHT])), 1e-6)
