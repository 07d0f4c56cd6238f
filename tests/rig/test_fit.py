"""Landmarks that the rig itself made are explained by what they were made of, wherever the head is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_fits import (
    CHECKED,
    MIDDLE,
    PLACES,
    SCALE,
    SEEDS,
    UNBIASED,
    USUAL,
    correlation,
    face,
    fitter,
    made,
    person,
    surface_error,
)
from portraits import mirror

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS
from mien.core.geometry import rotation_from_angles
from mien.detect.shape import mean_face
from mien.rig.compact import MOVED, CompactModel, compact_model, turn_features
from mien.rig.fit import FaceFit, FitOptions, Fitter, _Bounded, residual

SIDED = [
    (name, name.replace("Left", "Right"))
    for name in MOVED
    if name.endswith("Left") and not name.startswith("eyeLook") and name not in ("jawLeft", "mouthLeft")
]
"""Channels that faces mostly move alike on both sides."""


# --- a face -----------------------------------------------------------------------------------------------------------


@CHECKED
@given(SEEDS)
def test_without_wishes_a_made_face_comes_back_as_it_was_made(seed: int) -> None:
    """Weights to a fiftieth, points to a hundredth of a percent of the inter-ocular distance, the head to the digit."""
    shape, weights, rotation, points = made(seed)
    fit = fitter(UNBIASED).fit(points)
    assert fit.residual < 0.01
    np.testing.assert_allclose(fit.weights, weights, atol=0.03)
    assert np.abs(fit.weights - weights).mean() < 2e-3
    np.testing.assert_allclose(fit.shape, shape, atol=0.25)
    assert surface_error(fit.shape, shape) < 0.03
    np.testing.assert_allclose(fit.head.rotation, rotation, atol=1e-3)
    assert fit.head.scale == pytest.approx(SCALE, rel=1e-3)


@CHECKED
@given(SEEDS)
def test_of_somebody_known_the_weights_come_back_to_a_thousandth(seed: int) -> None:
    shape, weights, _, points = made(seed)
    fit = fitter(UNBIASED).fit(points, shape)
    np.testing.assert_allclose(fit.weights, weights, atol=3e-3)
    assert fit.residual < 1e-3


@CHECKED
@given(SEEDS)
def test_with_wishes_what_is_seen_is_explained_by_nearly_the_weights_that_made_it(seed: int) -> None:
    """Who somebody is and what they do can look the same: channels lose a part of themselves to identity."""
    shape, weights, _, points = made(seed)
    stranger, friend = fitter().fit(points), fitter().fit(points, shape)
    assert stranger.residual < 0.6
    assert np.abs(stranger.weights - weights).mean() < 0.06
    assert correlation(stranger.weights, weights) > 0.75
    assert friend.residual < 0.3
    assert np.abs(friend.weights - weights).mean() < 0.03
    assert correlation(friend.weights, weights) > 0.85


def test_a_resting_face_is_at_rest() -> None:
    fit = fitter().fit(SCALE * compact_model().mean.astype(np.float64) + MIDDLE)
    assert not fit.weights.any()
    assert np.abs(fit.shape).max() < 1e-3
    assert fit.residual < 1e-3
    np.testing.assert_allclose(fit.head.rotation, np.eye(3), atol=1e-6)
    assert fit.head.scale == pytest.approx(SCALE)


@CHECKED
@given(SEEDS, st.floats(0.001, 0.05))
def test_weights_are_fractions_whatever_is_shown(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    points = SCALE * (compact_model().mean + rng.normal(0, noise, (LANDMARKS, 3)))
    shape = rng.normal(0, 2, fitter().identities)
    for fit in (fitter().fit(points), fitter().fit(points, shape, rng.uniform(0, 1, 52))):
        assert fit.weights.shape == (52,)
        assert fit.weights.dtype == np.float32
        assert ((fit.weights >= 0) & (fit.weights <= 1)).all()
        assert fit.weights[ARKIT.index("tongueOut")] == 0
        assert all(np.isfinite(part).all() for part in (fit.shape, fit.points, fit.residual, fit.head.rotation))


@CHECKED
@given(SEEDS)
def test_what_a_reader_sees_of_a_turned_head_is_what_made_faces_show(seed: int) -> None:
    """Their points do what a reader's do; laid bare of it and read again, they are where they were: of a usual face at
    rest, whose turn can be told exactly."""
    _, _, rotation, _ = made(seed)
    points = face(np.zeros(fitter().identities), np.zeros(len(ARKIT)), rotation)
    turns = SCALE * np.tensordot(turn_features(rotation), compact_model().turns, 1) @ rotation.T
    again = fitter().as_read(points - turns)
    np.testing.assert_allclose(again, points, atol=1e-6 * SCALE)
    nearer = fitter().as_read(3 * (points - turns) + MIDDLE)
    np.testing.assert_allclose(nearer, 3 * again + MIDDLE, atol=1e-6 * SCALE)


def test_landmarks_are_left_as_they_are() -> None:
    points = made(3)[3]
    before, start = points.copy(), np.full(52, 0.5)
    fitter().fit(points, np.zeros(fitter().identities), start)
    np.testing.assert_array_equal(points, before)
    assert (start == 0.5).all()


def test_the_fitted_points_are_the_rigs_in_the_picture() -> None:
    points = made(4)[3]
    fit = fitter(replace(FitOptions(), outlier=1.0)).fit(points)
    # The head is laid anew over the last face; what turning does to the points was told by the turn before that.
    expected = face(
        fit.shape, fit.weights.astype(np.float64), fit.head.rotation, float(fit.head.scale), fit.head.translation
    )
    np.testing.assert_allclose(fit.points, expected, atol=0.3)
    assert fit.residual == residual(fit.points, points)


def test_more_wish_for_few_channels_leaves_fewer() -> None:
    points = made(5)[3]
    counts = [(fitter(FitOptions(sparsity=wish)).fit(points).weights > 0.01).sum() for wish in (0.0, 2.0, 30.0, 1e6)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2]
    assert counts[-1] == 0


@CHECKED
@given(SEEDS)
def test_a_wish_for_even_sides_makes_them_more_even_and_looks_no_more(seed: int) -> None:
    *_, points = made(seed)
    trembling = points + np.random.default_rng(seed).normal(size=points.shape) * 2e-3 * SCALE
    none, much = (fitter(replace(USUAL, evenness=wish)).fit(trembling).weights for wish in (0.0, 1e4))
    left, right = (ARKIT.indices(names) for names in zip(*SIDED, strict=True))
    apart = [float(np.abs(found[left] - found[right]).mean()) for found in (none, much)]
    assert apart[1] < 0.5 * apart[0] + 1e-3
    assert not any(name.startswith(("eyeLook", "jaw")) for pair in SIDED for name in pair)


def test_a_wish_for_the_usual_makes_faces_more_usual() -> None:
    points = made(6)[3]
    sizes = [np.linalg.norm(fitter(FitOptions(identity=wish)).fit(points).shape) for wish in (0.1, 2.0, 40.0, 1e9)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 1e-3


# --- wherever the head is ---------------------------------------------------------------------------------------------


@CHECKED
@given(SEEDS, st.floats(0.05, 20), st.floats(-3.1, 3.1), st.tuples(*[st.floats(-2000, 2000)] * 3))
def test_place_size_and_roll_in_the_picture_do_not_matter(
    seed: int, size: float, roll: float, way: tuple[float, ...]
) -> None:
    points = made(seed)[3]
    rotation = rotation_from_angles(0, 0, roll)
    here, there = fitter().fit(points), fitter().fit(size * points @ rotation.T + way)
    np.testing.assert_allclose(there.weights, here.weights, atol=1e-5)
    np.testing.assert_allclose(there.shape, here.shape, atol=1e-6)
    np.testing.assert_allclose(there.points, size * here.points @ rotation.T + way, atol=1e-5 * max(size, 1))
    assert there.residual == pytest.approx(here.residual, rel=1e-6)
    assert there.head.scale == pytest.approx(size * here.head.scale)
    np.testing.assert_allclose(there.head.rotation, rotation @ here.head.rotation, atol=1e-7)


@CHECKED
@given(SEEDS)
def test_a_face_in_the_mirror_has_the_mirrored_weights_and_the_mirrored_identity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = made(seed)[3] + rng.normal(0, 1.5, (LANDMARKS, 3))
    here, there = fitter().fit(points), fitter().fit((points * [-1, 1, 1])[mirror()])
    np.testing.assert_allclose(there.weights, here.weights[ARKIT.mirror], atol=1e-4)
    assert there.residual == pytest.approx(here.residual, abs=1e-4)
    np.testing.assert_allclose(there.points, (here.points * [-1, 1, 1])[mirror()], atol=1e-2)
    np.testing.assert_allclose(np.abs(there.shape), np.abs(here.shape), atol=1e-3)


def test_depth_counts_less_than_the_picture() -> None:
    """Its guesses are the reader's weakest: noise in it does less harm the less it is worth."""
    rng = np.random.default_rng(0)
    harm = {depth: 0.0 for depth in (0.03, 0.3, 3.0)}
    for seed in range(5):
        points, noise = made(seed)[3], np.zeros((LANDMARKS, 3))
        noise[:, 2] = rng.normal(0, 3, LANDMARKS)
        for depth in harm:
            judge = fitter(FitOptions(depth=depth))
            harm[depth] += float(np.abs(judge.fit(points + noise).weights - judge.fit(points).weights).sum())
    assert harm[0.03] < harm[0.3] < harm[3.0]
    assert FitOptions().depth < 1


