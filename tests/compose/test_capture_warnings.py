"""What is worth knowing about what was captured, beside the takes."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from portraits import capturer, clip_frames, write_clip, write_photo

from mien.compose import captures
from mien.compose.captures import CaptureWarning, capture, capture_batch
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


def test_more_faces_than_are_read_are_said(tmp_path: Path) -> None:
    crowd = write_photo(tmp_path / "crowd.png", np.concatenate([clip_frames(1)[0].pixels] * 2, axis=1))
    with pytest.warns(CaptureWarning, match="crowd.png: W_MANY_FACES: more faces were found than the 1 that"):
        assert len(capture(crowd, CaptureOptions(max_faces=1)).takes) == 1
