"""Frames to takes: every face of every frame, its expression, pose and gaze."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, Self

import numpy as np

from mien.core.basis import ARKIT
from mien.core.errors import UsageError
from mien.core.face import (
    LANDMARKS,
    Capture,
    Expression,
    FaceReading,
    FaceState,
    Gaze,
    Identity,
    Landmarks,
    Pose,
    Take,
)
from mien.core.geometry import Camera, bounds
from mien.core.image import Frame
from mien.detect.follow import Followed, Follower
from mien.detect.landmarker import Landmarker
from mien.detect.peer import peer_landmarker
from mien.detect.pose import fit_head, gaze_from, head_pose
from mien.detect.shape import mean_face
from mien.formats.bare import MAX_PIXELS
from mien.metrics import inter_ocular_distance
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter, TakeFitter
from mien.runtime.session import MOST_THREADS
from mien.weights.brought import brought_card, read_brought

AHEAD = 3
"""Frames: enough that neither core waits for the other when the whole picture is searched."""

_CLEAR_AT = 24.0
_USUAL, _UNEXPLAINED = 2.0, 6.0
"""Residuals of a fit, % of the inter-ocular distance: up to which all is well, and from which nothing is believed."""


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

    def __post_init__(self) -> None:
        checks = (
            ("max_faces", self.max_faces >= 1, "1 or more"),
            ("focal_length", self.focal_length is None or 0 < self.focal_length < 1e7, "above 0 pixels"),
            ("least_size", 0 <= self.least_size < 1e6, "0 pixels or more"),
            ("least_score", 0 < self.least_score <= 1, "above 0, at most 1"),
            ("max_pixels", 1 <= self.max_pixels <= 2**28, "1 to 268435456"),
            ("look_again", 0 <= self.look_again < 1e9, "0 seconds or more"),
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
        people: dict[int, TakeFitter] = {}
        for frame in frames:
            camera = camera or self.camera(frame)
            followed = [one for one in follower.see(frame) if choice.wants(one.face)]
            yield frame, partial(self._read_all, frame, followed, camera, people)

    def camera(self, frame: Frame) -> Camera:
        """The camera that a source's frames are taken to come from."""
        return Camera.of_picture(frame.width, frame.height, self.options.focal_length)

    def _read_all(
        self, frame: Frame, followed: list[Followed], camera: Camera, people: dict[int, TakeFitter]
    ) -> list[FaceReading]:
        return [self._explained(self._read(frame, one, camera), people) for one in followed]

    def _read(self, frame: Frame, followed: Followed, camera: Camera) -> FaceReading:
        expression, sight = self._landmarker.expression.read(followed.sight)
        points = sight.landmarks.points
        head = fit_head(points, self.shape)
        pose = head_pose(head, camera)
        gaze = gaze_from(points, head, self.shape)
        state = FaceState(expression, pose, gaze)
        trust = quality(sight.landmarks, pose)
        return FaceReading(followed.face, frame.index, frame.time, sight.landmarks, state, trust)

    def _explained(self, reading: FaceReading, people: dict[int, TakeFitter]) -> FaceReading:
        """The reading with what the rig says of it, if it was asked; `people` holds who was seen in this source."""
        if self._fitter is None:
            return reading
        person = people.setdefault(reading.face, TakeFitter(self._fitter))
        fit = person.see(reading.landmarks.points, reading.state.expression.weights)
        state = replace(reading.state, expression=Expression(fit.weights, ARKIT))
        trust = reading.quality * explained(fit.residual)
        return replace(reading, state=state, quality=trust, identity=Identity(person.shape))


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


def quality(landmarks: Landmarks, pose: Pose) -> float:
    """0 to 1, how far a reading can be trusted: the presence score, times size, times frontality.

    Size counts fully from 24 px between the irises of a face that looks into the camera; frontality is the cosine of
    the angle between the face and the ray from the camera, and 0 beyond a quarter turn.
    """
    # The last element of `pose.facing()`, without the other eight.
    frontal = max(float(pose.rotation[:, 2] @ pose.translation) / float(np.linalg.norm(pose.translation)), 0.0)
    size = min(float(inter_ocular_distance(landmarks.points)) / max(frontal, 0.2) / _CLEAR_AT, 1.0)
    return min(landmarks.score * size * frontal, 1.0)


def explained(residual: float) -> float:
    """0 to 1, what a fit's residual (% of the inter-ocular distance) leaves of the trust in a reading."""
    return float(np.clip((_UNEXPLAINED - residual) / (_UNEXPLAINED - _USUAL), 0, 1))


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