# --- points that are wrong --------------------------------------------------------------------------------------------


@CHECKED
@given(SEEDS)
def test_a_twentieth_of_the_points_far_away_change_little(seed: int) -> None:
    """They are moved by a third to the whole of the distance of the eyes, each its own way."""
    rng = np.random.default_rng(seed)
    shape, _, _, points = made(seed)
    spoiled = points.copy()
    wrong = rng.permutation(468)[:24]
    spoiled[wrong] += rng.choice([-1, 1], (24, 3)) * rng.uniform(30, 90, (24, 3))
    clean, robust = fitter().fit(points), fitter().fit(spoiled)
    trusting = fitter(FitOptions(outlier=1.0)).fit(spoiled)
    change = np.abs(robust.weights - clean.weights).mean()
    assert change < 0.03
    assert change < 0.4 * np.abs(trusting.weights - clean.weights).mean()
    known, spoiled_known = (
        fitter().fit(points, shape),
        fitter().fit(spoiled, shape, fitter().fit(points, shape).weights),
    )
    assert np.abs(spoiled_known.weights - known.weights).mean() < 0.03


def test_points_that_are_all_one_are_no_face_but_do_not_stop_the_fit() -> None:
    """The rig is never a point, so there is always a head: one of no size."""
    fit = fitter().fit(np.tile([100.0, 80.0, 0.0], (LANDMARKS, 1)))
    assert isinstance(fit, FaceFit)


