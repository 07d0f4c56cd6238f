"""Figures for reporting: against their definitions and against numpy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS
from mien.core.geometry import rotation_from_angles
from mien.metrics import (
    ACTIVE,
    active_error,
    asymmetry,
    class_distances,
    inter_ocular_distance,
    intraclass_correlation,
    landmark_error,
    mean_absolute_error,
    pearson,
    tremble,
)

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


class TestMeanAbsoluteError:
    @CHECKED
    @given(SEEDS)
    def test_it_is_the_mean_over_what_counts_and_nothing_elsewhere(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        seen, true = rng.normal(size=(2, 12, 4))
        counts = rng.random((12, 4)) < 0.5
        counts[0, :3], counts[:, 3] = True, False
        error = mean_absolute_error(seen, true, counts)
        wanted = [np.abs(seen - true)[counts[:, k], k].mean() for k in range(3)]
        np.testing.assert_allclose(error[:3], wanted)
        assert np.isnan(error[3])
        seen[~counts] = 1e6
        np.testing.assert_allclose(mean_absolute_error(seen, true, counts)[:3], wanted)

    def test_only_what_is_truly_active_counts_for_the_active_error(self) -> None:
        true = np.array([[0.0, 0.0], [ACTIVE, 0.0], [0.5, 0.0], [1.0, 0.0]])
        counts = np.array([[True, True]] * 3 + [[False, True]])
        np.testing.assert_allclose(active_error(np.zeros((4, 2)), true, counts), [0.5, np.nan])


class TestIntraclassCorrelation:
    def test_it_gives_what_shrout_and_fleiss_print(self) -> None:
        ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
        found = intraclass_correlation(*(judge[:, None] for judge in ratings.T))
        assert found.shape == (1,)
        assert float(found[0]) == pytest.approx(0.71, abs=0.005)

    @CHECKED
    @given(SEEDS, st.floats(-5, 5))
    def test_an_offset_costs_nothing_and_two_raters_have_no_order(self, seed: int, offset: float) -> None:
        one, other = np.random.default_rng(seed).normal(size=(2, 15, 3))
        other += one
        found = intraclass_correlation(one, other)
        assert (np.abs(found) <= 1).all()
        np.testing.assert_allclose(intraclass_correlation(one + offset, other), found, atol=1e-9)
        np.testing.assert_allclose(intraclass_correlation(other, one), found, atol=1e-9)

    @CHECKED
    @given(SEEDS, st.floats(0.1, 10))
    def test_two_raters_agree_by_their_covariance_in_their_mean_variance(self, seed: int, gain: float) -> None:
        one, noise = np.random.default_rng(seed).normal(size=(2, 20, 2))
        other = gain * one + noise
        covariance = ((one - one.mean(0)) * (other - other.mean(0))).mean(0)
        wanted = covariance / ((one.var(0) + other.var(0)) / 2)
        np.testing.assert_allclose(intraclass_correlation(one, other), wanted, atol=1e-9)

    def test_what_agrees_is_1_and_what_never_varies_0(self) -> None:
        one = np.stack([np.arange(5.0), np.full(5, 0.1), np.arange(5.0)], 1)
        np.testing.assert_allclose(intraclass_correlation(one, one * [1, 3, -1]), [1, 0, -1], atol=1e-12)


def by_pairs(features: Array, one: Array, other: Array, person: Array) -> float:
    """Mean squared distance of unit features over pairs of different people, pair by pair."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    apart = [
        ((unit[a] - unit[b]) ** 2).sum()
        for a in np.flatnonzero(one)
        for b in np.flatnonzero(other)
        if person[a] != person[b]
    ]
    return float(np.mean(apart)) if apart else float("nan")


