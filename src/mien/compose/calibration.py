"""Weights that count from a resting face, source by source: a given one, each face's own, or one that is asked for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mien.compose.neutral_files import save_resting_face
from mien.compose.outputs import BatchOptions
from mien.compose.session import CalibrationSession, Prompt
from mien.compose.sources import Source, opened
from mien.core.errors import InputError, UsageError
from mien.core.face import Expression, FaceReading
from mien.core.image import Frame
from mien.core.neutral import FaceWeights
from mien.core.resting import calibrated
from mien.formats.files import check_replaceable
from mien.formats.photo_notes import Note
from mien.pipelines.capture import CaptureOptions, Capturer

Stream = Iterator[tuple[Frame, list[FaceReading]]]

UNCALIBRATED, SHARED = "W_NEUTRAL", "W_SHARED_NEUTRAL"


class Calibration:
    """How the sources of a batch are calibrated.

    Args:
        options: how faces are read; a file of a resting face has been read already.
        batch: whether a session comes first, and where its result is kept.
        prompted: called with each prompt of a session.
        warned: called, after a session, with the source, a code and a cause, if the resting face may be none.

    Raises:
        UsageError: a session beside another resting face, or own calm frames of what is read once.
        OutputExists: what a session found would replace a file.
    """

    def __init__(
        self,
        options: CaptureOptions,
        batch: BatchOptions,
        prompted: Callable[[Prompt], None] = lambda prompt: None,
        warned: Callable[[object, str, str], None] = lambda source, code, cause: None,
    ) -> None:
        neutral = options.neutral
        if batch.calibrate and neutral.asked:
            raise UsageError("--calibrate", "E_USAGE", "finds a resting face, and --neutral names one", "say one")
        if batch.realtime and neutral.is_auto:
            cause = "reads a source twice, and --realtime reads it once"
            raise UsageError("--neutral auto", "E_USAGE", cause, "use --calibrate, or name a file")
        if batch.save_neutral is not None:
            check_replaceable(batch.save_neutral, batch.overwrite)
        self._batch, self._prompted, self._warned = batch, prompted, warned
        self._asks = batch.calibrate
        self._is_auto = neutral.is_auto
        self._given = neutral.resting

    @property
    def passes(self) -> int:
        """How often a video is read."""
        return 2 if self._is_auto else 1

    def of(
        self, path: Path, source: Source, capturer: Capturer, stream: Stream, step: Callable[[], None] = lambda: None
    ) -> "Calibrated":
        """That of one source.

        Args:
            path: the source.
            source: opened.
            capturer: reads it.
            stream: what it reads; a session takes its first seconds.
            step: called for each frame that is read for the calibration alone.

        Raises:
            InputError: the source cannot be read, or E_NEUTRAL: it ends before its session.
        """
        taken = 0
        if self._asks:
            session, taken = self._asked(path, stream, step)
            self._given, self._asks = session.resting, False
        if not self._is_auto:
            return Calibrated(path, self._given, shared=self._batch.realtime, taken=taken)
        if not source.is_video:
            note = Note(UNCALIBRATED, "not calibrated: a photo has no calm frames to tell its resting face by")
            return Calibrated(path, notes=(note,))
        weights = FaceWeights()
        options = capturer.options
        with opened(path, options.max_pixels, options.allow_damaged, options.max_frames) as first:
            for _, readings in capturer.stream(first.frames):
                weights.add(readings)
                step()
        return Calibrated(path, own=weights.calm_faces())

    def _asked(self, path: Path, stream: Stream, step: Callable[[], None]) -> tuple[CalibrationSession, int]:
        """A session with the largest face in each frame, held to its end, and how many frames it took."""
        session, taken = CalibrationSession(self._prompted), 0
        for frame, readings in stream:
            step()
            taken += 1
            session.see(frame.time, max(readings, key=lambda reading: reading.size, default=None))
            if session.done:
                break
        else:
            cause = "ended before its ten seconds of calibration"
            raise InputError(path, "E_NEUTRAL", cause, "use a longer source, or --neutral FILE")
        if unshown := ", ".join(repr(prompt.text) for prompt in session.unshown):
            remedy = "if they were shown, calibrate again with a neutral face at the beginning"
            self._warned(path, UNCALIBRATED, f"did not stand out from the resting face: {unshown}; {remedy}")
        if self._batch.save_neutral is not None:
            save_resting_face(session.resting, self._batch.save_neutral, self._batch.overwrite)
        return session, taken


@dataclass(eq=False)
class Calibrated:
    """The calibration of one source.

    Args:
        path: the source.
        given: the resting face of its one person, or None.
        own: those of its faces by number, None for one that is not known; or None where a given one counts.
        notes: what should be known about it.
        shared: whether faces that are there at once all count from a given one, which is noted. What comes live does
            not come again: nobody who walks by may end it.
        taken: frames that a session took before.
    """

    path: Path
    given: Expression | None = None
    own: dict[int, Expression | None] | None = None
    notes: tuple[Note, ...] = ()
    shared: bool = False
    taken: int = 0
    _faces: set[int] = field(default_factory=set)

    def stream(self, stream: Stream) -> Stream:
        """The same with its weights calibrated; what should be known is in `notes` at its end.

        Raises:
            InputError: E_SEVERAL: two faces at once, and a resting face of one person that is not `shared`.
        """
        for frame, readings in stream:
            if self.given is not None and len(readings) > 1 and not self.shared:
                cause = f"shows {len(readings)} faces at {frame.time:.2f} s, and the resting face is one person's"
                raise InputError(self.path, "E_SEVERAL", cause, "say whose it is with --face N, or --face largest")
            self._faces.update(reading.face for reading in readings)
            yield frame, [self._counted(reading) for reading in readings]
        self.notes = (*self.notes, *self._noted())

    def _counted(self, reading: FaceReading) -> FaceReading:
        resting = self.given if self.own is None else self.own.get(reading.face)
        return reading if resting is None else calibrated_reading(reading, resting)

    def _noted(self) -> Iterator[Note]:
        faces = sorted(self._faces)
        if self.given is not None and len(faces) > 1:
            named = ", ".join(map(str, faces))
            yield Note(SHARED, f"faces {named} count from one resting face; --face N or largest chooses")
        if self.own is not None:
            yield from left_uncalibrated(face for face in faces if self.own.get(face) is None)


def left_uncalibrated(faces: Iterable[int]) -> Iterator[Note]:
    """That these faces, if there are any, count from no resting face of their own."""
    if named := ", ".join(map(str, faces)):
        yield Note(UNCALIBRATED, f"not calibrated: too few calm frames of face {named}")


def calibrated_reading(reading: FaceReading, resting: Expression) -> FaceReading:
    """A reading whose weights count from `resting`, which its identity keeps."""
    state = replace(reading.state, expression=calibrated(reading.state.expression, resting))
    return replace(reading, state=state, identity=replace(reading.identity, resting=resting))
