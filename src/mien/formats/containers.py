"""Video files opened: told by their first bytes, and taken apart by the demuxer that those ask for, never by a name."""

import struct
from os import SEEK_END
from typing import BinaryIO

import av
from av.container import InputContainer
from av.error import FFmpegError

from mien.core.errors import InputError
from mien.formats.files import MediaKind, kind_of

_DEMUXERS = {MediaKind.MP4: "mp4", MediaKind.MATROSKA: "matroska", MediaKind.AVI: "avi"}


def video_kind(file: BinaryIO, source: str) -> MediaKind:
    """The format of an opened video, told by its first bytes; raises `InputError` for what is none."""
    head = file.read(64)
    file.seek(0)
    kind = kind_of(head, source)
    if kind.is_still:
        raise InputError(source, "E_FORMAT", f"a still image ({kind.value}), not a video", "read it as a photo")
    return kind


def open_container(file: BinaryIO, kind: MediaKind, source: str) -> InputContainer:
    """An opened video taken apart; raises `InputError` when its index or header, or later the disk, cannot be read."""
    options = {"protocol_whitelist": "file"}
    try:
        return av.open(_Tape(file), "r", format=_DEMUXERS[kind], options=options, metadata_errors="replace")
    except FFmpegError as error:
        if kind is MediaKind.MP4 and not _has_index(file):
            cause = "video index missing (recording interrupted?)"
            raise InputError(source, "E_TRUNC", cause, "a tool that repairs MP4 files may rebuild it") from error
        cause = f"the {kind.value} header cannot be read"
        raise InputError(source, "E_CORRUPT", cause, "fetch or export it again") from error


class _Tape:
    """A file as FFmpeg reads it: after an error, which is raised once, it has ended.

    FFmpeg asks again after a failed read. PyAV keeps the first error and raises it as it is when its own call ends; of
    each further one it would print a traceback.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._failed = file, False
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        if self._failed:
            return b""
        try:
            return self._file.read(size)
        except InputError:
            self._failed = True
            raise


def _has_index(file: BinaryIO) -> bool:
    """Whether the boxes of an MP4 include a whole `moov`."""
    end = file.seek(0, SEEK_END)
    position = 0
    while position + 8 <= end:
        file.seek(position)
        head = file.read(16)
        size, name = struct.unpack_from(">I4s", head)
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack_from(">Q", head, 8)
        if name == b"moov":
            return bool(position + size <= end)
        if size < 8:  # 0 reaches to the end; anything else is no box
            return False
        position += size
    return False
