from typing import Any

import numpy as np
import pytest
from made_scenes import made_mesh, made_texture

from mien.core.geometry import Mesh, rotation_from_angles
from mien.formats.scene import Scene, half_turn, half_turn_rotations, unit

BARE = Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]]))


def test_the_half_turn_is_its_own_inverse_and_keeps_winding() -> None:
    points = np.random.default_rng(0).normal(size=(5, 3))
    assert np.array_equal(half_turn(half_turn(points)), points)
    a, b = points[:2]
    assert np.allclose(np.cross(half_turn(a), half_turn(b)), half_turn(np.cross(a, b)))
    assert half_turn(np.array([1.0, 2.0, 3.0])).tolist() == [1, -2, -3]
    assert half_turn(np.zeros(3, np.float32)).dtype == np.float32
    assert not np.signbit(half_turn(np.zeros(3))).any()


def test_rotations_turn_the_same_points() -> None:
    rotation = rotation_from_angles(0.3, -0.5, 0.2)
    points = np.random.default_rng(1).normal(size=(4, 3))
    ours = half_turn(points @ rotation.T)
    theirs = half_turn(points) @ half_turn_rotations(rotation).T
    assert np.allclose(ours, theirs)


def test_unit_directions() -> None:
    given = np.array([[3, 4, 0], [0, 0, 0], [1e300, 0, 1e300], [0, 1e-300, 0]])
    expected = np.array([[0.6, 0.8, 0], [0, 0, -1], [np.sqrt(0.5), 0, np.sqrt(0.5)], [0, 1, 0]])
    assert np.allclose(unit(given), expected)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": np.zeros((2, 3))}, "need times"),
        ({"rotation": np.eye(3)[None]}, "need times"),
        ({"times": [0.0, 1.0]}, "times need"),
        ({"times": [1.0, 0.5], "weights": np.zeros((2, 3))}, "run backwards"),
        ({"times": [-1.0, 0.5], "weights": np.zeros((2, 3))}, "start at 0"),
        ({"times": [], "weights": np.zeros((0, 3))}, "start at 0"),
        ({"times": [0.0], "weights": np.zeros((1, 2))}, "weights must have shape"),
        ({"times": [0.0], "weights": np.full((1, 3), np.nan)}, "not finite"),
        ({"times": [0.0], "rotation": 2 * np.eye(3)[None]}, "no rotation"),
        ({"times": [0.0], "rotation": np.diag([1.0, 1, -1])[None]}, "no rotation"),
        ({"texture": np.zeros((0, 4, 3))}, "must have pixels"),
        ({"texture": np.zeros((4, 4))}, "texture must have shape"),
        ({"mesh": BARE, "texture": made_texture()}, "needs a mesh with uv"),
        ({"mesh": BARE, "times": [0.0], "weights": np.zeros((1, 0))}, "morph targets"),
    ],
)
def test_a_scene_checks_itself(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scene(**{"mesh": made_mesh(), **fields})
