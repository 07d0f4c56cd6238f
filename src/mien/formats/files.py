"""Files as bytes: opening only what is a regular file, telling a format by its first bytes, writing all or nothing.

A name is only ever a path. `http://…` or `concat:…` is a file that does not exist; nothing here reaches a network.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from mien.core.errors import InputError, OutputError, OutputExists, printable
from mien.formats.leftovers import in_work, sweep, temporary_beside

StrPath = str | os.PathLike[str]

READ_LIMIT = 2**30
"""Bytes of the largest file that is read into memory at once."""


class MediaKind(Enum):
    """A format that mien reads, as told by the first bytes of a file; the value is its name for a message."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    AVIF = "AVIF"
    HEIC = "HEIC"
    MP4 = "MP4"
    MATROSKA = "Matroska"
    AVI = "AVI"

    @property
    def is_still(self) -> bool:
        """Whether it is a format of photos; the others are of videos."""
        return self not in (MediaKind.MP4, MediaKind.MATROSKA, MediaKind.AVI)


def open_regular(path: StrPath) -> BufferedReader:
    """`path` opened for reading in binary, after a check that it is a regular file (or a link to one).

    Never waits: a pipe named `.jpg` would otherwise hang the reader for ever.

    Raises:
        InputError: E_NOTFILE for what is missing or no regular file, E_PERM for what may not be read, E_READ for
            any other refusal of the system. A disk that fails later makes the reader itself raise E_READ.
    """
    source = os.fspath(path)
    try:
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:
        raise InputError(source, "E_NOTFILE", "the name holds a null character", "check the path") from error
    except OSError as error:
        raise _unreadable(source, error) from error
    try:
        with _reading(source):
            mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            what = "a directory" if stat.S_ISDIR(mode) else "a pipe, socket or device"
            raise InputError(source, "E_NOTFILE", f"{what}, not a file", "give the path of a photo or a video")
        return BufferedReader(_RegularFile(descriptor, source))
    except BaseException:
        os.close(descriptor)
        raise


class _RegularFile(FileIO):
    """What lies under a reader. A refusal to read names the file, and cannot be taken for one to write a result.

    Args:
        descriptor: of the file, which is closed with it.
        source: the file's name.
    """

    def __init__(self, descriptor: int, source: str) -> None:
        super().__init__(descriptor, "rb")
        self._source = source

    def readinto(self, buffer: Any, /) -> int:
        """Fills a buffer, and says how far. Raises `InputError` when the system refuses."""
        with _reading(self._source):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        """Reads all that is left. Raises `InputError` when the system refuses."""
        with _reading(self._source):
            return super().readall()


@contextmanager
def _reading(source: str) -> Iterator[None]:
    """Turns the system's refusals in the block into the `InputError` that says so of `source`."""
    try:
        yield
    except OSError as error:
        raise _unreadable(source, error) from error


def _unreadable(source: str, error: OSError) -> InputError:
    reason = (error.strerror or type(error).__name__).lower()
    if error.errno in (errno.EACCES, errno.EPERM):
        return InputError(source, "E_PERM", "permission denied", "allow this user to read it")
    if error.errno == errno.ENOENT:
        return InputError(source, "E_NOTFILE", "no such file", "check the path; addresses are not fetched")
    if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO, errno.EISDIR):
        return InputError(source, "E_NOTFILE", reason, "check the path")
    return InputError(source, "E_READ", f"cannot be read: {reason}", "check the disk or the share it lies on")


def read_bytes(path: StrPath, limit: int = READ_LIMIT) -> bytes:
    """The whole content of the regular file at `path`, read once.

    Args:
        path: the file.
        limit: the most bytes it may have.

    Raises:
        InputError: what `open_regular` raises; E_EMPTY for no bytes, E_TOOBIG above `limit`, E_CHANGED when the file
            grew or shrank meanwhile.
    """
    source = os.fspath(path)
    with open_regular(path) as file:
        with _reading(source):
            size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise InputError(source, "E_EMPTY", "file is empty (0 bytes)", "fetch or export it again")
        if size > limit:
            cause = f"{size / 2**20:.0f} MiB > limit {limit / 2**20:.0f} MiB"
            raise InputError(source, "E_TOOBIG", cause, "save a smaller copy")
        data = file.read(size + 1)  # one byte more than promised, to notice a file that grows
    if len(data) != size:
        raise InputError(source, "E_CHANGED", "the file changed while it was read", "try again once it is complete")
    return data


