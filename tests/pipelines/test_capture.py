from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_reading
from PIL import Image, ImageFilter
from portraits import astronaut, blank, capturer, clip_frames, noise, placed

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import UsageError
from mien.core.face import Capture, FaceReading, Landmarks, Pose, Take
from mien.core.geometry import rotation_from_angles
from mien.core.image import Frame
from mien.detect.landmarks import Sight
from mien.detect.quality import explained, qualities
from mien.detect.shape import mean_face
from mien.formats.registry import load, save
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.gather import Gather
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter, TakeFitter

FEW = settings(max_examples=60, deadline=None)


def gathered(frames: list[Frame], using: Capturer | None = None) -> Capture:
    gather = Gather("clip", 25.0, "10:00:00:00")
    for frame, readings in (using or capturer()).stream(frames):
        gather.add(frame, readings)
    return gather.capture()


def one_reading(pixels: Array) -> FaceReading:
    ((_, (reading,)),) = capturer().stream([Frame(pixels)])
    return reading


# --- which face -------------------------------------------------------------------------------------------------------


@FEW
@given(st.sampled_from(["all", "largest"]) | st.integers(0, 9999).map(str))
def test_a_choice_of_face_says_what_it_was_told(text: str) -> None:
    assert str(FaceChoice.parse(text)) == text
    assert FaceChoice.parse(str(FaceChoice.parse(text))) == FaceChoice.parse(text)


@pytest.mark.parametrize("text", ["", "ALL", "first", "-1", "1.0", "12345", " 1", "1 ", "0x1", "largest,all", "1\n"])
def test_what_names_no_face_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--face: E_USAGE: .* names no face"):
        FaceChoice.parse(text)


def test_a_choice_wants_its_faces() -> None:
    wanted = {text: [k for k in range(4) if FaceChoice.parse(text).wants(k)] for text in ("all", "largest", "0", "2")}
    assert wanted == {"all": [0, 1, 2, 3], "largest": [0, 1, 2, 3], "0": [0], "2": [2]}
    assert [FaceChoice.parse(text).most for text in ("all", "largest", "0", "2")] == [None, 1, None, None]


NAN = float("nan")


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"max_faces": 0}, "--max-faces"),
        ({"max_faces": -3}, "--max-faces"),
        ({"focal_length": 0.0}, "--focal-length"),
        ({"focal_length": -900.0}, "--focal-length"),
        ({"focal_length": NAN}, "--focal-length"),
        ({"focal_length": float("inf")}, "--focal-length"),
        ({"least_size": -1.0}, "--least-size"),
        ({"least_size": NAN}, "--least-size"),
        ({"least_score": 0.0}, "--least-score"),
        ({"least_score": 1.01}, "--least-score"),
        ({"least_score": NAN}, "--least-score"),
        ({"look_again": -0.1}, "--look-again"),
        ({"look_again": NAN}, "--look-again"),
        ({"min_quality": -0.1}, "--min-quality"),
        ({"min_quality": 1.1}, "--min-quality"),
        ({"min_quality": NAN}, "--min-quality"),
    ],
)
def test_an_option_out_of_range_is_refused_by_its_flag(options: dict[str, float], flag: str) -> None:
    with pytest.raises(UsageError, match=f"^{flag}: E_USAGE: .* is out of range .allowed: ") as caught:
        CaptureOptions(**options)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2


def test_the_ends_of_the_ranges_are_allowed() -> None:
    CaptureOptions(max_faces=1, focal_length=1e-3, least_size=0.0, least_score=1.0, look_again=0.0)
    CaptureOptions(max_faces=10_000, focal_length=9e6, least_score=1e-6, look_again=1e8)


# --- one face ---------------------------------------------------------------------------------------------------------


