"""Frames to readings: every face of every frame, its expression, pose and gaze."""

import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, Self

import numpy as np

from mien.core.basis import ARKIT
from mien.core.errors import UsageError
from mien.core.face import Expression, FaceReading, FaceState, Gaze, Identity, Pose
from mien.core.geometry import Camera
from mien.core.image import Frame
from mien.core.neutral import Neutral
from mien.detect.follow import Followed, Follower
from mien.detect.landmarker import Landmarker
from mien.detect.peer import peer_landmarker
from mien.detect.pose import fit_head, gaze_from, head_pose
from mien.detect.quality import explained, qualities
from mien.detect.shape import mean_face
from mien.detect.smoothing import Smoother
from mien.formats.bare import MAX_PIXELS
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter, TakeFitter
from mien.runtime.session import MOST_THREADS
from mien.weights.brought import brought_card, read_brought


@dataclass(frozen=True, slots=True)
class Stride:
    """How a stream goes through its frames.

    Args:
        together: how many frames are read at once, fewer of those with many pixels: networks whose weights come from
            memory for each call take half as long for a face when there are several.
        ahead: how many such groups wait while further frames are followed, on another core.
    """

    together: int
    ahead: int


MOST_PIXELS = 2**28
"""The most pixels of a picture that anybody may allow."""

MAX_FRAMES = 2_000_000
"""The most frames of a video unless another number is given: eighteen hours at 30 a second."""

LIVE = Stride(together=1, ahead=0)
"""What comes live does not wait for its successors."""

_MOST_TOGETHER = 2**23
"""Pixels from which no further frame is waited for: four of 1080p, one of 4K."""

ONE_CORE, TWO_CORES = Stride(together=4, ahead=0), Stride(together=4, ahead=1)


@dataclass(frozen=True, slots=True)
class FaceChoice:
    """Which faces of a source are wanted: `all`, the `largest`, or the one with a number."""

    number: int | None = None
    largest: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """`all`, `largest`, or a number from 0. Raises `UsageError` for anything else."""
        if text == "all":
            return cls()
        if text == "largest":
            return cls(largest=True)
        if re.fullmatch(r"\d{1,4}", text):
            return cls(number=int(text))
        raise UsageError("--face", "E_USAGE", f"{text!r} names no face", "say all, largest, or a number from 0")

    def __str__(self) -> str:
        return "largest" if self.largest else "all" if self.number is None else str(self.number)

    def wants(self, face: int) -> bool:
        """Whether the face of this number is wanted. For the largest no other is followed, whatever its number."""
        return self.largest or self.number is None or face == self.number

    @property
    def most(self) -> int | None:
        """How many faces must be followed to answer, or None for every one: who is who is told by all of them."""
        return 1 if self.largest else None


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """How faces are read. Every default of capture is here."""

    face: FaceChoice = FaceChoice()
    """Which faces: all, largest, or a number. People are numbered by size when first seen, from 0, and keep theirs."""
    max_faces: int = 20
    """How many faces are read at once, the largest first."""
    landmarks: bool = False
    """Write the 478 points into tables too, in pixels of the upright picture; takes always hold them."""
    focal_length: float | None = None
    """Focal length in pixels, for head pose; without it, a lens that sees 63 degrees over the longer side."""
    least_size: float = 18.0
    """Pixels along the longer side of the smallest face that is read."""
    least_score: float = 0.5
    """How sure the face finder must be, 0 to 1."""
    fit: bool = False
    """Explain the landmarks by the compact rig: weights come from the points, and from the picture where points leave
    them open, and each take gets its identity; what the rig cannot explain lowers the quality."""
    look_again: float = 1.0
    """Seconds of video after which further faces are sought although some are followed (not for the largest)."""
    max_pixels: int = MAX_PIXELS
    """The most pixels, width times height, that a photo or a frame may have."""
    max_frames: int = MAX_FRAMES
    """The most frames that a video may have."""
    allow_damaged: bool = False
    """Read a JPEG that is cut or damaged as far as it goes; that it, or a video, is damaged is then no failure."""
    landmarker: Literal["mien", "mediapipe"] = "mien"
    """Whose networks read faces. MediaPipe's are brought by `mien models fetch mediapipe`, or are in a file that you
    name, and need the extra `mediapipe`; on a photo they read what MediaPipe's own program reads."""
    landmarker_file: Path | None = None
    """The file of MediaPipe's networks, face_landmarker.task; by default the one that `mien models` has installed."""
    smooth: bool = True
    """Keep what keeps still still, in videos and streams: weights, points, head and gaze are smoothed by what came
    before, never by what comes after. A photo stays as it is read."""
    neutral: Neutral = Neutral()
    """Count weights from a resting face. FILE is a photo, a video or a take of it, and all sources are of this person;
    with auto, each face counts from its own calm frames, for which a video is read twice."""
    min_quality: float = 0.0
    """Readings of less quality than this, 0 to 1, count as a frame without the face; the face keeps its number."""

    def __post_init__(self) -> None:
        checks = (
            ("max_faces", self.max_faces >= 1, "1 or more"),
            ("focal_length", self.focal_length is None or 0 < self.focal_length < 1e7, "above 0 pixels"),
            ("least_size", 0 <= self.least_size < 1e6, "0 pixels or more"),
            ("least_score", 0 < self.least_score <= 1, "above 0, at most 1"),
            ("max_pixels", 1 <= self.max_pixels <= MOST_PIXELS, f"1 to {MOST_PIXELS}"),
            ("max_frames", self.max_frames >= 1, "1 or more"),
            ("look_again", 0 <= self.look_again < 1e9, "0 seconds or more"),
            ("min_quality", 0 <= self.min_quality <= 1, "0 to 1"),
        )
        for name, good, allowed in checks:
            if not good:
                flag = "--" + name.replace("_", "-")
                raise UsageError(flag, "E_USAGE", f"{getattr(self, name)} is out of range", f"allowed: {allowed}")
        if self.landmarker_file is not None and self.landmarker == "mien":
            raise UsageError("--landmarker-file", "E_USAGE", "mien's own come with it", "add --landmarker mediapipe")


