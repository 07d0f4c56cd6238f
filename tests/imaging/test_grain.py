"""Grain is measured as it is sown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.imaging.grain import roughness, sown

quiet = settings(derandomize=True, deadline=None, max_examples=25)
EVERYWHERE = np.ones((64, 64), bool)


@quiet
@given(st.floats(5, 14), st.integers(0, 1000))
def test_what_is_sown_is_as_rough_as_was_asked(rough: float, seed: int) -> None:
    grey = np.clip(128 + sown(64, 64, rough, (seed, 3)), 0, 255)
    picture = np.repeat(np.rint(grey).astype(np.uint8), 3, axis=2)
    assert roughness(picture, EVERYWHERE) == pytest.approx(rough, abs=1.48)  # a median of whole grey levels


def test_the_same_seed_sows_the_same() -> None:
    np.testing.assert_array_equal(sown(8, 9, 5.0, (1, 2)), sown(8, 9, 5.0, (1, 2)))
    assert (sown(8, 9, 5.0, (1, 2)) != sown(8, 9, 5.0, (1, 3))).any()
    assert sown(8, 9, 5.0, (1, 2)).shape == (8, 9, 1)
    assert (sown(8, 9, 5.0, (-1, 2)) != sown(8, 9, 5.0, (1, 2))).any(), "left of a picture, too"


def test_an_edge_is_not_rough_and_neither_is_nothing() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 200
    assert roughness(picture, EVERYWHERE) == 0
    assert roughness(picture, ~EVERYWHERE) == 0