def test_a_portrait_is_read_whole() -> None:
    reading = one_reading(placed((120, 100))[0])
    state = reading.state
    assert (reading.face, reading.frame, reading.time) == (0, 0, 0.0)
    assert state.expression.basis is ARKIT
    weights = state.expression.weights
    assert np.isfinite(weights).all()
    assert ((weights >= 0) & (weights <= 1)).all()
    assert weights[ARKIT.index("tongueOut")] == 0
    assert np.isfinite(state.pose.translation).all()
    assert 0 < state.pose.translation[2] < 3
    assert np.linalg.det(state.pose.rotation) == pytest.approx(1)
    assert state.pose.rotation[2, 2] > 0.8
    assert 0.5 < reading.quality <= 1


@pytest.mark.parametrize("angle", [-25, 0, 25])
def test_a_head_on_its_side_has_its_roll_and_its_expression(angle: float) -> None:
    upright, turned = (
        one_reading(placed((150, 150), 1, 0, 300, 300)[0]),
        one_reading(placed((150, 150), 1, angle, 300, 300)[0]),
    )
    turn = upright.state.pose.rotation.T @ rotation_from_angles(0, 0, -np.deg2rad(angle)) @ turned.state.pose.rotation
    assert np.rad2deg(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))) < 6
    assert np.abs(turned.state.expression.weights - upright.state.expression.weights).mean() < 0.1


def test_half_as_large_is_twice_as_far() -> None:
    near, far = (one_reading(placed((150, 150), size, 0, 300, 300)[0]) for size in (1.4, 0.7))
    ratio = far.state.pose.translation[2] / near.state.pose.translation[2]
    assert ratio == pytest.approx(2, rel=0.08)


def test_the_focal_length_is_used() -> None:
    picture = placed((120, 100))[0]
    short, long = (
        gathered([Frame(picture)], Capturer(CaptureOptions(focal_length=length))).takes[0].state.pose.translation[0, 2]
        for length in (200.0, 800.0)
    )
    assert long / short == pytest.approx(4, rel=1e-3)
    assert capturer().camera(Frame(picture)).focal_length == pytest.approx(195.8, abs=0.5)


# --- quality ----------------------------------------------------------------------------------------------------------


FLAT = np.full((128, 128), 90, np.float32)


def rated(yaw: float, size: float, score: float = 1.0) -> float:
    """Quality but for sharpness and cover, of the mean face turned by `yaw` degrees; frontal, `size` px apart."""
    rotation = rotation_from_angles(0, np.deg2rad(yaw), 0)
    points = mean_face().points @ rotation.T * (size / 0.063)
    sight = Sight(Landmarks(points, score), FLAT, np.eye(3)[:2], points, np.zeros(256))
    (parts,) = qualities([sight], Pose(rotation[None], np.array([[0, 0, 1.0]])))
    assert parts.sharpness == parts.overall == 0, "one grey"
    assert parts.occlusion == 1, "which looks like no face"
    return replace(parts, sharpness=1.0, occlusion=0.0).overall


@FEW
@given(st.floats(-180, 180), st.floats(0.01, 5000), st.floats(0, 1))
def test_quality_is_a_fraction(yaw: float, size: float, score: float) -> None:
    assert 0 <= rated(yaw, size, score) <= score


@FEW
@given(st.floats(0, 88), st.floats(1, 20), st.floats(1, 100))
def test_quality_falls_as_the_head_turns_aside(yaw: float, more: float, size: float) -> None:
    more = min(yaw + more, 100)
    assert rated(yaw, size) > rated(more, size) or rated(yaw, size) == 0
    assert rated(yaw, size) == pytest.approx(rated(-yaw, size), abs=1e-9)


@FEW
@given(st.floats(0, 70), st.floats(0.5, 22), st.floats(1.05, 4), st.floats(0.1, 1))
def test_quality_rises_with_size_up_to_a_size(yaw: float, size: float, larger: float, score: float) -> None:
    assert rated(yaw, size, score) < rated(yaw, size * larger, score)
    assert rated(yaw, 30, score) == pytest.approx(rated(yaw, 3000, score))
    assert rated(0, 50, score) == pytest.approx(score)


def test_a_smaller_picture_of_a_face_is_trusted_less() -> None:
    large, small = (one_reading(placed((75, 75), size, 0, 150, 150)[0]) for size in (1.0, 0.45))
    assert large.quality > small.quality > 0
    assert large.quality <= large.landmarks.score


