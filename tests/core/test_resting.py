"""Weights that count from a resting face, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS
from mien.core.face import Expression
from mien.core.resting import COUNTED, calibrated, resting_expression, uncalibrated

CHECKED = settings(derandomize=True, deadline=None, max_examples=60)
WEIGHTS = arrays.arrays(np.float32, (3, 52), elements=st.floats(0, 1, width=32))
REST = arrays.arrays(np.float32, 52, elements=st.floats(0, 1, width=32))


@CHECKED
@given(WEIGHTS, REST)
def test_calibrated_weights_are_the_formulas(weights: Array, rest: Array) -> None:
    resting = resting_expression(rest)
    out = calibrated(Expression(weights, ARKIT), resting).weights
    w, n = weights.astype(float), resting.weights.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(n < 1, np.clip((w - n) / (1 - n), 0, 1), 0)
    np.testing.assert_allclose(out, expected, atol=1e-6)
    np.testing.assert_array_equal(out[:, ~COUNTED], weights[:, ~COUNTED])


@CHECKED
@given(WEIGHTS, REST)
def test_it_can_be_undone_above_rest(weights: Array, rest: Array) -> None:
    resting, raw = resting_expression(rest), Expression(weights, ARKIT)
    back = uncalibrated(calibrated(raw, resting), resting).weights
    np.testing.assert_allclose(back, np.maximum(weights, resting.weights), atol=1e-6)


@CHECKED
@given(REST)
def test_the_resting_face_becomes_nothing_and_all_stays_all(rest: Array) -> None:
    resting = resting_expression(rest * 0.99)
    nothing = calibrated(resting, resting).weights
    assert not nothing[COUNTED].any()
    assert (calibrated(Expression(np.ones(52), ARKIT), resting).weights == 1).all()


def test_looks_and_tongue_are_left_alone() -> None:
    alone = {name for name, counted in zip(ARKIT.columns, COUNTED, strict=True) if not counted}
    assert alone == {name for name in ARKIT.columns if name.startswith("eyeLook")} | {"tongueOut"}
    assert not resting_expression(np.full(52, 0.4)).weights[~COUNTED].any()


def test_another_basis_is_refused() -> None:
    with pytest.raises(ValueError, match="calibration is of arkit weights by one moment's, got facs"):
        calibrated(Expression(np.zeros(len(FACS)), FACS), resting_expression(np.zeros(52)))
    with pytest.raises(ValueError, match="one moment"):
        calibrated(Expression(np.zeros(52), ARKIT), Expression(np.zeros((2, 52)), ARKIT))
