"""The thread, the box and every end of a camera, with feeds that tests hold in hand."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from portraits import blank, capturer, placed, write_clip, write_photo

from mien.cameras.linux import LINUX
from mien.compose import cameras, captures
from mien.compose.cameras import CameraOptions, LiveCamera, feed_of
from mien.compose.captures import capture_batch, live
from mien.compose.done import Done, Status, Steps
from mien.compose.neutral_files import with_resting_face
from mien.compose.outputs import BatchOptions
from mien.compose.pace import Clock
from mien.compose.played import PlayedCamera
from mien.core.errors import InputError, UsageError
from mien.core.image import Frame
from mien.core.neutral import Neutral
from mien.formats.photo_notes import Note
from mien.formats.registry import load
from mien.pipelines.capture import CaptureOptions, Capturer

PIXELS = blank(64, 48)
FACE = placed((120, 100))[0]


class Hand:
    """A feed whose frames come one by one, when a test has seen to the one before."""

    def __init__(self, times: list[float], end: Exception | None = None, pixels: object = None) -> None:
        self.source, self.remark, self.dropped = "Hand Camera", "", 0
        self.frame_rate: float | None = 30.0
        self._times, self._end = times, end
        self._pixels = PIXELS if pixels is None else FACE
        self.may_go_on, self.waits = Event(), Event()
        self.stopped = False

    def frames(self, stopped: Callable[[], bool]) -> Iterator[Frame]:
        for index, time in enumerate(self._times):
            yield Frame(self._pixels, time, index)
            self.waits.set()
            while not self.may_go_on.wait(0.01):
                if stopped():
                    self.stopped = True
                    return
            self.may_go_on.clear()
        self.waits.set()
        if self._end is not None:
            raise self._end

    def next(self) -> None:
        """Lets the next frame come, and waits until it did, or the end."""
        self.waits.clear()
        self.may_go_on.set()
        self.waits.wait(5)


class Free(Hand):
    """A feed that gives a frame when the one before has been taken: none is ever dropped."""

    def __init__(self, times: list[float], end: Exception | None = None, pixels: object = None) -> None:
        super().__init__(times, end, pixels)
        self.may_go_on.set()


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda seconds: None)


def in_step(camera: LiveCamera, feed: Hand) -> Iterator[Frame]:
    """Frames of a camera that shows the next one only when one was looked at."""
    for frame in camera.frames():
        yield frame
        feed.next()


def test_frames_count_from_the_first_in_time_and_number() -> None:
    feed, time = Hand([100.0, 100.1, 100.25]), Time()
    with LiveCamera(CameraOptions("0"), feed, time.clock()) as camera:
        frames = list(in_step(camera, feed))
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.25])
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert (camera.dropped, camera.notes) == (0, ())


def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    feed = Hand([float(k) for k in range(10)])
    with LiveCamera(CameraOptions("0"), feed, Time().clock()) as camera:
        frames = camera.frames()
        assert next(frames).index == 0
        for _ in range(4):
            feed.next()
        assert next(frames).index == 4
        assert camera.dropped == 3
        feed.next()
        assert next(frames).index == 5
        assert camera.dropped == 3


def test_what_came_before_anybody_looked_is_no_loss() -> None:
    feed = Hand([float(k) for k in range(6)])
    with LiveCamera(CameraOptions("0"), feed, Time().clock()) as camera:
        for _ in range(3):
            feed.next()
        frame = next(camera.frames())
    assert (frame.index, frame.time, camera.dropped) == (0, 0.0, 0)


def test_the_duration_ends_it() -> None:
    feed = Hand([100 + k / 10 for k in range(50)])
    with LiveCamera(CameraOptions("0", duration=0.45), feed, Time().clock()) as camera:
        assert [frame.index for frame in in_step(camera, feed)] == [0, 1, 2, 3, 4]
    assert camera.notes == ()
    assert feed.stopped


def test_the_duration_ends_one_that_hangs_too() -> None:
    feed, time = Hand([100.0, 100.1]), Time()
    with LiveCamera(CameraOptions("0", duration=5), feed, time.clock()) as camera:
        frames = camera.frames()
        next(frames)
        time.now += 5
        assert next(frames, None) is None


def test_stop_ends_it_and_the_thread() -> None:
    feed = Hand([100.0, 100.1, 100.2])
    with LiveCamera(CameraOptions("0"), feed, Time().clock()) as camera:
        frames = camera.frames()
        next(frames)
        camera.stop()
        assert next(frames, None) is None
    assert feed.stopped
    assert camera.notes == ()


def test_one_that_is_gone_ends_properly_and_it_is_noted() -> None:
    feed = Hand([100.0, 100.1], InputError("camera x", "E_NOCAMERA", "it is gone", "plug it in"))
    with LiveCamera(CameraOptions("0"), feed, Time().clock()) as camera:
        assert len(list(in_step(camera, feed))) == 2
        assert camera.notes == (Note("W_PARTIAL", "E_NOCAMERA: it is gone; what was read until then is kept"),)


def test_one_that_does_not_open_says_so_at_once() -> None:
    error = InputError("camera x", "E_BUSY", "another program uses it")
    with pytest.raises(InputError, match="E_BUSY"), LiveCamera(CameraOptions("0"), Free([], error)):
        raise AssertionError("it was opened")
    with pytest.raises(InputError, match="E_NOVIDEO: it gave no picture"), LiveCamera(CameraOptions("0"), Free([])):
        raise AssertionError("it was opened")


class Mute(Hand):
    """A camera that opens, and gives nothing."""

    def frames(self, stopped: Callable[[], bool]) -> Iterator[Frame]:
        while not stopped():
            self.waits.wait(0.01)
        yield from ()


def test_one_that_never_gives_a_picture_is_given_up() -> None:
    now = iter(range(0, 1000, 10))
    clock = Clock(lambda: float(next(now)), lambda seconds: None)
    with (
        pytest.raises(InputError, match="E_CAMERA: no picture within 20 s"),
        LiveCamera(CameraOptions("0"), Mute([]), clock),
    ):
        raise AssertionError("it was opened")


def test_who_is_tired_of_waiting_for_the_first_picture_may_go() -> None:
    camera = LiveCamera(CameraOptions("0"), Mute([]))
    camera.stop()
    with pytest.raises(KeyboardInterrupt), camera:
        raise AssertionError("it was opened")


@pytest.mark.parametrize("frames", [[], [100.0]])
def test_a_fault_in_the_thread_is_heard_of(frames: list[float]) -> None:
    feed = Free(frames, ZeroDivisionError("by chance"))

    def read() -> None:
        with LiveCamera(CameraOptions("0"), feed) as camera:
            list(camera.frames())

    with pytest.raises(ZeroDivisionError, match="by chance"):
        read()


def test_latency_runs_from_arrival_to_reading() -> None:
    feed, time = Hand([100 + k / 10 for k in range(5)]), Time()
    with LiveCamera(CameraOptions("0"), feed, time.clock()) as camera:
        for frame in in_step(camera, feed):
            time.now = 100 + frame.time + 0.02 + 0.01 * (frame.index == 4)
            camera.read(frame)
    figures = camera.figures()
    assert (figures.frames, figures.dropped) == (5, 0)
    assert figures.latency == pytest.approx(20)
    assert figures.median == pytest.approx(20, abs=0.2)
    assert figures.worst == pytest.approx(30, abs=0.2)
    assert figures.rate == pytest.approx(4 / 0.41)
    assert figures.seconds == pytest.approx(0.43)


@pytest.mark.parametrize(
    ("name", "path", "title"),
    [
        ("0", "camera-0", "Hand Camera"),
        ("/dev/video2", "video2", "Hand Camera"),
        ("FaceTime HD Camera (Built-in)", "FaceTime HD Camera -Built-in-", "Hand Camera"),
        ("file:media/clip.mp4", "media/clip.mp4", "clip.mp4"),
        ("loop:clip.mp4", "clip.mp4", "clip.mp4"),
        ("file:", "file-", "Hand Camera"),
    ],
)
def test_results_are_called_after_it(name: str, path: str, title: str) -> None:
    camera = LiveCamera(CameraOptions(name), Free([]))
    assert (camera.path, camera.title) == (Path(path), title)


def test_a_file_is_played_and_a_number_is_a_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(feed_of(CameraOptions("file:clip.mp4")), PlayedCamera)
    monkeypatch.setattr(cameras, "this_system", lambda: replace(LINUX, cameras=lambda sizes: []))
    with pytest.raises(InputError, match="camera 7: E_NOCAMERA"):
        feed_of(CameraOptions("7"))


@pytest.mark.parametrize(
    "options",
    [
        {"camera": "0", "camera_rate": 0},
        {"camera": "0", "camera_rate": float("nan")},
        {"camera": "0", "duration": 0},
        {"duration": 3.0},
        {"camera_rate": 25.0},
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="E_USAGE"):
        CameraOptions(**options)


# --- through the whole of capture -------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def capturer_for(options: CaptureOptions) -> Capturer:
        return capturer() if options == CaptureOptions() else Capturer(options)

    monkeypatch.setattr(captures, "Capturer", capturer_for)


def captured(feed: Hand, batch: BatchOptions, camera: LiveCamera | None = None) -> Done:
    live_camera = camera or LiveCamera(CameraOptions("0"), feed)

    def read(frame: Frame, readings: object) -> None:
        feed.next()

    (done,) = capture_batch((), batch, steps=Steps(read=read), camera=live_camera)
    return done


def test_a_camera_is_written_whole(tmp_path: Path) -> None:
    outputs = tuple(tmp_path / name for name in ("{name}.npz", "t.csv"))
    batch = BatchOptions(outputs, tmp_path / "{name}", realtime=True)
    done = captured(Hand([5.0, 5.1, 5.3], pixels="face"), batch)
    assert (done.status, done.frames, done.faces, done.seen, done.dropped) == (Status.DONE, 3, 1, 3, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["camera-0.mp4", "camera-0.npz", "t.csv"]
    (take,) = load(tmp_path / "camera-0.npz").takes
    assert take.times.tolist() == pytest.approx([0, 0.1, 0.3])
    assert (take.source, take.frame_rate) == ("Hand Camera", 30.0)
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 4


def test_a_camera_that_vanishes_leaves_all_that_was_read_and_is_partial(tmp_path: Path) -> None:
    feed = Hand([5.0, 5.1], InputError("camera", "E_NOCAMERA", "it is gone"), pixels="face")
    done = captured(feed, BatchOptions((tmp_path / "t.npz",), realtime=True))
    assert done.status is Status.PARTIAL
    assert [note.code for note in done.notes] == ["W_PARTIAL"]
    assert len(load(tmp_path / "t.npz").takes[0]) == 2


def test_a_camera_that_fails_leaves_nothing(tmp_path: Path) -> None:
    error = InputError("camera 0", "E_DENIED", "may not be used", "ask")
    (done,) = capture_batch(
        (), BatchOptions((tmp_path / "t.csv",), realtime=True), camera=LiveCamera(CameraOptions("0"), Free([], error))
    )
    assert done.error is error
    assert list(tmp_path.iterdir()) == []


def test_the_overlay_of_a_camera_is_a_video_and_the_played_file_is_safe(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "c.mp4", 2)
    before = clip.read_bytes()
    camera = LiveCamera(CameraOptions("0"), Free([1.0]))
    with pytest.raises(UsageError, match=r"the overlay of a video cannot be \.png"):
        capture_batch((), BatchOptions(overlay=tmp_path / "o.png", realtime=True), camera=camera)
    played = LiveCamera(CameraOptions(f"file:{clip}"))
    with pytest.raises(UsageError, match="is one of the sources, which are never overwritten"):
        capture_batch((), BatchOptions(overlay=clip, overwrite=True, realtime=True), camera=played)
    assert clip.read_bytes() == before


def test_frames_and_readings_from_python(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "c.mp4", 30)
    seen = 0
    for frame, readings in live(f"loop:{clip}"):
        assert len(readings) == 1
        assert readings[0].time == frame.time
        seen += 1
        if seen == 2:
            break
    assert seen == 2


def test_readings_from_python_count_from_a_resting_face(tmp_path: Path) -> None:
    clip, photo = write_clip(tmp_path / "c.mp4", 30), write_photo(tmp_path / "me.png")
    resting = with_resting_face(CaptureOptions(neutral=Neutral(photo))).neutral.resting
    assert resting is not None
    _, (reading,) = next(live(f"loop:{clip}", CaptureOptions(neutral=Neutral(photo))))
    assert reading.identity.resting is not None
    np.testing.assert_array_equal(reading.identity.resting.weights, resting.weights)
    assert reading.state.expression["mouthSmileLeft"] < 0.2 < resting["mouthSmileLeft"]


def test_python_is_told_at_once_what_cannot_be() -> None:
    """Not when the first reading is asked for."""
    with pytest.raises(UsageError, match="neutral: E_USAGE: auto reads a source twice, and a camera is read once"):
        live(0, CaptureOptions(neutral=Neutral(is_auto=True)))
    with pytest.raises(InputError, match="E_NOTFILE"):
        live(0, CaptureOptions(neutral=Neutral(Path("missing.png"))))
