"""Frames to readings: every face of every frame, its expression, pose and gaze."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, Self

from mien.core.basis import ARKIT
from mien.core.errors import UsageError
from mien.core.face import Expression, FaceReading, FaceState, Identity
from mien.core.geometry import Camera
from mien.core.image import Frame
from mien.core.neutral import Neutral
from mien.detect.follow import Followed, Follower
from mien.detect.landmarker import Landmarker
from mien.detect.peer import peer_landmarker
from mien.detect.pose import fit_head, gaze_from, head_pose
from mien.detect.quality import explained, quality
from mien.detect.shape import mean_face
from mien.detect.smoothing import Smoother
from mien.formats.bare import MAX_PIXELS
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter, TakeFitter
from mien.runtime.session import MOST_THREADS
from mien.weights.brought import brought_card, read_brought

AHEAD = 3
"""Frames: enough that neither core waits for the other when the whole picture is searched."""


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
            ("max_pixels", 1 <= self.max_pixels <= 2**28, "1 to 268435456"),
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

    def stream(self, frames: Iterable[Frame], ahead: int = AHEAD) -> Iterator[tuple[Frame, list[FaceReading]]]:
        """Each frame with the wanted faces in it, by number. Nothing is kept, however long the source.

        Args:
            frames: of one source.
            ahead: how many further frames are followed while one is read, on another core. What comes live should not
                wait for its successors.
        """
        with ThreadPoolExecutor(1, "read") as reader:
            waiting: deque[tuple[Frame, Future[list[FaceReading]]]] = deque()
            try:
                for frame, read in self._followed(frames):
                    waiting.append((frame, reader.submit(read)))
                    while len(waiting) > ahead:
                        yield _read_out(waiting)
            except Exception:  # a source that breaks off: what came before it counts
                while waiting:
                    yield _read_out(waiting)
                raise
            while waiting:
                yield _read_out(waiting)

    def _followed(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Callable[[], list[FaceReading]]]]:
        """Each frame, and what reads the wanted faces that were found in it; to be called in their order."""
        choice = self.options.face
        most = min(choice.most or self.options.max_faces, self.options.max_faces)
        again = None if choice.largest else self.options.look_again
        finder, reader = self._landmarker.finder, self._landmarker.reader
        follower = Follower(finder, reader, most, again, self.options.least_size)
        camera: Camera | None = None
        past = _Past()
        for frame in frames:
            camera = camera or self.camera(frame)
            followed = [one for one in follower.see(frame) if choice.wants(one.face)]
            yield frame, partial(self._read_all, frame, followed, camera, past)

    def camera(self, frame: Frame) -> Camera:
        """The camera that a source's frames are taken to come from."""
        return Camera.of_picture(frame.width, frame.height, self.options.focal_length)

    def _read_all(self, frame: Frame, followed: list[Followed], camera: Camera, past: "_Past") -> list[FaceReading]:
        readings = [self._explained(self._read(frame, one, camera), past.people) for one in followed]
        trusted = [reading for reading in readings if reading.quality >= self.options.min_quality]
        return past.smoother.smooth(trusted) if self.options.smooth else trusted

    def _read(self, frame: Frame, followed: Followed, camera: Camera) -> FaceReading:
        expression, sight = self._landmarker.expression.read(followed.sight)
        points = sight.landmarks.points
        head = fit_head(points, self.shape)
        pose = head_pose(head, camera)
        gaze = gaze_from(points, head, self.shape)
        state = FaceState(expression, pose, gaze)
        trust = quality(sight, pose)
        return FaceReading(
            followed.face, frame.index, frame.time, sight.landmarks, state, trust.overall, Identity(), trust
        )

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


def _read_out(
    waiting: deque[tuple[Frame, Future[list[FaceReading]]]],
) -> tuple[Frame, list[FaceReading]]:
    """The first of those that wait to be read, once it is."""
    frame, reading = waiting.popleft()
    return frame, reading.result()
