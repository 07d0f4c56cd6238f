"""A face rolls out on the layout and back; what the head does drops out; the cover leaves eyes and mouth alone."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pairs import drawn, face

from mien.core.arrays import Array
from mien.core.face import LANDMARKS
from mien.core.geometry import rotation_from_angles
from mien.core.image import Frame
from mien.core.points import EYE_LEFT, FACE_OVAL, INNER_LIPS
from mien.imaging.face_layout import DARK, HEIGHT, MAPS, WIDTH, FaceLayout, Laid
from mien.rig.compact import compact_model


@cache
def layout() -> FaceLayout:
    model = compact_model()
    return FaceLayout.of(model.mean, model.triangles)


def plane(values: Array) -> Array:
    """What `spread` makes of one value a landmark."""
    return np.asarray(layout().spread(values[:, None])[0])


def test_landmarks_lie_within_and_pixels_are_where_they_are_placed() -> None:
    placed = layout().placed
    assert (placed > 0).all()
    assert (placed < [WIDTH, HEIGHT]).all()
    x, y = layout().spread(placed)
    rows, columns = np.nonzero(x)
    np.testing.assert_allclose(x[rows, columns], columns + 0.5, atol=0.02)
    np.testing.assert_allclose(y[rows, columns], rows + 0.5, atol=0.02)


def test_the_cover_leaves_eyes_mouth_and_border_alone() -> None:
    cover = layout().cover
    assert cover.min() == 0
    assert cover.max() == pytest.approx(1, abs=1e-3)
    assert 0.3 < cover.mean() < 0.8
    for ring in (EYE_LEFT, INNER_LIPS):
        x, y = layout().placed[list(ring)].mean(0).astype(int)
        assert cover[y, x] == 0
    for x, y in layout().placed[list(FACE_OVAL)].astype(int):
        assert cover[min(y, HEIGHT - 1), min(x, WIDTH - 1)] < 0.25
    for cheek in (205, 425, 151, 199):
        x, y = layout().placed[cheek].astype(int)
        assert cover[y, x] > 0.85


@given(level=st.integers(0, 255), size=st.floats(30, 400))
def test_a_plain_face_is_plain_whatever_its_size(level: int, size: float) -> None:
    pixels = np.full((200, 200, 3), level, np.uint8)
    bright = layout().brightness(Frame(pixels), face(0.0, size, 200))
    skin = bright > 0
    assert skin.sum() == len(layout().pixel)
    np.testing.assert_allclose(bright[skin], np.log(level + DARK), atol=1e-5)


def test_a_picture_that_moves_with_its_face_rolls_out_alike() -> None:
    pixels = np.asarray(drawn(face(0.3), 90, 1))
    shifted = np.roll(pixels, (7, -5), (0, 1))
    one = layout().brightness(Frame(pixels), face(0.3))
    other = layout().brightness(Frame(shifted), face(0.3) + np.array([-5, 7, 0]))
    np.testing.assert_allclose(one, other, atol=1e-5)


@given(
    angles=st.tuples(*[st.floats(-0.3, 0.3)] * 3), scale=st.floats(0.3, 4), shift=st.tuples(*[st.floats(-99, 99)] * 2)
)
def test_a_head_that_turns_moves_nothing(
    angles: tuple[float, float, float], scale: float, shift: tuple[float, float]
) -> None:
    points = face(0.4)
    target = points @ rotation_from_angles(*angles).T * scale + [*shift, 0]
    maps = layout().maps(points, target)
    assert maps.shape == (len(MAPS), HEIGHT, WIDTH)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps[3:], 0, atol=1e-3)


def test_a_jaw_that_drops_moves_the_chin_down_by_as_much() -> None:
    points, target = face(0.0), face(1.0)
    across, down = layout().maps(points, target)[3:]
    scale = np.linalg.norm(np.diff(layout().placed[[33, 263]], axis=0)) / np.linalg.norm(
        np.diff(points[[33, 263], :2], axis=0)
    )
    assert down.max() > 1
    assert np.abs(across).max() < 0.3
    moved = plane((target - points)[:, 1] * scale)
    np.testing.assert_allclose(down, moved, atol=0.4)


def test_what_was_found_lies_on_the_face_again() -> None:
    points = face(0.0, 300, 400)
    values = layout().placed[:, 0].astype(np.float64)
    laid = layout().laid(plane(values), points)
    shown, where = laid.on(0, 0, 400, 400)
    whole = np.zeros((400, 400), np.float32)
    whole[where] = shown
    for cheek in (205, 425, 151, 199):
        x, y = points[cheek, :2].astype(int)
        assert whole[y, x] == pytest.approx(values[cheek], abs=1.0)
    assert whole[5, 5] == 0


def test_a_part_of_it_is_the_part_of_the_whole() -> None:
    laid = Laid(-3, 5, 4, np.random.default_rng(0).normal(size=(10, 12)).astype(np.float32))
    whole, (rows, columns) = laid.on(-10, -10, 100, 100)
    assert whole.shape == (40, 48)
    assert (rows.start, columns.start) == (15, 7)
    part, inside = laid.on(9, 17, 16, 12)
    assert inside == (slice(0, 12), slice(0, 16))
    np.testing.assert_allclose(part, whole[12:24, 12:28], atol=1e-4)


def test_what_does_not_meet_a_picture_is_nothing() -> None:
    nothing, where = Laid(0, 0, 2, np.ones((4, 4), np.float32)).on(50, 50, 10, 10)
    assert nothing.size == 0
    assert np.zeros((10, 10))[where].size == 0


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="placed"):
        replace(layout(), placed=np.zeros((LANDMARKS, 3)))
    with pytest.raises(ValueError, match="cover"):
        replace(layout(), cover=np.zeros((WIDTH, HEIGHT)))
