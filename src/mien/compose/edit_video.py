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
from mien.compose.edits import check_distinct, claimed, signer
from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError, UsageError
from mien.core.face import Capture, FaceReading
from mien.core.image import Frame
from mien.formats.files import StrPath, check_replaceable, sha256_of
from mien.formats.provenance import sealing
from mien.formats.sidecar import sidecar_path, write_sidecar
from mien.formats.sound import Sound
from mien.formats.video import VideoReader
from mien.formats.video_writer import VideoWriter
from mien.pipelines.capture import CaptureOptions, Capturer
from mien.pipelines.edit import Editor
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
    """

    frames: int
    edited: int
    left: int
    why: str
    lost: int
    guessed: int
    silenced: str


def edit_video(
    source: StrPath,
    output: StrPath,
    wish: Wish,
    options: EditOptions = EditOptions(),
    *,
    track: Capture | None = None,
    overwrite: bool = False,
    watch: Callable[[int, int | None], None] = lambda done, total: None,
) -> VideoEdit:
    """Edits the faces of a video, frame by frame, as it streams by; memory does not grow with its length.

    A face that cannot be edited for a while (turned away, too small) is left as it is, and counted.

    Args:
        source: a video.
        output: an .mp4; sound is carried over as it is.
        wish: what is wanted in every frame.
        options: how it is made and marked.
        track: a take whose weights are added, moment by moment from its first; beyond its end nothing is added.
        overwrite: whether results that are there already may be replaced.
        watch: called with how many frames are done, and of how many.

    Raises:
        InputError: the video cannot be read, E_NOFACE when it shows no face.
        UsageError: the output is the source, or of no known ending.
        OutputError: the result is there already, cannot be signed, or the disk refuses.
    """
    check_distinct(source, output)
    check_replaceable(sidecar_path(output), overwrite)
    check_replaceable(Path(output), overwrite)
    added = None if track is None else _Track.of(track, source)
    identity = signer(options)
    editor = Editor()
    edited = left = frames = faces = 0
    digest, why, painted = sha256_of(source), None, False
    further = () if added is None else (added.said,)

    def seal(path: Path) -> None:
        """Signs what was done, which is known once all frames are."""
        if identity is not None:
            sealing(claimed(digest, wish, painted, further), identity, source)(path)

    def work(frame: Frame, readings: list[FaceReading]) -> _Worked:
        """One frame with all its faces edited, the next on what the last one gave."""
        worked = _Worked(frame, len(readings))
        for reading in readings:
            try:
                face = editor.edit(worked.frame, reading, _asked(wish, reading, added), source)
            except InputError as error:
                worked = replace(worked, left=worked.left + 1, why=error)
                continue
            result = Frame(face.pixels, frame.time, frame.index)
            worked = replace(worked, frame=result, painted=worked.painted or face.painted)
        return worked

    with VideoReader(source) as video, Sound(source) as heard:
        sound = heard if heard.carried else None
        rate = video.frame_rate or _USUAL_RATE
        # Unsmoothed: what is painted must lie where the face is in this very frame.
        capturer = Capturer(CaptureOptions(face=options.face, smooth=False))
        writing = VideoWriter(output, video.width, video.height, rate, overwrite, "edited by mien", seal, sound)
        with writing as writer, ThreadPoolExecutor(1, "code") as coder:
            written = coder.submit(lambda: None)
            for worked in _in_turn(partial(work, *seen) for seen in capturer.stream(video)):
                written.result()  # one frame is coded while the next are edited
                written = coder.submit(writer.write, worked.frame.pixels, worked.frame.time)
                frames, edited, left = frames + 1, edited + worked.edited, left + worked.left
                faces, why, painted = faces + worked.faces, worked.why or why, painted or worked.painted
                watch(frames, video.frame_count)
            written.result()
            if not faces:
                raise InputError(source, "E_NOFACE", "no face found in any frame", "use a video that shows one")
            if not edited and why is not None:
                raise InputError(source, why.code, f"no face could be edited in any frame: {why.cause}", why.remedy)
        write_sidecar(output, claimed(digest, wish, painted, further), source, options.provenance, overwrite)
        silenced = "" if heard.carried else heard.codec
        return VideoEdit(
            frames, edited, left, "" if why is None else why.cause, video.damaged, video.concealed, silenced
        )


@dataclass(frozen=True, slots=True)
class _Worked:
    """A frame as it became, the number of its faces, how many of them were left as they were and why the last was, and
    whether anything was painted."""

    frame: Frame
    faces: int
    left: int = 0
    why: InputError | None = None
    painted: bool = False

    @property
    def edited(self) -> bool:
        """Whether any face was edited."""
        return self.left < self.faces


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