class Capturer:
    """The networks of capture, loaded once; each source gets a fresh `stream`.

    Args:
        options: how faces are read.
        threads: how many work on one network, where it is worth it.

    Raises:
        ModelError: a weight file is missing or was changed.
    """

    def __init__(self, options: CaptureOptions = CaptureOptions(), threads: int = MOST_THREADS) -> None:
        self.options = options
        self.shape = mean_face()
        self._landmarker = _landmarker(options, threads)
        self._fitter = Fitter(compact_model(), self.shape.steadiness) if options.fit else None

    def stream(
        self, frames: Iterable[Frame], stride: Stride = TWO_CORES, full: Callable[[], object] | None = None
    ) -> Generator[tuple[Frame, list[FaceReading]], None, None]:
        """Each frame with the wanted faces in it, by number. Nothing is kept, however long the source.

        Whoever stops looking before its end closes it, which lets go of its thread.

        Args:
            frames: of one source.
            stride: how many of them are read at once, and how many wait.
            full: called, once, if more faces are found than may be read at once and not only the largest is wanted.
        """
        past = _Past()
        read = partial(self._read_all, past=past)
        with ThreadPoolExecutor(1, "read") as reader:
            group: list[_Found] = []
            waiting: deque[_Promise] = deque()
            try:
                for found in self._followed(frames, full):
                    group.append(found)
                    if (
                        len(group) == stride.together
                        or len(group) * found.frame.width * found.frame.height >= _MOST_TOGETHER
                    ):
                        # Where nothing waits, another thread would only be waited for.
                        waiting.append(reader.submit(read, group).result if stride.ahead else partial(read, group))
                        group = []
                    while len(waiting) > stride.ahead:
                        yield from waiting.popleft()()
            except Exception:  # a source that breaks off: what came before it counts
                yield from _rest(waiting)
                yield from read(group)
                raise
            yield from _rest(waiting)
            yield from read(group)

    def _followed(self, frames: Iterable[Frame], full: Callable[[], object] | None) -> "Iterator[_Found]":
        """Each frame, and the wanted faces that were found in it."""
        choice = self.options.face
        most = min(choice.most or self.options.max_faces, self.options.max_faces)
        again = None if choice.largest else self.options.look_again
        finder, reader = self._landmarker.finder, self._landmarker.reader
        follower = Follower(finder, reader, most, again, self.options.least_size, full=None if choice.largest else full)
        camera: Camera | None = None
        for frame in frames:
            camera = camera or self.camera(frame)
            yield _Found(frame, camera, [one for one in follower.see(frame) if choice.wants(one.face)])

    def camera(self, frame: Frame) -> Camera:
        """The camera that a source's frames are taken to come from."""
        return Camera.of_picture(frame.width, frame.height, self.options.focal_length)

    def _read_all(self, group: "Sequence[_Found]", past: "_Past") -> list[tuple[Frame, list[FaceReading]]]:
        """What the next frames show, all of their faces at once; what is kept of the past goes by their order."""
        read = iter(self._readings(group))
        return [(found.frame, self._kept(list(islice(read, len(found.faces))), past)) for found in group]

    def _readings(self, group: "Sequence[_Found]") -> list[FaceReading]:
        """Every face of the frames, frame by frame, each by itself."""
        faces = [(found.frame, one) for found in group for one in found.faces]
        if not faces:
            return []
        seen = self._landmarker.expression.read_all([one.sight for _, one in faces])
        points = np.stack([sight.landmarks.points for _, sight in seen])
        head = fit_head(points, self.shape)
        pose = head_pose(head, group[0].camera)
        gaze = gaze_from(points, head, self.shape)
        trusts = qualities([sight for _, sight in seen], pose)
        return [
            FaceReading(
                one.face,
                frame.index,
                frame.time,
                sight.landmarks,
                FaceState(expression, Pose(rotation, translation), Gaze(eyes)),
                trust.overall,
                Identity(),
                trust,
            )
            for (frame, one), (expression, sight), rotation, translation, eyes, trust in zip(
                faces, seen, pose.rotation, pose.translation, gaze.rotation, trusts, strict=True
            )
        ]

    def _kept(self, readings: Sequence[FaceReading], past: "_Past") -> list[FaceReading]:
        """What a frame's readings become beside those before them."""
        explained = [self._explained(reading, past.people) for reading in readings]
        trusted = [reading for reading in explained if reading.quality >= self.options.min_quality]
        return past.smoother.smooth(trusted) if self.options.smooth else trusted

    def _explained(self, reading: FaceReading, people: dict[int, TakeFitter]) -> FaceReading:
        """The reading with what the rig says of it, if it was asked; `people` holds who was seen in this source."""
        if self._fitter is None:
            return reading
        person = people.setdefault(reading.face, TakeFitter(self._fitter))
        fit = person.see(reading.landmarks.points, reading.state.expression.weights)
        state = replace(reading.state, expression=Expression(fit.weights, ARKIT))
        left = explained(fit.residual)
        trust = None if reading.trust is None else replace(reading.trust, explained=left)
        quality = reading.quality * left
        return replace(reading, state=state, quality=quality, identity=Identity(person.shape), trust=trust)


_Promise = Callable[[], list[tuple[Frame, list[FaceReading]]]]
"""Gives what frames show, once it is read."""


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A frame, the camera it comes from, and the faces that were followed into it."""

    frame: Frame
    camera: Camera
    faces: list[Followed]


class _Past:
    """What the frames of one source say about its next: who was seen, and how they moved."""

    def __init__(self) -> None:
        self.people: dict[int, TakeFitter] = {}
        self.smoother = Smoother()


def _landmarker(options: CaptureOptions, threads: int) -> Landmarker:
    """Whoever is to read."""
    if options.landmarker == "mien":
        return Landmarker.shipped(options.least_score, threads)
    content = read_brought(brought_card(options.landmarker), options.landmarker_file)
    return peer_landmarker(content, options.least_score)


def _rest(waiting: "deque[_Promise]") -> Iterator[tuple[Frame, list[FaceReading]]]:
    """All that waits to be read, once it is."""
    while waiting:
        yield from waiting.popleft()()
