import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from connections import python_path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made_capture
from made_bases import made_over

from mien.core.basis import ARKIT, BASES, FACS, Basis
from mien.core.errors import InputError, OutputError, UsageError
from mien.core.face import Capture, Expression
from mien.formats.parquet import read_parquet, write_parquet
from mien.formats.tables import header

STEADY = settings(
    derandomize=True, deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(path: Path, capture: Capture | None = None) -> Path:
    write_parquet(capture or made_over(ARKIT), path, overwrite=True)
    return path


@STEADY
@given(st.sampled_from(list(BASES)), st.integers(1, 4), st.integers(0, 3), st.booleans(), st.integers(0, 99))
def test_every_basis_comes_back_exactly(
    tmp_path: Path, name: str, frames: int, faces: int, landmarks: bool, seed: int
) -> None:
    capture = made_over(BASES[name], frames, faces, landmarks, seed)
    again = read_parquet(written(tmp_path / "t.parquet", capture))
    assert (again.source, again.width, again.height, again.frames) == ("clip.mp4", 640, 480, frames)
    kept = [take for take in capture.takes if take.valid.any()]
    for old, new in zip(kept, again.takes, strict=True):
        seen = old.valid
        assert (new.face, new.state.expression.basis.name) == (old.face, name)
        for field in ("frames", "times", "box", "score"):
            np.testing.assert_array_equal(getattr(new, field), getattr(old, field)[seen])
        np.testing.assert_array_equal(new.state.expression.weights, old.state.expression.weights[seen])
        np.testing.assert_array_equal(new.state.pose.translation, old.state.pose.translation[seen])
        np.testing.assert_allclose(new.state.pose.rotation, old.state.pose.rotation[seen], atol=1e-14)
        np.testing.assert_allclose(new.state.gaze.rotation, old.state.gaze.rotation[seen], atol=1e-14)
        assert (new.landmarks is not None) == landmarks
        if new.landmarks is not None and old.landmarks is not None:
            np.testing.assert_array_equal(new.landmarks[..., :2], old.landmarks[seen][..., :2])


def test_columns_are_those_of_the_table(tmp_path: Path) -> None:
    schema = parquet.read_schema(written(tmp_path / "t.parquet", made_over(FACS, landmarks=True)))
    assert tuple(schema.names) == header(FACS, landmarks=True)
    assert schema.metadata[b"mien.basis"] == b"facs"
    types = [str(schema.field(name).type) for name in ("source", "frame", "time_s", "AU12L", "pose_yaw", "x_0")]
    assert types == ["string", "int64", "double", "float", "double", "float"]


def test_rows_are_ordered_by_frame_then_face(tmp_path: Path) -> None:
    table = parquet.read_table(written(tmp_path / "t.parquet"))
    pairs = list(zip(table["frame"].to_pylist(), table["face"].to_pylist(), strict=True))
    assert pairs == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)]


def test_another_programs_columns_are_read_too(tmp_path: Path) -> None:
    path = written(tmp_path / "t.parquet", made_over(FACS))
    table = parquet.read_table(path)
    wide = table.select(table.column_names[::-1]).replace_schema_metadata(None)
    wide = wide.set_column(0, "gaze_right_pitch", wide.column(0).cast(arrow.float32()))
    parquet.write_table(wide.append_column("quality", arrow.array([0.5] * wide.num_rows)), path, compression="gzip")
    again = read_parquet(path)
    assert (again.width, again.frames, again.takes[0].state.expression.basis) == (0, 3, FACS)
    assert again.takes[0].quality.tolist() == [0.5] * 3


def changed(path: Path, name: str, values: list[object]) -> None:
    table = parquet.read_table(path)
    place = table.column_names.index(name)
    parquet.write_table(table.set_column(place, name, arrow.array(values)), path)


@pytest.mark.parametrize(
    ("name", "values", "cause"),
    [
        ("jawOpen", [0, 0, 3.0, 0, 0], "row 3, jawOpen: 3 lies outside -0.5 to 2"),
        ("jawOpen", [0, 0, float("nan"), 0, 0], "row 3, jawOpen: is not finite"),
        ("jawOpen", [0, 0, None, 0, 0.5], "jawOpen: must hold a number in every row"),
        ("jawOpen", ["0"] * 5, "jawOpen: must hold a number in every row"),
        ("jawOpen", [[0.0]] * 5, "jawOpen: must hold a number in every row"),
        ("frame", [0, 0, -1, 2, 2], "row 3, frame: must be a whole number from 0"),
        ("frame", [0, 0, 0, 2, 2], "row 3, frame: face 0 has frame 0 twice"),
        ("source", [1] * 5, "source: holds what is no text"),
        ("source", ["a", "a", "b", "b", "b"], "holds 2 sources, a and b among them"),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, name: str, values: list[object], cause: str) -> None:
    path = written(tmp_path / "t.parquet")
    changed(path, name, values)
    with pytest.raises(InputError, match=cause) as caught:
        read_parquet(path)
    assert caught.value.code == "E_FORMAT"


def test_unknown_missing_and_double_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "t.parquet")
    table = parquet.read_table(path)
    for bad, cause in (
        (table.append_column("mood", arrow.array([1.0] * 5)), "column 72: 'mood' is no column of a table over arkit"),
        (table.drop_columns(["jawOpen"]), "columns are missing: jawOpen"),
        (table.append_column("jawOpen", arrow.array([1.0] * 5)), "a column comes twice"),
        (table.replace_schema_metadata({"mien.basis": "facs"}), "columns are missing: AU01"),
        (table.replace_schema_metadata({"mien.capture": "[]"}), "metadata mien.capture is damaged"),
        (table.replace_schema_metadata({"mien.capture": '{"source": 1}'}), "metadata mien.capture is damaged"),
    ):
        parquet.write_table(bad, path)
        with pytest.raises(InputError, match=cause):
            read_parquet(path)


def test_refuses_every_truncation_and_noise(tmp_path: Path) -> None:
    data = written(tmp_path / "t.parquet").read_bytes()
    random = np.random.default_rng(0)
    pieces = [data[:size] for size in range(1, len(data), len(data) // 40)]
    pieces += [b"PAR1" + random.bytes(200) + b"PAR1", random.bytes(500)]
    for piece in pieces:
        (tmp_path / "cut.parquet").write_bytes(piece)
        with pytest.raises(InputError, match="E_FORMAT: not a whole Parquet file") as caught:
            read_parquet(tmp_path / "cut.parquet")
        assert "\n" not in str(caught.value)


def test_refuses_what_it_would_not_read(tmp_path: Path) -> None:
    capture = made_capture(2, 1, landmarks=False)
    take = capture.takes[0]
    own = replace(take, state=replace(take.state, expression=Expression(np.zeros((2, 1)), Basis("own", ("smile",)))))
    with pytest.raises(OutputError, match="basis own is none of arkit"):
        write_parquet(replace(capture, takes=(own,)), tmp_path / "t.parquet")
    with pytest.raises(OutputError, match="one basis only"):
        write_parquet(replace(capture, takes=(take, own)), tmp_path / "t.parquet")
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "t.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (lambda: read_parquet(path), lambda: write_parquet(made_capture(), tmp_path / "u.parquet")):
        with pytest.raises(UsageError, match=r'pyarrow, which is not installed \(pip install "mien\[tables\]"\)'):
            call()


def test_the_registry_does_not_import_pyarrow() -> None:
    code = "import sys, mien.formats.registry; sys.exit('pyarrow' in sys.modules)"
    source = str(Path(__file__).parents[2] / "src")
    run = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": python_path(source)}, check=False)
    assert run.returncode == 0
