"""A bounded field folds nothing, and says its own numbers where they stand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_fits import CHECKED, SEEDS

from mien.core.arrays import Array
from mien.core.field import COLUMNS, HIGH, LEFT, ROWS, TOP, WIDE, MotionField


def field(rng: np.random.Generator, steepest: float = 0.6) -> MotionField:
    """A rough field, as steep as given."""
    rough = MotionField(rng.normal(size=(2, ROWS, COLUMNS)))
    return MotionField(rough.grid * steepest / rough.steepest())


def places(rng: np.random.Generator, count: int = 200) -> Array:
    return np.asarray(rng.uniform([LEFT - 0.3, TOP - 0.3], [LEFT + WIDE + 0.3, TOP + HIGH + 0.3], (count, 2)))


@CHECKED
@given(SEEDS, st.floats(0.0, 0.69))
def test_no_two_places_ever_meet(seed: int, steepest: float) -> None:
    rng = np.random.default_rng(seed)
    some, spots = field(rng, steepest), places(rng)
    near = spots + rng.normal(size=spots.shape) * 0.05
    apart = np.linalg.norm(spots - near, axis=1)
    moved = np.linalg.norm(some.at(spots) - some.at(near), axis=1)
    assert (moved < apart).all()


def test_a_field_says_its_own_numbers_at_its_corners_and_its_rim_beyond() -> None:
    some = field(np.random.default_rng(0))
    corners = np.array([[LEFT, TOP], [LEFT + WIDE, TOP + HIGH], [LEFT - 9, TOP - 9]])
    expected = some.grid[:, [0, -1, 0], [0, -1, 0]].T
    np.testing.assert_allclose(some.at(corners), expected, atol=1e-12)


def test_a_field_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="grid"):
        MotionField(np.zeros((2, ROWS, COLUMNS + 1)))
