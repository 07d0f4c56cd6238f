"""Faces lie alike in the cut, whatever their place, size and expression."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import apply_affine, bounds, invert_affine
from mien.core.points import STEADY
from mien.imaging.face_cut import EYES, SIDE, FaceCut, cut_face
from mien.rig.compact import MOVED, compact_model

quiet = settings(derandomize=True, deadline=None, max_examples=20)
CUT = FaceCut.of(compact_model().mean)


def face(size: float, turn: float, x: float, y: float, jaw: float = 0.0) -> Array:
    """[478, 2] the mean face somewhere in a picture, its jaw open."""
    model = compact_model()
    points = model.mean[:, :2].astype(np.float64) + jaw * model.expressions[MOVED.index("jawOpen"), :, :2]
    cos, sin = np.cos(turn), np.sin(turn)
    return np.asarray(size * points @ np.array([[cos, sin], [-sin, cos]]) + [x, y])


def in_cut(points: Array) -> Array:
    return apply_affine(invert_affine(CUT.to_frame(points)), points)


def test_the_mean_face_has_room_for_its_jaw() -> None:
    assert np.linalg.norm(CUT.placed[IRIS_LEFT] - CUT.placed[IRIS_RIGHT]) == pytest.approx(EYES)
    box = bounds(CUT.placed)
    assert box.min() >= 0
    assert box[2] <= SIDE
    wide = in_cut(face(1000, 0, 0, 0, jaw=0.9))
    assert box[3] < wide[:, 1].max() < SIDE


@quiet
@given(st.floats(300, 4000), st.floats(-0.8, 0.8), st.floats(-500, 500), st.floats(-500, 500))
def test_size_turn_and_place_drop_out(size: float, turn: float, x: float, y: float) -> None:
    np.testing.assert_allclose(in_cut(face(size, turn, x, y)), CUT.placed, atol=1e-6)


def test_points_that_expressions_move_do_not_move_the_cut() -> None:
    calm = face(1500, 0.2, 300, 200)
    moved = calm + np.where(np.isin(np.arange(478), STEADY)[:, None], 0, [3.0, 20.0])
    np.testing.assert_allclose(CUT.to_frame(moved), CUT.to_frame(calm), atol=1e-9)


def test_pixels_are_cut_where_the_map_leads() -> None:
    picture = np.zeros((400, 500, 3), np.uint8)
    picture[..., 0] = np.arange(500) // 2
    picture[..., 1] = np.arange(400)[:, None] // 2
    points = face(1000, 0.0, 250, 200)
    to_frame = CUT.to_frame(points)
    seen = cut_face(picture, to_frame)
    assert seen.shape == (SIDE, SIDE, 3)
    middle = apply_affine(to_frame, np.array([[SIDE / 2, SIDE / 2]]))[0]
    np.testing.assert_allclose(seen[SIDE // 2, SIDE // 2, :2], middle / 2, atol=1.5)
