"""What became of one source of a batch, as a record, as a line of JSON, and back."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mien.compose.damage import partly_read
from mien.compose.session import Prompt
from mien.compose.streams import Streamed
from mien.core.errors import InputError, MienError
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.formats.json_object import JsonObject
from mien.formats.photo_notes import DAMAGED, Note


class Status(StrEnum):
    """How far a source got; every source of a batch ends in one of them."""

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    POISON = "poison"
    UNREAD = "unread"


GONE = "W_PARTIAL"
"""The code of a note that says that a camera was gone before its time."""

_BY_CONTENT = frozenset(
    (
        *("E_EMPTY", "E_LFS", "E_FORMAT", "E_TRUNC", "E_CORRUPT", "E_ASPECT", "E_NOVIDEO", "E_CODEC"),
        *("E_SEVERAL", "E_POISON"),
    )
)
"""Codes of failures that the content of a source decides, and not the disk that it lies on or the moment."""

PARTIAL = "W_PARTIAL"
"""The code of a note that says how many frames of a damaged video were read."""

_BY_CODE = {"E_POISON": Status.POISON, "E_STOPPED": Status.UNREAD}


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written for one source, and the SHA-256 of its content."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one source.

    Args:
        path: the source.
        frames: looked at.
        faces: how many different ones were seen.
        seen: frames in which there was one.
        last: the readings of its last frame that held any.
        lost: frames that a damaged video promised and did not give.
        guessed: frames of which the decoder of a damaged video made up a part.
        dropped: frames that came too late to be looked at in real time.
        error: why it failed, or None.
        sha256: of its content, where a journal wants it; else "".
        written: its own files, where a journal wants them.
        rows: SHA-256 of each part that it adds to shared tables and pages, likewise.
        notes: what is worth knowing about the file.
    """

    path: Path
    frames: int = 0
    faces: int = 0
    seen: int = 0
    last: tuple[FaceReading, ...] = ()
    lost: int = 0
    guessed: int = 0
    dropped: int = 0
    error: MienError | None = None
    sha256: str = ""
    written: tuple[Written, ...] = ()
    rows: str = ""
    notes: tuple[Note, ...] = ()

    @property
    def status(self) -> Status:
        """How far it got."""
        if self.error is not None:
            return _BY_CODE.get(self.error.code, Status.FAILED)
        damaged = self.lost or self.guessed or any(note.code in (DAMAGED, GONE) for note in self.notes)
        return Status.PARTIAL if damaged else Status.DONE

    @property
    def is_final(self) -> bool:
        """Whether another try must end the same, as long as the content, the options and mien do."""
        if self.error is None:
            return True
        # What an extra reads may be read once that is installed.
        return self.error.code in _BY_CONTENT and "pip install" not in self.error.remedy


@dataclass(frozen=True, slots=True)
class Steps:
    """Who wants to know how a batch goes on.

    Called with the source and its frame count, after each frame, with what became of the source, with what became of
    one in an earlier run, at the end of all with what became of each stream, with what is worth a warning: of what, its
    code and its cause; with each frame and what was read in it; and with what a person before a camera is asked to do.
    Sources that worker processes read are told of when they are done.
    """

    opened: Callable[[Path, int | None], None] = field(default=lambda path, frames: None)
    frame: Callable[[], None] = field(default=lambda: None)
    done: Callable[[Done], None] = field(default=lambda done: None)
    kept: Callable[[Done], None] = field(default=lambda done: None)
    streamed: Callable[[Streamed], None] = field(default=lambda streamed: None)
    warned: Callable[[object, str, str], None] = field(default=lambda source, code, cause: None)
    read: Callable[[Frame, list[FaceReading]], None] = field(default=lambda frame, readings: None)
    prompted: Callable[[Prompt], None] = field(default=lambda prompt: None)


_COUNTS = ("frames", "faces", "seen", "lost", "guessed", "dropped")


def shown(path: Path) -> str:
    """A path as valid Unicode: a byte that is none stands as `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def record_line(done: Done) -> str:
    """What became of a source as one line of JSON, without its end."""
    return json.dumps(_record(done), ensure_ascii=False)


def journal_members(done: Done) -> dict[str, object]:
    """The record with what `done_of` needs besides: the members of an object of JSON."""
    files = [{"path": os.fsdecode(each.path), "sha256": each.sha256} for each in done.written]
    return {**_record(done), "written": files, "rows": done.rows}


def done_of(members: JsonObject, path: Path) -> Done:
    """What `journal_members` wrote, of the source at `path`. Raises `ValueError` that names the member."""
    code, error = members.text("code"), None
    if code:
        error = InputError(path, code, members.text("cause"), members.text("remedy"))
    written = tuple(Written(Path(each.text("path")), each.text("sha256")) for each in members.objects("written"))
    frames, faces, seen, lost, guessed, dropped = (members.whole(name) for name in _COUNTS)
    sha256, rows = members.text("sha256"), members.text("rows")
    notes = tuple(Note(each.text("code"), each.text("cause")) for each in members.objects("notes"))
    notes = tuple(note for note in notes if note.code != PARTIAL)  # said by the numbers
    return Done(path, frames, faces, seen, (), lost, guessed, dropped, error, sha256, written, rows, notes)


def _record(done: Done) -> dict[str, object]:
    error = done.error
    about = {"path": shown(done.path), "sha256": done.sha256, "status": str(done.status)}
    said = {key: "" if error is None else getattr(error, key) for key in ("code", "cause", "remedy")}
    partly = (Note(PARTIAL, partly_read(done.frames, done.lost, done.guessed)),) if done.lost or done.guessed else ()
    notes = [{"code": note.code, "cause": note.cause} for note in (*partly, *done.notes)]
    return {**about, **said, **{name: getattr(done, name) for name in _COUNTS}, "notes": notes}
