"""A capture as Parquet: the columns of the CSV table with every bit of their numbers, for pandas, polars and R.

Besides the columns, the file says what a table cannot: the basis, the source, the size of the picture and how many
frames were looked at. It needs pyarrow, which only these functions import.
"""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import BASES, Basis
from mien.core.errors import InputError, OutputError, UsageError
from mien.core.face import Capture, Take
from mien.core.geometry import angles_from_rotation
from mien.formats.columns import Sheet
from mien.formats.files import read_bytes, replacing
from mien.formats.tables import capture_of, header, table_basis, table_choice, takes_of

_REMEDY = "give a Parquet file saved by mien"
BASIS_KEY = "mien.basis"
"""Where a file says its basis."""

_ABOUT = "mien.capture"
_CELLS = 1 << 28
"""The most numbers that are read: 2 GiB of them."""


def write_parquet(capture: Capture, path: Path, overwrite: bool = False) -> None:
    """Writes a capture: a row for every face in every frame in which it was seen; with landmarks when all have them.

    Raises:
        UsageError: E_USAGE: pyarrow is not installed.
        OutputError: E_FORMAT: its takes are over several bases; the file is there already; or the disk refuses.
    """
    arrow, parquet = arrow_for(path)
    basis = table_basis(capture, path)
    if BASES.get(basis.name) != basis:
        raise OutputError(path, "E_FORMAT", f"basis {basis.name} is none of {', '.join(BASES)}", "convert it first")
    landmarks = bool(capture.takes) and all(take.landmarks is not None for take in capture.takes)
    names = header(basis, landmarks)[1:]
    parts = [_rows(take, landmarks) for take in capture.takes]
    rows = np.concatenate([np.zeros((0, len(names))), *parts])
    rows = rows[np.lexsort((rows[:, names.index("face")], rows[:, names.index("frame")]))]
    columns: dict[str, object] = {"source": arrow.array([capture.source] * len(rows), arrow.string())}
    for k, name in enumerate(names):
        columns[name] = rows[:, k].astype(kind_of_number(name, basis))
    about = {"source": capture.source, "width": capture.width, "height": capture.height, "frames": capture.frames}
    table = arrow.table(columns).replace_schema_metadata({BASIS_KEY: basis.name, _ABOUT: json.dumps(about)})
    with replacing(path, overwrite) as part:
        parquet.write_table(table, part)


def kind_of_number(name: str, basis: Basis) -> type[np.generic]:
    """What a column holds: as many bits as its numbers have."""
    exact = {"frame": np.int64, "face": np.int64, "time_s": np.float64}
    small = name in basis.columns or name.startswith(("box_", "x_", "y_", "score"))
    return exact.get(name, np.float32 if small else np.float64)


def _rows(take: Take, landmarks: bool) -> Array:
    """[R, columns after `source`] the numbers of a table for the R frames in which the face of `take` was seen."""
    seen = np.flatnonzero(take.valid)
    state, points = take.state, take.landmarks
    eyes = angles_from_rotation(state.gaze.rotation[seen])[..., [1, 0]].reshape(len(seen), 4)
    about = np.stack([take.frames[seen], take.times[seen], np.full(len(seen), take.face), take.score[seen]], axis=1)
    parts = [about, take.box[seen], state.expression.weights[seen]]
    parts += [angles_from_rotation(state.pose.rotation[seen]), state.pose.translation[seen], eyes]
    if landmarks and points is not None:
        parts.append(np.moveaxis(points[seen, :, :2], 2, 1).reshape(len(seen), -1))
    return np.concatenate(parts, axis=1)


def read_parquet(path: Path) -> Capture:
    """What `write_parquet` wrote, or another program in its columns; any basis of `BASES`. Weights are exact.

    Raises:
        UsageError: E_USAGE: pyarrow is not installed.
        InputError: E_FORMAT: no such file, cut short, or a cell that is wrong, with row and column; or the file cannot
            be read.
    """
    _, parquet = arrow_for(path)
    data = read_bytes(path)
    try:
        sheet, metadata = _sheet(parquet, data)
        basis = BASES.get(metadata.get(BASIS_KEY, "").strip())
        takes = takes_of(sheet, basis)
        about = _about(metadata)
    except ValueError as error:
        raise InputError(path, "E_FORMAT", str(error), _REMEDY) from None
    capture = capture_of(path, takes)
    return capture if about is None else Capture(*about[:3], capture.takes, about[3])


def check_arrow(path: Path) -> None:
    """Raises `UsageError` E_USAGE when pyarrow is not installed; `path` is the file that it is wanted for."""
    arrow_for(path)


def arrow_for(path: Path) -> tuple[Any, Any]:
    """`pyarrow` and `pyarrow.parquet`. Raises `UsageError` E_USAGE when they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        cause = "Parquet needs pyarrow, which is not installed"
        raise UsageError(path, "E_USAGE", cause, 'pip install "mien[tables]"') from None
    return pyarrow, pyarrow.parquet


def _sheet(parquet: Any, data: bytes) -> tuple[Sheet, Mapping[str, str]]:
    """The wanted columns of a file and its metadata. Raises `ValueError` for what is no such file."""
    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        schema, rows = file.schema_arrow, int(file.metadata.num_rows)
        found = tuple(schema.names)
        metadata = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    # A damaged file makes pyarrow raise half a dozen kinds, OSError among them.
    except Exception as error:
        raise ValueError(f"not a whole Parquet file: {error}") from None
    if len(set(found)) < len(found):
        raise ValueError("a column comes twice")
    basis = BASES.get(metadata.get(BASIS_KEY, ""))
    choice = table_choice(found, basis)
    if rows * len(found) > _CELLS:
        raise ValueError(f"{rows} rows are more than are read at once")
    try:
        table = file.read(columns=[*choice.texts, *choice.numbers])
    except Exception as error:
        raise ValueError(f"not a whole Parquet file: {error}") from None
    numbers = np.empty((rows, len(choice.numbers)))
    for k, name in enumerate(choice.numbers):
        numbers[:, k] = _numbers(table.column(name), name)
    sources = table.column("source").to_pylist()
    if not all(isinstance(source, str) for source in sources):
        raise ValueError("source: holds what is no text")
    lines = np.arange(1, rows + 1)
    return Sheet(choice, numbers, tuple((source,) for source in sources), lines, "row"), metadata


def _numbers(column: Any, name: str) -> Array:
    array = column.to_numpy()
    if array.dtype.kind not in "fiu" or column.null_count:
        raise ValueError(f"{name}: must hold a number in every row")
    return np.asarray(array)


def _about(metadata: Mapping[str, str]) -> tuple[str, int, int, int] | None:
    """Source, width, height and frames that the file says of its capture, or None."""
    if _ABOUT not in metadata:
        return None
    try:
        about = json.loads(metadata[_ABOUT])
        source, sizes = about["source"], [about[key] for key in ("width", "height", "frames")]
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"its metadata {_ABOUT} is damaged") from None
    if not isinstance(source, str) or not all(type(size) is int and 0 <= size <= 2**53 for size in sizes):
        raise ValueError(f"its metadata {_ABOUT} is damaged")
    return (source, *sizes)
