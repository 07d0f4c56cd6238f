"""What a user names to what capture reads: paths, folders, arrays and frames to streams of frames."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from glob import has_magic
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

OTHERS = frozenset(
    (
        *(
            ".gif",
            ".tif",
            ".tiff",
            ".bmp",
            ".jp2",
            ".psd",
            ".raw",
            ".dng",
            ".cr2",
            ".cr3",
            ".nef",
            ".arw",
            ".orf",
            ".rw2",
        ),
        *(".wmv", ".flv", ".mpg", ".mpeg", ".mts", ".m2ts", ".ts", ".3gp", ".ogv", ".vob"),
    )
)
"""Endings of pictures and videos that are not read: in a folder they are passed over, and counted."""

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
def opened(
    path: Path, max_pixels: int = MAX_PIXELS, allow_damaged: bool = False, max_frames: int | None = None
) -> Iterator[Source]:
    """The photo or video at `path`, told by its first bytes.

    Args:
        path: the file.
        max_pixels: the most pixels that a photo, or a frame of a video, may have.
        allow_damaged: whether a damaged JPEG is read as far as it goes.
        max_frames: the most frames that a video may have, or None for any number.

    Raises:
        InputError: it cannot be read.
    """
    kind = _kind(path)
    notes = () if kind is None else name_notes(kind, path.suffix)
    if kind is None or kind.is_still:
        photo = read_photo(path, max_pixels, allow_damaged)
        yield Source(str(path), [photo.frame], notes=(*notes, *photo.notes))
        return
    with VideoReader(path, max_pixels, max_frames) as video:
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
    `*`, `?` or `[…]` in it, is a pattern (`**` stands for folders at any depth), for shells that expand none. A folder
    that cannot be searched stands for itself: who opens it is told why.

    Raises:
        UsageError: nothing was named.
        NothingMatched: folders or patterns were named, and none holds a photo or a video.
    """
    if not paths:
        raise UsageError("mien capture", "E_USAGE", "no source was named", "name photos, folders or videos")
    files = list(chain.from_iterable(map(_files_in, chain.from_iterable(map(_matching, paths)))))
    if not files:
        named = ", ".join(str(path) for path in paths)
        known = " ".join(sorted(SUFFIXES))
        raise NothingMatched(named, "E_NOTHING", "holds no photo and no video", f"looked for {known}")
    # A file that is named twice, itself and with its folder, is read once.
    return list({os.path.realpath(file): file for file in reversed(files)}.values())[::-1]


def passed_over(paths: Sequence[Path]) -> Counter[str]:
    """How many files there are in the folders among `paths`, by endings, that show something and are not read."""
    found: Counter[str] = Counter()
    for folder in filter(os.path.isdir, paths):
        for _, names in _walked(folder, []):
            endings = (Path(name).suffix.lower() for name in names if not _hidden(name))
            found.update(ending for ending in endings if ending in OTHERS)
    return found


def _files_in(path: Path) -> list[Path]:
    """The photos and videos of a folder, sorted; of what is none, itself."""
    if not os.path.isdir(path):
        return [path]
    found: list[Path] = []
    for folder, names in _walked(path, found):
        found += (folder / name for name in names if Path(name).suffix.lower() in SUFFIXES and not _hidden(name))
    return sorted(found)


def _walked(root: Path, refused: list[Path]) -> Iterator[tuple[Path, list[str]]]:
    """A folder and every one below it, with the names of its files; those that are not listed go to `refused`."""
    for folder, below, names in os.walk(root, onerror=partial(_refuse, refused=refused)):
        below[:] = [name for name in below if not _hidden(name)]
        yield Path(folder), names


def _refuse(error: OSError, refused: list[Path]) -> None:
    """Keeps which folder the system does not list, unless it is none."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        refused.append(Path(error.filename))


def _matching(path: Path) -> Iterable[Path]:
    """The paths that a pattern matches, sorted, and folders that hide whether they hold any; a mere path, itself."""
    if not has_magic(str(path)) or os.path.lexists(path):
        return [path]
    found, refused = [Path()], list[Path]()
    for part in path.parts:
        # What several `**` find twice is gone on with once.
        found = list(dict.fromkeys(chain.from_iterable(_fitting(folder, part, refused) for folder in found)))
    return sorted({*found, *refused}, key=str)


def _fitting(folder: Path, part: str, refused: list[Path]) -> Iterable[Path]:
    """What one part of a pattern matches in a folder; if the system does not list that, it goes to `refused`."""
    if part == "**":
        return (each for each, _ in _walked(folder, refused))
    if not has_magic(part):
        return [folder / part] if _may_be(folder / part) else []
    try:
        names = os.listdir(folder)
    except OSError as error:
        _refuse(error, refused)
        return []
    places = (folder / name for name in names if fnmatch(name, part) and _hidden(name) <= _hidden(part))
    return (place for place in places if not (os.path.islink(place) and os.path.isdir(place)))


def _may_be(path: Path) -> bool:
    """Whether there is something, or the system does not say."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _hidden(name: str) -> bool:
    return name.startswith(".")


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
