from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.basis import ARKIT, FEAFA, FLAME
from mien.core.errors import InputError, OutputError
from mien.core.geometry import rotation_from_angles
from mien.formats.columns import (
    Choice,
    Sheet,
    header_line,
    meant,
    read_sheet,
    require,
    shown,
    turned,
    weight_range,
    write_rows,
)

STEADY = settings(derandomize=True, deadline=None, max_examples=60)


def choose_ab(found: tuple[str, ...]) -> Choice:
    require(found, ["a", "b"])
    return Choice(("a", "b"), ("name",) if "name" in found else ())


def read(path: Path, content: bytes | str) -> Sheet:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_sheet(path, choose_ab, "give another")


def test_numbers_texts_and_lines(tmp_path: Path) -> None:
    sheet = read(tmp_path / "t.csv", '\ufeff name, b ,a,c\r\n"x, y",1,2.5,?\r\n\r\nz,-3,1e2,\r\n')
    assert len(sheet) == 2
    np.testing.assert_array_equal(sheet.columns(["a", "b"]), [[2.5, 1], [100, -3]])
    assert (sheet.text("name"), sheet.lines.tolist()) == (("x, y", "z"), [2, 4])
    assert ("a" in sheet, "c" in sheet) == (True, False)
    back = sheet.rows(np.array([1, 0]))
    assert (back.text("name"), back.column("a").tolist(), back.lines.tolist()) == (("z", "x, y"), [100, 2.5], [4, 2])
    assert sheet.rows(np.array([False, True])).text("name") == ("z",)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("a\n1\n", "line 1: columns are missing: b "),
        ("a,b,a\n1,2,3\n", "line 1, column 3: the column 'a' comes twice"),
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, the header 2: b is missing"),
        ("a,b\n1,2,3\n", "line 2 has 3 cells, the header 2"),
        ("a,b\n1,two\n", "line 2, b: 'two' is no number"),
        ("a,b\n1,1_000\n", "line 2, b: '1_000' is no number"),
        ("a,b\n1,\n", "line 2, b: '' is no number"),
        ("a,b\n1,\x1b[31m\n", "line 2, b: .*x1b.* is no number"),
        (b"a,b\n1,2\n\xff,2\n", "line 3: not a text file: byte 8 of the file is not UTF-8"),
        ('a,b\n1,"2\n', "line 2: unexpected end of data"),
        ("a,b\n1,2\n" + '"' + "x\n" * 200_000, r"line \d+: field larger than field limit"),
        ("a,b\r1,2\r", "line 1: new-line character"),
        ("a," * 600_000 + "b\n", "line 1 is longer than any row of a table"),
        ("a,b\n" + "1," * 600_000 + "\n", "line 2 is longer than any row of a table"),
        ("a,b\n" + "\n" * 2000, "line 1002: more than 1000 lines are empty"),
        ("\n", "columns are missing: a, b"),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, content: bytes | str, cause: str) -> None:
    with pytest.raises(InputError, match=cause) as caught:
        read(tmp_path / "t.csv", content)
    assert (caught.value.code, caught.value.remedy) == ("E_FORMAT", "give another")
    assert "\n" not in str(caught.value)


def test_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="E_EMPTY"):
        read(tmp_path / "t.csv", b"")


def test_empty_cells_where_they_are_allowed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,\n ,2\n")
    sheet = read_sheet(tmp_path / "t.csv", lambda found: Choice(found, blanks=True), "")
    np.testing.assert_array_equal(sheet.numbers, [[1, np.nan], [np.nan, 2]])


def sheet_of(*rows: tuple[float, float]) -> Sheet:
    numbers = np.array(rows)
    return Sheet(Choice(("a", "b")), numbers, ((),) * len(rows), np.arange(2, 2 + len(rows)))


@pytest.mark.parametrize(
    ("wrong", "whole", "cause"),
    [
        (np.nan, False, "line 3, b: is not finite"),
        (np.inf, False, "line 3, b: is not finite"),
        (2.1, False, "line 3, b: 2.1 lies outside -0.5 to 2"),
        (0.5, True, "line 3, b: must be a whole number from -0.5 to 2"),
        (np.nan, True, "line 3, b: must be a whole number"),
    ],
)
def test_check_names_the_first_wrong_cell(wrong: float, whole: bool, cause: str) -> None:
    sheet = sheet_of((1, 1), (0, wrong), (1, wrong))
    with pytest.raises(ValueError, match=cause):
        sheet.check(["a", "b"], (-0.5, 2.0), whole)
    np.testing.assert_array_equal(sheet.check(["a"], (-0.5, 2.0), whole)[:, 0], [1, 0, 1])
    assert sheet.check([], (0, 1)).shape == (3, 0)


def test_check_rising() -> None:
    sheet_of((1, 0), (1, 0), (2, 0)).check_rising("a")
    with pytest.raises(ValueError, match="line 4, a: times must not run backwards; 1 comes before it"):
        sheet_of((0, 0), (1, 0), (0.5, 0)).check_rising("a")


def test_weights_of_real_recordings_are_allowed() -> None:
    assert weight_range(ARKIT) == weight_range(FEAFA) == (-0.5, 2.0)
    assert weight_range(FLAME)[1] > 4


@STEADY
@given(st.text(max_size=12))
def test_no_cell_is_a_formula_and_printable_text_comes_back(text: str) -> None:
    cell = shown(text)
    assert not cell.startswith(("=", "+", "-", "@"))
    assert cell.isprintable()
    if text.isprintable():
        assert meant(cell) == text


def test_rotations_of_columns_of_angles() -> None:
    angles = np.random.default_rng(0).uniform(-1, 1, (5, 3))
    np.testing.assert_array_equal(turned(angles), [rotation_from_angles(*three) for three in angles])
    assert turned(np.zeros((0, 3))).shape == (0, 3, 3)


def test_rows_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_rows(path, ("a", "b"), [("1", "x,y")], overwrite=False)
    assert path.read_bytes() == b'a,b\n1,"x,y"\n'
    with pytest.raises(OutputError, match="E_EXISTS"):
        write_rows(path, ("a",), [], overwrite=False)
    with pytest.raises(RuntimeError):
        write_rows(path, ("a",), (raised() for _ in range(1)), overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]
    assert header_line(path) == "a,b"


def raised() -> tuple[str]:
    raise RuntimeError("stop")
