"""Readings to a digest, while a source streams by: memory is bounded however long it is and however many faces pass."""

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import FaceReading
from mien.core.geometry import angles_from_rotation
from mien.core.image import Frame
from mien.digest.blinks import LEAST_RATE, BlinkCounter
from mien.digest.moments import Album
from mien.digest.record import ACTIVE_FROM, CHANNELS, FaceDigest, SourceDigest, Statistics
from mien.digest.timeline import Timeline, Values

MOST_FACES = 12
"""How many faces are followed; of more, those seen longest stay, as far as one can tell by then."""

LEAST_MINUTES = 1 / 6
"""For how long a face must be seen before blinks per minute mean anything."""

_BELIEVED = 0.2
"""The quality below which lids tell nothing."""

_LIDS = ARKIT.indices(("eyeBlinkLeft", "eyeBlinkRight"))


class Digester:
    """Takes in the frames of one source, and what was read in them.

    Args:
        name: of the source.
        size: of its file, bytes.
        is_video: or else a photo.
        frame_rate: frames a second as it says, or None.
    """

    def __init__(self, name: str, size: int = 0, is_video: bool = False, frame_rate: float | None = None) -> None:
        self._name, self._size, self._is_video, self._rate = name, size, is_video, frame_rate
        self._timeline = Timeline()
        self._without = 0
        self._shape = (0, 0)
        self._faces: dict[int, _Face] = {}
        self._dropped: set[int] = set()

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """One frame, and its faces."""
        place, joined = self._timeline.add(frame.time)
        if joined:
            for face in self._faces.values():
                face.values.join()
        self._shape = (frame.width, frame.height)
        self._without += not readings
        here = {reading.face for reading in readings}
        for reading in readings:
            if reading.face not in self._faces:
                if not self._room(reading.face, here):
                    continue
                self._faces[reading.face] = _Face()
            self._faces[reading.face].add(place, frame, reading)

    def digest(self) -> SourceDigest:
        """Everything so far."""
        line = self._timeline
        starts, ends = line.edges()
        faces = tuple(self._faces[number].told(number, line) for number in sorted(self._faces))
        return SourceDigest(
            self._name,
            self._size,
            *self._shape,
            line.frames,
            self._without,
            self._is_video,
            self._rate,
            starts,
            ends,
            line.counts(),
            faces,
            len(self._dropped),
        )

    def _room(self, face: int, here: set[int]) -> bool:
        """Whether there is room for one more face; one that was seen little, and is gone, makes it."""
        if face in self._dropped:
            return False
        if len(self._faces) < MOST_FACES:
            return True
        gone = [number for number in self._faces if number not in here]
        if not gone:
            self._dropped.add(face)
            return False
        least = min(gone, key=lambda number: self._faces[number].frames)
        del self._faces[least]
        self._dropped.add(least)
        return True


class _Face:
    """What is known of one face so far."""

    def __init__(self) -> None:
        self.values = Values(len(CHANNELS))
        self.frames = 0
        self._first = self._last = 0.0
        self._album, self._lids = Album(), BlinkCounter()
        self._sum, self._squares, self._active = (np.zeros(len(ARKIT)) for _ in range(3))
        self._most, self._most_at = np.full(len(ARKIT), -np.inf), np.zeros(len(ARKIT))
        self._quality = 0.0

    def add(self, place: int, frame: Frame, reading: FaceReading) -> None:
        weights: Array = reading.state.expression.weights.astype(np.float64)
        if self.frames == 0:
            self._first = frame.time
        self._last = frame.time
        self.frames += 1
        self._sum += weights
        self._squares += weights**2
        self._active += weights >= ACTIVE_FROM
        stronger = weights > self._most
        self._most[stronger], self._most_at[stronger] = weights[stronger], frame.time
        self._quality += reading.quality
        turns = np.rad2deg(angles_from_rotation(reading.state.pose.facing()))
        self.values.add(place, np.concatenate([weights, turns, [reading.quality]]))
        self._album.add(frame, reading)
        if reading.quality >= _BELIEVED:
            self._lids.add(frame.time, float(weights[_LIDS].mean()))

    def told(self, number: int, line: Timeline) -> FaceDigest:
        count = self.frames
        mean = self._sum / count
        spread = np.sqrt(np.maximum(self._squares / count - mean**2, 0))
        interval = line.interval
        seen_at_all = 0 < interval <= 1 / LEAST_RATE
        minutes = count * interval / 60
        portrait, moments = self._album.told()
        return FaceDigest(
            number,
            count,
            self._first,
            self._last,
            *self.values.told(line.bins),
            Statistics(mean, spread, self._most.copy(), self._most_at.copy(), self._active / count),
            self._quality / count,
            tuple(self._lids.blinks) if seen_at_all else None,
            len(self._lids.blinks) / minutes if seen_at_all and minutes >= LEAST_MINUTES else None,
            portrait,
            moments,
        )
