"""Arrays out of a pickle from outside, without unpickling it here.

The file is read by `unpickle_child` in a process of its own, where every name that it uses is a recorder that does
nothing. What comes back is an NPZ of plain numbers, read without trust; this process never unpickles.
"""

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.formats.files import StrPath, open_regular
from mien.formats.npz import read_members
from mien.rig import unpickle_child

FILE_LIMIT = 256 * 2**20
"""Bytes of the largest pickle that is read; FLAME's have 53 MB."""

SECONDS = 60.0
"""How long reading may take."""

REMEDY = "a FLAME model holds arrays only: download it again from its project, and open this file nowhere else"

_DENSE_LIMIT = 2**27
"""Numbers in an array that is unfolded from a sparse or a selected one."""

_KEPT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables without which some Pythons do not start; the child is given no others."""


def command(names: Sequence[str]) -> list[str]:
    """How the reading process is started: isolated, without site-packages, without writing bytecode."""
    return [sys.executable, "-I", "-S", "-B", str(Path(unpickle_child.__file__)), *names]


def read_pickle(path: StrPath, names: Sequence[str], seconds: float = SECONDS) -> dict[str, Array]:
    """The arrays that the dictionary in a pickle holds under `names`, those that are there; read-only.

    chumpy's arrays come as what they wrap, scipy's sparse matrices dense.

    Args:
        path: the file.
        names: keys of the dictionary.
        seconds: how long it may take.

    Raises:
        InputError: E_PICKLE: it asks for anything but arrays, is broken, too large, or takes too long; E_READER: the
            process that reads it could not be started; E_EMPTY; and what `open_regular` raises.
    """
    source = os.fspath(path)
    with open_regular(path) as file, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as words:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise InputError(source, "E_EMPTY", "file is empty (0 bytes)", "download it again")
        if size > FILE_LIMIT:
            raise InputError(source, "E_PICKLE", f"{size >> 20} MiB > limit {FILE_LIMIT >> 20} MiB", REMEDY)
        status = _run(source, command(names), file, out, words, seconds)
        if status != 0:
            raise InputError(source, "E_PICKLE", _cause(words, status), REMEDY)
        out.seek(0)
        packed = out.read(unpickle_child.OUTPUT_LIMIT + 1)
    try:
        return _unfolded(read_members(packed, unpickle_child.OUTPUT_LIMIT))
    except (ValueError, LookupError) as error:
        raise InputError(source, "E_PICKLE", str(error), REMEDY) from error


def _run(source: str, arguments: list[str], file: BinaryIO, out: BinaryIO, words: BinaryIO, seconds: float) -> int:
    """The exit status of the reading process, in an empty folder, a session and an environment of its own."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        try:
            process = subprocess.Popen(
                arguments,
                stdin=file,
                stdout=out,
                stderr=words,
                cwd=folder,
                env=kept,
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            cause = f"no process to read it in: {error.strerror}"
            raise InputError(source, "E_READER", cause, "free some memory and try again") from error
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise InputError(source, "E_PICKLE", f"was not read within {seconds:g} s", REMEDY) from None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kills the process and any it may have started, and waits for it."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.wait()


def _cause(words: BinaryIO, status: int) -> str:
    words.seek(0)
    try:
        cause = json.loads(words.read(4096))
    except ValueError:
        cause = None
    return cause if isinstance(cause, str) else f"broke the process that read it (status {status})"


def _unfolded(members: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays by their key, from members `key` and `key:kind:part`. Raises `ValueError` for parts that do not fit."""
    whole, folded = {}, dict[tuple[str, str], dict[str, Array]]()
    for name, array in members.items():
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} holds no numbers")
        key, *place = name.split(":")
        if place:
            folded.setdefault((key, place[0]), {})[place[1]] = array
        else:
            whole[key] = array
    for (key, kind), parts in folded.items():
        shape = tuple(parts["shape"].tolist())
        if math.prod(shape) > _DENSE_LIMIT:
            raise ValueError(f"{key} unfolds to {math.prod(shape)} numbers")
        whole[key] = _selected(key, parts, shape) if kind == "select" else _dense(key, parts, shape, kind == "rows")
    for array in whole.values():
        array.flags.writeable = False
    return whole


def _selected(key: str, parts: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    """Entries of the flattened source, in a shape."""
    source, index = parts["source"].ravel(), parts["index"].ravel()
    in_range = index.dtype.kind in "iu" and (index.size == 0 or 0 <= index.min() <= index.max() < source.size)
    if not in_range or index.size != math.prod(shape):
        raise ValueError(f"{key} selects what its array does not hold")
    return np.array(source[index].reshape(shape))


def _dense(key: str, parts: Mapping[str, Array], shape: tuple[int, ...], rows: bool) -> Array:
    """The matrix [rows, columns] that is stored compressed by rows or by columns; what comes twice is added."""
    data, indices, starts = parts["data"], parts["indices"], parts["indptr"]
    flat = all(part.ndim == 1 for part in (data, indices, starts))
    whole = indices.dtype.kind in "iu" and starts.dtype.kind in "iu"
    lines, length = shape if rows else shape[::-1]
    if not (flat and whole and len(shape) == 2 and len(starts) == lines + 1 and len(data) == len(indices)):
        raise ValueError(f"{key} is no whole sparse matrix")
    counts: Array = np.diff(starts.astype(np.int64))
    if starts[0] != 0 or starts[-1] != len(data) or (counts < 0).any():
        raise ValueError(f"{key} is no whole sparse matrix")
    if indices.size and not 0 <= indices.min() <= indices.max() < length:
        raise ValueError(f"{key} has entries outside its shape")
    dense = np.zeros((lines, length))
    np.add.at(dense, (np.repeat(np.arange(lines), counts), indices), data)
    return np.ascontiguousarray(dense if rows else dense.T)
