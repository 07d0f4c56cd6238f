"""Readings of a video, smoothed: still when the face is, in time when it moves, anew after a gap."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_reading
from portraits import blank, capturer, clip_frames, placed

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression, FaceReading, FaceState, Gaze, Landmarks, Pose
from mien.core.geometry import rotation_from_vector, vector_from_rotation
from mien.core.image import Frame
from mien.detect.smoothing import LONGEST_GAP, Smoother
from mien.pipelines.capture import CaptureOptions, Capturer

CHECKED = settings(derandomize=True, deadline=None, max_examples=25)
SEEDS = st.integers(0, 2**32 - 1)
RATE = 30


def at(reading: FaceReading, k: float, **changes: object) -> FaceReading:
    return replace(reading, time=k / RATE, **changes)  # type: ignore[arg-type]


def smoothed(readings: list[FaceReading]) -> list[FaceReading]:
    smoother = Smoother()
    return [smoother.smooth([reading])[0] for reading in readings]


def same(one: FaceReading, other: FaceReading) -> None:
    np.testing.assert_array_equal(one.state.expression.weights, other.state.expression.weights)
    np.testing.assert_array_equal(one.landmarks.points, other.landmarks.points)
    np.testing.assert_allclose(one.state.pose.rotation, other.state.pose.rotation, atol=1e-12)
    np.testing.assert_array_equal(one.state.pose.translation, other.state.pose.translation)
    np.testing.assert_allclose(one.state.gaze.rotation, other.state.gaze.rotation, atol=1e-12)


def shaken(seed: int, amount: float) -> list[FaceReading]:
    """One face under noise: `amount` of 1 in weights, of radians, of the inter-ocular distance, of 1 m."""
    rng, first = np.random.default_rng(seed), made_reading(seed=seed % 1000)
    points = first.landmarks.points
    unit = float(np.linalg.norm(points[468] - points[473]))
    readings = []
    for k in range(90):
        state = first.state
        weights = np.clip(state.expression.weights * 0.8 + 0.1 + rng.normal(0, amount, 52), 0, 1)
        moved = FaceState(
            Expression(weights, ARKIT),
            Pose(
                state.pose.rotation @ rotation_from_vector(rng.normal(0, amount, 3)),
                state.pose.translation + rng.normal(0, amount, 3) * state.pose.translation[2],
            ),
            Gaze(state.gaze.rotation @ rotation_from_vector(rng.normal(0, amount, (2, 3)))),
        )
        landmarks = Landmarks(points + rng.normal(0, amount * unit, points.shape), first.landmarks.score)
        readings.append(at(first, k, state=moved, landmarks=landmarks))
    return readings


def spread(rotations: Array) -> float:
    return float(vector_from_rotation(np.swapaxes(rotations[:1], -1, -2) @ rotations).std())


@pytest.mark.parametrize("seed", range(3))
def test_a_face_that_keeps_still_is_held_still(seed: int) -> None:
    raw = shaken(seed, 0.001)[30:]
    smooth = smoothed(shaken(seed, 0.001))[30:]

    def jitter(readings: list[FaceReading]) -> Array:
        states = [reading.state for reading in readings]
        return np.array(
            [
                np.std([s.expression.weights for s in states], axis=0).mean(),
                np.std([r.landmarks.points for r in readings], axis=0).mean(),
                np.std([s.pose.translation for s in states], axis=0).mean(),
                spread(np.array([s.pose.rotation for s in states])),
                spread(np.array([s.gaze.rotation for s in states])),
            ]
        )

    assert (jitter(smooth) < 0.5 * jitter(raw)).all()


@CHECKED
@given(SEEDS)
def test_one_moment_again_and_again_comes_out_as_it_is(seed: int) -> None:
    reading = made_reading(seed=seed)
    for out in smoothed([at(reading, k) for k in range(5)]):
        same(out, reading)


@CHECKED
@given(SEEDS, st.floats(0.05, 20))
def test_it_does_not_matter_how_large_a_face_is(seed: int, size: float) -> None:
    rows = [at(made_reading(seed=seed, frame=k), k) for k in range(4)]
    grown = [replace(row, landmarks=Landmarks(row.landmarks.points * size, row.landmarks.score)) for row in rows]
    for one, other in zip(smoothed(rows), smoothed(grown), strict=True):
        np.testing.assert_allclose(other.landmarks.points, one.landmarks.points * size, rtol=1e-6, atol=1e-6 * size)


@CHECKED
@given(SEEDS, st.sampled_from([24, 25, 30, 60]))
def test_weights_stay_within_what_was_read(seed: int, rate: int) -> None:
    rows = [replace(made_reading(seed=seed, frame=k), time=k / rate) for k in range(8)]
    raw = np.array([row.state.expression.weights for row in rows])
    for k, out in enumerate(smoothed(rows)):
        weights = out.state.expression.weights
        assert (weights >= raw[: k + 1].min(0) - 1e-6).all()
        assert (weights <= raw[: k + 1].max(0) + 1e-6).all()


@pytest.mark.parametrize(
    "column", ["eyeBlinkLeft", "eyeSquintRight", "jawOpen", "mouthSmileLeft", "browInnerUp", "cheekPuff"]
)
@pytest.mark.parametrize("height", [0.3, 0.6, 0.9])
def test_a_step_has_arrived_within_two_frames(column: str, height: float) -> None:
    first = made_reading()
    rows = []
    for k in range(40):
        weights = np.full(52, 0.05)
        weights[ARKIT.index(column)] += height if k >= 30 else 0
        rows.append(at(first, k, state=replace(first.state, expression=Expression(weights, ARKIT))))
    out = [row.state.expression[column] - 0.05 for row in smoothed(rows)]
    assert out[32] >= 0.9 * height


def test_a_blink_survives() -> None:
    first, shut = made_reading(), (0.1, 0.35, 0.7, 0.75, 0.45, 0.2, 0.1)
    curve = [0.1] * 30 + list(shut) + [0.1] * 10
    rows = []
    for k, value in enumerate(curve):
        weights = np.full(52, 0.1)
        weights[ARKIT.index("eyeBlinkLeft")] = value
        rows.append(at(first, k, state=replace(first.state, expression=Expression(weights, ARKIT))))
    out = [float(row.state.expression["eyeBlinkLeft"]) for row in smoothed(rows)]
    peak = int(np.argmax(out))
    assert out[peak] - 0.1 >= 0.8 * 0.65
    assert abs(peak - (30 + 3)) <= 2


@pytest.mark.parametrize("gap", [LONGEST_GAP + 0.01, 5.0, 0.0])
def test_after_a_gap_or_without_a_clock_it_starts_anew(gap: float) -> None:
    smoother, first, other = Smoother(), made_reading(seed=1), made_reading(seed=2)
    smoother.smooth([replace(first, time=1.0)])
    (out,) = smoother.smooth([replace(other, time=1.0 + gap)])
    same(out, other)


def test_who_was_lost_for_a_frame_starts_anew_and_others_do_not() -> None:
    smoother = Smoother()
    one, two = (made_reading(face, seed=face) for face in (0, 1))
    smoother.smooth([at(one, 0), at(two, 0)])
    smoother.smooth([at(one, 1)])
    again = [at(made_reading(face, seed=9), 2) for face in (0, 1)]
    first, second = smoother.smooth(again)
    same(second, again[1])
    assert np.abs(first.state.expression.weights - again[0].state.expression.weights).max() > 0.01


def test_faces_have_pasts_of_their_own() -> None:
    rows = [[at(made_reading(face, seed=face, frame=k), k) for face in (0, 1)] for k in range(5)]
    smoother = Smoother()
    together = [smoother.smooth(row) for row in rows]
    for face in (0, 1):
        for pair, alone in zip(together, smoothed([row[face] for row in rows]), strict=True):
            same(pair[face], alone)


# --- in capture -------------------------------------------------------------------------------------------------------


def test_a_stream_is_smoothed_unless_it_is_told_not_to_be() -> None:
    assert CaptureOptions().smooth
    frames = clip_frames(6)
    raw = [readings for _, readings in Capturer(CaptureOptions(smooth=False)).stream(frames)]
    smoother = Smoother()
    for (_, (out,)), readings in zip(capturer().stream(frames), raw, strict=True):
        same(out, smoother.smooth(readings)[0])
    assert not np.array_equal(out.landmarks.points, raw[-1][0].landmarks.points)
    assert not np.array_equal(out.state.expression.weights, raw[-1][0].state.expression.weights)


def test_photos_are_never_smoothed() -> None:
    pictures = [placed((120, 100))[0], placed((90, 100))[0]]
    raw = Capturer(CaptureOptions(smooth=False))
    one_by_one = [next(iter(raw.stream([Frame(picture)])))[1][0] for picture in pictures]
    for picture, expected in zip(pictures, one_by_one, strict=True):
        same(next(iter(capturer().stream([Frame(picture)])))[1][0], expected)
    # Frames without times of their own are no video either.
    together = [readings for _, readings in capturer().stream([Frame(picture) for picture in pictures])]
    unsmoothed = [readings for _, readings in raw.stream([Frame(picture) for picture in pictures])]
    for (one,), (other,) in zip(together, unsmoothed, strict=True):
        same(one, other)


def test_a_reading_of_little_quality_is_a_frame_without_the_face() -> None:
    frames = clip_frames(5)
    small = placed((120, 100), 0.35)[0]
    frames[2] = Frame(small, frames[2].time, 2)
    frames[4] = Frame(blank(), frames[4].time, 4)
    plain = [readings for _, readings in capturer().stream(frames)]
    bound = min(reading.quality for k in (0, 1, 3) for reading in plain[k]) - 1e-3
    strict = [readings for _, readings in Capturer(CaptureOptions(min_quality=bound)).stream(frames)]
    assert [len(readings) for readings in strict] == [1, 1, 0, 1, 0]
    assert {reading.face for readings in strict for reading in readings} == {plain[0][0].face}
