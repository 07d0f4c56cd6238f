"""The One-Euro filter: still when its input is still, without lag when it moves.

Source: G. Casiez, N. Roussel and D. Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012. A low-pass filter of first order whose cutoff rises with the speed of what it filters.

Theirs filters a number. Here speed is the length of a vector's velocity, or how fast a rotation turns, so that a turned
input gives the turned output; and each value may have a cutoff of its own. Their cutoff rises in proportion to speed,
ours with its square: noise, which is slow, opens the filter less, and what moves opens it at once.
"""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array
from mien.core.geometry import rotation_from_vector, vector_from_rotation


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """How a filter answers.

    Args:
        still: cutoff of what does not move, Hz: lower is stiller.
        quick: Hz that the cutoff rises by for one unit a second, four times as many for two: higher lags less.
        watch: cutoff of the speed itself, Hz: higher notices a movement sooner, and takes noise for one.

    `still` and `quick` are numbers, or arrays [...] with one for each vector.
    """

    still: float | Array
    quick: float | Array
    watch: float = 1.0

    def __post_init__(self) -> None:
        if not (np.min(self.still) > 0 and np.min(self.quick) >= 0 and self.watch > 0):
            raise ValueError("cutoffs must be above 0, and must not fall with speed")

    def share(self, speed: Array, elapsed: float) -> Array:
        """[...] 0 to 1, how far the output goes towards an input that moves at `speed` [...] units a second."""
        return _share(self.still + self.quick * speed * speed, elapsed)


def _share(cutoff: Array, elapsed: float) -> Array:
    way = 2 * np.pi * cutoff * elapsed
    return np.asarray(way / (1 + way))


class VectorFilter:
    """Filters vectors [..., D], each by its own speed; the first comes out as it is.

    Args:
        tuning: for units of the values over `unit`.
    """

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._value: Array | None = None
        self._velocity: Array | float = 0.0

    def next(self, value: Array, elapsed: float, unit: float = 1.0) -> Array:
        """The filtered value.

        Args:
            value: [..., D], of the same shape each time.
            elapsed: seconds since the last one, above 0; of the first one nothing is asked.
            unit: the length that speeds are counted in.
        """
        if self._value is None:
            self._value = np.array(value, np.float64)
            return self._value.copy()
        way = value - self._value
        heard = float(_share(np.asarray(self._tuning.watch), elapsed))
        self._velocity += heard * (way / (elapsed * unit) - self._velocity)
        speed = np.sqrt((self._velocity**2).sum(-1))
        self._value = self._value + self._tuning.share(speed, elapsed)[..., None] * way
        return np.asarray(self._value.copy())


class RotationFilter:
    """Filters rotations [..., 3, 3] along the shortest turns; the first comes out as it is.

    Args:
        tuning: for radians a second.
    """

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._rotation: Array | None = None
        self._velocity: Array | float = 0.0

    def next(self, rotation: Array, elapsed: float) -> Array:
        """The filtered rotations [..., 3, 3]; `elapsed` as for `VectorFilter`."""
        if self._rotation is None:
            self._rotation = np.array(rotation, np.float64)
            return self._rotation.copy()
        way = vector_from_rotation(np.swapaxes(self._rotation, -1, -2) @ rotation)
        heard = float(_share(np.asarray(self._tuning.watch), elapsed))
        self._velocity += heard * (way / elapsed - self._velocity)
        speed = np.sqrt((self._velocity**2).sum(-1))
        left = 1 - self._tuning.share(speed, elapsed)
        # Back from the input, which is a rotation to the last bit, rather than on from the output: no error adds up.
        self._rotation = np.asarray(rotation @ rotation_from_vector(-left[..., None] * way))
        return self._rotation.copy()
