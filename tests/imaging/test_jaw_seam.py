"""The dark between teeth is found where it is, and a mouth that opens along it keeps its teeth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_mouths import LOWER, UPPER, face_points, opened, toothy

from mien.core.arrays import Array
from mien.imaging.jaw_seam import LEAST, dark_seam
from mien.imaging.jaw_seam import opened as opened_further
from mien.imaging.mouth_patch import MAPS, WIDTH, MouthPatch, lip_heights

POINTS = face_points(210.0, (150.0, 150.0))
PATCH = opened(POINTS, 16.0)


def seam_of(cut: Array, patch: MouthPatch = PATCH) -> Array:
    found = dark_seam(cut, patch)
    assert found is not None
    return found


class TestFind:
    @pytest.mark.parametrize("teeth", [(0.3, 0.5), (0.4, 0.75), (0.6, 0.9)])
    def test_it_lies_in_the_dark_from_corner_to_corner(self, teeth: tuple[float, float]) -> None:
        seam = seam_of(toothy(PATCH, teeth=teeth))
        assert seam.shape == (WIDTH,)
        upper, lower = lip_heights(PATCH.inner, np.arange(WIDTH) + 0.5)
        tall = lower - upper > 8
        assert teeth[0] <= seam[tall].min()
        assert seam[tall].max() <= teeth[1]

    def test_there_is_none_between_lips_that_hardly_part(self) -> None:
        narrow = opened(POINTS, LEAST - 0.5)
        assert dark_seam(toothy(narrow), narrow) is None

    @pytest.mark.parametrize("level", [70, 120, 200])
    def test_there_is_none_where_teeth_meet_or_a_tongue_lies(self, level: int) -> None:
        assert dark_seam(toothy(PATCH, dark=level), PATCH) is None

    def test_there_is_none_where_the_dark_is_broken(self) -> None:
        cut = toothy(PATCH)
        middle = int(PATCH.inner[:, 0].mean())
        upper, lower = (int(edge[middle]) for edge in lip_heights(PATCH.inner, np.arange(WIDTH) + 0.5))
        cut[upper:lower, middle - 4 : middle + 4] = 200
        assert dark_seam(cut, PATCH) is None

    def test_skin_that_is_dark_itself_needs_a_darker_one(self) -> None:
        dim = (toothy(PATCH, dark=50) * np.float32(0.6)).astype(np.uint8)
        assert dark_seam(dim, PATCH) is not None
        dimmer = dim.copy()
        dimmer[dim == int(180 * 0.6)] = 60
        assert dark_seam(dimmer, PATCH) is None


class TestOpen:
    @settings(max_examples=20, deadline=None)
    @given(st.floats(1, 25))
    def test_the_upper_lip_stays_and_the_lower_one_goes_down(self, more: float) -> None:
        wide, lips = opened_further(toothy(PATCH), PATCH, np.full(WIDTH, 0.55), more)
        assert lips.gap == pytest.approx(PATCH.gap + more, rel=0.02)
        assert wide.shape == (96, 128, 3)
        assert 0 <= wide.min() <= wide.max() <= 255
        x = np.arange(WIDTH) + 0.5
        np.testing.assert_allclose(lip_heights(lips.inner, x)[0], lip_heights(PATCH.inner, x)[0])
        assert (lips.outer[:, 1] >= PATCH.outer[:, 1] - 1e-9).all()

    def test_teeth_are_as_tall_as_before_and_more_dark_lies_between(self) -> None:
        cut = toothy(PATCH)
        wide, lips = opened_further(cut, PATCH, seam_of(cut), 14.0)
        column = int(PATCH.inner[:, 0].mean())
        upper, lower = lip_heights(PATCH.inner, np.arange(WIDTH) + 0.5)
        height = (lower - upper)[column]
        above, below = (int((np.abs(wide[:, column, 0] - level) < 12).sum()) for level in (UPPER, LOWER))
        assert above == pytest.approx(0.4 * height, abs=1.5)
        assert below == pytest.approx(0.25 * height, abs=1.5)
        dark = int((wide[:, column, 0] < 40).sum())
        assert dark == pytest.approx(0.35 * height + 14, abs=2.5)
        opening = lips.maps()[MAPS.index("opening")] == 1
        assert np.abs(wide[~opening & (np.arange(96)[:, None] < 30)] - 180).max() < 60

    def test_no_further_is_as_it_was(self) -> None:
        cut = toothy(PATCH)
        same, lips = opened_further(cut, PATCH, seam_of(cut), 0.0)
        away = np.abs(same - cut).max(2)
        assert (away > 3).mean() < 0.02  # the dark itself is smeared along its line
        np.testing.assert_allclose(lips.inner, PATCH.inner)

    def test_a_mirrored_mouth_opens_likewise(self) -> None:
        cut = toothy(PATCH)
        there, _ = opened_further(cut, PATCH, np.full(WIDTH, 0.55), 10.0)
        back, _ = opened_further(cut[:, ::-1], PATCH.mirrored(), np.full(WIDTH, 0.55), 10.0)
        assert np.abs(back[:, ::-1] - there).max() < 1.5
