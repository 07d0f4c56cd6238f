"""One page that lists the sources of a batch, a row each; and the little that is kept of a source until then."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError
from mien.digest.engine import write_page
from mien.digest.page import About
from mien.digest.pictures import SMALL, data_address, jpeg_of
from mien.digest.ranks import clock, counted, shown_faces, strongest_text
from mien.digest.record import SourceDigest
from mien.formats.files import read_bytes, replacing
from mien.formats.json_object import JsonObject

MOST_ROWS = 5000
"""Sources that a page lists: a browser is slow with more."""

MOST_PICTURES = 1000
"""Of these, how many with a picture."""

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """What the list says of a source that was read.

    Args:
        duration: of a video, in words; empty for a photo.
        frames: looked at.
        without_face: how many of them.
        faces: how many different ones.
        quality: mean over them, 0 to 1; 0 where there is none.
        strongest: the channels that move most on the face seen longest, in words.
        picture: JPEG of that face, or empty.
    """

    duration: str
    frames: int
    without_face: int
    faces: int
    quality: float
    strongest: str
    picture: bytes

    @classmethod
    def of(cls, digest: SourceDigest, with_picture: bool) -> "Entry":
        """What is kept of a digest."""
        faces = shown_faces(digest)
        main = max(faces, key=lambda face: face.frames, default=None)
        frames = sum(face.frames for face in digest.faces)
        return cls(
            clock(digest.end - digest.start) if digest.is_video else "",
            digest.frames,
            digest.without_face,
            len(digest.faces) + digest.left_out,
            sum(face.quality * face.frames for face in digest.faces) / max(frames, 1),
            "" if main is None else strongest_text(main, _SHOWN),
            b"" if main is None or not with_picture else jpeg_of(main.portrait, SMALL),
        )


@dataclass(frozen=True, slots=True)
class ListRow:
    """A source in the list: what was read of it, or why nothing was.

    Args:
        name: of the source.
        status: in a word: done, partial, failed, poison, unread.
        error: cause and remedy in words, or empty.
        entry: what was read, or None.
    """

    name: str
    status: str
    error: str
    entry: Entry | None

    @property
    def picture(self) -> str:
        """The face as a data address, or empty."""
        return "" if self.entry is None else data_address(self.entry.picture)


def write_listing(rows: Sequence[ListRow], about: About, path: Path, overwrite: bool = False) -> None:
    """Writes the page; what went wrong and the first `MOST_ROWS` sources stand in it.

    Raises:
        OutputError: E_EXISTS, or the disk refuses.
    """
    wrong = sum(row.entry is None for row in rows)
    values: dict[str, object] = {
        "title": counted(len(rows), "source"),
        "rows": rows[:MOST_ROWS],
        "more": len(rows) - min(len(rows), MOST_ROWS),
        "pictures": any(row.picture for row in rows[:MOST_PICTURES]),
        "most_pictures": MOST_PICTURES,
        "read": len(rows) - wrong,
        "wrong": wrong,
        "faceless": sum(row.entry is not None and row.entry.faces == 0 for row in rows),
        "about": about,
    }
    write_page("listing.html", values, path, overwrite)


def write_entry(entry: Entry, path: Path) -> None:
    """Keeps what the list says of a source in a file. Raises `OutputError` when the disk refuses."""
    members = {name: getattr(entry, name) for name in Entry.__dataclass_fields__ if name != "picture"}
    text = json.dumps({**members, "picture": base64.b64encode(entry.picture).decode()})
    with replacing(path, True) as part:
        part.write_text(text, "utf-8")


def read_entry(path: Path) -> Entry:
    """What `write_entry` kept. Raises `InputError`: it cannot be read, or is damaged."""
    try:
        members = JsonObject.parse(read_bytes(path))
        return Entry(
            members.text("duration"),
            members.whole("frames"),
            members.whole("without_face"),
            members.whole("faces"),
            members.number("quality"),
            members.text("strongest"),
            base64.b64decode(members.text("picture"), validate=True),
        )
    except (ValueError, binascii.Error) as error:
        raise InputError(path, "E_FORMAT", f"is damaged: {error}", "capture its source again") from None
