"""Regions lie where they are named for, on the right half or in the middle, and every channel has one.

They were chosen on the mean face that ships. Networks hold what they learned of them: should it be learned again,
its points go, not the regions.
"""

import numpy as np
import pytest

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.detect.shape import mean_face
from mien.nets.regions import READ, REGIONS, region_of

BOXES = {
    "brow": ((70, 105, 107, 9), 0.55, 0.35),
    "eye": ((33, 133, 159, 145), 0.35, 0.28),
    "nose": ((6, 1, 98), 0.4, 0.45),
    "cheek": ((50, 205, 61), 0.5, 0.55),
    "mouth": ((61, 291, 0, 17), 0.65, 0.45),
    "chin": ((17, 152, 61, 291), 0.65, 0.4),
    "jaw": ((0, 152, 172, 397), 0.95, 0.65),
}
"""Of each region the points in whose middle it lies, and how far it reaches across and down, inter-ocular distances."""

COUNT, SLACK, MIDDLE = 48, 1.05, 0.03


def flat_face() -> Array:
    """[478, 2] the mean face in inter-ocular distances."""
    points = mean_face().points[:, :2]
    return np.asarray(points / np.linalg.norm(points[IRIS_RIGHT] - points[IRIS_LEFT]))


def chosen(name: str) -> tuple[int, ...]:
    """Of the points in the box, the one in its middle, then again and again the one farthest from those before."""
    face = flat_face()
    points, across, down = BOXES[name]
    centre = face[list(points)].mean(0)
    inside = (np.abs(face - centre) <= np.array([across, down]) * SLACK).all(1)
    if name not in ("mouth", "chin", "jaw"):
        inside &= face[:, 0] < MIDDLE
    within = np.flatnonzero(inside)
    found = [int(within[np.linalg.norm(face[within] - centre, axis=1).argmin()])]
    while len(found) < COUNT:
        away = np.linalg.norm(face[within][:, None] - face[found], axis=2).min(1)
        found.append(int(within[away.argmax()]))
    return tuple(sorted(found))


@pytest.mark.parametrize("name", REGIONS)
def test_the_points_of_a_region_are_those_that_the_mean_face_gives(name: str) -> None:
    assert REGIONS[name] == chosen(name)


def test_regions_are_of_one_size_and_name_landmarks_once() -> None:
    assert list(REGIONS) == list(BOXES)
    for name, points in REGIONS.items():
        assert len(set(points)) == len(points) == COUNT, name
        assert min(points) >= 0, name
        assert max(points) < 478, name


def test_sided_regions_lie_on_the_right_and_the_others_on_both() -> None:
    face = flat_face()
    for name, points in REGIONS.items():
        across = face[list(points), 0]
        if name in ("mouth", "chin", "jaw"):
            assert abs(across.mean()) < 0.1, name
        else:
            assert across.max() < MIDDLE, name


class TestChannels:
    def test_the_right_and_the_middle_are_read(self) -> None:
        assert len(READ) == len(set(READ)) == 31
        assert "tongueOut" not in READ
        assert not any(name.endswith("Left") for name in READ)
        both = {*READ, *(ARKIT.columns[ARKIT.mirror[ARKIT.index(name)]] for name in READ)}
        assert both == set(ARKIT.columns) - {"tongueOut"}

    @pytest.mark.parametrize("channel", READ)
    def test_every_channel_has_a_region(self, channel: str) -> None:
        assert region_of(channel) in REGIONS

    def test_no_region_is_read_by_nobody(self) -> None:
        assert {region_of(channel) for channel in READ} == set(REGIONS)

    @pytest.mark.parametrize(
        ("channel", "region"),
        [
            ("browInnerUp", "brow"),
            ("cheekPuff", "jaw"),
            ("cheekSquintRight", "cheek"),
            ("eyeLookInRight", "eye"),
            ("jawRight", "jaw"),
            ("mouthRight", "mouth"),
            ("mouthShrugLower", "chin"),
            ("mouthShrugUpper", "mouth"),
            ("noseSneerRight", "nose"),
        ],
    )
    def test_the_longest_beginning_decides(self, channel: str, region: str) -> None:
        assert region_of(channel) == region

    def test_what_only_one_side_has_is_read_where_that_side_is(self) -> None:
        sided = [name for name in READ if name.endswith("Right") and not name.startswith(("mouth", "jaw"))]
        assert len(sided) == 11
        assert {region_of(channel) for channel in sided} <= {"brow", "eye", "nose", "cheek"}
