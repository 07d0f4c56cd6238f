from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from portraits import write_clip, write_photo

from mien.compose.pace import Clock
from mien.compose.played import PlayedCamera
from mien.core.errors import InputError
from mien.formats.bare import MAX_PIXELS


class Time:
    """A clock that stands still but for sleep."""

    def __init__(self) -> None:
        self.now = 50.0

    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def played(path: Path, time: Time, again: bool = False) -> PlayedCamera:
    return PlayedCamera(path, again, MAX_PIXELS, time.clock())


def test_frames_come_when_they_are_due_and_the_end_ends_it(tmp_path: Path) -> None:
    camera = played(write_clip(tmp_path / "c.mp4", 5), Time())
    frames = list(camera.frames(lambda: False))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.time for frame in frames] == pytest.approx([50 + k / 25 for k in range(5)], abs=1e-3)
    assert (camera.frame_rate, camera.dropped, camera.remark) == (25.0, 0, "")
    assert camera.source == f"file:{tmp_path / 'c.mp4'}"


def test_again_and_again_goes_on_in_time_and_number(tmp_path: Path) -> None:
    camera = played(write_clip(tmp_path / "c.mp4", 4), Time(), again=True)
    frames = list(islice(camera.frames(lambda: False), 11))
    assert [frame.index for frame in frames] == list(range(11))
    assert np.diff([frame.time for frame in frames]) == pytest.approx(1 / 25, abs=1e-3)
    np.testing.assert_array_equal(frames[1].pixels, frames[5].pixels)
    assert (frames[0].pixels != frames[2].pixels).any()
    assert camera.source.startswith("loop:")


def test_it_stops_when_told(tmp_path: Path) -> None:
    looks = iter([False, False, True])
    camera = played(write_clip(tmp_path / "c.mp4", 5), Time(), again=True)
    assert len(list(camera.frames(lambda: next(looks)))) == 2


def test_frames_that_are_late_are_dropped_and_counted(tmp_path: Path) -> None:
    time = Time()
    camera = played(write_clip(tmp_path / "c.mp4", 40), time)
    seen = 0
    for _ in camera.frames(lambda: False):
        seen += 1
        time.now += 0.1
    assert seen + camera.dropped == 40
    assert camera.dropped > 15


@pytest.mark.parametrize(("name", "code"), [("nothing.mp4", "E_NOTFILE"), ("a.png", "E_FORMAT")])
def test_what_is_no_video_is_refused(name: str, code: str, tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    with pytest.raises(InputError) as caught:
        next(played(tmp_path / name, Time()).frames(lambda: False))
    assert caught.value.code == code
