import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.digest.blinks import LEAST_RATE, LONGEST, RISE, BlinkCounter
from mien.digest.record import Blink


def counted(values: Array, rate: float) -> list[Blink]:
    counter = BlinkCounter()
    for k, value in enumerate(values.tolist()):
        counter.add(k / rate, value)
    return counter.blinks


def bumps(seconds: float, rate: float, places: list[float], height: float, width: float, floor: float = 0.05) -> Array:
    """Bumps of a width at half their height, on a floor."""
    times = np.arange(int(seconds * rate)) / rate
    values = np.full(len(times), floor)
    for place in places:
        values = np.maximum(values, floor + height * np.maximum(0, 1 - np.abs(times - place) / width))
    return values


@settings(derandomize=True, deadline=None)
@given(
    st.lists(st.floats(0.8, 2.0), max_size=12),
    st.floats(0.35, 0.9),
    st.floats(0.12, 0.3),
    st.sampled_from([24.0, 25.0, 30.0, 60.0]),
    st.floats(0, 0.4),
)
def test_every_blink_is_counted_once_where_it_is(
    gaps: list[float], height: float, width: float, rate: float, floor: float
) -> None:
    places = np.cumsum([0.5, *gaps])[1:].tolist()
    values = bumps(sum(gaps) + 2, rate, places, height, width, floor)
    blinks = counted(values, rate)
    assert len(blinks) == len(places)
    for blink, place in zip(blinks, places, strict=True):
        assert abs(blink.time - place) <= 0.51 / rate + 1e-9
        assert blink.closure <= floor + height + 1e-9
        assert 0 < blink.seconds <= LONGEST


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.8))
def test_trembling_and_slow_closing_are_no_blinks(seed: int, level: float) -> None:
    random = np.random.default_rng(seed)
    still = level + random.uniform(0, 0.9 * RISE, 300)
    assert counted(still, 30) == []
    assert counted(np.concatenate([np.linspace(0, 1, 120), np.linspace(1, 0, 120)]), 30) == []


def test_eyes_that_stay_closed_do_not_blink_but_may_afterwards() -> None:
    closed = np.concatenate([np.full(30, 0.05), np.full(60, 0.7), np.full(30, 0.05)])
    assert counted(closed, 30) == []
    later = np.concatenate([closed, bumps(2, 30, [1.0], 0.6, 0.15)])
    assert [round(blink.time, 2) for blink in counted(later, 30)] == [5.0]


def test_two_blinks_in_a_row_are_two() -> None:
    assert len(counted(bumps(2, 30, [0.8, 1.1], 0.7, 0.12), 30)) == 2


def test_a_blink_of_one_frame_at_the_least_rate_is_seen() -> None:
    values = np.full(20, 0.05)
    values[10] = 0.6
    assert [blink.time for blink in counted(values, LEAST_RATE)] == [1.0]


def test_what_lies_before_a_pause_does_not_count() -> None:
    counter = BlinkCounter()
    for time, value in ((0.0, 0.05), (0.04, 0.05), (5.0, 0.7), (5.04, 0.05)):
        counter.add(time, value)
    assert counter.blinks == []


def test_the_closure_is_the_peak() -> None:
    (blink,) = counted(bumps(2, 50, [1.0], 0.6, 0.2), 50)
    assert blink.closure == pytest.approx(0.65)
    assert blink.seconds == pytest.approx(0.2, abs=0.09)
