"""A JPEG of several passes in one: the same pixels, or nothing."""

import os
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from made_hostile import encoded, face, jpeg
from PIL import Image

from mien.formats import jpeg_passes
from mien.formats.jpeg_blocks import JpegBlocks
from mien.formats.jpeg_passes import can_join_passes, joined_passes


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, of other processes, too."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_the_pixels_are_the_same_and_the_blocks_can_be_edited(mode: str, subsampling: int, scratch: Path) -> None:
    data = encoded(
        Image.fromarray(face()[:199, :237]).convert(mode), "JPEG", progressive=True, quality=77, subsampling=subsampling
    )
    assert JpegBlocks.parse(data) is None
    joined = joined_passes(data)
    assert joined is not None
    with Image.open(BytesIO(data)) as one, Image.open(BytesIO(joined)) as other:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
        assert "progressive" in one.info
        assert "progressive" not in other.info
    assert JpegBlocks.parse(joined) is not None
    assert joined.count(b"JFIF") == 1
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "data", [b"", b"this is text", jpeg(True)[:100], b"\xff\xd8\xff\xd9"], ids=["empty", "text", "cut", "no picture"]
)
def test_what_is_no_jpeg_is_none_and_leaves_nothing(data: bytes, scratch: Path) -> None:
    assert joined_passes(data) is None
    assert list(scratch.iterdir()) == []


def test_who_takes_too_long_is_given_up(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_passes, "_PATIENCE", 0.01)
    assert joined_passes(jpeg(True)) is None
    assert list(scratch.iterdir()) == []


def test_without_a_place_to_work_it_is_none(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(scratch / "none"))
    monkeypatch.setattr(jpeg_passes, "_PROGRAM", "raise OSError(28, 'No space left on device')")
    assert joined_passes(jpeg(True)) is None
    monkeypatch.setattr("sys.executable", None)
    assert joined_passes(jpeg(True)) is None


def test_nothing_is_imported_from_where_the_photos_lie(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("jpeglib", "numpy", "struct", "tempfile"):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'ran')!r}, 'w'); raise SystemExit(1)")
    monkeypatch.chdir(folder)
    assert joined_passes(jpeg(True)) is not None
    assert not (folder / "ran").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_who_is_killed_meanwhile_leaves_no_copy(scratch: Path) -> None:
    program = "import sys; from mien.formats.jpeg_passes import joined_passes; joined_passes(sys.stdin.buffer.read())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    caller = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, env=environment)
    assert caller.stdin is not None
    data = encoded(np.random.default_rng(0).integers(0, 255, (2400, 3200, 3), np.uint8), "JPEG", progressive=True)
    caller.stdin.write(data)
    caller.stdin.close()
    end = time.monotonic() + 60
    while not list(scratch.glob("mien-*/several.jpg")) and time.monotonic() < end:
        time.sleep(0.01)
    caller.kill()
    caller.wait()
    assert list(scratch.iterdir()), "killed while it lasted"
    while list(scratch.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    assert list(scratch.iterdir()) == []


def test_without_the_extra_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_join_passes()
    monkeypatch.setattr(jpeg_passes, "find_spec", lambda name: None)
    assert not can_join_passes()
    assert joined_passes(jpeg(True)) is None
