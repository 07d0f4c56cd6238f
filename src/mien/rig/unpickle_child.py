"""The process in which a pickle is read: `unpickle.read_pickle` starts this file alone; nothing imports it to use it.

A pickle is a program: it names callables and calls them. Here every name that a FLAME model needs stands for a
recorder of ours, which notes what it was called with and does nothing; numpy, chumpy and scipy are not even loaded.
Any other name is refused. Should the interpreter itself have a hole, the process has little left to do harm with: no
descriptor but its three, no new process where the system allows to forbid it, bounded memory, time and output, and an
audit hook that ends whatever Python reports.

Input: the pickle on stdin, wanted keys as arguments. Output: an NPZ on stdout and exit 0, or one line of JSON on
stderr, the refusal, and exit 1.
"""

import gc
import io
import json
import math
import os
import pickle
import pkgutil
import re
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn, Self

MEMORY_LIMIT = 2 * 2**30
"""Bytes of address space."""
OUTPUT_LIMIT = 512 * 2**20
"""Bytes of the NPZ that comes back."""
SECONDS_LIMIT = 60
"""Seconds of computing; the parent bounds the time on the wall."""

_NUMBERS = re.compile(r"[biuf][1248]")
_NAME_SHOWN = 80


class Refused(Exception):
    """What the pickle asked for, in words."""


# --- recorders: all that a pickle can reach ---------------------------------------------------------------------------


class Recorder:
    """Stands for a class: made without arguments, keeps the state that it is given."""

    __slots__ = ("state",)
    state: object

    def __new__(cls, *arguments: object) -> Self:
        """An empty one. Raises `Refused` for any argument."""
        if arguments:
            raise Refused(f"calls {cls.__name__} to make something")
        made = super().__new__(cls)
        made.state = None
        return made

    def __setstate__(self, state: object) -> None:
        self.state = state

    def part(self, name: str) -> object:
        """One entry of a state that is a dictionary, None where there is none."""
        return self.state.get(name) if isinstance(self.state, dict) else None


class Object(Recorder):
    """`object`, which old protocols name as the base of a class."""

    __slots__ = ()


class Chumpy(Recorder):
    """`chumpy.ch.Ch`: an array under `x`."""

    __slots__ = ()


class Select(Recorder):
    """`chumpy.reordering.Select`: entries `idxs` of the flattened `a`, in `preferred_shape`."""

    __slots__ = ()


class SparseColumns(Recorder):
    """scipy's matrices compressed by columns."""

    __slots__ = ()


class SparseRows(Recorder):
    """scipy's matrices compressed by rows."""

    __slots__ = ()


class Dtype(Recorder):
    """`numpy.dtype` of plain numbers or text; `code` is `f8`, `order` is `<`."""

    __slots__ = ("code", "order")
    code: str
    order: str

    def __new__(cls, code: object = None, *flags: object) -> Self:
        """The type of a code such as `f8`. Raises `Refused` for objects, records and times."""
        if not isinstance(code, str) or not re.fullmatch(r"[biufcSU]\d{1,4}", code):
            raise Refused(f"asks for an array of numpy type {_shown(code)}")
        made = super().__new__(cls)
        made.code, made.order = code, "|"
        return made

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 3 or state[1] not in ("<", ">", "|", "=") or any(state[2:5]):
            raise Refused("asks for a numpy type of several fields")
        self.order = "|" if state[1] == "=" else state[1]


class Array(Recorder):
    """`numpy.ndarray`: shape, type, order and the bytes, as they came."""

    __slots__ = ("data", "dtype", "fortran", "shape")
    data: bytes | bytearray | str
    dtype: Dtype
    fortran: bool
    shape: tuple[int, ...]

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or not 4 <= len(state) <= 5:
            raise Refused("holds an array of unknown layout")
        self.fill(*state[-4:])

    def fill(self, shape: object, dtype: object, fortran: object, data: object) -> None:
        """Takes the parts of an array after their checks: what it claims must be what is there."""
        if not isinstance(dtype, Dtype) or not isinstance(data, bytes | bytearray | str):
            raise Refused("holds an array without bytes")
        if not isinstance(shape, tuple) or len(shape) > 4 or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
            raise Refused(f"asks for an array of shape {_shown(shape)}")
        claimed = math.prod(shape) * int(dtype.code[1:])
        if _NUMBERS.fullmatch(dtype.code) and claimed != len(data):
            raise Refused(f"asks for an array of {claimed} bytes and brings {len(data)}")
        self.shape, self.dtype, self.fortran, self.data = shape, dtype, bool(fortran), data


