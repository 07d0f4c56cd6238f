"""Rows of readings in tables that may hold those of several sources, and such tables put together from parts."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from mien.compose.outputs import PARQUET
from mien.compose.sources import Source
from mien.core.basis import ARKIT
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.formats.parquet_table import ParquetTable
from mien.formats.tables import CsvTable


class RowTable(AbstractContextManager["RowTable"], Protocol):
    """A table that is written row by row, and takes its place when it is closed: `CsvTable`, `ParquetTable`."""

    def mark(self) -> int:
        """Where the next row will stand."""
        ...

    def cut_back(self, mark: int) -> None:
        """Takes out every row since then."""
        ...

    def write(self, source: str, reading: FaceReading) -> None:
        """One more row."""
        ...

    def append(self, part: Path) -> None:
        """The rows of another table of the same kind."""
        ...


class TableSink:
    """Rows of one source in a table that may hold several."""

    def __init__(self, table: RowTable, source: Source) -> None:
        self._table, self._source = table, source
        self._start = 0

    def __enter__(self) -> Self:
        self._start = self._table.mark()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The table outlives the source; rows of a source that failed are taken out again."""
        if kind is not None:
            self._table.cut_back(self._start)

    def add(self, frame: Frame, readings: list[FaceReading]) -> None:
        """A row for each face."""
        for reading in readings:
            self._table.write(self._source.name, reading)


def open_table(path: Path, landmarks: bool, overwrite: bool) -> RowTable:
    """The table at `path`, of the kind that its ending says. Raises `UsageError` when pyarrow is not installed."""
    kind = ParquetTable if path.suffix.lower() == PARQUET else CsvTable
    return kind(path, ARKIT, landmarks=landmarks, overwrite=overwrite)


def join_tables(parts: Iterable[Path], path: Path, landmarks: bool, overwrite: bool) -> None:
    """A table of the rows of others, one after the other, as if it had been written at once.

    Raises:
        OutputError: there is one already, or the disk refuses.
        InputError: a part cannot be read.
    """
    with open_table(path, landmarks, overwrite) as table:
        for part in parts:
            table.append(part)
