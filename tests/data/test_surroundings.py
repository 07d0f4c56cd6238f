"""What stands behind a face holds no face of its own, and glasses sit on the nose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_renders import PHOTO, face_in_photo, plain_photo, scenes_pack
from scipy import ndimage

from mien.core.arrays import Array
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.data.packs import FacesPack, ScenesPack
from mien.data.surroundings import Backdrops, glasses

SIDE = 48
EVERY = settings(derandomize=True, deadline=None, max_examples=60)
MARKED = {"empty, train": 40, "faces, train": 90, "empty, val": 140, "faces, val": 190}
"""Blue of each kind of picture."""
FAR_FROM_EYES = (10, 0, 17, 61, 291, 152, 199, 2, 164, 172, 397)
"""Landmarks of forehead, lips, jaw and below the nose."""


def rooms() -> ScenesPack:
    """Pictures, each of one colour, with and without faces, of both splits."""
    pictures = [np.full((60, 80, 3), (10, 20, blue), np.uint8) for blue in MARKED.values()]
    return scenes_pack(pictures, [0, 2, 0, 1], [name.split(", ")[1] for name in MARKED])


# --- backdrops --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("split", "allowed"), [("train", "empty, train"), ("val", "empty, val")])
def test_rooms_without_faces_of_the_split_alone_are_shown(split: str, allowed: str) -> None:
    backdrops, rng = Backdrops(rooms(), split, SIDE), np.random.default_rng(0)
    drawn = [backdrops.draw(rng) for _ in range(200)]
    shown = {float(picture[0, 0, 2]) for picture in drawn if np.ptp(picture, axis=(0, 1)).max() == 0}
    assert shown == {float(MARKED[allowed])}
    plain = np.mean([np.ptp(picture, axis=(0, 1)).max() == 0 for picture in drawn])
    assert 0.45 < plain < 0.75, "slopes come in between"


def test_rooms_of_a_pack_are_shown(packs: tuple[list[FacesPack], ScenesPack]) -> None:
    backdrops, rng = Backdrops(packs[1], "train", SIDE), np.random.default_rng(1)
    drawn = np.array([backdrops.draw(rng) for _ in range(40)])
    assert drawn.shape == (40, SIDE, SIDE, 3)
    assert drawn.min() >= 0
    assert drawn.max() <= 255


def test_without_rooms_there_are_slopes() -> None:
    peopled = scenes_pack([plain_photo((10, 20, 30))], [1], ["train"])
    for scenes in (None, peopled, scenes_pack([plain_photo((10, 20, 30))], [0], ["val"])):
        backdrops, rng = Backdrops(scenes, "train", SIDE), np.random.default_rng(0)
        assert all(np.ptp(backdrops.draw(rng), axis=(0, 1)).max() > 0 for _ in range(40))


@EVERY
@given(st.integers(0, 2**32))
def test_slopes_lie_within_what_a_picture_holds(seed: int) -> None:
    one, again = (Backdrops(None, "train", SIDE).draw(np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (SIDE, SIDE, 3)
    assert one.min() >= 0
    assert one.max() <= 255


def test_slopes_are_of_many_colours() -> None:
    backdrops, rng = Backdrops(None, "train", SIDE), np.random.default_rng(0)
    means = np.array([backdrops.draw(rng).mean((0, 1)) for _ in range(60)])
    assert (means.min(0) < 80).all()
    assert (means.max(0) > 175).all()


@pytest.mark.parametrize(("width", "height"), [(200, 120), (120, 200), (150, 150)])
def test_windows_are_square_of_all_sizes_and_keep_within_the_picture(width: int, height: int) -> None:
    """Red tells the column, green the row; a window that left the picture would be black there."""
    rows, columns = np.mgrid[:height, :width]
    picture = np.stack([columns, rows, np.full_like(rows, 222)], axis=2).astype(np.uint8)
    backdrops, rng = Backdrops(scenes_pack([picture], [0], ["train"]), "train", SIDE), np.random.default_rng(0)
    windows = [w for w in (backdrops.draw(rng) for _ in range(80)) if (w[..., 2] == 222).all()]
    assert len(windows) > 30
    assert not any((w[..., 2] == 0).any() for w in windows)
    across, down = (np.array([np.ptp(w[..., channel]) for w in windows]) for channel in (0, 1))
    np.testing.assert_allclose(across, down, atol=3)
    least = min(width, height)
    assert across.min() > 0.4 * least - 4
    assert across.min() < 0.6 * least
    assert across.max() > 0.8 * least
    starts = np.array([w[0, 0, :2] for w in windows])
    assert (np.ptp(starts, axis=0) > 0.2 * np.array([width, height])).all(), "from everywhere"


# --- glasses ----------------------------------------------------------------------------------------------------------


def worn(seed: int, points: Array, colour: tuple[int, int, int] = (200, 160, 140)) -> tuple[Array, Array]:
    """A plain picture with glasses, and [250, 250] bool which of its pixels they changed."""
    before = plain_photo(colour)
    after = glasses(np.random.default_rng(seed), before, points)
    assert (before == colour).all(), "the picture given stays as it is"
    return after, (after != before).any(2)


TURNS = st.tuples(st.floats(-0.3, 0.3), st.floats(-0.5, 0.5), st.floats(-0.6, 0.6))


@EVERY
@given(seed=st.integers(0, 2**32), turn=TURNS)
def test_only_the_region_round_the_eyes_changes(seed: int, turn: tuple[float, float, float]) -> None:
    points = face_in_photo(*turn)
    picture, changed = worn(seed, points)
    assert picture.shape == (PHOTO, PHOTO, 3)
    assert picture.dtype == np.uint8
    for landmark in FAR_FROM_EYES:
        column, row = np.floor(points[landmark, :2]).astype(int)
        assert not changed[row, column], landmark
    # In the axes of the eyes: as wide as the face, and less than half of the distance of the irises high.
    right, left = points[IRIS_RIGHT, :2], points[IRIS_LEFT, :2]
    unit = float(np.linalg.norm(left - right))
    along = (left - right) / unit
    rows, columns = np.nonzero(changed)
    away = (np.column_stack([columns, rows]) + 0.5 - (left + right) / 2) / unit
    across, down = away @ along, away @ np.array([-along[1], along[0]])
    reach = np.abs((points[[127, 356], :2] - (left + right) / 2) @ along).max() / unit
    assert np.abs(across).max() < max(reach, 0.95) + 0.1
    assert np.abs(down).max() < 0.62


@EVERY
@given(seed=st.integers(0, 2**32), roll=st.floats(-0.6, 0.6))
def test_a_rim_runs_round_each_eye(seed: int, roll: float) -> None:
    points = face_in_photo(roll=roll)
    picture, _ = worn(seed, points, (255, 255, 255))
    # A rim of one pixel that runs aslant leaves no gap when it is made three wide.
    dark = ndimage.binary_dilation(picture.max(2) < 140, np.ones((3, 3)))
    right, left = points[IRIS_RIGHT, :2], points[IRIS_LEFT, :2]
    along = left - right
    for iris in (right, left):
        assert not dark[int(iris[1]), int(iris[0])], "the eye is seen"
        for way in (along, -along, np.array([-along[1], along[0]]), np.array([along[1], -along[0]])):
            met = iris + np.linspace(0.05, 0.6, 80)[:, None] * way
            columns, rows = np.floor(met).astype(int).T
            assert dark[rows, columns].any()


@EVERY
@given(st.integers(0, 2**32))
def test_one_sees_through_the_lenses(seed: int) -> None:
    points = face_in_photo()
    picture, _ = worn(seed, points)
    for iris in (IRIS_RIGHT, IRIS_LEFT):
        column, row = np.floor(points[iris, :2]).astype(int)
        assert np.abs(picture[row, column].astype(int) - (200, 160, 140)).max() <= 60


def test_glasses_differ_and_the_seed_decides() -> None:
    points = face_in_photo(yaw=0.2)
    one, again, other = (worn(seed, points)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_glasses_grow_with_the_face() -> None:
    middle = np.array([PHOTO / 2, PHOTO / 2, 0])
    large = face_in_photo()
    small = (large - middle) / 2 + middle
    areas = [worn(3, points)[1].sum() for points in (large, small)]
    assert areas[0] / areas[1] == pytest.approx(4, rel=0.25)
