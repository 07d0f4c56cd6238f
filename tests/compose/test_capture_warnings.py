"""What is worth knowing about what was captured, beside the takes."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from portraits import capturer, clip_frames, write_clip, write_photo

from mien.compose import captures
from mien.compose.captures import CaptureWarning, capture, capture_batch
from mien.compose.done import Steps
from mien.compose.outputs import BatchOptions
from mien.core.neutral import Neutral
from mien.pipelines.capture import CaptureOptions, Capturer

AUTO = CaptureOptions(neutral=Neutral(is_auto=True))


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def capturer_for(options: CaptureOptions) -> Capturer:
        return capturer() if options in (CaptureOptions(), AUTO) else Capturer(options)

    monkeypatch.setattr(captures, "Capturer", capturer_for)


def damaged_clip(path: Path) -> Path:
    clip = write_clip(path, 40)
    data = bytearray(clip.read_bytes())
    start, end = data.index(b"mdat") + 900, data.index(b"moov") - 4
    for place in np.random.default_rng(3).integers(start, end, 400).tolist():
        data[place] ^= 1 << place % 8
    clip.write_bytes(data)
    return clip


def test_a_part_of_a_video_is_not_given_for_the_whole(tmp_path: Path) -> None:
    clip = damaged_clip(tmp_path / "c.mp4")
    (done,) = capture_batch([clip], BatchOptions())
    counted = f"{done.frames} of 40 frames could be read, {done.guessed} of them damaged"
    with pytest.warns(CaptureWarning) as warned:
        assert capture(clip).frames == done.frames
    assert [str(each.message) for each in warned] == [f"{clip}: W_PARTIAL: {counted}"]
    assert warned[0].filename == __file__, "the line that asked is shown"


def test_faces_that_count_from_no_rest_are_said(tmp_path: Path) -> None:
    with pytest.warns(CaptureWarning, match="W_NEUTRAL: not calibrated: too few calm frames of face 0"):
        capture(write_photo(tmp_path / "a.png"), AUTO)
    with pytest.warns(CaptureWarning, match=r"^frames: W_NEUTRAL"):
        capture(clip_frames(2), AUTO)


def test_nothing_is_said_of_what_is_whole(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        capture(write_clip(tmp_path / "c.mp4", 3))
        capture(clip_frames(2))


def test_json_that_is_too_long_to_be_practical_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "LONG_TAKE", 1 << 16)
    sources = [write_clip(tmp_path / "long.mp4", 24), write_photo(tmp_path / "short.png"), tmp_path / "missing.mp4"]
    batch = BatchOptions(tuple(tmp_path / name for name in ("{name}.json", "{name}.npz", "all.csv")))
    said: list[tuple[object, str, str]] = []
    capture_batch(sources, batch, steps=Steps(warned=lambda *words: said.append(words)))
    ((target, code, cause),) = said
    assert (target, code) == (tmp_path / "long.json", "W_LONG")
    assert "of JSON take minutes to read; .npz keeps more" in cause
    monkeypatch.setattr(captures, "JSON_LIMIT", 1 << 16)
    capture_batch(sources, replace(batch, overwrite=True), steps=Steps(warned=lambda *words: said.append(words)))
    assert "of JSON are more than mien reads; .npz" in said[-1][2]
