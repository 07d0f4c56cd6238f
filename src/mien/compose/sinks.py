"""Where a stream of readings goes: a table, a take, an overlay. Each is a context manager that leaves whole files."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from mien.compose.sources import Source, holds_video
from mien.core.basis import ARKIT
from mien.core.errors import InputError, OutputError, UsageError
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.detect.shape import mean_face
from mien.formats.images import write_image
from mien.formats.registry import save
from mien.formats.tables import CsvTable
from mien.formats.video import VideoWriter
from mien.imaging.draw import draw_overlay
from mien.pipelines.capture import Capturer, Gather

VIDEO_COLUMNS = (
    *("eyeBlinkLeft", "eyeBlinkRight", "eyeSquintLeft", "eyeSquintRight", "browDownLeft", "browDownRight"),
    *("browInnerUp", "browOuterUpLeft", "browOuterUpRight", "jawOpen", "mouthSmileLeft", "mouthSmileRight"),
    *("mouthPucker", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
)
"""The weights whose bars a video shows: the same from the first frame to the last."""

TAKES = (".json", ".npz")
TABLES = (".csv",)
STILLS = (".png", ".jpg", ".jpeg", ".webp")
CLIPS = (".mp4",)

DEFAULT_RATE = 25.0
"""Frames a second of an overlay whose source names none."""


class Sink(AbstractContextManager["Sink"], Protocol):
    """Takes in one frame after the other."""

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """One frame and what was read in it."""
        ...


class TableSink:
    """Rows of one source in a table that may hold several."""

    def __init__(self, table: CsvTable, source: Source) -> None:
        self._table, self._source = table, source

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close: the table outlives the source."""

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """A row for each face."""
        for reading in readings:
            self._table.write(self._source.name, reading)


class TakeSink:
    """A take file, written once the source has ended."""

    def __init__(self, path: Path, source: Source, overwrite: bool) -> None:
        self._path, self._overwrite = path, overwrite
        self._gather = Gather(source.name, source.frame_rate, source.start_timecode)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes the file, unless the source failed."""
        if kind is None:
            save(self._gather.capture(), self._path, self._overwrite)

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """Gathers."""
        self._gather.add(frame, readings)


class StillSink:
    """A picture with the readings drawn on it."""

    def __init__(self, path: Path, capturer: Capturer, overwrite: bool) -> None:
        self._path, self._capturer, self._overwrite = path, capturer, overwrite

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close: the picture is whole as soon as it is written."""

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """Draws and writes."""
        drawn = draw_overlay(frame, readings, mean_face().triangles, self._capturer.camera(frame))
        write_image(drawn, self._path, self._overwrite)


class ClipSink:
    """A video with the readings drawn on it."""

    def __init__(self, path: Path, source: Source, capturer: Capturer, overwrite: bool) -> None:
        self._path, self._source, self._capturer, self._overwrite = path, source, capturer, overwrite
        self._writer: VideoWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the video; after a failure nothing stays of it."""
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """Draws and encodes."""
        camera = self._capturer.camera(frame)
        drawn = draw_overlay(frame, readings, mean_face().triangles, camera, VIDEO_COLUMNS)
        if self._writer is None:
            rate = self._source.frame_rate or DEFAULT_RATE
            self._writer = VideoWriter(self._path, drawn.shape[1], drawn.shape[0], rate, self._overwrite).__enter__()
        self._writer.write(drawn, frame.time)


def named(pattern: Path, source: Path) -> Path:
    """`pattern` with the source's name, without folder and ending, in the place of `{name}`."""
    return Path(str(pattern).replace("{name}", source.stem))


def check_outputs(
    outputs: Sequence[Path], overlay: Path | None, sources: Sequence[Path], overwrite: bool = False
) -> None:
    """Refuses what could not be written, before anything is read.

    Raises:
        UsageError: an ending is unknown, two results would go to one file, a source would be overwritten, or the
            overlay of a photo would be a video.
        OutputError: a file exists already, or its folder does not.
    """
    for path in outputs:
        _check_ending(path, (*TAKES, *TABLES), "-o")
    if overlay is not None:
        _check_ending(overlay, (*STILLS, *CLIPS), "--overlay")
    patterns = (*outputs, *((overlay,) if overlay else ()))
    for path in patterns:
        if len(sources) > 1 and path.suffix.lower() not in TABLES and "{name}" not in str(path):
            example = path.with_name(f"{{name}}{path.suffix}")
            cause = f"{len(sources)} sources cannot share this file"
            raise UsageError(path, "E_USAGE", cause, f"write {example}")
    inputs = {os.path.realpath(source) for source in sources}
    taken: dict[str, Path] = {}
    for pattern in patterns:
        shared = pattern.suffix.lower() in TABLES and "{name}" not in str(pattern)
        for target, source in ((named(pattern, source), source) for source in (sources[:1] if shared else sources)):
            place = os.path.realpath(target)
            if place in inputs:
                raise UsageError(target, "E_USAGE", "is one of the sources, which are never overwritten")
            if place in taken:
                both = f"two results would go to this file, of {taken[place]} and of {source}"
                raise UsageError(target, "E_USAGE", both, "capture them one by one, to different files")
            taken[place] = source
            _check_place(target, overwrite)
    if overlay is not None:
        _check_kinds(overlay, sources)


def _check_ending(path: Path, endings: Sequence[str], flag: str) -> None:
    if path.suffix.lower() not in endings:
        cause = f"{flag} does not write {path.suffix or 'a name without ending'}"
        raise UsageError(path, "E_USAGE", cause, f"known: {' '.join(endings)}")


def _check_place(target: Path, overwrite: bool) -> None:
    if not overwrite and os.path.isfile(target):
        raise OutputError(target, "E_EXISTS", "the file exists already", "--overwrite replaces it")
    if not os.path.isdir(target.parent):
        raise OutputError(target, "E_NOTDIR", "the folder does not exist", "create it first")


def _check_kinds(overlay: Path, sources: Sequence[Path]) -> None:
    for source in sources:
        with suppress(InputError):  # said when its turn comes
            _check_kind(named(overlay, source), holds_video(source))


def _check_kind(target: Path, is_video: bool) -> None:
    if is_video != (target.suffix.lower() in CLIPS):
        what, wanted = ("a video", ".mp4") if is_video else ("a photo", ".png")
        raise UsageError(target, "E_USAGE", f"the overlay of {what} cannot be {target.suffix}", f"name a {wanted}")


def sinks_for(
    path: Path,
    source: Source,
    outputs: Sequence[Path],
    tables: Sequence[CsvTable],
    overlay: Path | None,
    capturer: Capturer,
    overwrite: bool,
) -> list[Sink]:
    """The sinks of one source: its rows in every open table, its takes, its overlay.

    Raises:
        UsageError: a photo's overlay would be a video, or a video's a photo.
    """
    sinks: list[Sink] = [TableSink(table, source) for table in tables]
    sinks += [TakeSink(named(output, path), source, overwrite) for output in outputs if output.suffix.lower() in TAKES]
    if overlay is not None:
        target = named(overlay, path)
        _check_kind(target, source.is_video)
        clip = source.is_video
        sinks.append(ClipSink(target, source, capturer, overwrite) if clip else StillSink(target, capturer, overwrite))
    return sinks


def open_table(path: Path, landmarks: bool, overwrite: bool) -> CsvTable:
    """The table that gathers the rows of all sources."""
    return CsvTable(path, ARKIT, landmarks=landmarks, overwrite=overwrite)
