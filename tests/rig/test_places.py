import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.face import LANDMARKS
from mien.rig.compact import compact_model
from mien.rig.places import Places

CHECKED = settings(derandomize=True, deadline=None, max_examples=40)
VERTICES = 200


def made(seed: int) -> Places:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(3), LANDMARKS)
    return Places(rng.integers(0, VERTICES, (LANDMARKS, 3)), shares)


def surface(seed: int, leading: tuple[int, ...] = ()) -> Array:
    return np.random.default_rng(seed).normal(size=(*leading, VERTICES, 3))


@CHECKED
@given(st.integers(0, 10_000))
def test_a_place_is_the_mixture_of_its_corners(seed: int) -> None:
    places, vertices = made(seed), surface(seed + 1)
    points = places.on(vertices)
    assert points.shape == (LANDMARKS, 3)
    for k in (0, 17, LANDMARKS - 1):
        corners = vertices[places.corners[k]]
        np.testing.assert_allclose(points[k], places.shares[k] @ corners, atol=1e-12)
        assert (points[k] <= corners.max(0) + 1e-9).all()
        assert (points[k] >= corners.min(0) - 1e-9).all()


@CHECKED
@given(st.integers(0, 10_000), st.floats(-3, 3), st.floats(-3, 3))
def test_places_are_linear_so_offsets_are_carried_as_surfaces_are(seed: int, a: float, b: float) -> None:
    places, one, other = made(seed), surface(seed + 1), surface(seed + 2)
    together = places.on(a * one + b * other)
    np.testing.assert_allclose(together, a * places.on(one) + b * places.on(other), atol=1e-9)


@CHECKED
@given(st.integers(0, 10_000), st.tuples(*[st.floats(-5, 5)] * 3))
def test_what_moves_the_surface_as_a_whole_moves_the_points(seed: int, way: tuple[float, ...]) -> None:
    places, vertices = made(seed), surface(seed + 1)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    expected = places.on(vertices) @ turn.T + way
    np.testing.assert_allclose(places.on(vertices @ turn.T + way), expected, atol=1e-9)


def test_many_surfaces_are_read_one_by_one() -> None:
    places, vertices = made(0), surface(1, (2, 3))
    points = places.on(vertices)
    assert points.shape == (2, 3, LANDMARKS, 3)
    for row in np.ndindex(2, 3):
        np.testing.assert_allclose(points[row], places.on(vertices[row]), atol=1e-12)


def test_a_smaller_surface_is_refused() -> None:
    with pytest.raises(IndexError):
        made(0).on(surface(0)[:50])


@pytest.mark.parametrize("factor", [0.0, 0.99, 1.01, -1.0])
def test_shares_must_sum_to_one(factor: float) -> None:
    whole = made(0)
    shares = whole.shares.copy()
    shares[7] *= factor
    with pytest.raises(ValueError, match="must sum to 1"):
        Places(whole.corners, shares)


def test_shares_beyond_an_edge_are_allowed() -> None:
    """A point beside the surface that its nearest triangle is carried on to."""
    whole = made(0)
    shares = whole.shares.copy()
    shares[3] = 1.5, -0.25, -0.25
    Places(whole.corners, shares)


def test_corners_must_be_indices_from_nought() -> None:
    whole = made(0)
    corners = whole.corners.copy()
    corners[5, 1] = -1
    with pytest.raises(ValueError, match="indices from 0"):
        Places(corners, whole.shares)


@pytest.mark.parametrize("name", ["corners", "shares"])
@pytest.mark.parametrize("shape", [(468, 3), (LANDMARKS, 4), (LANDMARKS,)])
def test_arrays_of_another_shape_are_named(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"{name} must have shape"):
        dataclasses.replace(made(0), **{name: np.full(shape, 1 / 3)})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_shares_are_finite(value: float) -> None:
    whole = made(0)
    shares = whole.shares.copy()
    shares[0, 0] = value
    with pytest.raises(ValueError, match="shares"):
        Places(whole.corners, shares)


def test_places_are_frozen() -> None:
    places = compact_model().ict
    with pytest.raises(ValueError, match="read-only"):
        places.shares[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        places.corners[0] = 0
