"""How long readings take, and how many there are in a second: in memory that does not grow."""

from collections import deque

import numpy as np

_STEP, _MOST = 0.1, 20_000
"""Milliseconds that are told apart, and how many such steps: up to two seconds."""

_OF_LATE = 30


class Latencies:
    """Durations, as a histogram of them all and a few of the last."""

    def __init__(self) -> None:
        self._counts = np.zeros(_MOST, np.int64)
        self._last: deque[float] = deque(maxlen=_OF_LATE)
        self._times: deque[float] = deque(maxlen=_OF_LATE + 1)

    def add(self, seconds: float, now: float) -> None:
        """One more, and when it ended."""
        milliseconds = max(seconds, 0.0) * 1000
        self._counts[min(int(milliseconds / _STEP), _MOST - 1)] += 1
        self._last.append(milliseconds)
        self._times.append(now)

    @property
    def count(self) -> int:
        """How many there were."""
        return int(self._counts.sum())

    @property
    def ended(self) -> float:
        """When the last one ended, on their clock; 0 before any."""
        return self._times[-1] if self._times else 0.0

    def of_late(self) -> float:
        """Milliseconds: the median of the last ones; 0 before any."""
        return float(np.median(self._last)) if self._last else 0.0

    def below(self, share: float) -> float:
        """Milliseconds that a share (0 to 1) of all stay below, to a tenth; 0 before any."""
        if not self.count:
            return 0.0
        return float(np.searchsorted(self._counts.cumsum(), share * self.count) + 0.5) * _STEP

    def rate(self) -> float:
        """How many there are in a second, of late; 0 before two."""
        times = tuple(self._times)
        span = times[-1] - times[0] if len(times) > 1 else 0.0
        return (len(times) - 1) / span if span > 0 else 0.0
