import numpy as np
import pytest
from portraits import MIDDLE, astronaut, blank, finder, mirror, noise, placed, reader, scaled

from mien.core.arrays import Array
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import apply_affine, bounds, square_to_frame
from mien.core.image import Frame
from mien.detect.follow import Follower
from mien.detect.landmarks import SIDE, LandmarkReader, Sight
from mien.imaging.warp import face_square
from mien.metrics import inter_ocular_distance, landmark_error
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

STILL = np.eye(3)[:2]
UPPER_LIP, LOWER_LIP, NOSE, CHIN, FOREHEAD = 13, 14, 1, 152, 10


def sight(pixels: Array, there: Array = STILL) -> Sight:
    """As capture sees her face in a picture; `there` [2, 3] leads to it from `astronaut()`."""
    followed = Follower(finder(), reader(), 5, None).see(Frame(pixels))
    expected = apply_affine(there, MIDDLE)
    sights = [one.sight for one in followed if isinstance(one.sight, Sight)]
    return min(sights, key=lambda seen: float(np.linalg.norm(seen.landmarks.points[:, :2].mean(0) - expected)))


def points(pixels: Array, there: Array = STILL) -> Array:
    return sight(pixels, there).landmarks.points


def test_the_astronaut_has_her_points_where_her_face_is() -> None:
    seen = sight(astronaut())
    face = seen.landmarks.points
    assert seen.landmarks.score > 0.8
    x0, y0, x1, y1 = bounds(face)
    assert 150 < x0 < 200 < 245 < x1 < 300
    assert 40 < y0 < 95 < 160 < y1 < 205
    assert face[IRIS_RIGHT, 0] < face[NOSE, 0] < face[IRIS_LEFT, 0]
    eyes, mouth = face[[IRIS_RIGHT, IRIS_LEFT], 1], face[[UPPER_LIP, LOWER_LIP], 1]
    assert face[FOREHEAD, 1] < eyes.min()
    assert eyes.max() < face[NOSE, 1] < mouth.min()
    assert mouth.max() < face[CHIN, 1]
    assert 30 < inter_ocular_distance(face) < 55


def test_the_nose_comes_towards_the_camera() -> None:
    depth = points(astronaut())[:, 2]
    assert depth[NOSE] < depth[[234, 454]].min()


def test_says_what_the_next_network_wants() -> None:
    seen = sight(astronaut())
    assert seen.cut_points.shape == (478, 3)
    assert seen.cut.shape == (SIDE, SIDE)
    assert 0 <= seen.cut.min() < seen.cut.max() <= 255
    middle = bounds(seen.cut_points).reshape(2, 2).mean(0)
    np.testing.assert_allclose(middle, SIDE / 2, atol=SIDE / 8)


def test_the_refiner_moves_points_a_little_and_without_it_they_stay() -> None:
    refined = reader()
    plain = LandmarkReader(OnnxSession(card("landmarks-8bit")))
    frame, there = Frame(astronaut()), face_square(points(astronaut()), SIDE)
    one, other = plain.read(frame, there).landmarks, refined.read(frame, there).landmarks
    assert one.score == other.score
    assert 0.1 < landmark_error(one.points, other.points) < 4


def test_a_mirrored_picture_gives_mirrored_points() -> None:
    plain = points(astronaut())
    there = np.array([[-1.0, 0, 512], [0, 1, 0]])
    flipped = points(np.ascontiguousarray(astronaut()[:, ::-1]), there)[mirror()]
    flipped = np.stack([512 - flipped[:, 0], flipped[:, 1], flipped[:, 2]], axis=1)
    assert landmark_error(flipped, plain) < 3


@pytest.mark.parametrize("angle", [-30, -15, 10, 30])
def test_a_turned_picture_gives_turned_points(angle: float) -> None:
    pixels, there = placed((150, 150), 1.0, angle, 300, 300)
    assert landmark_error(points(pixels, there), apply_affine(there, points(astronaut()))) < 4


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.6, 2.0])
def test_a_picture_of_another_size_gives_points_in_proportion(factor: float) -> None:
    pixels = scaled(factor)
    there = np.array([[pixels.shape[1] / 512, 0, 0], [0, pixels.shape[0] / 512, 0]])
    assert landmark_error(points(pixels, there), apply_affine(there, points(astronaut()))) < 4


@pytest.mark.parametrize("move", [(-40, 0), (30, 20), (0.5, 0.25)])
def test_a_moved_face_gives_moved_points(move: tuple[float, float]) -> None:
    pixels, there = placed((150 + move[0], 150 + move[1]), 1.0, 0.0, 300, 300)
    assert landmark_error(points(pixels, there), apply_affine(there, points(astronaut()))) < 3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("side", [40.0, 128.0, 400.0])
def test_a_cut_without_a_face_is_told(seed: int, side: float) -> None:
    square = square_to_frame(np.array([256.0, 256.0]), side, 0.3 * seed, SIDE)
    for picture in (noise(512, 512, seed), blank(512, 512, 80 * seed)):
        seen = reader().read(Frame(picture), square)
        assert 0 <= seen.landmarks.score < 0.5
        assert np.isfinite(seen.landmarks.points).all()


def test_a_cut_outside_the_picture_is_no_face() -> None:
    square = square_to_frame(np.array([-5000.0, 9000.0]), 100, 0.0, SIDE)
    assert reader().read(Frame(astronaut()), square).landmarks.score < 0.5


def test_a_square_round_the_face_is_told_from_one_beside_it() -> None:
    there = [reader().read(Frame(astronaut()), square_to_frame(at, 143, 0.0, SIDE)) for at in (MIDDLE, MIDDLE + 230)]
    assert there[0].landmarks.score > 0.8
    assert there[1].landmarks.score < 0.5
