"""The front door: what `import mien` promises."""

import importlib.metadata
import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
from portraits import placed, write_clip, write_photo

import mien

NAMES = {
    *("ARKIT", "BASES", "AnimateOptions", "Basis", "Capture", "CaptureOptions", "Change", "ConvertOptions"),
    *("CaptureWarning", "Expression"),
    *("FaceChoice", "FaceState", "Frame", "Gaze", "Identity", "InputError", "Mesh", "MienError", "ModelError"),
    *("NothingMatched", "OutputError", "OutputExists", "Pose", "Rig", "StateError", "Take", "UsageError", "Wish"),
    *("animate", "capture", "convert", "edit", "live", "load", "rig_named", "save"),
}


def test_its_names_are_these() -> None:
    assert set(mien.__all__) == NAMES
    assert len(mien.__all__) == len(NAMES)
    assert all(hasattr(mien, name) for name in NAMES)
    modules = {"cameras", "cli", "compose", "core", "data", "detect", "digest", "formats", "imaging"}
    modules |= {"losses", "metrics", "nets", "paint", "pipelines", "preview", "rig", "runtime", "train", "weights"}
    public = {name for name in vars(mien) if not name.startswith("_")}
    assert public - modules == NAMES


def test_everything_public_says_what_it_is() -> None:
    for name in NAMES - {"ARKIT", "BASES"}:
        assert getattr(mien, name).__doc__, name


def test_its_version_is_that_of_the_project() -> None:
    project = Path(__file__).parents[1] / "pyproject.toml"
    assert tomllib.loads(project.read_text("utf-8"))["project"]["version"] == mien.__version__
    try:
        installed = importlib.metadata.version("mien")
    except importlib.metadata.PackageNotFoundError:
        return  # the tests run on the source tree
    assert installed == mien.__version__


def test_a_path_and_its_pixels_are_captured_alike(tmp_path: Path) -> None:
    pixels = placed((120, 100))[0]
    path = write_photo(tmp_path / "a.png", pixels)
    one, other = mien.capture(path), mien.capture(pixels)
    assert (one.width, one.height, one.frames) == (other.width, other.height, other.frames) == (240, 200, 1)
    same(one, other)


def same(one: mien.Capture, other: mien.Capture) -> None:
    assert [take.face for take in one.takes] == [take.face for take in other.takes]
    assert one.takes
    for mine, theirs in zip(one.takes, other.takes, strict=True):
        for name in ("times", "frames", "valid", "box", "score", "quality", "landmarks"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
        np.testing.assert_array_equal(mine.state.expression.weights, theirs.state.expression.weights)
        np.testing.assert_array_equal(mine.state.pose.rotation, theirs.state.pose.rotation)
        np.testing.assert_array_equal(mine.state.pose.translation, theirs.state.pose.translation)
        np.testing.assert_array_equal(mine.state.gaze.rotation, theirs.state.gaze.rotation)


@pytest.mark.parametrize("name", ["t.npz", "t.json", "t.csv"])
def test_what_is_saved_is_loaded_again(tmp_path: Path, name: str) -> None:
    capture = mien.capture(write_clip(tmp_path / "c.mp4", 4))
    mien.save(capture, tmp_path / name)
    again = mien.load(tmp_path / name)
    assert (again.source, again.frames) == (capture.source, 4)
    assert sorted(os.listdir(tmp_path)) == ["c.mp4", name]
    if name == "t.npz":
        same(capture, again)
    (mine,), (theirs,) = capture.takes, again.takes
    np.testing.assert_allclose(theirs.state.expression.weights, mine.state.expression.weights, rtol=1e-5)
    np.testing.assert_allclose(theirs.state.pose.rotation, mine.state.pose.rotation, atol=1e-5)


def test_the_example_of_its_docstring_holds(tmp_path: Path) -> None:
    capture = mien.capture(str(write_photo(tmp_path / "portrait.jpg")))
    for take in capture.takes:
        assert take.face == 0
        assert 0 <= take.state.expression["jawOpen"][0] <= 1


def test_errors_are_of_one_tree() -> None:
    for error in (mien.InputError, mien.NothingMatched, mien.UsageError, mien.ModelError, mien.OutputError):
        assert issubclass(error, mien.MienError)
    with pytest.raises(mien.InputError, match="E_NOTFILE"):
        mien.capture("missing.png")
    with pytest.raises(mien.UsageError, match="--least-score"):
        mien.CaptureOptions(least_score=3)
    with pytest.raises(mien.UsageError, match=r"a\.txt: E_USAGE"):
        mien.load(Path("a.txt"))


def test_a_take_is_converted_and_drives_a_rig(tmp_path: Path) -> None:
    capture = mien.capture(placed((120, 100))[0])
    units = mien.convert(capture, "facs").capture.takes[0].state.expression
    smile = capture.takes[0].state.expression["mouthSmileLeft"]
    np.testing.assert_allclose(units["AU12L"], smile, atol=1e-6)
    rig = mien.rig_named("compact")
    assert isinstance(rig.rest(), mien.Mesh)
    mien.animate(capture.takes[0], rig, tmp_path / "face.glb", mien.AnimateOptions())
    assert (tmp_path / "face.glb").read_bytes()[:4] == b"glTF"
