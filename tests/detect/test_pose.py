import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from portraits import mirror

from mien.core.arrays import Array
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, Gaze, Pose
from mien.core.geometry import Camera, angles_from_rotation, rotation_from_angles
from mien.detect.pose import EYEBALL, fit_head, gaze_from, head_pose
from mien.detect.shape import mean_face

FEW = settings(max_examples=80, deadline=None)
CAMERA = Camera.of_picture(1280, 720)
IRISES = {"left": range(473, 478), "right": range(468, 473)}


def seen(rotation: Array, translation: Array, points: Array | None = None) -> Array:
    """[478, 3] landmarks of a face in full perspective; depth along the ray on which the face lies, in its scale."""
    offsets = (mean_face().points if points is None else points) @ rotation.T
    flat = CAMERA.project(offsets + translation)
    depth = offsets @ (translation / np.linalg.norm(translation)) * CAMERA.focal_length / translation[2]
    return np.concatenate([flat, depth[:, None]], axis=1)


def pose_of(points: Array) -> Pose:
    return head_pose(fit_head(points, mean_face()), CAMERA)


def gaze_of(points: Array) -> Gaze:
    return gaze_from(points, fit_head(points, mean_face()), mean_face())


def apart(one: Array, other: Array) -> float:
    """Angle between two rotations, degrees."""
    return float(np.rad2deg(np.arccos(np.clip((np.trace(one.T @ other) - 1) / 2, -1, 1))))


def turned(pitch: float, yaw: float, roll: float) -> Array:
    return rotation_from_angles(*np.deg2rad([pitch, yaw, roll]))


HEADS = st.tuples(st.floats(-30, 30), st.floats(-40, 40), st.floats(-40, 40))


@FEW
@given(angles=HEADS, distance=st.floats(0.4, 2), aside=st.tuples(st.floats(-0.35, 0.35), st.floats(-0.2, 0.2)))
def test_a_head_in_full_perspective_is_found_again(
    angles: tuple[float, float, float], distance: float, aside: tuple[float, float]
) -> None:
    rotation, place = turned(*angles), np.array([*aside, 1.0]) * distance
    pose = pose_of(seen(rotation, place))
    assert apart(pose.rotation, rotation) < 4
    assert pose.translation[2] == pytest.approx(distance, rel=0.08)
    np.testing.assert_allclose(pose.translation[:2] / pose.translation[2], aside, atol=0.02)


