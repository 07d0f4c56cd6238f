"""Named arrays in one file, as `numpy.savez` lays them out; read without pickle and without trusting a header."""

import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from mien.core.arrays import Array

_HEAD = 1 << 14
"""Bytes within which the header of an array must end."""

_PIECE, _PAGE = 1 << 20, 1 << 12
"""Bytes that are unpacked at once, and of memory as systems hand it out."""


def write_members(path: Path, members: Mapping[str, Array]) -> None:
    """Writes arrays under their names, compressed; the same arrays give the same bytes, whatever the clock says.

    Raises:
        ValueError: an array of objects, which only a pickle could hold.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in members.items():
            about = zipfile.ZipInfo(f"{name}.npy")
            about.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(about, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read_members(data: bytes, limit: int, sparse: bool = False) -> dict[str, Array]:
    """Every array of the NPZ file whose content is `data`, by name; read-only.

    Args:
        data: the file.
        limit: the most bytes it may unpack to.
        sparse: whether stretches of zeros do not count: they take no memory.

    Raises:
        ValueError: not an NPZ, cut short, changed, pickled, or too large; says which member.
    """
    arrays, unpacked = {}, 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if not sparse and sum(member.file_size for member in members) > limit:
                raise _too_large(limit)
            for member in members:
                with archive.open(member) as stream:
                    packed = _Packed(stream, member.file_size, member.filename)
                    for filled in packed.unpack():
                        unpacked += filled
                        if unpacked > limit:
                            raise _too_large(limit)
                arrays[member.filename.removesuffix(".npy")] = packed.array
        return arrays
    except ValueError:
        raise
    # A hostile archive makes zipfile, zlib, ast and numpy raise a dozen kinds, none of them promised.
    except Exception as error:
        raise ValueError(f"not a whole NPZ: {error}") from None


def _too_large(limit: int) -> ValueError:
    return ValueError(f"unpacks to more than {limit >> 20} MiB")


class _Packed:
    """A .npy file whose array is unpacked piece by piece.

    Args:
        stream: its content.
        size: how many bytes that says to be. It is compared with what the header claims before anything is allocated.
        name: what to call it in a message.

    Attributes:
        array: zeros until they are unpacked; read-only.

    Raises:
        ValueError: it is no such file.
    """

    def __init__(self, stream: IO[bytes], size: int, name: str) -> None:
        self._stream, self._name = stream, name
        head = io.BytesIO(stream.read(_HEAD))
        version = np.lib.format.read_magic(head)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(head)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(head)
        else:
            raise ValueError(f"{name} is a .npy of unknown version {version}")
        if dtype.hasobject:
            raise ValueError(f"{name} holds pickled objects, which are never loaded")
        content = size - head.tell()
        if min(shape, default=0) < 0 or dtype.itemsize * math.prod(shape) != content:
            raise self._torn()
        self._ahead = head.read()
        self.array = np.zeros(shape, dtype, order="F" if fortran else "C")
        self._bytes = self.array.ravel(order="K").view(np.uint8) if content else np.zeros(0, np.uint8)
        self.array.flags.writeable = False

    def unpack(self) -> Iterator[int]:
        """Unpacks all; yields how many bytes of memory each piece fills.

        Where there are only zeros, memory stays as the system hands it out, which costs nothing until it is written to.
        """
        for start in range(0, len(self._bytes), _PIECE):
            piece = self._bytes[start : start + _PIECE]
            read = np.frombuffer(self._next(len(piece)), np.uint8)
            pages = len(read) // _PAGE
            there, here = (each[: pages * _PAGE].reshape(pages, _PAGE) for each in (read, piece))
            filled = there.any(axis=1)
            here[filled] = there[filled]
            piece[pages * _PAGE :] = read[pages * _PAGE :]
            yield int(filled.sum()) * _PAGE + len(read) % _PAGE

    def _next(self, count: int) -> bytes:
        ahead, self._ahead = self._ahead[:count], self._ahead[count:]
        data = ahead + self._stream.read(count - len(ahead))
        if len(data) != count:
            raise self._torn()
        return data

    def _torn(self) -> ValueError:
        return ValueError(f"{self._name} holds less or more than its header says")
