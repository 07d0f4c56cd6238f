"""The One-Euro filter: what holds for every input, and that it answers quickly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mien.core.arrays import Array
from mien.core.geometry import rotation_from_vector, vector_from_rotation
from mien.core.one_euro import RotationFilter, Tuning, VectorFilter

CHECKED = settings(derandomize=True, deadline=None, max_examples=60)
CUTOFF, RISE = st.floats(0.01, 10), st.floats(0, 200)
ELAPSED = st.floats(1e-3, 1.0)
VALUES = arrays.arrays(np.float64, st.tuples(st.integers(2, 12), st.just(2), st.just(3)), elements=st.floats(-50, 50))
TURNS = arrays.arrays(np.float64, st.tuples(st.integers(2, 8), st.just(3)), elements=st.floats(-1.7, 1.7))


def filtered(values: Array, elapsed: float, tuning: Tuning, unit: float = 1.0) -> Array:
    vectors = VectorFilter(tuning)
    return np.array([vectors.next(value, elapsed, unit) for value in values])


def turned(rotations: Array, elapsed: float, tuning: Tuning) -> Array:
    turns = RotationFilter(tuning)
    return np.array([turns.next(rotation, elapsed) for rotation in rotations])


@CHECKED
@given(VALUES, CUTOFF, RISE, ELAPSED)
def test_nothing_leaves_the_range_of_what_went_in(values: Array, still: float, quick: float, elapsed: float) -> None:
    scalars = values.reshape(len(values), 6, 1)
    out = filtered(scalars, elapsed, Tuning(still, quick))
    for t in range(len(values)):
        assert (out[t] >= scalars[: t + 1].min(0) - 1e-9).all()
        assert (out[t] <= scalars[: t + 1].max(0) + 1e-9).all()


@CHECKED
@given(VALUES, CUTOFF, RISE, ELAPSED)
def test_what_does_not_change_comes_out_as_it_is(values: Array, still: float, quick: float, elapsed: float) -> None:
    same = np.repeat(values[:1], 5, axis=0)
    np.testing.assert_array_equal(filtered(same, elapsed, Tuning(still, quick)), same)


@CHECKED
@given(VALUES, st.floats(0.01, 100), CUTOFF, RISE, ELAPSED)
def test_in_its_own_unit_size_does_not_matter(
    values: Array, size: float, still: float, quick: float, elapsed: float
) -> None:
    tuning = Tuning(still, quick)
    one, other = filtered(values, elapsed, tuning, 2.0), filtered(values * size, elapsed, tuning, 2.0 * size)
    np.testing.assert_allclose(other, one * size, atol=1e-9 * size)


@CHECKED
@given(VALUES, arrays.arrays(np.float64, 3, elements=st.floats(-3, 3)), CUTOFF, RISE, ELAPSED)
def test_a_turned_input_gives_the_turned_output(
    values: Array, turn: Array, still: float, quick: float, elapsed: float
) -> None:
    rotation, tuning = rotation_from_vector(turn), Tuning(still, quick)
    one, other = filtered(values, elapsed, tuning), filtered(values @ rotation.T, elapsed, tuning)
    np.testing.assert_allclose(other, one @ rotation.T, atol=1e-8)


@CHECKED
@given(TURNS, arrays.arrays(np.float64, 3, elements=st.floats(-3, 3)), CUTOFF, RISE, ELAPSED)
def test_rotations_stay_rotations_and_turn_with_the_axes(
    turns: Array, turn: Array, still: float, quick: float, elapsed: float
) -> None:
    # Steps below half a turn: there the shortest way is one.
    rotations, tuning = rotation_from_vector(np.cumsum(turns / 2, axis=0)), Tuning(still, quick)
    out, about = turned(rotations, elapsed, tuning), rotation_from_vector(turn)
    np.testing.assert_allclose(out @ np.swapaxes(out, -1, -2), np.tile(np.eye(3), (len(out), 1, 1)), atol=1e-12)
    steps = vector_from_rotation(np.swapaxes(out[:-1], -1, -2) @ rotations[1:])
    if np.linalg.norm(steps, axis=-1).max() < 3.1:
        np.testing.assert_allclose(turned(about @ rotations, elapsed, tuning), about @ out, atol=1e-6)
        np.testing.assert_allclose(turned(rotations @ about, elapsed, tuning), out @ about, atol=1e-6)


@CHECKED
@given(st.floats(-3, 3), st.floats(-3, 3), CUTOFF, RISE, ELAPSED)
def test_about_one_axis_rotations_are_filtered_as_their_angle(
    start: float, step: float, still: float, quick: float, elapsed: float
) -> None:
    angles, tuning = np.array([start, start + step, start + step / 2]), Tuning(still, quick)
    turns = rotation_from_vector(angles[:, None] * [0, 0, 1.0])
    scalars = filtered(angles[:, None, None], elapsed, tuning)[:, 0, 0]
    np.testing.assert_allclose(
        turned(turns, elapsed, tuning), rotation_from_vector(scalars[:, None] * [0, 0, 1.0]), atol=1e-9
    )


def test_noise_is_quiet_and_a_step_is_not_late() -> None:
    tuning, rng = Tuning(0.2, 40.0), np.random.default_rng(0)
    noise = rng.normal(0, 0.005, (300, 50, 1))
    assert filtered(noise, 1 / 30, tuning)[60:].std(0).mean() < 0.3 * noise.std()
    step = np.repeat([0.0, 0.6], [30, 30])[:, None, None] + noise[:60]
    after = filtered(step, 1 / 30, tuning)[32]
    assert (after > 0.9 * 0.6).all()


def test_each_value_goes_by_its_own_tuning() -> None:
    values = np.zeros((4, 2, 1))
    values[1:] = 1
    still, moving = filtered(values, 1 / 30, Tuning(np.array([0.1, 5.0]), np.array([0.0, 50.0])))[1, :, 0]
    assert still < 0.05 < 0.9 < moving


@pytest.mark.parametrize(("still", "quick", "watch"), [(0, 1, 1), (1, -1, 1), (1, 1, 0), (np.array([1, 0]), 1, 1)])
def test_a_tuning_that_no_filter_has_is_refused(still: float, quick: float, watch: float) -> None:
    with pytest.raises(ValueError, match="cutoffs must be above 0"):
        Tuning(still, quick, watch)
