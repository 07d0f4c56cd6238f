import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_lite import adder
from portraits import capturer, clip_frames, placed

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import ModelError, UsageError
from mien.core.face import Detection, FaceReading, Landmarks
from mien.core.geometry import bounds
from mien.core.image import Frame
from mien.detect.peer import NETWORKS, networks_of
from mien.detect.peer_expression import SEEN, PeerExpressionReader
from mien.detect.peer_finder import PeerFinder, anchors, blended
from mien.detect.peer_landmarks import SIDE, PeerReader, PeerSight, rectangle
from mien.formats.images import read_image
from mien.pipelines.capture import CaptureOptions, Capturer

DATA = Path(__file__).parents[3] / "shared" / "data"
MODEL = DATA / "models" / "face_landmarker.task"
needs_model = pytest.mark.skipif(not MODEL.exists(), reason="MediaPipe's file lies in ../shared, which is not here")


# --- the parts, by stand-ins for networks whose answers are known -----------------------------------------------------


def test_anchors_are_the_middles_of_cells() -> None:
    found = anchors()
    assert found.shape == (896, 2)
    np.testing.assert_array_equal(found[:3], [[1 / 32, 1 / 32], [1 / 32, 1 / 32], [3 / 32, 1 / 32]])
    np.testing.assert_array_equal(found[32], [1 / 32, 3 / 32])
    np.testing.assert_array_equal(found[512:519], [[1 / 16, 1 / 16]] * 6 + [[3 / 16, 1 / 16]])


def finder_that_answers(answers: dict[int, tuple[float, Array]]) -> PeerFinder:
    """By anchor: the logit, and the 16 numbers."""

    def network(pixels: Array) -> list[Array]:
        assert pixels.shape == (1, 128, 128, 3)
        assert pixels.dtype == np.float32
        assert -1 <= pixels.min() <= pixels.max() <= 1
        places, logits = np.zeros((1, 896, 16), np.float32), np.full((1, 896, 1), -20, np.float32)
        for anchor, (logit, numbers) in answers.items():
            logits[0, anchor, 0], places[0, anchor] = logit, numbers
        return [places, logits]

    return PeerFinder(network)


@pytest.mark.parametrize(("width", "height"), [(256, 256), (512, 256), (200, 400)])
def test_a_box_lies_where_the_network_says_in_pixels_of_the_frame(width: int, height: int) -> None:
    numbers = np.zeros(16, np.float32)
    numbers[:4] = 4, -4, 32, 16  # a shift of the middle, and the size, in pixels of the network's picture
    numbers[4:] = np.arange(12)
    middle = np.array([1 / 32, 1 / 32]) + np.array([4, -4]) / 128
    (face,) = finder_that_answers({0: (0.5, numbers)}).find(Frame(np.zeros((height, width, 3), np.uint8)))
    longest = max(width, height)
    corner = (np.array([width, height]) - longest) / 2
    np.testing.assert_allclose((face.box[:2] + face.box[2:]) / 2, middle * longest + corner)
    np.testing.assert_allclose(face.box[2:] - face.box[:2], np.array([32, 16]) / 128 * longest)
    assert face.score == pytest.approx(1 / (1 + np.exp(-0.5)))
    eye = (np.array([0, 1]) / 128 + 1 / 32) * longest + corner
    np.testing.assert_allclose(face.points[0], eye)
    np.testing.assert_array_equal(face.points[3], face.points[4])  # there are no corners of the mouth


def test_answers_below_the_least_score_are_dropped_and_the_largest_face_comes_first() -> None:
    def answer(size: float) -> Array:
        return np.array([0, 0, size, size, *[0] * 12], np.float32)

    finder = finder_that_answers({0: (3.0, answer(10)), 511: (1.0, answer(30)), 30: (-0.1, answer(50))})
    sizes = [face.box[2] - face.box[0] for face in finder.find(Frame(np.zeros((128, 128, 3), np.uint8)))]
    np.testing.assert_allclose(sizes, [30, 10])


boxes = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.5, 1)),
    max_size=12,
)


