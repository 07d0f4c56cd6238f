"""Which frames of a performance show the face at rest.

The lowest weight of each channel would not do: it is the noise's lowest, a brow's while it is raised, and all of them
never come at once. So whole frames are chosen. Trusted frames in which a face hardly moves show what it holds; the
least expressive tenth of them, by the mean of all weights, is the beginning. That tenth still leans to the low side of
the noise: what counts are all slow frames that look like its middle, found anew from their own middle a few times.
"""

import numpy as np

from mien.core.arrays import Array
from mien.core.resting import COUNTED

LEAST_FRAMES = 10
"""Trusted frames, fewer than which say nothing about rest."""

_TRUSTED = 0.8
"""Share of a face's good quality (the 90th percentile) that a frame must have."""

_LEAST_EXPRESSIVE = 0.1
_SEED = 5
_ROUNDS = 5
_NEAR, _LEAST_NEAR = 1.5, 0.01
"""How far from the middle frames still look like it: times the 90th percentile of the first ones' distance; weights."""

_GAP = 0.5
"""Seconds between two frames that say nothing about how fast a face moves."""


def trusted_frames(quality: Array) -> Array:
    """[T] bool, the frames whose quality [T] is near the best that this face has."""
    if len(quality) == 0:
        return np.zeros(0, bool)
    return np.asarray(quality >= _TRUSTED * np.percentile(quality, 90))


def calm_frames(times: Array, weights: Array, quality: Array) -> Array | None:
    """[T] bool, the frames that show the face at rest; None when there are too few to tell.

    Args:
        times: [T] seconds of the frames in which the face was seen, rising.
        weights: [T, 52] over `ARKIT`.
        quality: [T] 0 to 1.
    """
    good = trusted_frames(quality)
    if good.sum() < LEAST_FRAMES:
        return None
    shown = weights[:, COUNTED].astype(np.float64)
    speed = _speed(times, shown)
    slow = good & (speed <= np.median(speed[good]))
    candidates = np.flatnonzero(slow)
    seed = max(round(_LEAST_EXPRESSIVE * len(candidates)), min(_SEED, len(candidates)))
    chosen = candidates[np.argsort(shown[candidates].mean(1), kind="stable")[:seed]]
    distances = _distance(shown[chosen], np.median(shown[chosen], 0))
    near = max(_NEAR * float(np.percentile(distances, 90)), _LEAST_NEAR)
    for _ in range(_ROUNDS):
        chosen = candidates[_distance(shown[candidates], np.median(shown[chosen], 0)) <= near]
    calm = np.zeros(len(times), bool)
    calm[chosen] = True
    return calm


def _distance(shown: Array, middle: Array) -> Array:
    """[T] root mean square over the channels."""
    return np.asarray(np.sqrt(((shown - middle) ** 2).mean(1)))


def _speed(times: Array, shown: Array) -> Array:
    """[T] how fast a face moves, weights a second: the larger of the steps to the frames before and after."""
    elapsed = np.diff(times)
    near = (elapsed > 0) & (elapsed <= _GAP)
    steps = np.full(len(elapsed), np.inf)
    steps[near] = np.sqrt((np.diff(shown, axis=0)[near] ** 2).mean(1)) / elapsed[near]
    return np.asarray(np.maximum(np.append(steps, 0), np.insert(steps, 0, 0)))
