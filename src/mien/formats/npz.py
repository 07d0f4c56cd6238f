"""Named arrays in one file, as `numpy.savez` lays them out; read without pickle and without trusting a header."""

import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mien.core.arrays import Array


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


def read_members(data: bytes, limit: int) -> dict[str, Array]:
    """Every array of the NPZ file whose content is `data`, by name; read-only.

    Args:
        data: the file.
        limit: the most bytes it may unpack to.

    Raises:
        ValueError: not an NPZ, cut short, changed, pickled, or too large; says which member.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > limit:
                raise ValueError(f"unpacks to more than {limit >> 20} MiB")
            return {name.removesuffix(".npy"): _array(archive.read(name), name) for name in archive.namelist()}
    except ValueError:
        raise
    # A hostile archive makes zipfile, zlib, ast and numpy raise a dozen kinds, none of them promised.
    except Exception as error:
        raise ValueError(f"not a whole NPZ: {error}") from None


def _array(data: bytes, name: str) -> Array:
    """The array in a .npy file. Its size is compared with what the header claims before anything is allocated."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"{name} is a .npy of unknown version {version}")
    if dtype.hasobject:
        raise ValueError(f"{name} holds pickled objects, which are never loaded")
    if min(shape, default=0) < 0 or dtype.itemsize * math.prod(shape) != len(data) - stream.tell():
        raise ValueError(f"{name} holds less or more than its header says")
    if dtype.itemsize == 0 or 0 in shape:
        return np.zeros(shape, dtype)
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")
