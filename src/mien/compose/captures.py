"""Photos, folders and videos to takes, tables and overlays: what `mien capture` and `mien.capture` are made of."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from mien.compose.calibration import Calibrated, Calibration, left_uncalibrated
from mien.compose.cameras import CameraOptions, LiveCamera, feed_of
from mien.compose.damage import damage, partly_read
from mien.compose.digest_sink import write_list
from mien.compose.done import Done, Steps
from mien.compose.items import Job, capture_item, many_faces
from mien.compose.long_results import note_long_results
from mien.compose.neutral_files import with_resting_face
from mien.compose.outputs import BatchOptions, check_outputs
from mien.compose.pace import SYSTEM_CLOCK, Clock
from mien.compose.sources import Source, frames_of, opened
from mien.compose.streams import Streams
from mien.compose.table_sink import open_table
from mien.core.arrays import Array
from mien.core.errors import UsageError, printable
from mien.core.face import Capture, FaceReading
from mien.core.image import Frame
from mien.core.neutral import self_calibrated
from mien.digest.listing import Entry
from mien.formats.files import make_folder
from mien.formats.photo_notes import Note
from mien.pipelines.capture import LIVE, CaptureOptions, Capturer
from mien.pipelines.gather import Gather


class CaptureWarning(UserWarning):
    """What is worth knowing about a source that was captured: its name, a code and words, as `mien capture` says it."""


def capture(
    source: str | os.PathLike[str] | Array | Frame | Iterable[Frame], options: CaptureOptions = CaptureOptions()
) -> Capture:
    """Reads every face of a source.

    Args:
        source: path of a photo or a video, pixels [H, W, 3] uint8 RGB (or [H, W] grey), a frame, or frames.
        options: how faces are read.

    Returns:
        One take per face. No face is a result: `takes` is empty then.

    Warns:
        CaptureWarning: something is worth knowing about the file, as that only a part of it could be read.

    Raises:
        InputError: the file cannot be read.
        UsageError: an option is out of range, or the source is of another kind.
        ModelError: a weight file is missing or was changed.
    """
    options = with_resting_face(options)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        with opened(path, options.max_pixels, options.allow_damaged, options.max_frames) as media:
            found, notes = _gathered(media, path, options)
    else:
        path = Path("frames")
        found, notes = _gathered(Source("", frames_of(source)), path, options)
    for note in notes:
        warnings.warn(f"{printable(path)}: {note.code}: {note.cause}", CaptureWarning, stacklevel=2)
    return found


def live(
    camera: int | str | CameraOptions = 0, options: CaptureOptions = CaptureOptions()
) -> Iterator[tuple[Frame, list[FaceReading]]]:
    """Reads every face that a camera sees, frame by frame, until the loop is left or the camera is gone.

    The newest frame wins: what comes while one is read is not looked at, and nothing piles up. A resting face that the
    options name is that of every face that comes by.

    Args:
        camera: its number, its name, a path; `file:CLIP.mp4` plays a video as if it were a camera.
        options: how faces are read.

    Yields:
        A frame, with seconds from the first, and its readings.

    Raises:
        InputError: there is no such camera, or it cannot be read; or the file of a resting face cannot.
        UsageError: weights shall count from each face's own calm frames, which only a second reading tells.
        ModelError: a weight file is missing or was changed.
    """
    if options.neutral.is_auto:
        cause = "auto reads a source twice, and a camera is read once"
        raise UsageError("neutral", "E_USAGE", cause, "name a file of the resting face")
    wanted = camera if isinstance(camera, CameraOptions) else CameraOptions(str(camera))
    return _live(wanted, with_resting_face(options))


def _live(wanted: CameraOptions, options: CaptureOptions) -> Iterator[tuple[Frame, list[FaceReading]]]:
    capturer = Capturer(options)
    with (
        LiveCamera(wanted, feed_of(wanted, options.max_pixels)) as reading,
        closing(capturer.stream(reading.frames(), LIVE)) as stream,
    ):
        yield from Calibrated(reading.path, options.neutral.resting, shared=True).stream(stream)


def _gathered(source: Source, path: Path, options: CaptureOptions) -> tuple[Capture, list[Note]]:
    """What a source shows, and what is worth knowing about it."""
    neutral, gather = options.neutral, Gather(source.name, source.frame_rate, source.start_timecode)
    calibrated = Calibrated(path, neutral.resting)
    turned_away: list[Note] = []
    full = partial(turned_away.append, many_faces(options.max_faces))
    for frame, readings in calibrated.stream(Capturer(options).stream(source.frames, full=full)):
        gather.add(frame, readings)
    found = gather.capture()
    notes = [*_lost(source, found.frames), *source.notes, *turned_away, *calibrated.notes]
    if neutral.is_auto:
        found = replace(found, takes=tuple(self_calibrated(take) for take in found.takes))
        notes += left_uncalibrated(take.face for take in found.takes if take.identity.resting is None)
    return found, notes


def _lost(source: Source, frames: int) -> Iterator[Note]:
    lost, guessed = damage(source, frames)
    if lost or guessed:
        yield Note("W_PARTIAL", partly_read(frames, lost, guessed))


def capture_batch(
    sources: Sequence[Path],
    batch: BatchOptions,
    options: CaptureOptions = CaptureOptions(),
    steps: Steps = Steps(),
    clock: Clock = SYSTEM_CLOCK,
    camera: LiveCamera | None = None,
) -> list[Done]:
    """Captures one source after the other; one that fails costs itself alone.

    Args:
        sources: files.
        batch: what it leaves behind.
        options: how faces are read.
        steps: who wants to know.
        clock: what `realtime` goes by.
        camera: what is read in the place of files, until it ends or is stopped.

    Raises:
        UsageError: the outputs cannot be written as asked, or there is no way to a receiver; nothing was read.
        OutputError: the disk refuses.
        ModelError: a weight file is missing or was changed.
    """
    sources = sources if camera is None else [camera.path]
    batch = batch.arranged(sources)
    targets = check_outputs(batch, sources, live=camera is not None)
    options = with_resting_face(options)
    calibration = Calibration(options, batch, steps.prompted, steps.warned)
    results: list[Done] = []
    with ExitStack() as stack:
        streams = stack.enter_context(Streams(batch.streams))
        capturer = Capturer(options)
        for folder in dict.fromkeys(target.parent for target in targets):
            make_folder(folder)
        landmarks = capturer.options.landmarks
        # A table closes whole or, after an exception, not at all; of sources that all failed there shall be none.
        stack.enter_context(suppress(_NothingRead))
        tables = [stack.enter_context(open_table(path, landmarks, batch.overwrite)) for path in batch.tables]
        entries: dict[Path, Entry] = {}
        listed = entries.__setitem__ if batch.listing else None
        job = Job(batch, capturer, tables, streams, calibration, steps, clock, listed=listed, camera=camera)
        for path in sources:
            results.append(capture_item(path, job))
            steps.done(results[-1])
        for streamed in streams.streamed():
            steps.streamed(streamed)
        if all(done.error is not None for done in results):
            raise _NothingRead
        write_list(results, entries, batch, options, batch.overwrite)
    note_long_results(results, batch, steps)
    return results


class _NothingRead(Exception):
    """Every source failed."""
