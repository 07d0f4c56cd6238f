"""The strongest moments of a face, as pictures: the best so far is kept of each kind, and no other."""

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.digest.record import Moment
from mien.imaging.board import cut_square

SIDE = 224
"""Pixels along a side of a picture."""

_AROUND = 1.45
"""Side of a picture in the longer sides of the face's box."""

_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("smile", ("mouthSmileLeft", "mouthSmileRight")),
    ("mouth corners down", ("mouthFrownLeft", "mouthFrownRight")),
    ("mouth open", ("jawOpen",)),
    ("lips puckered", ("mouthPucker",)),
    ("brows up", ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")),
    ("brows down", ("browDownLeft", "browDownRight")),
    ("eyes closed", ("eyeBlinkLeft", "eyeBlinkRight")),
    ("eyes wide", ("eyeWideLeft", "eyeWideRight")),
    ("nose wrinkled", ("noseSneerLeft", "noseSneerRight")),
)
_MEANS = np.zeros((len(_KINDS), len(ARKIT)), np.float32)
for _row, (_, _columns) in zip(_MEANS, _KINDS, strict=True):
    _row[ARKIT.indices(_columns)] = 1 / len(_columns)

_LEAST = 0.25
"""The weight from which a moment is worth a picture."""

_CLEAR = 0.3
"""The quality below which the weights of a moment are not believed."""

_BETTER = 0.02
"""By how much a moment must be stronger than the best so far: a slow rise would cut a picture from every frame."""


class Album:
    """The pictures of one face."""

    def __init__(self) -> None:
        self._best: list[Moment | None] = [None] * len(_KINDS)
        self._first: Moment | None = None
        self._clearest: Moment | None = None

    def add(self, frame: Frame, reading: FaceReading) -> None:
        """A frame and what was read of the face in it."""
        clear = reading.quality
        if self._first is None or (self._first.clear < _CLEAR <= clear):
            self._first = _cut(frame, reading, "first seen", None)
        if self._clearest is None or clear > self._clearest.clear + _BETTER:
            self._clearest = _cut(frame, reading, "clearest", None)
        if clear < _CLEAR:
            return
        strengths = (_MEANS @ reading.state.expression.weights).tolist()
        for k, ((name, _), strength) in enumerate(zip(_KINDS, strengths, strict=True)):
            best = self._best[k]
            if strength > (_LEAST if best is None or best.weight is None else best.weight + _BETTER):
                self._best[k] = _cut(frame, reading, name, strength)

    def told(self) -> tuple[Moment, tuple[Moment, ...]]:
        """The clearest moment, and the first and the strongest ones by time. Raises `ValueError` without any frame."""
        if self._clearest is None or self._first is None:
            raise ValueError("no frame was added")
        strong = (moment for moment in self._best if moment is not None)
        return self._clearest, tuple(sorted((self._first, *strong), key=lambda moment: moment.time))


def _cut(frame: Frame, reading: FaceReading, name: str, weight: float | None) -> Moment:
    """The square round the face, moved into the frame where it fits into it."""
    box = np.clip(reading.box, -1e5, 1e5)
    half = float((box[2:] - box[:2]).max()) * _AROUND / 2
    corner = (box[:2] + box[2:]) / 2 - half
    room = np.array([frame.width, frame.height]) - 2 * half
    move = np.where(room > 0, np.clip(corner, 0, np.maximum(room, 0)) - corner, 0)
    # Points stay where the face is, for the square is the one that `cut_square` takes.
    corner, size = np.trunc(corner + move), max(int(2 * half), 1)
    points: Array = (reading.landmarks.points[:, :2] - corner) * (SIDE / size)
    picture = cut_square(frame.pixels, box + np.tile(move, 2), _AROUND, SIDE)
    return Moment(name, frame.time, weight, picture, points, reading.quality)