@given(boxes)
def test_blending_loses_no_answer_and_stays_within_them(given: list[tuple[float, ...]]) -> None:
    table = np.array(given).reshape(-1, 5)
    box = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], 1)
    points = np.tile(table[:, None, :2], (1, 6, 1))
    found = blended(table[:, 4], box, points)
    assert len(found) <= len(table)
    assert bool(found) == bool(len(table))
    assert [best for best, _, _ in found] == sorted((best for best, _, _ in found), reverse=True)
    for best, mean, _ in found:
        assert best in table[:, 4]
        assert (mean >= box.min(0) - 1e-9).all()
        assert (mean <= box.max(0) + 1e-9).all()


def test_overlapping_answers_are_one_face_weighed_by_score() -> None:
    box = np.array([[0, 0, 1, 1], [0.1, 0, 1.1, 1], [5, 5, 6, 6]])
    first, second = blended(np.array([0.6, 0.9, 0.7]), box, np.zeros((3, 6, 2)))
    assert (first[0], second[0]) == (0.9, 0.7)
    np.testing.assert_allclose(first[1], (0.6 * box[0] + 0.9 * box[1]) / 1.5)


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(1, 400), st.floats(1, 400), st.floats(-np.pi, np.pi))
def test_a_rectangle_is_half_as_large_again_and_the_eyes_are_level_in_it(
    x: float, y: float, width: float, height: float, angle: float
) -> None:
    eyes = np.array([np.cos(angle), np.sin(angle)])
    to_frame = rectangle(np.array([x, y]), np.array([width, height]), eyes)
    middle = to_frame[:, :2] @ [SIDE / 2, SIDE / 2] + to_frame[:, 2]
    np.testing.assert_allclose(middle, [x, y], atol=1e-8)
    across, down = to_frame[:, 0] * SIDE, to_frame[:, 1] * SIDE
    np.testing.assert_allclose(across, eyes * width * 1.5, atol=1e-8)
    np.testing.assert_allclose(down, np.array([-eyes[1], eyes[0]]) * height * 1.5, atol=1e-8)


def reader_that_sees(points: Array, logit: float) -> PeerReader:
    def network(pixels: Array) -> list[Array]:
        assert pixels.shape == (1, 256, 256, 3)
        assert 0 <= pixels.min() <= pixels.max() <= 1
        return [points.astype(np.float32).reshape(1, 1, 1, -1), np.full((1, 1, 1, 1), logit), np.zeros((1, 1))]

    return PeerReader(network)


def test_points_go_back_to_the_frame_and_depth_in_its_scale() -> None:
    points = np.random.default_rng(0).uniform(0, 256, (478, 3))
    face = Detection(np.array([100, 100, 164, 164]), 0.9, np.array([[120, 130], [140, 130], *[[130, 140]] * 3]))
    frame = Frame(np.zeros((300, 300, 3), np.uint8))
    sight = reader_that_sees(points, 4.0).meet(frame, face)
    assert sight is not None
    scale = 64 * 1.5 / 256
    np.testing.assert_allclose(sight.landmarks.points[:, :2], points[:, :2] * scale + 132 - 48, atol=1e-4)
    np.testing.assert_allclose(sight.landmarks.points[:, 2], points[:, 2] * scale, atol=1e-4)
    assert sight.landmarks.score == pytest.approx(1 / (1 + np.exp(-4)))
    assert reader_that_sees(points, -0.1).meet(frame, face) is None


def test_the_expression_reader_sees_146_points_and_names_what_it_is_told() -> None:
    seen: list[Array] = []

    def network(value: Array) -> list[Array]:
        seen.append(value)
        return [np.arange(52) / 100]

    points = np.random.default_rng(0).uniform(0, 500, (478, 3))
    sight = PeerSight(Landmarks(points, 0.9), np.zeros((128, 128)), points)
    expression, same = PeerExpressionReader(network).read(sight)
    assert same is sight
    assert (len(SEEN), len(set(SEEN))) == (146, 146)
    np.testing.assert_array_equal(seen[0], points[list(SEEN), :2][None])
    told = {name: float(expression[name]) for name in ("browDownLeft", "jawOpen", "mouthClose", "noseSneerRight")}
    assert told == pytest.approx({"browDownLeft": 0.01, "jawOpen": 0.25, "mouthClose": 0.27, "noseSneerRight": 0.51})
    assert float(expression["tongueOut"]) == 0


