"""Video in, video out: the same wishes over time, or a take as a track of weights."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from mien.compose.animations import face_of
from mien.compose.edit_options import EditOptions
from mien.compose.edit_series import EditLog, Kept, Series
from mien.compose.edits import check_distinct, check_wish, claimed, signer
from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError, UsageError
from mien.core.face import Capture, FaceReading
from mien.core.image import Frame
from mien.formats.files import StrPath, check_replaceable, sha256_of
from mien.formats.leftovers import sweep
from mien.formats.provenance import Seal, sealing
from mien.formats.sidecar import sidecar_path, write_sidecar
from mien.formats.sound import Sound
from mien.formats.video import VideoReader
from mien.formats.video_writer import VideoWriter
from mien.paint.parting import Parting, SteadyPartings
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import EditedFace, Editor
from mien.rig.convert import convert
from mien.rig.wishes import Wish

_USUAL_RATE = 25.0
"""Frames a second of a video that does not say."""

_AT_ONCE = 2
"""Frames that are edited at once: Python itself runs on one core, so more of them wait for each other."""

_ROUNDING = 1e-3
"""Seconds by which the times of a take and of a video may differ without meaning it."""


@dataclass(frozen=True, slots=True)
class VideoEdit:
    """What became of a video.

    Args:
        frames: that were read and written.
        edited: of them, in which a face was edited.
        left: faces in frames that were left as they are, for they were turned away or too small.
        why: the last reason for that, or "".
        lost: frames that a damaged video promised and did not give.
        guessed: frames of which the decoder of a damaged video made up a part.
        silenced: the coding of sound that an MP4 does not hold and was left out; "" when there was none such.
        found: what came of each face, as the written video shows it; empty when nobody asked.
        seal: what signs another picture that shows this edit, or None where nothing is signed.
    """

    frames: int
    edited: int
    left: int
    why: str
    lost: int
    guessed: int
    silenced: str
    found: tuple[Series, ...] = ()
    seal: Seal | None = None


def edit_video(
    source: StrPath,
    output: StrPath,
    wish: Wish,
    options: EditOptions = EditOptions(),
    *,
    track: Capture | None = None,
    overwrite: bool = False,
    measure: bool = False,
    watch: Callable[[int, int | None], None] = lambda done, total: None,
    watch_again: Callable[[], None] = lambda: None,
) -> VideoEdit:
    """Edits the faces of a video, frame by frame, as it streams by.

    Memory does not grow with its length, but for the weights of each moment if it is measured.

    A face that cannot be edited for a while (turned away, too small) is left as it is, and counted.

    Args:
        source: a video.
        output: an .mp4; sound is carried over as it is.
        wish: what is wanted in every frame.
        options: how it is made and marked.
        track: a take whose weights are added, moment by moment from its first; beyond its end nothing is added.
        overwrite: whether results that are there already may be replaced.
        measure: whether the result is read again.
        watch: called with how many frames are done, and of how many.
        watch_again: called after each frame that is read again.

    Raises:
        InputError: the video cannot be read, E_NOFACE when it shows no face.
        UsageError: the output is the source, or of no known ending.
        OutputError: the result is there already, cannot be signed, or the disk refuses.
    """
    check_distinct(source, output)
    check_wish(wish)
    sweep([Path(output).parent])
    check_replaceable(sidecar_path(output), overwrite)
    check_replaceable(Path(output), overwrite)
    added = None if track is None else _Track.of(track, source)
    identity = signer(options)
    work = _Work(source, wish, added, measure)
    log = EditLog()
    digest = sha256_of(source)
    further = () if added is None else (added.said,)
    total = _Total()

    def seal(path: Path) -> None:
        """Signs what was done, which is known once all frames are."""
        if identity is not None:
            sealing(claimed(digest, wish, total.painted, further), identity, source)(path)

    with VideoReader(source, exact=True) as video, Sound(source) as heard:
        sound = heard if heard.carried else None
        rate = video.frame_rate or _USUAL_RATE
        # Unsmoothed: what is painted must lie where the face is in this very frame.
        capturer = Capturer(CaptureOptions(face=options.face, smooth=False))
        writing = VideoWriter(output, video.width, video.height, rate, overwrite, "edited by mien", seal, sound)
        with writing as writer, ThreadPoolExecutor(1, "code") as coder:
            written = coder.submit(lambda: None)
            for worked in _in_turn(partial(work.frame, *seen) for seen in _told(capturer.stream(video))):
                written.result()  # one frame is coded while the next are edited
                written = coder.submit(writer.write, worked.frame.pixels, worked.frame.time)
                total = total.with_frame(worked)
                log.add(worked.kept)
                watch(total.frames, video.frame_count)
            written.result()
            total.check(source, options.face)
        write_sidecar(output, claimed(digest, wish, total.painted, further), source, options.provenance, overwrite)
        found = log.read_again(output, watch_again) if measure else ()
        silenced = "" if heard.carried else heard.codec
        why = "" if total.why is None else total.why.cause
        lost = video.damaged, video.concealed
        return VideoEdit(
            total.frames, total.edited, total.left, why, *lost, silenced, found, None if identity is None else seal
        )


@dataclass(frozen=True, slots=True)
class _Worked:
    """A frame as it became, the number of its faces, how many of them were left as they were and why the last was,
    whether anything was painted, and what is kept to be held against the result."""

    frame: Frame
    faces: int
    left: int = 0
    why: InputError | None = None
    painted: bool = False
    kept: tuple[Kept, ...] = ()

    @property
    def edited(self) -> bool:
        """Whether any face was edited."""
        return self.left < self.faces


@dataclass(frozen=True, slots=True)
class _Total:
    """What became of the frames so far."""

    frames: int = 0
    faces: int = 0
    edited: int = 0
    left: int = 0
    why: InputError | None = None
    painted: bool = False

    def with_frame(self, worked: _Worked) -> "_Total":
        """And of the next one."""
        return _Total(
            self.frames + 1,
            self.faces + worked.faces,
            self.edited + worked.edited,
            self.left + worked.left,
            worked.why or self.why,
            self.painted or worked.painted,
        )

    def check(self, source: StrPath, face: FaceChoice) -> None:
        """Raises `InputError` when nobody was edited in any frame, of those that were asked for."""
        if not self.faces:
            cause, remedy = "no face found in any frame", "use a video that shows one"
            if face.number is not None:
                cause, remedy = f"no face {face.number} in any frame", "numbers are those of mien capture; 0 is first"
            raise InputError(source, "E_NOFACE", cause, remedy)
        if not self.edited and self.why is not None:
            cause = f"no face could be edited in any frame: {self.why.cause}"
            raise InputError(source, self.why.code, cause, self.why.remedy)


class _Work:
    """What is done to each frame, by several threads at once."""

    def __init__(self, source: StrPath, wish: Wish, track: "_Track | None", measure: bool) -> None:
        self._source, self._wish, self._track, self._measure = source, wish, track, measure
        self._editor = Editor()

    def frame(self, frame: Frame, readings: list[FaceReading], parts: list[Parting]) -> _Worked:
        """One frame with all its faces edited, the next on what the last one gave; `parts`: how their mouths part."""
        worked = _Worked(frame, len(readings))
        may = np.zeros(frame.pixels.shape[:2], bool)
        done: list[tuple[FaceReading, EditedFace]] = []
        for reading, mouth in zip(readings, parts, strict=True):
            try:
                asked = _asked(self._wish, reading, self._track)
                face = self._editor.edit(worked.frame, reading, asked, self._source, mouth)
            except InputError as error:
                worked = replace(worked, left=worked.left + 1, why=error)
                continue
            result = Frame(face.pixels, frame.time, frame.index)
            worked = replace(worked, frame=result, painted=worked.painted or face.painted)
            if self._measure:
                may |= face.mask
                done.append((reading, face))
        if not done:
            return worked
        outside = int(((frame.pixels != worked.frame.pixels).any(2) & ~may).sum())
        # Of the frame as a whole, and so counted with its first face.
        kept = (Kept.of(frame, *each, outside if k == 0 else 0) for k, each in enumerate(done))
        return replace(worked, kept=tuple(kept))


def _told(
    seen: Iterable[tuple[Frame, list[FaceReading]]],
) -> Iterator[tuple[Frame, list[FaceReading], list[Parting]]]:
    """Frames with their readings, and how the mouths in them part: decided in their order, whoever works on them."""
    steady = SteadyPartings()
    for frame, readings in seen:
        yield frame, readings, [steady.at(frame, reading) for reading in readings]


def _in_turn(jobs: Iterable[Callable[[], _Worked]]) -> Iterator[_Worked]:
    """What jobs return, in their order; `_AT_ONCE` of them are worked on at once, and no more are held."""
    with ThreadPoolExecutor(_AT_ONCE, "edit") as workers:
        waiting: deque[Future[_Worked]] = deque()
        for job in jobs:
            waiting.append(workers.submit(job))
            if len(waiting) > _AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@dataclass(frozen=True, slots=True, eq=False)
class _Track:
    """Weights [T, 52] over times [T] from 0."""

    times: Array
    weights: Array

    @property
    def said(self) -> str:
        """What a claim says of it: which weights were added, without the name of anybody's file."""
        digest = hashlib.sha256(self.times.astype("<f8").tobytes() + self.weights.astype("<f4").tobytes())
        return f"the weights of a take of {len(self.times)} moments were added, sha256 {digest.hexdigest()}"

    @classmethod
    def of(cls, capture: Capture, source: object) -> "_Track":
        """The only face of a take, over ARKit; raises `UsageError` for several faces, or a single moment."""
        take = face_of(capture, None, capture.source or source)
        expression = convert(take.state.expression, ARKIT)
        seen = take.valid
        if len(take) < 2:
            raise UsageError(capture.source, "E_USAGE", "holds a single moment", "use --set for a lasting change")
        times = take.times[seen]
        return cls(times - times[0], expression.weights[seen])

    def at(self, time: float) -> Array:
        """[52] what is added at a time, between the moments around it; nothing beyond the last."""
        if time > self.times[-1] + _ROUNDING:
            return np.zeros(len(ARKIT))
        return np.array([np.interp(time, self.times, column) for column in self.weights.T])


def _asked(wish: Wish, reading: FaceReading, track: _Track | None) -> Array:
    now = reading.state.expression.weights
    wanted = wish.of(now)
    if track is None:
        return wanted
    added = wish.intensity * track.at(reading.time)
    return np.where(added == 0, wanted, np.clip(wanted + added, 0, 1)).astype(np.float32)
