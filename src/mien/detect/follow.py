"""The same face keeps its number: the last landmarks give the next cut, and the finder works only when it must.

Where faces come close, who is who is told by place and appearance; who is hidden is remembered, and known again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mien.core.arrays import Array
from mien.core.face import Detection
from mien.core.geometry import bounds, box_overlap
from mien.core.image import Frame
from mien.detect.appearance import Appearance, shipped_appearance
from mien.detect.assignment import best_pairs
from mien.detect.landmarker import FindsFaces, ReadsPoints, Seen
from mien.detect.path import Path
from mien.detect.people import Arrival, People, Unknown, odds
from mien.detect.track import LOOKS_AGAIN, Track, glimpse

GLANCES = 3
"""Looks for further faces that are but glances between two thorough ones, while some face is followed."""

HUNTS, GIVES_UP = 0.1, 0.1
"""A lost face is sought more often: after so many seconds, or after that share of the time for which it is away."""

DOUBTS, WAITS = 0.4, 1.0
"""Seconds for which it may stay open who appeared: a whole face, and one that the border or another face may hide."""

_SAME = 0.35
_TRUSTED_TO_STAY = 0.5


@dataclass(frozen=True, slots=True)
class Followed:
    """One face in one frame: its number and what was seen of it."""

    face: int
    sight: Seen


class Follower:
    """Follows the faces of one source from frame to frame.

    Args:
        finder: seeks faces in whole pictures.
        reader: reads points.
        most: how many faces are followed at once.
        look_again: seconds after which the whole picture is searched for further faces although some are followed;
            None searches only when none is followed. Only one look in `GLANCES` + 1 is thorough.
        least_size: pixels along the longer side of the smallest face that counts.
        appearance: describes how faces look; None for the shipped one.
        full: called, once, when a face is met that is not followed, for `most` are already; None does not ask for any.
    """

    def __init__(
        self,
        finder: FindsFaces,
        reader: ReadsPoints,
        most: int,
        look_again: float | None,
        least_size: float = 0.0,
        appearance: Appearance | None = None,
        full: Callable[[], object] | None = None,
    ) -> None:
        self._finder, self._reader, self._least_size = finder, reader, least_size
        self._most, self._look_again, self._full = most, look_again, full
        self._appearance = shipped_appearance() if appearance is None else appearance
        self._people = People()
        self._tracks: list[Track] = []
        self._looked = -np.inf
        self._looks = 0

    def see(self, frame: Frame) -> list[Followed]:
        """The faces of the next frame, by number. One of which it is not yet clear who it is, is left out."""
        before, self._tracks = self._tracks, []
        crowded = (
            _crowded([track.expected(frame.time) for track in before]) if len(before) > 1 else [False] * len(before)
        )
        sights = [
            self._reader.follow(frame, track.points(frame.time, near))
            for track, near in zip(before, crowded, strict=True)
        ]
        alone = [k for k, near in enumerate(crowded) if not near]
        self._go_on(frame, [before[k] for k in alone], [sights[k] for k in alone])
        if any(crowded):
            close = [k for k, near in enumerate(crowded) if near]
            self._part(frame, [before[k] for k in close], [sights[k] for k in close])
        if self._must_look(frame):
            glance = bool(self._tracks) and self._looks % (GLANCES + 1) > 0
            self._looked = frame.time
            self._looks += 1
            self._meet(frame, glance)
        if any(track.number is None for track in self._tracks):
            self._name(frame)
        named = {track.number: track.sight for track in self._tracks if track.number is not None}
        return [Followed(number, named[number]) for number in sorted(named)]

    def _go_on(self, frame: Frame, tracks: Sequence[Track], sights: Sequence[Seen]) -> None:
        """Faces that nobody is near: each is itself, unless it suddenly looks like somebody else."""
        for track, sight in zip(tracks, sights, strict=True):
            seen, box = glimpse(sight), bounds(sight.landmarks.points)
            changed = track.changed(seen)
            if sight.landmarks.score < _TRUSTED_TO_STAY:
                self._lose(track, frame.time, changed)
                continue
            path = track.path.gone_on(box, frame.time)
            if not track.stale(seen, frame.time):
                self._tracks.append(replace(track, sight=sight, path=path))
                continue
            look = self._appearance.describe(sight)
            likeness = max(float(track.look @ look), self._likeness(track, look))
            place = 0.0 if changed else track.path.fit(box, frame.time)
            if odds(likeness) + place <= 0:
                if track.number is not None:
                    self._lose(track, frame.time, changed)
                    continue
                track = replace(track, looks=np.zeros_like(look))  # whoever it is, what was seen before tells nothing
            self._tracks.append(self._described(track, sight, path, look, learns=not changed and _whole(box, frame)))

    def _part(self, frame: Frame, tracks: Sequence[Track], sights: Sequence[Seen]) -> None:
        """Faces that are close to each other: who is who is settled for all at once, and who has none is lost."""
        groups = _one_face_each(sights)
        boxes = [bounds(sight.landmarks.points) for sight in sights]
        looks = {k: self._appearance.describe(sights[k]) for group in groups for k in group}
        cut = all(track.changed(glimpse(sight)) for track, sight in zip(tracks, sights, strict=True))
        touched = _crowded(boxes)
        worth, chosen = np.full((len(tracks), len(groups)), -np.inf), {}
        for row, track in enumerate(tracks):
            for column, group in enumerate(groups):
                k = chosen[row, column] = row if row in group else group[0]
                likeness = self._likeness(track, looks[k])
                if k == row and not touched[k] and not cut:
                    likeness = max(likeness, float(track.look @ looks[k]))
                worth[row, column] = odds(likeness) + (0.0 if cut else track.path.fit(boxes[k], frame.time))
        pairs = dict(best_pairs(worth))
        for row, track in enumerate(tracks):
            if row not in pairs:
                self._lose(track, frame.time, cut)
                continue
            k = chosen[row, pairs[row]]
            free = k == row and not touched[k]
            path = track.path.gone_on(boxes[k], frame.time, free)
            learns = free and not cut and _whole(boxes[k], frame)
            self._tracks.append(self._described(track, sights[k], path, looks[k], learns))

    def _described(self, track: Track, sight: Seen, path: Path, look: Array, learns: bool) -> Track:
        """The track with a new sight and look, which is remembered as that person's if it may be and has not been."""
        time, learned = path.time, track.learned
        if learns and track.number is not None and time - learned >= LOOKS_AGAIN:
            self._people.learn(track.number, look, time)
            learned = time
        return replace(
            track, sight=sight, path=path, look=look, glimpse=glimpse(sight), described=time, learned=learned
        )

    def _likeness(self, track: Track, look: Array) -> float:
        return float(track.look @ look) if track.number is None else self._people.likeness(track.number, look)

    def _lose(self, track: Track, time: float, changed: bool) -> None:
        if track.number is not None:
            self._people.lose(track.number, None if changed else track.path, time)

    def _must_look(self, frame: Frame) -> bool:
        if not self._tracks:
            return True
        if self._look_again is None or len(self._tracks) >= self._most:
            return False
        soon = max(HUNTS, GIVES_UP * self._people.missed(frame.time))
        return frame.time - self._looked >= min(self._look_again, soon)

    def _meet(self, frame: Frame, glance: bool) -> None:
        """Follows further faces that the finder finds and the landmark network confirms, largest first."""
        for detection in self._finder.find(frame, glance):
            enough = len(self._tracks) >= self._most
            if enough and self._full is None:
                return
            if self._covers(detection.box):
                continue
            sight = self._confirm(frame, detection)
            if sight is None or self._covers(bounds(sight.landmarks.points)):
                continue
            if enough and self._full is not None:
                self._full()
                self._full = None
                return
            look, path = self._appearance.describe(sight), Path.begun(bounds(sight.landmarks.points), frame.time)
            now = frame.time
            self._tracks.append(Track(sight, path, look, glimpse(sight), now, now, None, now, np.zeros_like(look)))

    def _confirm(self, frame: Frame, detection: Detection) -> Seen | None:
        """The face that was found there, if it is one and large enough."""
        sight = self._reader.meet(frame, detection)
        if sight is None:
            return None
        box = bounds(sight.landmarks.points)
        return sight if float((box[2:] - box[:2]).max()) >= self._least_size else None

    def _name(self, frame: Frame) -> None:
        """Numbers for those who appeared, as soon as it is clear who they are."""
        touched = _crowded([track.box for track in self._tracks])
        places, arrivals = [], []
        for k, track in enumerate(self._tracks):
            if track.number is not None:
                continue
            whole = _whole(track.box, frame) and not touched[k]
            looks = track.looks + track.look if whole else track.looks
            self._tracks[k] = replace(track, looks=looks)
            # With one face alone, a number late is worse than a number wrong.
            patient = self._most > 1 and frame.time - track.since < (DOUBTS if whole else WAITS)
            look = looks / np.linalg.norm(looks) if looks.any() else track.look
            places.append(k)
            arrivals.append(Arrival(look, track.box, frame.time, whole, patient))
        for k, arrival, who in zip(places, arrivals, self._people.recognise(arrivals), strict=True):
            if isinstance(who, int):
                self._people.welcome(who, arrival)
            elif who is Unknown.UNSURE:
                continue
            number = who if isinstance(who, int) else self._people.meet(arrival)
            self._tracks[k] = replace(self._tracks[k], number=number)

    def _covers(self, box: Array) -> bool:
        """Whether `box` shows a face that is already followed."""
        boxes = [track.box for track in self._tracks]
        return bool(boxes) and float(box_overlap(box, np.array(boxes)).max()) >= _SAME


def _crowded(boxes: Sequence[Array]) -> list[bool]:
    """Which boxes [4] touch another one."""
    overlaps = np.array([box_overlap(box, np.array(boxes)) for box in boxes])
    np.fill_diagonal(overlaps, 0)
    return [bool(row.any()) for row in overlaps]


def _one_face_each(sights: Sequence[Seen]) -> list[list[int]]:
    """Which sights show a face, in groups that show the same one, its best sight first."""
    groups: list[list[int]] = []
    for k in sorted(range(len(sights)), key=lambda k: -sights[k].landmarks.score):
        if sights[k].landmarks.score < _TRUSTED_TO_STAY:
            continue
        box = bounds(sights[k].landmarks.points)
        leaders = np.array([bounds(sights[group[0]].landmarks.points) for group in groups]).reshape(-1, 4)
        overlaps = box_overlap(box, leaders)
        if (overlaps >= _SAME).any():
            groups[int(overlaps.argmax())].append(k)
        else:
            groups.append([k])
    return groups


def _whole(box: Array, frame: Frame) -> bool:
    """Whether `box` lies within the picture."""
    return bool((box[:2] >= 0).all() and box[2] <= frame.width and box[3] <= frame.height)
