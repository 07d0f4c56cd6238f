import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.rig.blend import Blend

VERTICES, COLUMNS = 40, 7
DRIVERS = [5, 0, 2, 2]


def made(seed: int = 0, still: list[int] | None = None) -> Blend:
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(4, VERTICES, 3))
    targets[:, 30:] = 0
    targets[0, :10] = 0
    return Blend(
        rng.normal(size=(VERTICES, 3)),
        rng.normal(size=(3, VERTICES, 3)),
        targets,
        np.array(DRIVERS),
        np.array(still or []),
    )


def plain(blend: Blend, rest: Array, weights: Array) -> Array:
    """The sum written down."""
    targets = blend.targets.astype(np.float64).copy()
    targets[:, blend.still] = 0
    return rest + np.tensordot(weights[..., blend.drivers].astype(np.float64), targets, 1)


def test_targets_of_one_driver_are_summed_and_ordered() -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(4, 2, 3)).astype(np.float32)
    blend = Blend(np.zeros((2, 3)), np.zeros((0, 2, 3)), targets, np.array(DRIVERS))
    assert blend.drivers.tolist() == [0, 2, 5]
    np.testing.assert_array_equal(blend.targets, [targets[1], targets[2] + targets[3], targets[0]])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 99),
    leading=st.sampled_from([(), (1,), (5,), (0,), (2, 3)]),
    off=st.sets(st.integers(0, COLUMNS - 1)),
    still=st.sets(st.integers(0, VERTICES - 1)),
)
def test_moved_is_the_sum(seed: int, leading: tuple[int, ...], off: set[int], still: set[int]) -> None:
    blend = made(seed, sorted(still))
    weights = np.random.default_rng(seed + 1).normal(size=(*leading, COLUMNS)).astype(np.float32)
    weights[..., sorted(off)] = 0
    rest = blend.rest(np.array([0.5, -1]))
    moved = blend.moved(rest, weights)
    assert moved.shape == (*leading, VERTICES, 3)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, plain(blend, rest, weights), atol=2e-5)
    np.testing.assert_array_equal(
        moved[..., sorted(still), :], np.broadcast_to(rest, moved.shape)[..., sorted(still), :]
    )


def test_runs_leave_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is moved and whatever is not, in runs of every length, the result is whole."""
    rng = np.random.default_rng(3)
    for gap in (1, 3, 1000):
        monkeypatch.setattr("mien.rig.blend._GAP", gap)
        for pattern in ("", "0", "0-3", "39", "5-8,12,20-39", "0-39"):
            targets = np.zeros((2, VERTICES, 3))
            for part in filter(None, pattern.split(",")):
                first, _, last = part.partition("-")
                targets[:, int(first) : int(last or first) + 1] = rng.normal(size=3)
            blend = Blend(rng.normal(size=(VERTICES, 3)), np.zeros((0, VERTICES, 3)), targets, np.array([1, 0]))
            weights = rng.normal(size=(6, 2)).astype(np.float32)
            np.testing.assert_allclose(blend.moved(blend.mean, weights), plain(blend, blend.mean, weights), atol=1e-5)


def test_no_weight_leaves_the_rest_to_the_last_bit() -> None:
    blend = made()
    rest = blend.rest(np.array([1.0]))
    np.testing.assert_array_equal(
        blend.moved(rest, np.zeros((3, COLUMNS), np.float32)), np.broadcast_to(rest, (3, VERTICES, 3))
    )


def test_still_vertices_may_be_left_to_the_caller() -> None:
    blend = made(still=list(range(30, 40)))
    weights = np.ones((4, COLUMNS), np.float32)
    moved = blend.moved(blend.mean, weights, still_unwritten=True)
    np.testing.assert_allclose(moved[:, :30], plain(blend, blend.mean, weights)[:, :30], atol=1e-5)


def test_rest_takes_fewer_weights_and_refuses_more() -> None:
    blend = made()
    np.testing.assert_array_equal(blend.rest(), blend.mean)
    np.testing.assert_allclose(blend.rest(np.array([0, 2.0])), blend.mean + 2 * blend.identities[1], atol=1e-6)
    np.testing.assert_array_equal(blend.rest(np.array([1.0])), blend.rest(np.array([1.0, 0, 0])))
    with pytest.raises(ValueError, match=r"at most 3 weights, got \[4\]"):
        blend.rest(np.zeros(4))


def test_inputs_stay_as_they_are_and_the_record_is_frozen() -> None:
    blend = made()
    weights = np.ones((2, COLUMNS), np.float32)
    rest = blend.rest()
    before = rest.copy()
    blend.moved(rest, weights)[:] = 7
    np.testing.assert_array_equal(rest, before)
    assert (weights == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        blend.targets[0, 0, 0] = 1


def test_memory_beside_the_result_does_not_grow_with_the_frames() -> None:
    rng = np.random.default_rng(0)
    vertices = 3000
    blend = Blend(
        np.zeros((vertices, 3)), np.zeros((0, vertices, 3)), rng.normal(size=(20, vertices, 3)), np.arange(20)
    )

    def beside(frames: int) -> int:
        weights = np.ones((frames, 20), np.float32)
        tracemalloc.start()
        result = blend.moved(blend.mean, weights)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak - result.nbytes

    copies = 4 * 300 * 21 * 4
    assert beside(400) - beside(100) < copies


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.zeros((4, 2, 3))}, r"targets must have shape \[n, 40, 3\]"),
        ({"identities": np.zeros((4, 2, 3))}, r"identities must have shape \[n, 40, 3\]"),
        ({"drivers": np.array([0])}, r"drivers must have shape \[4\]"),
        ({"drivers": np.array([0, 1, -2, 3])}, "below 0"),
        ({"still": np.array([40])}, "outside 0..39"),
        ({"mean": np.full((40, 3), np.nan)}, "not finite"),
    ],
)
def test_refuses_what_does_not_fit(change: dict[str, Any], message: str) -> None:
    good = made()
    arrays: dict[str, Any] = {
        "mean": good.mean,
        "identities": good.identities,
        "targets": np.zeros((4, VERTICES, 3)),
        "drivers": DRIVERS,
    }
    with pytest.raises(ValueError, match=message):
        Blend(**{**arrays, **change})


def test_refuses_weights_and_rests_of_other_sizes() -> None:
    blend = made()
    with pytest.raises(ValueError, match="column 5 drives a target, weights have 5"):
        blend.moved(blend.mean, np.zeros((2, 5), np.float32))
    with pytest.raises(ValueError, match=r"rest must have shape \[40, 3\]"):
        blend.moved(blend.mean[:3], np.zeros((2, COLUMNS), np.float32))