class Call:
    """Stands for a function: a pickle can call it, and change nothing of it."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Callable[..., object]) -> None:
        self._answer = answer

    def __call__(self, *arguments: object) -> object:
        """What the recorder answers."""
        return self._answer(*arguments)

    def __setstate__(self, state: object) -> NoReturn:
        raise Refused("changes a function")


def _reconstruct(kind: object, shape: object, code: object) -> Array:
    if kind is not Array or shape != (0,):
        raise Refused(f"calls numpy's _reconstruct with {_shown(shape)}")
    return Array()


def _from_buffer(data: object, dtype: object, shape: object, order: object, *axes: object) -> Array:
    if order not in ("C", "F"):
        raise Refused(f"asks for an array in the order {_shown(order)}")
    made = Array()
    made.fill(shape, dtype, order == "F", data)
    return made


def _reconstructor(kind: object, base: object, state: object) -> Recorder:
    if not (isinstance(kind, type) and issubclass(kind, Recorder)) or base is not Object or state is not None:
        raise Refused(f"calls copyreg._reconstructor with {_shown(kind)}")
    return kind()


def _encode(text: object, encoding: object = None) -> str:
    """Bytes in a protocol that has only text. They stay text, so that no call costs memory."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused(f"calls _codecs.encode with {_shown(encoding)}")
    return text


def _no_bytes(*arguments: object) -> bytes:
    if arguments:
        raise Refused("calls bytes to make something")
    return b""


def _ignored(*arguments: object) -> None:
    """What no array needs: chumpy's sets of names, numpy's single numbers."""


_NUMPY = {"_reconstruct": Call(_reconstruct), "scalar": Call(_ignored)}
_BUILTINS = {"object": Object, "set": Call(_ignored), "frozenset": Call(_ignored), "bytes": Call(_no_bytes)}
_SPARSE = {
    **{f"csc_{kind}": SparseColumns for kind in ("matrix", "array")},
    **{f"csr_{kind}": SparseRows for kind in ("matrix", "array")},
}
ALLOWED: dict[str, dict[str, object]] = {
    "numpy": {"ndarray": Array, "dtype": Dtype},
    "numpy.core.multiarray": {**_NUMPY},
    "numpy._core.multiarray": {**_NUMPY},
    "numpy.core.numeric": {"_frombuffer": Call(_from_buffer)},
    "numpy._core.numeric": {"_frombuffer": Call(_from_buffer)},
    "_codecs": {"encode": Call(_encode)},
    "copy_reg": {"_reconstructor": Call(_reconstructor)},
    "copyreg": {"_reconstructor": Call(_reconstructor)},
    "__builtin__": {**_BUILTINS},
    "builtins": {**_BUILTINS},
    "chumpy.ch": {"Ch": Chumpy},
    "chumpy.reordering": {"Select": Select},
    **{f"scipy.sparse{place}": {**_SPARSE} for place in ("", ".csc", ".csr", "._csc", "._csr")},
}
"""Every module and name that a pickle may use, spelled as it spells them, and the recorder that stands for it."""


class Unpickler(pickle.Unpickler):
    """Python's own, with recorders for names."""

    def find_class(self, module: str, name: str) -> Any:
        """The recorder of a name. Raises `Refused` for any name that is not in `ALLOWED`."""
        recorder = ALLOWED.get(module, {}).get(name)
        if recorder is None:
            raise Refused(f"asks for {_shown(f'{module}.{name}')}")
        return recorder

    def persistent_load(self, identifier: object) -> NoReturn:
        """Raises `Refused`: a model refers to nothing outside itself."""
        raise Refused(f"asks for the persistent id {_shown(identifier)}")


def _shown(thing: object) -> str:
    """A few characters of something hostile; of what is not plain only its kind, since showing it may take for ever."""
    numbers = thing if isinstance(thing, tuple) else (thing,)
    if all(type(number) is int for number in numbers[:4]):
        return ", ".join(hex(number)[:20] for number in numbers[:4])
    return thing[:_NAME_SHOWN] if isinstance(thing, str) else type(thing).__name__


# --- the answer -------------------------------------------------------------------------------------------------------


def members(model: object, wanted: list[str]) -> Iterator[tuple[str, Array]]:
    """Plain arrays of the wanted keys that are there; the parts of sparse and selected ones apart, `key:kind:part`.

    Raises:
        Refused: the pickle holds no dictionary, or something else than an array under a wanted key.
    """
    if not isinstance(model, dict):
        raise Refused(f"holds a {type(model).__name__}, not a dictionary of arrays")
    for key in wanted:
        value = _within(model.get(key))
        if isinstance(value, Array):
            yield key, value
        elif isinstance(value, SparseColumns | SparseRows):
            kind = "columns" if isinstance(value, SparseColumns) else "rows"
            shape = value.part("_shape") or value.part("shape")
            parts = [(part, value.part(part)) for part in ("data", "indices", "indptr")]
            yield from _parts(key, kind, [*parts, ("shape", _whole_numbers(shape))])
        elif isinstance(value, Select):
            source, index = _within(value.part("a")), _within(value.part("idxs"))
            shape = _whole_numbers(value.part("preferred_shape"))
            yield from _parts(key, "select", [("source", source), ("index", index), ("shape", shape)])
        elif key in model:
            raise Refused(f"holds no array under {key}")


