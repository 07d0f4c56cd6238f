"""Who is who, on drawn people: whoever passes, hides, leaves, returns or takes another's place."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_people import RATE, Face, Scene, followed, owners, to_be_seen, whose

from mien.detect.follow import Followed

FEW = settings(max_examples=12, deadline=None)


def numbers(seen: Sequence[Followed]) -> list[int]:
    return [one.face for one in seen]


def own_share(seen: list[list[Followed]], scene: Scene, number_of: dict[int, int]) -> float:
    """Share of the faces to be seen that were read under their own number."""
    wanted = read = 0
    for k, each in enumerate(seen):
        there = {face.person for face in to_be_seen(scene(k / RATE))}
        wanted += len(there)
        read += len({whose(one) for one in each if number_of.get(whose(one)) == one.face} & there)
    return read / wanted


def crossing(front: int, pace: float, rise: float, size: float) -> Scene:
    """Two who walk through the picture in opposite directions."""

    def scene(time: float) -> list[Face]:
        gone = pace * max(time - 0.5, 0)
        one, other = Face(0, 150 + gone, 200, 110), Face(1, 650 - gone, 200 + rise, size)
        return [one, other] if front == 0 else [other, one]

    return scene


@FEW
@given(st.integers(0, 1), st.floats(100, 500), st.floats(-60, 60), st.floats(60, 105))
def test_two_who_cross_keep_their_numbers(front: int, pace: float, rise: float, size: float) -> None:
    scene = crossing(front, pace, rise, size)
    seen = followed(scene, 0.5 + 500 / pace)
    assert owners(seen) == {0: {0}, 1: {1}}
    assert own_share(seen, scene, {0: 0, 1: 1}) > 0.9
    assert numbers(seen[-1]) == [0, 1]


@pytest.mark.parametrize("hidden", [0.5, 2.0, 10.0])
def test_who_is_hidden_is_neither_swapped_nor_merged_and_comes_back(hidden: float) -> None:
    def scene(time: float) -> list[Face]:
        behind = Face(0, 400, 200, 100)
        front = Face(1, 400 if 1 <= time < 1 + hidden else 650, 200, 140)
        return [front, behind]

    seen = followed(scene, hidden + 3)
    assert owners(seen) == {0: {1}, 1: {0}}  # the larger one is number 0
    assert numbers(seen[round((1 + hidden / 2) * RATE)]) == [0]
    assert numbers(seen[-1]) == [0, 1]


@pytest.mark.parametrize("away", [0.2, 2.0, 20.0])
@pytest.mark.parametrize("where", [250.0, 700.0])
def test_who_leaves_and_returns_anywhere_has_the_old_number(away: float, where: float) -> None:
    def scene(time: float) -> list[Face]:
        stays = Face(1, 450, 200, 120)
        return [stays] if 1 <= time < 1 + away else [stays, Face(0, 250 if time < 1 else where, 200, 90)]

    seen = followed(scene, away + 3.5)
    assert owners(seen) == {0: {1}, 1: {0}}
    assert numbers(seen[round((1 + away / 2) * RATE)]) == [0]
    assert numbers(seen[-1]) == [0, 1]


@pytest.mark.parametrize("gap", [0.0, 0.2, 2.0])
def test_a_newcomer_in_the_old_place_has_a_number_of_their_own(gap: float) -> None:
    def scene(time: float) -> list[Face]:
        if time < 1:
            return [Face(0, 400)]
        return [] if time < 1 + gap else [Face(1, 402)]

    seen = followed(scene, gap + 3)
    assert owners(seen) == {0: {0}, 1: {1}}
    assert numbers(seen[-1]) == [1]


def test_a_newcomer_who_steps_before_somebody_is_not_taken_for_them() -> None:
    def scene(time: float) -> list[Face]:
        return [Face(1, -100 + 300 * max(time - 1, 0), 190, 160), Face(0, 400)]

    seen = followed(scene, 5.5)
    assert owners(seen) == {0: {0}, 1: {1}}
    assert numbers(seen[-1]) == [0]


def test_a_cut_that_changes_places_changes_no_numbers() -> None:
    def scene(time: float) -> list[Face]:
        left, right = (0, 1) if int(time) % 2 == 0 else (1, 0)
        return [Face(left, 250), Face(right, 550)]

    seen = followed(scene, 4.0)
    assert len(owners(seen)) == 2
    assert all(len(people) == 1 for people in owners(seen).values())
    assert all(len(each) == 2 for each in seen)


def test_a_cut_from_one_to_another_and_back() -> None:
    seen = followed(lambda time: [Face(int(time) % 2, 400)], 4.0)
    assert owners(seen) == {0: {0}, 1: {1}}
    assert [numbers(each) for each in seen[::13]] == [[0], [1], [0], [1]]


def test_somebody_who_slowly_changes_stays_the_same() -> None:
    """A head that turns away looks like nobody that was seen, but got there step by step."""

    def scene(time: float) -> list[Face]:
        return [Face(0, 400, likeness=max(0.9 - 0.25 * time, 0.75)), Face(1, 600)]

    assert owners(followed(scene, 3.0)) == {0: {0}, 1: {1}}


@pytest.mark.parametrize("likeness", [0.0, 0.3, 0.6])
def test_a_moment_in_which_a_face_looks_like_nobody_makes_nobody_new(likeness: float) -> None:
    """A flash, a blur, a hand before the face."""

    def scene(time: float) -> list[Face]:
        return [Face(0, 400, likeness=likeness if 1 <= time < 1.25 else 0.9), Face(1, 650, size=80)]

    seen = followed(scene, 3.0)
    assert {one.face for each in seen for one in each} == {0, 1}
    assert numbers(seen[-1]) == [0, 1]


def test_who_is_half_hidden_and_not_to_be_made_out_is_nobody_new() -> None:
    """Somebody passes close by; the points that are read of the face behind are half the other one's."""

    def scene(time: float) -> list[Face]:
        passing = Face(1, 60 + 160 * time, 190, 130)
        near = abs(passing.x - 400) < 120
        return [passing, Face(0, 400, 200, 100, likeness=0.25 if near else 0.9)]

    seen = followed(scene, 4.5)
    assert {one.face for each in seen for one in each} == {0, 1}
    assert numbers(seen[-1]) == [0, 1]


