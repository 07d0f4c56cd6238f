import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made_capture
from made_bases import Change, add, cut, drop, edited, keep_header, lines_of, made_over, put, rename

from mien.core.basis import ARKIT, FACS
from mien.core.errors import InputError, OutputError
from mien.core.face import Capture, Gaze
from mien.core.geometry import angles_from_rotation, rotation_from_angles
from mien.core.looks import gaze_from_looks, looks_from_gaze
from mien.formats.livelink import Order, livelink_header, read_livelink, write_livelink
from mien.formats.registry import load
from mien.formats.tables import read_table, write_table
from mien.formats.takes import read_capture, write_capture

STEADY = settings(
    derandomize=True, deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
REAL = sorted((Path(__file__).parents[3] / "shared" / "data" / "takes").glob("*.csv"))
real = pytest.mark.skipif(not REAL, reason="the real Live Link Face recordings are not here")


def one_face(frames: int = 4, seed: int = 0) -> Capture:
    return made_capture(frames, 1, landmarks=False, seed=seed)


def written(path: Path, capture: Capture | None = None, order: Order = "app") -> Path:
    write_livelink(capture or one_face(), path, overwrite=True, order=order)
    return path


@real
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_recordings_come_back_to_the_last_digit(tmp_path: Path, path: Path) -> None:
    capture = read_livelink(path)
    write_livelink(capture, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text().splitlines() == path.read_text().splitlines()
    write_capture(capture, tmp_path / "take.npz")
    write_livelink(read_capture(tmp_path / "take.npz"), tmp_path / "again.csv", overwrite=True)
    assert (tmp_path / "again.csv").read_text().splitlines() == path.read_text().splitlines()


@real
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_recordings_count_in_sixtieths(path: Path) -> None:
    capture = read_livelink(path)
    (take,) = capture.takes
    assert (take.frame_rate, take.frames[:4].tolist()) == (60.0, [0, 2, 4, 6])
    assert capture.frames == len(take)
    first, last = (line.split(",")[0] for line in (path.read_text().splitlines()[k] for k in (1, -1)))
    assert take.start_timecode == first
    length = [int(t[3:5]) * 60 + int(t[6:8]) + float(t[9:]) / 60 for t in (first, last)]
    assert take.times[-1] == pytest.approx(length[1] - length[0], abs=1e-9)
    assert np.median(np.diff(take.times)) == pytest.approx(1 / 30, rel=1e-3)
    assert take.state.expression.weights.max() > 1


@real
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_eyes_look_where_their_weights_say(path: Path) -> None:
    state = read_livelink(path).takes[0].state
    told, looked = (angles_from_rotation(g.rotation) for g in (state.gaze, gaze_from_looks(state.expression)))
    for eye in (0, 1):
        for angle in (0, 1):
            assert np.corrcoef(told[:, eye, angle], looked[:, eye, angle])[0, 1] > 0.99
    # Each eye turns as Rx Ry: the first row's second element is 0, to the printed digits.
    assert np.abs(state.gaze.rotation[..., 0, 1]).max() < 1e-7


@STEADY
@given(
    st.integers(1, 90), st.integers(0, 99), st.sampled_from(["app", "enum"]), st.sampled_from([None, 24, 25, 30, 60])
)
def test_a_capture_of_ours_comes_back(tmp_path: Path, frames: int, seed: int, order: Order, rate: int | None) -> None:
    capture = one_face(frames, seed)
    rate = rate if frames > 60 else None
    code = None if rate is None else "01:00:00:12.500"
    take = replace(capture.takes[0], start_timecode=code, frame_rate=rate)
    again = read_livelink(written(tmp_path / "t.csv", replace(capture, takes=(take,)), order)).takes[0]
    assert (again.start_timecode, again.frame_rate) == (code or "00:00:00:00.000", rate or 60)
    np.testing.assert_allclose(again.times, take.times, atol=1e-4)
    np.testing.assert_allclose(again.state.expression.weights, take.state.expression.weights, atol=1e-9)
    np.testing.assert_allclose(again.state.gaze.rotation, take.state.gaze.rotation, atol=1e-9)
    np.testing.assert_allclose(again.state.pose.rotation, take.state.pose.facing(), atol=1e-9)


def test_what_such_a_file_does_not_know(tmp_path: Path) -> None:
    capture = read_livelink(written(tmp_path / "t.csv"))
    (take,) = capture.takes
    assert (capture.source, capture.width, capture.height, capture.frames) == ("t.csv", 0, 0, 4)
    assert take.valid.all()
    assert take.landmarks is None
    assert (take.score == 1).all()
    assert (take.quality == 1).all()
    assert not take.box.any()
    assert not take.state.pose.translation.any()
    np.testing.assert_array_equal(take.state.pose.facing(), take.state.pose.rotation)


def test_orders_of_left_and_right(tmp_path: Path) -> None:
    app, enum = (livelink_header(order) for order in ("app", "enum"))
    assert app[:3] == ("Timecode", "BlendShapeCount", "EyeBlinkLeft")
    assert (len(app), set(app)) == (63, set(enum))
    assert app[app.index("JawForward") + 1 :][:2] == ("JawRight", "JawLeft")
    assert enum[enum.index("JawForward") + 1 :][:2] == ("JawLeft", "JawRight")
    assert app[app.index("MouthPucker") + 1 :][:2] == ("MouthRight", "MouthLeft")
    assert enum[enum.index("MouthPucker") + 1 :][:2] == ("MouthLeft", "MouthRight")
    assert app[-9:] == (*(f"Head{a}" for a in ("Yaw", "Pitch", "Roll")), *app[-6:])
    cells = [lines_of(written(tmp_path / f"{order}.csv", order=order)) for order in ("app", "enum")]
    for name in ("JawLeft", "MouthRight", "LeftEyeYaw"):
        assert cells[0][1][app.index(name)] == cells[1][1][enum.index(name)]


def test_cells_have_ten_decimals_and_no_negative_zero(tmp_path: Path) -> None:
    capture = one_face(1)
    take = capture.takes[0]
    straight = replace(take.state, gaze=Gaze(np.tile(rotation_from_angles(-1e-13, -1e-13, 0.0), (1, 2, 1, 1))))
    rows = lines_of(written(tmp_path / "t.csv", replace(capture, takes=(replace(take, state=straight),))))
    assert rows[1][:2] == ["00:00:00:00.000", "61"]
    assert {len(cell.split(".")[1]) for cell in rows[1][2:]} == {10}
    assert rows[1][-6:] == ["0.0000000000"] * 6


def test_a_look_to_the_subjects_right(tmp_path: Path) -> None:
    capture = one_face(1)
    take = capture.takes[0]
    gaze = Gaze(np.tile(rotation_from_angles(0.1, 0.3, 0.0), (1, 2, 1, 1)))
    assert looks_from_gaze(gaze)[0, ARKIT.index("eyeLookOutRight")] > 0
    names, row = lines_of(
        written(tmp_path / "t.csv", replace(capture, takes=(replace(take, state=replace(take.state, gaze=gaze)),)))
    )
    told = dict(zip(names, row, strict=True))
    assert (told["RightEyeYaw"], told["LeftEyePitch"]) == ("0.3000000000", "0.1000000000")


def test_frames_without_the_face_have_no_row(tmp_path: Path) -> None:
    capture = one_face(4)
    valid = np.array([False, True, False, True])
    take = replace(capture.takes[0], valid=valid)
    again = read_livelink(written(tmp_path / "t.csv", replace(capture, takes=(take,)))).takes[0]
    np.testing.assert_allclose(again.times + take.times[1], take.times[valid], atol=1e-4)
    with pytest.raises(OutputError, match="no frame in which a face was seen"):
        write_livelink(replace(capture, takes=(replace(take, valid=np.zeros(4, bool)),)), tmp_path / "u.csv")
    with pytest.raises(OutputError, match="no frame in which a face was seen"):
        write_livelink(replace(capture, takes=()), tmp_path / "u.csv")
    assert not (tmp_path / "u.csv").exists()


def test_refuses_several_faces_and_another_basis(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one take over arkit"):
        write_livelink(made_capture(2, 2), tmp_path / "t.csv")
    with pytest.raises(ValueError, match="one take over arkit"):
        write_livelink(made_over(FACS, 2, 1), tmp_path / "t.csv")


@pytest.mark.parametrize(("code", "cause"), [("soon", "is no timecode"), ("01:00:00:25", "beyond the 25 of a second")])
def test_refuses_a_start_that_is_no_timecode(tmp_path: Path, code: str, cause: str) -> None:
    capture = one_face()
    take = replace(capture.takes[0], start_timecode=code)
    with pytest.raises(OutputError, match=cause):
        write_livelink(replace(capture, takes=(take,)), tmp_path / "t.csv")


def test_midnight_is_no_step_backwards(tmp_path: Path) -> None:
    capture = one_face(50)
    take = replace(capture.takes[0], start_timecode="23:59:59:00")
    path = written(tmp_path / "t.csv", replace(capture, takes=(take,)))
    assert lines_of(path)[-1][0].startswith("00:00:00:")
    np.testing.assert_allclose(read_livelink(path).takes[0].times, take.times, atol=1e-4)


def test_values_near_the_range_are_kept(tmp_path: Path) -> None:
    path = edited(written(tmp_path / "t.csv"), put("JawOpen", "1.0533207655"))
    edited(path, put("CheekPuff", "-0.0300000000", 1))
    take = read_livelink(path).takes[0]
    assert take.state.expression["jawOpen"][1] == np.float32(1.0533207655)
    assert take.state.expression["cheekPuff"][0] == np.float32(-0.03)


def jumbled(rows: list[list[str]]) -> None:
    order = np.random.default_rng(0).permutation(63)
    rows[:] = [[row[k] for k in order] for row in rows]


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv")
    expected = read_livelink(path).takes[0].state.expression.weights
    edited(path, jumbled)
    for again in (read_livelink(path), load(path)):  # the second is told by the header alone
        np.testing.assert_array_equal(again.takes[0].state.expression.weights, expected)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (keep_header, "line 2: there is no row after the header"),
        (drop("JawOpen"), "line 1: columns are missing: JawOpen"),
        (rename("JawOpen", "JawWide"), "columns are missing: JawOpen"),
        (add("Mood"), "line 1, column 64: 'Mood' is no column of a Live Link Face recording"),
        (add("JawOpen"), "line 1, column 64: the column 'JawOpen' comes twice"),
        (cut, "line 4 has 62 cells, the header 63: RightEyeRoll is missing"),
        (lambda rows: rows[2].append("0"), "line 3 has 64 cells, the header 63"),
        (put("JawOpen", "nan"), "line 3, JawOpen: is not finite"),
        (put("JawOpen", "-inf"), "line 3, JawOpen: is not finite"),
        (put("JawOpen", "2.01"), "line 3, JawOpen: 2.01 lies outside -0.5 to 2"),
        (put("JawOpen", "-0.6"), "line 3, JawOpen: -0.6 lies outside -0.5 to 2"),
        (put("JawOpen", "1_0"), "line 3, JawOpen: '1_0' is no number"),
        (put("JawOpen", ""), "line 3, JawOpen: '' is no number"),
        (put("HeadYaw", "45"), "line 3, HeadYaw: 45 lies outside"),
        (put("BlendShapeCount", "52"), "line 3, BlendShapeCount: 52 values are announced, 61 are read"),
        (put("Timecode", "00:00:01"), "line 3, Timecode: '00:00:01' is no timecode"),
        (put("Timecode", "00:00:00;02"), "line 3, Timecode: '00:00:00;02' is no timecode"),
        (put("Timecode", "00:00:00:99.000"), "line 4, Timecode: times must not run backwards"),
        (put("Timecode", "00:00:00:00.001", 4), "line 5, Timecode: times must not run backwards"),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, change: Change, cause: str) -> None:
    with pytest.raises(InputError, match=cause) as caught:
        read_livelink(edited(written(tmp_path / "t.csv"), change))
    assert caught.value.code == "E_FORMAT"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("codes", "frames"),
    [
        (["00.000", "01.200", "01.490", "02.100", "03.800", "04.900"], [0, 1, 2, 3, 4, 5]),
        (["00.000", "02.000", "02.000", "04.000", "06.000", "08.000"], [0, 2, 3, 4, 6, 8]),
    ],
)
def test_rows_within_one_frame_have_numbers_of_their_own(tmp_path: Path, codes: list[str], frames: list[int]) -> None:
    def tell(rows: list[list[str]]) -> None:
        for row, code in zip(rows[1:], codes, strict=True):
            row[0] = f"00:00:00:{code}"

    capture = read_livelink(edited(written(tmp_path / "t.csv", one_face(6)), tell))
    assert capture.takes[0].frames.tolist() == frames
    write_table(capture, tmp_path / "own.csv")
    (again,) = read_table(tmp_path / "own.csv")  # which refuses a frame that comes twice
    np.testing.assert_allclose(again.times, capture.takes[0].times, atol=1e-6)


def test_a_frame_beyond_its_second(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", one_face(120))
    with pytest.raises(InputError, match="line 3, Timecode: frame 75 lies beyond the 60 that other seconds count to"):
        read_livelink(edited(path, put("Timecode", "00:00:00:75.000")))


def test_mixed_frame_rates(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", one_face(180))

    def mix(rows: list[list[str]]) -> None:
        for k, row in enumerate(rows[1:]):
            ticks = divmod(k, 30) if k < 90 else divmod(k - 90, 60)
            row[0] = f"00:00:{ticks[0] + (3 if k >= 90 else 0):02d}:{ticks[1]:02d}.000"

    edited(path, mix)
    with pytest.raises(InputError, match=r"line 122, Timecode: frame 30 lies beyond the 30 .*: mixed frame rates"):
        read_livelink(path)


def test_a_file_of_another_encoding(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv")
    data = path.read_bytes().split(b"\n")
    data[2] = b"\xff" + data[2]
    path.write_bytes(b"\n".join(data))
    with pytest.raises(InputError, match="E_FORMAT: line 3: not a text file"):
        read_livelink(path)


def test_a_spreadsheet_reads_it(tmp_path: Path) -> None:
    with written(tmp_path / "t.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4
    assert float(rows[0]["JawOpen"]) == pytest.approx(float(one_face().takes[0].state.expression["jawOpen"][0]))