# --- somebody known ---------------------------------------------------------------------------------------------------


@CHECKED
@given(SEEDS)
def test_a_given_shape_is_kept(seed: int) -> None:
    shape, _, _, points = made(seed)
    other = person(np.random.default_rng(seed + 1))
    fit = fitter().fit(points, other)
    np.testing.assert_array_equal(fit.shape, other)
    assert fit.residual > fitter().fit(points, shape).residual


@settings(CHECKED, max_examples=4)
@given(SEEDS)
def test_whoever_starts_from_the_answer_stays_there(seed: int) -> None:
    """As near as the steps allow: five rounds leave about a hundredth to be done, twelve less."""
    points = made(seed)[3]
    for options, most, mean in ((USUAL, 0.25, 0.03), (FitOptions(rounds=12, steps=150), 0.1, 0.01)):
        first = fitter(options).fit(points)
        again = fitter(options).fit(points, first.shape, first.weights)
        np.testing.assert_allclose(again.weights, first.weights, atol=most)
        assert np.abs(again.weights - first.weights).mean() < mean
        assert again.residual == pytest.approx(first.residual, abs=0.02)
        assert surface_error(fitter(options).person(again, points), first.shape) < 0.1


@settings(CHECKED, max_examples=4)
@given(SEEDS)
def test_whatever_it_starts_from_is_forgotten(seed: int) -> None:
    shape, _, _, points = made(seed)
    starts = np.random.default_rng(seed + 1).uniform(0, 1, 52), np.zeros(52)
    options = FitOptions(further=6, steps=400, outlier=1.0)
    one, other = (fitter(options).fit(points, shape, start) for start in starts)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-3)


