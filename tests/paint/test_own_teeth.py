"""What a mouth showed stays: upper teeth in their place, lower ones gone down with the jaw, and no lip among them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_mouths import SKIN, UPPER, face_points, opened_points, toothy

from mien.core.arrays import Array
from mien.core.geometry import invert_affine
from mien.core.image import Frame
from mien.imaging.flow import Flow
from mien.imaging.mouth_patch import HEIGHT, MAPS, WIDTH, MouthPatch, filled, lip_heights, resampled
from mien.paint.own_teeth import Kept, kept, laid

FACE = face_points(420.0, (300.0, 300.0))
X = np.arange(WIDTH) + 0.5


def toothy_photo(points: Array, dark: int = 15, teeth: tuple[float, float] = (0.4, 0.75)) -> Frame:
    """A photo of nothing but skin and a mouth with teeth."""
    patch = MouthPatch.of(points)
    return Frame(resampled(toothy(patch, dark, teeth), invert_affine(patch.to_frame), 600, 600))


def still(size: int = 600) -> Flow:
    return Flow(0, 0, 6, np.zeros((size // 6 + 1, size // 6 + 1, 2)))


def cover(part: Kept) -> Array:
    return filled(part.outline, 0.0, WIDTH, HEIGHT)


@pytest.mark.parametrize("gap", [0.5, 2.0, 2.9])
def test_of_a_mouth_that_hardly_was_open_nothing_is_kept(gap: float) -> None:
    before = opened_points(FACE, gap)
    assert kept(toothy_photo(before), before, MouthPatch.of(opened_points(FACE, 20.0))) == ()


@settings(max_examples=15, deadline=None)
@given(st.floats(4, 20), st.floats(0, 20))
def test_it_lies_in_what_was_seen_and_in_what_is_seen(gap: float, more: float) -> None:
    before, after = opened_points(FACE, gap), opened_points(FACE, gap + more)
    now = MouthPatch.of(after)
    was = MouthPatch.at(before, now.to_frame)
    for part in kept(toothy_photo(before), before, now):
        inside = cover(part) > 0.5
        rows, columns = np.nonzero(inside)
        heights = rows + 0.5
        assert (heights >= lip_heights(now.inner, X)[0][columns] - 2).all()
        assert (heights <= lip_heights(now.inner, X)[1][columns] + 2).all()
        came_from = heights - part.way[1]
        assert (came_from >= lip_heights(was.inner, X)[0][columns] - 2).all()
        assert (came_from <= lip_heights(was.inner, X)[1][columns] + 2).all()


def test_with_dark_between_them_both_rows_are_kept_and_the_lower_one_goes_with_the_jaw() -> None:
    before, after = opened_points(FACE, 16.0), opened_points(FACE, 26.0)
    now = MouthPatch.of(after)
    upper, lower = kept(toothy_photo(before), before, now)
    np.testing.assert_array_equal(upper.way, 0)
    assert lower.way[0] == 0
    assert lower.way[1] == pytest.approx(10, abs=1.5)
    assert not (cover(upper) * cover(lower)).any()


def test_rows_that_met_part_where_they_did() -> None:
    before, after = opened_points(FACE, 16.0), opened_points(FACE, 26.0)
    now = MouthPatch.of(after)
    upper, lower = kept(toothy_photo(before, 120, (0.6, 0.72)), before, now)
    assert (upper.way[1], lower.way[1]) == (0, pytest.approx(10, abs=1.5))
    above, below = (cover(part).sum() for part in (upper, lower))
    assert 1.2 < above / below < 2.6


def test_without_it_what_lies_in_the_jaw_is_left_to_be_painted() -> None:
    before = opened_points(FACE, 16.0)
    photo = toothy_photo(before, dark=UPPER)
    (whole,) = kept(photo, before, MouthPatch.of(before))
    (part,) = kept(photo, before, MouthPatch.of(opened_points(FACE, 26.0)))
    assert 0.5 < cover(part).sum() / cover(whole).sum() < 0.75


def test_a_row_that_reaches_the_lip_is_kept_whole() -> None:
    before, after = opened_points(FACE, 11.0), opened_points(FACE, 21.0)
    now = MouthPatch.of(after)
    row, more = (toothy_photo(before, 110, teeth) for teeth in ((1.0, 1.0), (0.7, 1.0)))
    (whole,), (part,) = (kept(photo, before, now) for photo in (row, more))
    assert cover(whole).sum() > 1.15 * cover(part).sum()
    np.testing.assert_array_equal(whole.way, 0)


def test_the_photo_s_own_pixels_are_laid_where_they_go() -> None:
    before, after = opened_points(FACE, 16.0), opened_points(FACE, 26.0)
    photo, now = toothy_photo(before), MouthPatch.of(after)
    parts = kept(photo, before, now)
    blank = np.full_like(photo.pixels, 90)
    result = laid(blank, photo, still(), now, parts)
    seen = now.cut(result)
    column = int(now.inner[:, 0].mean())
    bright = np.flatnonzero(seen[:, column, 0] > SKIN)
    rows = np.split(bright, np.flatnonzero(np.diff(bright) > 1) + 1)
    assert len(rows) == 2
    assert len(rows[0]) == pytest.approx(0.4 * 16, abs=2)
    assert len(rows[1]) == pytest.approx(0.25 * 16, abs=2)
    assert seen[rows[0][0] : rows[1][-1], column, 0].min() < 30
    np.testing.assert_array_equal(result[:200], blank[:200])
    assert laid(blank, photo, still(), now, ()) is blank


def test_what_is_kept_is_no_part_of_the_hole() -> None:
    before, after = opened_points(FACE, 16.0), opened_points(FACE, 26.0)
    now = MouthPatch.of(after)
    outlines = tuple(part.outline for part in kept(toothy_photo(before), before, now))
    whole, part = (dict(zip(MAPS, now.maps(kept=some), strict=True)) for some in ((), outlines))
    inside = sum(filled(outline, 0.0, WIDTH, HEIGHT) for outline in outlines)
    assert part["hole"][inside == 1].max() == 0
    np.testing.assert_array_equal(part["hole"][inside == 0], whole["hole"][inside == 0])
    for name in MAPS[1:]:
        np.testing.assert_array_equal(part[name], whole[name])
