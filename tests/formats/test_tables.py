import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made_capture, made_reading
from made_bases import Change, add, cut, drop, edited, lines_of, made_over, put, rename

from mien.core.basis import ARKIT, BASES, FLAME, Basis
from mien.core.errors import InputError, OutputError
from mien.core.face import Capture, Expression, Take
from mien.core.geometry import angles_from_rotation
from mien.formats.tables import CsvTable, header, read_table, write_table

FEW = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def written(path: Path, faces: int = 2, frames: int = 3, landmarks: bool = False, source: str = "clip.mp4") -> Path:
    with CsvTable(path, landmarks=landmarks, overwrite=True) as table:
        for frame in range(frames):
            for face in range(faces):
                table.write(source, made_reading(face, frame))
    return path


def test_header_is_the_documented_one(tmp_path: Path) -> None:
    rows = lines_of(written(tmp_path / "t.csv", landmarks=True))
    assert rows[0][:9] == ["source", "frame", "time_s", "face", "score", "box_x0", "box_y0", "box_x1", "box_y1"]
    assert tuple(rows[0][9:61]) == ARKIT.columns
    assert rows[0][61:67] == ["pose_pitch", "pose_yaw", "pose_roll", "pose_tx", "pose_ty", "pose_tz"]
    assert rows[0][67:71] == ["gaze_left_yaw", "gaze_left_pitch", "gaze_right_yaw", "gaze_right_pitch"]
    assert rows[0][71:] == [f"x_{i}" for i in range(478)] + [f"y_{i}" for i in range(478)]
    assert {len(row) for row in rows} == {71 + 956}
    assert header() == tuple(rows[0][:71])


def test_a_row_holds_its_reading(tmp_path: Path) -> None:
    reading = made_reading(1, 2)
    with CsvTable(tmp_path / "t.csv", landmarks=True) as table:
        table.write("clip.mp4", reading)
    names, cells = lines_of(tmp_path / "t.csv")
    row = dict(zip(names, cells, strict=True))
    assert (row["source"], row["frame"], row["time_s"], row["face"]) == ("clip.mp4", "2", "0.080000", "1")
    assert float(row["jawOpen"]) == pytest.approx(float(reading.state.expression["jawOpen"]), rel=1e-5)
    pitch, yaw, roll = angles_from_rotation(reading.state.pose.rotation)
    assert [float(row[f"pose_{a}"]) for a in ("pitch", "yaw", "roll")] == pytest.approx([pitch, yaw, roll], rel=1e-5)
    left, right = angles_from_rotation(reading.state.gaze.rotation)
    assert float(row["gaze_left_yaw"]) == pytest.approx(left[1], rel=1e-5)
    assert float(row["gaze_right_pitch"]) == pytest.approx(right[0], rel=1e-5)
    assert float(row["y_477"]) == pytest.approx(reading.landmarks.points[477, 1], abs=0.006)


def same(old: Take, new: Take, landmarks: bool) -> None:
    seen = old.valid
    np.testing.assert_array_equal(new.frames, old.frames[seen])
    assert new.valid.all()
    for name in ("times", "box", "score"):
        np.testing.assert_allclose(getattr(new, name), getattr(old, name)[seen], rtol=1e-5, atol=0.0051)
    np.testing.assert_array_equal(new.quality, new.score)
    np.testing.assert_allclose(new.state.expression.weights, old.state.expression.weights[seen], rtol=1e-5)
    for group, name in (("pose", "rotation"), ("pose", "translation"), ("gaze", "rotation")):
        want, have = (getattr(getattr(take.state, group), name) for take in (old, new))
        np.testing.assert_allclose(have, want[seen], atol=5e-6)
    assert (new.landmarks is not None) == landmarks
    if landmarks:
        assert new.landmarks is not None
        assert old.landmarks is not None
        np.testing.assert_allclose(new.landmarks[..., :2], old.landmarks[seen][..., :2], atol=0.0051)
        assert not new.landmarks[..., 2].any()


@FEW
@given(frames=st.integers(1, 4), faces=st.integers(1, 3), landmarks=st.booleans(), seed=st.integers(0, 99))
def test_round_trip(tmp_path: Path, frames: int, faces: int, landmarks: bool, seed: int) -> None:
    capture = made_capture(frames, faces, landmarks, seed)
    write_table(capture, tmp_path / "t.csv", overwrite=True)
    takes = read_table(tmp_path / "t.csv")
    seen = [take for take in capture.takes if take.valid.any()]
    assert [take.face for take in takes] == [take.face for take in seen]
    for old, new in zip(seen, takes, strict=True):
        same(old, new, landmarks)


def test_frames_come_in_order_and_unseen_ones_are_left_out(tmp_path: Path) -> None:
    write_table(made_capture(3, 2), tmp_path / "t.csv")
    assert [(row[1], row[3]) for row in lines_of(tmp_path / "t.csv")[1:]] == [
        ("0", "0"), ("0", "1"), ("1", "0"), ("2", "0"), ("2", "1"),
    ]  # fmt: skip


