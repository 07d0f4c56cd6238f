"""One source, from its opening to what became of it: the same for every way in which a batch is run."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mien.compose.calibration import Calibration
from mien.compose.cameras import LiveCamera
from mien.compose.damage import damage
from mien.compose.digest_sink import Listed, digest_sinks
from mien.compose.done import Done, Steps
from mien.compose.naming import named
from mien.compose.outputs import LISTED, TABLES, BatchOptions, is_shared
from mien.compose.pace import Clock, Pace
from mien.compose.sinks import Sink, sinks_for
from mien.compose.sources import Source, opened
from mien.compose.streams import Streams
from mien.compose.table_sink import RowTable, open_table
from mien.core.errors import InputError
from mien.core.face import FaceReading
from mien.digest.listing import Entry, write_entry
from mien.formats.files import sha256_of
from mien.formats.photo_notes import Note
from mien.pipelines.capture import LIVE, TWO_CORES, Capturer, Stride

MANY_FACES = "W_MANY_FACES"
"""The code of a note that says that a source shows more faces than were read."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the sources of a batch share.

    Args:
        batch: what it leaves behind.
        capturer: the networks.
        tables: open ones that take the rows of every source.
        streams: open receivers.
        calibration: from which resting faces weights count.
        steps: who wants to know.
        clock: what `realtime` goes by.
        stride: how many frames are read at once, and how many wait; `realtime` lets none wait.
        parts: files to be made of what each source adds to what is shared; none where `tables` and `listed` take it.
        hashed: whether the content of sources is hashed.
        listed: takes in what a list of all sources says of one, or None.
        camera: what is read in the place of a file, or None.
    """

    batch: BatchOptions
    capturer: Capturer
    tables: Sequence[RowTable]
    streams: Streams
    calibration: Calibration
    steps: Steps
    clock: Clock
    stride: Stride = TWO_CORES
    parts: tuple[Path, ...] = ()
    hashed: bool = False
    listed: Callable[[Path, Entry], object] | None = None
    camera: LiveCamera | None = None

    def opened(self, path: Path) -> AbstractContextManager[Source]:
        """The source: the file at `path`, or the camera that it stands for."""
        if self.camera is not None:
            return self.camera.opened()
        options = self.capturer.options
        return opened(path, options.max_pixels, options.allow_damaged, options.max_frames)


def capture_item(path: Path, job: Job) -> Done:
    """Captures one source into its sinks; leaves nothing of it, and says why, when it cannot be read."""
    sha256 = ""
    try:
        before = _identity(path)
        sha256 = sha256_of(path) if job.hashed else ""
        return replace(_captured(path, job, before), sha256=sha256)
    except InputError as error:
        return Done(path, error=error, sha256=sha256)


def _captured(path: Path, job: Job, before: tuple[int, ...]) -> Done:
    frames = seen = 0
    numbers: set[int] = set()
    last: tuple[FaceReading, ...] = ()
    pace, camera = Pace(job.clock), job.camera
    turned_away: list[Note] = []
    full = partial(turned_away.append, many_faces(job.capturer.options.max_faces))
    paced = job.batch.realtime and camera is None  # a camera keeps its own pace
    with job.opened(path) as source, ExitStack() as stack:
        promised = source.frame_count and source.frame_count * job.calibration.passes
        job.steps.opened(path, promised if source.is_video else 1)
        sinks = _sinks(path, source, job, stack)
        for sink in sinks:
            stack.enter_context(sink)
        pictures = pace.keep(source.frames) if paced else source.frames
        stream = job.capturer.stream(pictures, LIVE if job.batch.realtime else job.stride, full)
        calibrated = job.calibration.of(path, source, job.capturer, stream, job.steps.frame)
        for frame, readings in calibrated.stream(stream):
            if camera is not None:
                camera.read(frame)
            for sink in sinks:
                sink.add(frame, readings)
            numbers.update(reading.face for reading in readings)
            frames, seen, last = frames + 1, seen + bool(readings), tuple(readings) or last
            job.steps.read(frame, readings)
            job.steps.frame()
        if _identity(path) != before:
            raise InputError(path, "E_CHANGED", "the file changed while it was read", "try again once it is complete")
    lost, guessed = damage(source, frames + pace.dropped + calibrated.taken)
    dropped, notes = (pace.dropped, ()) if camera is None else (camera.dropped, camera.notes)
    told = (*source.notes, *notes, *turned_away, *calibrated.notes)
    return Done(path, frames, len(numbers), seen, last, lost, guessed, dropped, notes=told)


def many_faces(most: int) -> Note:
    """That a source shows more faces than the `most` that are read at once."""
    return Note(MANY_FACES, f"more faces were found than the {most} that are read at once; --max-faces allows more")


def _sinks(path: Path, source: Source, job: Job, stack: ExitStack) -> list[Sink]:
    """Where the readings of one source go: receivers first, for drawing takes time; its own tables close with it."""
    batch, capturer = job.batch, job.capturer
    landmarks = capturer.options.landmarks
    own = [named(p, path, batch.base) for p in batch.outputs if p.suffix.lower() in TABLES and not is_shared(p)]
    mine = [stack.enter_context(open_table(p, landmarks, batch.overwrite)) for p in own]
    listed: Listed | None = None if job.listed is None else partial(job.listed, path)
    for part in job.parts:
        if part.suffix == LISTED:
            listed = partial(write_entry, path=part)
        else:
            mine.append(stack.enter_context(open_table(part, landmarks, True)))
    files = sinks_for(path, source, batch, [*job.tables, *mine], capturer)
    return [*job.streams.sinks(source), *files, *digest_sinks(path, source, batch, capturer.options, listed)]


def _identity(path: Path) -> tuple[int, ...]:
    """What differs between a file and another one, or the same one written to. Nothing for what cannot be asked."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # said when it is opened
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
