"""A `Capture` as a file: JSON for people and other programs, NPZ that keeps every bit.

Both hold the same table: what is said once (`source`, `width`, `height`, `frames`, and for every take its face, basis,
columns, frame rate), and the arrays of `FIELDS`. In JSON numbers keep 6 significant digits, pixels 0.01, times 1 µs.
In NPZ the table without its arrays is the JSON text `header`, and take 0's weights are the member `take0.weights`.
Reading goes through one path for both, so that both refuse the same mistakes in the same words; nothing is unpickled.
"""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import BASES, Basis
from mien.core.errors import InputError, OutputError, UsageError
from mien.core.face import Capture, Expression, FaceState, Gaze, Identity, Pose, Take
from mien.formats.fields import FIELDS, Field
from mien.formats.files import read_bytes, replacing
from mien.formats.npz import read_members, write_members
from mien.formats.take_text import json_pieces, parsed

SCHEMA = "mien.capture"
VERSION = 1

JSON_LIMIT = 1 << 33
"""Bytes of a JSON file that is still read: six hours of a face at 30 frames a second."""

NPZ_LIMIT = 1 << 34
"""Bytes of an NPZ file that is still read: more than a day of a face."""

UNPACKED_LIMIT = 1 << 31
"""Bytes that any NPZ file may unpack to, but for zeros, which stand where a face is not seen."""

_GROWTH = 64
"""How many times its own size a file may unpack to, however large: real faces unpack to less than twice their size."""

_SHAPE = Field((None,), np.float32, -1e6, 1e6)
_HEADER = (
    "face",
    "source",
    "frame_rate",
    "start_timecode",
    "basis",
    "columns",
    "identity_shape",
    "identity_basis",
    "identity_resting",
)


def write_capture(capture: Capture, path: Path, overwrite: bool = False) -> None:
    """Writes `capture` as JSON or NPZ, by the extension of `path`; whole or not at all.

    Raises:
        UsageError: E_USAGE: another extension.
        OutputError: E_EXISTS: the file is there already; E_FORMAT: an array is out of the range that a file may hold,
            or its basis is none of mien's; or the disk refuses.
    """
    suffix = _suffix(path)
    try:
        tables = [_table(take, f"takes[{i}]") for i, take in enumerate(capture.takes)]
    except ValueError as error:
        raise OutputError(path, "E_FORMAT", str(error), "this capture cannot be read back") from None
    about: dict[str, object] = {"schema": f"{SCHEMA}/{VERSION}", "source": capture.source}
    about |= {key: int(getattr(capture, key)) for key in ("width", "height", "frames")}
    with replacing(path, overwrite) as part:
        if suffix == ".json":
            with part.open("w", encoding="ascii", newline="\n") as text:
                text.writelines(json_pieces(about, tables))
        else:
            _write_npz(part, about, tables)


def read_capture(path: Path) -> Capture:
    """What `write_capture` wrote: exact from NPZ, rounded from JSON.

    Raises:
        UsageError: E_USAGE: the extension is neither .json nor .npz.
        InputError: E_FORMAT: not such a file, cut short, or written by a newer mien; E_CONFIG: a key is missing or
            unknown, or its value has another type, shape or range; or the file cannot be read.
    """
    try:
        if _suffix(path) == ".json":
            document = _document(read_bytes(path, limit=JSON_LIMIT))
        else:
            document = _npz_table(read_bytes(path, limit=NPZ_LIMIT))
    except ValueError as error:
        raise InputError(path, "E_FORMAT", str(error), "give a capture saved by mien") from None
    try:
        return _capture(document)
    except ValueError as error:
        raise InputError(path, "E_CONFIG", str(error)) from None


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".json", ".npz"):
        cause = f"a capture is not kept as {suffix or 'a file without extension'}"
        raise UsageError(path, "E_USAGE", cause, "use .json or .npz")
    return suffix


# Writing


def _table(take: Take, where: str) -> dict[str, object]:
    """A take as it is written: the keys of `_HEADER`, then arrays by the names of `FIELDS`, all of them checked."""
    state, resting = take.state, take.identity.resting
    for basis in (state.expression.basis, *(() if resting is None else (resting.basis,))):
        if BASES.get(basis.name) != basis:
            raise ValueError(f"{where}.basis: {basis.name} is none of {', '.join(BASES)}")
    table: dict[str, object] = {
        "face": int(take.face),
        "source": take.source,
        "frame_rate": None if take.frame_rate is None else float(take.frame_rate),
        "start_timecode": take.start_timecode,
        "basis": state.expression.basis.name,
        "columns": list(state.expression.basis.columns),
        "identity_shape": _SHAPE.array(take.identity.shape, f"{where}.identity_shape", (None,)),
        "identity_basis": None if resting is None else resting.basis.name,
        "identity_resting": None,
    }
    if resting is not None:
        table["identity_resting"] = _resting(resting.weights, resting.basis, f"{where}.")
    arrays = {
        "weights": state.expression.weights,
        "rotation": state.pose.rotation,
        "translation": state.pose.translation,
        "gaze": state.gaze.rotation,
    }
    for name, field in FIELDS.items():
        array = arrays[name] if name in arrays else getattr(take, name)
        if array is not None:
            table[name] = field.array(array, f"{where}.{name}", array.shape)
    return table


def _write_npz(path: Path, about: dict[str, object], tables: list[dict[str, object]]) -> None:
    plain = [{key: value for key, value in t.items() if not isinstance(value, np.ndarray)} for t in tables]
    members: dict[str, Array] = {"header": np.array(json.dumps({**about, "takes": plain}))}
    for i, table in enumerate(tables):
        members |= {f"take{i}.{key}": value for key, value in table.items() if isinstance(value, np.ndarray)}
    write_members(path, members)


