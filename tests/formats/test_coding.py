import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.basis import FACS
from mien.core.face import Expression, Gaze
from mien.core.geometry import angles_from_rotation, rotation_from_angles
from mien.core.points import SPARSE_68
from mien.formats.coding import (
    both_sides,
    columns_of,
    gaze_along,
    gaze_directions,
    is_unit,
    sparse_points,
    stronger,
    unsaid,
)

STEADY = settings(derandomize=True, deadline=None, max_examples=40)
ANGLES = st.floats(-1.2, 1.2)


def test_units_find_their_sides() -> None:
    assert [FACS.columns[k] for k in columns_of("AU12")] == ["AU12L", "AU12R"]
    assert [FACS.columns[k] for k in columns_of("AU01")] == ["AU01"]
    assert columns_of("AU45") == columns_of("AU43")
    assert (is_unit("AU26"), is_unit("AU99"), is_unit("AU12L")) == (True, False, True)
    with pytest.raises(KeyError):
        columns_of("AU99")


def test_the_stronger_side_and_back() -> None:
    weights = np.zeros((2, len(FACS)))
    weights[0, FACS.indices(["AU12L", "AU12R", "AU01"])] = [0.2, 0.7, -0.1]
    scores = stronger(Expression(weights, FACS), ("AU12", "AU01", "AU04"))
    np.testing.assert_allclose(scores, [[0.7, -0.1, 0.0], [0.0, 0.0, 0.0]], atol=1e-7)
    again = both_sides(scores, ("AU12", "AU01", "AU04"))
    there = FACS.indices(["AU12L", "AU12R", "AU01"])
    np.testing.assert_allclose(again.weights[0, there], np.array([0.7, 0.7, -0.1]), atol=1e-7)
    assert np.count_nonzero(again.weights) == 3


@STEADY
@given(ANGLES, ANGLES, ANGLES, ANGLES, ANGLES)
def test_gaze_comes_back_from_its_directions(pitch: float, yaw: float, roll: float, up: float, aside: float) -> None:
    head = rotation_from_angles(pitch, yaw, roll)[None]
    gaze = Gaze(np.array([[rotation_from_angles(up, aside, 0), rotation_from_angles(aside, -up, 0)]]))
    directions = gaze_directions(head, gaze)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1)
    np.testing.assert_allclose(gaze_along(head, 3 * directions).rotation, gaze.rotation, atol=1e-9)


def test_a_look_into_the_lens_and_no_look() -> None:
    head = np.eye(3)[None]
    np.testing.assert_array_equal(gaze_directions(head, Gaze(np.tile(np.eye(3), (1, 2, 1, 1)))), [[[0, 0, -1]] * 2])
    assert not angles_from_rotation(gaze_along(head, np.zeros((1, 2, 3))).rotation).any()


def test_sparse_points() -> None:
    points = np.random.default_rng(0).normal(size=(2, 478, 3))
    np.testing.assert_array_equal(sparse_points(points)[:, 30], points[:, SPARSE_68[30]])


def test_what_a_table_of_some_units_has_no_place_for() -> None:
    assert unsaid(()) == FACS.columns
    assert set(FACS.columns) - set(unsaid(("AU12", "AU01", "AU45"))) == {"AU12L", "AU12R", "AU01", "AU43L", "AU43R"}
