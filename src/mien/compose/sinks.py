"""Where a stream of readings goes: a take, an overlay. Each is a context manager that leaves whole files."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from mien.compose.naming import named, overlay_named
from mien.compose.outputs import TAKES, BatchOptions
from mien.compose.sources import Source
from mien.compose.table_sink import RowTable, TableSink
from mien.core.arrays import Array
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.detect.shape import mean_face
from mien.formats.images import write_image
from mien.formats.registry import save
from mien.formats.video import VideoWriter
from mien.imaging.draw import draw_overlay
from mien.pipelines.capture import Capturer
from mien.pipelines.gather import Gather

VIDEO_COLUMNS = (
    *("eyeBlinkLeft", "eyeBlinkRight", "eyeSquintLeft", "eyeSquintRight", "browDownLeft", "browDownRight"),
    *("browInnerUp", "browOuterUpLeft", "browOuterUpRight", "jawOpen", "mouthSmileLeft", "mouthSmileRight"),
    *("mouthPucker", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
)
"""The weights whose bars a video shows: the same from the first frame to the last."""

DEFAULT_RATE = 25.0
"""Frames a second of an overlay whose source names none."""


class Sink(AbstractContextManager["Sink"], Protocol):
    """Takes in one frame after the other."""

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """One frame and what was read in it."""
        ...


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
    """A picture with the readings drawn on it, written once the source has ended."""

    def __init__(self, path: Path, capturer: Capturer, overwrite: bool) -> None:
        self._path, self._capturer, self._overwrite = path, capturer, overwrite
        self._drawn: Array | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes the file, unless the source failed."""
        if kind is None and self._drawn is not None:
            write_image(self._drawn, self._path, self._overwrite)

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """Draws."""
        self._drawn = draw_overlay(frame, readings, mean_face().triangles, self._capturer.camera(frame))


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


def sinks_for(
    path: Path, source: Source, batch: BatchOptions, tables: Sequence[RowTable], capturer: Capturer
) -> list[Sink]:
    """The sinks of one source: its rows in every open table, its takes, its overlay."""
    overwrite = batch.overwrite
    sinks: list[Sink] = [TableSink(table, source) for table in tables]
    takes = [output for output in batch.outputs if output.suffix.lower() in TAKES]
    sinks += [TakeSink(named(output, path, batch.base), source, overwrite) for output in takes]
    if batch.overlay is not None:
        target, clip = overlay_named(batch.overlay, path, source.is_video, batch.base), source.is_video
        sinks.append(ClipSink(target, source, capturer, overwrite) if clip else StillSink(target, capturer, overwrite))
    return sinks
