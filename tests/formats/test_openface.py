from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made_capture
from made_bases import Cells, Change, add, cut, drop, edited, keep_header, lines_of, made_over, put, rename

from mien.core.basis import FACS
from mien.core.errors import InputError
from mien.core.face import Capture, Expression, Gaze, Pose, Take
from mien.core.geometry import rotation_from_angles
from mien.core.points import SPARSE_68
from mien.formats.openface import PRESENT, UNITS, openface_header, read_openface, write_openface

STEADY = settings(
    derandomize=True, deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(path: Path, capture: Capture | None = None) -> Path:
    write_openface(capture or made_over(FACS), path, overwrite=True)
    return path


def told(path: Path, row: int = 1) -> dict[str, str]:
    rows = lines_of(path)
    return dict(zip(rows[0], rows[row], strict=True))


def posed(pitch: float = 0, yaw: float = 0, roll: float = 0, gaze: tuple[float, float] = (0, 0)) -> Capture:
    """One frame of a face half a metre before the camera; gaze is pitch and yaw of both eyes in the head."""
    capture = made_over(FACS, 1, 1)
    take = capture.takes[0]
    pose = Pose(rotation_from_angles(pitch, yaw, roll)[None], np.array([[0.1, -0.05, 0.5]]))
    eyes = Gaze(np.tile(rotation_from_angles(*gaze, 0.0), (1, 2, 1, 1)))
    return replace(capture, takes=(replace(take, state=replace(take.state, pose=pose, gaze=eyes)),))


def with_unit(column: str, values: list[float]) -> Capture:
    capture = made_over(FACS, len(values), 1)
    take = capture.takes[0]
    weights = np.array(take.state.expression.weights)
    weights[:, FACS.index(column)] = values
    return replace(capture, takes=(replace(take, state=replace(take.state, expression=Expression(weights, FACS))),))


def test_header_is_the_documented_one(tmp_path: Path) -> None:
    names = lines_of(written(tmp_path / "t.csv", made_over(FACS, landmarks=True)))[0]
    assert tuple(names) == openface_header()
    assert names[:5] == ["frame", "face_id", "timestamp", "confidence", "success"]
    assert names[5:13] == [*(f"gaze_{e}_{a}" for e in (0, 1) for a in "xyz"), "gaze_angle_x", "gaze_angle_y"]
    assert names[13:19] == ["pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"]
    assert names[19:21] == ["x_0", "x_1"]
    assert names[19 + 136 : 19 + 136 + 68] == [f"X_{k}" for k in range(68)]
    assert names[-35:] == [*(f"{u}_r" for u in UNITS), *(f"{u}_c" for u in PRESENT)]
    assert (len(UNITS), len(PRESENT)) == (17, 18)
    assert PRESENT[-2:] == ("AU28", "AU45")
    assert lines_of(written(tmp_path / "u.csv"))[0] == list(openface_header(landmarks=False))


@STEADY
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 99), st.sampled_from([1.0, 2.0]))
def test_presence_never_contradicts_intensity(tmp_path: Path, frames: int, faces: int, seed: int, high: float) -> None:
    path = written(tmp_path / "t.csv", made_over(FACS, frames, faces, seed=seed, high=high))
    names, *rows = lines_of(path)
    for row in rows:
        cells = dict(zip(names, row, strict=True))
        for unit in UNITS:
            assert cells[f"{unit}_c"] == str(int(float(cells[f"{unit}_r"]) >= 1))


