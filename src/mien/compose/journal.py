"""What a batch has done so far, on disk: lines of JSON, each flushed before the next step is taken.

The first line says under which options, with which weights the batch runs; the others what was begun, what came of it,
and whose worker died. A batch that is killed at any moment is gone on with from there: what stands in the journal as
done, and still lies where it was put, is not done again. Nothing is written before the first step: a run that is
refused leaves the journal as it was.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from filelock import FileLock, Timeout

from mien.compose.done import Done, Status, Written, done_of, journal_members
from mien.core.errors import InputError, StateError
from mien.formats.files import make_folder, read_bytes, replacing, sha256_of, unwritable
from mien.formats.json_object import JsonObject

SCHEMA = "mien.batch/1"
_RESTART = "--restart begins anew"


@dataclass(frozen=True, slots=True)
class Terms:
    """What must be the same for results to belong together: options by name, and the SHA-256 of every weight file."""

    options: tuple[tuple[str, str], ...]
    models: tuple[tuple[str, str], ...]


class Journal:
    """A context manager; within, no other run uses the folder.

    Attributes:
        rows: the folder for what sources add to shared tables and pages.
        notes: what had to be said about the journal that was found.

    Args:
        folder: where it lies; made when it is not there.
        terms: of this run.
        restart: whether a journal that is there is given up; what it had written may then be replaced.

    Raises:
        StateError: on entering: E_LOCKED: another run uses it; E_STATE: it is damaged, or was begun under other terms.
        OutputError: the disk refuses.
    """

    def __init__(self, folder: Path, terms: Terms, restart: bool = False) -> None:
        self.rows = folder / "rows"
        self.notes: list[str] = []
        self._file = folder / "journal.jsonl"
        self._terms, self._restart = terms, restart
        self._lock = FileLock(folder / "lock")
        self._stream: TextIO | None = None
        self._lines: list[bytes] = []
        self._items: dict[str, JsonObject] = {}
        self._claims: dict[str, str] = {}
        self._deaths: Counter[tuple[str, str]] = Counter()

    def __enter__(self) -> Self:
        for folder in (self._file.parent, self.rows):
            make_folder(folder)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            cause = "another run keeps its journal here"
            raise StateError(self._file.parent, "E_LOCKED", cause, "wait for it, or name another folder") from None
        try:
            self._read()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._lock.release()

    def settled(self, path: Path, parts: Sequence[str]) -> Done | None:
        """What became of a source in an earlier run, if that still holds: same content, and its results are there.

        Args:
            path: the source.
            parts: endings of what it adds to what several share, which must be there too.
        """
        members = self._items.get(_id(path))
        if members is None:
            return None
        done = done_of(members, path)
        if not done.is_final or not done.sha256 or done.sha256 != content_of(path):
            return None
        if done.status in (Status.DONE, Status.PARTIAL):
            there = [content_of(self.part_of(path, ending)) for ending in parts]
            own = all(os.path.isfile(each.path) for each in done.written)
            if not all(there) or " ".join(there) != done.rows or not own:
                return None
        return done

    def may_replace(self, target: Path) -> bool:
        """Whether a file that is there was begun or written by this batch, and nobody changed it since."""
        claim = self._claims.get(os.path.realpath(target))
        return claim is not None and (not claim or claim == content_of(target))

    def wrote(self, source: Path) -> bool:
        """Whether a file that is named as a source is a result of this batch."""
        return os.path.realpath(source) in self._claims

    def part_of(self, path: Path, ending: str = ".csv") -> Path:
        """Where what a source adds to what several share waits: rows of tables, its row of a page."""
        return self.rows / f"{_id(path)}{ending}"

    def begin(self, *targets: Path) -> None:
        """Says, before work begins, what will be written."""
        places = [os.path.realpath(target) for target in targets]
        self._claims.update(dict.fromkeys(places, ""))
        self._append("begun", {"targets": places})

    def finish(self, done: Done) -> None:
        """Says what became of a source."""
        members = {"id": _id(done.path), **journal_members(done)}
        self._append("item", members)
        self._take_in(JsonObject({"kind": "item", **members}))

    def wrote_table(self, table: Path) -> None:
        """Says that a shared table or page stands as it is now."""
        self._append("table", {"path": os.path.realpath(table), "sha256": sha256_of(table)})

    def died(self, path: Path, sha256: str) -> int:
        """Says that a source killed its worker; how many times it has by now, with this content."""
        members = {"id": _id(path), "sha256": sha256}
        self._append("died", members)
        self._take_in(JsonObject({"kind": "died", **members}))
        return self._deaths[_id(path), sha256]

    def _read(self) -> None:
        """Takes in what is there; refuses what cannot be gone on with."""
        lines = self._found()
        for number, line in enumerate(lines, 1):
            try:
                self._take_in(JsonObject.parse(line))
            except ValueError as error:
                if self._restart:
                    continue
                cause = f"line {number} of the journal is damaged: {error}"
                raise StateError(self._file, "E_STATE", cause, _RESTART) from None
        if self._restart:  # all but what was written, which may be replaced
            lines, self._items = [], {}
            self._deaths.clear()
        elif lines:
            self._check(JsonObject.parse(lines[0]))
        self._lines = lines or self._beginning()

    def _beginning(self) -> list[bytes]:
        """The first lines of a new journal."""
        lines = [_line("terms", {"schema": SCHEMA, "version": version("mien"), **_terms(self._terms)})]
        if self._claims:
            lines.append(_line("begun", {"targets": sorted(self._claims)}))
        return [line.encode("ascii") for line in lines]

    def _opened(self) -> TextIO:
        """The journal to be gone on with; at first it is written anew, without what a kill cut short."""
        if self._stream is None:
            with replacing(self._file, True) as part:
                part.write_bytes(b"".join(line + b"\n" for line in self._lines))
            self._stream = self._file.open("a", encoding="ascii", newline="\n")
            self._lines = []
        return self._stream

    def _found(self) -> list[bytes]:
        if not self._file.exists():
            return []
        try:
            data = read_bytes(self._file)
        except InputError as error:
            if error.code == "E_EMPTY":
                return []
            raise StateError(self._file, "E_STATE", error.cause, error.remedy) from error
        whole, _, cut = data.rpartition(b"\n")
        if cut:
            self.notes.append("the last line of the journal was cut short and is dropped")
        return whole.split(b"\n") if whole else []

    def _check(self, head: JsonObject) -> None:
        """Refuses a journal that was begun under other terms."""
        try:
            found = {name: head.text(name) for name in ("schema", "version")}
            found |= {f"{kind} {each.text('name')}": each.text("value")
                      for kind in ("options", "models") for each in head.objects(kind)}  # fmt: skip
        except ValueError as error:
            raise StateError(self._file, "E_STATE", f"its first line is damaged: {error}", _RESTART) from None
        wanted = {"schema": SCHEMA, "version": version("mien")}
        wanted |= {f"options {name}": value for name, value in self._terms.options}
        wanted |= {f"models {name}": value for name, value in self._terms.models}
        for name in {**wanted, **found}:
            if wanted.get(name) != found.get(name):
                what = name.removeprefix("options ").removeprefix("models ")
                cause = f"was begun with {what} {found.get(name, 'unknown')}, now {wanted.get(name, 'unknown')}"
                raise StateError(self._file, "E_STATE", cause, f"{_RESTART}, or name another folder")

    def _take_in(self, line: JsonObject) -> None:
        """One line of the journal. Raises `ValueError` when it is none."""
        kind = line.text("kind")
        if kind == "begun":
            self._claims.update(dict.fromkeys(line.texts("targets"), ""))
        elif kind == "item":
            done = done_of(line, Path(line.text("path")))
            self._items[line.text("id")] = line
            self._claims.update((os.path.realpath(each.path), each.sha256) for each in done.written)
        elif kind == "table":
            self._claims[line.text("path")] = line.text("sha256")
        elif kind == "died":
            self._deaths[line.text("id"), line.text("sha256")] += 1
        elif kind != "terms":
            raise ValueError(f"{kind!r} is no kind of line")

    def _append(self, kind: str, members: Mapping[str, object]) -> None:
        if not self._lock.is_locked:
            raise ValueError("the journal is not open: use it in a with block")
        try:
            stream = self._opened()
            stream.write(_line(kind, members) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        except OSError as error:
            raise unwritable(self._file, error) from error


def written(targets: list[Path]) -> tuple[Written, ...]:
    """The files of a source that are there, hashed."""
    return tuple(Written(target.absolute(), sha256_of(target)) for target in targets if os.path.isfile(target))


def _terms(terms: Terms) -> dict[str, object]:
    pairs = {"options": terms.options, "models": terms.models}
    return {kind: [{"name": name, "value": value} for name, value in each] for kind, each in pairs.items()}


def _line(kind: str, members: Mapping[str, object]) -> str:
    return json.dumps({"kind": kind, **members})


def _id(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:24]


def content_of(path: Path) -> str:
    """SHA-256 of a file; "" when it cannot be read."""
    try:
        return sha256_of(path)
    except InputError:
        return ""
