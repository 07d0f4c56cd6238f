import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.compose.latency import Latencies


def test_before_any_everything_is_0() -> None:
    none = Latencies()
    assert (none.count, none.of_late(), none.below(0.95), none.rate()) == (0, 0.0, 0.0, 0.0)
    none.add(0.01, 5.0)
    assert none.rate() == 0.0


@given(st.lists(st.floats(0, 1.9), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 1.0]))
def test_shares_are_those_of_all_to_a_tenth_of_a_millisecond(seconds: list[float], share: float) -> None:
    latencies = Latencies()
    for k, each in enumerate(seconds):
        latencies.add(each, k / 30)
    wanted = np.quantile(np.array(seconds) * 1000, share, method="inverted_cdf")
    assert latencies.below(share) == pytest.approx(wanted, abs=0.11)
    assert latencies.count == len(seconds)
    assert latencies.of_late() == pytest.approx(np.median(seconds[-30:]) * 1000)


def test_the_rate_is_that_of_late() -> None:
    latencies = Latencies()
    times = [k / 10 for k in range(100)] + [10 + k / 50 for k in range(60)]
    for time in times:
        latencies.add(0.01, time)
    assert latencies.rate() == pytest.approx(50)


def test_what_takes_forever_and_what_ends_before_it_began_are_held_too() -> None:
    latencies = Latencies()
    latencies.add(100.0, 1.0)
    assert latencies.below(0.5) == pytest.approx(2000, abs=0.2)
    latencies.add(-1.0, 2.0)
    assert latencies.below(0.5) == pytest.approx(0, abs=0.11)
