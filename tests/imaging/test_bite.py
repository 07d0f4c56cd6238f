"""The line where teeth meet is found between two rows of teeth, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_mouths import SKIN, face_points, opened, toothy

from mien.core.arrays import Array
from mien.imaging.bite import LEAST, bite, one_row, parting
from mien.imaging.jaw_seam import dark_seam
from mien.imaging.mouth_patch import HEIGHT, WIDTH, MouthPatch, lip_heights

POINTS = face_points(210.0, (150.0, 150.0))
PATCH = opened(POINTS, 16.0)
ROWS = 0.6, 0.7
LIPS = np.array([190, 110, 110], np.uint8)


def met(patch: MouthPatch = PATCH, dark: int = 120, teeth: tuple[float, float] = ROWS) -> Array:
    """A mouth with red lips, whose rows of teeth meet in a thin line."""
    cut = toothy(patch, dark, teeth)
    cut[(cut == SKIN).all(2)] = LIPS
    return cut


def tall_columns(patch: MouthPatch = PATCH) -> Array:
    upper, lower = lip_heights(patch.inner, np.arange(WIDTH) + 0.5)
    return np.asarray(lower - upper > 8)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.4, 0.7), st.integers(20, 150))
def test_it_lies_in_the_line_from_corner_to_corner(height: float, dark: int) -> None:
    line = bite(met(dark=dark, teeth=(height, height + 0.12)), PATCH)
    assert line is not None
    assert line.shape == (WIDTH,)
    assert height - 0.05 <= line[tall_columns()].min()
    assert line[tall_columns()].max() <= height + 0.17


def test_a_mirrored_mouth_has_the_mirrored_line() -> None:
    cut, mirrored = met(), PATCH.mirrored()
    there, back = bite(cut, PATCH), bite(cut[:, ::-1], mirrored)
    assert there is not None
    assert back is not None
    np.testing.assert_allclose(back[::-1][tall_columns()], there[tall_columns()], atol=0.05)


def test_there_is_none_between_lips_that_hardly_part() -> None:
    narrow = opened(POINTS, LEAST - 0.5)
    assert bite(met(narrow), narrow) is None


def test_there_is_none_in_one_row_or_where_it_hardly_shows() -> None:
    assert bite(met(teeth=(1.0, 1.0)), PATCH) is None
    assert bite(met(dark=210), PATCH) is None


def test_there_is_none_where_it_is_broken() -> None:
    cut = met()
    middle = int(PATCH.inner[:, 0].mean())
    upper, lower = (int(edge[middle]) for edge in lip_heights(PATCH.inner, np.arange(WIDTH) + 0.5))
    cut[upper:lower, middle - 12 : middle + 12] = 220
    assert bite(cut, PATCH) is None


@pytest.mark.parametrize("below", [LIPS, np.array([120, 120, 120], np.uint8)])
def test_below_it_must_be_teeth_and_no_lip_or_shadow(below: Array) -> None:
    cut = met()
    upper, lower = lip_heights(PATCH.inner, np.arange(WIDTH) + 0.5)
    way = (np.arange(HEIGHT)[:, None] + 0.5 - upper) / np.maximum(lower - upper, 1e-6)
    cut[(way > 0.7) & (way < 1)] = below
    assert bite(cut, PATCH) is None


def test_a_row_of_which_hardly_anything_is_seen_is_left() -> None:
    assert bite(met(teeth=(0.9, 0.96)), PATCH) is None


def test_a_mouth_parts_along_its_dark_before_its_bite() -> None:
    dark = toothy(PATCH)
    seam = dark_seam(dark, PATCH)
    assert seam is not None
    np.testing.assert_array_equal(parting(dark, PATCH), seam)
    shut = met()
    assert dark_seam(shut, PATCH) is None
    np.testing.assert_array_equal(parting(shut, PATCH), bite(shut, PATCH))
    assert parting(np.full_like(shut, 150), PATCH) is None


class TestOneRow:
    SMILE = opened(POINTS, 11.0)

    def test_teeth_down_to_the_lip_are_one(self) -> None:
        assert one_row(met(self.SMILE, teeth=(1.0, 1.0)), self.SMILE)

    def test_mirrored_it_is_still_one(self) -> None:
        assert one_row(met(self.SMILE, teeth=(1.0, 1.0))[:, ::-1], self.SMILE.mirrored())

    def test_nor_teeth_above_the_dark_or_above_a_tongue(self) -> None:
        dark = met(self.SMILE, 15, (0.6, 1.0))
        assert not one_row(dark, self.SMILE)
        tongue = dark.copy()
        tongue[(dark == 15).all(2)] = [200, 120, 120]
        assert not one_row(tongue, self.SMILE)

    def test_nor_what_is_taller_than_teeth_or_hardly_seen(self) -> None:
        for gap in (LEAST - 0.5, 16.0):
            patch = opened(POINTS, gap)
            assert not one_row(met(patch, teeth=(1.0, 1.0)), patch)
