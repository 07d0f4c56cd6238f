import numpy as np
import pytest
from portraits import blank, clip_frames, finder, noise, placed, reader

from mien.core.arrays import Array
from mien.core.face import Detection
from mien.core.geometry import bounds
from mien.core.image import Frame
from mien.detect.faces import FaceFinder
from mien.detect.follow import Followed, Follower
from mien.detect.landmarks import LandmarkReader, Sight
from mien.metrics import inter_ocular_distance


class CountingFinder(FaceFinder):
    """Says how often it was asked."""

    def __init__(self) -> None:
        super().__init__(finder()._session)
        self.calls = 0
        self.glances: list[bool] = []

    def find(self, frame: Frame, glance: bool = False) -> list[Detection]:
        self.calls += 1
        self.glances.append(glance)
        return super().find(frame, glance)


class CountingReader(LandmarkReader):
    """Says how often it was asked."""

    def __init__(self) -> None:
        super().__init__(reader()._landmarks, reader()._refiner)
        self.calls = 0

    def read(self, frame: Frame, to_frame: Array) -> Sight:
        self.calls += 1
        return super().read(frame, to_frame)


def numbers(seen: list[Followed]) -> list[int]:
    return [one.face for one in seen]


def middle(one: Followed) -> Array:
    box = bounds(one.sight.landmarks.points)
    return np.asarray((box[:2] + box[2:]) / 2)


def two(left: float, right: float) -> Array:
    """Two portraits side by side, by their sizes."""
    return np.concatenate([placed((120, 100), left)[0], placed((120, 100), right)[0]], axis=1)


def test_a_face_that_moves_keeps_its_number_and_the_finder_rests() -> None:
    counting, reading = CountingFinder(), CountingReader()
    follower = Follower(counting, reading, 5, None)
    frames = clip_frames(16)
    seen = [follower.see(frame) for frame in frames]
    assert [numbers(each) for each in seen] == [[0]] * 16
    assert counting.calls == 1
    assert reading.calls == 2 + 15
    path = np.array([middle(one) for (one,) in seen])
    assert path[-1, 0] - path[0, 0] == pytest.approx(60, abs=8)
    assert np.abs(np.diff(path[:, 0])).max() < 15


@pytest.mark.parametrize(("again", "calls"), [(0.2, 4), (0.04, 16), (10.0, 1), (0.0, 16)])
def test_the_whole_picture_is_searched_again_when_it_is_due(again: float, calls: int) -> None:
    counting = CountingFinder()
    follower = Follower(counting, reader(), 5, again)
    assert [numbers(follower.see(frame)) for frame in clip_frames(16, rate=24.99)] == [[0]] * 16
    assert counting.calls == pytest.approx(calls, abs=1 if calls == 4 else 0)


def test_looks_for_further_faces_are_glances_but_for_every_fourth() -> None:
    counting = CountingFinder()
    follower = Follower(counting, reader(), 5, 0.0)
    for frame in clip_frames(9):
        follower.see(frame)
    assert counting.glances == [False, True, True, True] * 2 + [False]


def test_whoever_sees_nobody_looks_thoroughly() -> None:
    counting = CountingFinder()
    follower = Follower(counting, reader(), 5, 0.0)
    for number in range(3):
        follower.see(Frame(blank(), number / 25, number))
    assert counting.glances == [False] * 3


def test_nobody_is_sought_once_enough_are_followed() -> None:
    counting = CountingFinder()
    follower = Follower(counting, reader(), 1, 0.0)
    for frame in clip_frames(6):
        follower.see(frame)
    assert counting.calls == 1


def test_a_second_face_is_met_when_it_comes() -> None:
    alone = np.concatenate([placed((120, 100))[0], blank()], axis=1)
    follower = Follower(finder(), reader(), 5, 0.5)
    seen = [numbers(follower.see(Frame(alone if k < 5 else two(1.0, 1.2), k / 10, k))) for k in range(12)]
    assert seen[:5] == [[0]] * 5
    assert seen[-1] == [0, 1]
    first = next(k for k, each in enumerate(seen) if each == [0, 1])
    assert 5 <= first <= 10
    assert seen[first:] == [[0, 1]] * (12 - first)


