"""Cameras as sources: read by a thread of their own, the newest frame wins, and every end is a proper one."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Protocol, Self

from mien.cameras.device import DeviceCamera
from mien.cameras.systems import camera_named, this_system
from mien.cameras.wanted import DEFAULT_RATE, DEFAULT_SIZE, Size, Wanted
from mien.compose.done import GONE
from mien.compose.latency import Latencies
from mien.compose.newest import Newest
from mien.compose.pace import SYSTEM_CLOCK, Clock
from mien.compose.played import PlayedCamera
from mien.compose.sources import Source
from mien.core.errors import InputError, UsageError
from mien.core.image import Frame
from mien.core.live import Figures
from mien.formats.bare import MAX_PIXELS
from mien.formats.photo_notes import Note

_FIRST = 20.0
"""Seconds in which a camera must give its first frame, its opening included."""

_WAKE = 0.1
"""Seconds after which who waits for a frame looks whether it should stop."""


_FILE, _LOOP = "file:", "loop:"


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What is read live. Without `camera`, nothing is."""

    camera: str | None = None
    """Read a camera in real time: its number or name as `mien cameras` lists them, or a path as /dev/video0.
    file:CLIP.mp4 plays a video as if it were one, loop:CLIP.mp4 again and again."""
    camera_size: Size = DEFAULT_SIZE
    """Ask the camera for pictures of this size. It may give others."""
    camera_rate: float = DEFAULT_RATE
    """Ask the camera for so many pictures a second."""
    duration: float | None = None
    """Seconds after which to stop. Ctrl-C stops, too, and everything is written."""

    def __post_init__(self) -> None:
        checks = (
            ("camera_rate", 1 <= self.camera_rate <= 1000, "1 to 1000"),
            ("duration", self.duration is None or 0 < self.duration < 1e9, "above 0 s"),
        )
        for name, good, allowed in checks:
            if not good:
                flag = "--" + name.replace("_", "-")
                raise UsageError(flag, "E_USAGE", f"{getattr(self, name)} is out of range", f"allowed: {allowed}")
        if self.camera is None:
            for name, default in (("camera_size", DEFAULT_SIZE), ("camera_rate", DEFAULT_RATE), ("duration", None)):
                if getattr(self, name) != default:
                    flag = "--" + name.replace("_", "-")
                    raise UsageError(flag, "E_USAGE", "is for cameras", "add --camera")


class Feed(Protocol):
    """What gives frames at its own pace."""

    source: str
    frame_rate: float | None
    remark: str

    @property
    def dropped(self) -> int:
        """Frames that it could not give."""
        ...

    def frames(self, stopped: Callable[[], bool]) -> Iterator[Frame]:
        """Frames with the times at which they arrived, until `stopped` says so."""
        ...


def _video(name: str) -> Path | None:
    """The video that a name puts in the place of a camera, or None for a camera."""
    for prefix in (_FILE, _LOOP):
        if name.startswith(prefix) and name != prefix:
            return Path(name.removeprefix(prefix))
    return None


def feed_of(options: CameraOptions, max_pixels: int = MAX_PIXELS, clock: Clock = SYSTEM_CLOCK) -> Feed:
    """The camera, or the video in the place of one, that options name.

    Raises:
        InputError: there is no such camera.
    """
    name = options.camera or ""
    if (video := _video(name)) is not None:
        return PlayedCamera(video, name.startswith(_LOOP), max_pixels, clock)
    system = this_system()
    wanted = Wanted(options.camera_size, options.camera_rate)
    return DeviceCamera(camera_named(name, system), system, wanted, options.camera_size != DEFAULT_SIZE, clock.now)


