"""One face that is being followed: its last sight, its way, its look, and its number once that is known."""

import math
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array
from mien.detect.landmarker import Seen
from mien.detect.path import Path

LOOKS_AGAIN = 0.2
"""Seconds after which a face's look is taken anew, although nothing calls for it."""

_ABOUT = 0.2
"""Share of a face's size round it within which another one may mistake it."""

_OTHERWISE, _STALE = 0.6, 0.85
"""Correlation of two glimpses below which the picture has changed at once, and below which a look is out of date."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A face that is followed.

    Args:
        sight: the last one.
        path: its way until then.
        look: [D] the last description of its appearance.
        glimpse: of the sight that was described.
        described: seconds, when that was.
        learned: seconds, when its look was last remembered as that person's.
        number: whose face it is, or None while that is open.
        since: seconds, when it appeared.
        looks: [D] the sum of its looks since then, while its number is open and nothing hides it.
    """

    sight: Seen
    path: Path
    look: Array
    glimpse: Array
    described: float
    learned: float
    number: int | None
    since: float
    looks: Array

    @property
    def box(self) -> Array:
        """[4] of its points."""
        return self.path.box

    def expected(self, time: float) -> Array:
        """[4] where others may be mistaken for it: its box and a little more, moved on."""
        about = self.path.size * _ABOUT
        return np.asarray(self.path.at(time) + np.array([-about, -about, about, about]))

    def points(self, time: float, moved_on: bool) -> Array:
        """[478, 3] where it is to be read next, pixels of the frame.

        Args:
            time: of the next frame.
            moved_on: whether the face is expected elsewhere by now rather than where it was. What is seen then hangs on
                more than the last sight, so it is done where faces may be mistaken for each other.
        """
        points = self.sight.landmarks.points
        if moved_on:
            points = points + np.append((self.path.at(time) - self.box)[:2], 0.0)
        return points

    def stale(self, glimpse: Array, time: float) -> bool:
        """Whether its look must be taken anew from a sight with this glimpse."""
        due = self.number is None or time - self.described >= LOOKS_AGAIN
        return due or float(self.glimpse @ glimpse) < _STALE

    def changed(self, glimpse: Array) -> bool:
        """Whether the picture shows something else at once, so that place no longer speaks for it being the same."""
        return float(self.glimpse @ glimpse) < _OTHERWISE


def glimpse(sight: Seen) -> Array:
    """[256] of length 1: a few pixels of a cut. The product of two is their correlation."""
    few = sight.cut[4::8, 4::8].ravel()
    few = few - few.sum() / few.size
    return np.asarray(few / max(math.sqrt(few @ few), 1e-6))
