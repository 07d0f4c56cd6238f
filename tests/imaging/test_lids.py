"""A lid that comes down is skin, as light as the skin round the eye, whatever was seen of it before."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.imaging.lids import Lid, hidden, unfolded
from mien.imaging.openings import Region

quiet = settings(derandomize=True, deadline=None, max_examples=25)
WIDTH, HEIGHT = 120, 90
AGAIN = 0.95
"""What `unfolded` leaves of the light."""


def lid(share: float = 1.0, x: float = 60, y: float = 40) -> Lid:
    """A shut eye of 60 px whose lid is up to 16 px high."""
    across, arch = np.linspace(x - 30, x + 30, 9), np.sin(np.linspace(0, np.pi, 9))
    fold, lashes, lower = (np.column_stack([across, y + down * arch]) for down in (-8, 8, 11))
    return Lid(fold, lashes, lower, share, 0.0)


def skin(slope: tuple[float, float] = (0.0, 0.0)) -> Array:
    """Even skin, or skin that gets lighter along x and y."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    light = 150 + slope[0] * (x - WIDTH / 2) + slope[1] * (y - HEIGHT / 2)
    return np.asarray(np.rint(np.clip(light[..., None] + [20, 0, -20], 0, 255)).astype(np.uint8))


def smeared(picture: Array, one: Lid) -> Array:
    """The picture with the lid as dark as what lay in its fold."""
    dark = Region.between(one.fold, one.lashes).share(0, 0, WIDTH, HEIGHT) > 0
    return np.asarray(np.where(dark[..., None], 30, picture).astype(np.uint8))


def middle(one: Lid) -> Array:
    """[H, W] bool: the lid without what lies near its border."""
    inner = one.fold + 0.3 * (one.lashes - one.fold), one.fold + 0.7 * (one.lashes - one.fold)
    where = Region.between(*inner).share(0, 0, WIDTH, HEIGHT) == 1
    where[:, : int(one.fold[2, 0])] = where[:, int(one.fold[6, 0]) :] = False
    assert where.sum() > 100
    return np.asarray(where)


@quiet
@given(st.floats(-0.6, 0.6), st.floats(-0.6, 0.6))
def test_skin_goes_on_over_a_lid_as_it_lies_round_the_eye(across: float, down: float) -> None:
    true = skin((across, down))
    painted = unfolded(smeared(true, lid()), 0, 0, lid()).astype(float)
    where = middle(lid())
    np.testing.assert_allclose(painted[where], AGAIN * true[where], atol=7)


def test_a_share_of_the_new_skin_is_laid_over_what_was_there() -> None:
    dark = smeared(skin(), lid())
    none, half, all_ = (unfolded(dark, 0, 0, lid(share)).astype(float) for share in (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(none, dark)
    np.testing.assert_allclose(half, (dark + all_) / 2, atol=1)
    assert (all_[middle(lid())] > half[middle(lid())]).all()


def test_nothing_changes_away_from_the_lid_and_the_picture_given_stays() -> None:
    random = np.random.default_rng(4)
    given_ = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    before = given_.copy()
    painted = unfolded(given_, 0, 0, lid())
    np.testing.assert_array_equal(given_, before)
    changed = np.argwhere((painted != given_).any(2))[:, ::-1]
    lines = np.concatenate([lid().fold, lid().lashes])
    assert len(changed) > 500
    assert (changed >= lines.min(0) - 8).all()
    assert (changed <= lines.max(0) + 8).all()


def test_a_lid_is_as_rough_as_the_skin_round_it() -> None:
    random = np.random.default_rng(5)
    rough = np.clip(skin() + random.normal(0, 6, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)
    where = middle(lid())
    grain = unfolded(smeared(rough, lid()), 0, 0, lid())[where].astype(float).std(0)
    smooth = unfolded(smeared(skin(), lid()), 0, 0, lid())[where].astype(float).std(0)
    assert (grain > 3.5).all()
    assert (grain < 9).all()
    assert (smooth < 2.5).all()


def test_of_a_shut_eye_no_white_is_left_below_the_lid() -> None:
    """Landmarks have the lower lid a little high: what is white below it was seen between the lids."""
    one = lid()
    below = Region.between(one.lower, one.lower + np.array([0, 2.5])).share(0, 0, WIDTH, HEIGHT) == 1
    assert below.sum() > 40
    white, dark = (np.where(below[..., None], level, skin()).astype(np.uint8) for level in (235, 60))
    open_, half, shut = (unfolded(white, 0, 0, replace(one, shut=by))[below].mean() for by in (0.0, 0.5, 1.0))
    assert open_ > 220
    assert shut < 185
    assert half == pytest.approx((open_ + shut) / 2, abs=2)
    assert unfolded(white, 0, 0, replace(lid(0.0), shut=1.0))[below].mean() < 190
    still, closed = (unfolded(dark, 0, 0, replace(one, shut=by)) for by in (0.0, 1.0))
    np.testing.assert_allclose(closed.astype(int), still, atol=2)


def test_a_mirrored_eye_is_painted_as_a_mirror_shows_it() -> None:
    one = lid(x=50)
    dark = smeared(skin((0.3, -0.2)), one)
    fold, lashes, lower = (
        np.column_stack([WIDTH - line[::-1, 0], line[::-1, 1]]) for line in (one.fold, one.lashes, one.lower)
    )
    there = unfolded(dark, 0, 0, one).astype(float)
    back = unfolded(np.ascontiguousarray(dark[:, ::-1]), 0, 0, Lid(fold, lashes, lower, one.share, 0.0)).astype(float)
    np.testing.assert_allclose(back[:, ::-1], there, atol=3)


def test_the_part_of_the_picture_does_not_matter() -> None:
    dark = smeared(skin((0.2, 0.1)), lid())
    part = unfolded(np.ascontiguousarray(dark[5:, 7:]), 7, 5, lid())
    np.testing.assert_allclose(part.astype(float), unfolded(dark, 0, 0, lid())[5:, 7:].astype(float), atol=3)


@pytest.mark.parametrize("x", [-400.0, 0.0, float(WIDTH), 900.0])
def test_an_eye_at_or_beyond_the_border_is_painted_as_far_as_it_is_seen(x: float) -> None:
    dark = smeared(skin(), lid(x=x))
    painted = unfolded(dark, 0, 0, lid(x=x))
    assert painted.shape == dark.shape
    seen = -30 < x < WIDTH + 30
    assert (painted != dark).any() == seen


def test_a_lid_without_height_is_left_alone() -> None:
    flat = Lid(lid().lashes, lid().lashes, lid().lower, 1.0, 0.0)
    np.testing.assert_array_equal(unfolded(skin(), 0, 0, flat), skin())


def test_lines_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="fold"):
        Lid(lid().fold * np.nan, lid().lashes, lid().lower, 1.0, 0.0)


@quiet
@given(st.floats(0, 20), st.floats(0.5, 20))
def test_the_less_of_a_lid_was_seen_the_more_is_new(before: float, after: float) -> None:
    share = hidden(before, after)
    assert 0 <= share <= 1
    assert share >= hidden(before * 1.1, after)
    assert hidden(after, after) == 0
    assert hidden(after / 4, after) == 1