class LiveCamera:
    """A camera that is read, as a context manager.

    Args:
        options: which one, and how.
        feed: what gives its frames; by default what the options name.
        clock: seconds that never run backwards.

    Raises:
        InputError: on entering: it cannot be read.
        KeyboardInterrupt: on entering: it was stopped before its first frame.
    """

    def __init__(self, options: CameraOptions, feed: Feed | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._options, self._clock = options, clock
        self._feed = feed or feed_of(options, clock=clock)
        self._box = Newest()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="camera", daemon=True)
        self._latencies = Latencies()
        self._start: float | None = None
        self._first = self._missed = 0
        self._fault: Exception | None = None
        self._broke_off: InputError | None = None

    @property
    def path(self) -> Path:
        """What stands for it among paths: the video, or a name for files, as `camera-0` or `USB Camera`."""
        name = self._options.camera or ""
        if (video := _video(name)) is not None:
            return video
        last = name.rpartition("/")[2]
        return Path(f"camera-{name}" if name.isdecimal() else re.sub(r"[^\w -]", "-", last) or "camera")

    @property
    def title(self) -> str:
        """What it is called before people: the system's name for a camera, a video's without its folder."""
        video = _video(self._options.camera or "")
        return self._feed.source if video is None else video.name

    def stop(self) -> None:
        """Ends the frames; whatever was read is finished properly. May be called from any thread, and from signals."""
        self._stop.set()

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = self._clock.now() + _FIRST
        while not self._box.wait(_WAKE):
            if self._clock.now() > deadline and not self._stop.is_set():
                self._stop.set()
                remedy = "another program may use it, or this one may not: see `mien cameras`"
                raise InputError(self._feed.source, "E_CAMERA", f"no picture within {_FIRST:g} s", remedy)
            if self._stop.is_set():
                break
        if self._stop.is_set():
            raise KeyboardInterrupt
        if self._box.ended:
            raise self._fault or self._box.error or InputError(self._feed.source, "E_NOVIDEO", "it gave no picture")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=2)  # one that hangs in a driver ends with the program

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """The camera as a source like others."""
        with self:
            remark = (Note("W_CAMERA", self._feed.remark),) if self._feed.remark else ()
            yield Source(self._feed.source, self.frames(), True, self._feed.frame_rate, notes=remark)

    def frames(self) -> Iterator[Frame]:
        """The newest frame, whenever one is asked for: seconds from the first, and its number in the source."""
        while not self._stop.is_set():
            frame = self._box.take(_WAKE)
            if frame is None:
                if self._fault is not None:
                    raise self._fault
                if self._box.ended:
                    self._broke_off = self._box.error
                    return
                if self._is_over(self._clock.now()):
                    return
                continue
            if self._start is None:  # what came while the networks were loaded is nobody's loss
                self._start, self._first = frame.time, frame.index
                self._missed = self._box.dropped + self._feed.dropped
            if self._is_over(frame.time):
                return
            yield replace(frame, time=frame.time - self._start, index=frame.index - self._first)

    def read(self, frame: Frame) -> None:
        """Notes that the reading of a frame is out."""
        now = self._clock.now()
        self._latencies.add(now - (self._start or 0.0) - frame.time, now)

    @property
    def dropped(self) -> int:
        """Frames that came while another one was read."""
        return self._box.dropped + self._feed.dropped - self._missed

    @property
    def notes(self) -> tuple[Note, ...]:
        """That the camera was gone before its time, if it was."""
        error = self._broke_off
        if error is None:
            return ()
        return (Note(GONE, f"{error.code}: {error.cause}; what was read until then is kept"),)

    def figures(self) -> Figures:
        """How it is keeping up."""
        all_of_them = self._latencies
        seconds = 0.0 if self._start is None else max(all_of_them.ended - self._start, 0.0)
        latencies = all_of_them.of_late(), all_of_them.below(0.5), all_of_them.below(0.95)
        return Figures(seconds, all_of_them.count, self.dropped, all_of_them.rate(), *latencies)

    def _is_over(self, now: float) -> bool:
        limit = self._options.duration
        return limit is not None and self._start is not None and now - self._start >= limit

    def _run(self) -> None:
        """The thread: frame after frame into the box."""
        try:
            for frame in self._feed.frames(self._stop.is_set):
                self._box.put(frame)
                if self._stop.is_set():
                    break
        except InputError as error:
            self._box.close(error)
        except Exception as error:  # a fault of ours: the thread that waits shall hear of it
            self._fault = error
            self._box.close()
        else:
            self._box.close()
