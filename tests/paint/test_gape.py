"""A wide mouth made half open, and its upper teeth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_mouths import face_points, opened, photo

from mien.core.arrays import Array
from mien.imaging.mouth_patch import HEIGHT, MAPS, WIDTH, MouthPatch, lip_heights
from mien.paint.gape import HALF, HalfOpen

POINTS = face_points(210.0, (150.0, 150.0))
CUT = MouthPatch.of(POINTS).cut(photo(POINTS, 300, 300))


def maps(patch: MouthPatch) -> dict[str, Array]:
    return dict(zip(MAPS, patch.maps(), strict=True))


@settings(max_examples=25, deadline=None)
@given(st.floats(HALF, 45))
def test_the_mouth_is_half_open_then_and_its_upper_lip_stays(gap: float) -> None:
    patch = opened(POINTS, gap)
    half = HalfOpen.of(CUT, patch)
    assert half.patch.gap == pytest.approx(min(HALF, patch.gap), rel=0.02)
    x = np.arange(WIDTH) + 0.5
    np.testing.assert_allclose(lip_heights(half.patch.inner, x)[0], lip_heights(patch.inner, x)[0])
    np.testing.assert_allclose(half.patch.inner[:, 0], patch.inner[:, 0])
    assert (half.patch.outer[:, 1] <= patch.outer[:, 1] + 1e-9).all()


@pytest.mark.parametrize("gap", [2.0, 8.0, 12.9])
def test_a_mouth_that_is_no_wider_stays_as_it_is(gap: float) -> None:
    patch = opened(POINTS, gap)
    half = HalfOpen.of(CUT, patch)
    np.testing.assert_array_equal(half.cut, CUT)
    np.testing.assert_allclose(half.patch.inner, patch.inner)


def test_skin_above_stays_and_what_is_below_rises_with_the_lip() -> None:
    patch = opened(POINTS, 33.0)
    upper, lower = lip_heights(patch.inner, np.arange(WIDTH) + 0.5)
    column, rows = WIDTH // 2, np.arange(HEIGHT)
    cut = np.repeat(np.broadcast_to((2 * rows)[:, None], (HEIGHT, WIDTH))[..., None], 3, 2).astype(np.uint8)
    half = HalfOpen.of(cut, patch)
    above = slice(0, int(upper[column]))
    np.testing.assert_array_equal(half.cut[above, column], cut[above, column])
    rise = (33.0 - HALF) / 33.0 * (lower - upper)[column]
    at = int(lower[column] - rise) + 3
    assert half.cut[at, column, 0] == pytest.approx(2 * (at + rise), abs=2)


@pytest.mark.parametrize("gap", [HALF, 20.0, 40.0])
def test_teeth_lie_within_the_opening_at_the_upper_lip_and_away_from_the_corners(gap: float) -> None:
    patch = opened(POINTS, gap)
    cover, place = HalfOpen.of(CUT, patch).cover, maps(patch)
    assert 0 <= cover.min() <= cover.max() <= 1
    inside = place["opening"] == 1
    below = 16 * place["below_upper"]
    assert cover[inside & (below > 0.62 * HALF + 2)].max() == 0
    assert cover[inside & (np.abs(place["along"]) > 0.98)].max(initial=0) < 0.1
    assert cover[inside & (below < 4) & (np.abs(place["along"]) < 0.4)].min() == 1


def test_a_mirrored_mouth_gets_mirrored_teeth() -> None:
    patch = opened(POINTS, 30.0)
    there, back = HalfOpen.of(CUT, patch), HalfOpen.of(CUT[:, ::-1], patch.mirrored())
    np.testing.assert_allclose(back.cover[:, ::-1], there.cover, atol=1e-5)
    assert np.abs(back.cut[:, ::-1].astype(int) - there.cut).max() <= 1


def test_teeth_are_laid_over_the_whole_and_nothing_else_is() -> None:
    half = HalfOpen.of(CUT, opened(POINTS, 30.0))
    whole, teeth = np.full((HEIGHT, WIDTH, 3), 20, np.float32), np.full((HEIGHT, WIDTH, 3), 220, np.float32)
    laid = half.teeth_on(whole, teeth)
    np.testing.assert_allclose(laid[..., 0], 20 + 200 * half.cover, rtol=1e-5)
    assert laid.dtype == np.float32
