"""Faces as sums: a mean, directions of identity and of expression, and a fast product for a performance of many frames.

Every blendshape rig is `mean + shape @ identities + weights @ targets`; what differs between rigs is where the arrays
come from.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from mien.core.arrays import Array, frozen_array

_GAP = 1024
"""Unmoved vertices in a row that are left out of the product: fewer are cheaper within it than a call apart, for each
call waits for the slowest core."""


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """Vertices `start` up to `stop`, the targets that move any of them, and which of them, from 0, are left out."""

    start: int
    stop: int
    rows: Array
    still: Array


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """Linear shapes of one topology.

    Args:
        mean: [V, 3] metres.
        identities: [S, V, 3] offsets for an identity weight of 1, metres.
        targets: [K, V, 3] offsets for an expression weight of 1, metres. Targets that share a driver are summed: the
            record holds one target for each driver.
        drivers: [K] the column of the basis that drives each target; the record holds them distinct and rising.
        still: [E] vertices that `moved` leaves at rest whatever the targets say: the eyeballs, which gaze turns.

    Raises:
        ValueError: the arrays do not fit each other, or an index is out of range.
    """

    mean: Array
    identities: Array
    targets: Array
    drivers: Array
    still: Array = field(default_factory=lambda: np.zeros(0, np.intp))
    _runs: tuple[_Run, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        mean = frozen_array(self.mean, "mean", (None, 3), np.float32)
        count = len(mean)
        targets = frozen_array(self.targets, "targets", (None, count, 3), np.float32)
        drivers = frozen_array(self.drivers, "drivers", (len(targets),), np.intp)
        still = frozen_array(self.still, "still", (None,), np.intp)
        if drivers.size and drivers.min() < 0:
            raise ValueError("drivers name columns below 0")
        if still.size and not (still.min() >= 0 and still.max() < count):
            raise ValueError(f"still names vertices outside 0..{count - 1}")
        distinct = np.unique(drivers)
        if len(distinct) != len(drivers) or (distinct != drivers).any():
            targets = np.stack([targets[drivers == driver].sum(0) for driver in distinct])
        object.__setattr__(self, "mean", mean)
        object.__setattr__(
            self, "identities", frozen_array(self.identities, "identities", (None, count, 3), np.float32)
        )
        object.__setattr__(self, "targets", frozen_array(targets, "targets", (None, count, 3), np.float32))
        object.__setattr__(self, "drivers", frozen_array(distinct, "drivers", (None,), np.intp))
        object.__setattr__(self, "still", still)
        object.__setattr__(self, "_runs", _runs(targets, still))

    def rest(self, shape: Array | None = None) -> Array:
        """Vertices [V, 3] float32 at rest of the face with identity weights `shape` [S or fewer], or the mean one.

        Raises:
            ValueError: more weights than there are directions.
        """
        weights = np.zeros(0, np.float32) if shape is None else np.asarray(shape, np.float32)
        if weights.ndim != 1 or len(weights) > len(self.identities):
            raise ValueError(f"a shape holds at most {len(self.identities)} weights, got {list(weights.shape)}")
        return np.asarray(self.mean + np.tensordot(weights, self.identities[: len(weights)], 1), np.float32)

    def moved(self, rest: Array, weights: Array, *, still_unwritten: bool = False) -> Array:
        """Vertices [..., V, 3] float32 of the face `rest` [V, 3] under `weights` [..., C] over the whole basis.

        Nothing beside the result grows with the number of frames but one copy of the weights.

        Args:
            rest: [V, 3] metres.
            weights: [..., C] over the whole basis.
            still_unwritten: whether `still` vertices may hold anything, for a caller that writes them all at once.

        Raises:
            ValueError: `rest` has another number of vertices, or a driver is no column of `weights`.
        """
        count, columns = len(self.mean), weights.shape[-1]
        if rest.shape != (count, 3):
            raise ValueError(f"rest must have shape [{count}, 3], got {list(rest.shape)}")
        if self.drivers.size and self.drivers[-1] >= columns:
            raise ValueError(f"column {self.drivers[-1]} drives a target, weights have {columns}")
        driven = weights.reshape(-1, columns)[:, self.drivers].astype(np.float32)
        used: Array = np.atleast_1d(driven.any(0))
        # The rest is one more target, whose weight is always 1: adding it costs no pass over the result.
        driven = np.concatenate([driven, np.ones((len(driven), 1), np.float32)], 1)
        result = np.empty((len(driven), count * 3), np.float32)
        resting = np.asarray(rest, np.float32)
        for run in self._runs:
            moving = run.rows[used[run.rows]]
            here, span = slice(run.start, run.stop), slice(3 * run.start, 3 * run.stop)
            if len(moving):
                shapes = np.empty((len(moving) + 1, run.stop - run.start, 3), np.float32)
                shapes[:-1] = self.targets[moving, here]
                shapes[:-1, run.still] = 0
                shapes[-1] = resting[here]
                np.matmul(driven[:, [*moving, -1]], shapes.reshape(len(shapes), -1), out=result[:, span])
            elif not (still_unwritten and len(run.still) == run.stop - run.start):
                result[:, span] = resting[here].ravel()
        return result.reshape(*weights.shape[:-1], count, 3)


def _runs(targets: Array, still: Array) -> tuple[_Run, ...]:
    """The vertices in runs, so that those moved by nothing need no product."""
    is_still = np.zeros(targets.shape[1], bool)
    is_still[still] = True
    moves = (targets != 0).any(2) & ~is_still
    some = np.concatenate([[False], np.asarray(moves.any(0)), [False]])
    edges = np.flatnonzero(some[1:] != some[:-1])
    starts, stops = edges[::2], edges[1::2]
    apart = starts[1:] - stops[:-1] >= _GAP
    starts, stops = starts[np.append(True, apart)[: len(starts)]], stops[np.append(apart, True)[: len(stops)]]
    bounds = [0, *np.stack([starts, stops], axis=1).ravel().tolist(), len(is_still)]
    return tuple(
        _Run(a, b, np.flatnonzero(moves[:, a:b].any(1)), np.flatnonzero(is_still[a:b]))
        for a, b in pairwise(bounds)
        if b > a
    )
