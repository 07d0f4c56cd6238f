"""Frames at the pace of their own times: a video as a camera would give it."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mien.core.image import Frame

LONGEST_GAP = 0.5
"""Seconds of late frames in a row after which one is let through all the same: a video that cannot even be decoded in
time would be dropped whole otherwise."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds that never run backwards, and a way to let some pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


SYSTEM_CLOCK = Clock()
"""The machine's."""


class Pace:
    """Gives frames no sooner than they are due, and drops those that come too late.

    The first frame sets the start; every other one is due as much later as its own time says, so no error adds up. A
    frame is too late when the next one should be there already, judged by its distance from the one before.

    Attributes:
        dropped: how many frames were too late so far.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self.dropped = 0

    def keep(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames of one source that are not too late, each when it is due."""
        start: float | None = None
        last = passed = 0.0
        for frame in frames:
            now = self._clock.now()
            if start is None:
                start, last, passed = now - frame.time, frame.time, now
            late, interval = now - (start + frame.time), frame.time - last
            last = frame.time
            if late > interval and now - passed < LONGEST_GAP:
                self.dropped += 1
                continue
            if late < 0:
                self._clock.sleep(-late)
            yield frame
            passed = self._clock.now()
