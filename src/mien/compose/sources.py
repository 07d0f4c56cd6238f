"""What a user names to what capture reads: paths, folders, arrays and frames to streams of frames."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob, has_magic
from itertools import chain
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.errors import NothingMatched, UsageError
from mien.core.image import Frame
from mien.formats.bare import MAX_PIXELS
from mien.formats.files import MediaKind, kind_of, open_regular
from mien.formats.images import read_photo
from mien.formats.photo_notes import Note, name_notes
from mien.formats.video import VideoReader

SUFFIXES = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".avif",
        ".heic",
        ".heif",
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
    )
)
"""Endings that a folder is searched for. A file that is named itself is told by its content, whatever its ending."""

_HEAD = 512


@dataclass(frozen=True)
class Source:
    """An opened photo or video.

    Args:
        name: as the user gave it.
        frames: its frames, once.
        is_video: whether it is one.
        frame_rate: frames a second, or None.
        frame_count: how many frames its container promises, or None.
        start_timecode: of the first frame, or None.
        reader: the video reader, which counts what was damaged; None for a photo.
        notes: what is worth knowing about the file.
    """

    name: str
    frames: Iterable[Frame]
    is_video: bool = False
    frame_rate: float | None = None
    frame_count: int | None = None
    start_timecode: str | None = None
    reader: VideoReader | None = None
    notes: tuple[Note, ...] = ()


@contextmanager
def opened(path: Path, max_pixels: int = MAX_PIXELS, allow_damaged: bool = False) -> Iterator[Source]:
    """The photo or video at `path`, told by its first bytes.

    Args:
        path: the file.
        max_pixels: the most pixels that a photo, or a frame of a video, may have.
        allow_damaged: whether a damaged JPEG is read as far as it goes.

    Raises:
        InputError: it cannot be read.
    """
    kind = _kind(path)
    notes = () if kind is None else name_notes(kind, path.suffix)
    if kind is None or kind.is_still:
        photo = read_photo(path, max_pixels, allow_damaged)
        yield Source(str(path), [photo.frame], notes=(*notes, *photo.notes))
        return
    with VideoReader(path, max_pixels) as video:
        yield Source(str(path), video, True, video.frame_rate, video.frame_count, video.start_timecode, video, notes)


def holds_video(path: Path) -> bool:
    """Whether the file at `path` begins as a video; an empty one does not. Raises `InputError` for what is not read."""
    kind = _kind(path)
    return kind is not None and not kind.is_still


def _kind(path: Path) -> MediaKind | None:
    """The format by the first bytes; None for an empty file. Raises `InputError` for what is not read."""
    with open_regular(path) as file:
        head = file.read(_HEAD)
    return kind_of(head, path) if head else None


def expanded(paths: Sequence[Path]) -> list[Path]:
    """The files that `paths` name: a file itself, a folder's photos and videos at any depth, sorted.

    Links to folders are not followed, hidden files and folders are passed over. A name of nothing that is there, with
    `*`, `?` or `[…]` in it, is a pattern (`**` stands for folders at any depth), for shells that expand none.

    Raises:
        UsageError: nothing was named.
        NothingMatched: folders or patterns were named, and none holds a photo or a video.
    """
    if not paths:
        raise UsageError("mien capture", "E_USAGE", "no source was named", "name photos, folders or videos")
    files: list[Path] = []
    for path in chain.from_iterable(map(_matching, paths)):
        if path.is_dir():
            found = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not _hidden(p.relative_to(path)))
            files += sorted(p for p in found if not p.is_dir())
        else:
            files.append(path)
    if not files:
        named = ", ".join(str(path) for path in paths)
        known = " ".join(sorted(SUFFIXES))
        raise NothingMatched(named, "E_NOTHING", "holds no photo and no video", f"looked for {known}")
    # A file that is named twice, itself and with its folder, is read once.
    return list({os.path.realpath(file): file for file in reversed(files)}.values())[::-1]


def _matching(path: Path) -> list[Path]:
    """The paths that a pattern matches, sorted; a path that is none, itself."""
    if not has_magic(str(path)) or os.path.lexists(path):
        return [path]
    return [Path(found) for found in sorted(glob(str(path), recursive=True))]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def frames_of(source: Array | Frame | Iterable[Frame]) -> Iterable[Frame]:
    """Frames of pixels [H, W, 3] uint8 RGB, of [H, W] uint8 grey, of a frame, or of frames.

    Raises:
        UsageError: it is none of these.
    """
    if isinstance(source, Frame):
        return [source]
    if isinstance(source, np.ndarray):
        if source.dtype == np.uint8 and source.ndim == 2:
            return [Frame(np.repeat(source[..., None], 3, 2))]
        if source.dtype == np.uint8 and source.ndim == 3 and source.shape[2] == 3:
            return [Frame(source)]
        found = f"{source.dtype} {list(source.shape)}"
        raise UsageError("array", "E_USAGE", f"pixels must be uint8 [H, W, 3] RGB or [H, W] grey, got {found}")
    if not isinstance(source, Iterable):
        raise UsageError(type(source).__name__, "E_USAGE", "is no path, array, frame or sequence of frames")
    frames = iter(source)
    first = next(frames, None)
    if first is None:
        return []
    if not isinstance(first, Frame):
        raise UsageError(type(first).__name__, "E_USAGE", "a sequence must hold mien.Frame records")
    return chain([first], frames)
