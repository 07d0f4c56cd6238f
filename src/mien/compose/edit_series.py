"""What came of an edit over the moments of a video or the doses of a sweep: asked, reached, and moments to look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mien.compose.edit_cuts import cut
from mien.compose.edit_report import ASKED, found_again, identity_change
from mien.core.arrays import Array
from mien.core.face import FaceReading
from mien.core.geometry import bounds
from mien.core.image import Frame
from mien.formats.files import StrPath
from mien.formats.video import VideoReader
from mien.pipelines.capture import CaptureOptions, Capturer
from mien.pipelines.edit import EditedFace

MOST_SAMPLES = 12
"""Moments of a face that are kept to be looked at, of a video or a sweep of any length."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One moment, to be looked at.

    Args:
        place: its second, or its dose.
        before: [SIDE, SIDE, 3] uint8, the face.
        after: the same cut of the edited picture.
    """

    place: float
    before: Array
    after: Array


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What came of one face.

    Args:
        face: its number.
        places: [N] seconds, or doses.
        now: [N, 52] ARKit's weights before.
        asked: [N, 52].
        reached: [N, 52] as the result is read; not a number where no face is found any more.
        identity: root mean square change of the rig's identity weights, in standard deviations, over the samples.
        outside: pixels that changed where none may, of all moments, before a video is coded; 0.
        folded: the largest share of moved skin that is folded over.
        painted: moments in which a network made up pixels.
        samples: some moments.
    """

    face: int
    places: Array
    now: Array
    asked: Array
    reached: Array
    identity: float
    outside: int
    folded: float
    painted: int
    samples: tuple[Sample, ...]

    @property
    def wanted(self) -> Array:
        """[52] bool, channels that were asked to change in any moment."""
        return np.asarray((np.abs(self.asked - self.now) >= ASKED).any(0))

    @property
    def others(self) -> float:
        """Mean absolute change of channels in moments in which nobody asked them to; not a number without a reading."""
        unasked = (np.abs(self.asked - self.now) < ASKED) & np.isfinite(self.reached)
        return float(np.abs(self.reached - self.now)[unasked].mean()) if unasked.any() else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """An edited face of one frame, as long as its video is not read again.

    Args:
        reading: the face before; its points are let go of where no sample is kept.
        asked: [52].
        box: [4] where its points were put, x0, y0, x1, y1.
        outside: pixels of the frame that changed where none may.
        folded: share of the moved skin.
        painted: whether a network made up pixels.
        before: [SIDE, SIDE, 3] the face as it was.
    """

    reading: FaceReading
    asked: Array
    box: Array
    outside: int
    folded: float
    painted: bool
    before: Array

    @classmethod
    def of(cls, frame: Frame, reading: FaceReading, edited: EditedFace, outside: int) -> "Kept":
        """What is kept of a face of `frame`, the picture before."""
        box, before = bounds(edited.target), cut(frame, reading)
        return cls(reading, edited.asked, box, outside, edited.folded, edited.painted, before)


class EditLog:
    """What was edited in a video, moment by moment; a face of an hour, at 30 a second, takes some 200 megabytes."""

    def __init__(self) -> None:
        self._faces: dict[int, _FaceLog] = {}

    def add(self, kept: Sequence[Kept]) -> None:
        """The edited faces of the next frame."""
        for one in kept:
            self._faces.setdefault(one.reading.face, _FaceLog()).add(one)

    def read_again(self, video: StrPath, step: Callable[[], object] = lambda: None) -> tuple[Series, ...]:
        """Reads the written video, and holds it against what was asked.

        Args:
            video: the file, with the frames that were edited.
            step: called after each frame.

        Raises:
            InputError: the video cannot be read.
            ModelError: a weight file is missing or was changed.
        """
        capturer = Capturer(CaptureOptions(smooth=False))
        with VideoReader(video, exact=True) as written:
            for frame, seen in capturer.stream(written):
                for face in self._faces.values():
                    face.hold_against(frame, seen)
                step()
        return tuple(self._faces[face].series(face) for face in sorted(self._faces))


class _FaceLog:
    """One face over time."""

    def __init__(self) -> None:
        self._frames: list[int] = []
        self._times: list[float] = []
        self._now: list[Array] = []
        self._asked: list[Array] = []
        self._boxes: list[Array] = []
        self._reached: dict[int, Array] = {}
        self._outside = self._painted = self._read = 0
        self._folded = 0.0
        self._samples: dict[int, Kept] = {}
        self._every = 1
        self._shown: list[Sample] = []
        self._identity: list[float] = []

    def add(self, kept: Kept) -> None:
        """The next moment."""
        if len(self._frames) % self._every == 0:
            self._samples[len(self._frames)] = kept
        if len(self._samples) > MOST_SAMPLES:
            self._every *= 2
            self._samples = {place: one for place, one in self._samples.items() if place % self._every == 0}
        self._frames.append(kept.reading.frame)
        self._times.append(kept.reading.time)
        self._now.append(np.array(kept.reading.state.expression.weights, np.float32))
        self._asked.append(np.array(kept.asked, np.float32))
        self._boxes.append(np.array(kept.box, np.float32))
        self._outside += kept.outside
        self._painted += kept.painted
        self._folded = max(self._folded, kept.folded)

    def hold_against(self, frame: Frame, seen: Sequence[FaceReading]) -> None:
        """The next frame of the written video; frames come in the order of the moments."""
        while self._read < len(self._frames) and self._frames[self._read] < frame.index:
            self._read += 1  # could not be read again
        place = self._read
        if place == len(self._frames) or self._frames[place] != frame.index:
            return
        self._read += 1
        again = found_again(self._boxes[place], seen)
        if again is not None:
            self._reached[place] = np.array(again.state.expression.weights, np.float32)
        kept = self._samples.get(place)
        if kept is not None:
            self._shown.append(Sample(self._times[place], kept.before, cut(frame, kept.reading)))
            if again is not None:
                self._identity.append(identity_change(kept.reading, again))

    def series(self, face: int) -> Series:
        """What came of it."""
        reached = np.full((len(self._frames), self._now[0].size), np.nan, np.float32)
        for place, weights in self._reached.items():
            reached[place] = weights
        return Series(
            face,
            np.array(self._times),
            np.array(self._now),
            np.array(self._asked),
            reached,
            float(np.mean(self._identity)) if self._identity else float("nan"),
            self._outside,
            self._folded,
            self._painted,
            tuple(self._shown),
        )
