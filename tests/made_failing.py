"""A disk that fails in the middle of some files: those with `failing` in their name, also for workers of batches."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from mien.compose.outputs import BatchOptions
from mien.compose.workers import SourceReader
from mien.formats import files
from mien.pipelines.capture import CaptureOptions

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class FailingDisk(FileIO):
    """What a system with such a disk lets its programs read: half of the file, and then an error."""

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Reads, or fails as a disk does."""
        name = Path(f"/proc/self/fd/{self.fileno()}").readlink().name
        if "failing" in name and self.tell() >= os.fstat(self.fileno()).st_size // 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().readinto(buffer)


@contextmanager
def failing_disk() -> Iterator[None]:
    """Puts that disk under every file that is opened."""
    before, files._RegularFile.__bases__ = files._RegularFile.__bases__, (FailingDisk,)
    try:
        yield
    finally:
        files._RegularFile.__bases__ = before


class Reader(SourceReader):
    """A worker's reader on a machine with such a disk."""

    def __init__(self, batch: BatchOptions, options: CaptureOptions) -> None:
        self._disk = failing_disk()
        self._disk.__enter__()
        super().__init__(batch, options)
