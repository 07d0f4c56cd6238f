import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.digest import timeline
from mien.digest.timeline import Timeline, Values


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 200), st.integers(0, 2**32 - 1), st.sampled_from([8, 16, 64]))
def test_bins_tell_least_mean_and_greatest_of_their_frames(frames: int, seed: int, bins: int) -> None:
    """Against all frames at once, whatever was joined on the way."""
    random = np.random.default_rng(seed)
    values, seen = random.normal(size=(frames, 3)).astype(np.float32), random.random(frames) < 0.7
    times = np.cumsum(random.uniform(0.01, 0.2, frames))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "BINS", bins)
        line, face = Timeline(), Values(3)
        for row, time, there in zip(values, times.tolist(), seen.tolist(), strict=True):
            place, joined = line.add(time)
            if joined:
                face.join()
            if there:
                face.add(place, row.astype(np.float64))
        count, low, mean, high = face.told(line.bins)
        starts, ends = line.edges()
    assert line.bins <= bins
    assert frames < bins or line.bins >= bins // 2
    assert line.counts().sum() == frames
    for b in range(line.bins):
        rows = slice(b * line.span, (b + 1) * line.span)
        inside: Array = values[rows][seen[rows]]
        assert count[b] == len(inside)
        assert starts[b] == times[rows][0]
        assert ends[b] == pytest.approx(times[(b + 1) * line.span] if b + 1 < line.bins else times[-1] + line.interval)
        if len(inside):
            np.testing.assert_array_equal(low[b], inside.min(0))
            np.testing.assert_array_equal(high[b], inside.max(0))
            np.testing.assert_allclose(mean[b], inside.mean(0), atol=1e-6)
        else:
            assert (low[b] == 0).all()
            assert (high[b] == 0).all()


def test_a_peak_of_one_frame_is_there_after_any_length() -> None:
    line, face = Timeline(), Values(1)
    for k in range(9 * timeline.BINS):
        place, joined = line.add(k / 30)
        if joined:
            face.join()
        face.add(place, np.array([1.0 if k == 1234 else 0.0]))
    _, low, mean, high = face.told(line.bins)
    assert line.span == 16
    assert np.flatnonzero(high[:, 0] == 1).tolist() == [1234 // 16]
    assert mean[1234 // 16, 0] == pytest.approx(1 / 16)
    assert (low == 0).all()


def test_nothing_is_told_of_no_frame() -> None:
    line = Timeline()
    assert (line.bins, line.interval) == (0, 0)
    assert [len(edge) for edge in line.edges()] == [0, 0]
