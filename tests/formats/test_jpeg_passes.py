"""A JPEG of several passes in one: the same pixels, or nothing."""

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
    """Where temporary files go."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
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


def test_without_the_extra_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_join_passes()
    monkeypatch.setattr(jpeg_passes, "find_spec", lambda name: None)
    assert not can_join_passes()
    assert joined_passes(jpeg(True)) is None
