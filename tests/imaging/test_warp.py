"""The one resampler: it equals torch's, keeps what it should keep, and cuts where the face is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mien.core.arrays import Array
from mien.core.geometry import affine_scale, apply_affine, compose_affine, invert_affine, square_to_frame
from mien.core.image import Frame
from mien.imaging.warp import (
    MARGIN,
    cut,
    detection_square,
    face_square,
    luminance,
    reduced,
    sample_affine,
    shrunk,
    upright_angle,
)

CHECKED = settings(derandomize=True, deadline=None, max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)
ANGLE = st.floats(-3.1, 3.1)
SCALE = st.floats(0.1, 8)
SHIFT = st.floats(-300, 300)
IDENTITY = np.eye(2, 3)
MIRROR = np.array([[-1.0, 0, 640], [0, 1, 0]])
SWAPPED = [(33, 263), (133, 362)]
"""The corners of the eyes: the points of `face_square` that change sides in a mirror; 10 and 152 are in the middle."""


def grey_frame(grey: Array) -> Frame:
    return Frame(np.repeat(np.asarray(grey).astype(np.uint8)[:, :, None], 3, axis=2))


def smooth(height: int, width: int) -> Array:
    """A picture without fine detail, 60 to 200."""
    y, x = np.mgrid[:height, :width]
    return np.asarray(130 + 40 * np.sin(x / width * 5 + 1) + 30 * np.cos(y / height * 4 + x / width))


def turned(angle: float, scale: float, x: float, y: float) -> Array:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cos, -sin, x], [sin, cos, y]])


def some_face(seed: int) -> Array:
    """478 scattered points with eyes, forehead and chin about where an upright face has them."""
    rng = np.random.default_rng(seed)
    points = np.concatenate([rng.uniform([220, 150], [420, 390], (478, 2)), rng.uniform(-50, 50, (478, 1))], axis=1)
    for k, place in {33: (250, 220), 133: (290, 222), 362: (350, 222), 263: (390, 220)}.items():
        points[k, :2] = place + rng.normal(0, 6, 2)
    points[[10, 152], :2] = rng.normal([[320, 145], [320, 395]], 9)
    return points


class TestSampleAffine:
    @pytest.mark.parametrize(("levels", "within"), [(64, 1e-3), (256, 5e-3)])
    @CHECKED
    @given(seed=SEEDS)
    def test_equals_grid_sample_of_torch(self, levels: int, within: float, seed: int) -> None:
        """Against torch in double precision: places counted in float32 are off by 1e-5 pixels, times the contrast."""
        torch = pytest.importorskip("torch")
        rng = np.random.default_rng(seed)
        height, width, side = (int(n) for n in rng.integers(1, 40, 3))
        picture = rng.integers(0, levels, (height, width)).astype(np.uint8)
        centre = rng.uniform(-10, [width + 10, height + 10])
        linear = rng.normal(0, 1.2, (2, 2))
        affine = np.concatenate([linear, (centre - linear @ [side / 2, side / 2])[:, None]], axis=1)
        steps = np.arange(side) + 0.5
        places = apply_affine(affine, np.stack(np.meshgrid(steps, steps), axis=-1))
        grid = torch.from_numpy(places / [width, height] * 2 - 1)
        theirs = torch.nn.functional.grid_sample(
            torch.from_numpy(picture.astype(np.float64))[None, None],
            grid[None],
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )[0, 0].numpy()
        ours = sample_affine(picture, affine, side)
        assert ours.dtype == np.float32
        assert ours.shape == (side, side)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=within)

    @CHECKED
    @given(SEEDS, st.integers(1, 40))
    def test_identity_returns_the_picture(self, seed: int, side: int) -> None:
        picture = np.random.default_rng(seed).integers(0, 256, (side, side)).astype(np.uint8)
        np.testing.assert_array_equal(sample_affine(picture, IDENTITY, side), picture)

    @CHECKED
    @given(SEEDS, st.integers(-30, 30), st.integers(-30, 30))
    def test_whole_shifts_move_pixels_and_bring_in_zeros(self, seed: int, x: int, y: int) -> None:
        picture = np.random.default_rng(seed).integers(1, 256, (20, 25)).astype(np.uint8)
        wide = np.zeros((120, 125))
        wide[50:70, 50:75] = picture
        shifted = sample_affine(picture, np.array([[1.0, 0, x], [0, 1, y]]), 25)
        np.testing.assert_array_equal(shifted, wide[50 + y : 75 + y, 50 + x : 75 + x])

    @CHECKED
    @given(ANGLE, SCALE, SHIFT, SHIFT, st.integers(0, 255))
    def test_constant_stays_constant_inside(self, angle: float, scale: float, x: float, y: float, grey: int) -> None:
        picture = np.full((60, 90), grey, np.uint8)
        affine = turned(angle, scale, x, y)
        cut_ = sample_affine(picture, affine, 32)
        steps = np.arange(32) + 0.5
        places = apply_affine(affine, np.stack(np.meshgrid(steps, steps), axis=-1))
        # A hair's breadth within the outermost pixel centres, and a hair's breadth beyond their reach.
        inside = ((places > 0.501) & (places < np.array([90, 60]) - 0.501)).all(-1)
        outside = ((places < -0.501) | (places > np.array([90, 60]) + 0.501)).any(-1)
        np.testing.assert_allclose(cut_[inside], grey, atol=1e-3)
        assert not cut_[outside].any()
        assert (cut_ >= 0).all()
        assert (cut_ <= grey + 1e-3).all()

    def test_halfway_between_pixels_is_their_mean(self) -> None:
        picture = np.array([[0, 100], [200, 40]], np.uint8)
        assert sample_affine(picture, np.array([[1.0, 0, 0.5], [0, 1, 0.5]]), 1)[0, 0] == 85

    def test_far_beyond_the_picture_lies_nought(self) -> None:
        far = np.array([[1e6, 0, -1e9], [0, 1e6, 1e9]])
        assert not sample_affine(np.full((4, 4), 9, np.uint8), far, 8).any()

    def test_pixels_of_a_very_large_picture_are_found(self) -> None:
        """Beyond 2**24 pixels a place counted in float32 would miss by some."""
        picture = np.zeros((5001, 5001), np.uint8)
        corner = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
        picture[4901:4933, 4903:4935] = corner
        sampled = sample_affine(picture, np.array([[1.0, 0, 4903], [0, 1, 4901]]), 32)
        np.testing.assert_array_equal(sampled, corner)


class TestCut:
    def test_cut_of_the_whole_is_the_luminance(self) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
        crop = cut(Frame(pixels), IDENTITY, 48)
        np.testing.assert_array_equal(crop.pixels, np.asarray(Image.fromarray(pixels).convert("L")))
        np.testing.assert_array_equal(crop.to_frame, IDENTITY)
        assert crop.pixels.dtype == np.float32

    @pytest.mark.parametrize("factor", [2, 3, 4, 5, 8, 9])
    @pytest.mark.parametrize("down", [True, False])
    def test_a_slope_of_light_is_cut_without_a_shift(self, factor: int, down: bool) -> None:
        """Averages of a slope are its middle: rows left out must not move the picture by a part of a pixel."""
        side = 40 * factor
        ramp = np.rint(np.linspace(10, 240, side)).astype(np.uint8)
        errors = []
        for line in (ramp, ramp[::-1]):
            grey = np.tile(line[:, None] if down else line, (1, side) if down else (side, 1))
            seen = cut(grey_frame(grey), square_to_frame(np.full(2, side / 2), side, 0.0, 40), 40).pixels
            errors.append((seen - grey.reshape(40, factor, 40, factor).mean((1, 3)))[3:-3, 3:-3])
        # Whole grey levels are rounded alike on both slopes; a shift brightens one and darkens the other.
        shift = (errors[0] - errors[1]).mean() / 2 / (230 / side)
        assert abs(float(shift)) < 0.1, "pixels of the frame"
        assert np.abs(errors).max() < 1.5

    @pytest.mark.parametrize("factor", [2, 3])
    def test_whole_big_picture_is_cut_as_the_reduced_one(self, factor: int) -> None:
        rng = np.random.default_rng(factor)
        big = rng.integers(0, 256, (40 * factor, 40 * factor)).astype(np.uint8)
        reduced = np.asarray(Image.fromarray(big).reduce(factor))
        crop = cut(grey_frame(big), np.array([[factor, 0, 0], [0, factor, 0]], np.float64), 40)
        np.testing.assert_array_equal(crop.pixels, cut(grey_frame(reduced), IDENTITY, 40).pixels)

    @settings(CHECKED, max_examples=25)
    @given(ANGLE, st.integers(2, 4), st.floats(1.0, 1.2), st.floats(90, 210), st.floats(90, 210))
    def test_big_picture_is_cut_as_the_reduced_one(
        self, angle: float, factor: int, more: float, x: float, y: float
    ) -> None:
        big = smooth(300 * factor, 300 * factor)
        reduced = big.reshape(300, factor, 300, factor).mean((1, 3))
        small = square_to_frame(np.array([x, y]), 48 * more, angle, 48)
        large = compose_affine(np.array([[factor, 0, 0], [0, factor, 0]], np.float64), small)
        # Both pictures are rounded to whole grey levels, and the box filter may start at another pixel.
        np.testing.assert_allclose(
            cut(grey_frame(big), large, 48).pixels, cut(grey_frame(reduced), small, 48).pixels, rtol=0, atol=2.5
        )

    @CHECKED
    @given(ANGLE, st.floats(0.3, 6), st.floats(0, 400), st.floats(0, 300))
    def test_only_the_part_in_reach_matters(self, angle: float, scale: float, x: float, y: float) -> None:
        """Cutting the picture down before sampling changes nothing against sampling the whole of it."""
        picture = smooth(300, 400)
        affine = square_to_frame(np.array([x, y]), 40 * scale, angle, 40)
        inner = np.stack(np.meshgrid(np.arange(40) + 0.5, np.arange(40) + 0.5), axis=-1)
        places = apply_affine(affine, inner)
        inside = ((places > 8) & (places < np.array([400, 300]) - 8)).all(-1)
        pixels = cut(grey_frame(picture), affine, 40).pixels
        np.testing.assert_allclose(pixels[inside], sample_affine(picture, affine, 40)[inside], rtol=0, atol=3)

    @pytest.mark.parametrize("factor", [1, 3])
    @pytest.mark.parametrize(("x", "y"), [(-500, 50), (50, -500), (900, 50), (50, 900)])
    def test_cut_outside_of_the_picture_is_nought(self, x: float, y: float, factor: int) -> None:
        white = Frame(np.full((100, 100, 3), 255, np.uint8))
        crop = cut(white, square_to_frame(np.array([x, y]), 64.0 * factor, 0.3, 64), 64)
        assert crop.pixels.dtype == np.float32
        assert crop.side == 64
        assert not crop.pixels.any()

    def test_what_reaches_beyond_the_picture_is_nought_there(self) -> None:
        white = Frame(np.full((100, 100, 3), 255, np.uint8))
        pixels = cut(white, np.array([[1.0, 0, -20], [0, 1, 60]]), 60).pixels
        expected = np.zeros((60, 60))
        expected[:40, 20:] = 255
        np.testing.assert_array_equal(pixels, expected)

    def test_cut_follows_a_turn(self) -> None:
        """A quarter turn clockwise: the picture's bottom is the cut's right edge."""
        picture = np.random.default_rng(1).integers(0, 256, (30, 30)).astype(np.uint8)
        crop = cut(grey_frame(picture), square_to_frame(np.array([15.0, 15.0]), 30, np.pi / 2, 30), 30)
        np.testing.assert_allclose(crop.pixels, np.rot90(picture), atol=1e-2)


class TestFaceSquare:
    @CHECKED
    @given(SEEDS, st.integers(16, 256))
    def test_points_lie_inside_with_a_margin(self, seed: int, pixels: int) -> None:
        points = some_face(seed)
        square = face_square(points, pixels)
        inside = apply_affine(invert_affine(square), points[:, :2])
        rim = pixels * (1 - 1 / MARGIN) / 2
        assert inside.min() == pytest.approx(rim, rel=1e-6)
        assert inside.max() == pytest.approx(pixels - rim, rel=1e-6)
        np.testing.assert_allclose((inside.min(0) + inside.max(0)) / 2, pixels / 2)

    @CHECKED
    @given(SEEDS, ANGLE, SCALE, SHIFT, SHIFT)
    def test_square_moves_along_with_the_points(
        self, seed: int, angle: float, scale: float, x: float, y: float
    ) -> None:
        points, motion = some_face(seed), turned(angle, scale, x, y)
        np.testing.assert_allclose(
            face_square(apply_affine(motion, points), 128), compose_affine(motion, face_square(points, 128)), atol=1e-6
        )

    @CHECKED
    @given(SEEDS, ANGLE)
    def test_mirrored_points_give_the_mirrored_square(self, seed: int, angle: float) -> None:
        points = apply_affine(turned(angle, 1, 50, 80), some_face(seed))
        mirrored = apply_affine(MIRROR, points)
        for one, other in SWAPPED:
            mirrored[[one, other]] = mirrored[[other, one]]
        flip = np.array([[-1.0, 0, 128], [0, 1, 0]])
        expected = compose_affine(compose_affine(MIRROR, face_square(points, 128)), flip)
        np.testing.assert_allclose(face_square(mirrored, 128), expected, atol=1e-8)

    @CHECKED
    @given(SEEDS)
    def test_depth_and_the_size_of_the_cut_do_not_move_the_square(self, seed: int) -> None:
        points = some_face(seed)
        np.testing.assert_array_equal(face_square(points, 128), face_square(points[:, :2], 128))
        corner = np.array([[1.0, 1.0]])
        np.testing.assert_allclose(
            apply_affine(face_square(points, 128), 128 * corner), apply_affine(face_square(points, 64), 64 * corner)
        )

    def test_square_of_a_face_of_no_size_is_a_pixel(self) -> None:
        square = face_square(np.full((478, 3), 7.0), 64)
        assert affine_scale(square) == pytest.approx(1 / 64)
        np.testing.assert_allclose(apply_affine(square, np.array([[32.0, 32.0]])), [[7, 7]])


class TestDetectionSquare:
    POINTS = np.array([[80.0, 90], [120, 90], [100, 110], [85, 135], [115, 135]])

    def test_upright_face_gives_an_upright_square_round_its_box(self) -> None:
        square = detection_square(np.array([60.0, 50, 140, 150]), self.POINTS, 100)
        np.testing.assert_allclose(square, square_to_frame(np.array([100.0, 100]), 130, 0, 100), atol=1e-9)

    @CHECKED
    @given(ANGLE, SCALE, SHIFT, SHIFT)
    def test_turn_is_the_faces(self, angle: float, scale: float, x: float, y: float) -> None:
        points = apply_affine(turned(angle, scale, x, y), self.POINTS)
        square = detection_square(np.array([0.0, 0, 100, 100]), points, 100)
        np.testing.assert_allclose(square, square_to_frame(np.array([50.0, 50]), 130, angle, 100), atol=1e-6)

    def test_box_of_no_size_still_gives_a_square(self) -> None:
        assert affine_scale(detection_square(np.full(4, 5.0), self.POINTS, 10)) == pytest.approx(0.1)


class TestUprightAngle:
    @CHECKED
    @given(ANGLE, st.floats(0, 50), st.floats(0, 50), SCALE)
    def test_both_directions_agree_on_a_turned_face(self, angle: float, eyes: float, down: float, scale: float) -> None:
        if eyes + down < 1e-3:
            return
        turn = turned(angle, scale, 0, 0)[:, :2]
        found = upright_angle(turn @ [eyes, 0], turn @ [0, down])
        assert np.cos(found - angle) == pytest.approx(1)

    def test_profile_is_told_by_its_height(self) -> None:
        assert upright_angle(np.zeros(2), np.array([0.0, 100])) == 0


class TestLuminance:
    @CHECKED
    @given(SEEDS)
    def test_equals_pillows(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 256, (*rng.integers(1, 40, 2), 3)).astype(np.uint8)
        grey = luminance(Frame(pixels))
        np.testing.assert_array_equal(grey, np.asarray(Image.fromarray(pixels).convert("L")))
        assert grey.dtype == np.uint8

    @CHECKED
    @given(st.integers(60, 900), st.integers(60, 900), st.integers(40, 200))
    def test_a_shrunk_picture_is_the_reduced_one_within_a_row(self, width: int, height: int, longest: int) -> None:
        frame = grey_frame(smooth(height, width).astype(np.uint8))
        small, scale = shrunk(frame, longest)
        other, as_much = reduced(luminance(frame), longest)
        np.testing.assert_array_equal(scale, as_much)
        assert small.shape == other.shape
        away = np.abs(small.astype(int) - other)
        assert away.mean() < 2.5  # less than a row of the small one, where one row differs from the next by 3

    @CHECKED
    @given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 200))
    def test_longest_side_is_kept_within_bounds(self, width: int, height: int, longest: int) -> None:
        grey, scale = reduced(np.full((height, width), 77, np.uint8), longest)
        assert max(grey.shape) == min(longest, max(width, height))
        assert min(grey.shape) >= 1
        np.testing.assert_allclose(scale * grey.shape[::-1], (width, height))
        assert (grey == 77).all()

    def test_reduction_averages(self) -> None:
        fine = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (30, 30))
        grey, scale = reduced(fine, 20)
        assert scale.tolist() == [3, 3]
        assert np.abs(grey[2:-2, 2:-2].astype(float) - 127.5).max() < 20
