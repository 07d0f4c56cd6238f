"""Where a face is in the picture and where it is going, and how well a place fits that."""

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


@dataclass(frozen=True, slots=True)
class Path:
    """A face's way through the picture, as far as its last sight tells.

    Args:
        time: of the last sight, seconds.
        centre: [2] of its box then, pixels.
        size: the longer side of its box.
        speed: [2] pixels a second.
    """

    time: float
    centre: Array
    size: float
    speed: Array

    @classmethod
    def begun(cls, box: Array, time: float) -> Self:
        """Of a face that is seen for the first time, in box [4]."""
        return cls(time, (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()), np.zeros(2))

    def gone_on(self, box: Array, time: float, free: bool = True) -> "Path":
        """With a further sight.

        Args:
            box: [4] where it is seen.
            time: then.
            free: whether nobody is in the way: the points of a face that is partly hidden may be dragged along by who
                hides it, so that they tell no speed.
        """
        now, spent = Path.begun(box, time), time - self.time
        if spent <= 0:
            return Path(time, now.centre, now.size, self.speed)
        share = 1 - float(np.exp(-spent / _STEADY)) if free else 0.0
        return Path(time, now.centre, now.size, self.speed + share * ((now.centre - self.centre) / spent - self.speed))

    def at(self, time: float) -> Array:
        """[2] where its centre should be."""
        return np.asarray(self.centre + self.speed * min(max(time - self.time, 0.0), COASTS))

    def fit(self, box: Array, time: float) -> float:
        """Log odds that a face in box [4] is this one, as far as place and size tell: `FAR` to `NEAR`, 0 long after."""
        found, spent = Path.begun(box, time), max(time - self.time, 0.0)
        size = max(self.size, 1.0)
        away = float(np.linalg.norm(found.centre - self.at(time))) / size / (0.2 + spent)
        grown = float(np.log(max(found.size, 1.0) / size)) / (0.15 + 0.5 * spent)
        return max(NEAR - (away**2 + grown**2) / 2, FAR) * float(np.exp(-spent / _FORGETS))
