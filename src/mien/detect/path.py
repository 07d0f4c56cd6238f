"""Where a face is in the picture and where it is going, and how well a place fits that."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from mien.core.arrays import Array

COASTS = 0.7
"""Seconds for which a face that is out of sight is thought to keep moving as it did."""

NEAR = 3.0
"""What a place is worth, in log odds, that is just where a face was to be expected."""

FAR = -4.0
"""What a place is worth that cannot be reached in the time."""

_FORGETS = 1.2
"""Seconds after which a place says less by a factor e, whatever it says."""

_STEADY = 0.15
"""Seconds over which a speed is averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A face's way through the picture, as far as its last sight tells.

    Args:
        time: of the last sight, seconds.
        box: [4] x0, y0, x1, y1 where it was then, pixels.
        speed: [2] pixels a second.
    """

    time: float
    box: Array
    speed: Array

    @classmethod
    def begun(cls, box: Array, time: float) -> Self:
        """Of a face that is seen for the first time, in box [4]."""
        return cls(time, box, np.zeros(2))

    @property
    def centre(self) -> Array:
        """[2] the middle of its box."""
        return np.asarray((self.box[:2] + self.box[2:]) / 2)

    @property
    def size(self) -> float:
        """The longer side of its box, at least one pixel."""
        return max(float((self.box[2:] - self.box[:2]).max()), 1.0)

    def gone_on(self, box: Array, time: float, free: bool = True) -> "Path":
        """With a further sight.

        Args:
            box: [4] where it is seen.
            time: then.
            free: whether nobody is in the way: the points of a face that is partly hidden may be dragged along by who
                hides it, so that they tell no speed.
        """
        spent = time - self.time
        if spent <= 0 or not free:
            return Path(time, box, self.speed)
        share = 1 - math.exp(-spent / _STEADY)
        moved = (box - self.box) / (2 * spent)
        return Path(time, box, self.speed + share * (moved[:2] + moved[2:] - self.speed))

    def at(self, time: float) -> Array:
        """[4] where its box should be."""
        return np.asarray(self.box + np.tile(self.speed * min(max(time - self.time, 0.0), COASTS), 2))

    def fit(self, box: Array, time: float) -> float:
        """Log odds that a face in box [4] is this one, as far as place and size tell: `FAR` to `NEAR`, 0 long after."""
        found, expected, spent = Path.begun(box, time), Path.begun(self.at(time), time), max(time - self.time, 0.0)
        away = float(np.linalg.norm(found.centre - expected.centre)) / self.size / (0.2 + spent)
        grown = math.log(found.size / self.size) / (0.15 + 0.5 * spent)
        return max(NEAR - (away**2 + grown**2) / 2, FAR) * math.exp(-spent / _FORGETS)
