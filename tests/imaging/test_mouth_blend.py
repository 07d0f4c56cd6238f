"""A painted mouth changes its hole, its rim's light a little, and nothing else of the photo."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_mouths import face_points, photo, shut

from mien.core.arrays import Array
from mien.core.geometry import apply_affine
from mien.imaging.mouth_blend import compose, reach
from mien.imaging.mouth_patch import HEIGHT, WIDTH, MouthPatch, filled

CHECKED = settings(derandomize=True, deadline=None, max_examples=15)
SIZE = 320
POINTS = face_points(220.0, (160.0, 160.0))


def painted(level: float) -> Array:
    return np.full((HEIGHT, WIDTH, 3), level, np.float32)


def skin(level: int, width: int = SIZE, height: int = SIZE) -> Array:
    return np.full((height, width, 3), level, np.uint8)


def away_from_opening(patch: MouthPatch, width: int, height: int) -> Array:
    """[height, width] bool, the pixels that lie farther from the opening than anything may change."""
    ring = apply_affine(patch.to_frame, patch.inner)
    return np.asarray(filled(ring, reach(patch), width, height) == 0)


class TestWhatChanges:
    @CHECKED
    @given(st.floats(30, 600), st.floats(-0.8, 0.8), st.floats(0.1, 1), st.integers(0, 99))
    def test_nothing_outside_the_mask(self, size: float, turn: float, jaw: float, seed: int) -> None:
        points = face_points(size, (150.0, 170.0), jaw, turn)
        pixels = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
        before, patch = pixels.copy(), MouthPatch.of(points)
        noise = np.random.default_rng(seed + 1).uniform(-20, 280, (HEIGHT, WIDTH, 3)).astype(np.float32)
        mixed = compose(pixels, noise, patch)
        assert mixed.shape == pixels.shape
        assert mixed.dtype == np.uint8
        np.testing.assert_array_equal(pixels, before)
        far = away_from_opening(patch, SIZE, SIZE)
        np.testing.assert_array_equal(mixed[far], pixels[far])

    def test_the_hole_shows_what_is_painted_and_the_skin_stays(self) -> None:
        patch = MouthPatch.of(POINTS)
        mixed = compose(skin(120), painted(30), patch)
        x, y = apply_affine(patch.to_frame, patch.inner.mean(0)).astype(int)
        assert np.abs(mixed[y, x].astype(int) - 30).max() <= 1
        assert (mixed[y, : x - 90] == 120).all()

    def test_what_was_there_comes_back_nearly_as_it_was(self) -> None:
        """On a smooth photo: the way to the patch and back blurs, and is sharpened again."""
        across, down = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
        smooth = np.stack([90 + 0.3 * across, 60 + 0.2 * down, 80 + 0.1 * (across + down)], axis=-1).astype(np.uint8)
        patch = MouthPatch.of(POINTS)
        mixed = compose(smooth, patch.cut(smooth), patch)
        assert np.abs(mixed.astype(int) - smooth).max() <= 3

    def test_shut_lips_are_left_alone(self) -> None:
        pixels = photo(POINTS, SIZE, SIZE)
        mixed = compose(pixels, painted(0), MouthPatch.of(shut(POINTS)))
        assert mixed is not pixels
        np.testing.assert_array_equal(mixed, pixels)

    def test_a_mouth_that_opens_appears_gradually(self) -> None:
        """Over a video of lips that part, no picture differs much from the one before."""
        changes = []
        for jaw in np.linspace(0, 0.12, 13):
            points = shut(face_points(220.0, (160.0, 160.0), 0.0))
            points[[14, 87, 317, 178, 402], 1] += 30 * jaw
            changes.append(compose(skin(120), painted(20), MouthPatch.of(points))[..., 0].astype(float))
        jumps = [np.abs(a - b).sum() for a, b in pairwise(changes)]
        assert (changes[0] == 120).all()
        assert np.abs(changes[-1] - 120).max() > 60
        assert max(jumps) < 0.35 * np.abs(changes[-1] - changes[0]).sum()

    @pytest.mark.parametrize("centre", [(0.0, 160.0), (320.0, 300.0), (160.0, 400.0), (9000.0, 0.0)])
    def test_a_mouth_that_leaves_the_photo_is_no_trouble(self, centre: tuple[float, float]) -> None:
        mixed = compose(skin(120), painted(30), MouthPatch.of(face_points(220.0, centre)))
        assert mixed.shape == (SIZE, SIZE, 3)


class TestEdge:
    @pytest.mark.parametrize("size", [60.0, 220.0, 1300.0])
    def test_there_is_no_seam_at_any_size(self, size: float) -> None:
        """From skin to the painted dark, light falls without a step or a halo."""
        side = int(size * 1.4)
        points = face_points(size, (side / 2, side / 2))
        patch = MouthPatch.of(points)
        mixed = compose(skin(150, side, side), painted(50), patch)[..., 0].astype(int)
        x, y = apply_affine(patch.to_frame, patch.inner.mean(0)).astype(int)
        fall = mixed[: y + 1, x]
        assert fall[0] == 150
        assert abs(fall[-1] - 50) <= 1
        assert (np.diff(fall) <= 1).all()
        assert -np.diff(fall).min() <= 100 / max(patch.scale, 0.8) + 4


class TestGrain:
    def flat_inside(self, pixels: Array) -> float:
        """Deviation in the opening, painted flat."""
        patch = MouthPatch.of(POINTS)
        mixed = compose(pixels, painted(150), patch)[..., 1].astype(float)
        ring = apply_affine(patch.to_frame, patch.inner)
        return float(mixed[filled(ring, 0.0, SIZE, SIZE) == 1].std())

    def test_grain_is_the_skins(self) -> None:
        noise = np.random.default_rng(0).normal(0, 6, (SIZE, SIZE, 1))
        noisy = np.clip(skin(130) + noise, 0, 255).astype(np.uint8)
        assert self.flat_inside(noisy) == pytest.approx(6, rel=0.3)
        assert self.flat_inside(skin(130)) < 0.5

    def test_a_beard_is_no_grain(self) -> None:
        rough = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 1)).repeat(3, 2).astype(np.uint8)
        assert self.flat_inside(rough) < 25

    def test_the_same_photo_gets_the_same_grain(self) -> None:
        noise = np.random.default_rng(0).normal(0, 6, (SIZE, SIZE, 3))
        noisy, patch = np.clip(skin(130) + noise, 0, 255).astype(np.uint8), MouthPatch.of(POINTS)
        np.testing.assert_array_equal(compose(noisy, painted(90), patch), compose(noisy, painted(90), patch))