def test_presence_follows_the_printed_number(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", with_unit("AU01", [0.1999999, 0.2, 0.19, 0.0]))
    assert [(told(path, k)["AU01_r"], told(path, k)["AU01_c"]) for k in range(1, 5)] == [
        ("1.0000", "1"), ("1.0000", "1"), ("0.9500", "0"), ("0.0000", "0"),
    ]  # fmt: skip


def test_nothing_is_clipped(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", with_unit("AU17", [1.25, -0.1]))
    assert [told(path, k)["AU17_r"] for k in (1, 2)] == ["6.2500", "-0.5000"]
    np.testing.assert_allclose(read_openface(path).takes[0].state.expression["AU17"], [1.25, -0.1], atol=1e-6)


def test_the_stronger_side_is_scored(tmp_path: Path) -> None:
    capture = made_over(FACS, 1, 1)
    expression = capture.takes[0].state.expression
    path = written(tmp_path / "t.csv", capture)
    for unit, column in (("AU12", "AU12"), ("AU45", "AU43")):
        sides = [float(expression[f"{column}{side}"][0]) for side in "LR"]
        assert float(told(path)[f"{unit}_r"]) == pytest.approx(5 * max(sides), abs=1e-4)
    assert told(path)["AU28_c"] == str(int(5 * float(expression["AU28"][0]) >= 1))


@pytest.mark.parametrize(
    ("turn", "column"), [((0.2, 0, 0), "pose_Rx"), ((0, 0.2, 0), "pose_Ry"), ((0, 0, 0.2), "pose_Rz")]
)
def test_angles_have_our_signs(tmp_path: Path, turn: tuple[float, float, float], column: str) -> None:
    row = told(written(tmp_path / "t.csv", posed(*turn)))
    assert {name: float(row[name]) for name in ("pose_Rx", "pose_Ry", "pose_Rz") if float(row[name])} == {column: 0.2}
    assert [float(row[f"pose_T{a}"]) for a in "xyz"] == [100, -50, 500]


def test_angles_are_those_of_a_file_that_openface_wrote(tmp_path: Path) -> None:
    # Of its row: the head's angles, and where it puts the outer corners of the eyes, points 36 and 45, in mm.
    angles = ("0.29759", "-0.063753", "-0.0192347")
    corners = np.array([[-30.567, 8.3981, 598.456], [61.5252, 5.54248, 603.426]])
    path = written(tmp_path / "t.csv", posed())
    for name, text in zip(("pose_Rx", "pose_Ry", "pose_Rz"), angles, strict=True):
        edited(path, put(name, text, 1))
    head = read_openface(path).takes[0].state.pose.rotation[0]
    across = (corners[1] - corners[0]) / np.linalg.norm(corners[1] - corners[0])
    np.testing.assert_allclose(head[:, 0], across, atol=0.01)  # some 0.02 in the other order of the angles


def test_gaze_zero_is_the_eye_on_the_left_of_the_picture(tmp_path: Path) -> None:
    capture = made_over(FACS, 1, 1)
    state = capture.takes[0].state
    row = told(written(tmp_path / "t.csv", capture))
    for eye, side in ((0, 1), (1, 0)):
        looks = state.pose.rotation[0] @ state.gaze.rotation[0, side] @ [0, 0, -1]
        np.testing.assert_allclose([float(row[f"gaze_{eye}_{axis}"]) for axis in "xyz"], looks, atol=1e-6)


def test_gaze_angles_grow_to_the_right_of_the_picture_and_down(tmp_path: Path) -> None:
    row = told(written(tmp_path / "t.csv", posed(gaze=(0.1, -0.2))))  # down, and to the subject's left
    assert float(row["gaze_angle_x"]) == pytest.approx(0.2, abs=1e-6)
    assert float(row["gaze_angle_y"]) == pytest.approx(np.arctan(np.tan(0.1) / np.cos(0.2)), abs=1e-6)
    assert float(row["gaze_0_z"]) < 0


def same(old: Take, new: Take) -> None:
    np.testing.assert_array_equal(new.valid, old.valid)
    np.testing.assert_array_equal(new.frames, old.frames)
    np.testing.assert_allclose(new.times, old.times, atol=1e-6)
    np.testing.assert_allclose(new.score, old.score, atol=1e-6)
    np.testing.assert_allclose(new.state.pose.rotation, old.state.pose.rotation, atol=3e-6)
    np.testing.assert_allclose(new.state.pose.translation, old.state.pose.translation, atol=1e-8)
    np.testing.assert_allclose(new.state.gaze.rotation, old.state.gaze.rotation, atol=5e-6)
    for column in ("AU12L", "AU12R"):
        stronger = np.maximum(old.state.expression["AU12L"], old.state.expression["AU12R"])
        np.testing.assert_allclose(new.state.expression[column], stronger, atol=2e-5)
    assert not new.state.expression["AU61L"].any()
    assert new.landmarks is None


@STEADY
@given(st.integers(1, 4), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_round_trip(tmp_path: Path, frames: int, faces: int, landmarks: bool, seed: int) -> None:
    capture = made_over(FACS, frames, faces, landmarks, seed)
    again = read_openface(written(tmp_path / "t.csv", capture))
    assert ([take.face for take in again.takes], again.frames) == (list(range(faces)), frames)
    for old, new in zip(capture.takes, again.takes, strict=True):
        same(old, new)
    written(tmp_path / "u.csv", again)
    for old, new in zip(again.takes, read_openface(tmp_path / "u.csv").takes, strict=True):
        np.testing.assert_allclose(new.state.expression.weights, old.state.expression.weights, atol=1e-6)


def test_a_lost_face_is_a_row_without_success(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", made_over(FACS, 3, 2, landmarks=True))
    names, *rows = lines_of(path)
    assert [(row[0], row[1], row[4]) for row in rows] == [
        ("1", "0", "1"), ("1", "1", "1"), ("2", "0", "1"), ("2", "1", "0"), ("3", "0", "1"), ("3", "1", "1"),
    ]  # fmt: skip
    assert {float(cell) for cell in rows[3][3:]} == {0.0}
    edited(path, put("gaze_0_x", "nan", 4))
    assert read_openface(path).takes[1].valid.tolist() == [True, False, True]
    assert len(names) == len(rows[0])


def test_points_in_pixels_and_in_millimetres(tmp_path: Path) -> None:
    capture = made_capture(2, 1)
    take = capture.takes[0]
    turn, place, focal = rotation_from_angles(0.1, 0.2, 0.3), np.array([0.05, 0.02, 0.6]), 600.0
    head = np.random.default_rng(0).normal(0, 0.05, (478, 3))
    head[468], head[473] = [-0.0315, 0, 0], [0.0315, 0, 0]
    straight = np.array([[0.0, 0.0, 0.6], place])
    points = np.stack([head @ turn.T * focal / 0.6 + [320, 240, 0] for _ in range(2)])
    pose = Pose(np.stack([turn, turn]), straight)
    facs = Expression(np.zeros((2, len(FACS))), FACS)
    take = replace(take, landmarks=points, state=replace(take.state, pose=pose, expression=facs))
    path = written(tmp_path / "t.csv", replace(capture, takes=(take,)))
    row = told(path)
    index = SPARSE_68.index(33)
    assert float(row[f"x_{index}"]) == pytest.approx(points[0, 33, 0], abs=1e-4)
    assert float(row[f"y_{index}"]) == pytest.approx(points[0, 33, 1], abs=1e-4)
    solid = 1000 * (straight[0] + head[33] @ turn.T)
    np.testing.assert_allclose([float(row[f"{a}_{index}"]) for a in "XYZ"], solid, atol=1e-2)
    spread = [[float(told(path, k)[f"{a}_{i}"]) for a in "XYZ" for i in range(68)] for k in (1, 2)]
    both = [np.reshape(each, (3, 68)).T for each in spread]
    apart = [np.linalg.norm(each - each[0], axis=1) for each in both]
    np.testing.assert_allclose(apart[0], apart[1], atol=1e-2)  # turned to its place, and as large


def spaced(rows: Cells) -> None:
    rows[0] = [rows[0][0], *(f" {name}" for name in rows[0][1:])]


def as_old(rows: Cells) -> None:
    """A file of version 2.0: leading spaces, no face_id, no gaze angles, columns that ours does not have."""
    drop("face_id", "gaze_angle_x", "gaze_angle_y")(rows)
    add("p_scale", "0.7")(rows)
    add("eye_lmk_x_0", "300")(rows)
    spaced(rows)


def as_photo(rows: Cells) -> None:
    drop("frame", "timestamp", "success")(rows)
    rename("face_id", "face")(rows)


def test_files_of_other_versions(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", made_over(FACS, 3, 1, landmarks=True))
    expected = read_openface(path)
    old = read_openface(edited(path, as_old))
    np.testing.assert_array_equal(old.takes[0].state.gaze.rotation, expected.takes[0].state.gaze.rotation)
    np.testing.assert_array_equal(old.takes[0].box, expected.takes[0].box)
    photo = read_openface(edited(written(tmp_path / "p.csv", made_over(FACS, 1, 3)), as_photo))
    assert ([take.face for take in photo.takes], photo.frames) == ([0, 1, 2], 1)


def test_a_file_of_some_units(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", made_over(FACS, 2, 1))
    few = [f"{u}_r" for u in UNITS[1:]] + [f"{u}_c" for u in PRESENT if u not in ("AU28", "AU01")]
    take = read_openface(edited(edited(path, drop(*few)), put("AU28_c", "1", 1))).takes[0]
    assert take.state.expression["AU28"][0] == np.float32(0.2)  # the least that is called present
    assert take.state.expression["AU01"].all()
    assert not take.state.expression["AU12L"].any()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (keep_header, "line 2: there is no row after the header"),
        (drop(*(f"{unit}_r" for unit in UNITS)), "columns are missing: AU01_r, AU02_r, AU04_r and 14 more"),
        (drop("pose_Rz"), "columns are missing: pose_Rz"),
        (drop("gaze_1_z"), "columns are missing: gaze_1_z"),
        (add("AU99_r"), "line 1, column 55: 'AU99_r' is no column of OpenFace: no such action unit"),
        (add("AU12_r"), "the column 'AU12_r' comes twice"),
        (cut, "line 4 has 53 cells, the header 54: AU45_c is missing"),
        (put("AU12_r", "inf"), "line 3, AU12_r: is not finite"),
        (put("AU12_r", "10.1"), "line 3, AU12_r: 10.1 lies outside -2.5 to 10"),
        (put("AU12_r", "-2.6"), "line 3, AU12_r: -2.6 lies outside"),
        (put("AU12_c", "0.5"), "line 3, AU12_c: must be a whole number from 0 to 1"),
        (put("AU12_r", "strong"), "line 3, AU12_r: 'strong' is no number"),
        (put("pose_Ry", "20"), "line 3, pose_Ry: 20 lies outside"),
        (put("confidence", "98"), "line 3, confidence: 98 lies outside 0 to 1"),
        (put("success", "2"), "line 3, success: must be a whole number from 0 to 1"),
        (put("frame", "1.5"), "line 3, frame: must be a whole number"),
        (put("frame", "3", 3), "line 6, frame: face 0 has this frame twice"),
        (put("timestamp", "7", 3), "line 6, timestamp: times must not run backwards; 7 comes before it"),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, change: Change, cause: str) -> None:
    with pytest.raises(InputError, match=cause) as caught:
        read_openface(edited(written(tmp_path / "t.csv"), change))
    assert caught.value.code == "E_FORMAT"


def test_refuses_another_basis_and_writes_no_face(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="takes over facs"):
        write_openface(made_capture(1, 1), tmp_path / "t.csv")
    assert len(lines_of(written(tmp_path / "t.csv", Capture("empty.png", 10, 8, (), 1)))) == 1
