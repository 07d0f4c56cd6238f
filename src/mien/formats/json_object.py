"""JSON from outside, read with a message for whatever is missing or of another kind: says where, as `nodes[0].mesh`."""

import json
from collections.abc import Iterator
from typing import Any, Self

JSON_LIMIT = 2**23
"""Bytes of the largest document: as objects it takes up to sixty times as much."""


class JsonObject:
    """An object of a JSON document, and where it stands there."""

    __slots__ = ("_members", "where")

    def __init__(self, members: dict[str, Any], where: str = "") -> None:
        self._members = members
        self.where = where

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The object that a whole document is. Raises `ValueError` when it is none, too large, or nested too deep."""
        if len(data) > JSON_LIMIT:
            raise ValueError(f"{len(data) >> 20} MiB of JSON > limit {JSON_LIMIT >> 20} MiB")
        try:
            document = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
        except RecursionError:
            raise ValueError("its brackets are nested too deep") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"not text: byte {error.start} is not UTF-8") from None
        except json.JSONDecodeError as error:
            raise ValueError(f"not whole JSON: {error}") from None
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        return cls(document)

    def __contains__(self, key: str) -> bool:
        return key in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def place(self, key: str) -> str:
        """Where a member stands, for a message."""
        return f"{self.where}.{key}" if self.where else key

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number from 0 to 2^53, or `default` when it is missing and one is given."""
        value = self._member(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**53:
            raise ValueError(f"{self.place(key)} must be a whole number from 0")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number of at most 1e30, or `default`."""
        return _number(self._member(key, default), self.place(key))

    def flag(self, key: str, default: bool) -> bool:
        """True or false, or `default`."""
        value = self._member(key, default)
        if not isinstance(value, bool):
            raise ValueError(f"{self.place(key)} must be true or false")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A text, or `default`."""
        value = self._member(key, default)
        if not isinstance(value, str):
            raise ValueError(f"{self.place(key)} must be a text")
        return value

    def child(self, key: str) -> "JsonObject":
        """An object; an empty one when it is missing."""
        value = self._member(key, {})
        if not isinstance(value, dict):
            raise ValueError(f"{self.place(key)} must be an object")
        return JsonObject(value, self.place(key))

    def objects(self, key: str) -> list["JsonObject"]:
        """A list of objects; empty when it is missing."""
        return [JsonObject(item, f"{self.place(key)}[{i}]") for i, item in enumerate(self._list(key, dict, "objects"))]

    def entry(self, key: str, index: int) -> "JsonObject":
        """One of a list of objects; the others are not looked at."""
        items = self._member(key, [])
        if not isinstance(items, list) or index >= len(items):
            raise ValueError(f"{self.place(key)}[{index}] does not exist")
        if not isinstance(items[index], dict):
            raise ValueError(f"{self.place(key)}[{index}] must be an object")
        return JsonObject(items[index], f"{self.place(key)}[{index}]")

    def texts(self, key: str) -> list[str]:
        """A list of texts; empty when it is missing."""
        return list(self._list(key, str, "texts"))

    def numbers(self, key: str) -> list[float]:
        """A list of numbers of at most 1e30; empty when it is missing."""
        return [
            _number(item, f"{self.place(key)}[{i}]") for i, item in enumerate(self._list(key, (int, float), "numbers"))
        ]

    def _list(self, key: str, kind: type | tuple[type, ...], plural: str) -> list[Any]:
        value = self._member(key, [])
        if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
            raise ValueError(f"{self.place(key)} must be a list of {plural}")
        return value

    def _member(self, key: str, default: object) -> Any:
        if key not in self._members and default is None:
            raise ValueError(f"{self.place(key)} is missing")
        return self._members.get(key, default)


def _number(value: object, where: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not -1e30 <= value <= 1e30:
        raise ValueError(f"{where} must be a number")
    return float(value)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")