# --- the bounded least squares ----------------------------------------------------------------------------------------


def descended(gram: Array, pull: Array) -> Array:
    """The same minimum one weight after the other: slow, and plain to see."""
    weights = np.zeros(len(gram))
    for _ in range(5000):
        before = weights.copy()
        for k in range(len(gram)):
            weights[k] = np.clip(weights[k] + (pull[k] - gram[k] @ weights) / gram[k, k], 0, 1)
        if np.abs(weights - before).max() < 1e-8:
            break
    return weights


@settings(derandomize=True, deadline=None, max_examples=8)
@given(SEEDS, st.integers(1, 14), st.floats(0.01, 10))
def test_the_bounded_solver_finds_the_minimum(seed: int, size: int, ease: float) -> None:
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(size, size + 3)) * rng.uniform(0.3, 3, (size, 1))
    gram = directions @ directions.T + ease * np.eye(size)
    pull = gram @ rng.normal(0.4, 0.6, size)
    found = _Bounded(gram, 2000).solve(pull, rng.uniform(0, 1, size))
    np.testing.assert_allclose(found, descended(gram, pull), atol=1e-3)
    assert (found >= 0).all()
    assert (found <= 1 + 1e-12).all()


def test_the_bounded_solver_finds_the_minimum_of_the_rigs_own_problem() -> None:
    model, options, rng = compact_model(), FitOptions(), np.random.default_rng(0)
    expressions = model.expressions.reshape(len(MOVED), -1).astype(np.float64)
    weigh = 1 / options.deviation**2 / (2 * LANDMARKS)
    gram = weigh * expressions @ expressions.T + options.ease * np.eye(len(MOVED))
    pull = gram @ np.clip(rng.normal(0, 0.5, len(MOVED)), 0, 1) + rng.normal(size=len(MOVED)) * np.sqrt(np.diag(gram))
    reference = descended(gram, pull)
    assert 5 < ((reference > 0) & (reference < 1)).sum() < len(MOVED)
    start = np.zeros(len(MOVED))
    np.testing.assert_allclose(_Bounded(gram, 1000).solve(pull, start), reference, atol=1e-3)

    def loss(weights: Array) -> float:
        return float(weights @ gram @ weights / 2 - pull @ weights)

    few = [loss(_Bounded(gram, steps).solve(pull, start)) for steps in (1, 10, FitOptions().steps, 1000)]
    assert few == sorted(few, reverse=True)
    assert few[2] - loss(reference) < 0.01 * (loss(start) - loss(reference))


# --- residual ---------------------------------------------------------------------------------------------------------


@CHECKED
@given(SEEDS, st.floats(0.1, 50), st.floats(-100, 100))
def test_a_residual_is_the_mean_distance_in_the_picture_over_that_of_the_eyes(
    seed: int, away: float, depth: float
) -> None:
    points = made(seed)[3]
    eyes = np.linalg.norm(points[IRIS_RIGHT, :2] - points[IRIS_LEFT, :2])
    moved = points + np.array([0.6 * away, -0.8 * away, depth])
    assert residual(moved, points) == pytest.approx(100 * away / eyes)
    assert residual(3 * moved[:, :2], 3 * points[:, :2]) == pytest.approx(residual(moved, points))
    assert residual(points, points) == 0


def test_a_residual_without_distance_between_the_eyes_is_finite() -> None:
    points = np.tile([1.0, 2.0, 3.0], (LANDMARKS, 1))
    assert np.isfinite(residual(points + 1, points))


# --- the reading ------------------------------------------------------------------------------------------------------


