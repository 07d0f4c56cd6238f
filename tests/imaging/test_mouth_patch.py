"""A mouth's patch lies where eyes and nose say; its maps say what is where; a mirror turns both round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_mouths import face_points, photo, shut
from made_packs import mirror
from PIL import Image, ImageFilter

from mien.core.arrays import Array
from mien.core.geometry import apply_affine, compose_affine
from mien.core.points import INNER_LIPS, OUTER_LIPS
from mien.imaging.mouth_patch import (
    EYES,
    GROW,
    HEIGHT,
    MAPS,
    WIDTH,
    MouthPatch,
    filled,
    placement,
    resampled,
    sharpness,
)

CHECKED = settings(derandomize=True, deadline=None, max_examples=25)
FACES = st.builds(
    face_points,
    size=st.floats(40, 3000),
    centre=st.tuples(st.floats(-500, 4000), st.floats(-500, 4000)),
    jaw=st.floats(0, 1),
    turn=st.floats(-3, 3),
)
UPRIGHT = face_points(200.0, (150.0, 160.0))


def plane(patch: MouthPatch, name: str) -> Array:
    return np.asarray(patch.maps()[MAPS.index(name)])


class TestPlace:
    @CHECKED
    @given(FACES)
    def test_what_lies_in_the_patch_leads_back_to_the_frame(self, points: Array) -> None:
        patch = MouthPatch.of(points)
        for ring, names in ((patch.inner, INNER_LIPS), (patch.outer, OUTER_LIPS)):
            back = apply_affine(patch.to_frame, ring)
            np.testing.assert_allclose(back, points[list(names)], atol=1e-6 * (1 + np.abs(points).max()))

    @CHECKED
    @given(FACES, st.floats(-3, 3), st.floats(0.1, 10), st.floats(-900, 900))
    def test_it_goes_with_the_face(self, points: Array, turn: float, scale: float, shift: float) -> None:
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        moved = np.array([[cos, -sin, shift], [sin, cos, -shift]])
        there = placement(apply_affine(moved, points))
        np.testing.assert_allclose(there, compose_affine(moved, placement(points)), rtol=1e-6, atol=1e-4)

    def test_the_lips_do_not_place_it(self) -> None:
        moved = UPRIGHT.copy()
        moved[[*INNER_LIPS, *OUTER_LIPS]] += [3.0, 20.0]
        np.testing.assert_array_equal(MouthPatch.of(moved).to_frame, MouthPatch.of(UPRIGHT).to_frame)

    def test_its_unit_is_the_distance_of_the_eyes(self) -> None:
        apart = np.linalg.norm(UPRIGHT[263] - UPRIGHT[33])
        assert MouthPatch.of(UPRIGHT).scale == pytest.approx(apart / EYES, rel=0.01)

    @pytest.mark.parametrize("jaw", [0.0, 0.5, 1.0])
    def test_a_mouth_lies_inside_with_its_jaw_up_or_down(self, jaw: float) -> None:
        inner = MouthPatch.of(face_points(200, (0, 0), jaw)).inner
        assert (inner > 8).all()
        assert (inner < [WIDTH - 8, HEIGHT - 8]).all()

    def test_the_gap_is_the_jaws_and_none_where_lips_are_shut_or_cross(self) -> None:
        gaps = [MouthPatch.of(face_points(200, (0, 0), jaw)).gap for jaw in (0.2, 0.5, 0.9)]
        assert gaps == sorted(gaps)
        assert MouthPatch.of(shut(UPRIGHT)).gap == pytest.approx(0, abs=1e-6)
        crossed = UPRIGHT.copy()
        crossed[list(INNER_LIPS[1:10])] -= [0, 60.0]
        assert MouthPatch.of(crossed).gap == 0

    @pytest.mark.parametrize(
        ("points", "message"),
        [
            (np.zeros((468, 2)), r"points must have shape \[478, 2\]"),
            (np.full((478, 2), np.nan), "not finite"),
            (np.zeros((478, 2)), "lie in one place"),
        ],
    )
    def test_points_of_no_face_are_refused(self, points: Array, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            MouthPatch.of(points)


class TestMirror:
    @CHECKED
    @given(FACES)
    def test_the_mirrored_face_has_the_mirrored_patch(self, points: Array) -> None:
        other = MouthPatch.of((points * [-1, 1])[mirror()])
        twin = MouthPatch.of(points).mirrored()
        np.testing.assert_allclose(other.inner, twin.inner, atol=1e-4)
        np.testing.assert_allclose(other.outer, twin.outer, atol=1e-4)

    def test_twice_is_as_before(self) -> None:
        patch = MouthPatch.of(UPRIGHT)
        again = patch.mirrored().mirrored()
        np.testing.assert_allclose(again.inner, patch.inner)
        np.testing.assert_allclose(again.to_frame, patch.to_frame)

    def test_pixels_and_maps_are_reversed(self) -> None:
        patch = MouthPatch.of(face_points(200, (150.0, 160.0), turn=0.2))
        pixels = photo(UPRIGHT, 300, 320)
        twin = patch.mirrored()
        np.testing.assert_allclose(twin.cut(pixels)[:, ::-1].astype(int), patch.cut(pixels).astype(int), atol=1)
        for name, one, other in zip(MAPS, patch.maps(), twin.maps(), strict=True):
            sign = -1 if name in {"along", "x"} else 1
            away = np.abs(sign * other[:, ::-1] - one)
            assert away.max() < (0.4 if name in {"hole", "opening"} else 1e-4)  # a border is drawn to a sample
            assert away.mean() < 0.003


class TestMaps:
    def test_each_is_what_its_name_says(self) -> None:
        patch = MouthPatch.of(UPRIGHT)
        maps = patch.maps()
        assert maps.shape == (len(MAPS), HEIGHT, WIDTH)
        assert maps.dtype == np.float32
        middle = patch.inner.mean(0)
        row, column = int(middle[1]), int(middle[0])
        inside = dict(zip(MAPS, maps[:, row, column], strict=True))
        assert inside["hole"] == inside["opening"] == 1
        assert inside["below_upper"] > 0
        assert inside["above_lower"] > 0
        assert abs(inside["along"]) < 0.05
        assert inside["x"] == pytest.approx((column + 0.5) * 2 / WIDTH - 1)
        assert plane(patch, "below_upper")[2, column] < 0 < plane(patch, "below_upper")[-2, column]
        assert plane(patch, "above_lower")[2, column] > 0 > plane(patch, "above_lower")[-2, column]
        for end, corner in ((-1, patch.inner[0]), (1, patch.inner[10])):
            assert plane(patch, "along")[int(corner[1]), int(corner[0])] == pytest.approx(end, abs=0.05)

    @CHECKED
    @given(FACES)
    def test_they_are_finite_and_bounded_whatever_the_mouth(self, points: Array) -> None:
        for face in (points, shut(points)):
            maps = MouthPatch.of(face).maps()
            assert np.isfinite(maps).all()
            assert np.abs(maps).max() <= 2
            hole, opening = maps[:2]
            assert (hole >= opening).all()
            assert hole.max() <= 1

    def test_a_hole_is_wider_than_the_opening_by_as_much_as_is_asked(self) -> None:
        patch = MouthPatch.of(UPRIGHT)
        areas = [patch.maps(grow)[0].sum() for grow in (0.0, GROW, 2.0, 4.0)]
        around = np.linalg.norm(np.diff(patch.inner, axis=0, append=patch.inner[:1]), axis=1).sum()
        assert np.diff(areas) / np.diff([0.0, GROW, 2.0, 4.0]) == pytest.approx([around] * 3, rel=0.15)


class TestResampled:
    @CHECKED
    @given(st.floats(0.2, 9), st.floats(-2, 2))
    def test_a_slope_of_light_stays_one(self, scale: float, turn: float) -> None:
        across, down = np.meshgrid(np.arange(400) + 0.5, np.arange(300) + 0.5)
        slope = np.rint(40 + 0.3 * across + 0.2 * down).astype(np.uint8)
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        centre = np.array([200.0, 150.0]) - np.array([[cos, -sin], [sin, cos]]) @ [8.0, 6.0]
        way = np.array([[cos, -sin, centre[0]], [sin, cos, centre[1]]])
        cut = resampled(np.repeat(slope[..., None], 3, 2), way, 16, 12)
        places = apply_affine(way, np.stack(np.meshgrid(np.arange(16) + 0.5, np.arange(12) + 0.5), axis=-1))
        np.testing.assert_allclose(cut[..., 0], 40 + 0.3 * places[..., 0] + 0.2 * places[..., 1], atol=2)

    def test_the_same_grid_is_the_same_picture(self) -> None:
        pixels = photo(UPRIGHT, 300, 320)
        same = resampled(pixels, np.array([[1.0, 0, 20], [0, 1, 30]]), 60, 50)
        np.testing.assert_array_equal(same, pixels[30:80, 20:80])

    def test_beyond_the_edge_lies_what_is_on_it(self) -> None:
        pixels = np.zeros((4, 5, 3), np.uint8)
        pixels[:, 0] = 200
        cut = resampled(pixels, np.array([[1.0, 0, -50], [0, 1, -7]]), 40, 20)
        assert (cut == 200).all()

    def test_fine_lines_become_grey_when_much_is_made_small(self) -> None:
        lines = np.tile(np.array([0, 255], np.uint8), 400)
        pixels = np.repeat(np.broadcast_to(lines, (300, 800))[..., None], 3, 2)
        cut = resampled(pixels, np.array([[8.0, 0, 50], [0, 8, 20]]), 60, 30)
        assert np.abs(cut.astype(int) - 127).max() <= 2


class TestDrawn:
    def test_a_rectangle_covers_its_area(self) -> None:
        box = np.array([[3.0, 2.0], [11.5, 2.0], [11.5, 8.0], [3.0, 8.0]])
        cover = filled(box, 0.0, 16, 12)
        assert cover.sum() == pytest.approx(8.5 * 6, rel=0.08)
        assert cover[5, 7] == 1
        assert cover[5, 11] == pytest.approx(0.5, abs=0.26)
        assert cover[10, 14] == 0

    def test_growing_rounds_the_corners(self) -> None:
        box = np.array([[20.0, 20.0], [40.0, 20.0], [40.0, 40.0], [20.0, 40.0]])
        cover = filled(box, 5.0, 60, 60)
        assert cover.sum() == pytest.approx(400 + 4 * 100 + np.pi * 25, rel=0.03)

    def test_a_blur_is_less_sharp_and_light_does_not_count(self) -> None:
        patch = MouthPatch.of(UPRIGHT)
        rng = np.random.default_rng(0)
        cut = np.clip(patch.cut(photo(UPRIGHT, 300, 320)) + rng.normal(0, 12, (HEIGHT, WIDTH, 3)), 0, 255)
        cut = cut.astype(np.uint8)
        blurred = np.asarray(Image.fromarray(cut).filter(ImageFilter.GaussianBlur(1.5)))
        assert sharpness(blurred, patch.inner) < sharpness(cut, patch.inner) - 1
        dimmed = (cut * 0.7).astype(np.uint8)
        assert sharpness(dimmed, patch.inner) == pytest.approx(sharpness(cut, patch.inner), abs=0.35)
