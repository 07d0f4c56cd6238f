"""The table of a capture as JSON: written in pieces, and read in pieces, so that neither is held as text or as objects.

Python's own reader makes an object of each number: of an hour of a face, five gigabytes. Here only the frame of a
document is read by hand, and its values by Python's, one after the other; the rows of the arrays of `FIELDS` become
numpy's a few at a time.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO, TextIOWrapper
from typing import Any

import numpy as np

from mien.core.arrays import Array
from mien.formats.fields import FIELDS, Field

_PIECE = 1 << 20
"""Characters that are read at once, and about as many of an array that become numbers at once."""

_LONGEST = 1 << 24
"""Characters of the longest value that is read as objects, a row of an array among them."""

_MOST_OBJECTS = 1 << 26
"""Characters of all that stays an object: as such it takes up to twenty-five times as much."""

_EMPTY = 1 << 6
"""Characters that an object counts for, besides what is in it."""


def json_pieces(about: Mapping[str, object], tables: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """The text of a capture, one line for every frame of an array.

    Args:
        about: what is said once.
        tables: of the takes; arrays are those of `FIELDS`, or weights of an identity.
    """
    yield "{\n"
    for key, value in about.items():
        yield f' "{key}": {json.dumps(value)},\n'
    yield ' "takes": ['
    for i, table in enumerate(tables):
        yield ",\n  {" if i else "\n  {"
        for k, (key, value) in enumerate(table.items()):
            yield f'{"," if k else ""}\n   "{key}": '
            if not isinstance(value, np.ndarray):
                yield json.dumps(value)
            elif value.ndim == 1:
                yield _numbers(value, FIELDS.get(key, FIELDS["weights"]).style)
            else:
                for t, row in enumerate(value):
                    yield ("," if t else "[") + "\n    " + _numbers(row, FIELDS[key].style)
                yield "]" if len(value) else "[]"
        yield "\n  }"
    yield "\n ]\n}\n"


def _numbers(array: Array, style: str) -> str:
    if array.ndim > 1:
        return "[" + ", ".join(_numbers(row, style) for row in array) + "]"
    if array.dtype.kind == "f":
        return "[" + ", ".join([style % number for number in array.tolist()]) + "]"
    return json.dumps(array.tolist())


def parsed(data: bytes) -> dict[str, Any]:
    """The object that a JSON document is; where its `takes` hold arrays of `FIELDS`, as numpy's.

    What stands there and is no array of numbers comes as few of its rows as tell so.

    Raises:
        ValueError: not UTF-8, no JSON, no object, a key that comes twice, or too large or deep for a capture.
    """
    text = _Text(data)
    try:
        if text.next() != "{":
            raise ValueError("not a capture: the file does not hold an object")
        document = {key: _takes(text) if key == "takes" else text.kept() for key in text.members()}
        text.end()
    except RecursionError:
        raise ValueError("not a capture: its brackets are nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("not a text file: it is not UTF-8") from None
    return document


def _takes(text: "_Text") -> object:
    if text.next() != "[":
        return text.kept()
    return [_take(text) if text.next() == "{" else text.kept() for _ in text.elements()]


def _take(text: "_Text") -> dict[str, object]:
    return {
        key: _array(text, FIELDS[key]) if key in FIELDS and text.next() == "[" else text.kept()
        for key in text.members()
    }


def _array(text: "_Text", field: Field) -> object:
    pieces: list[Array] = []
    rows: list[object] = []
    odd: list[object] | None = None
    begun = text.passed
    for _ in text.elements():
        rows.append(text.value())
        if text.passed - begun >= _PIECE:
            odd = odd or _settled(rows, pieces, field)
            begun, rows = text.passed, []
    odd = odd or _settled(rows, pieces, field)
    if odd is not None:
        return odd
    return np.concatenate(pieces) if pieces else []


def _settled(rows: list[object], pieces: list[Array], field: Field) -> list[object] | None:
    """Makes numbers of rows, and adds them to those before; or gives rows that show why there can be no array."""
    if not rows:
        return None
    try:
        array = np.asarray(rows)
    except (ValueError, TypeError, OverflowError):
        return rows
    if array.dtype.kind not in "biuf":
        return rows
    if pieces and array.shape[1:] != pieces[0].shape[1:]:
        return [pieces[0][0].tolist(), rows[0]]
    if np.dtype(field.dtype).kind == "f" and array.dtype.kind != "b":
        with np.errstate(over="ignore"):  # what is out of range is refused as infinity
            array = array.astype(field.dtype)
    pieces.append(array)
    return None


_SPACE = re.compile(r"[ \t\n\r]*")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _twice(next(key for key in keys if keys.count(key) > 1))
    return table


def _twice(key: str) -> ValueError:
    return ValueError(f"the key {key} comes twice")


_EXPONENT = len("e-1")
"""Characters behind a number that tell whether they belong to it."""

_DECODER = json.JSONDecoder(object_pairs_hook=_once)


class _Text:
    """A window on a text, which moves on over it.

    Args:
        data: the text in UTF-8.

    Attributes:
        passed: how many characters lie behind.
    """

    def __init__(self, data: bytes) -> None:
        self._stream = TextIOWrapper(BytesIO(data), "utf-8-sig", newline="")
        self._window, self._at = "", 0
        self._ended = False
        self._room = _MOST_OBJECTS
        self.passed = 0

    def next(self) -> str:
        """The next character that is no space, which stays the next; nothing at the end."""
        while True:
            space = _SPACE.match(self._window, self._at)
            self._pass(space.end() if space else self._at)
            if self._at < len(self._window) or self._ended:
                return self._window[self._at : self._at + 1]
            self._read_on()

    def end(self) -> None:
        """Raises `ValueError` unless there is nothing more."""
        if self.next():
            raise ValueError("not whole JSON: there is something behind its end")

    def members(self) -> Iterator[str]:
        """The keys of an object; whoever gets one takes its value before asking for the next."""
        seen: set[str] = set()
        self._count(_EMPTY)
        self._expect("{")
        while self.next() != "}":
            if seen:
                self._expect(",")
            key = self.kept()
            if not isinstance(key, str):
                raise self._torn("a key in quotes")
            if key in seen:
                raise _twice(key)
            seen.add(key)
            self._expect(":")
            yield key
        self._expect("}")

    def elements(self) -> Iterator[None]:
        """Stops before each element of a list; whoever is stopped takes it before going on."""
        self._expect("[")
        first = True
        while self.next() != "]":
            if not first:
                self._expect(",")
            yield
            first = False
        self._expect("]")

    def kept(self) -> object:
        """A value, which counts among what stays an object."""
        before = self.passed
        value = self.value()
        self._count(self.passed - before)
        return value

    def value(self) -> object:
        """A value."""
        self.next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._window, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    raise ValueError(f"not whole JSON: {error.msg} at character {self.passed}") from None
            else:
                if len(self._window) - end >= _EXPONENT or self._ended:  # else a number may go on
                    self._pass(end)
                    return value
            if len(self._window) - self._at > _LONGEST:
                raise ValueError(f"no JSON of a capture: at character {self.passed} is no value, or an endless one")
            self._read_on()

    def _count(self, characters: int) -> None:
        self._room -= characters
        if self._room < 0:
            raise ValueError(f"not a capture: there are more than {_MOST_OBJECTS >> 20} MiB beside its arrays")

    def _expect(self, wanted: str) -> None:
        if self.next() != wanted:
            raise self._torn(f"'{wanted}'")
        self._pass(self._at + 1)

    def _torn(self, wanted: str) -> ValueError:
        return ValueError(f"not whole JSON: {wanted} is missing at character {self.passed}")

    def _pass(self, end: int) -> None:
        self.passed += end - self._at
        self._at = end

    def _read_on(self) -> None:
        more = self._stream.read(_PIECE)
        self._window, self._at = self._window[self._at :] + more, 0
        self._ended = not more