def head_motions() -> Array:
    """[7, 1434] shifts, turns and growth of the resting face."""
    mean = compact_model().mean.astype(np.float64)
    about = mean - mean.mean(0)
    shifts = [np.broadcast_to(axis, mean.shape) for axis in np.eye(3)]
    turns = [np.cross(axis, about) for axis in np.eye(3)]
    return np.array([*shifts, *turns, about]).reshape(7, -1)


def test_a_reading_is_regularised_least_squares_over_person_head_and_weights() -> None:
    model, options = compact_model(), USUAL
    weights = model.expressions.reshape(len(MOVED), -1).astype(np.float64)
    people = model.identities.reshape(len(model.identities), -1).astype(np.float64)
    worth = np.tile([1, 1, options.depth], LANDMARKS) / options.deviation**2 / (2 * LANDMARKS)
    columns = np.concatenate([weights, people, head_motions()])
    wish = np.concatenate([np.full(len(weights), options.ease), np.full(len(people), options.identity), np.zeros(7)])
    offsets = np.random.default_rng(1).normal(size=(weights.shape[1], 3)) * 1e-3
    even = np.zeros((len(SIDED), len(wish)))
    for row, (left, right) in zip(even, SIDED, strict=True):
        row[[MOVED.index(left), MOVED.index(right)]] = np.sqrt(options.evenness) * np.array([1, -1])
    rows = np.concatenate([columns.T * np.sqrt(worth)[:, None], np.diag(np.sqrt(wish)), even])
    wanted = np.concatenate([offsets * np.sqrt(worth)[:, None], np.zeros((len(wish) + len(even), 3))])
    unit = np.linalg.norm(rows, axis=0)
    found = np.linalg.lstsq(rows / unit, wanted, rcond=None)[0] / unit[:, None]
    expected = found[: len(weights)]
    assert fitter().reading.shape == (len(MOVED), 3 * LANDMARKS)
    np.testing.assert_allclose(fitter().reading @ offsets, expected, atol=1e-6 * np.abs(expected).max())


def test_a_reading_takes_no_head_for_an_expression() -> None:
    motions = head_motions()
    added = fitter().reading @ (motions / np.abs(motions).max(1, keepdims=True)).T
    assert np.abs(added).max() < 1e-5 * np.abs(fitter().reading).sum(1).max()


def test_a_reading_without_wishes_knows_each_channel() -> None:
    directions = compact_model().expressions.reshape(len(MOVED), -1)
    np.testing.assert_allclose(fitter(UNBIASED).reading @ directions.T, np.eye(len(MOVED)), atol=0.02)
    shrunk = np.diag(fitter().reading @ directions.T)
    assert ((shrunk > 0) & (shrunk < 1)).all()


def test_a_reading_is_the_linear_part_of_a_fit() -> None:
    """Where no weight is at its bounds, points a little elsewhere change the weights by what is read of them."""
    free = fitter(replace(USUAL, outlier=1.0, rounds=12, steps=400, sparsity=0.0))
    rng = np.random.default_rng(3)
    weights = np.zeros(len(ARKIT))
    weights[PLACES] = 0.5
    points = face(np.zeros(free.identities), weights, np.eye(3))
    added = []
    for _ in range(6):
        moved = rng.normal(size=(LANDMARKS, 3)) * 1e-4
        before, after = (free.fit(each).weights[PLACES] for each in (points, points + SCALE * moved))
        inside = (np.minimum(before, after) > 0.02) & (np.maximum(before, after) < 0.98)
        assert inside.sum() > 40
        added.append(np.stack([(after - before)[inside], (free.reading @ moved.ravel())[inside]]))
    seen, read = np.concatenate(added, 1)
    assert correlation(seen, read) > 0.97


# --- the model --------------------------------------------------------------------------------------------------------


def test_a_smaller_model_is_fitted_with_as_many_identities_as_it_has() -> None:
    model = compact_model()
    small = CompactModel(model.mean, model.identities[:5], model.expressions, model.turns, model.triangles, model.ict)
    few = Fitter(small, mean_face().steadiness)
    points = made(11)[3]
    assert few.identities == 5
    assert few.fit(points).shape.shape == (5,)
    assert few.fit(points).residual > fitter().fit(points).residual
