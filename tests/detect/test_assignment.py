from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.detect.assignment import best_pairs

FEW = settings(max_examples=150, deadline=None)


def greatest(worth: Array, least: float) -> float:
    """The greatest sum by trying everything."""
    gain = np.maximum(worth - least, 0.0)
    if gain.shape[0] > gain.shape[1]:
        gain = gain.T
    rows, columns = gain.shape
    sums = (sum(gain[row, k] for row, k in enumerate(chosen)) for chosen in permutations(range(columns), rows))
    return float(max(sums))


@FEW
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1), st.booleans(), st.floats(-2, 2))
def test_no_other_pairs_are_worth_more(rows: int, columns: int, seed: int, whole: bool, least: float) -> None:
    rng = np.random.default_rng(seed)
    worth = rng.normal(0, 3, (rows, columns))
    worth = np.round(worth) if whole else worth  # many ties
    worth[rng.random(worth.shape) < 0.2] = -np.inf
    pairs = best_pairs(worth, least)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert pairs == sorted(pairs)
    assert all(worth[pair] > least for pair in pairs)
    assert np.isclose(sum(worth[pair] - least for pair in pairs), greatest(worth, least))


def test_nobody_has_a_partner_where_nobody_is() -> None:
    assert best_pairs(np.zeros((0, 3))) == best_pairs(np.zeros((3, 0))) == []
    assert best_pairs(np.full((3, 3), -np.inf)) == []
    assert best_pairs(np.zeros((2, 2))) == []


def test_the_best_for_all_is_not_the_best_for_the_first() -> None:
    assert best_pairs(np.array([[5.0, 4.0], [4.5, 1.0]])) == [(0, 1), (1, 0)]