def changed(name: str, amount: float) -> Array:
    """The portrait as a bad camera gives it."""
    turned = placed((150, 150), amount if name == "size" else 1.2, 0, 300, 300)[0]
    if name == "blur":
        return np.array(Image.fromarray(turned).filter(ImageFilter.GaussianBlur(amount)))
    return (turned * amount).astype(np.uint8) if name == "light" else turned


@pytest.mark.parametrize(
    ("name", "amounts"), [("blur", (0, 3, 5)), ("size", (1.2, 0.4, 0.3)), ("light", (1, 0.15, 0.07))]
)
def test_quality_falls_with_what_spoils_a_picture(name: str, amounts: tuple[float, ...]) -> None:
    rated = [one_reading(changed(name, amount)).quality for amount in amounts]
    assert (np.diff(rated) < -0.1).all()


def test_a_reading_says_what_its_quality_is_made_of() -> None:
    reading = one_reading(placed((120, 100))[0])
    assert reading.trust is not None
    assert reading.quality == pytest.approx(reading.trust.overall)
    assert reading.trust.score == reading.landmarks.score
    assert reading.trust.explained == 1


# --- fitted -----------------------------------------------------------------------------------------------------------


@cache
def fitting() -> Capturer:
    return Capturer(CaptureOptions(fit=True, smooth=False))


@FEW
@given(st.floats(0, 20), st.floats(0, 5))
def test_what_is_explained_badly_is_trusted_less(residual: float, more: float) -> None:
    assert 0 <= explained(residual + more) <= explained(residual) <= 1
    assert explained(min(residual, 2)) == 1
    assert explained(6 + residual) == 0
    assert explained(4) == pytest.approx(0.5)


def test_a_fit_is_made_only_when_it_is_asked_for() -> None:
    assert CaptureOptions().fit is False
    reading = one_reading(placed((120, 100))[0])
    assert reading.identity.shape.shape == (0,)
    (take,) = gathered(clip_frames(4)).takes
    assert take.identity.shape.shape == (0,)


def test_weights_and_identity_of_a_fit_are_the_rigs_and_the_rest_stays() -> None:
    frames = clip_frames(4)
    plain = [reading for _, (reading,) in Capturer(CaptureOptions(smooth=False)).stream(frames)]
    fitted = [reading for _, (reading,) in fitting().stream(frames)]
    person = TakeFitter(Fitter(compact_model(), mean_face().steadiness))
    for before, after in zip(plain, fitted, strict=True):
        fit = person.see(before.landmarks.points, before.state.expression.weights)
        np.testing.assert_array_equal(after.state.expression.weights, fit.weights)
        assert after.state.expression.basis is ARKIT
        np.testing.assert_array_equal(after.identity.shape, person.shape.astype(np.float32))
        assert after.quality == pytest.approx(before.quality * explained(fit.residual))
        assert 0 < fit.residual < 3, "% of the inter-ocular distance: a real face is explained"
        np.testing.assert_array_equal(after.landmarks.points, before.landmarks.points)
        np.testing.assert_array_equal(after.state.pose.rotation, before.state.pose.rotation)
        np.testing.assert_array_equal(after.state.gaze.rotation, before.state.gaze.rotation)
        assert (after.face, after.frame, after.time) == (before.face, before.frame, before.time)
    assert ((fitted[0].state.expression.weights >= 0) & (fitted[0].state.expression.weights <= 1)).all()


def test_a_fitted_smile_is_a_smile() -> None:
    """She smiles with her teeth; both ways of reading say so."""
    weights = next(fitting().stream([Frame(placed((120, 100))[0])]))[1][0].state.expression
    assert min(weights["mouthSmileLeft"], weights["mouthSmileRight"]) > 0.3
    assert max(weights["mouthFrownLeft"], weights["eyeBlinkLeft"], weights["cheekPuff"]) < 0.4


