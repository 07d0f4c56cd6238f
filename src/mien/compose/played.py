"""A video file in the place of a camera: its frames when they are due, once or again and again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from mien.compose.pace import SYSTEM_CLOCK, Clock, Pace
from mien.core.image import Frame
from mien.formats.video import VideoReader

_DEFAULT_RATE = 25.0


class PlayedCamera:
    """A video played in real time.

    Attributes:
        source: what it is called.
        frame_rate: frames a second, or None; known once it gave a frame.
        remark: empty.
        dropped: frames that could not be decoded in time.

    Args:
        path: of the video.
        again: whether it starts anew at its end.
        clock: what it goes by.
        max_pixels: the most pixels that a frame may have.
    """

    def __init__(self, path: Path, again: bool, max_pixels: int, clock: Clock = SYSTEM_CLOCK) -> None:
        self.source = f"{'loop' if again else 'file'}:{path}"
        self.frame_rate: float | None = None
        self.remark = ""
        self._path, self._again, self._max_pixels, self._clock = path, again, max_pixels, clock
        self._pace = Pace(clock)

    @property
    def dropped(self) -> int:
        """Frames that could not be decoded in time."""
        return self._pace.dropped

    def frames(self, stopped: Callable[[], bool]) -> Iterator[Frame]:
        """Its frames, each with the time at which it was due, until `stopped` says so.

        Raises:
            InputError: the video cannot be read.
        """
        for frame in self._pace.keep(self._decoded()):
            if stopped():
                return
            yield replace(frame, time=self._clock.now())

    def _decoded(self) -> Iterator[Frame]:
        index = count()
        begins = 0.0
        while True:
            with VideoReader(self._path, self._max_pixels) as video:
                self.frame_rate = video.frame_rate
                last = 0.0
                for frame in video:
                    last = frame.time
                    yield Frame(frame.pixels, begins + last, next(index))
            if not self._again:
                return
            begins += last + 1 / (self.frame_rate or _DEFAULT_RATE)