class TestClassDistances:
    @CHECKED
    @given(SEEDS, st.integers(2, 20), st.integers(1, 6))
    def test_sums_over_faces_are_sums_over_pairs(self, seed: int, count: int, people: int) -> None:
        rng = np.random.default_rng(seed)
        features, state = rng.normal(size=(count, 3, 5)), rng.integers(-1, 2, (count, 3))
        person = rng.integers(people, size=count) * 7 + 3
        found = class_distances(features, state, person)
        for k in range(3):
            up, down = state[:, k] == 1, state[:, k] == -1
            wanted = [by_pairs(features[:, k], a, b, person) for a, b in ((up, up), (down, down), (up, down))]
            measured = [found.appearing[k], found.absent[k], found.between[k]]
            np.testing.assert_allclose(measured, wanted, atol=1e-9)

    @CHECKED
    @given(SEEDS)
    def test_order_and_length_of_features_are_no_matter(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        features, state, person = rng.normal(size=(16, 2, 4)), rng.integers(-1, 2, (16, 2)), rng.integers(5, size=16)
        order, length = rng.permutation(16), rng.uniform(0.1, 9, (16, 2, 1))
        found = class_distances(features, state, person).ratio
        again = class_distances((features * length)[order], state[order], person[order]).ratio
        np.testing.assert_allclose(again, found, rtol=1e-9)

    def test_the_ratio_tells_what_is_told_apart_from_what_is_not(self) -> None:
        rng = np.random.default_rng(0)
        state = np.repeat([[1], [-1]], 200, axis=0)
        blind = rng.normal(size=(400, 1, 6))
        apart = blind + state[..., None] * 4 * np.eye(6)[0]
        person = np.arange(400)
        assert float(class_distances(blind, state, person).ratio[0]) == pytest.approx(1, abs=0.02)
        assert float(class_distances(apart, state, person).ratio[0]) > 4

    def test_only_the_absent_need_be_alike_for_the_ratio_to_them(self) -> None:
        features = np.array([[[1.0, 0]], [[1, 0]], [[1, 0.1]], [[-1, 0]], [[0, 1]], [[0, -1]]])
        state = np.array([[-1]] * 3 + [[1]] * 3)
        found = class_distances(features, state, np.arange(6))
        assert float(found.ratio_to_absent[0]) == pytest.approx(float(found.between[0] / found.absent[0]))
        assert float(found.ratio_to_absent[0]) > 100
        assert float(found.ratio[0]) < 3

    def test_one_person_has_no_pairs_and_alike_features_no_end(self) -> None:
        features, state = np.ones((4, 1, 2)), np.array([[1], [1], [-1], [-1]])
        assert np.isnan(class_distances(features, state, np.zeros(4)).ratio[0])
        assert np.isnan(class_distances(features, state, np.arange(4)).ratio[0])
        assert np.isposinf(class_distances(features * state[..., None], state, np.arange(4)).ratio[0])


class TestAsymmetry:
    @CHECKED
    @given(SEEDS)
    def test_whoever_swaps_the_sides_with_the_picture_has_none(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        weights = rng.random((6, len(ARKIT)))
        np.testing.assert_array_equal(asymmetry(weights, weights[:, ARKIT.mirror]), np.zeros(len(ARKIT)))
        mirrored = rng.random(weights.shape)
        found = asymmetry(weights, mirrored)
        np.testing.assert_allclose(asymmetry(mirrored, weights), found[ARKIT.mirror])

    def test_whoever_does_not_pays_the_difference_of_the_sides(self) -> None:
        weights = np.zeros((2, len(ARKIT)))
        weights[:, ARKIT.index("mouthSmileLeft")] = [0.4, 0.6]
        found = asymmetry(weights, weights)
        assert found[ARKIT.indices(["mouthSmileLeft", "mouthSmileRight"])] == pytest.approx([0.5, 0.5])
        assert found.sum() == pytest.approx(1)


class TestTremble:
    @CHECKED
    @given(SEEDS, st.floats(0, 5))
    def test_it_grows_with_the_wander_and_forgets_the_face(self, seed: int, wander: float) -> None:
        rng = np.random.default_rng(seed)
        moved, faces = rng.normal(size=(8, 5, 3)), rng.normal(size=(5, 3))
        np.testing.assert_allclose(tremble(faces + wander * moved), wander * tremble(moved), atol=1e-9)

    def test_it_is_the_deviation_of_one_view_from_another(self) -> None:
        views = np.random.default_rng(0).normal(0, 0.3, (8, 4000, 2))
        np.testing.assert_allclose(tremble(views), 0.29, atol=0.01)  # 8 views give 0.965 of a deviation
