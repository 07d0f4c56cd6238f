"""A take has one identity, which settles; and what another reading expects is heeded."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from made_fits import (
    CHECKED,
    PLACES,
    SEEDS,
    UNBIASED,
    USUAL,
    correlation,
    expression,
    face,
    fitter,
    made,
    person,
    surface_error,
    turned,
)

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import LANDMARKS
from mien.core.geometry import rotation_from_angles
from mien.rig.fit import FitOptions, TakeFitter, fit_take

# --- what another reading expects -------------------------------------------------------------------------------------


@settings(CHECKED, max_examples=6)
@given(SEEDS)
def test_what_is_expected_rightly_helps_where_points_are_noisy(seed: int) -> None:
    _, weights, _, points = made(seed)
    noisy = points + np.random.default_rng(seed).normal(0, 3, points.shape)
    alone, helped = fitter().fit(noisy), fitter().fit(noisy, expected=weights)
    assert np.abs(helped.weights - weights).mean() < np.abs(alone.weights - weights).mean()


@settings(CHECKED, max_examples=6)
@given(SEEDS)
def test_believed_in_without_end_the_expected_is_what_comes_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    expected = expression(rng, 8)
    fit = fitter(replace(USUAL, belief=1e9, steps=200)).fit(made(seed)[3], expected=expected)
    np.testing.assert_allclose(fit.weights, expected, atol=2e-3)


def test_believed_in_hardly_at_all_the_points_decide() -> None:
    _, weights, _, points = made(3)
    fit = fitter(replace(UNBIASED, belief=1e-3)).fit(points, expected=expression(np.random.default_rng(9), 8))
    assert np.abs(fit.weights - weights).mean() < 0.01


def test_a_take_hands_on_what_is_expected() -> None:
    _, _, _, points = made(4)
    expected = expression(np.random.default_rng(1), 6)
    seen = TakeFitter(fitter()).see(points, expected)
    np.testing.assert_array_equal(seen.weights, fitter().fit(points, expected=expected).weights)


# --- a take -----------------------------------------------------------------------------------------------------------


def performance(seed: int, frames: int = 50) -> tuple[Array, Array, Array]:
    """Somebody's shape, weights [T, 52] and landmarks [T, 478, 3]: eight channels come and go, the head sways."""
    rng = np.random.default_rng(seed)
    shape, time = person(rng), np.arange(frames)[:, None]
    weights = np.zeros((frames, len(ARKIT)))
    weights[:, rng.permutation(PLACES)[:8]] = 0.8 * np.clip(
        np.sin(time * rng.uniform(0.05, 0.3, 8) + rng.uniform(0, 6, 8)), 0, 1
    )
    angles = 0.15 * np.sin(time * [0.1, 0.13, 0.07])
    rotations = [rotation_from_angles(*each) for each in angles]
    return shape, weights, np.array([face(shape, w, r) for w, r in zip(weights, rotations, strict=True)])


@pytest.mark.parametrize("seed", range(3))
def test_an_identity_settles_near_the_true_one_and_every_frame_is_explained(seed: int) -> None:
    shape, weights, landmarks = performance(seed)
    take = TakeFitter(fitter())
    assert take.shape.shape == (0,)
    fits, errors = [], []
    for points in landmarks:
        fits.append(take.see(points))
        errors.append(surface_error(take.shape, shape))
    strangers = [fitter().fit(points) for points in landmarks[::5]]
    alone = np.mean([surface_error(fit.shape, shape) for fit in strangers])
    assert errors[-1] < 1.15 * alone, "mm: what single frames say on average, and it is one person now"
    assert errors[-1] < 0.6 * surface_error(shape, np.zeros_like(shape))
    assert np.ptp(errors[-10:]) < 0.05, "mm: it has settled"
    assert max(fit.residual for fit in fits) < 0.5
    assert correlation(np.array([fit.weights for fit in fits]), weights) > 0.93


@pytest.mark.parametrize("seed", range(2))
def test_a_whole_take_has_one_identity(seed: int) -> None:
    shape, weights, landmarks = performance(seed + 10, 30)
    found, fits = fit_take(fitter(), landmarks)
    assert len(fits) == 30
    assert all((fit.shape == found).all() for fit in fits)
    assert surface_error(found, shape) < 0.5 * surface_error(shape, np.zeros_like(shape))
    assert correlation(np.array([fit.weights for fit in fits]), weights) > 0.93
    again, _ = fit_take(fitter(), landmarks)
    np.testing.assert_array_equal(again, found)


def test_who_is_seen_first_does_not_decide() -> None:
    """Wishes make a strong expression look like another person; the further frames put it right."""
    rng = np.random.default_rng(8)
    shape = person(rng)
    strong = face(shape, expression(rng, 12), turned(rng, 0.1))
    calm = [face(shape, np.zeros(52), turned(rng, 0.1)) for _ in range(60)]
    take = TakeFitter(fitter())
    take.see(strong)
    first = surface_error(take.shape, shape)
    for points in calm:
        take.see(points)
    last = surface_error(take.shape, shape)
    assert last < 0.7 * first
    assert last < 1.8 * surface_error(fitter().fit(calm[0]).shape, shape)


def test_memory_bounds_how_long_an_identity_learns() -> None:
    rng = np.random.default_rng(9)
    one, other = (face(person(rng), np.zeros(52), np.eye(3)) for _ in range(2))
    errors = []
    for memory in (5, 1000):
        take = TakeFitter(fitter(FitOptions(memory=memory)))
        for points in [one] * 20 + [other] * 20:
            take.see(points)
        errors.append(surface_error(take.shape, fitter().fit(other).shape))
    assert errors[0] < 0.8 * errors[1]


def test_takes_do_not_know_each_other() -> None:
    _, _, landmarks = performance(1, 6)
    alone = [fit.weights for fit in map(TakeFitter(fitter()).see, landmarks)]
    one, other = TakeFitter(fitter()), TakeFitter(fitter())
    for points, expected in zip(landmarks, alone, strict=True):
        other.see(points * [1, 1.2, 1])
        np.testing.assert_array_equal(one.see(points).weights, expected)


def test_no_frames_are_no_one() -> None:
    found, fits = fit_take(fitter(), np.zeros((0, LANDMARKS, 3)))
    assert (found.shape, fits) == ((0,), ())
