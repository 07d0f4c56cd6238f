"""Doses of one slider side by side."""

import os
from pathlib import Path

import numpy as np
import pytest
from made_edits import move_in, portrait, wish
from portraits import blank, contents, write_photo

from mien.compose.edit_options import EditOptions, Sweep
from mien.compose.edit_sweep import edit_sweep
from mien.core.errors import InputError, OutputExists, UsageError
from mien.formats.images import read_image
from mien.formats.provenance import Standing, inspect
from mien.formats.sidecar import read_sidecar
from mien.formats.video import VideoReader
from mien.rig.wishes import Wish

SWEEP = Sweep("browInnerUp", 0, 1, 3)
UNSIGNED = EditOptions(provenance=False)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_in(tmp_path, monkeypatch)
    write_photo(Path("a.png"), portrait().pixels)


def test_a_strip_shows_every_dose() -> None:
    before, steps = contents(Path()), []
    edit_sweep("a.png", "s.png", Wish(), SWEEP, step=lambda: steps.append(1))
    assert len(steps) == 3
    strip = read_image("s.png")
    assert 3 * 360 < strip.width < 3 * 360 + 60
    assert 360 < strip.height < 500
    tiles = [strip.pixels[-380:-60, 6 + k * 366 : 366 + k * 366].astype(int) for k in range(3)]
    away = [np.abs(tiles[k] - tiles[0]).mean() for k in range(3)]
    assert 0 < away[1] < away[2]
    assert sorted(os.listdir()) == ["a.png", "s.png", "s.png.mien.json"]
    assert contents(Path())["a.png"] == before["a.png"]
    verdict = inspect("s.png")
    assert verdict.standing is Standing.HERE
    assert verdict.actions == ("doses browInnerUp:0:1:3",)


def test_other_wishes_are_fulfilled_in_every_dose() -> None:
    edit_sweep("a.png", "one.png", Wish(), Sweep("browInnerUp", 0, 0.01, 2), UNSIGNED)
    edit_sweep("a.png", "both.png", wish("eyeBlink=1"), Sweep("browInnerUp", 0, 0.01, 2), UNSIGNED)
    one, both = (read_image(name).pixels.astype(int) for name in ("one.png", "both.png"))
    for half in (slice(6, 366), slice(372, 732)):
        assert (np.abs(one - both)[:, half] > 20).any()
    assert read_sidecar("both.png.mien.json").claim.actions == ("eyeBlink=1", "doses browInnerUp:0:0.01:2")


def test_a_film_goes_there_and_back() -> None:
    edit_sweep("a.png", "s.mp4", Wish(), Sweep("jawOpen", 0, 0.8, 4))
    with VideoReader("s.mp4") as video:
        assert (video.width, video.height) == (240, 200)
        frames = [frame.pixels.astype(int) for frame in video]
    assert len(frames) == 6
    away = [np.abs(frame - frames[0])[:, 60:180].mean() for frame in frames]
    assert away[0] < away[1] < away[2] < away[3]
    assert away[4] == pytest.approx(away[2], abs=0.5)
    assert inspect("s.mp4").standing is Standing.HERE
    assert inspect("s.mp4").generative, "an open mouth is painted"
    assert read_sidecar("s.mp4.mien.json").output == "s.mp4"


def test_many_doses_are_wrapped_into_rows() -> None:
    edit_sweep("a.png", "s.webp", Wish(intensity=0), Sweep("jawOpen", 0, 1, 45), UNSIGNED)
    strip = read_image("s.webp")
    assert 20 * 360 < strip.width < 20 * 370
    assert 3 * 360 < strip.height < 3 * 450


def test_a_film_of_no_motion_is_the_photo() -> None:
    edit_sweep("a.png", "s.mp4", Wish(intensity=0), Sweep("jawOpen", 0, 1, 3), UNSIGNED)
    with VideoReader("s.mp4") as video:
        frames = [frame.pixels.astype(int) for frame in video]
    assert len(frames) == 4
    assert all(np.abs(frame - portrait().pixels).mean() < 4 for frame in frames)


def test_a_slider_that_moves_nothing_shows_the_same_twice() -> None:
    edit_sweep("a.png", "s.png", Wish(intensity=0), Sweep("jawOpen", 0, 1, 2), UNSIGNED)
    pixels = read_image("s.png").pixels
    np.testing.assert_array_equal(pixels[80:-60, 6:366], pixels[80:-60, 372:732])


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [
        ("a.png", UsageError, "E_USAGE"),
        ("s.gif", UsageError, "E_FORMAT"),
        ("s", UsageError, "E_FORMAT"),
        ("there.png", OutputExists, "E_EXISTS"),
        ("there.mp4", OutputExists, "E_EXISTS"),
        ("beside.mp4", OutputExists, "E_EXISTS"),
    ],
)
def test_what_is_refused_is_refused_before_any_work(
    name: str, error: type[UsageError] | type[OutputExists], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("there.png", "there.mp4", "beside.mp4.mien.json"):
        Path(each).write_bytes(b"mine")
    before = contents(Path())
    monkeypatch.setattr("mien.compose.edit_sweep.PictureEditor", None)
    with pytest.raises(error, match=code):
        edit_sweep("a.png", name, Wish(), SWEEP, UNSIGNED)
    assert contents(Path()) == before


@pytest.mark.parametrize("name", ["s.png", "s.mp4"])
def test_no_face_or_a_stop_midway_leaves_nothing(name: str) -> None:
    write_photo(Path("blank.png"), blank())
    with pytest.raises(InputError, match=r"blank\.png: E_NOFACE"):
        edit_sweep("blank.png", name, Wish(), SWEEP, UNSIGNED)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edit_sweep("a.png", name, Wish(), SWEEP, UNSIGNED, step=stop)
    assert sorted(os.listdir()) == ["a.png", "blank.png"]
