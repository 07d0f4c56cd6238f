"""Photos, folders and videos to takes, tables and overlays: what `mien capture` and `mien.capture` are made of."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mien.compose.outputs import TABLES, check_outputs, named
from mien.compose.pace import SYSTEM_CLOCK, Clock, Pace
from mien.compose.sinks import Sink, open_table, sinks_for
from mien.compose.sources import Source, frames_of, opened
from mien.compose.streams import Streamed, Streams
from mien.core.arrays import Array
from mien.core.errors import InputError, MienError, UsageError
from mien.core.face import Capture, FaceReading
from mien.core.image import Frame
from mien.formats.files import make_folder
from mien.formats.stream import Destination
from mien.formats.tables import CsvTable
from mien.pipelines.capture import AHEAD, CaptureOptions, Capturer, Gather


def capture(
    source: str | os.PathLike[str] | Array | Frame | Iterable[Frame], options: CaptureOptions = CaptureOptions()
) -> Capture:
    """Reads every face of a source.

    Args:
        source: path of a photo or a video, pixels [H, W, 3] uint8 RGB (or [H, W] grey), a frame, or frames.
        options: how faces are read.

    Returns:
        One take per face. No face is a result: `takes` is empty then.

    Raises:
        InputError: the file cannot be read.
        UsageError: an option is out of range, or the source is of another kind.
        ModelError: a weight file is missing or was changed.
    """
    if not isinstance(source, str | os.PathLike):
        return _gathered(frames_of(source), Gather(""), options)
    with opened(Path(source)) as media:
        return _gathered(media.frames, Gather(media.name, media.frame_rate, media.start_timecode), options)


def _gathered(frames: Iterable[Frame], gather: Gather, options: CaptureOptions) -> Capture:
    for frame, readings in Capturer(options).stream(frames):
        gather.add(frame, readings)
    return gather.capture()


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What a batch leaves behind.

    Args:
        outputs: files to write, `.json` or `.npz` takes and `.csv` tables; `{name}` stands for the source's name.
        overlay: picture or video to write with the readings drawn on it, or None.
        overwrite: whether existing files are replaced.
        realtime: whether frames are read at the pace of their own times, and dropped when they come too late.
        streams: receivers that get every moment over UDP; they need `realtime`, or they would be flooded.
    """

    outputs: tuple[Path, ...] = ()
    overlay: Path | None = None
    overwrite: bool = False
    realtime: bool = False
    streams: tuple[Destination, ...] = ()

    def __post_init__(self) -> None:
        if self.streams and not self.realtime:
            cause = "a receiver would get a video's frames as fast as they are read"
            raise UsageError(f"--stream {self.streams[0]}", "E_USAGE", cause, "add --realtime")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one source.

    Args:
        path: the source.
        frames: looked at.
        faces: how many different ones were seen.
        seen: frames in which there was one.
        last: the readings of its last frame that held any.
        lost: frames that a damaged video promised and did not give.
        guessed: frames of which the decoder of a damaged video made up a part.
        dropped: frames that came too late to be looked at in real time.
        error: why it failed, or None.
    """

    path: Path
    frames: int = 0
    faces: int = 0
    seen: int = 0
    last: tuple[FaceReading, ...] = ()
    lost: int = 0
    guessed: int = 0
    dropped: int = 0
    error: MienError | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """Who wants to know how a batch goes on.

    Called with the source and its frame count, after each frame, with what became of the source, and at the end of all
    with what became of each stream.
    """

    opened: Callable[[Path, int | None], None] = field(default=lambda path, frames: None)
    frame: Callable[[], None] = field(default=lambda: None)
    done: Callable[[Done], None] = field(default=lambda done: None)
    streamed: Callable[[Streamed], None] = field(default=lambda streamed: None)


def capture_batch(
    sources: Sequence[Path],
    batch: BatchOptions,
    options: CaptureOptions = CaptureOptions(),
    steps: Steps = Steps(),
    clock: Clock = SYSTEM_CLOCK,
) -> list[Done]:
    """Captures one source after the other; one that fails costs itself alone.

    Raises:
        UsageError: the outputs cannot be written as asked, or there is no way to a receiver; nothing was read.
        OutputError: the disk refuses.
        ModelError: a weight file is missing or was changed.
    """
    targets = check_outputs(batch.outputs, batch.overlay, sources, batch.overwrite)
    with ExitStack() as stack:
        streams = stack.enter_context(Streams(batch.streams))
        capturer = Capturer(options)
        for folder in dict.fromkeys(target.parent for target in targets):
            make_folder(folder)
        shared = [path for path in batch.outputs if path.suffix.lower() in TABLES and "{name}" not in str(path)]
        tables = [stack.enter_context(open_table(path, capturer.options.landmarks, batch.overwrite)) for path in shared]
        job = _Job(batch, capturer, tables, streams, steps, clock)
        results = []
        for path in sources:
            try:
                done = _one(path, job)
            except InputError as error:
                done = Done(path, error=error)
            results.append(done)
            steps.done(done)
        for streamed in streams.streamed():
            steps.streamed(streamed)
    return results


@dataclass(frozen=True, slots=True)
class _Job:
    """What the sources of a batch share."""

    batch: BatchOptions
    capturer: Capturer
    tables: Sequence[CsvTable]
    streams: Streams
    steps: Steps
    clock: Clock


def _one(path: Path, job: _Job) -> Done:
    frames = seen = 0
    numbers: set[int] = set()
    last: tuple[FaceReading, ...] = ()
    pace = Pace(job.clock)
    with opened(path) as source, ExitStack() as stack:
        job.steps.opened(path, source.frame_count if source.is_video else 1)
        sinks = _sinks(path, source, job, stack)
        for sink in sinks:
            stack.enter_context(sink)
        pictures = pace.keep(source.frames) if job.batch.realtime else source.frames
        for frame, readings in job.capturer.stream(pictures, ahead=0 if job.batch.realtime else AHEAD):
            for sink in sinks:
                sink.add(frame, readings)
            numbers.update(reading.face for reading in readings)
            frames, seen, last = frames + 1, seen + bool(readings), tuple(readings) or last
            job.steps.frame()
    lost, guessed = _damage(source, frames + pace.dropped)
    return Done(path, frames, len(numbers), seen, last, lost, guessed, pace.dropped)


def _sinks(path: Path, source: Source, job: _Job, stack: ExitStack) -> list[Sink]:
    """Where the readings of one source go: receivers first, for drawing takes time; its own tables close with it."""
    batch, capturer = job.batch, job.capturer
    own = [named(p, path) for p in batch.outputs if p.suffix.lower() in TABLES and "{name}" in str(p)]
    mine = [stack.enter_context(open_table(p, capturer.options.landmarks, batch.overwrite)) for p in own]
    files = sinks_for(path, source, batch.outputs, [*job.tables, *mine], batch.overlay, capturer, batch.overwrite)
    return [*job.streams.sinks(source), *files]


def _damage(source: Source, frames: int) -> tuple[int, int]:
    """Frames that a video promised and did not give, and frames that its decoder guessed a part of."""
    if source.reader is None or not (source.reader.damaged or source.reader.concealed):
        return 0, 0
    # A damaged packet may cost its neighbours too: what the container promised counts, where it says so.
    promised = source.frame_count or frames + source.reader.damaged
    return max(promised - frames, 0), source.reader.concealed
