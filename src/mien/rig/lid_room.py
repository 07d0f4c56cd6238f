"""Room for a lid that opens wide: what lies above it, up to the brow, gives way before it is folded over.

A rig lifts everybody's lid by the same; where little skin lies between lid and brow, the lid would pass its fold.
"""

from dataclasses import replace

import numpy as np

from mien.core.arrays import Array
from mien.core.points import ABOVE_FOLDS, BROWS, LID_FOLDS, UPPER_LIDS, downwards
from mien.rig.motion import FaceMotion

_LEFT = 0.3
"""Share of the distance of two lines that stays at least, before the upper one gives way."""

_BELOW_BROWS = (0, 1, 2, 4, 5)
"""Which points of the line below lie beneath those of a brow."""


def with_room(motion: FaceMotion) -> FaceMotion:
    """The motion with what lies above lids that rise moved up as far as these need."""
    points, target = motion.points[:, :2], motion.target.copy()
    down = downwards(points)
    for lid, fold, above, brows in zip(UPPER_LIDS, LID_FOLDS, ABOVE_FOLDS, BROWS, strict=True):
        _give_way(points, target, down, list(lid[1:8]), list(fold[1:8]))
        _give_way(points, target, down, list(fold[1:8]), list(above))
        _give_way(points, target, down, [above[k] for k in _BELOW_BROWS], list(brows[0]))
        _give_way(points, target, down, list(brows[0]), list(brows[1]))
    return replace(motion, target=target)


def _give_way(points: Array, target: Array, down: Array, lower: list[int], upper: list[int]) -> None:
    """Moves a line up, in `target` [478, 2], by what the rise of the line below it leaves too little of."""
    before, after = ((flat[lower] - flat[upper]) @ down for flat in (points, target))
    rise = (points[lower] - target[lower]) @ down
    # Towards their ends lines cross on some faces: there is no room to keep.
    lacking = np.where(before > 0, (_LEFT * before - after).clip(0, rise.clip(0, None)), 0)
    target[upper] -= lacking[:, None] * down