def test_each_take_has_the_identity_that_its_frames_settled_on() -> None:
    frames = [
        Frame(blank() if k == 2 else frame.pixels, frame.time, frame.index) for k, frame in enumerate(clip_frames(5))
    ]
    readings = [readings for _, readings in fitting().stream(frames)]
    (take,) = gathered(frames, fitting()).takes
    assert take.valid.tolist() == [True, True, False, True, True]
    np.testing.assert_array_equal(take.identity.shape, readings[-1][0].identity.shape)
    assert len(take.identity.shape) == len(compact_model().identities)
    assert not take.state.expression.weights[2].any()
    both = gathered(two_faces(), fitting()).takes
    assert [len(each.identity.shape) for each in both] == [len(compact_model().identities)] * 2
    assert not np.array_equal(both[0].identity.shape, both[1].identity.shape)


def test_fits_of_one_source_do_not_know_those_of_another() -> None:
    frames = clip_frames(3)
    alone = [reading.state.expression.weights for _, (reading,) in fitting().stream(frames)]
    turns = zip(fitting().stream(frames), fitting().stream(frames[::-1]), strict=True)
    for weights, ((_, (one,)), _) in zip(alone, turns, strict=True):
        np.testing.assert_array_equal(one.state.expression.weights, weights)


@pytest.mark.parametrize("name", ["take.json", "take.npz"])
def test_an_identity_is_kept_in_files(name: str, tmp_path: Path) -> None:
    capture = gathered(clip_frames(4), fitting())
    save(capture, tmp_path / name)
    (take,), (back,) = capture.takes, load(tmp_path / name).takes
    assert len(take.identity.shape) > 0
    np.testing.assert_allclose(back.identity.shape, take.identity.shape, atol=1e-5)
    assert back.identity.resting is None
    np.testing.assert_allclose(back.state.expression.weights, take.state.expression.weights, atol=1e-5)


# --- a stream ---------------------------------------------------------------------------------------------------------


def test_no_frames_are_no_capture() -> None:
    assert list(capturer().stream([])) == []
    capture = gathered([])
    assert (capture.takes, capture.frames) == ((), 0)


def two_faces() -> list[Frame]:
    picture = np.concatenate([placed((100, 100), 0.6)[0], placed((120, 100), 1.1)[0]], axis=1)
    return [Frame(picture, k / 25, k) for k in range(2)]


@pytest.mark.parametrize(("choice", "faces"), [("all", [0, 1]), ("largest", [0]), ("0", [0]), ("1", [1]), ("7", [])])
def test_only_the_wanted_faces_come_out(choice: str, faces: list[int]) -> None:
    capture = gathered(two_faces(), Capturer(CaptureOptions(face=FaceChoice.parse(choice))))
    assert [take.face for take in capture.takes] == faces
    for take in capture.takes:
        assert (take.box[:, 0] > 240).all() == (take.face == 0)


def test_the_largest_is_read_on_after_a_gap_whatever_its_number() -> None:
    """Who comes back late or elsewhere is a new face to the follower; the largest it stays."""
    pictures = [placed((70, 100), 0.8)[0], blank(), placed((180, 100), 0.8)[0]]
    frames = [Frame(picture, 10.0 * k, k) for k, picture in enumerate(pictures)]
    capture = gathered(frames, Capturer(CaptureOptions(face=FaceChoice.parse("largest"))))
    assert np.any([take.valid for take in capture.takes], axis=0).tolist() == [True, False, True]


def test_a_face_below_the_least_size_is_not_read() -> None:
    frames = [two_faces()[0]]
    both, one, none = (
        gathered(frames, Capturer(CaptureOptions(least_size=size))).takes for size in (20.0, 85.0, 300.0)
    )
    assert [len(takes) for takes in (both, one, none)] == [2, 1, 0]
    assert (one[0].box[:, 0] > 240).all()


def test_no_more_faces_than_allowed() -> None:
    capture = gathered(two_faces(), Capturer(CaptureOptions(max_faces=1)))
    assert [take.face for take in capture.takes] == [0]
    assert (capture.takes[0].box[:, 0] > 240).all()


# --- takes ------------------------------------------------------------------------------------------------------------


