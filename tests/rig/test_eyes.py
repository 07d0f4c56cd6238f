import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Gaze
from mien.core.geometry import rotation_from_angles
from mien.core.looks import FULL_LOOK
from mien.rig.eyes import LOOKS, Eye, fit_sphere, turn, with_looks

ANGLES = st.floats(-1, 1)


def cap(centre: Array, radius: float, count: int = 40, least: float = 0.2) -> Array:
    """Points on the front of a ball: z below `-least` of the radius."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points[points[:, 2] < -least][:count] * radius + centre


@settings(derandomize=True, deadline=None)
@given(st.tuples(*[st.floats(-0.2, 0.2)] * 3), st.floats(0.005, 0.03), st.floats(-1, 0.7))
def test_sphere_is_found_from_any_cut_of_it(centre: tuple[float, ...], radius: float, least: float) -> None:
    found, size = fit_sphere(cap(np.array(centre), radius, least=least))
    np.testing.assert_allclose(found, centre, atol=1e-7)
    assert size == pytest.approx(radius, abs=1e-7)


def test_points_in_a_plane_fit_no_one_sphere() -> None:
    flat = np.random.default_rng(0).normal(size=(9, 3)) * [1, 1, 0]
    for points in (flat, flat[:3]):
        with pytest.raises(ValueError, match="fit no one sphere"):
            fit_sphere(points)


def face() -> tuple[Array, tuple[Eye, Eye]]:
    """Twenty vertices between, before and behind two eyes, whose own are in pieces."""
    rng = np.random.default_rng(1)
    vertices = rng.normal(size=(100, 3)).astype(np.float32) * 0.05
    left, right = np.array([0.03, 0, 0.01]), np.array([-0.03, 0, 0.01])
    of_left, of_right = np.array([*range(10, 40), 90, 92]), np.arange(50, 80)
    vertices[of_left] = cap(left, 0.012, 32)
    vertices[of_right] = cap(right, 0.012, 30)
    return vertices, (Eye.of(vertices, of_left), Eye.of(vertices, of_right))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.tuples(ANGLES, ANGLES, ANGLES, ANGLES), min_size=0, max_size=4))
def test_turns_each_ball_about_its_centre_and_nothing_else(angles: list[tuple[float, ...]]) -> None:
    rest, eyes = face()
    rotations = np.array([[rotation_from_angles(a, b, 0), rotation_from_angles(c, d, 0)] for a, b, c, d in angles])
    rotations = rotations.reshape(-1, 2, 3, 3)
    moved = np.tile(rest, (len(rotations), 1, 1)) + np.float32(1)
    before = moved.copy()
    turn(moved, rest, eyes, Gaze(rotations))
    others = np.setdiff1d(np.arange(100), np.concatenate([eye.vertices for eye in eyes]))
    np.testing.assert_array_equal(moved[:, others], before[:, others])
    for side, eye in enumerate(eyes):
        for frame, rotation in enumerate(rotations[:, side]):
            expected = (rest[eye.vertices] - eye.centre) @ rotation.T + eye.centre
            np.testing.assert_allclose(moved[frame, eye.vertices], expected, atol=1e-7)


def test_a_moment_turns_like_a_performance() -> None:
    rest, eyes = face()
    rotation = np.stack([rotation_from_angles(0.2, 0.1, 0), rotation_from_angles(-0.1, 0.3, 0)])
    one, many = rest.copy(), np.tile(rest, (2, 3, 1, 1))
    turn(one, rest, eyes, Gaze(rotation))
    turn(many, rest, eyes, Gaze(np.tile(rotation, (2, 3, 1, 1, 1))))
    np.testing.assert_allclose(many, np.broadcast_to(one, many.shape), atol=1e-8)


def test_looking_to_the_subjects_right_moves_the_front_to_the_left_of_the_picture() -> None:
    rest, eyes = face()
    moved = rest.copy()
    turn(moved, rest, eyes, Gaze(np.tile(rotation_from_angles(0, 0.3, 0), (2, 1, 1))))
    for eye in eyes:
        assert (moved[eye.vertices, 0] < rest[eye.vertices, 0]).all()


def test_refuses_other_leading_axes_and_copies() -> None:
    rest, eyes = face()
    gaze = Gaze(np.tile(np.eye(3), (2, 2, 1, 1)))
    for vertices in (rest.copy(), np.tile(rest, (3, 1, 1)), np.tile(rest, (4, 1, 1))[::2]):
        with pytest.raises(ValueError, match="does not turn"):
            turn(vertices, rest, eyes, gaze)


def test_looks_turn_the_eye_as_far_as_the_full_look() -> None:
    rest, eyes = face()
    drivers = ARKIT.indices(["jawOpen", *LOOKS[0], *LOOKS[1]])
    targets = np.zeros((len(drivers), 100, 3), np.float32)
    targets[0] = 1
    looking = with_looks(targets, drivers, rest, eyes)
    assert (targets[1:] == 0).all()
    np.testing.assert_array_equal(looking[0], targets[0])
    turns = {"Down": (1, 0), "Up": (-1, 0), "In": (0, 1), "Out": (0, -1)}
    for side, (eye, names) in enumerate(zip(eyes, LOOKS, strict=True)):
        for row, name in enumerate(names, 1 + 4 * side):
            pitch, yaw = turns[name.removeprefix("eyeLook").removesuffix(("Left", "Right")[side])]
            rotation = rotation_from_angles(pitch * FULL_LOOK, yaw * FULL_LOOK * (1, -1)[side], 0)
            expected = (rest[eye.vertices] - eye.centre) @ rotation.T + eye.centre
            np.testing.assert_allclose(rest[eye.vertices] + looking[row, eye.vertices], expected, atol=1e-7)
            others = np.setdiff1d(np.arange(100), eye.vertices)
            assert (looking[row, others] == 0).all()
