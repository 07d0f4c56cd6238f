"""Tables of comma-separated values, read strictly: every mistake is named by its line and its column.

A cell is a number or it is an error: nothing is clipped, guessed or left out. What a reader wants of a table is a
`Choice`; what it gets is a `Sheet`, whose rows remember where they stood in the file.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import Basis
from mien.core.errors import InputError, printable
from mien.core.geometry import rotation_from_angles
from mien.formats.fields import FIELDS
from mien.formats.files import open_regular, read_bytes, replacing

ANGLES = (-2 * np.pi, 2 * np.pi)
"""Radians that a column of angles may hold: what lies beyond them is in degrees, or damaged."""

PIXELS = (FIELDS["box"].low, FIELDS["box"].high)
METRES = (FIELDS["translation"].low, FIELDS["translation"].high)
SECONDS = (FIELDS["times"].low, FIELDS["times"].high)
SHARES = (0.0, 1.0)

_LINE_LIMIT = 1 << 20
"""Characters of the longest line: some hundred times the widest table that is known."""

_EMPTY_LIMIT = 1000
"""Empty lines that are passed over: the few that editors leave behind."""

_FORMULA = ("=", "+", "-", "@")
"""How a cell starts that a spreadsheet would run as a formula."""


def weight_range(basis: Basis) -> tuple[float, float]:
    """The least and the greatest weight that a table over `basis` may hold.

    Real recordings leave 0 to 1 (1.05 is seen), and values near it are kept; further out a file is damaged.
    """
    if (basis.low, basis.high) == (0.0, 1.0):
        return -0.5, 2.0
    return FIELDS["weights"].low, FIELDS["weights"].high


@dataclass(frozen=True, slots=True)
class Choice:
    """Which columns of a table are wanted.

    Args:
        numbers: names of columns of numbers.
        texts: names of columns of text.
        blanks: whether an empty cell of a column of numbers is read as NaN, for formats that leave out what they lack.
    """

    numbers: tuple[str, ...]
    texts: tuple[str, ...] = ()
    blanks: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """The wanted columns of a table.

    Args:
        choice: which.
        numbers: [R, numbers of the choice] as they stand in the file; NaN and infinity are found by `check`.
        texts: R rows of the columns of text.
        lines: [R] where each row stands in the file.
        unit: what `lines` counts: `"line"`, or `"row"` where a file has no lines.
    """

    choice: Choice
    numbers: Array
    texts: tuple[tuple[str, ...], ...]
    lines: Array
    unit: str = "line"

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, name: str) -> bool:
        return name in self.choice.numbers

    def column(self, name: str) -> Array:
        """The numbers of one column, [R]."""
        return np.asarray(self.numbers[:, self.choice.numbers.index(name)])

    def columns(self, names: Iterable[str]) -> Array:
        """The numbers of several columns, [R, len(names)]."""
        return np.asarray(self.numbers[:, [self.choice.numbers.index(name) for name in names]])

    def text(self, name: str) -> tuple[str, ...]:
        """The cells of one column of text, R of them."""
        place = self.choice.texts.index(name)
        return tuple(row[place] for row in self.texts)

    def rows(self, chosen: Array) -> Self:
        """Some of the rows, by index or mask, in that order."""
        places = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        texts = tuple(self.texts[place] for place in places.tolist())
        return replace(self, numbers=self.numbers[places], texts=texts, lines=self.lines[places])

    def wrong(self, row: int, name: str, cause: str) -> ValueError:
        """The error of one cell."""
        return ValueError(f"{self.unit} {self.lines[row]}, {name}: {cause}")

    def check(self, names: Sequence[str], allowed: tuple[float, float], whole: bool = False) -> Array:
        """The numbers of several columns, [R, len(names)], after checks.

        Raises:
            ValueError: a number is not finite, out of the `allowed` range, or not whole where it has to be; names the
                first such cell.
        """
        numbers = self.columns(names)
        low, high = allowed
        good = (numbers >= low) & (numbers <= high)
        if whole:
            good &= numbers == np.floor(numbers)
        if good.all():
            return numbers
        row, place = (int(k) for k in np.argwhere(~good)[0])
        number = float(numbers[row, place])
        if whole:
            end = f" to {high:g}" if high < 2**31 else ""
            raise self.wrong(row, names[place], f"must be a whole number from {low:g}{end}")
        if not np.isfinite(number):
            raise self.wrong(row, names[place], "is not finite")
        raise self.wrong(row, names[place], f"{number:g} lies outside {low:g} to {high:g}")

    def check_rising(self, name: str) -> None:
        """Raises `ValueError` where a column of times runs backwards from row to row."""
        back = np.flatnonzero(np.diff(self.column(name)) < 0)
        if len(back):
            before = self.column(name)[back[0]]
            raise self.wrong(int(back[0]) + 1, name, f"times must not run backwards; {before:g} comes before it")


def read_sheet(path: Path, choose: Callable[[tuple[str, ...]], Choice], remedy: str) -> Sheet:
    """The table at `path`.

    Args:
        path: the file; UTF-8, with or without a byte order mark, its first line the names of the columns.
        choose: from those names to the wanted ones; raises `ValueError` for a header that is not of its format.
        remedy: what to say to who gives another file.

    Raises:
        InputError: E_FORMAT: no such table, with the line and column that is wrong; or the file cannot be read.
    """
    data = read_bytes(path)
    try:
        return _parsed(data.decode("utf-8-sig"), choose)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        cause = f"line {line}: not a text file: byte {error.start} of the file is not UTF-8"
    except ValueError as error:
        cause = str(error)
    raise InputError(path, "E_FORMAT", cause, remedy)


def header_line(path: Path) -> str:
    """The first line of a file, for telling its format; what is not UTF-8 is replaced.

    Raises:
        InputError: the file cannot be read.
    """
    with open_regular(path) as file:
        return file.readline(_LINE_LIMIT).decode("utf-8-sig", "replace").strip()


def write_rows(path: Path, names: Sequence[str], rows: Iterable[Sequence[str]], overwrite: bool) -> None:
    """Writes a table whole or not at all. Raises `OutputError`: it exists already, or the disk refuses."""
    with replacing(path, overwrite) as part, part.open("w", encoding="utf-8", newline="") as stream:
        put = csv.writer(stream, lineterminator="\n")
        put.writerow(names)
        put.writerows(rows)


def shown(text: str) -> str:
    """`text` as a cell of one line that no spreadsheet takes for a formula: an apostrophe goes before it."""
    text = printable(text)
    return "'" + text if text.lstrip("'").startswith(_FORMULA) else text


def meant(cell: str) -> str:
    """The text that `shown` made a cell of."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def turned(angles: Array) -> Array:
    """Rotations [T, 3, 3] of columns pitch, yaw, roll [T, 3] in radians, all at once."""
    return rotation_from_angles(*angles.T)