def test_a_look_that_leaves_it_open_waits_and_is_settled_in_time() -> None:
    """Somebody comes back who at first looks but little like themselves."""

    def scene(time: float) -> list[Face]:
        if 1 <= time < 6:
            return [Face(1, 200)]
        return [Face(1, 200), Face(0, 500, likeness=0.9 if time < 1 or time > 6.2 else 0.62)]

    seen = followed(scene, 8.0)
    assert owners(seen) == {0: {0}, 1: {1}} or owners(seen) == {0: {1}, 1: {0}}
    assert len(seen[-1]) == 2


def test_ten_people_in_a_round_keep_their_numbers() -> None:
    def scene(time: float) -> list[Face]:
        # Two rows that pass each other, each person of another size.
        rows = [Face(k, 80 + 150 * k + 60 * time, 150, 90 + k) for k in range(5)]
        return rows + [Face(k, 720 - 150 * (k - 5) - 60 * time, 190, 70 + k) for k in range(5, 10)]

    seen = followed(scene, 5.0)
    assert all(len(people) == 1 for people in owners(seen).values())
    assert len(owners(seen)) == 10


def test_one_alone_is_numbered_at_once_and_nobody_waits() -> None:
    def scene(time: float) -> list[Face]:
        return [Face(0, 400, likeness=0.9 if time < 1 else 0.6)] if not 1 <= time < 2 else []

    seen = followed(scene, 3.0, most=1, again=None)
    assert all(len(each) == 1 for k, each in enumerate(seen) if not 1 <= k / RATE < 2)
