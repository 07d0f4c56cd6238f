"""Blinks, as a video streams by.

A blink is a peak of the mean of both `eyeBlink`: from the lowest value of the last `WITHIN` seconds it rises by `RISE`
or more, and is back half the way before `LONGEST` seconds are over. What stays closed for longer is no blink.
"""

from collections import deque
from dataclasses import dataclass

from mien.digest.record import Blink

RISE, WITHIN, LONGEST = 0.2, 0.3, 0.6

LEAST_RATE = 10.0
"""Frames a second below which a blink may fall between two frames: they are not counted then."""


@dataclass(slots=True)
class _Closing:
    """Lids on their way."""

    since: float
    floor: float
    peak: float
    peak_at: float


class BlinkCounter:
    """Takes in how far the eyes of one face are closed, frame by frame.

    Attributes:
        blinks: those that are over.
    """

    def __init__(self) -> None:
        self.blinks: list[Blink] = []
        self._recent: deque[tuple[float, float]] = deque()
        self._closing: _Closing | None = None

    def add(self, time: float, closure: float) -> None:
        """The mean of both `eyeBlink` at a time; a pause of more than `WITHIN` seconds begins anew."""
        if self._recent and time - self._recent[-1][0] > WITHIN:
            self._recent.clear()
            self._closing = None
        if self._closing is not None:
            self._follow(self._closing, time, closure)
        self._recent.append((time, closure))
        while time - self._recent[0][0] > WITHIN:
            self._recent.popleft()
        if self._closing is None:
            low = min(range(len(self._recent)), key=lambda k: self._recent[k][1])
            floor = self._recent[low][1]
            if closure - floor >= RISE:
                later = list(self._recent)[low:]
                since = next(at for at, value in later if value - floor >= RISE / 2)
                self._closing = _Closing(since, floor, closure, time)

    def _follow(self, closing: _Closing, time: float, closure: float) -> None:
        if closure > closing.peak:
            closing.peak, closing.peak_at = closure, time
        seconds = time - closing.since
        if closure <= (closing.peak + closing.floor) / 2:
            if seconds <= LONGEST:
                self.blinks.append(Blink(closing.peak_at, closing.peak, seconds))
            self._end()
        elif seconds > LONGEST:
            self._end()

    def _end(self) -> None:
        """What lies before is forgotten: it was the rise that is over."""
        self._closing = None
        self._recent.clear()
