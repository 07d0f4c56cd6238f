"""The nouns: they check themselves at birth, stay as they were, and agree on their leading axes."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mien.core.arrays import Array
from mien.core.basis import ARKIT, Basis
from mien.core.face import (
    IRIS_LEFT,
    IRIS_RIGHT,
    LANDMARKS,
    Capture,
    Detection,
    Expression,
    FaceReading,
    FaceState,
    Gaze,
    Identity,
    Landmarks,
    Pose,
    Take,
)
from mien.core.geometry import rotation_from_angles, turn_to
from mien.core.quality import Quality

CHECKED = settings(derandomize=True, deadline=None, max_examples=40)
LEADING = hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4)


def eyes(*leading: int) -> Array:
    return np.broadcast_to(np.eye(3), (*leading, 2, 3, 3))


def heads(*leading: int) -> Array:
    return np.broadcast_to(np.eye(3), (*leading, 3, 3))


def state(*leading: int) -> FaceState:
    expression = Expression(np.zeros((*leading, 52)), ARKIT)
    return FaceState(expression, Pose(heads(*leading), np.zeros((*leading, 3))), Gaze(eyes(*leading)))


def take(count: int = 3, **changes: Any) -> Take:
    parts: dict[str, Any] = {
        "state": state(count),
        "times": np.arange(count) / 25,
        "frames": np.arange(count),
        "valid": np.ones(count, bool),
        "box": np.zeros((count, 4)),
        "score": np.ones(count),
        "quality": np.ones(count),
    }
    return Take(**{**parts, **changes})


NOT_A_NUMBER: list[Callable[[], object]] = [
    lambda: Detection(np.full(4, np.nan), 1, np.zeros((5, 2))),
    lambda: Detection(np.zeros(4), np.nan, np.zeros((5, 2))),
    lambda: Detection(np.zeros(4), 1, np.full((5, 2), np.nan)),
    lambda: Landmarks(np.full((LANDMARKS, 3), np.nan), 1),
    lambda: Landmarks(np.zeros((LANDMARKS, 3)), np.nan),
    lambda: Expression(np.full(52, np.nan), ARKIT),
    lambda: Pose(np.full((3, 3), np.nan), np.zeros(3)),
    lambda: Pose(np.eye(3), np.full(3, np.nan)),
    lambda: Gaze(np.full((2, 3, 3), np.nan)),
    lambda: Identity(np.full(5, np.nan)),
    *(
        partial(take, 3, **{name: np.full((3, 4) if name == "box" else 3, np.nan)})
        for name in ("times", "frames", "valid", "box", "score", "quality")
    ),
    lambda: take(landmarks=np.full((3, LANDMARKS, 3), np.nan)),
    lambda: take(frame_rate=np.nan),
]
WRONG_SHAPE: list[tuple[Callable[[], object], str]] = [
    (lambda: Detection(np.zeros(3), 1, np.zeros((5, 2))), r"box must have shape \[4\], got \[3\]"),
    (lambda: Detection(np.zeros(4), 1, np.zeros((6, 2))), r"points must have shape \[5, 2\], got \[6, 2\]"),
    (lambda: Landmarks(np.zeros((468, 3)), 1), r"points must have shape \[478, 3\], got \[468, 3\]"),
    (lambda: Landmarks(np.zeros((478, 2)), 1), r"points must have shape \[478, 3\], got \[478, 2\]"),
    (lambda: Expression(np.zeros((2, 51)), ARKIT), r"weights over arkit must have shape \[\.\.\., 52\], got \[2, 51\]"),
    (lambda: Expression(np.array(0.0), ARKIT), r"weights over arkit must have shape \[\.\.\., 52\], got \[\]"),
    (lambda: Pose(np.zeros((4, 4)), np.zeros(3)), r"rotation must have shape \[\.\.\., 3, 3\], got \[4, 4\]"),
    (lambda: Pose(np.eye(3), np.zeros(2)), r"translation must have shape \[\.\.\., 3\], got \[2\]"),
    (lambda: Gaze(np.eye(3)), r"rotation must have shape \[\.\.\., 2, 3, 3\], got \[3, 3\]"),
    (lambda: Identity(np.zeros((1, 5))), r"shape must have shape \[n\], got \[1, 5\]"),
    (lambda: take(times=np.zeros(2)), r"times must have shape \[3\], got \[2\]"),
    (lambda: take(frames=np.zeros((3, 1))), r"frames must have shape \[3\], got \[3, 1\]"),
    (lambda: take(valid=np.ones(4)), r"valid must have shape \[3\], got \[4\]"),
    (lambda: take(box=np.zeros((3, 5))), r"box must have shape \[3, 4\], got \[3, 5\]"),
    (lambda: take(score=np.ones(1)), r"score must have shape \[3\], got \[1\]"),
    (lambda: take(quality=1.0), r"quality must have shape \[3\], got \[\]"),
    (lambda: take(landmarks=np.zeros((3, 478, 2))), r"landmarks must have shape \[3, 478, 3\], got \[3, 478, 2\]"),
]


@pytest.mark.parametrize(("make", "message"), WRONG_SHAPE)
def test_wrong_shape_says_expected_and_actual(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


@pytest.mark.parametrize("make", NOT_A_NUMBER)
def test_nan_is_refused_everywhere(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"not finite|must lie in|must be above"):
        make()


@pytest.mark.parametrize(
    "record",
    [
        Detection([0, 0, 1, 1], 1, np.zeros((5, 2))),  # type: ignore[arg-type]  # a list will do
        Landmarks(np.zeros((LANDMARKS, 3)), 0.5),
        Expression(np.zeros(52), ARKIT),
        Pose(np.eye(3), np.zeros(3)),
        Gaze(eyes()),
        Identity(np.zeros(5)),
        take(landmarks=np.zeros((3, LANDMARKS, 3))),
    ],
    ids=lambda record: type(record).__name__,
)
def test_records_and_their_arrays_are_frozen(record: Any) -> None:
    arrays = 0
    for part in dataclasses.fields(record):
        value = getattr(record, part.name)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, part.name, value)
        if isinstance(value, np.ndarray):
            arrays += 1
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0
    assert arrays


def test_the_array_given_stays_the_callers_own() -> None:
    weights = np.zeros(52, np.float32)
    expression = Expression(weights, ARKIT)
    weights[3] = 1
    assert not expression.weights.any()


@pytest.mark.parametrize("score", [-0.01, 1.01])
def test_score_outside_0_to_1_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match=r"score must lie in 0\.\.1"):
        Detection(np.zeros(4), score, np.zeros((5, 2)))
    with pytest.raises(ValueError, match=r"score must lie in 0\.\.1"):
        Landmarks(np.zeros((LANDMARKS, 3)), score)


def test_irises_are_among_the_landmarks() -> None:
    assert (LANDMARKS, IRIS_RIGHT, IRIS_LEFT) == (478, 468, 473)


class TestExpression:
    @CHECKED
    @given(LEADING, st.integers(0, 99))
    def test_mirrored_twice_is_the_same(self, leading: tuple[int, ...], seed: int) -> None:
        weights = np.random.default_rng(seed).uniform(-0.2, 1.2, (*leading, 52)).astype(np.float32)
        expression = Expression(weights, ARKIT)
        mirrored = expression.mirrored()
        assert np.array_equal(mirrored.mirrored().weights, weights)
        for column in ("mouthSmileLeft", "jawRight", "eyeLookInLeft", "jawOpen", "browInnerUp"):
            twin = ARKIT.columns[ARKIT.mirror[ARKIT.index(column)]]
            assert np.array_equal(mirrored[column], expression[twin])

    def test_mirror_of_a_left_smile_is_a_right_one(self) -> None:
        weights = np.zeros(52)
        weights[ARKIT.index("mouthSmileLeft")] = 0.8
        mirrored = Expression(weights, ARKIT).mirrored()
        assert mirrored["mouthSmileRight"] == np.float32(0.8)
        assert mirrored["mouthSmileLeft"] == 0
        assert mirrored.basis is ARKIT

    def test_weights_outside_the_nominal_range_are_kept(self) -> None:
        weights = np.linspace(-0.5, 1.5, 52, dtype=np.float32)
        assert np.array_equal(Expression(weights, ARKIT).weights, weights)

    def test_columns_are_read_by_name(self) -> None:
        expression = Expression(np.arange(104).reshape(2, 52), ARKIT)
        assert expression["tongueOut"].tolist() == [51, 103]
        with pytest.raises(KeyError, match="basis arkit has no column smile"):
            expression["smile"]

    def test_any_basis_will_do(self) -> None:
        basis = Basis("mood", ("valence", "arousal"), low=-1)
        assert Expression(np.array([[0.5, -1]]), basis)["arousal"].tolist() == [-1]


class TestPoseAndGaze:
    @CHECKED
    @given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
    def test_any_rotation_is_taken(self, pitch: float, yaw: float, roll: float) -> None:
        rotation = rotation_from_angles(pitch, yaw, roll)
        assert np.array_equal(Pose(rotation, np.zeros(3)).rotation, rotation)
        assert Gaze(np.stack([rotation, rotation.T])).rotation.shape == (2, 3, 3)
        # Single precision is good enough to be a rotation.
        Pose(rotation.astype(np.float32), np.zeros(3, np.float32))

    @pytest.mark.parametrize("matrix", [np.zeros((3, 3)), 2 * np.eye(3), np.diag([-1.0, 1, 1]), np.ones((3, 3))])
    def test_what_is_no_rotation_is_refused(self, matrix: Array) -> None:
        with pytest.raises(ValueError, match="no rotation"):
            Pose(matrix, np.zeros(3))
        with pytest.raises(ValueError, match="no rotation"):
            Pose(np.stack([np.eye(3), matrix]), np.zeros((2, 3)))
        with pytest.raises(ValueError, match="no rotation"):
            Gaze(np.stack([np.eye(3), matrix]))

    def test_leading_axes_of_a_pose_must_agree(self) -> None:
        with pytest.raises(ValueError, match=r"rotation \[2, 3, 3\] and translation \[4, 3\] must share leading axes"):
            Pose(heads(2), np.zeros((4, 3)))


class TestFaceState:
    @CHECKED
    @given(LEADING)
    def test_leading_axes_are_the_parts(self, leading: tuple[int, ...]) -> None:
        assert state(*leading).leading == leading

    @pytest.mark.parametrize(
        ("expression", "pose", "gaze"), [((2,), (3,), (2,)), ((2,), (2,), ()), ((), (1,), (1,)), ((2, 1), (2,), (2,))]
    )
    def test_leading_axes_must_agree(
        self, expression: tuple[int, ...], pose: tuple[int, ...], gaze: tuple[int, ...]
    ) -> None:
        with pytest.raises(ValueError, match="expression, pose and gaze must share leading axes, got") as caught:
            FaceState(state(*expression).expression, state(*pose).pose, state(*gaze).gaze)
        assert str([list(expression), list(pose), list(gaze)]) in str(caught.value)


@pytest.mark.parametrize("row", [0, 1023, 1024, 2050])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_no_point_of_a_long_take_escapes(row: int, value: float) -> None:
    """They are checked a piece at a time, for want of memory."""
    landmarks = np.zeros((2051, LANDMARKS, 3), np.float64 if value == 1e300 else np.float32)
    landmarks[row, 477, 2] = value
    with pytest.raises(ValueError, match="landmarks holds numbers that are not finite"):
        take(2051, landmarks=landmarks)


class TestFaceReading:
    def test_box_is_tight_round_the_points(self) -> None:
        points = np.random.default_rng(0).uniform(10, 90, (LANDMARKS, 3))
        reading = FaceReading(0, 7, 0.28, Landmarks(points, 0.9), state(), 0.8)
        assert reading.box.tolist() == [*points[:, :2].min(0), *points[:, :2].max(0)]
        assert reading.size == max(np.ptp(points[:, :2], axis=0))

    def test_a_reading_is_one_moment(self) -> None:
        with pytest.raises(ValueError, match=r"a reading holds one moment, got leading axes \[2\]"):
            FaceReading(0, 0, 0, Landmarks(np.zeros((LANDMARKS, 3)), 1), state(2), 1)

    def test_its_quality_is_that_of_its_parts(self) -> None:
        landmarks, parts = Landmarks(np.zeros((LANDMARKS, 3)), 1), Quality(0.9, 0.8, 1, 0.5)
        assert FaceReading(0, 0, 0, landmarks, state(), 0.36, trust=parts).trust == parts
        with pytest.raises(ValueError, match=r"quality is 0.4, and the product of its parts 0.36"):
            FaceReading(0, 0, 0, landmarks, state(), 0.4, trust=parts)


class TestIdentity:
    def test_nobody_in_particular_has_an_empty_shape(self) -> None:
        assert Identity().shape.shape == (0,)
        assert Identity().resting is None
        assert take().identity.shape.size == 0


class TestTake:
    @pytest.mark.parametrize("count", [0, 1, 5])
    def test_length_is_the_number_of_frames(self, count: int) -> None:
        assert len(take(count)) == count

    def test_arrays_are_stored_in_their_types(self) -> None:
        one = take(valid=[1, 0, 1], frames=[0.0, 2.0, 4.0], landmarks=np.zeros((3, LANDMARKS, 3)))
        assert one.valid.tolist() == [True, False, True]
        assert one.frames.tolist() == [0, 2, 4]
        kinds = {name: getattr(one, name).dtype for name in ("times", "frames", "valid", "box", "score", "landmarks")}
        assert kinds == {
            "times": np.float64,
            "frames": np.int64,
            "valid": np.bool_,
            "box": np.float32,
            "score": np.float32,
            "landmarks": np.float32,
        }

    def test_backwards_times_are_refused(self) -> None:
        with pytest.raises(ValueError, match="times must not run backwards"):
            take(times=[0, 0.08, 0.04])
        assert take(times=[0.04, 0.04, 0.08]).times[0] == 0.04

    def test_half_a_frame_number_is_refused(self) -> None:
        with pytest.raises(ValueError, match="frames must hold whole numbers"):
            take(frames=[0, 0.5, 1])

    @pytest.mark.parametrize("leading", [(), (3, 1)])
    def test_state_must_be_one_performance(self, leading: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"a take's state must have one leading axis \[T\], got"):
            take(state=state(*leading))

    @pytest.mark.parametrize("frame_rate", [0, -25, np.inf])
    def test_impossible_frame_rate_is_refused(self, frame_rate: float) -> None:
        with pytest.raises(ValueError, match="frame_rate must be above 0, got"):
            take(frame_rate=frame_rate)

    def test_a_photo_has_no_frame_rate(self) -> None:
        assert take(1).frame_rate is None
        assert take(2, frame_rate=25).frame_rate == 25


def test_no_face_is_a_result() -> None:
    assert Capture("a.jpg", 640, 480, (), 1).takes == ()


def test_a_head_that_looks_into_the_lens_from_the_edge_faces_the_camera() -> None:
    away = np.array([[0.3, -0.2, 0.6], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
    pose = Pose(turn_to(away), away)
    np.testing.assert_allclose(pose.facing(), [np.eye(3)] * 3, atol=1e-12)
    assert np.abs(pose.rotation[0] - np.eye(3)).max() > 0.2