def test_an_empty_capture_is_a_header(tmp_path: Path) -> None:
    write_table(Capture("empty.png", 10, 10, (), 1), tmp_path / "t.csv")
    assert len(lines_of(tmp_path / "t.csv")) == 1
    assert read_table(tmp_path / "t.csv") == ()


STRANGE = ["=cmd|'/c calc'!A0", "+1", "-rf.mp4", "@sum", "'=quoted", "''@", "'plain'", 'a,"b".png', "é 😀.jpg", ""]


@pytest.mark.parametrize("source", STRANGE)
def test_no_source_is_a_formula_and_each_comes_back(tmp_path: Path, source: str) -> None:
    path = written(tmp_path / "t.csv", source=source)
    assert all(not row[0].startswith(("=", "+", "-", "@")) for row in lines_of(path))
    assert {take.source for take in read_table(path)} == {source}


@pytest.mark.parametrize("source", ["two\nlines", "\x1b[31mred", "bad\udcff.jpg", "tab\t", "nul\0"])
def test_a_row_is_one_printable_line(tmp_path: Path, source: str) -> None:
    path = written(tmp_path / "t.csv", faces=1, frames=1, source=source)
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") == 2
    assert text.replace("\n", "").isprintable()
    assert len(read_table(path)) == 1


def test_several_sources_and_numbers_of_faces(tmp_path: Path) -> None:
    with CsvTable(tmp_path / "t.csv") as table:
        for source, face in (("b", 1), ("a", 0), ("b", 0)):
            table.write(source, made_reading(face))
    assert [(take.source, take.face) for take in read_table(tmp_path / "t.csv")] == [("b", 0), ("b", 1), ("a", 0)]


def damaged(path: Path, change: Change) -> Path:
    return edited(written(path), change)


def test_tables_are_joined_byte_by_byte(tmp_path: Path) -> None:
    whole, joined, other = (tmp_path / f"{name}.csv" for name in ("whole", "joined", "other"))
    with CsvTable(whole) as table:
        for source in ("a\nb.png", "é.png"):
            table.write(source, made_reading())
            with CsvTable(tmp_path / f"{source.encode().hex()}.csv") as part:
                part.write(source, made_reading())
    with CsvTable(joined) as table:
        for source in ("a\nb.png", "é.png"):
            table.append(tmp_path / f"{source.encode().hex()}.csv")
    assert joined.read_bytes() == whole.read_bytes()
    with CsvTable(other, landmarks=True) as table, pytest.raises(InputError, match="E_FORMAT"):
        table.append(whole)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    expected = read_table(written(tmp_path / "t.csv"))

    def shuffle(rows: list[list[str]]) -> None:
        order = np.random.default_rng(0).permutation(len(rows[0]))
        rows[:] = [[row[k] for k in order] for row in rows]
        rows[0] = [f" {name} " for name in rows[0]]
        rows.append([])

    for old, new in zip(expected, read_table(damaged(tmp_path / "s.csv", shuffle)), strict=True):
        np.testing.assert_array_equal(old.state.expression.weights, new.state.expression.weights)


def test_rows_may_come_in_any_order(tmp_path: Path) -> None:
    def upside_down(rows: list[list[str]]) -> None:
        rows[1:] = rows[:0:-1]

    takes = read_table(damaged(tmp_path / "t.csv", upside_down))
    assert [take.frames.tolist() for take in takes] == [[0, 1, 2]] * 2


def test_quality_is_read_where_it_is_stored(tmp_path: Path) -> None:
    take = read_table(damaged(tmp_path / "t.csv", add("quality", "0.25")))[0]
    assert take.quality.tolist() == [0.25] * 3


@FEW
@given(st.sampled_from(list(BASES)), st.booleans(), st.integers(0, 99))
def test_the_basis_is_told_by_the_columns(tmp_path: Path, name: str, landmarks: bool, seed: int) -> None:
    capture = made_over(BASES[name], landmarks=landmarks, seed=seed)
    write_table(capture, tmp_path / "t.csv", overwrite=True)
    takes = read_table(tmp_path / "t.csv")
    assert {take.state.expression.basis.name for take in takes} == {name}
    for old, new in zip(capture.takes, takes, strict=True):
        same(old, new, landmarks)


