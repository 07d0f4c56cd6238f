"""Curves as a picture: in the right place, with gaps where there is no number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.imaging.chart import Curve, chart

RED, BLUE = (255, 0, 0), (0, 0, 255)
SIZE = (200, 160)


def drawn(values: list[float], places: list[float] | None = None) -> Array:
    """[h, w] bool, where one red curve without a name is."""
    at = np.arange(len(values)) if places is None else np.array(places)
    picture = chart(at, [Curve(np.array(values), RED, "")], SIZE, ("", "")).astype(int)
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    return np.asarray((picture[..., 0] > 150) & (picture[..., 1] < 90))


def middle(mask: Array, x: int) -> float:
    """The height of what is drawn in a column, 0 to 1 from its lowest possible place."""
    rows = np.flatnonzero(mask[:, x])
    margin = 16
    return float(1 - (rows.mean() - margin) / (SIZE[1] - 2 * margin))


@pytest.mark.parametrize("level", [0.0, 0.25, 0.5, 1.0])
def test_a_constant_is_a_level_line_at_its_height(level: float) -> None:
    mask = drawn([level] * 5)
    assert all(abs(middle(mask, x) - level) < 0.03 for x in (30, 100, 170))


def test_a_ramp_rises_with_its_places() -> None:
    mask = drawn([0, 0.5, 1], [0, 3, 4])
    assert middle(mask, 100) == pytest.approx(0.5 * 2 / 3, abs=0.04)
    assert middle(mask, 16 + round(168 * 0.875)) == pytest.approx(0.75, abs=0.06)


def test_what_is_no_number_leaves_a_gap_and_a_lone_number_a_dot() -> None:
    nan = float("nan")
    mask = drawn([0.5, 0.5, nan, nan, 0.5, nan, 0.5, 0.5])
    columns = np.asarray(mask.any(0), bool)
    step = 168 / 7
    assert columns[round(16 + 0.5 * step)]
    assert not columns[round(16 + 2.5 * step)]
    assert columns[round(16 + 4 * step)]
    assert not columns[round(16 + 5 * step)]
    assert columns[round(16 + 6.5 * step)]


def test_a_long_time_without_a_moment_is_a_gap() -> None:
    columns = np.asarray(drawn([0.5] * 6, [0, 1, 2, 8, 9, 10]).any(0), bool)
    step = 168 / 10
    assert columns[round(16 + 1.5 * step)]
    assert not columns[round(16 + 5 * step)]
    assert columns[round(16 + 9.5 * step)]
    uneven = np.asarray(drawn([0.5] * 4, [0, 1, 3, 4]).any(0), bool)
    assert uneven[round(16 + 2 * 168 / 4)], "a step twice as long is none"


def test_no_moment_and_one_moment_and_nothing_to_show() -> None:
    assert not drawn([]).any()
    assert drawn([0.5]).any()
    assert not drawn([float("nan")] * 3).any()


def test_names_and_scale_are_written_in_their_colours() -> None:
    places = np.arange(3)
    bare = chart(places, [Curve(np.full(3, 0.5), BLUE, "")], SIZE, ("", ""))
    named = chart(places, [Curve(np.full(3, 0.5), BLUE, "reached")], SIZE, ("", ""))
    away = np.argwhere((bare != named).any(2))
    assert len(away)
    assert away[:, 0].max() < 16, "above the curves"
    bare = chart(places, [], SIZE, ("", ""))
    first, last = (np.argwhere((chart(places, [], SIZE, ends) != bare).any(2)) for ends in (("0:10", ""), ("", "1:20")))
    assert min(first[:, 0].min(), last[:, 0].min()) > SIZE[1] - 20, "below the curves"
    assert first[:, 1].mean() < SIZE[0] / 2 < last[:, 1].mean()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-5, 5) | st.just(float("nan")), min_size=1, max_size=30))
def test_no_values_draw_beyond_the_scale(values: list[float]) -> None:
    rows = np.flatnonzero(drawn(values).any(1))
    assert not len(rows) or (rows[0] >= 12 and rows[-1] <= SIZE[1] - 12)