def sha256_of(path: StrPath) -> str:
    """64 hexadecimal digits, of the content of the regular file at `path`. Raises `InputError` as `open_regular`."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_UNWELCOME: tuple[tuple[tuple[bytes, ...], str, str, str], ...] = (
    (
        (b"version https://git-lfs",),
        "E_LFS",
        "git-lfs pointer, content was never fetched",
        "run `git lfs pull` where it came from",
    ),
    (
        (b"<!doctype html", b"<html", b"<head", b"<body"),
        "E_FORMAT",
        "not an image or a video; looks like an HTML page (failed download?)",
        "download the file again",
    ),
    (
        (b"#extm3u", b"ffconcat", b"v=0\r\n", b"v=0\n", b"[playlist]", b"<smil", b"<mpd"),
        "E_FORMAT",
        "playlists are not read",
        "give the video file itself",
    ),
    (
        (b"pk\x03\x04", b"{"),
        "E_FORMAT",
        "not an image or a video; a take, or an archive",
        "`mien convert` and `mien animate` read takes",
    ),
    ((b"gif87a", b"gif89a"), "E_FORMAT", "GIF is not read", "save it as PNG or MP4"),
    ((b"%!ps", b"<svg", b"<?xml", b"%pdf"), "E_FORMAT", "drawings and documents are not read", "save it as PNG"),
    ((b"ii*\0", b"mm\0*", b"ii+\0", b"mm\0+"), "E_FORMAT", "TIFF is not read", "save it as PNG"),
    ((b"bm",), "E_FORMAT", "not an image or a video that is read; perhaps BMP", "save it as PNG"),
)
"""What is met under the name of a picture: how it starts in lower case, the code, the cause, the remedy."""

_MP4_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_STILL_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def kind_of(head: bytes, source: object) -> MediaKind:
    """The format of a file that starts with `head` (64 bytes suffice), whatever its name says.

    Raises:
        InputError: E_LFS for a git-lfs pointer, E_FORMAT for anything else that is not read; says what it looks like.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return MediaKind.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaKind.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return MediaKind.WEBP
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return MediaKind.AVI
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return MediaKind.MATROSKA
    if head[4:8] == b"ftyp":
        brands = head[8 : min(int.from_bytes(head[:4], "big"), 64)]
        if b"avif" in brands or b"avis" in brands:
            return MediaKind.AVIF
        if brands[:4] in _STILL_BRANDS:
            return MediaKind.HEIC
    if head[4:8] in _MP4_ATOMS:
        return MediaKind.MP4
    if not head:
        raise InputError(source, "E_EMPTY", "file is empty (0 bytes)", "fetch or export it again")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for openings, code, cause, remedy in _UNWELCOME:
        if start.startswith(openings):
            raise InputError(source, code, cause, remedy)
    shown = printable(head[:16].decode("latin-1"))
    formats = ", ".join(kind.value for kind in MediaKind)
    raise InputError(source, "E_FORMAT", f"not an image or a video; starts with '{shown}'", f"{formats} are read")


_REFUSALS: dict[int, tuple[str, str, str]] = {
    errno.ENOSPC: ("E_DISKFULL", "the disk is full", "free some space"),
    errno.EDQUOT: ("E_DISKFULL", "the disk quota is used up", "free some space"),
    errno.EFBIG: ("E_DISKFULL", "the file system takes no file this large", "write to another disk"),
    errno.EACCES: ("E_PERM", "permission denied", "allow this user to write to the folder"),
    errno.EPERM: ("E_PERM", "permission denied", "allow this user to write to the folder"),
    errno.EROFS: ("E_PERM", "the file system is read-only", "write to another folder"),
    errno.ENOENT: ("E_NOTDIR", "the folder does not exist", "create it first"),
    errno.ENOTDIR: ("E_NOTDIR", "a part of the path is not a folder", "check the path"),
}


@contextmanager
def replacing(path: StrPath, overwrite: bool) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix, which takes its place when the block ends without an error.

    Until then `path` is untouched, so nobody ever sees half a file; after an error nothing new is left in the folder.

    Args:
        path: where the result goes.
        overwrite: whether a file that is there already may be replaced.

    Raises:
        OutputError: E_EXISTS, E_NOTFILE when `path` is a folder or a device, E_PERM, E_NOTDIR, E_DISKFULL; E_WRITE
            for any other refusal of the system.
    """
    target = Path(path)
    check_replaceable(target, overwrite)
    temporary = temporary_beside(target)
    try:
        # Made here rather than by the encoder: a folder that takes no file is found out before any work is done.
        with in_work(temporary):
            yield temporary
            _flush(temporary)
            check_replaceable(target, overwrite)
            os.replace(temporary, target)
        with suppress(OSError):  # not every system can flush a folder; the file itself is safe by now
            _flush(target.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def unwritable(target: StrPath, error: OSError) -> OutputError:
    """What the system's refusal to write `target` means, and what to do about it."""
    reason = (error.strerror or type(error).__name__).lower()
    other = ("E_WRITE", f"cannot be written: {reason}", "try another folder")
    return OutputError(target, *_REFUSALS.get(error.errno or 0, other))


def make_folder(path: StrPath) -> None:
    """Makes a folder for results, with those above it, unless it is there; one that is, loses what killed runs left.

    Raises:
        OutputError: E_NOTDIR when it cannot be made.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        remedy = "name another folder, or remove what is in the way"
        raise OutputError(path, "E_NOTDIR", f"cannot be made a folder: {error.strerror}", remedy) from error
    sweep([Path(path)])


def check_replaceable(target: Path, overwrite: bool) -> None:
    """Refuses what `replacing` would refuse of the file that is there, for who has work to do before it.

    Raises:
        OutputError: E_EXISTS, or E_NOTFILE when it is a folder or a device.
    """
    try:
        mode = os.stat(target).st_mode
    except (OSError, ValueError):
        return  # nothing there, or what making the temporary file will report
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise OutputError(target, "E_NOTFILE", f"{what}, not a file", "give the path of a file to write")
    if not overwrite:
        raise OutputExists(target, "E_EXISTS", "the file exists already", "--overwrite replaces it")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