def bundle(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.tflite", content)
    return stream.getvalue()


def test_networks_are_taken_out_of_the_bundle_in_order() -> None:
    content = bundle(face_blendshapes=b"c", extra=b"x", face_landmarks_detector=b"b", face_detector=b"a")
    assert networks_of(content) == dict(zip(NETWORKS, (b"a", b"b", b"c"), strict=True))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "does not hold MediaPipe's three networks"),
        (bundle(face_detector=adder(4, 1)), "does not hold MediaPipe's three networks"),
        (bundle(face_detector=bytes(2**24 + 1)), "face_detector.tflite: E_MODEL: is larger than 16 MiB"),
    ],
    ids=["text", "parts", "large"],
)
def test_what_is_no_bundle_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        networks_of(content)


def test_a_file_without_a_choice_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="--landmarker mediapipe"):
        CaptureOptions(landmarker_file=MODEL)


def test_any_other_file_is_refused_before_it_is_looked_into(tmp_path: Path) -> None:
    other = tmp_path / "face_landmarker.task"
    other.write_bytes(bundle(face_detector=b"a", face_landmarks_detector=b"b", face_blendshapes=b"c"))
    with pytest.raises(ModelError, match="E_MODEL: sha256"):
        Capturer(CaptureOptions(landmarker="mediapipe", landmarker_file=other))


# --- the whole, with MediaPipe's own networks -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def peer() -> Capturer:
    return Capturer(CaptureOptions(landmarker="mediapipe", landmarker_file=MODEL))


def read(frames: list[Frame], capturer: Capturer) -> list[list[FaceReading]]:
    return [readings for _, readings in capturer.stream(frames)]


@needs_model
@pytest.mark.parametrize("name", ["london-034-neutral.jpg", "single_face.jpg", "multi_face.jpg"])
def test_equals_mediapipes_own_program(peer: Capturer, name: str) -> None:
    mediapipe = pytest.importorskip("mediapipe", reason="MediaPipe's own program is not installed")
    from mediapipe.tasks.python import BaseOptions, vision

    photo = read_image(DATA / "photos" / name)
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(MODEL)), num_faces=20, output_face_blendshapes=True
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        result = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=photo.pixels))
    (ours,) = read([photo], peer)
    assert len(ours) == len(result.face_landmarks) > 0
    for landmarks, shapes in zip(result.face_landmarks, result.face_blendshapes, strict=True):
        theirs = np.array([[point.x * photo.width, point.y * photo.height] for point in landmarks])
        apart, reading = min(
            ((float(np.abs(one.landmarks.points[:, :2] - theirs).max()), one) for one in ours), key=lambda pair: pair[0]
        )
        assert apart <= 0.1
        for shape in shapes:
            if shape.category_name in ARKIT.columns:
                assert float(reading.state.expression[shape.category_name]) == pytest.approx(shape.score, abs=0.005)


@needs_model
def test_two_faces_agree_with_our_own_reader_about_where_they_are_and_how_they_look(peer: Capturer) -> None:
    pixels = np.concatenate([placed((120, 100))[0], placed((120, 100), 0.8)[0]], axis=1)
    (theirs,), (ours,) = read([Frame(pixels)], peer), read([Frame(pixels)], capturer())
    assert len(theirs) == len(ours) == 2
    for one, other in zip(theirs, ours, strict=True):
        size = float(np.ptp(other.landmarks.points[:, 0]))
        assert np.abs(bounds(one.landmarks.points) - bounds(other.landmarks.points)).max() < 0.15 * size
        turned = one.state.pose.rotation.T @ other.state.pose.rotation
        assert np.arccos(np.clip((np.trace(turned) - 1) / 2, -1, 1)) < np.deg2rad(8)


@needs_model
def test_a_face_in_a_video_keeps_its_number(peer: Capturer) -> None:
    frames = clip_frames(12)
    theirs, ours = read(frames, peer), read(frames, capturer())
    assert [[one.face for one in each] for each in theirs] == [[0]] * 12
    for (one,), (other,) in zip(theirs, ours, strict=True):
        assert np.abs(bounds(one.landmarks.points) - bounds(other.landmarks.points)).max() < 15
        assert one.state.expression["mouthSmileLeft"] > 0.4
