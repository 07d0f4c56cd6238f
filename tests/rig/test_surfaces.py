"""Closest points and laying faces over each other: against many points of triangles, and known similarities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_flame import sphere

from mien.core.arrays import Array
from mien.core.geometry import Similarity, rotation_from_angles
from mien.rig.surfaces import Surface, aligned, barycentric_of_closest, largest_piece, nose_tip, placed

CHECKED = settings(derandomize=True, deadline=None, max_examples=60)
RESTING = Similarity(1.0, np.eye(3), np.zeros(3))


def bumpy() -> tuple[Array, Array]:
    """A head-sized ball with a nose, brows and a cheek, so that it fits over itself in one way only. Axes of a head."""
    ball, triangles = sphere(24, 40)
    bumps = (([0, 0, -1], 0.25, 6.0), ([0.6, -0.5, -0.7], 0.15, 10.0), ([-0.5, 0.6, -0.6], 0.12, 8.0))
    size = np.ones(len(ball))
    for where, height, sharpness in bumps:
        direction = np.array(where) / np.linalg.norm(where)
        size += height * np.exp(sharpness * (ball @ direction - 1))
    return 0.09 * ball * size[:, None], triangles


@CHECKED
@given(st.integers(0, 100_000))
def test_no_place_of_a_triangle_is_closer(seed: int) -> None:
    random = np.random.default_rng(seed)
    corners, point = random.normal(size=(3, 3)), random.normal(size=3)
    shares = barycentric_of_closest(point, corners)
    assert shares.min() >= 0
    assert shares.sum() == pytest.approx(1)
    found = np.linalg.norm(shares @ corners - point)
    trials = random.dirichlet([0.5, 0.5, 0.5], 2000)
    assert found <= np.linalg.norm(trials @ corners - point, axis=1).min() + 1e-9


def test_a_triangle_without_area_is_a_line() -> None:
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    shares = barycentric_of_closest(np.array([1.5, 1, 0]), corners)
    np.testing.assert_allclose(shares @ corners, [1.5, 0, 0], atol=1e-9)
    point = np.array([0.3, 0.4, 0.1])
    np.testing.assert_allclose(barycentric_of_closest(point, np.zeros((3, 3))).sum(), 1)


def test_the_closest_place_is_that_of_all_triangles() -> None:
    vertices, triangles = bumpy()
    random = np.random.default_rng(0)
    points = random.normal(size=(300, 3)) * 0.09
    contact = Surface(vertices, triangles).closest(points, points)
    shares = barycentric_of_closest(points[:, None], vertices[triangles])
    places = np.einsum("qfc,fcd->qfd", shares, vertices[triangles])
    nearest = np.linalg.norm(places - points[:, None], axis=-1).min(1)
    found = np.linalg.norm(contact.points - points, axis=1)
    assert (found >= nearest - 1e-12).all()
    assert (found - nearest < 1e-9).mean() > 0.8  # from deep inside, the nearest triangle may lie far from its corners


def test_carried_values_are_those_of_the_place() -> None:
    vertices, triangles = bumpy()
    surface = Surface(vertices, triangles)
    contact = surface.closest(vertices * 1.01, vertices)
    np.testing.assert_allclose(contact.carried(vertices), contact.points, atol=1e-12)
    twice = contact.carried(np.stack([vertices, 3 * vertices]))
    np.testing.assert_allclose(twice, np.stack([contact.points, 3 * contact.points]), atol=1e-12)
    some = contact.at(np.array([3, 5]))
    np.testing.assert_array_equal(some.points, contact.points[[3, 5]])


def test_of_two_sheets_the_one_that_looks_the_same_way_is_met() -> None:
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    up, down = np.array([[0, 1, 2], [0, 2, 3]]), np.array([[4, 6, 5], [4, 7, 6]])
    surface = Surface(np.concatenate([square, square + np.array([0, 0, 0.1])]), np.concatenate([up, down]))
    points = np.full((2, 3), [0.4, 0.3, 0.09])
    contact = surface.closest(points, np.array([[0.0, 0, 1], [0, 0, -1]]))
    np.testing.assert_allclose(contact.points[:, 2], [0, 0.1], atol=1e-12)
    assert contact.agrees.all()
    sideways = surface.closest(points[:1], np.array([[1.0, 0, 0]]))
    assert not sideways.agrees.any()


def test_the_largest_piece_is_the_skin_and_not_the_eyes() -> None:
    ball, triangles = sphere(6, 8)
    head, head_triangles = sphere(20, 30)
    order = np.random.default_rng(0).permutation(len(ball) * 2 + len(head))  # whatever the numbering
    whole = np.concatenate([triangles, head_triangles + len(ball), triangles + len(ball) + len(head)])
    found = largest_piece(order[whole])
    np.testing.assert_array_equal(found, len(triangles) + np.arange(len(head_triangles)))
    assert largest_piece(np.zeros((0, 3), int)).shape == (0,)


def test_points_beyond_the_border_find_no_partner() -> None:
    grid = np.stack([*np.meshgrid(np.linspace(0, 0.1, 11), np.linspace(0, 0.1, 11)), np.zeros((11, 11))], -1)
    here = (np.arange(10) + 11 * np.arange(10)[:, None]).ravel()
    triangles = np.concatenate([[[k, k + 1, k + 12], [k, k + 12, k + 11]] for k in here])
    points = np.array([[0.05, 0.05, 0.006], [0.05, 0.0985, 0.006], [0.05, 0.101, 0.001], [0.05, 0.107, 0.0]])
    contact = Surface(grid.reshape(-1, 3), triangles).closest(points, np.tile([0.0, 0, 1], (4, 1)))
    assert contact.agrees.tolist() == [True, True, True, False]


def test_the_nose_is_found_where_it_points_forward() -> None:
    vertices, _ = bumpy()
    tip = nose_tip(vertices)
    assert tip[2] == vertices[:, 2].min()
    np.testing.assert_allclose(tip[:2], 0, atol=0.01)


@settings(CHECKED, max_examples=5)
@given(st.tuples(*[st.floats(-0.06, 0.06)] * 3), st.floats(0.93, 1.07), st.tuples(*[st.floats(-0.008, 0.008)] * 3))
def test_a_face_is_laid_over_its_moved_self(
    angles: tuple[float, float, float], scale: float, shift: tuple[float, float, float]
) -> None:
    vertices, triangles = bumpy()
    truth = Similarity(scale, rotation_from_angles(*angles), np.array(shift))
    surface = Surface(placed(truth, vertices), triangles)
    start = Similarity(1.0, np.eye(3), nose_tip(surface.vertices) - nose_tip(vertices))
    found = aligned(vertices, triangles, surface, np.arange(0, len(vertices), 4), start, 8)
    away = np.linalg.norm(placed(found, vertices) - surface.vertices, axis=1)
    assert away.max() < 1e-6


def test_surfaces_that_look_away_from_each_other_are_refused() -> None:
    vertices, triangles = bumpy()
    inside_out = Surface(vertices, triangles[:, ::-1])
    with pytest.raises(ValueError, match="do not look the same way"):
        aligned(vertices, triangles, inside_out, np.arange(50), RESTING, 1)
