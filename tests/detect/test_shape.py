import io

import numpy as np
import pytest
from portraits import mirror

from mien.core.arrays import Array
from mien.core.errors import ModelError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS
from mien.detect import shape as shape_module
from mien.detect.shape import FaceShape, mean_face

RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
IRISES = set(range(468, 478))
NOSE, CHIN, FOREHEAD = 1, 152, 10


def corners() -> Array:
    """[M, 3, 2] where the triangles lie, seen from the front with y up."""
    return np.asarray(mean_face().points[mean_face().triangles][..., :2] * [1, -1])


def area(triangles: Array) -> Array:
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    return np.asarray((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


def test_is_symmetric() -> None:
    points, order = mean_face().points, mirror()
    np.testing.assert_array_equal(order[order], np.arange(LANDMARKS))
    np.testing.assert_allclose(points[order] * [-1, 1, 1], points, atol=1e-5)
    assert order[IRIS_LEFT] == IRIS_RIGHT
    assert order[33] == 263
    assert order[61] == 291
    assert order[NOSE] == NOSE


def test_has_the_size_of_an_adult_and_looks_into_the_camera() -> None:
    points = mean_face().points
    right, left = points[IRIS_RIGHT], points[IRIS_LEFT]
    assert np.linalg.norm(left - right) == pytest.approx(0.063, abs=1e-5)
    assert right[0] < 0 < left[0]
    np.testing.assert_allclose(points[[33, 133, 362, 263]].mean(0), 0, atol=1e-5)
    assert points[FOREHEAD, 1] < 0 < points[NOSE, 1] < points[CHIN, 1]
    assert points[NOSE, 2] < 0
    assert np.abs(points).max() < 0.16


def test_steadiness_is_a_weight_that_trusts_no_iris_and_no_jaw() -> None:
    steady = mean_face().steadiness
    assert (steady >= 0).all()
    assert steady.mean() == pytest.approx(1, abs=0.01)
    assert not steady[sorted(IRISES)].any()
    np.testing.assert_allclose(steady[mirror()], steady, rtol=0.6, atol=0.05)
    assert steady[[14, 17, CHIN]].mean() < steady[[6, 168, 197]].mean()


def test_triangles_are_sound() -> None:
    triangles = mean_face().triangles
    assert triangles.min() >= 0
    assert triangles.max() < LANDMARKS
    assert all(len(set(each)) == 3 for each in triangles.tolist())
    assert len({frozenset(each) for each in triangles.tolist()}) == len(triangles)
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, shared = np.unique(edges, axis=0, return_counts=True)
    assert shared.max() <= 2


def test_every_point_but_the_irises_is_covered() -> None:
    assert set(mean_face().triangles.ravel().tolist()) == set(range(LANDMARKS)) - IRISES


def test_triangles_go_round_against_the_clock_with_y_up() -> None:
    assert (area(corners()) > 0).all()


@pytest.mark.parametrize("ring", [RIGHT_EYE, LEFT_EYE, INNER_LIPS])
def test_eyes_and_mouth_are_holes(ring: tuple[int, ...]) -> None:
    assert not [each for each in mean_face().triangles.tolist() if set(ring).issuperset(each)]
    inside = mean_face().points[list(ring), :2].mean(0) * [1, -1]
    a, b, c = (np.concatenate([corners()[:, k], np.ones((len(corners()), 1))], axis=1) for k in range(3))
    probes = np.broadcast_to(np.append(inside, 1.0), a.shape)
    sides = [np.linalg.det(np.stack([p, q, probes], axis=1)) for p, q in ((a, b), (b, c), (c, a))]
    assert not (np.array(sides) > 0).all(0).any()


def test_is_read_once_and_frozen() -> None:
    assert mean_face() is mean_face()
    with pytest.raises(ValueError, match="read-only"):
        mean_face().points[0] = 0


@pytest.mark.parametrize("lacking", ["points", "steadiness", "triangles"])
def test_a_file_that_is_no_shape_is_refused_by_name(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mean_face()
    arrays = {name: getattr(whole, name) for name in ("points", "steadiness", "triangles") if name != lacking}
    file = io.BytesIO()
    np.savez(file, **arrays)
    monkeypatch.setattr(shape_module, "read_weights", lambda card: file.getvalue())
    with pytest.raises(ModelError, match=r"face-shape.npz: E_MODEL: is no face shape"):
        mean_face.__wrapped__()


@pytest.mark.parametrize(("name", "shape"), [("points", (468, 3)), ("steadiness", (477,)), ("triangles", (4, 4))])
def test_checks_its_arrays(name: str, shape: tuple[int, ...]) -> None:
    whole = mean_face()
    arrays = {each: getattr(whole, each) for each in ("points", "steadiness", "triangles")}
    with pytest.raises(ValueError, match=f"{name} must have shape"):
        FaceShape(**{**arrays, name: np.zeros(shape, np.int32)})
