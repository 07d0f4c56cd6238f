"""The table of cards: every weight file that comes with mien, with what its makers say of it.

A card lies beside its weights as `shipped/NAME.toml`. It is written by the export that wrote the weights, so size, hash
and figures are those of the very file.
"""

import math
import re
import tomllib
from dataclasses import MISSING, fields
from importlib.resources import files
from importlib.resources.abc import Traversable
from numbers import Integral
from pathlib import Path
from typing import Any

from mien.core.card import Figure, ModelCard
from mien.core.errors import ModelError, OutputError, UsageError

_REMEDY = "reinstall mien, or write the card again"

_TEXT: tuple[tuple[type, ...], str] = (str,), "a text"
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "size": ((int,), "a whole number"),
    "value": ((int, float), "a number"),
    "figures": ((list,), "an array of tables"),
}
"""What a key of a card holds, and how a message says it; all others hold texts."""

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def shipped() -> Traversable:
    """The folder of the weights that come with mien."""
    return files("mien.weights").joinpath("shipped")


def cards(folder: Traversable | None = None) -> tuple[ModelCard, ...]:
    """Every card in `folder` (by default of the shipped weights), sorted by name; none when there is no such folder.

    Raises:
        ModelError: E_MODEL: a card cannot be read, or says something impossible; names the file and the key.
    """
    folder = shipped() if folder is None else folder
    if not folder.is_dir():
        return ()
    found = [_read_card(file) for file in folder.iterdir() if file.name.endswith(".toml")]
    return tuple(sorted(found, key=lambda card: card.name))


def card(name: str) -> ModelCard:
    """The card of the shipped weights called `name`.

    Raises:
        UsageError: E_USAGE: there are none; names those that are known.
        ModelError: E_MODEL: the card cannot be read.
    """
    folder = shipped()
    found = folder.iterdir() if folder.is_dir() else ()
    known = {file.name.removesuffix(".toml"): file for file in found if file.name.endswith(".toml")}
    if name not in known:
        names = ", ".join(sorted(known))
        remedy = f"known are {names}" if known else "this copy of mien has no weights: reinstall it"
        raise UsageError(name, "E_USAGE", "there is no such model", remedy)
    return _read_card(known[name])


def write_card(card: ModelCard, folder: Path) -> Path:
    """Writes `card` as `folder/NAME.toml`, over an older one, and returns that path.

    Raises:
        ValueError: the card cannot be kept: its name or file is a path, a figure is not finite, or a text is not
            Unicode.
        OutputError: E_WRITE: the folder takes no file.
    """
    text = _toml(card)
    if _card_of(tomllib.loads(text), card.name) != card:
        raise ValueError(f"card {card.name} does not survive being written")
    path = folder / f"{card.name}.toml"
    try:
        path.write_bytes(text.encode("utf-8"))
    except OSError as error:
        cause = f"cannot be written: {error.strerror or type(error).__name__}"
        raise OutputError(path, "E_WRITE", cause, "try another folder") from error
    return path


def _read_card(file: Traversable) -> ModelCard:
    try:
        return _card_of(tomllib.loads(file.read_bytes().decode("utf-8")), file.name.removesuffix(".toml"))
    except OSError as error:
        cause = f"cannot be read: {error.strerror or type(error).__name__}"
    except (ValueError, OverflowError, RecursionError) as error:  # tomllib's and the decoder's are ValueErrors
        cause = str(error)
    raise ModelError(file.name, "E_MODEL", cause, _REMEDY)


def _card_of(table: dict[str, Any], name: str) -> ModelCard:
    """The card in a TOML table. Raises `ValueError` that names the key."""
    _check_keys(table, ModelCard, "")
    rows = table.get("figures", [])
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("figures must be an array of tables")
    figures = []
    for i, row in enumerate(rows):
        _check_keys(row, Figure, f"figures[{i}].")
        figures.append(Figure(row["what"], float(row["value"]), row["unit"], row["command"]))
        if not math.isfinite(figures[-1].value):
            raise ValueError(f"figures[{i}].value must be finite")
    read = ModelCard(**{"output_basis": None, **table, "figures": tuple(figures)})
    if read.name != name:
        raise ValueError(f"name must be {name}, as the file is called, got {read.name}")
    for key, text in (("name", read.name), ("file", read.file)):
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", text):
            raise ValueError(f"{key} must be letters, digits, '_', '.' and '-' only, got {text!r}")
    if read.size <= 0:
        raise ValueError(f"size must be above 0, got {read.size}")
    return read


def _check_keys(table: dict[str, Any], record: type[ModelCard] | type[Figure], where: str) -> None:
    known = {field.name: field.default is not MISSING or field.name == "output_basis" for field in fields(record)}
    for key, optional in known.items():
        if key not in table and not optional:
            raise ValueError(f"{where}{key} is missing")
    for key, value in table.items():
        if key not in known:
            raise ValueError(f"{where}{key} is not a key of a card")
        kinds, wanted = _KINDS.get(key, _TEXT)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ValueError(f"{where}{key} must be {wanted}")


def _toml(card: ModelCard) -> str:
    lines = [
        f"{field.name} = {_literal(getattr(card, field.name))}"
        for field in fields(card)
        if field.name != "figures" and getattr(card, field.name) is not None
    ]
    for figure in card.figures:
        lines += ["", "[[figures]]"]
        lines += [f"{field.name} = {_literal(getattr(figure, field.name))}" for field in fields(figure)]
    return "\n".join(lines) + "\n"


def _literal(value: str | float) -> str:
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    # A measured number may be numpy's, whose repr is no TOML.
    return str(int(value)) if isinstance(value, Integral) else repr(float(value))


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else f"\\U{ord(character):08X}"