def arrays(take: Take) -> list[Array]:
    assert take.landmarks is not None
    state = take.state
    return [
        *(state.expression.weights, state.pose.rotation, state.pose.translation, state.gaze.rotation),
        *(take.times, take.frames, take.valid, take.box, take.score, take.quality, take.landmarks),
    ]


def test_a_take_says_when_the_face_was_seen() -> None:
    frames = [
        Frame(blank() if k in (3, 4) else frame.pixels, frame.time, frame.index)
        for k, frame in enumerate(clip_frames(8))
    ]
    capture = gathered(frames)
    assert (capture.source, capture.width, capture.height, capture.frames) == ("clip", 240, 200, 8)
    (take,) = capture.takes
    assert take.valid.tolist() == [True] * 3 + [False] * 2 + [True] * 3
    assert (take.frame_rate, take.start_timecode, take.face, take.source) == (25.0, "10:00:00:00", 0, "clip")
    np.testing.assert_array_equal(take.frames, np.arange(8))
    np.testing.assert_allclose(take.times, np.arange(8) / 25)
    assert all(np.isfinite(array).all() for array in arrays(take))
    unseen = ~take.valid
    assert not take.score[unseen].any()
    assert not take.quality[unseen].any()
    assert not take.state.expression.weights[unseen].any()
    np.testing.assert_array_equal(take.state.pose.rotation[unseen], [np.eye(3)] * 2)
    assert (take.score[take.valid] > 0.3).all()
    assert ((take.quality >= 0) & (take.quality <= 1)).all()


def test_a_face_that_comes_late_has_a_row_for_every_frame() -> None:
    frames = [Frame(blank() if k < 2 else frame.pixels, frame.time, k) for k, frame in enumerate(clip_frames(4))]
    (take,) = gathered(frames).takes
    assert take.valid.tolist() == [False, False, True, True]


def test_what_is_gathered_is_what_was_read() -> None:
    gather = Gather("made")
    readings = [made_reading(3, k) for k in range(4)]
    for k, reading in enumerate(readings):
        gather.add(Frame(blank(), k / 25, k), [reading] if k != 2 else [])
    (take,) = gather.capture().takes
    assert take.face == 3
    for k in (0, 1, 3):
        np.testing.assert_array_equal(take.state.expression.weights[k], readings[k].state.expression.weights)
        np.testing.assert_array_equal(take.state.pose.rotation[k], readings[k].state.pose.rotation)
        np.testing.assert_array_equal(take.state.gaze.rotation[k], readings[k].state.gaze.rotation)
        np.testing.assert_allclose(take.box[k], readings[k].box, rtol=1e-6)
        assert take.score[k] == pytest.approx(readings[k].landmarks.score)
        assert take.quality[k] == pytest.approx(readings[k].quality)


@pytest.mark.parametrize("picture", [blank(), blank(level=0), blank(level=255), noise(), blank(1, 1), noise(2, 190)])
def test_without_a_face_there_are_no_takes(picture: Array) -> None:
    capture = gathered([Frame(picture, k / 25, k) for k in range(3)])
    assert (capture.takes, capture.frames) == ((), 3)


def test_two_runs_are_equal_to_the_bit() -> None:
    frames = [*clip_frames(4), Frame(astronaut(), 1.0, 4)]
    one, other = gathered(frames), gathered(frames, Capturer())
    assert [take.face for take in one.takes] == [take.face for take in other.takes]
    for mine, theirs in zip(one.takes, other.takes, strict=True):
        for left, right in zip(arrays(mine), arrays(theirs), strict=True):
            np.testing.assert_array_equal(left, right)


def test_streams_do_not_know_each_other() -> None:
    """Each starts at face 0 with nothing followed, even when they take turns."""
    frames = clip_frames(3)
    alone = [reading.landmarks.points for _, (reading,) in capturer().stream(frames)]
    turns = zip(capturer().stream(frames), capturer().stream(frames), strict=True)
    for points, ((_, (one,)), (_, (other,))) in zip(alone, turns, strict=True):
        assert one.face == other.face == 0
        np.testing.assert_array_equal(one.landmarks.points, points)
        np.testing.assert_array_equal(other.landmarks.points, points)
