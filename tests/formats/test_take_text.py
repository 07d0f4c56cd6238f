"""JSON of captures, read a piece at a time: whatever lies where one piece ends and the next begins."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_capture

from mien.formats import take_text
from mien.formats.take_text import parsed
from mien.formats.takes import read_capture, write_capture

CHECKED = settings(derandomize=True, deadline=None, max_examples=60)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@pytest.fixture(params=[1, 2, 3, 7, 64])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many characters are read at once."""
    monkeypatch.setattr(take_text, "_PIECE", request.param)
    return int(request.param)


@CHECKED
@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=4), st.sampled_from([None, 1]), st.integers(1, 9))
def test_what_python_reads_is_read(document: dict[str, object], indent: int | None, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(take_text, "_PIECE", size)
        document.pop("takes", None)
        for text in (json.dumps(document, indent=indent), json.dumps(document, ensure_ascii=False)):
            assert parsed(text.encode("utf-8", "replace")) == json.loads(text.encode("utf-8", "replace"))


@pytest.mark.parametrize("text", ["1.5e-7", "-0.25E+3", "1e5", "-Infinity", "true", "null", "12345", '"\\u00e9 \\""'])
def test_no_end_of_a_piece_cuts_a_value(text: str, piece: int) -> None:
    for before in range(8):
        document = f'{{"a": {" " * before}{text} , "b":{text}}}'
        assert parsed(document.encode()) == json.loads(document)


def test_arrays_of_takes_become_numpys_in_pieces(tmp_path: Path, piece: int) -> None:
    write_capture(made_capture(5, 2), tmp_path / "t.json")
    document = parsed((tmp_path / "t.json").read_bytes())
    plain = json.loads((tmp_path / "t.json").read_text())
    for take, wanted in zip(document["takes"], plain["takes"], strict=True):
        assert take.keys() == wanted.keys()
        for name in ("weights", "landmarks", "gaze", "valid", "frames", "times"):
            assert isinstance(take[name], np.ndarray)
            np.testing.assert_array_equal(take[name], np.array(wanted[name]).astype(take[name].dtype))
        assert take["landmarks"].dtype == np.float32
        assert isinstance(take["columns"], list)


@pytest.mark.parametrize(
    "rows",
    [
        [[1.0, 2.0], [1.0]],
        [1.0, [2.0]],
        [[1.0], ["a"], [2.0]],
        [[1.0], [None]],
        [[1.0], {}],
        [10**400, 1.5],
    ],
    ids=str,
)
def test_what_is_no_array_says_so_and_is_not_kept(rows: list[object], piece: int) -> None:
    many = [*rows, *[[0.0]] * 500]
    found = parsed(json.dumps({"takes": [{"box": many}]}).encode())["takes"][0]["box"]
    assert isinstance(found, list)
    assert len(found) < 100
    try:
        array = np.asarray(found)
    except ValueError:  # of several shapes
        return
    assert array.dtype.kind not in "biuf"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"   ",
        b"{",
        b"[]",
        b'{"a"}',
        b'{"a":}',
        b'{"a":1,}',
        b'{"a":1 "b":2}',
        b"{1:2}",
        b'{"takes":[}',
        b'{"takes":[{"times":[1,]}]}',
        b'{"takes":[{"times":[1 2]}]}',
        b'{"takes":[{"times":[1],"times":[2]}]}',
        b'{"takes":[{"face":{"a":1,"a":2}}]}',
        b'{"a":1}{"b":2}',
        b'{"a":1} x',
        b'{"a":"\xff"}',
        b'{"a":' + b"[" * 100_000,
        b'{"takes":[{"times":' + b"[" * 100_000,
        b'{"a":' + b"1" * 5000 + b"}",
    ],
)
def test_what_is_no_json_of_a_capture_is_refused(text: bytes, piece: int) -> None:
    with pytest.raises(ValueError, match=r"JSON|capture|twice|UTF-8|digits"):
        parsed(text)


def test_what_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_text, "_PIECE", 100)
    monkeypatch.setattr(take_text, "_LONGEST", 1000)
    with pytest.raises(ValueError, match="is no value, or an endless one"):
        parsed(b'{"takes": [{"times": [[' + b"0," * 5000 + b"0]]}]}")


@pytest.mark.parametrize("text", ['{"a": [' + "[]," * 900 + "0]}", '{"takes": [' + "{}," * 900 + "0]}"])
def test_objects_are_counted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take many times the memory that their text does."""
    monkeypatch.setattr(take_text, "_MOST_OBJECTS", 1000)
    with pytest.raises(ValueError, match="MiB beside its arrays"):
        parsed(text.encode())


def test_a_long_take_is_read_in_little_more_memory_than_its_file(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    write_capture(made_capture(1200, 1), path)
    size = path.stat().st_size
    tracemalloc.start()
    try:
        capture: Any = read_capture(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(capture.takes[0]) == 1200
    assert peak < 3 * size, "Python's own reader would need six times as much"
