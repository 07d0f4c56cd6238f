"""One source, from its opening to what became of it: the same for every way in which a batch is run."""

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from mien.compose.calibration import Calibration
from mien.compose.done import Done, Steps
from mien.compose.outputs import TABLES, BatchOptions, is_shared, named
from mien.compose.pace import Clock, Pace
from mien.compose.sinks import Sink, open_table, sinks_for
from mien.compose.sources import Source, opened
from mien.compose.streams import Streams
from mien.core.errors import InputError
from mien.core.face import FaceReading
from mien.formats.files import sha256_of
from mien.formats.tables import CsvTable
from mien.pipelines.capture import AHEAD, Capturer


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
        ahead: how many frames are followed while one is read, on another core.
        rows: a table to be made for each source's rows, or None.
        hashed: whether the content of sources is hashed.
    """

    batch: BatchOptions
    capturer: Capturer
    tables: Sequence[CsvTable]
    streams: Streams
    calibration: Calibration
    steps: Steps
    clock: Clock
    ahead: int = AHEAD
    rows: Path | None = None
    hashed: bool = False


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
    pace = Pace(job.clock)
    options = job.capturer.options
    with opened(path, options.max_pixels, options.allow_damaged) as source, ExitStack() as stack:
        promised = source.frame_count and source.frame_count * job.calibration.passes
        job.steps.opened(path, promised if source.is_video else 1)
        sinks = _sinks(path, source, job, stack)
        for sink in sinks:
            stack.enter_context(sink)
        pictures = pace.keep(source.frames) if job.batch.realtime else source.frames
        stream = job.capturer.stream(pictures, ahead=0 if job.batch.realtime else job.ahead)
        calibrated = job.calibration.of(path, source, job.capturer, stream, job.steps.frame)
        for frame, readings in calibrated.stream(stream):
            for sink in sinks:
                sink.add(frame, readings)
            numbers.update(reading.face for reading in readings)
            frames, seen, last = frames + 1, seen + bool(readings), tuple(readings) or last
            job.steps.frame()
        if _identity(path) != before:
            raise InputError(path, "E_CHANGED", "the file changed while it was read", "try again once it is complete")
    lost, guessed = _damage(source, frames + pace.dropped)
    return Done(
        path, frames, len(numbers), seen, last, lost, guessed, pace.dropped, notes=(*source.notes, *calibrated.notes)
    )


def shared_tables(outputs: Iterable[Path]) -> list[Path]:
    """Those of the outputs that are."""
    return [path for path in outputs if is_shared(path)]


def _sinks(path: Path, source: Source, job: Job, stack: ExitStack) -> list[Sink]:
    """Where the readings of one source go: receivers first, for drawing takes time; its own tables close with it."""
    batch, capturer = job.batch, job.capturer
    own = [named(p, path) for p in batch.outputs if p.suffix.lower() in TABLES and not is_shared(p)]
    mine = [stack.enter_context(open_table(p, capturer.options.landmarks, batch.overwrite)) for p in own]
    if job.rows is not None:
        mine.append(stack.enter_context(open_table(job.rows, capturer.options.landmarks, True)))
    files = sinks_for(path, source, batch.outputs, [*job.tables, *mine], batch.overlay, capturer, batch.overwrite)
    return [*job.streams.sinks(source), *files]


def _identity(path: Path) -> tuple[int, ...]:
    """What differs between a file and another one, or the same one written to. Nothing for what cannot be asked."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # said when it is opened
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _damage(source: Source, frames: int) -> tuple[int, int]:
    """Frames that a video promised and did not give, and frames that its decoder guessed a part of."""
    if source.reader is None or not (source.reader.damaged or source.reader.concealed):
        return 0, 0
    # A damaged packet may cost its neighbours too: what the container promised counts, where it says so.
    promised = source.frame_count or frames + source.reader.damaged
    return max(promised - frames, 0), source.reader.concealed
