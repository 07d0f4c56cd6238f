from collections.abc import Callable

import pytest

from mien.formats.json_object import JSON_LIMIT, JsonObject

DOCUMENT = JsonObject.parse(
    b'{"a": {"b": [{"c": 1}, {"c": -1}], "mixed": [{}, 2]}, "f": 0.5, "t": "x", "flag": true,'
    b' "n": [1, 2.5], "s": ["p"]}'
)


def test_members_come_by_kind() -> None:
    inner = DOCUMENT.child("a")
    assert [item.where for item in inner.objects("b")] == ["a.b[0]", "a.b[1]"]
    assert inner.entry("b", 0).whole("c") == 1
    assert inner.entry("mixed", 0).where == "a.mixed[0]"
    assert inner.entry("b", 1).number("c") == -1
    assert (DOCUMENT.number("f"), DOCUMENT.text("t"), DOCUMENT.flag("flag", False)) == (0.5, "x", True)
    assert (DOCUMENT.numbers("n"), DOCUMENT.texts("s")) == ([1.0, 2.5], ["p"])
    assert "f" in DOCUMENT
    assert list(DOCUMENT)[:2] == ["a", "f"]


def test_what_is_missing_is_empty_or_the_default() -> None:
    assert DOCUMENT.child("none").objects("none") == []
    assert DOCUMENT.texts("none") == []
    assert DOCUMENT.numbers("none") == []
    assert DOCUMENT.whole("none", 3) == 3
    assert DOCUMENT.number("none", 1.5) == 1.5
    assert DOCUMENT.text("none", "") == ""
    assert DOCUMENT.flag("none", True)


Read = Callable[[JsonObject], object]


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda json: json.whole("none"), "^none is missing"),
        (lambda json: json.whole("f"), "^f must be a whole number"),
        (lambda json: json.whole("flag"), "^flag must be a whole number"),
        (lambda json: json.child("a").entry("b", 1).whole("c"), r"^a\.b\[1\]\.c must be a whole number"),
        (lambda json: json.child("a").entry("b", 2), r"^a\.b\[2\] does not exist"),
        (lambda json: json.entry("t", 0), r"^t\[0\] does not exist"),
        (lambda json: json.child("a").entry("mixed", 1), r"^a\.mixed\[1\] must be an object"),
        (lambda json: json.child("a").objects("mixed"), r"^a\.mixed must be a list of objects"),
        (lambda json: json.child("t"), "^t must be an object"),
        (lambda json: json.number("t"), "^t must be a number"),
        (lambda json: json.text("f"), "^f must be a text"),
        (lambda json: json.flag("f", False), "^f must be true or false"),
        (lambda json: json.texts("n"), "^n must be a list of texts"),
        (lambda json: json.numbers("s"), "^s must be a list of numbers"),
    ],
)
def test_another_kind_says_where(read: Read, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(DOCUMENT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"[1]", "not a JSON object"),
        (b"", "not whole JSON"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "limit"),
        (b"\xff{}", "not UTF-8"),
        (b" " * (JSON_LIMIT + 1), "> limit 8 MiB"),
    ],
)
def test_a_broken_document_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JsonObject.parse(data)


def test_a_number_beyond_all_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a number"):
        JsonObject.parse(b'{"a": 1e999}').number("a")
    with pytest.raises(ValueError, match="must be a number"):
        JsonObject.parse(b'{"a": [1, 1e31]}').numbers("a")