# Reading


def _document(text: bytes) -> dict[str, Any]:
    document = parsed(text)
    _check_schema(document)
    return document


def _npz_table(data: bytes) -> dict[str, Any]:
    arrays = read_members(data, max(UNPACKED_LIMIT, _GROWTH * len(data)), sparse=True)
    header = arrays.pop("header", None)
    if header is None or header.dtype.kind != "U" or header.ndim:
        raise ValueError("not a capture: the NPZ has no text called header")
    document = _document(str(header).encode("utf-8", "surrogatepass"))
    takes = _takes(document)
    for name, array in arrays.items():
        place = re.fullmatch(r"take([0-9]{1,9})\.(\w+)", name)
        if place is None or int(place[1]) >= len(takes):
            raise ValueError(f"{name} belongs to no take")
        takes[int(place[1])][place[2]] = array
    return document


def _check_schema(document: dict[str, Any]) -> None:
    schema = document.get("schema")
    version = re.fullmatch(rf"{re.escape(SCHEMA)}/([0-9]{{1,9}})", schema) if isinstance(schema, str) else None
    if version is None:
        raise ValueError(f"not a capture: schema must be {SCHEMA}/{VERSION}")
    if int(version[1]) > VERSION:
        raise ValueError(f"schema {schema} was written by a newer mien; this one reads up to {SCHEMA}/{VERSION}")
    if int(version[1]) < VERSION:
        raise ValueError(f"there is no schema {schema}")


def _takes(document: dict[str, Any]) -> list[dict[str, Any]]:
    takes = document.get("takes")
    if not isinstance(takes, list) or not all(isinstance(take, dict) for take in takes):
        raise ValueError("takes must be a list of objects")
    return takes


def _capture(document: dict[str, Any]) -> Capture:
    _check_keys(document, {"schema", "source", "width", "height", "frames", "takes"}, "")
    takes = tuple(_take(table, f"takes[{i}].") for i, table in enumerate(_takes(document)))
    width, height, frames = (_whole(document, key, "") for key in ("width", "height", "frames"))
    return Capture(_string(document, "source", ""), width, height, takes, frames)


def _take(table: dict[str, Any], where: str) -> Take:
    _check_keys(table, {*_HEADER, *FIELDS}, where, optional={"landmarks"})
    basis = _basis(table["basis"], f"{where}basis")
    count = len(FIELDS["times"].array(table["times"], f"{where}times", (None,)))
    arrays: dict[str, Any] = {
        name: field.array(table[name], where + name, (count, *(len(basis) if n is None else n for n in field.tail)))
        for name, field in FIELDS.items()
        if table.get(name) is not None or name != "landmarks"
    }
    weights = arrays.pop("weights")[:, _order(table["columns"], basis, f"{where}columns")]
    pose = arrays.pop("rotation"), arrays.pop("translation")
    gaze = arrays.pop("gaze")
    about: dict[str, Any] = {
        "identity": _identity(table, where),
        "source": _string(table, "source", where),
        "face": _whole(table, "face", where),
        "frame_rate": _frame_rate(table["frame_rate"], f"{where}frame_rate"),
        "start_timecode": None if table["start_timecode"] is None else _string(table, "start_timecode", where),
    }
    try:
        return Take(FaceState(Expression(weights, basis), Pose(*pose), Gaze(gaze)), **arrays, **about)
    except ValueError as error:
        raise ValueError(f"{where.rstrip('.')}: {error}") from None


def _identity(table: dict[str, Any], where: str) -> Identity:
    shape = _SHAPE.array(table["identity_shape"], f"{where}identity_shape", (None,))
    if table["identity_resting"] is None:
        return Identity(shape)
    basis = _basis(table["identity_basis"], f"{where}identity_basis")
    return Identity(shape, Expression(_resting(table["identity_resting"], basis, where), basis))


def _resting(weights: object, basis: Basis, where: str) -> Array:
    return FIELDS["weights"].array(weights, f"{where}identity_resting", (len(basis),))


def _check_keys(table: dict[str, Any], known: set[str], where: str, optional: Collection[str] = ()) -> None:
    for key in sorted(known - table.keys() - set(optional)):
        raise ValueError(f"{where}{key} is missing")
    for key in sorted(table.keys() - known):
        raise ValueError(f"{where}{key} is not a key of a capture")


def _basis(name: object, key: str) -> Basis:
    if not isinstance(name, str) or name not in BASES:
        raise ValueError(f"{key} must be one of {', '.join(BASES)}, got {name!r:.40}")
    return BASES[name]


def _order(columns: object, basis: Basis, key: str) -> list[int]:
    """Where each column of `basis` stands among the `columns` of the file: they are found by name."""
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise ValueError(f"{key} must be a list of names")
    if strange := [column for column in columns if column not in basis.columns]:
        raise ValueError(f"{key} names {strange[0]:.40}, which is not in the basis {basis.name}")
    if len(columns) != len(basis) or len(set(columns)) != len(basis):
        raise ValueError(f"{key} must name each of the {len(basis)} columns of {basis.name} once")
    return [columns.index(column) for column in basis.columns]


def _string(table: dict[str, Any], key: str, where: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise ValueError(f"{where}{key} must be a text")
    return value


def _whole(table: dict[str, Any], key: str, where: str) -> int:
    value = table[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**53:
        raise ValueError(f"{where}{key} must be a whole number from 0")
    return value


def _frame_rate(value: object, key: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= 1e6:
        raise ValueError(f"{key} must be a number above 0, or null")
    return float(value)
