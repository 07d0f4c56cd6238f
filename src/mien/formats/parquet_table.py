"""A capture as a Parquet table, written while a video streams: what `CsvTable` writes, with every bit of its numbers.

Parquet cannot take back a row, and a source that fails half-way shall leave none. So rows go to a nameless file first,
all of one length, from which those of a failed source are simply cut off; at the end they are written as Parquet, block
by block. Memory stays flat, and a kill at any moment leaves nothing behind.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, Basis
from mien.core.errors import InputError, printable
from mien.core.face import FaceReading
from mien.core.geometry import angles_from_rotation
from mien.formats.files import replacing
from mien.formats.parquet import BASIS_KEY, arrow_for, kind_of_number
from mien.formats.tables import header

BLOCK = 1 << 15
"""Rows of a row group: some 16 MB of them, fewer where rows hold landmarks."""

_WIDE = 128
"""Columns from which a row group has a sixteenth of the rows."""


class ParquetTable:
    """A table that is written row by row; it takes its place at the end of the `with` block, or not at all.

    Columns and units are those of `CsvTable`, and so is its use.

    Args:
        path: the file.
        basis: the basis of the expressions.
        landmarks: whether x and y of the 478 points are written too.
        overwrite: whether a file that is there already may be replaced.

    Raises:
        UsageError: pyarrow is not installed.
        OutputError: on entering or leaving the block: E_EXISTS, or the disk refuses.
    """

    def __init__(self, path: Path, basis: Basis = ARKIT, landmarks: bool = False, overwrite: bool = False) -> None:
        self.path, self.basis, self.landmarks, self.overwrite = path, basis, landmarks, overwrite
        self._arrow, self._parquet = arrow_for(path)
        self._names = header(basis, landmarks)
        self._block = BLOCK if len(self._names) < _WIDE else BLOCK // 16
        self._open = ExitStack()
        self._rows: IO[bytes] | None = None
        # The rows of one source mostly follow each other: its name, and after how many rows the next one's begin.
        self._runs: list[tuple[str, int]] = []

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            part = opening.enter_context(replacing(self.path, self.overwrite))
            self._rows = opening.enter_context(tempfile.TemporaryFile(dir=self.path.parent))
            self._part = part
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            with self._open:
                self._settle(self._opened(), self._part)
        else:
            self._open.__exit__(kind, error, trace)
        self._rows = None

    def mark(self) -> int:
        """Where the next row will stand, for `cut_back`. Raises `ValueError` when the table is not open."""
        return self._opened().tell() // self._row_bytes

    def cut_back(self, mark: int) -> None:
        """Takes out every row written since `mark`. Raises `ValueError` when the table is not open."""
        rows = self._opened()
        rows.seek(mark * self._row_bytes)
        rows.truncate()
        while self._runs and (self._runs[-2][1] if len(self._runs) > 1 else 0) >= mark:
            self._runs.pop()
        if self._runs:
            self._runs[-1] = (self._runs[-1][0], min(self._runs[-1][1], mark))

    def write(self, source: str, reading: FaceReading) -> None:
        """Adds the row of one face in one frame of `source`.

        Raises:
            ValueError: the reading is over another basis, or the table is not open.
        """
        expression = reading.state.expression
        if expression.basis != self.basis:
            raise ValueError(f"the table is over {self.basis.name}, the row over {expression.basis.name}")
        eyes = angles_from_rotation(reading.state.gaze.rotation)[:, [1, 0]]
        about = (reading.frame, reading.time, reading.face, reading.landmarks.score)
        pose = reading.state.pose
        arrays = [reading.box, expression.weights, angles_from_rotation(pose.rotation), pose.translation, eyes]
        if self.landmarks:
            arrays.append(reading.landmarks.points[:, :2].T)
        self._add(source, np.concatenate([np.array(about), *(array.ravel() for array in arrays)])[None])

    def append(self, part: Path) -> None:
        """Adds the rows of another table with the same columns, block by block.

        Raises:
            InputError: it cannot be read, or has other columns.
            ValueError: the table is not open.
        """
        self._opened()
        try:
            with self._parquet.ParquetFile(part) as file:
                if tuple(file.schema_arrow.names) != self._names:
                    raise InputError(part, "E_FORMAT", "its columns are not those of the table", "give a table of such")
                for batch in file.iter_batches(self._block):
                    numbers = np.stack([column.to_numpy() for column in batch.columns[1:]], axis=1, dtype=np.float64)
                    for source, first, count in _runs(batch.column(0).to_pylist()):
                        self._add(source, numbers[first : first + count])
        except (OSError, self._arrow.ArrowException) as error:
            raise InputError(part, "E_FORMAT", f"not a whole Parquet file: {error}", "make it again") from error

    @property
    def _row_bytes(self) -> int:
        return 8 * (len(self._names) - 1)

    def _opened(self) -> IO[bytes]:
        if self._rows is None:
            raise ValueError("the table is not open: use it in a with block")
        return self._rows

    def _add(self, source: str, numbers: Array) -> None:
        rows = self._opened()
        name = printable(source)
        end = (self._runs[-1][1] if self._runs else 0) + len(numbers)
        rows.write(np.ascontiguousarray(numbers, np.float64).tobytes())
        if self._runs and self._runs[-1][0] == name:
            self._runs[-1] = (name, end)
        else:
            self._runs.append((name, end))

    def _settle(self, rows: IO[bytes], part: Path) -> None:
        """Writes what was gathered as Parquet, a row group for every block."""
        kinds = [kind_of_number(name, self.basis) for name in self._names[1:]]
        arrow = self._arrow
        fields = [("source", arrow.string()), *zip(self._names[1:], map(arrow.from_numpy_dtype, kinds), strict=True)]
        schema = arrow.schema(fields, metadata={BASIS_KEY: self.basis.name})
        rows.seek(0)
        names = np.array([name for name, _ in self._runs], object)
        ends, done = np.array([end for _, end in self._runs], np.int64), 0
        with self._parquet.ParquetWriter(part, schema) as writer:
            while data := rows.read(self._block * self._row_bytes):
                numbers = np.frombuffer(data, np.float64).reshape(-1, len(kinds))
                place = np.searchsorted(ends, np.arange(done, done + len(numbers)), "right")
                columns: list[Any] = [arrow.array(names[place], arrow.string())]
                columns += [arrow.array(numbers[:, k].astype(kind)) for k, kind in enumerate(kinds)]
                writer.write_table(arrow.table(columns, schema=schema), row_group_size=self._block)
                done += len(numbers)


def _runs(names: list[str]) -> list[tuple[str, int, int]]:
    """Names that stand one after the other: the name, where it begins, how often it comes."""
    starts = [k for k, name in enumerate(names) if k == 0 or name != names[k - 1]]
    return [(names[a], a, b - a) for a, b in zip(starts, [*starts[1:], len(names)], strict=True)]
