"""An eye that opens wider shows more of a round iris and white above it, and nothing but the eye is touched."""

import numpy as np
import pytest

from mien.core.arrays import Array
from mien.core.image import Frame
from mien.imaging.eyeball import Widened, bared
from mien.imaging.openings import Region

WIDE, HIGH = 120, 90
IRIS, RADIUS = np.array([60.0, 48.0]), 15.0
SKIN, WHITE = (190, 140, 110), (225, 225, 220)


def lids(rise: float, drop: float = 18.0, middle: Array = IRIS) -> Array:
    """[2, 9, 2] an upper and a lower lid that are so far from the middle of the iris at their highest."""
    along = np.linspace(-36, 36, 9)
    arch = 1 - (along / 36) ** 2
    return np.stack([np.column_stack([along, -rise * arch]), np.column_stack([along, drop * arch])]) + middle


BEFORE, AFTER = lids(9.0), lids(26.0)


def ball(x: Array, y: Array, radius: float = RADIUS) -> Array:
    """[..., 3] what a bare eyeball shows: white, and an iris darker towards its rim."""
    away = np.hypot(x - IRIS[0], y - IRIS[1])[..., None]
    iris = 30 + 60 * (1 - away / radius)
    return np.where(away <= radius, np.array([1.2, 1.0, 0.8]) * iris, np.array(WHITE, float))


def drawn(opening: Array, radius: float = RADIUS) -> Array:
    """[HIGH, WIDE, 3] an eye that is so far open."""
    x, y = np.meshgrid(np.arange(WIDE) + 0.5, np.arange(HIGH) + 0.5)
    share = Region.between(*opening).share(0, 0, WIDE, HIGH)[..., None]
    return np.rint(np.array(SKIN) + share * (ball(x, y, radius) - SKIN)).astype(np.uint8)


def ring(radius: float = RADIUS) -> Array:
    """[5, 2] the iris's middle and border."""
    turns = np.arange(4) * np.pi / 2
    return np.concatenate([IRIS[None], IRIS + radius * np.column_stack([np.cos(turns), np.sin(turns)])])


def widened(
    shift: tuple[float, float] = (0, 0), after: Array = AFTER, before: Array = BEFORE, radius: float = RADIUS
) -> Array:
    """The eye, opened over a patch of plain skin, which stands for what stretched with the lids."""
    eye = Widened(ring(radius), np.array(shift, float), before, after)
    return bared(np.full((HIGH, WIDE, 3), SKIN, np.uint8), Frame(drawn(before)), 0, 0, eye)


def dark(picture: Array) -> Array:
    """[H, W] bool, the iris."""
    return np.asarray(picture.max(2) < 120)


def test_the_iris_is_round_and_where_it_was() -> None:
    rows, columns = np.nonzero(dark(widened()))
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=3)
    assert np.ptp(columns) == pytest.approx(2 * RADIUS, abs=4)
    assert [columns.mean() + 0.5, rows.mean() + 0.5] == pytest.approx(IRIS.tolist(), abs=1)


def test_what_was_hidden_is_as_on_a_bare_ball() -> None:
    """But for the shade under the lid, of which the drawing has none."""
    shown, whole = widened(), drawn(AFTER)
    well_inside = Region.between(*lids(19.0, 16.0)).share(0, 0, WIDE, HIGH) == 1
    x, y = np.meshgrid(np.arange(WIDE) + 0.5, np.arange(HIGH) + 0.5)
    rim = np.abs(np.hypot(x - IRIS[0], y - IRIS[1]) - RADIUS) < 2.5
    away = np.abs(shown.astype(int) - whole).max(2)[well_inside & ~rim & (np.abs(x - IRIS[0]) < 24)]
    assert np.median(away) < 6
    assert (away > 40).mean() < 0.02


def test_what_the_lower_lid_hid_of_the_iris_is_no_skin() -> None:
    """A lower lid that goes down bares the iris, not the lid as it lay over it."""
    shown = widened(after=lids(26.0, 22.0), before=lids(9.0, 8.0))
    x, y = np.meshgrid(np.arange(WIDE) + 0.5, np.arange(HIGH) + 0.5)
    below = (np.hypot(x - IRIS[0], y - IRIS[1]) < 0.85 * RADIUS) & (y > IRIS[1] + 9)
    assert below.sum() > 30
    assert shown[below].max() < 130


