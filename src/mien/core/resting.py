"""A face at rest is not all zeros: weights that count from a person's own resting face, and back.

At rest many a face reads as a little of something: lids that hang, corners of a mouth that point down. What is measured
of an expression is what comes on top: 0 is the resting face, 1 stays 1, and what lies below rest is 0.
"""

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression

COUNTED = np.array([not name.startswith(("eyeLook", "tongueOut")) for name in ARKIT.columns])
"""[52] bool, the columns of `ARKIT` that a resting face is told by.

Where the eyes look at rest is no property of a face: it says where screen and camera stand, and the gaze, which is not
calibrated, would contradict. No network of ours reads `tongueOut`.
"""


def resting_expression(weights: Array) -> Expression:
    """What is kept of weights [52] that a face has at rest: 0 in the columns that are left alone, else 0 to 1."""
    return Expression(np.where(COUNTED, np.clip(weights, 0, 1), 0), ARKIT)


def calibrated(expression: Expression, resting: Expression) -> Expression:
    """Weights [..., 52] counted from a resting face n [52]: (w - n) / (1 - n), within 0 to 1.

    Columns in which the resting face is 0 are not touched. One that rests at 1 has nowhere to go, and is 0.
    """
    weights, rest = _together(expression, resting)
    room = 1 - rest
    counted = np.clip(np.divide(weights - rest, room, out=np.zeros_like(weights), where=room > 0), 0, 1)
    return Expression(np.where(rest > 0, counted, weights), ARKIT)


def uncalibrated(expression: Expression, resting: Expression) -> Expression:
    """The weights before `calibrated`, but for what lay below rest: that has become the resting face."""
    weights, rest = _together(expression, resting)
    return Expression(np.where(rest > 0, rest + weights * (1 - rest), weights), ARKIT)


def _together(expression: Expression, resting: Expression) -> tuple[Array, Array]:
    if expression.basis != ARKIT or resting.basis != ARKIT or resting.weights.ndim != 1:
        raise ValueError(f"calibration is of arkit weights by one moment's, got {expression.basis.name}")
    return expression.weights.astype(np.float64), resting.weights.astype(np.float64)
