"""The resting face of a performance: frames are chosen, not the lowest of each channel."""

import numpy as np
import pytest

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.calm import LEAST_FRAMES, calm_frames, trusted_frames
from mien.core.neutral import calm_face
from mien.core.resting import COUNTED

RATE, NOISE = 30, 0.02


def performance(seed: int, share: float = 0.3, seconds: int = 20) -> tuple[Array, Array, Array, Array]:
    """Times, weights, quality and the true resting face, which is shown for `share` of the time; held faces; blinks."""
    rng = np.random.default_rng(seed)
    count = seconds * RATE
    rest = np.where(rng.random(52) < 0.4, rng.uniform(0, 0.4, 52), 0.0)
    goal = np.tile(rest, (count, 1))
    start = 0
    while start < count:
        length = int(rng.integers(15, 60))
        if rng.random() > share:
            moved = rng.choice(52, 8, replace=False)
            goal[start : start + length, moved] = rng.uniform(0.3, 1, 8)
            # What is raised lowers something else, as brows do: channels fall below rest too.
            goal[start : start + length, rng.choice(52, 4, replace=False)] = 0
        start += length
    held = np.array([goal[max(k - 4, 0) : k + 1].mean(0) for k in range(count)])
    for k in rng.integers(0, count - 5, count // 90):
        held[k : k + 5, ARKIT.indices(["eyeBlinkLeft", "eyeBlinkRight"])] = 0.9
    weights = np.clip(held + rng.normal(0, NOISE, held.shape), 0, 1).astype(np.float32)
    return np.arange(count) / RATE, weights, rng.uniform(0.8, 0.95, count), rest


@pytest.mark.parametrize("seed", range(8))
def test_calm_frames_tell_the_resting_face(seed: int) -> None:
    times, weights, quality, rest = performance(seed)
    found = calm_face(times, weights, quality)
    assert found is not None
    assert np.abs(found.weights - rest)[COUNTED].max() < 0.025
    lowest = np.quantile(weights, 0.05, axis=0)
    assert np.abs(lowest - rest)[COUNTED].max() > 2 * np.abs(found.weights - rest)[COUNTED].max()


def test_noise_does_not_draw_it_down() -> None:
    """Where the noise is far from the ends of the range, the mean error over channels is near 0."""
    rng = np.random.default_rng(0)
    weights = (0.4 + rng.normal(0, NOISE, (600, 52))).astype(np.float32)
    found = calm_face(np.arange(600) / RATE, weights, np.ones(600))
    assert found is not None
    assert abs(float((found.weights - 0.4)[COUNTED].mean())) < 0.15 * NOISE


def test_what_is_turned_away_or_moving_does_not_count() -> None:
    times, weights, quality, _ = performance(3)
    half = len(times) // 2
    weights[:half], quality[:half] = 0, 0.2
    calm = calm_frames(times, weights, quality)
    assert calm is not None
    assert not calm[:half].any()
    assert not (calm & ~trusted_frames(quality)).any()


@pytest.mark.parametrize("count", [0, 1, LEAST_FRAMES - 1])
def test_too_few_frames_tell_nothing(count: int) -> None:
    assert calm_frames(np.arange(count) / RATE, np.zeros((count, 52)), np.ones(count)) is None


def test_frames_without_neighbours_can_be_judged_all_the_same() -> None:
    """Ten photos as one source: no two are near enough to say how fast the face moves."""
    found = calm_face(np.arange(12) * 10.0, np.full((12, 52), 0.3, np.float32), np.ones(12))
    assert found is not None
    np.testing.assert_allclose(found.weights[COUNTED], 0.3, atol=1e-6)