def test_a_face_from_the_front_is_the_identity() -> None:
    pose = pose_of(mean_face().points * CAMERA.focal_length / 0.8 + [*CAMERA.centre, 0])
    np.testing.assert_allclose(pose.rotation, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(pose.translation, [0, 0, 0.8], atol=1e-9)


@FEW
@given(angles=HEADS, distance=st.floats(0.4, 2))
def test_from_afar_it_is_exact(angles: tuple[float, float, float], distance: float) -> None:
    """A scaled rotation of the mean face, as a lens without perspective sees it, comes back to the last digit."""
    rotation = turned(*angles)
    points = mean_face().points @ rotation.T * CAMERA.focal_length / distance + [*CAMERA.centre, 0]
    pose = pose_of(points)
    np.testing.assert_allclose(pose.rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(pose.translation, [0, 0, distance], atol=1e-9)


@pytest.mark.parametrize(("angles", "name"), [((20, 0, 0), "pitch"), ((0, 20, 0), "yaw"), ((0, 0, 20), "roll")])
def test_each_angle_has_its_name_and_sign(angles: tuple[float, float, float], name: str) -> None:
    points = seen(turned(*angles), np.array([0, 0, 1.0]))
    found = dict(zip(("pitch", "yaw", "roll"), angles_from_rotation(pose_of(points).rotation), strict=True))
    assert np.rad2deg(found.pop(name)) == pytest.approx(20, abs=2)
    assert np.abs(list(found.values())).max() < np.deg2rad(2)
    nose = points[1, :2] - points[168, :2]
    if name == "yaw":
        assert nose[0] < 0  # the subject's right is the picture's left
    if name == "roll":
        assert points[IRIS_LEFT, 1] > points[IRIS_RIGHT, 1]


def mirrored(points: Array) -> Array:
    """The landmarks of the same face in a mirror."""
    flipped = points[mirror()].copy()
    flipped[:, 0] = 2 * CAMERA.centre[0] - flipped[:, 0]
    return np.asarray(flipped)


@FEW
@given(angles=HEADS, aside=st.floats(-0.3, 0.3))
def test_a_mirror_turns_yaw_and_roll_about(angles: tuple[float, float, float], aside: float) -> None:
    points = seen(turned(*angles), np.array([aside, 0.05, 0.8]))
    plain, flipped = pose_of(points), pose_of(mirrored(points))
    pitch, yaw, roll = angles_from_rotation(plain.rotation)
    # The points' steadiness is measured, not made symmetric: a fraction of a degree may stay.
    np.testing.assert_allclose(angles_from_rotation(flipped.rotation), [pitch, -yaw, -roll], atol=np.deg2rad(1))
    np.testing.assert_allclose(flipped.translation, plain.translation * [-1, 1, 1], atol=0.01)


def looking(left: tuple[float, float], right: tuple[float, float]) -> Array:
    """The mean face with its irises moved by fractions of the eyeball's radius, to the picture's right and down."""
    points = mean_face().points.copy()
    for side, (x, y) in (("left", left), ("right", right)):
        points[IRISES[side]] += np.array([x, y, 0]) * EYEBALL
    return np.asarray(points)


MOVES = st.tuples(st.floats(-0.6, 0.6), st.floats(-0.6, 0.6))


@FEW
@given(angles=HEADS, scale=st.floats(20, 5000))
def test_the_mean_face_looks_straight_ahead(angles: tuple[float, float, float], scale: float) -> None:
    points = mean_face().points @ turned(*angles).T * scale + [100, 50, 3]
    np.testing.assert_allclose(gaze_of(points).rotation, [np.eye(3)] * 2, atol=1e-6)


@FEW
@given(st.floats(-0.9, 0.9), st.floats(0.01, 0.3), st.sampled_from([0, 1]))
def test_the_further_the_iris_the_further_the_gaze(start: float, step: float, axis: int) -> None:
    assume(start + step < 0.9)
    near, far = (
        angles_from_rotation(gaze_of(looking(move, move)).rotation)
        for move in ((at, 0.0) if axis == 0 else (0.0, at) for at in (start, start + step))
    )
    # Yaw is positive to the subject's right, which is the picture's left; pitch is positive down.
    if axis == 0:
        assert (far[:, 1] < near[:, 1]).all()
    else:
        assert (far[:, 0] > near[:, 0]).all()


@FEW
@given(MOVES, MOVES)
def test_a_mirror_swaps_the_eyes_and_turns_their_yaw(left: tuple[float, float], right: tuple[float, float]) -> None:
    points = looking(left, right) * 1000 + [640, 360, 0]
    plain, flipped = (angles_from_rotation(gaze_of(each).rotation) for each in (points, mirrored(points)))
    np.testing.assert_allclose(flipped[:, 0], plain[::-1, 0], atol=0.02)
    np.testing.assert_allclose(flipped[:, 1], -plain[::-1, 1], atol=0.02)


def test_each_eye_is_read_alone() -> None:
    """The picture's right is the subject's left, and yaw is positive to the subject's right."""
    left, right = angles_from_rotation(gaze_of(looking((0.4, 0.0), (0.0, 0.3))).rotation)
    assert left[1] < -0.3
    assert right[0] > 0.2
    np.testing.assert_allclose([left[0], right[1]], 0, atol=0.05)


@FEW
@given(MOVES, MOVES, HEADS)
def test_gaze_is_finite_however_odd_the_points(
    left: tuple[float, float], right: tuple[float, float], angles: tuple[float, float, float]
) -> None:
    far = (left[0] * 50, left[1] * 50)
    points = looking(far, right) @ turned(*angles).T * 900
    assert np.isfinite(gaze_of(points).rotation).all()


@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_of_many_faces_each_is_read_as_if_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    faces = np.array(
        [
            seen(turned(*rng.uniform(-30, 30, 3)), np.array([0.1, 0, 0.8]), looking(*rng.uniform(-0.4, 0.4, (2, 2))))
            for _ in range(3)
        ]
    )
    poses, gazes = pose_of(faces), gaze_of(faces)
    for k, points in enumerate(faces):
        np.testing.assert_allclose(poses.rotation[k], pose_of(points).rotation, atol=1e-9)
        np.testing.assert_allclose(poses.translation[k], pose_of(points).translation, atol=1e-9)
        np.testing.assert_allclose(gazes.rotation[k], gaze_of(points).rotation, atol=1e-9)
