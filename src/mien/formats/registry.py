"""Every format in which a capture is kept, by name: how it is written and read, and how a file of it is told.

The registry never converts: a format of another vocabulary says how to come to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mien.core.basis import ARKIT, FACS
from mien.core.errors import OutputError, UsageError, printable
from mien.core.face import Capture
from mien.formats.coding import unsaid
from mien.formats.columns import header_line, weight_range
from mien.formats.fex import UNITS as FEX_UNITS
from mien.formats.fex import is_fex, read_fex, write_fex
from mien.formats.files import StrPath
from mien.formats.livelink import is_livelink, read_livelink, write_livelink
from mien.formats.openface import UNITS as OPENFACE_UNITS
from mien.formats.openface import is_openface, read_openface, write_openface
from mien.formats.parquet import read_parquet, write_parquet
from mien.formats.tables import read_table_capture, write_table
from mien.formats.takes import read_capture, write_capture


@dataclass(frozen=True, slots=True)
class Format:
    """How a capture is kept.

    Args:
        name: short name, what `--format` takes.
        extensions: in lower case, with their dot.
        write: the capture to a file, with whether one there may be replaced.
        read: the file.
        basis: name of the one basis that it holds, or None for any.
        single: whether it holds one face only.
        recognises: whether the first line of a file is one of this format; None where the extension says it.
        lacks: columns of `basis` that it has no place for: they are not written. What it has of both sides is the
            stronger one, where there are any.
    """

    name: str
    extensions: tuple[str, ...]
    write: Callable[[Capture, Path, bool], None]
    read: Callable[[Path], Capture]
    basis: str | None = None
    single: bool = False
    recognises: Callable[[str], bool] | None = None
    lacks: tuple[str, ...] = ()


_ALL = (
    Format("take", (".json", ".npz"), write_capture, read_capture),
    Format("table", (".csv",), write_table, read_table_capture),
    Format("livelink", (".csv",), write_livelink, read_livelink, ARKIT.name, True, is_livelink),
    Format("livelink-enum", (".csv",), partial(write_livelink, order="enum"), read_livelink, ARKIT.name, True),
    Format("openface", (".csv",), write_openface, read_openface, FACS.name, False, is_openface, unsaid(OPENFACE_UNITS)),
    Format("fex", (".csv",), write_fex, read_fex, FACS.name, False, is_fex, unsaid(FEX_UNITS)),
    Format("parquet", (".parquet",), write_parquet, read_parquet),
)

FORMATS: dict[str, Format] = {format.name: format for format in _ALL}
"""By name. Of several with one extension the first is written where no name is given."""

_MEDIA = frozenset((".jpg", ".jpeg", ".png", ".webp", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"))
"""What is often named where a take is meant."""

EXTENSIONS = tuple(dict.fromkeys(extension for format in _ALL for extension in format.extensions))
"""Of the files that `save` and `load` take."""


def save(capture: Capture, path: StrPath, overwrite: bool = False, format: str | None = None) -> None:
    """Writes `capture`, whole or not at all, in the format that is named, or else that the extension of `path` names.

    `.npz` keeps everything exactly, `.json` rounds, tables keep less (see `mien.formats.tables`).

    Raises:
        UsageError: E_USAGE: an unknown extension or format, or one that does not hold this capture's basis or number
            of faces.
        OutputError: the file is there already, the capture does not fit the format, or the disk refuses.
    """
    target = Path(path)
    chosen = format_of(target, format)
    for take in capture.takes:
        basis = take.state.expression.basis.name
        if chosen.basis not in (None, basis):
            cause = f"{chosen.name} holds weights over {chosen.basis}, these are over {basis}"
            raise UsageError(target, "E_USAGE", cause, f"run `mien convert --to {chosen.basis}` on the take first")
    if chosen.single and len(capture.takes) > 1:
        cause = f"{chosen.name} keeps one face, and the capture holds {len(capture.takes)} faces"
        raise UsageError(target, "E_USAGE", cause, "choose one with --face")
    if chosen.name != "take":
        _check_weights(capture, target)
    chosen.write(capture, target, overwrite)


def load(path: StrPath, format: str | None = None) -> Capture:
    """The capture in a file: one that `save` wrote, or one of the other programs whose formats are known.

    Without a `format` the extension names it; a `.csv` is told by its first line, and is a table of mien's when no
    other format knows it.

    Raises:
        UsageError: E_USAGE: an unknown extension or format.
        InputError: the file cannot be read; says the key, or the line and column, that is wrong.
    """
    source = Path(path)
    chosen = format_of(source, format)
    rivals = [each for each in _ALL if each.recognises and source.suffix.lower() in each.extensions]
    if format is None and rivals:
        line = header_line(source)
        chosen = next((each for each in rivals if each.recognises and each.recognises(line)), chosen)
    return chosen.read(source)


def format_of(path: StrPath, name: str | None = None) -> Format:
    """The format of this name, or without one the first that has the path's extension.

    Raises:
        UsageError: E_USAGE: an unknown extension or format, or a format that is not kept under this extension.
    """
    extension = Path(path).suffix.lower()
    if name is not None and name not in FORMATS:
        raise UsageError(path, "E_USAGE", f"there is no format {name!r:.40}", f"known: {', '.join(FORMATS)}")
    if name is not None and extension not in FORMATS[name].extensions:
        cause = f"{name} is not kept as {extension or 'a file without extension'}"
        raise UsageError(path, "E_USAGE", cause, f"use {', '.join(FORMATS[name].extensions)}")
    for each in _ALL if name is None else (FORMATS[name],):
        if extension in each.extensions:
            return each
    if Path(path).is_dir():
        raise UsageError(path, "E_USAGE", "is a folder, not a take", "name the files in it")
    cause = f"a capture is not kept as {extension or 'a file without extension'}"
    remedy = f"use {', '.join(EXTENSIONS)}"
    if extension in _MEDIA:
        remedy = f"run `mien capture {printable(Path(path).name)} -o take.npz` first"
    raise UsageError(path, "E_USAGE", cause, remedy)


def _check_weights(capture: Capture, path: Path) -> None:
    """Refuses to write what no table is read with."""
    for take in capture.takes:
        expression = take.state.expression
        low, high = weight_range(expression.basis)
        outside = (expression.weights < low) | (expression.weights > high)
        outside &= take.valid[:, None]
        if outside.any():
            t, k = (int(place) for place in np.argwhere(outside)[0])
            where = f"face {take.face}, frame {take.frames[t]}, {expression.basis.columns[k]}"
            cause = f"{where}: {expression.weights[t, k]:g} lies outside {low:g} to {high:g}"
            raise OutputError(path, "E_FORMAT", cause, "save it as .json or .npz, or convert it with --clip")