def test_an_iris_that_looks_elsewhere_goes_there_whole() -> None:
    for shift in ((6, 0), (-6, 0), (0, -5)):
        rows, columns = np.nonzero(dark(widened(shift)))
        assert [columns.mean() + 0.5, rows.mean() + 0.5] == pytest.approx((IRIS + shift).tolist(), abs=1.5)
        assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=4)


def test_nothing_but_the_opening_is_touched_and_nothing_that_was_given() -> None:
    patch, frame = np.full((HIGH, WIDE, 3), SKIN, np.uint8), Frame(drawn(BEFORE))
    given = patch.copy(), frame.pixels.copy()
    shown = bared(patch, frame, 0, 0, Widened(ring(), np.zeros(2), BEFORE, AFTER))
    outside = Region.between(*AFTER).share(0, 0, WIDE, HIGH) == 0
    assert (shown[outside] == patch[outside]).all()
    assert (shown != patch).any()
    np.testing.assert_array_equal(patch, given[0])
    np.testing.assert_array_equal(frame.pixels, given[1])


def test_a_part_of_the_picture_shows_what_the_whole_does() -> None:
    eye, frame = Widened(ring(), np.zeros(2), BEFORE, AFTER), Frame(drawn(BEFORE))
    whole = widened()
    for left, top, width, height in ((0, 0, 70, HIGH), (40, 30, 60, 40), (-10, -10, WIDE + 20, HIGH + 20)):
        part = bared(np.full((height, width, 3), SKIN, np.uint8), frame, left, top, eye)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, WIDE), min(top + height, HIGH)
        np.testing.assert_array_equal(part[y0 - top : y1 - top, x0 - left : x1 - left], whole[y0:y1, x0:x1])


def test_a_mirrored_eye_is_a_mirror_image() -> None:
    eye = Widened(
        (ring() - [WIDE, 0]) * [-1, 1],
        np.array([-6.0, 0.0]),
        (BEFORE - [WIDE, 0]) * [-1, 1],
        (AFTER - [WIDE, 0]) * [-1, 1],
    )
    patch = np.full((HIGH, WIDE, 3), SKIN, np.uint8)
    mirrored = bared(patch, Frame(drawn(BEFORE)[:, ::-1].copy()), 0, 0, eye)
    away = np.abs(mirrored[:, ::-1].astype(int) - widened((6, 0)))
    assert away.mean() < 0.2
    assert np.quantile(away, 0.999) < 12


def test_it_comes_in_by_degrees() -> None:
    skin = np.array(SKIN)
    changes = [float(np.abs(widened(after=lids(rise)) - skin).mean()) for rise in (9.0, 9.5, 10.2, 11.0, 12.0)]
    assert changes[0] == 0
    assert changes == sorted(changes)
    assert max(np.diff(changes)) < 0.5 * changes[-1]


@pytest.mark.parametrize("radius", [3.0, 40.0])
def test_an_iris_that_was_not_found_is_let_alone(radius: float) -> None:
    assert (widened(radius=radius) == SKIN).all()


def test_an_eye_that_was_shut_or_lies_elsewhere_is_let_alone() -> None:
    assert (widened(before=lids(0.0, 0.2)) == SKIN).all()
    eye = Widened(ring(), np.zeros(2), BEFORE, AFTER)
    far = bared(np.full((20, 20, 3), SKIN, np.uint8), Frame(drawn(BEFORE)), 500, 500, eye)
    assert (far == SKIN).all()


def test_an_iris_that_reaches_into_a_corner_leaves_white_from_the_other_side() -> None:
    """No step runs through the white above it."""
    aside = IRIS - [18, 0]
    x, y = np.meshgrid(np.arange(WIDE) + 0.5, np.arange(HIGH) + 0.5)
    share = Region.between(*BEFORE).share(0, 0, WIDE, HIGH)[..., None]
    picture = np.rint(np.array(SKIN) + share * (ball(x + 18, y) - SKIN)).astype(np.uint8)
    eye = Widened(ring() - [18, 0], np.zeros(2), BEFORE, AFTER)
    shown = bared(np.full((HIGH, WIDE, 3), SKIN, np.uint8), Frame(picture), 0, 0, eye)
    above = shown[int(aside[1] - RADIUS) - 6, 46:72].astype(int)
    assert np.abs(np.diff(above, axis=0)).max() < 45


def test_a_record_is_checked_at_birth() -> None:
    with pytest.raises(ValueError, match="iris"):
        Widened(ring()[:3], np.zeros(2), BEFORE, AFTER)
    with pytest.raises(ValueError, match="after"):
        Widened(ring(), np.zeros(2), BEFORE, AFTER[0])