@pytest.mark.parametrize("gap", [0.2, 1.0, 2.8])
def test_a_face_that_comes_back_soon_and_near_has_its_old_number(gap: float) -> None:
    counting = CountingFinder()
    follower = Follower(counting, reader(), 5, None)
    here, near = placed((120, 100))[0], placed((132, 95), 1.05)[0]
    assert numbers(follower.see(Frame(here, 0.0))) == [0]
    for k in range(3):
        assert follower.see(Frame(blank(), gap * (k + 1) / 4)) == []
    assert counting.calls == 1 + 3
    assert numbers(follower.see(Frame(near, gap))) == [0]
    assert numbers(follower.see(Frame(near, gap + 0.04))) == [0]
    assert counting.calls == 1 + 3 + 1


@pytest.mark.parametrize("later", [0.2, 5.0, 300.0])
def test_a_face_that_comes_back_elsewhere_and_late_has_its_old_number(later: float) -> None:
    here, there = placed((70, 100), 0.8)[0], placed((185, 100), 0.9, 10)[0]
    follower = Follower(finder(), reader(), 5, None)
    assert numbers(follower.see(Frame(here, 0.0))) == [0]
    assert follower.see(Frame(blank(), 0.1)) == []
    assert numbers(follower.see(Frame(there, 0.1 + later))) == [0]


@pytest.mark.parametrize("sizes", [(0.7, 1.2), (1.2, 0.7)])
def test_two_faces_are_numbered_by_size(sizes: tuple[float, float]) -> None:
    follower = Follower(finder(), reader(), 5, None)
    for k in range(3):
        seen = follower.see(Frame(two(*sizes), k / 25, k))
        assert numbers(seen) == [0, 1]
        large, small = (float(inter_ocular_distance(one.sight.landmarks.points)) for one in seen)
        assert large > 1.3 * small
        assert (middle(seen[0])[0] > 240) == (sizes[1] > sizes[0])


@pytest.mark.parametrize("sizes", [(0.7, 1.2), (1.2, 0.7)])
def test_one_alone_is_the_largest(sizes: tuple[float, float]) -> None:
    follower = Follower(finder(), reader(), 1, 0.0)
    for k in range(3):
        (one,) = follower.see(Frame(two(*sizes), k / 25, k))
        assert one.face == 0
        assert (middle(one)[0] > 240) == (sizes[1] > sizes[0])


def test_one_lost_of_two_leaves_the_other_its_number() -> None:
    follower = Follower(finder(), reader(), 5, None)
    assert numbers(follower.see(Frame(two(1.2, 0.8), 0.0))) == [0, 1]
    alone = np.concatenate([blank(), placed((120, 100), 0.8)[0]], axis=1)
    assert numbers(follower.see(Frame(alone, 0.04))) == [1]
    assert numbers(follower.see(Frame(alone, 0.08))) == [1]


@pytest.mark.parametrize("picture", [blank(), blank(level=0), noise(), blank(1, 1), noise(3, 300)])
def test_nobody_is_followed_where_nobody_is(picture: Array) -> None:
    follower = Follower(finder(), reader(), 5, 1.0)
    for k in range(3):
        assert follower.see(Frame(picture, k / 25, k)) == []


@pytest.mark.parametrize(("most", "told"), [(1, 1), (2, 0), (5, 0)])
def test_a_face_too_many_is_told_once(most: int, told: int) -> None:
    calls: list[None] = []
    follower = Follower(finder(), reader(), most, 0.0, full=lambda: calls.append(None))
    frames = [blank(480), two(1.0, 1.2), two(1.0, 1.2), blank(480), two(1.0, 1.2)]
    seen = [len(follower.see(Frame(pixels, k / 25, k))) for k, pixels in enumerate(frames)]
    assert max(seen) == min(most, 2)
    assert len(calls) == told


def test_nobody_reads_points_of_faces_too_many_unless_somebody_asks() -> None:
    alone, among = CountingReader(), CountingReader()
    Follower(finder(), alone, 1, None).see(Frame(placed((120, 100))[0]))
    Follower(finder(), among, 1, None).see(Frame(two(1.0, 0.8)))
    assert among.calls == alone.calls
