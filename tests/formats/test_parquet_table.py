import csv
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made_reading
from made_bases import made_over

from mien.core.basis import FACS
from mien.core.errors import InputError, OutputError, UsageError
from mien.formats import parquet_table
from mien.formats.columns import meant
from mien.formats.parquet import read_parquet, write_parquet
from mien.formats.parquet_table import ParquetTable
from mien.formats.tables import CsvTable, header, read_table

STEADY = settings(
    derandomize=True, deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def agree(column: str, cell: str, value: object) -> bool:
    """Whether a number of the Parquet table is the one that the CSV table shows, up to its last digit."""
    if column == "source":
        return meant(cell) == value
    assert isinstance(value, int | float)
    if column in ("frame", "face"):
        return cell == str(value)
    if column.startswith(("box_", "x_", "y_")):
        return abs(float(cell) - value) <= 0.00501
    return cell == (f"{value:.6f}" if column == "time_s" else f"{value:.6g}")


@pytest.mark.parametrize("landmarks", [False, True])
def test_both_kinds_of_table_hold_the_same_values(tmp_path: Path, landmarks: bool) -> None:
    with (
        CsvTable(tmp_path / "t.csv", landmarks=landmarks) as text,
        ParquetTable(tmp_path / "t.parquet", landmarks=landmarks) as binary,
    ):
        for source in ("a.mp4", "=1+1 \u00e9\n.png"):
            for k in range(5):
                for table in (text, binary):
                    table.write(source, made_reading(k % 2, k))
    found = parquet.read_table(tmp_path / "t.parquet")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(found.schema.names) == header(landmarks=landmarks) == tuple(rows[0])
    assert len(found) == len(rows) == 10
    for old, new in zip(rows, found.to_pylist(), strict=True):
        assert [name for name, value in new.items() if not agree(name, old[name], value)] == []


def test_what_streams_is_what_a_take_writes(tmp_path: Path) -> None:
    """Types, names and the basis are those of `write_parquet`, and its reader reads it."""
    with ParquetTable(tmp_path / "t.parquet") as table:
        for k in range(4):
            table.write("clip.mp4", made_reading(0, k))
    write_parquet(made_over(replace(FACS), landmarks=False), tmp_path / "w.parquet")
    for name in ("source", "frame", "time_s", "face", "box_x0", "pose_yaw", "gaze_left_yaw"):
        types = [parquet.read_schema(tmp_path / file).field(name).type for file in ("t.parquet", "w.parquet")]
        assert types[0] == types[1]
    (take,) = read_parquet(tmp_path / "t.parquet").takes
    weights = np.stack([made_reading(0, k).state.expression.weights for k in range(4)])
    np.testing.assert_array_equal(take.state.expression.weights, weights)


@STEADY
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 7), st.booleans()), max_size=8))
def test_what_is_cut_back_was_never_there(tmp_path: Path, sources: list[tuple[str, int, bool]]) -> None:
    expected = []
    with ParquetTable(tmp_path / "t.parquet", overwrite=True) as table:
        for source, count, kept in sources:
            mark = table.mark()
            for k in range(count):
                table.write(source, made_reading(0, k))
            if kept:
                expected += [(source, k) for k in range(count)]
            else:
                table.cut_back(mark)
    found = parquet.read_table(tmp_path / "t.parquet", columns=["source", "frame"]).to_pylist()
    assert [(row["source"], row["frame"]) for row in found] == expected


def test_parts_make_the_table_that_is_written_at_once(tmp_path: Path) -> None:
    with ParquetTable(tmp_path / "whole.parquet") as whole:
        for source in ("a", "b", "c"):
            with ParquetTable(tmp_path / f"{source}.parquet") as part:
                for k in range(3 if source != "b" else 0):
                    for table in (whole, part):
                        table.write(source, made_reading(0, k))
    with ParquetTable(tmp_path / "joined.parquet") as joined:
        for source in ("a", "b", "c"):
            joined.append(tmp_path / f"{source}.parquet")
    assert (tmp_path / "joined.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_a_part_that_is_none_is_refused(tmp_path: Path) -> None:
    with ParquetTable(tmp_path / "points.parquet", landmarks=True) as other:
        other.write("a", made_reading())
    (tmp_path / "damaged.parquet").write_bytes((tmp_path / "points.parquet").read_bytes()[:-40])
    for name in ("points", "damaged", "missing"):
        with ParquetTable(tmp_path / f"{name}-t.parquet") as table, pytest.raises(InputError, match="E_FORMAT"):
            table.append(tmp_path / f"{name}.parquet")


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_table, "BLOCK", 8)
    with ParquetTable(tmp_path / "t.parquet") as table:
        for k in range(21):
            table.write("ab"[k % 2], made_reading(0, k))
    file = parquet.ParquetFile(tmp_path / "t.parquet")
    assert [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] == [8, 8, 5]
    assert file.read(["frame"]).column(0).to_pylist() == list(range(21))
    assert file.read(["source"]).column(0).to_pylist() == [*("ab" * 10), "a"]


def test_an_empty_table_is_a_table(tmp_path: Path) -> None:
    with ParquetTable(tmp_path / "t.parquet"):
        pass
    assert parquet.read_table(tmp_path / "t.parquet").num_rows == 0
    assert read_parquet(tmp_path / "t.parquet").takes == ()


def test_after_a_failure_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"mine")

    def stop_midway() -> None:
        with ParquetTable(tmp_path / "t.parquet", overwrite=True) as table:
            table.write("a", made_reading())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop_midway()
    assert os.listdir(tmp_path) == ["t.parquet"]
    assert (tmp_path / "t.parquet").read_bytes() == b"mine"
    with pytest.raises(OutputError, match="E_EXISTS"), ParquetTable(tmp_path / "t.parquet"):
        pass


def test_while_it_is_written_only_its_own_file_is_there(tmp_path: Path) -> None:
    """What a kill would leave is named after the process, so that the next run sweeps it up."""
    with ParquetTable(tmp_path / "t.parquet") as table:
        table.write("a", made_reading())
        left = os.listdir(tmp_path)
    assert len(left) == 1
    assert left[0].startswith(".mien-")


def test_a_row_over_another_basis_is_a_bug(tmp_path: Path) -> None:
    with ParquetTable(tmp_path / "t.parquet", FACS) as table, pytest.raises(ValueError, match="over facs"):
        table.write("a", made_reading())
    with pytest.raises(ValueError, match="not open"):
        ParquetTable(tmp_path / "u.parquet").write("a", made_reading())


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r'which is not installed \(pip install "mien\[tables\]"\)'):
        ParquetTable(tmp_path / "t.parquet")


def test_the_reader_of_tables_agrees(tmp_path: Path) -> None:
    with CsvTable(tmp_path / "t.csv") as text, ParquetTable(tmp_path / "t.parquet") as binary:
        for k in range(4):
            for table in (text, binary):
                table.write("clip.mp4", made_reading(0, k))
    (old,), (new,) = read_table(tmp_path / "t.csv"), read_parquet(tmp_path / "t.parquet").takes
    np.testing.assert_allclose(new.state.expression.weights, old.state.expression.weights, rtol=1e-5)
    np.testing.assert_allclose(new.state.gaze.rotation, old.state.gaze.rotation, atol=1e-5)