def test_a_basis_of_ones_own_is_named(tmp_path: Path) -> None:
    own = Basis("own", ("smile",))
    write_table(made_over(own, 2, 1), tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv", own)[0].state.expression.basis is own
    with pytest.raises(InputError, match="columns are missing: eyeBlinkLeft"):
        read_table(tmp_path / "t.csv")


def test_values_near_the_range_are_kept(tmp_path: Path) -> None:
    path = damaged(tmp_path / "t.csv", put("jawOpen", "1.05333"))
    take = read_table(edited(path, put("cheekPuff", "-0.5")))[1]
    assert take.state.expression["jawOpen"][0] == np.float32(1.05333)
    assert take.state.expression["cheekPuff"][0] == -0.5
    write_table(made_over(FLAME, high=6.0), path, overwrite=True)
    assert read_table(path)[0].state.expression.weights.max() > 4


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (drop("jawOpen"), r"columns are missing: jawOpen \("),
        (drop("source", "pose_tz"), r"columns are missing: source, pose_tz \("),
        (rename("pose_tz", "x_0"), "columns are missing: pose_tz, x_1, x_2 and 953 more"),
        (rename("gaze_right_pitch", "face"), "line 1, column 71: the column 'face' comes twice"),
        (rename("gaze_right_pitch", "pitch"), r"columns are missing: gaze_right_pitch \("),
        (add("jawOpen"), "line 1, column 72: the column 'jawOpen' comes twice"),
        (add("mood"), "line 1, column 72: 'mood' is no column of a table over arkit"),
        (add("AU12L"), "line 1, column 72: 'AU12L' is no column of a table over arkit"),
        (put("jawOpen", "wide"), "line 3, jawOpen: 'wide' is no number"),
        (put("jawOpen", ""), "line 3, jawOpen: '' is no number"),
        (put("jawOpen", "nan"), "line 3, jawOpen: is not finite"),
        (put("jawOpen", "1e999"), "line 3, jawOpen: is not finite"),
        (put("jawOpen", "1e30"), "line 3, jawOpen: 1e\\+30 lies outside -0.5 to 2"),
        (put("jawOpen", "2.001"), "line 3, jawOpen: 2.001 lies outside -0.5 to 2"),
        (put("jawOpen", "-0.51"), "line 3, jawOpen: -0.51 lies outside -0.5 to 2"),
        (put("score", "2"), "line 3, score: 2 lies outside 0 to 1"),
        (put("box_x0", "1e7"), "line 3, box_x0: 1e\\+07 lies outside"),
        (put("pose_tz", "-inf"), "line 3, pose_tz: is not finite"),
        (put("pose_yaw", "90"), "line 3, pose_yaw: 90 lies outside"),
        (put("frame", "1", 6), "line 7, frame: face 1 has frame 1 twice"),
        (put("frame", "1.5"), "line 3, frame: must be a whole number"),
        (put("frame", "nan"), "line 3, frame: must be a whole number"),
        (put("face", "-1"), "line 3, face: must be a whole number"),
        (put("time_s", "100"), "line 5, time_s: times must not run backwards; 100 comes before it"),
        (cut, "line 4 has 70 cells, the header 71: gaze_right_pitch is missing"),
        (lambda rows: rows[3].append("1"), "line 4 has 72 cells, the header 71"),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, change: Change, cause: str) -> None:
    with pytest.raises(InputError, match=cause) as caught:
        read_table(damaged(tmp_path / "t.csv", change))
    assert caught.value.code == "E_FORMAT"


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"hello", b"\n", b'"open', b"a\0b,c", b"x" * 200_000])
def test_refuses_what_is_no_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="E_FORMAT"):
        read_table(path)


def test_nothing_is_left_after_an_error(tmp_path: Path) -> None:
    def stop_midway() -> None:
        with CsvTable(tmp_path / "t.csv") as table:
            table.write("clip.mp4", made_reading())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        stop_midway()
    assert list(tmp_path.iterdir()) == []
    written(tmp_path / "t.csv")
    with pytest.raises(OutputError, match="E_EXISTS"), CsvTable(tmp_path / "t.csv"):
        pass
    assert os.listdir(tmp_path) == ["t.csv"]


def test_rows_reach_the_disk_while_it_is_written(tmp_path: Path) -> None:
    reading = made_reading()
    with CsvTable(tmp_path / "t.csv") as table:
        for _ in range(200):
            table.write("clip.mp4", reading)
        (part,) = tmp_path.iterdir()
        at_rest = part.stat().st_size
    assert at_rest > (tmp_path / "t.csv").stat().st_size - 70_000


def test_refuses_another_basis_missing_landmarks_and_a_closed_table(tmp_path: Path) -> None:
    own, take = Basis("own", ("smile",)), made_capture(landmarks=False).takes[0]
    with CsvTable(tmp_path / "own.csv", own, landmarks=True) as table:
        with pytest.raises(ValueError, match="over own, the row over arkit"):
            table.write("clip.mp4", made_reading())
        with pytest.raises(ValueError, match="the take has none"):
            table.write_frame("clip.mp4", take, 0)
    with pytest.raises(ValueError, match="not open"):
        table.write("clip.mp4", made_reading())
    other = replace(take, state=replace(take.state, expression=Expression(np.zeros((3, 1)), own)))
    with pytest.raises(OutputError, match="one basis only"):
        write_table(Capture("clip.mp4", 10, 10, (take, other), 3), tmp_path / "t.csv")
