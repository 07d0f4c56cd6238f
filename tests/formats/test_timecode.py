import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.formats.timecode import DAY, base_of, ticks_of, timecode_of, timecode_parts

STEADY = settings(derandomize=True, deadline=None, max_examples=60)


def recorded(
    rows: int, step: float, base: int, start: float = 0.0, drift: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds and thousandths of frames of rows that are `step` frames apart."""
    ticks = np.rint(1000 * (start + np.arange(rows) * (step + drift))).astype(np.int64)
    seconds, thousandths = np.divmod(ticks, base * 1000)
    return seconds, thousandths


def fault_of(*parts: tuple[np.ndarray, np.ndarray]) -> tuple[int, str] | None:
    """What is wrong with pieces of recordings, each begun at the second after the one before."""
    seconds, thousandths, next_second = [], [], 0
    for whole, frames in parts:
        seconds.append(whole - whole[0] + next_second)
        thousandths.append(frames)
        next_second = int(seconds[-1][-1]) + 1
    whole, frames = np.concatenate(seconds), np.concatenate(thousandths)
    base = base_of(whole, frames / 1000)
    assert (frames < base * 1000).all(), "no base for all of them"
    _, fault = ticks_of(whole, frames, base)
    return None if fault is None else (fault.row, fault.cause)


@STEADY
@given(st.integers(0, DAY * 240_000 - 1), st.sampled_from([24, 25, 30, 60, 120, 1000]))
def test_text_and_ticks_agree(ticks: int, base: int) -> None:
    ticks %= DAY * base * 1000
    seconds, thousandths = timecode_parts(timecode_of(ticks, base))
    assert seconds * base * 1000 + thousandths == ticks


def test_a_day_begins_again() -> None:
    assert timecode_of(DAY * 60_000 + 31_652, 60) == "00:00:00:31.652"
    assert timecode_of(((13 * 60 + 13) * 60 + 4) * 60_000 + 568, 60) == "13:13:04:00.568"
    assert timecode_parts("23:59:59;29") == (DAY - 1, 29_000)


@pytest.mark.parametrize(
    "text",
    ["", "13:13:04", "24:00:00:00", "12:60:00:00", "12:00:60:00", "1:2:3:4", "12:00:00:-1", "12:00:00:٣", "a:b:c:d"],
)
def test_what_is_no_timecode(text: str) -> None:
    with pytest.raises(ValueError, match="is no timecode HH:MM:SS:FF"):
        timecode_parts(text)


@pytest.mark.parametrize(
    ("step", "base"),
    [(1, 24), (1, 25), (1, 30), (2, 30), (1, 50), (1, 60), (2, 60), (2.4, 60), (2.5, 60), (12, 60), (1, 120), (1, 15)],
)
@pytest.mark.parametrize("drift", [0.0, -0.0004, 0.0003])
@pytest.mark.parametrize("start", [0.0, 31.652])
def test_the_base_is_told_where_seconds_end(step: float, base: int, drift: float, start: float) -> None:
    seconds, thousandths = recorded(400, step, base, start, drift)
    assert base_of(seconds, thousandths / 1000) == base
    assert ticks_of(seconds, thousandths, base)[1] is None


def test_lost_rows_do_not_hide_the_base() -> None:
    seconds, thousandths = recorded(900, 2, 60, 31.652)
    kept = np.random.default_rng(0).uniform(size=900) < 0.8
    kept &= np.arange(900) % 200 < 150
    assert base_of(seconds[kept], thousandths[kept] / 1000) == 60
    assert ticks_of(seconds[kept], thousandths[kept], 60)[1] is None


@pytest.mark.parametrize(("frames", "base"), [([0.0], 60), ([0, 1, 2.0], 60), ([59.9], 60), ([70.0, 71], 100)])
def test_without_the_end_of_a_second_it_is_sixty(frames: list[float], base: int) -> None:
    assert base_of(np.zeros(len(frames), np.int64), np.array(frames)) == base


def test_one_recording_with_cuts_and_splices_is_no_fault() -> None:
    # A phone that grows hot falls from 60 to 30 rows a second; pieces are cut out; a piece of another take follows.
    assert fault_of(recorded(300, 1, 60), recorded(300, 2, 60)) is None
    assert fault_of(recorded(300, 2, 60, 31.652), recorded(300, 2, 60, 11.3), recorded(50, 2, 60, 4.9)) is None


def test_a_camera_without_a_fixed_rate_is_no_fault() -> None:
    ticks = np.cumsum(np.random.default_rng(1).uniform(1500, 4500, 500)).astype(np.int64)
    seconds, thousandths = np.divmod(ticks, 60_000)
    assert ticks_of(seconds, thousandths, 60)[1] is None


@pytest.mark.parametrize("turned_round", [False, True])
@pytest.mark.parametrize("other", [24, 25, 30])
def test_two_bases_are_found(other: int, turned_round: bool) -> None:
    parts = [recorded(300, 1, 60), recorded(2 * other, 1, other)]
    found = fault_of(*(parts[::-1] if turned_round else parts))
    assert found is not None
    assert f"mixed frame rates: the second before counts to {other}, others to 60" in found[1]


def test_most_seconds_say_what_the_base_is() -> None:
    with pytest.raises(AssertionError, match="no base for all of them"):
        fault_of(recorded(300, 1, 30), recorded(120, 1, 60))


@pytest.mark.parametrize("second", [2.4, 2.5, 3.0])
def test_two_rates_are_found(second: float) -> None:
    found = fault_of(recorded(100, 2, 60), recorded(100, second, 60))
    assert found is not None
    assert found[0] == 101
    assert f"steps of {second:.3g} frames beside steps of 2" in found[1]


def test_backwards() -> None:
    _, fault = ticks_of(np.array([5, 5, 4]), np.array([0, 1000, 0]), 60)
    assert fault is not None
    assert (fault.row, "backwards" in fault.cause) == (2, True)
    assert ticks_of(np.array([5, 5]), np.array([1000, 1000]), 60)[1] is None
