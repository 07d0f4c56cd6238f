import tracemalloc
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portraits import blank

from mien.compose.pace import LONGEST_GAP, Clock, Pace
from mien.core.image import Frame

PIXELS = blank(4, 4)


class Time:
    """A clock that tests turn by hand; a sleep may last a little too long, as a real one does."""

    def __init__(self, start: float = 1000.0, oversleep: float = 0.0) -> None:
        self.now, self._oversleep = start, oversleep
        self.slept: list[float] = []
        self._random = np.random.default_rng(0)

    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds + float(self._random.uniform(0, self._oversleep))


def frames(times: Iterable[float]) -> Iterator[Frame]:
    return (Frame(PIXELS, time, index) for index, time in enumerate(times))


def test_frames_come_when_they_are_due_whatever_the_first_one_s_time() -> None:
    time = Time()
    given_at = [time.now for _ in Pace(time.clock()).keep(frames([5.0, 5.1, 5.15, 5.5]))]
    assert given_at == pytest.approx([1000.0, 1000.1, 1000.15, 1000.5])
    assert time.slept == pytest.approx([0.1, 0.05, 0.35])


def test_no_drift_over_minutes() -> None:
    """Every sleep lasts up to 3 ms too long and every frame costs 20 ms, and after ten minutes nothing has added up."""
    time = Time(oversleep=0.003)
    pace = Pace(time.clock())
    late = []
    for frame in pace.keep(frames(k / 25 for k in range(15000))):
        late.append(time.now - 1000.0 - frame.time)
        time.now += 0.02
    assert len(late) == 15000
    assert pace.dropped == 0
    assert min(late) >= -1e-6
    assert max(late) <= 0.003 + 1e-6


def test_frames_that_come_too_late_are_dropped_and_counted() -> None:
    """A frame every 40 ms, 100 ms to look at one: the newest that is due is looked at, and the lag does not grow."""
    time = Time()
    pace = Pace(time.clock())
    looked, late = [], []
    for frame in pace.keep(frames(k / 25 for k in range(250))):
        looked.append(frame.index)
        late.append(time.now - 1000.0 - frame.time)
        time.now += 0.1
    assert len(looked) + pace.dropped == 250
    assert len(looked) == pytest.approx(100, abs=2)
    assert max(late) <= 0.04 + 1e-9
    assert looked == sorted(looked)


def test_after_a_stall_the_stream_catches_up() -> None:
    time = Time()
    pace = Pace(time.clock())
    looked = []
    for frame in pace.keep(frames(k / 25 for k in range(250))):
        looked.append(frame.index)
        time.now += 4.0 if frame.index == 10 else 0.001
    assert looked[:11] == list(range(11))
    assert 108 <= looked[11] <= 110
    assert looked[11:] == list(range(looked[11], 250))
    assert pace.dropped == looked[11] - 11


def test_a_video_that_is_decoded_too_slowly_is_not_dropped_whole() -> None:
    time = Time()

    def slow() -> Iterator[Frame]:
        for frame in frames(k / 25 for k in range(200)):
            time.now += 0.1
            yield frame

    pace = Pace(time.clock())
    looked = sum(1 for _ in pace.keep(slow()))
    assert looked + pace.dropped == 200
    assert looked >= 200 * 0.1 / (LONGEST_GAP + 0.1) - 1
    assert time.slept == []


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=60), st.lists(st.floats(0, 0.4), min_size=60, max_size=60))
@settings(derandomize=True, deadline=None)
def test_nothing_comes_early_and_nothing_is_lost_uncounted(steps: list[float], costs: list[float]) -> None:
    time = Time()
    pace = Pace(time.clock())
    looked = 0
    for frame in pace.keep(frames(np.cumsum(steps).tolist())):
        assert time.now - 1000.0 >= frame.time - steps[0] - 1e-9
        time.now += costs[looked]
        looked += 1
    assert looked >= 1
    assert looked + pace.dropped == len(steps)


def test_frames_are_asked_for_one_at_a_time_and_none_is_kept() -> None:
    time = Time()
    asked: list[int] = []

    def source() -> Iterator[Frame]:
        for k in range(2000):
            asked.append(k)
            yield Frame(np.zeros((100, 100, 3), np.uint8), k / 25, k)

    tracemalloc.start()
    try:
        for frame in Pace(time.clock()).keep(source()):
            assert asked[-1] == frame.index
        assert tracemalloc.get_traced_memory()[1] < 20 * 30_000
    finally:
        tracemalloc.stop()


def test_the_machine_s_clock_never_runs_backwards() -> None:
    clock = Clock()
    before = clock.now()
    clock.sleep(0.0)
    assert clock.now() >= before
