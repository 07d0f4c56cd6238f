"""The same face keeps its number: the last landmarks give the next cut, and the finder works only when it must."""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array
from mien.core.face import Detection
from mien.core.geometry import bounds, box_overlap
from mien.core.image import Frame
from mien.detect.landmarker import FindsFaces, ReadsPoints, Seen

GLANCES = 3
"""Looks for further faces that are but glances between two thorough ones, while some face is followed."""

_SAME = 0.35
_REMEMBERED = 3.0
_TRUSTED_TO_STAY = 0.5


@dataclass(frozen=True, slots=True)
class Followed:
    """One face in one frame: its number and what was seen of it."""

    face: int
    sight: Seen


class Follower:
    """Follows faces from frame to frame.

    Args:
        finder: seeks faces in whole pictures.
        reader: reads points.
        most: how many faces are followed at once.
        look_again: seconds after which the whole picture is searched for further faces although some are followed;
            None searches only when none is followed. Only one look in `GLANCES` + 1 is thorough.
        least_size: pixels along the longer side of the smallest face that counts.
    """

    def __init__(
        self,
        finder: FindsFaces,
        reader: ReadsPoints,
        most: int,
        look_again: float | None,
        least_size: float = 0.0,
    ) -> None:
        self._finder, self._reader, self._least_size = finder, reader, least_size
        self._most, self._look_again = most, look_again
        self._points: dict[int, Array] = {}
        self._gone: dict[int, tuple[float, Array]] = {}
        self._numbered = 0
        self._looked = -np.inf
        self._looks = 0

    def see(self, frame: Frame) -> list[Followed]:
        """The faces of the next frame, by number."""
        seen: dict[int, Seen] = {}
        self._gone = {face: lost for face, lost in self._gone.items() if frame.time - lost[0] <= _REMEMBERED}
        for face, points in self._points.items():
            sight = self._reader.follow(frame, points)
            box = bounds(sight.landmarks.points)
            if sight.landmarks.score >= _TRUSTED_TO_STAY and not _covers(box, seen):
                seen[face] = sight
            else:
                self._gone[face] = (frame.time, bounds(points))
        if self._must_look(frame, len(seen)):
            self._looked = frame.time
            self._meet(frame, seen, glance=bool(seen) and self._looks % (GLANCES + 1) > 0)
            self._looks += 1
        self._points = {face: sight.landmarks.points for face, sight in seen.items()}
        return [Followed(face, seen[face]) for face in sorted(seen)]

    def _must_look(self, frame: Frame, followed: int) -> bool:
        if followed == 0:
            return True
        due = self._look_again is not None and frame.time - self._looked >= self._look_again
        return due and followed < self._most

    def _meet(self, frame: Frame, seen: dict[int, Seen], glance: bool) -> None:
        """Adds to `seen` the faces that the finder finds and the landmark network confirms, largest first."""
        for detection in self._finder.find(frame, glance):
            if len(seen) >= self._most:
                return
            if _covers(detection.box, seen):
                continue
            sight = self._confirm(frame, detection)
            if sight is not None and not _covers(bounds(sight.landmarks.points), seen):
                seen[self._number(bounds(sight.landmarks.points))] = sight

    def _confirm(self, frame: Frame, detection: Detection) -> Seen | None:
        """The face's points, if the reader agrees that there is a face, and it is large enough."""
        sight = self._reader.meet(frame, detection)
        if sight is None:
            return None
        box = bounds(sight.landmarks.points)
        return sight if float((box[2:] - box[:2]).max()) >= self._least_size else None

    def _number(self, box: Array) -> int:
        """The number of a face that was lost hereabouts a moment ago, or the next one."""
        for face, (_, where) in self._gone.items():
            if box_overlap(box, where[None])[0] >= _SAME:
                del self._gone[face]
                return face
        self._numbered += 1
        return self._numbered - 1


def _covers(box: Array, seen: dict[int, Seen]) -> bool:
    """Whether `box` shows a face that is already seen."""
    boxes = [bounds(sight.landmarks.points) for sight in seen.values()]
    return bool(boxes) and float(box_overlap(box, np.array(boxes)).max()) >= _SAME
