"""Figures for reporting: against their definitions and against numpy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS
from mien.core.geometry import rotation_from_angles
from mien.metrics import inter_ocular_distance, landmark_error, pearson

CHECKED = settings(derandomize=True, deadline=None, max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)


def test_inter_ocular_distance_is_that_of_the_irises_in_the_plane() -> None:
    points = np.zeros((2, LANDMARKS, 3))
    points[:, IRIS_RIGHT] = [10, 20, -50]
    points[:, IRIS_LEFT] = [[40, 60, 99], [13, 24, 0]]
    np.testing.assert_allclose(inter_ocular_distance(points), [50, 5])
    np.testing.assert_allclose(inter_ocular_distance(points[0, :, :2]), 50)


class TestLandmarkError:
    @CHECKED
    @given(SEEDS, st.floats(0.01, 100), st.floats(-3, 3))
    def test_size_place_and_turn_of_the_picture_drop_out(self, seed: int, scale: float, turn: float) -> None:
        rng = np.random.default_rng(seed)
        true = rng.normal(0, 50, (3, LANDMARKS, 3))
        seen = true + rng.normal(0, 2, true.shape)
        rotation = rotation_from_angles(0, 0, turn)
        shift = rng.normal(0, 100, 3)
        moved = landmark_error(scale * seen @ rotation.T + shift, scale * true @ rotation.T + shift)
        np.testing.assert_allclose(moved, landmark_error(seen, true), rtol=1e-6)

    def test_it_is_nothing_at_equality_and_blind_to_depth(self) -> None:
        true = np.random.default_rng(0).normal(0, 50, (LANDMARKS, 3))
        assert float(landmark_error(true + np.array([0, 0, 9]), true)) == 0

    def test_a_shift_by_the_unit_is_a_hundred_per_cent(self) -> None:
        true = np.random.default_rng(0).normal(0, 50, (LANDMARKS, 2))
        unit = float(inter_ocular_distance(true))
        assert float(landmark_error(true + np.array([unit, 0]), true)) == pytest.approx(100)


class TestPearson:
    @CHECKED
    @given(SEEDS, st.integers(3, 40))
    def test_it_is_numpys(self, seed: int, count: int) -> None:
        one, other = np.random.default_rng(seed).normal(size=(2, count, 5))
        other += one * np.arange(5)
        wanted = [np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, other.T, strict=True)]
        np.testing.assert_allclose(pearson(one, other), wanted, atol=1e-9)
        np.testing.assert_allclose(pearson(other, one), wanted, atol=1e-9)

    def test_a_column_follows_itself_and_opposes_its_negative(self) -> None:
        one = np.random.default_rng(0).normal(size=(20, 3))
        np.testing.assert_allclose(pearson(one, one * [2, 0.1, -3] + 7), [1, 1, -1])

    def test_a_column_that_does_not_vary_says_nothing(self) -> None:
        one = np.stack([np.arange(5.0), np.full(5, 3.0)], 1)
        np.testing.assert_allclose(pearson(one, one), [1, 0])
        np.testing.assert_allclose(pearson(one, one[:, ::-1]), [0, 0])
