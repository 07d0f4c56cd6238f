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
from mien.core.face import Capture, Gaze, Pose
from mien.core.geometry import rotation_from_angles
from mien.core.points import SPARSE_68
from mien.formats.fex import FEX_HEADER, UNITS, read_fex, write_fex

STEADY = settings(
    derandomize=True, deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(path: Path, capture: Capture | None = None) -> Path:
    write_fex(capture or made_over(FACS), path, overwrite=True)
    return path


def told(path: Path, row: int = 1) -> dict[str, str]:
    rows = lines_of(path)
    return dict(zip(rows[0], rows[row], strict=True))


def posed(pitch: float = 0, yaw: float = 0, roll: float = 0, gaze: tuple[float, float] = (0, 0)) -> Capture:
    capture = made_over(FACS, 1, 1)
    take = capture.takes[0]
    pose = Pose(rotation_from_angles(pitch, yaw, roll)[None], np.array([[0.1, -0.05, 0.5]]))
    eyes = Gaze(np.tile(rotation_from_angles(*gaze, 0.0), (1, 2, 1, 1)))
    return replace(capture, takes=(replace(take, state=replace(take.state, pose=pose, gaze=eyes)),))


def test_header_is_the_documented_one(tmp_path: Path) -> None:
    names = lines_of(written(tmp_path / "t.csv"))[0]
    assert tuple(names) == FEX_HEADER
    assert names[:6] == ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore", "x_0"]
    assert names[names.index("y_67") + 1 :][:6] == ["Pitch", "Roll", "Yaw", "X", "Y", "Z"]
    assert names[names.index("Z") + 1 :][:20] == list(UNITS)
    assert names[names.index("AU43") + 1 :][:3] == ["gaze_pitch", "gaze_yaw", "gaze_angle"]
    assert names[-4:] == ["input", "frame", "approx_time", "Identity"]
    assert not {"happiness", "Happy", "neutral", "Neutral"} & set(names)


@pytest.mark.parametrize(
    ("turn", "column", "sign"), [((0.2, 0, 0), "Pitch", -1), ((0, 0.2, 0), "Yaw", 1), ((0, 0, 0.2), "Roll", -1)]
)
def test_signs_of_the_head(tmp_path: Path, turn: tuple[float, float, float], column: str, sign: int) -> None:
    row = told(written(tmp_path / "t.csv", posed(*turn)))
    assert {name: float(row[name]) for name in ("Pitch", "Roll", "Yaw") if float(row[name])} == {column: sign * 0.2}
    assert [float(row[name]) for name in "XYZ"] == [0.1, -0.05, 0.5]


def test_signs_of_the_gaze(tmp_path: Path) -> None:
    row = told(written(tmp_path / "t.csv", posed(gaze=(0.1, 0.2))))  # down, and to the subject's right
    assert [float(row[name]) for name in ("gaze_pitch", "gaze_yaw")] == pytest.approx([-0.1, -0.2], abs=1e-6)
    assert float(row["gaze_angle"]) == pytest.approx(np.arccos(np.cos(0.1) * np.cos(0.2)), abs=1e-6)
    turned = told(written(tmp_path / "t.csv", posed(yaw=0.2, gaze=(0.0, -0.2))))  # the head aside, the eyes on the lens
    assert float(turned["gaze_angle"]) == pytest.approx(0, abs=1e-6)


def test_box_points_and_units(tmp_path: Path) -> None:
    capture = made_over(FACS, 1, 1, landmarks=True)
    take = capture.takes[0]
    row = told(written(tmp_path / "t.csv", capture))
    x0, y0, x1, y1 = take.box[0].tolist()
    box = [float(row[f"FaceRect{name}"]) for name in ("X", "Y", "Width", "Height")]
    assert box == pytest.approx([x0, y0, x1 - x0, y1 - y0], abs=1e-4)
    assert take.landmarks is not None
    assert float(row["x_33"]) == pytest.approx(take.landmarks[0, SPARSE_68[33], 0], abs=1e-4)
    expression = take.state.expression
    assert float(row["AU12"]) == pytest.approx(max(expression["AU12L"][0], expression["AU12R"][0]), abs=1e-6)
    assert float(row["AU28"]) == pytest.approx(expression["AU28"][0], abs=1e-6)
    assert (row["input"], row["FrameWidth"], row["Identity"], row["approx_time"]) == (
        "clip.mp4", "640", "Person_0", "00:00.000000",
    )  # fmt: skip


@STEADY
@given(st.integers(1, 4), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_round_trip(tmp_path: Path, frames: int, faces: int, landmarks: bool, seed: int) -> None:
    capture = made_over(FACS, frames, faces, landmarks, seed)
    again = read_fex(written(tmp_path / "t.csv", capture))
    assert (again.source, again.width, again.height, again.frames) == ("clip.mp4", 640, 480, frames)
    for old, new in zip(capture.takes, again.takes, strict=True):
        assert (new.face, new.landmarks) == (old.face, None)
        np.testing.assert_array_equal(new.valid, old.valid)
        np.testing.assert_array_equal(new.frames, old.frames)
        np.testing.assert_allclose(new.times, old.times, atol=1e-6)
        np.testing.assert_allclose(new.box, old.box, atol=1e-3)
        np.testing.assert_allclose(new.state.pose.rotation, old.state.pose.rotation, atol=3e-6)
        np.testing.assert_allclose(new.state.pose.translation, old.state.pose.translation, atol=1e-6)
        stronger = np.maximum(old.state.expression["AU12L"], old.state.expression["AU12R"])
        np.testing.assert_allclose(new.state.expression["AU12R"], stronger, atol=1e-6)
        assert not new.state.expression["AU18"].any()
    once = read_fex(written(tmp_path / "u.csv", again))
    for old, new in zip(again.takes, once.takes, strict=True):
        np.testing.assert_allclose(new.state.gaze.rotation, old.state.gaze.rotation, atol=5e-6)


def test_long_times_and_guarded_names(tmp_path: Path) -> None:
    capture = made_over(FACS, 2, 1)
    late = replace(capture.takes[0], times=np.array([59.9999996, 3725.5]))
    path = written(tmp_path / "t.csv", replace(capture, takes=(late,), source="=sum.mp4"))
    assert [told(path, k)["approx_time"] for k in (1, 2)] == ["01:00.000000", "62:05.500000"]
    assert told(path)["input"] == "'=sum.mp4"
    again = read_fex(path)
    assert again.source == "=sum.mp4"
    np.testing.assert_allclose(again.takes[0].times, late.times, atol=1e-6)


def as_py_feat(rows: Cells) -> None:
    """As py-feat saves: whole seconds, emotions, embeddings and a frame without a face that has units all the same."""
    for name in ("Neutral", "Happy", "valence", "Identity_1", "mesh_x_0"):
        add(name, "")(rows)
    for k, row in enumerate(rows[1:]):
        row[rows[0].index("approx_time")] = f"00:{k // 2:02d}"
    rows.append(list(rows[-1]))
    for name in ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "Identity", "Pitch"):
        put(name, "", -1)(rows)
    put("FaceScore", "0.0", -1)(rows)
    put("frame", "9", -1)(rows)


def test_files_of_py_feat(tmp_path: Path) -> None:
    again = read_fex(edited(written(tmp_path / "t.csv", made_over(FACS, 4, 1)), as_py_feat))
    (take,) = again.takes
    assert (take.times.tolist(), again.frames) == ([0, 0.5, 1, 1.5], 10)
    named = [put("Identity", name, k) for k, name in ((1, "Ada"), (2, "Bob"), (3, "Ada"))]
    path = written(tmp_path / "u.csv", made_over(FACS, 3, 1))
    for change in named:
        edited(path, change)
    assert [(take.face, take.frames.tolist()) for take in read_fex(path).takes] == [(0, [0, 2]), (1, [1])]


def test_a_photo_without_time(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", made_over(FACS, 1, 2))
    few = ("approx_time", "frame", "gaze_pitch", "gaze_yaw", "gaze_angle", "FrameHeight", "FrameWidth", "X", "Y", "Z")
    again = read_fex(edited(path, drop(*few, "input")))
    assert (again.source, again.width, [take.face for take in again.takes]) == ("", 0, [0, 1])
    np.testing.assert_allclose(again.takes[0].state.gaze.rotation[0], np.tile(np.eye(3), (2, 1, 1)), atol=1e-9)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (keep_header, "line 2: there is no row after the header"),
        (drop("FaceScore", "Yaw"), "columns are missing: FaceScore, Yaw"),
        (drop(*UNITS), "columns are missing: AU01, AU02, AU04 and 17 more"),
        (drop("gaze_yaw"), "columns are missing: gaze_yaw"),
        (rename("AU12", "AU99"), "line 1, column 157: 'AU99' is no column of a Fex: no such action unit"),
        (add("AU12"), "the column 'AU12' comes twice"),
        (cut, "line 4 has 175 cells, the header 176: Identity is missing"),
        (put("AU12", "nan"), "line 3, AU12: is not finite"),
        (put("AU12", ""), "line 3, AU12: is not finite"),
        (put("AU12", "2.5"), "line 3, AU12: 2.5 lies outside -0.5 to 2"),
        (put("AU12", "much"), "line 3, AU12: 'much' is no number"),
        (put("Yaw", "30"), "line 3, Yaw: 30 lies outside"),
        (put("FaceScore", "1.5"), "line 3, FaceScore: 1.5 lies outside 0 to 1"),
        (put("frame", "-1"), "line 3, frame: must be a whole number from 0"),
        (put("frame", "2", 3), "line 6, frame: face 0 has this frame twice"),
        (put("approx_time", "1:75"), "line 3, approx_time: '1:75' is no time MM:SS"),
        (put("approx_time", "07:00", 3), "line 6, approx_time: times must not run backwards"),
        (put("input", "other.mp4"), "line 3, input: a second one, 'other.mp4'; give one file for each input"),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, change: Change, cause: str) -> None:
    with pytest.raises(InputError, match=cause) as caught:
        read_fex(edited(written(tmp_path / "t.csv"), change))
    assert caught.value.code == "E_FORMAT"


def test_refuses_another_basis_and_writes_no_face(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="takes over facs"):
        write_fex(made_capture(1, 1), tmp_path / "t.csv")
    assert len(lines_of(written(tmp_path / "t.csv", Capture("empty.png", 10, 8, (), 1)))) == 1


@STEADY
@given(st.sampled_from([24000 / 1001, 25.0, 30000 / 1001, 30.0, 60.0]), st.integers(70, 400))
def test_times_of_whole_seconds_are_told_apart_by_the_frames(tmp_path: Path, rate: float, count: int) -> None:
    path = written(tmp_path / "t.csv", made_over(FACS, 1, 1))

    def coarse(rows: Cells) -> None:
        header, row = rows
        frame, time = header.index("frame"), header.index("approx_time")
        rows[1:] = [list(row) for _ in range(count)]
        for k, cells in enumerate(rows[1:]):
            # The last frame has the length of the video, as in the project's files.
            seconds = int((k + (k == count - 1)) / rate)
            cells[frame], cells[time] = str(k), f"{seconds // 60:02d}:{seconds % 60:02d}"

    times = read_fex(edited(path, coarse)).takes[0].times
    assert (np.diff(times) > 0).all()
    np.testing.assert_allclose(times, np.arange(count) / rate, rtol=0.02)


@pytest.mark.parametrize("seconds", [[0, 0, 0, 0], [0, 1, 5, 9], [0, 3, 3, 4], [0, 0.5, 0.5, 1]])
def test_times_that_no_rate_explains_stay(tmp_path: Path, seconds: list[float]) -> None:
    path = written(tmp_path / "t.csv", made_over(FACS, 4, 1))

    def tell(rows: Cells) -> None:
        for row, second in zip(rows[1:], seconds, strict=True):
            row[rows[0].index("approx_time")] = f"00:{second:04.1f}"

    assert read_fex(edited(path, tell)).takes[0].times.tolist() == seconds
