"""Every format in which a capture is kept: one table from the extension to its writer and reader."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError, UsageError
from mien.core.face import Capture
from mien.formats.files import StrPath
from mien.formats.tables import read_table, write_table
from mien.formats.takes import read_capture, write_capture


@dataclass(frozen=True, slots=True)
class Format:
    """How a capture is written to a file (with whether one there may be replaced), and read from it."""

    write: Callable[[Capture, Path, bool], None]
    read: Callable[[Path], Capture]


def _read_csv(path: Path) -> Capture:
    """A table as a capture. It does not say how large the picture was (0 x 0), nor of frames after the last face."""
    takes = read_table(path)
    sources = list(dict.fromkeys(take.source for take in takes))
    if len(sources) > 1:
        cause = f"holds {len(sources)} sources, {sources[0]} and {sources[1]} among them"
        raise InputError(path, "E_FORMAT", cause, "split it by the column source")
    frames = max((int(take.frames[-1]) + 1 for take in takes), default=0)
    return Capture(sources[0] if sources else "", 0, 0, takes, frames)


FORMATS: dict[str, Format] = {
    ".json": Format(write_capture, read_capture),
    ".npz": Format(write_capture, read_capture),
    ".csv": Format(write_table, _read_csv),
}
"""By extension in lower case."""


def save(capture: Capture, path: StrPath, overwrite: bool = False) -> None:
    """Writes `capture` in the format that the extension of `path` names; whole or not at all.

    `.npz` keeps everything exactly, `.json` rounds, `.csv` keeps less (see `mien.formats.tables`).

    Raises:
        UsageError: E_USAGE: an unknown extension.
        OutputError: the file is there already, the capture does not fit the format, or the disk refuses.
    """
    _format(Path(path)).write(capture, Path(path), overwrite)


def load(path: StrPath) -> Capture:
    """The capture in a file that `save` wrote, or in a table of one source.

    Raises:
        UsageError: E_USAGE: an unknown extension.
        InputError: the file cannot be read; says the key, or the line and column, that is wrong.
    """
    return _format(Path(path)).read(Path(path))


def _format(path: Path) -> Format:
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        cause = f"a capture is not kept as {path.suffix or 'a file without extension'}"
        raise UsageError(path, "E_USAGE", cause, f"use {', '.join(FORMATS)}") from None
