"""How a mouth parts is seen in one picture as `bite` sees it; in a video it does not come and go with single frames."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_reading
from made_mouths import UPPER, face_points, opened_points, toothy

from mien.core.arrays import Array
from mien.core.face import FaceReading
from mien.core.geometry import compose_affine, invert_affine
from mien.core.image import Frame
from mien.imaging.bite import parting
from mien.imaging.mouth_patch import WIDTH, MouthPatch, lip_heights, resampled
from mien.paint.own_teeth import kept
from mien.paint.parting import Parting, SteadyPartings

FACE = face_points(420.0, (300.0, 300.0))
OPEN = opened_points(FACE, 16.0)
X = np.arange(WIDTH) + 0.5
DARK, FULL = 15, UPPER
"""Levels between the rows of teeth: of a mouth that parts there, and of one in which nothing is to be seen."""


def photo(points: Array, between: int) -> Frame:
    patch = MouthPatch.of(points)
    return Frame(resampled(toothy(patch, between), invert_affine(patch.to_frame), 600, 600))


@pytest.fixture(scope="module")
def reading() -> FaceReading:
    return made_reading()


PICTURES = {between: photo(OPEN, between) for between in (DARK, FULL)}


def told(reading: FaceReading, frames: Sequence[int], apart: float = 0.04) -> list[Parting]:
    """What is decided about frames, each given by what lies between its teeth."""
    steady = SteadyPartings()
    return [steady.at(PICTURES[shows], at(reading, OPEN, k * apart)) for k, shows in enumerate(frames)]


def at(reading: FaceReading, points: Array, time: float = 0.0) -> FaceReading:
    """A reading of the drawn face."""
    place = np.column_stack([points, np.zeros(len(points))])
    return replace(reading, time=time, landmarks=replace(reading.landmarks, points=place))


def parted(found: Sequence[Parting]) -> list[bool]:
    return [parts.seam is not None for parts in found]


@settings(max_examples=15, deadline=None)
@given(st.floats(9, 20), st.floats(-0.3, 0.3))
def test_a_seam_lies_where_the_dark_does_in_any_patch_of_the_mouth(gap: float, turn: float) -> None:
    points = opened_points(face_points(420.0, (300.0, 300.0), turn=turn), gap)
    frame, mouth = photo(points, DARK), MouthPatch.of(points)
    parts = Parting.of(frame, mouth)
    seam, straight = parts.along(mouth, X), parting(mouth.cut(frame.pixels), mouth)
    assert seam is not None
    assert straight is not None
    upper, lower = lip_heights(mouth.inner, X)
    away = np.abs((seam - straight) * (lower - upper))
    assert away[lower - upper > 1].mean() < 0.15
    aside = MouthPatch.at(points, compose_affine(mouth.to_frame, np.array([[1.0, 0, 5], [0, 1, 0]])))
    beside = parts.along(aside, X - 5)
    assert beside is not None
    np.testing.assert_allclose(beside, seam, atol=1e-9)


def test_without_one_a_share_is_the_skull_s() -> None:
    parts = Parting.of(PICTURES[FULL], MouthPatch.of(OPEN))
    assert parts.seam is None
    assert parts.along(MouthPatch.of(OPEN), X) is None
    assert parts.whole == 0
    assert [parts.skull(8), parts.skull(14)] == pytest.approx([0.85, 0.62])
    assert Parting(None, 1.0).skull(14) == 1
    assert Parting(None, 0.5).skull(14) == pytest.approx(0.81)


def test_what_is_told_is_done(reading: FaceReading) -> None:
    now = MouthPatch.of(opened_points(FACE, 26.0))
    seam = Parting.of(PICTURES[DARK], MouthPatch.of(OPEN))
    assert len(kept(PICTURES[FULL], OPEN, now)) == 1
    assert len(kept(PICTURES[FULL], OPEN, now, seam)) == 2
    assert len(kept(PICTURES[DARK], OPEN, now, Parting(None, 0.7))) == 1


class TestSteady:
    @pytest.mark.parametrize(("usual", "odd"), [(DARK, FULL), (FULL, DARK)])
    def test_single_frames_turn_nothing(self, usual: int, odd: int, reading: FaceReading) -> None:
        found = told(reading, [usual] * 6 + [odd] + [usual] * 8 + [odd, odd] + [usual] * 4)
        assert parted(found) == [usual == DARK] * len(found)

    @pytest.mark.parametrize(("first", "then"), [(DARK, FULL), (FULL, DARK)])
    @pytest.mark.parametrize("apart", [0.02, 0.04])
    def test_what_lasts_is_followed_once_in_a_third_of_a_second(
        self, first: int, then: int, apart: float, reading: FaceReading
    ) -> None:
        found = parted(told(reading, [first] * 8 + [then] * 30, apart))
        turn = found.index(then == DARK)
        assert found == [first == DARK] * turn + [then == DARK] * (len(found) - turn)
        assert 0.15 < (turn - 7) * apart < 0.35

    def test_lips_that_are_quick_are_followed_at_once(self, reading: FaceReading) -> None:
        steady, found = SteadyPartings(), []
        for k, (gap, shows) in enumerate([(9.0, DARK)] * 5 + [(12.0, FULL), (16.0, FULL), (19.0, FULL)]):
            points = opened_points(FACE, gap)
            found.append(steady.at(photo(points, shows), at(reading, points, k * 0.04)))
        assert parted(found) == [True] * 6 + [False] * 2

    def test_whether_a_row_is_whole_changes_step_by_step(
        self, reading: FaceReading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = iter([True] * 5 + [False] * 20)
        monkeypatch.setattr("mien.paint.parting.one_row", lambda cut, mouth: next(rows))
        shares = [parts.whole for parts in told(reading, [FULL] * 25)]
        assert shares[:5] == [1] * 5
        assert shares[-1] < 0.1
        assert -0.2 < np.diff(shares).min() < 0

    def test_where_a_seam_lies_is_followed_quickly(self, reading: FaceReading, monkeypatch: pytest.MonkeyPatch) -> None:
        places = iter([0.4] * 4 + [0.6] * 8)
        monkeypatch.setattr("mien.paint.parting.parting", lambda cut, mouth: np.full(WIDTH, next(places)))
        seams = [parts.seam for parts in told(reading, [DARK] * 12)]
        heights = [float(seam[30]) for seam in seams if seam is not None]
        assert len(heights) == 12
        assert heights[3] == pytest.approx(0.4)
        assert 0.45 < heights[4] < 0.5
        assert heights[-1] > 0.58

    def test_a_mouth_on_its_way_open_is_decided_when_it_is_wide_enough(self, reading: FaceReading) -> None:
        """Of a slit nothing can be told: it must not speak against what the open mouth shows."""
        steady, found = SteadyPartings(), []
        for k, gap in enumerate([3.2, 4.0, 4.8, 6.0, 10.0, 13.0]):
            points = opened_points(FACE, gap)
            found.append(steady.at(photo(points, DARK), at(reading, points, k * 0.04)))
        assert parted(found)[-2:] == [True, True]
        assert parted(found)[:3] == [False] * 3

    @pytest.mark.parametrize("time", [0.55, 5.0, -1.0])
    def test_what_was_not_seen_for_a_while_is_another_mouth(self, time: float, reading: FaceReading) -> None:
        steady = SteadyPartings()
        for k in range(5):
            assert steady.at(PICTURES[DARK], at(reading, OPEN, k * 0.04)).seam is not None
        assert steady.at(PICTURES[FULL], at(reading, OPEN, time)).seam is None

    def test_no_more_is_held_than_faces_that_were_just_there(self, reading: FaceReading) -> None:
        steady = SteadyPartings()
        for face in range(20):
            steady.at(PICTURES[DARK], replace(at(reading, OPEN, face * 0.2), face=face))
        assert len(steady._known) == 2

    def test_faces_are_told_apart(self, reading: FaceReading) -> None:
        steady = SteadyPartings()
        for k in range(6):
            for face, shows in enumerate((DARK, FULL)):
                parts = steady.at(PICTURES[shows], replace(at(reading, OPEN, k / 25), face=face))
                assert (parts.seam is not None) == (shows == DARK)