def require(found: Sequence[str], needed: Sequence[str]) -> None:
    """Raises `ValueError` when a needed column is not among those of the header."""
    there = set(found)
    if missing := [name for name in needed if name not in there]:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ValueError(f"line 1: columns are missing: {', '.join(missing[:3])}{more}")


def refuse(unknown: Sequence[str], found: Sequence[str], where: str) -> None:
    """Raises `ValueError` when there are unknown columns; names the first and its place."""
    if unknown:
        place = list(found).index(unknown[0]) + 1
        raise ValueError(f"line 1, column {place}: {printable(unknown[0])!r:.60} is no column of {where}")


def _parsed(text: str, choose: Callable[[tuple[str, ...]], Choice]) -> Sheet:
    rows = _rows(text)
    found = tuple(name.strip() for name in next(rows, (1, []))[1])
    if len(set(found)) < len(found):
        place, double = next((k, name) for k, name in enumerate(found, 1) if name in found[: k - 1])
        raise ValueError(f"line 1, column {place}: the column {printable(double)!r:.60} comes twice")
    choice = choose(found)
    places = [found.index(name) for name in choice.numbers]
    text_places = [found.index(name) for name in choice.texts]
    numbers, texts, lines = [], [], []
    empty = 0
    for line, row in rows:
        if not row:
            empty += 1
            if empty > _EMPTY_LIMIT:
                raise ValueError(f"line {line}: more than {_EMPTY_LIMIT} lines are empty")
            continue
        if len(row) != len(found):
            edge = f"{found[len(row)]} is missing" if len(row) < len(found) else f"nothing is named {len(found) + 1}"
            raise ValueError(f"line {line} has {len(row)} cells, the header {len(found)}: {edge}")
        numbers.append(_numbers([row[place] for place in places], choice, line))
        texts.append(tuple(row[place] for place in text_places))
        lines.append(line)
    matrix = np.array(numbers, np.float64).reshape(len(lines), len(places))
    return Sheet(choice, matrix, tuple(texts), np.array(lines, np.int64))


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of every row, and the line at which it ends."""
    rows = csv.reader(_lines(text), strict=True)
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num}: {error}") from None


def _lines(text: str) -> Iterator[str]:
    """The lines of `text` with their ends, none of them long enough to fill the memory with cells."""
    start = number = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        number += 1
        if end - start > _LINE_LIMIT:
            raise ValueError(f"line {number} is longer than any row of a table")
        yield text[start:end]
        start = end


def _numbers(cells: list[str], choice: Choice, line: int) -> Array:
    try:
        if "_" in "".join(cells):  # Python reads 1_000 as a number
            raise ValueError
        return np.array([float(cell) for cell in cells])
    except ValueError:
        return np.array([_number(cell, name, choice, line) for cell, name in zip(cells, choice.numbers, strict=True)])


def _number(cell: str, name: str, choice: Choice, line: int) -> float:
    if choice.blanks and not cell.strip():
        return np.nan
    try:
        if "_" not in cell:
            return float(cell)
    except ValueError:
        pass
    raise ValueError(f"line {line}, {name}: {printable(cell)!r:.40} is no number")
