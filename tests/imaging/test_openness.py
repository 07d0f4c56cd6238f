import numpy as np

from mien.core.arrays import Array
from mien.imaging.openness import openness
from mien.rig.model import vertex_normals


def sheet(size: float, depth: float, steps: int = 12) -> tuple[Array, Array]:
    """A square that looks at the viewer."""
    x, y = np.meshgrid(np.linspace(-size, size, steps), np.linspace(-size, size, steps))
    corner = (np.arange(steps - 1)[:, None] * steps + np.arange(steps - 1)).ravel()
    triangles = np.concatenate(
        [
            np.stack([corner, corner + steps, corner + 1], 1),
            np.stack([corner + 1, corner + steps, corner + steps + 1], 1),
        ]
    )
    return np.stack([x, y, np.full_like(x, depth)], -1).reshape(-1, 3), triangles


def opened(vertices: Array, triangles: Array) -> Array:
    return openness(vertices, triangles, vertex_normals(vertices, triangles))


def test_a_flat_surface_is_open() -> None:
    shares = opened(*sheet(1.0, 0.0))
    assert shares.dtype == np.float32
    assert shares.mean() > 0.95


def test_a_convex_surface_is_open_on_all_sides() -> None:
    steps = 24
    tilt, turn = np.meshgrid(
        np.linspace(0.05, np.pi - 0.05, steps), np.linspace(0, 2 * np.pi, steps, False), indexing="ij"
    )
    vertices = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), -np.cos(tilt)], -1).reshape(-1, 3)
    here = (np.arange(steps - 1)[:, None] * steps + np.arange(steps)).ravel()
    beside = (np.arange(steps - 1)[:, None] * steps + (np.arange(steps) + 1) % steps).ravel()
    triangles = np.concatenate(
        [np.stack([here, beside, here + steps], 1), np.stack([beside, beside + steps, here + steps], 1)]
    )
    assert opened(vertices, triangles).min() > 0.8


def test_what_lies_behind_something_is_dark() -> None:
    (front, triangles), (back, _) = sheet(1.0, 0.0), sheet(0.5, 0.4)
    shares = opened(np.concatenate([front, back]), np.concatenate([triangles, triangles + len(front)]))
    assert shares[: len(front)].mean() > 0.9
    behind = shares[len(front) :].reshape(12, 12)
    assert behind[4:8, 4:8].max() < 0.5


def test_it_does_not_depend_on_size() -> None:
    (front, triangles), (back, _) = sheet(1.0, 0.0), sheet(0.5, 0.4)
    vertices, both = np.concatenate([front, back]), np.concatenate([triangles, triangles + len(front)])
    np.testing.assert_allclose(opened(vertices, both), opened(vertices * 0.1 + [0.2, 0, 0.3], both), atol=0.05)


def test_a_point_is_open() -> None:
    assert (openness(np.zeros((2, 3)), np.zeros((0, 3), int), np.tile([0.0, 0, -1], (2, 1))) == 1).all()