def _within(value: object) -> object:
    """What a chumpy array wraps."""
    for _ in range(4):
        if not isinstance(value, Chumpy):
            break
        value = value.part("x")
    return value


def _parts(key: str, kind: str, parts: list[tuple[str, object]]) -> Iterator[tuple[str, Array]]:
    for name, part in parts:
        if not isinstance(part, Array):
            raise Refused(f"holds no array under {key}.{name}")
        yield f"{key}:{kind}:{name}", part


def _whole_numbers(numbers: object) -> Array:
    """A shape as an array [n]."""
    made, dtype = Array(), Dtype("i8")
    dtype.order = "<"
    if not isinstance(numbers, tuple) or not all(type(n) is int and 0 <= n < 2**40 for n in numbers):
        raise Refused(f"holds a shape of {_shown(numbers)}")
    made.fill((len(numbers),), dtype, False, struct.pack(f"<{len(numbers)}q", *numbers))
    return made


def npy(array: Array) -> bytes:
    """The array as a .npy file, version 1.0. Raises `Refused` for one that holds no numbers or was never filled."""
    if not hasattr(array, "data") or not _NUMBERS.fullmatch(array.dtype.code):
        raise Refused("holds an array without numbers")
    data = array.data.encode("latin1") if isinstance(array.data, str) else bytes(array.data)
    descr = array.dtype.order + array.dtype.code
    header = repr({"descr": descr, "fortran_order": array.fortran, "shape": array.shape})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("ascii") + data


# --- the process ------------------------------------------------------------------------------------------------------


def confine() -> None:
    """Gives up, for good, what reading needs not. What a system cannot limit (Windows any, macOS memory) it leaves."""
    try:
        resource = pkgutil.resolve_name("resource")  # Windows has none
    except ImportError:
        return
    limits = {
        "RLIMIT_AS": MEMORY_LIMIT,
        "RLIMIT_CPU": SECONDS_LIMIT,
        "RLIMIT_FSIZE": OUTPUT_LIMIT,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 0,
        # Above stdin, stdout and stderr no descriptor is left: no file can be opened, no socket be made.
        "RLIMIT_NOFILE": 3,
    }
    for name, value in limits.items():
        with suppress(AttributeError, ValueError, OSError):
            which = getattr(resource, name)
            most = resource.getrlimit(which)[1]
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(which, (value, value))


def refuse_event(event: str, arguments: tuple[object, ...]) -> NoReturn:
    """The audit hook: reading a pickle does nothing that Python audits, so whatever it audits is refused."""
    raise Refused(f"does {event}")


def answer(pickled: bytes, wanted: list[str]) -> bytes:
    """The wanted arrays as an NPZ. Raises `Refused`, or anything at all for a pickle that is broken."""
    model = Unpickler(io.BytesIO(pickled), encoding="latin1").load()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, array in members(model, wanted):
            data = npy(array)
            if packed.tell() + len(data) > OUTPUT_LIMIT:
                raise Refused(f"holds more than {OUTPUT_LIMIT >> 20} MiB of arrays")
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data)
    return packed.getvalue()


def refusal(error: BaseException) -> str:
    """Why a pickle was not read, as the end of a sentence that begins with its name."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, MemoryError):
        return f"asks for more than {MEMORY_LIMIT >> 20} MiB of memory"
    if isinstance(error, ValueError) and "extension code" in str(error):
        return f"asks for an {str(error).removeprefix('unregistered ')}"
    return f"is no whole pickle: {type(error).__name__}: {error}"[:300]


def main() -> NoReturn:
    """Reads stdin, answers, and leaves without the interpreter's own tidying, which the audit hook would refuse."""
    wanted = sys.argv[1:]
    gc.disable()  # a short life needs none, and a pickle of many lists would make it run for ever
    confine()
    sys.addaudithook(refuse_event)
    try:
        sys.stdout.buffer.write(answer(sys.stdin.buffer.read(), wanted))
        sys.stdout.buffer.flush()
        os._exit(0)
    except BaseException as error:
        os.write(2, json.dumps(refusal(error)).encode("ascii"))
        os._exit(1)


if __name__ == "__main__":
    main()
