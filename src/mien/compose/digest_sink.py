"""What people look at after a capture: the summary, the page, and the row of the list, of one source."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

from mien.compose.done import Done, shown
from mien.compose.naming import page_named, picture_named
from mien.compose.outputs import BatchOptions
from mien.compose.sources import Source
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.digest.gather import Digester
from mien.digest.listing import Entry, ListRow, write_listing
from mien.digest.page import About, write_report
from mien.digest.summary import write_summary
from mien.pipelines.capture import CaptureOptions
from mien.weights.brought import brought_card
from mien.weights.catalog import card

_ALWAYS, _FIT = ("appearance", "face-look", "face-shape"), ("compact-rig",)
_OWN = ("finder", "landmarks-8bit", "lgml", "refiner")

Listed = Callable[[Entry], object]
"""Takes in what a list says of a source."""


class DigestSink:
    """Gathers little of every frame, and draws once the source has ended: however long it was, memory stays flat.

    Args:
        path: the source.
        source: the same, opened.
        batch: where summary and report go, `arranged`.
        options: how faces are read.
        listed: who wants the row of a list, or None.
    """

    def __init__(
        self, path: Path, source: Source, batch: BatchOptions, options: CaptureOptions, listed: Listed | None
    ) -> None:
        self._path, self._batch, self._options, self._listed = path, batch, options, listed
        self._digester = Digester(source.name, _size(path), source.is_video, source.frame_rate)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Draws and writes, unless the source failed."""
        if kind is not None:
            return
        digest, batch = self._digester.digest(), self._batch
        if batch.summary is not None:
            write_summary(digest, picture_named(batch.summary, self._path, batch.base), batch.overwrite)
        if batch.report is not None and not batch.listing:
            target = page_named(batch.report, self._path, batch.base)
            write_report(digest, about(self._options), target, batch.report_pictures, batch.overwrite)
        if self._listed is not None:
            self._listed(Entry.of(digest, batch.report_pictures))

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """Gathers."""
        self._digester.add(frame, readings)


def _size(path: Path) -> int:
    """Bytes of a file; 0 where the system does not say."""
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0


def digest_sinks(
    path: Path, source: Source, batch: BatchOptions, options: CaptureOptions, listed: Listed | None
) -> list[DigestSink]:
    """The sink of one source, if anything that it writes is asked for."""
    asked = batch.summary is not None or batch.report is not None
    return [DigestSink(path, source, batch, options, listed)] if asked else []


def about(options: CaptureOptions) -> About:
    """How pages came about."""
    said = tuple((field.name.replace("_", "-"), str(getattr(options, field.name))) for field in fields(options))
    return About(version("mien"), said, models_used(options))


def models_used(options: CaptureOptions) -> tuple[tuple[str, str], ...]:
    """Names and SHA-256 of the weight files that capture reads by. Raises `ModelError`: a card cannot be read."""
    names = (*_ALWAYS, *(_OWN if options.landmarker == "mien" else ()), *(_FIT if options.fit else ()))
    brought = () if options.landmarker == "mien" else (brought_card(options.landmarker),)
    return tuple((each.name, each.sha256) for each in (*map(card, names), *brought))


def write_list(
    results: Iterable[Done],
    entries: Mapping[Path, Entry] | Callable[[Path], Entry],
    batch: BatchOptions,
    options: CaptureOptions,
    overwrite: bool,
) -> Sequence[Path]:
    """Writes the page that lists every source, where one is asked for.

    Args:
        results: what became of each source.
        entries: what is listed of those that were read.
        batch: says where it goes.
        options: how faces were read.
        overwrite: whether a page that is there may be replaced.

    Returns:
        The page, or nothing.

    Raises:
        OutputError: the disk refuses.
        InputError: an entry cannot be read.
    """
    target = listing_target(batch)
    if target is None:
        return ()
    entry = entries if callable(entries) else entries.__getitem__
    rows = [_row(done, entry) for done in results]
    write_listing(rows, about(options), target, overwrite)
    return (target,)


def listing_target(batch: BatchOptions) -> Path | None:
    """Where the page goes that lists every source, or None."""
    return page_named(batch.report, Path(), batch.base) if batch.listing and batch.report is not None else None


def _row(done: Done, entry: Callable[[Path], Entry]) -> ListRow:
    error = "" if done.error is None else f"{done.error.code}: {done.error.cause}"
    if done.error is not None and done.error.remedy:
        error += f" ({done.error.remedy})"
    return ListRow(shown(done.path), str(done.status), error, None if done.error is not None else entry(done.path))
