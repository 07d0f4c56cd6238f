"""Least squares above 0: against every choice of columns, one by one."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.rig.nonnegative import nonnegative_least_squares

CHECKED = settings(derandomize=True, deadline=None, max_examples=60)


def by_trial(gram: Array, products: Array) -> Array:
    """The best of all solutions that are 0 but on some columns."""
    best, least = np.zeros(len(gram)), 0.0
    for size in range(1, len(gram) + 1):
        for chosen in combinations(range(len(gram)), size):
            some = np.array(chosen)
            x = np.zeros(len(gram))
            x[some] = np.linalg.solve(gram[np.ix_(some, some)], products[some])
            value = float(x @ gram @ x - 2 * products @ x)
            if x.min() >= 0 and value < least:
                best, least = x, value
    return best


@CHECKED
@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0, 3))
def test_no_choice_of_columns_does_better(seed: int, columns: int, alike: float) -> None:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(columns, 8)) + alike
    gram = rows @ rows.T + 1e-3 * np.eye(columns)
    products = random.normal(size=(5, 8)) @ rows.T
    found = nonnegative_least_squares(gram, products)
    expected = [by_trial(gram, each) for each in products]
    np.testing.assert_allclose(found, expected, atol=1e-7 * (1 + np.abs(expected).max()))


def test_many_right_sides_are_solved_like_each_alone() -> None:
    random = np.random.default_rng(0)
    rows = random.uniform(0, 1, (52, 60))
    gram, products = rows @ rows.T + 0.01 * np.eye(52), random.normal(size=(3, 700, 60)) @ rows.T
    found = nonnegative_least_squares(gram, products)
    assert found.shape == products.shape
    assert found.min() >= 0
    slope = found @ gram - products
    assert slope.min() > -1e-8
    assert np.abs(slope[found > 0]).max() < 1e-8
    np.testing.assert_allclose(nonnegative_least_squares(gram, products[1, 33]), found[1, 33], atol=1e-10)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3), (3,)])
def test_any_leading_axes(shape: tuple[int, ...]) -> None:
    assert nonnegative_least_squares(np.eye(3), np.zeros(shape)).shape == shape
