"""Values over time in a fixed number of bins: as many frames as come, no more memory.

A bin keeps the least, the sum and the greatest value of its frames. When all are full, neighbours are joined and each
holds twice the frames: so nothing needs to be known of the length beforehand, which a camera could not tell, and a peak
of one frame is still there after hours.
"""

import numpy as np

from mien.core.arrays import Array

BINS = 1024
"""The most; at least half as many are in use once a source is longer."""


class Timeline:
    """The bins' places in time, the same for all faces of a source."""

    def __init__(self) -> None:
        self.span = 1
        self.frames = 0
        self._first = np.zeros(BINS)
        self._last = np.zeros(BINS)
        self._before = 0.0

    def add(self, time: float) -> tuple[int, bool]:
        """Takes in a frame: the bin that it belongs to, and whether bins had to be joined for it."""
        joined = self.frames == BINS * self.span
        if joined:
            self._first[: BINS // 2] = self._first[::2]
            self._last[: BINS // 2] = self._last[1::2]
            self.span *= 2
        place = self.frames // self.span
        if self.frames % self.span == 0:
            self._first[place] = time
        self._last[place] = time
        self.frames += 1
        return place, joined

    @property
    def bins(self) -> int:
        """How many are in use."""
        return -(-self.frames // self.span)

    @property
    def interval(self) -> float:
        """Mean seconds from one frame to the next; 0 where there is one at most."""
        if self.frames < 2:
            return 0.0
        return float(self._last[self.bins - 1] - self._first[0]) / (self.frames - 1)

    def edges(self) -> tuple[Array, Array]:
        """[B] where bins start, and [B] where they end: at the start of the next, the last an interval after its own
        last frame.
        """
        starts = self._first[: self.bins].copy()
        return starts, np.append(starts[1:], self._last[max(self.bins - 1, 0)] + self.interval)[: self.bins]

    def counts(self) -> Array:
        """[B] frames in each bin."""
        counts = np.full(self.bins, self.span, np.int64)
        if self.bins:
            counts[-1] = self.frames - self.span * (self.bins - 1)
        return counts


class Values:
    """The values [K] of one face in the bins of a `Timeline`.

    Args:
        count: K.
    """

    def __init__(self, count: int) -> None:
        self._seen = np.zeros(BINS, np.int64)
        self._low = np.full((BINS, count), np.inf, np.float32)
        self._high = np.full((BINS, count), -np.inf, np.float32)
        self._sum = np.zeros((BINS, count))

    def join(self) -> None:
        """Joins neighbours, as the timeline did."""
        half = BINS // 2
        for kept, merged in (
            (self._seen, self._seen[::2] + self._seen[1::2]),
            (self._sum, self._sum[::2] + self._sum[1::2]),
            (self._low, np.minimum(self._low[::2], self._low[1::2])),
            (self._high, np.maximum(self._high[::2], self._high[1::2])),
        ):
            kept[:half] = merged
        self._seen[half:], self._sum[half:] = 0, 0
        self._low[half:], self._high[half:] = np.inf, -np.inf

    def add(self, place: int, values: Array) -> None:
        """The values [K] of one frame of a bin."""
        self._seen[place] += 1
        self._sum[place] += values
        np.minimum(self._low[place], values, out=self._low[place], casting="same_kind")
        np.maximum(self._high[place], values, out=self._high[place], casting="same_kind")

    def told(self, bins: int) -> tuple[Array, Array, Array, Array]:
        """[B] frames seen; [B, K] least, mean and greatest values, 0 where none was."""
        seen = self._seen[:bins].copy()
        there = seen[:, None] > 0
        mean = self._sum[:bins] / np.maximum(seen, 1)[:, None]
        low, high = (np.where(there, values[:bins], 0) for values in (self._low, self._high))
        # A mean of float64 is kept between its float32 neighbours.
        return seen, low, np.clip(mean, low, high), high
