import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.detect.path import COASTS, FAR, NEAR, Path

FEW = settings(max_examples=100, deadline=None)
PLACES = st.floats(-500, 1500)


def box(x: float, y: float, size: float = 100.0) -> Array:
    return np.array([x - size / 2, y - size / 2, x + size / 2, y + size / 2])


def moving(speed: float, until: float = 1.0, rate: float = 25.0) -> Path:
    path = Path.begun(box(0, 0), 0.0)
    for k in range(1, round(until * rate) + 1):
        path = path.gone_on(box(speed * k / rate, 0), k / rate)
    return path


@FEW
@given(st.floats(-800, 800), st.floats(0, 5))
def test_a_face_is_expected_where_its_speed_takes_it_but_not_for_long(speed: float, later: float) -> None:
    path = moving(speed)
    where = path.at(path.time + later)
    np.testing.assert_allclose(where[2:] - where[:2], 100)
    assert where[[0, 2]].mean() == pytest.approx(speed * (1 + min(later, COASTS)), abs=abs(speed) * 0.01 + 1e-6)


@FEW
@given(PLACES, PLACES, st.floats(10, 400), st.floats(0.01, 20))
def test_no_place_fits_better_than_the_expected_one(x: float, y: float, size: float, later: float) -> None:
    path = moving(300.0)
    there, best = (path.fit(where, path.time + later) for where in (box(x, y, size), path.at(path.time + later)))
    assert FAR <= there <= best + 1e-9 <= NEAR + 1e-9


@FEW
@given(PLACES, PLACES, st.floats(15, 60))
def test_long_after_a_place_says_nothing(x: float, y: float, later: float) -> None:
    path = moving(100.0)
    assert abs(path.fit(box(x, y), path.time + later)) < 1e-4


def test_a_face_elsewhere_or_of_another_size_at_once_is_another() -> None:
    path = moving(0.0)
    soon = path.time + 0.04
    assert path.fit(box(0, 0), soon) > 2.8
    assert path.fit(box(300, 0), soon) == pytest.approx(FAR, abs=0.2)
    assert path.fit(box(0, 0, 40), soon) == pytest.approx(FAR, abs=0.2)


def test_who_is_dragged_along_has_no_speed_of_their_own() -> None:
    path = moving(0.0)
    for k in range(1, 6):
        path = path.gone_on(box(20.0 * k, 0), path.time + 0.04, free=False)
    assert not path.speed.any()
    assert path.box[0] == 50


def test_two_sights_at_one_time_tell_no_speed() -> None:
    path = moving(200.0).gone_on(box(999, 0), 1.0)
    assert path.speed[0] == pytest.approx(200, rel=0.01)
