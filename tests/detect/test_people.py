import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.detect.path import Path
from mien.detect.people import ALIKE, MOST, VIEWS, Arrival, People, Unknown, odds

FEW = settings(max_examples=60, deadline=None)
PLACE = np.array([100.0, 100.0, 200.0, 200.0])


def look(person: int, likeness: float = 1.0, seed: int = 0) -> Array:
    """[48] of length 1, whose product with that person's own look is `likeness`, and with all others' about 0."""
    own = np.eye(48)[person % 48]
    other = np.random.default_rng(seed).normal(size=48)
    other -= own * (other @ own)
    other /= np.linalg.norm(other)
    return np.asarray(likeness * own + math.sqrt(1 - likeness**2) * other)


def arrival(person: int, time: float, likeness: float = 1.0, **more: bool) -> Arrival:
    return Arrival(look(person, likeness, person), PLACE, time, **more)


def lost(count: int, path: Path | None = None) -> People:
    """`count` people who were seen and are away."""
    people = People()
    for person in range(count):
        assert people.meet(arrival(person, 0.0)) == person
        people.lose(person, path, 1.0)
    return people


def test_everybody_is_known_again_whatever_the_order() -> None:
    people = lost(4)
    order = [2, 0, 3, 1]
    assert people.recognise([arrival(person, 30.0, 0.8) for person in order]) == order


def test_two_who_look_like_one_person_are_not_both_that_one() -> None:
    found = lost(1).recognise([arrival(0, 2.0, 0.95), arrival(0, 2.0, 0.8)])
    assert found == [0, Unknown.NEW]


def test_a_stranger_in_the_old_place_is_new_and_who_was_there_is_known_elsewhere() -> None:
    people = lost(1, Path.begun(PLACE, 1.0))
    assert people.recognise([arrival(7, 1.04, patient=False)]) == [Unknown.NEW]
    assert people.recognise([Arrival(look(0, 0.9), PLACE + 600, 9.0)]) == [0]


@pytest.mark.parametrize(("patient", "found"), [(True, Unknown.UNSURE), (False, 0)])
def test_what_is_open_stays_open_while_it_may(patient: bool, found: int | Unknown) -> None:
    assert lost(1).recognise([arrival(0, 9.0, ALIKE + 0.04, patient=patient)]) == [found]


def test_who_appears_just_where_somebody_vanished_is_looked_at_twice_but_not_after_a_cut() -> None:
    assert lost(1, Path.begun(PLACE, 1.0)).recognise([arrival(7, 1.04)]) == [Unknown.UNSURE]
    assert lost(1, Path.begun(PLACE + 500, 1.0)).recognise([arrival(7, 1.04)]) == [Unknown.NEW]
    assert lost(1).recognise([arrival(7, 1.04)]) == [Unknown.NEW]


def test_place_tells_what_looks_leave_open() -> None:
    near = lost(1, Path.begun(PLACE, 1.0))
    assert near.recognise([arrival(0, 1.2, ALIKE)]) == [0]
    assert near.recognise([arrival(0, 20.0, ALIKE)]) == [Unknown.UNSURE]


def test_a_face_at_the_border_is_nobody_new_as_long_as_somebody_is_away() -> None:
    assert lost(1).recognise([arrival(5, 2.0, whole=False)]) == [Unknown.UNSURE]
    assert lost(1).recognise([arrival(5, 2.0, whole=False, patient=False)]) == [Unknown.NEW]
    assert People().recognise([arrival(5, 2.0, whole=False)]) == [Unknown.NEW]


def test_who_is_in_sight_is_nobody_who_arrives() -> None:
    people = lost(2)
    people.welcome(0, arrival(0, 2.0))
    assert people.recognise([arrival(0, 2.1)]) == [Unknown.NEW]
    assert people.missed(2.1) == pytest.approx(1.1)
    people.welcome(1, arrival(1, 2.2))
    assert people.missed(3.0) == math.inf


@FEW
@given(st.lists(st.floats(0.2, 1.0), min_size=1, max_size=40))
def test_a_person_has_few_looks_and_those_count_that_were_seen(likenesses: list[float]) -> None:
    people = People()
    number = people.meet(arrival(3, 0.0))
    for k, likeness in enumerate(likenesses):
        people.learn(number, look(3, likeness, k), k / 5)
        assert people.likeness(number, look(3, likeness, k)) > 0.75 or k >= VIEWS - 1
        assert len(people._known[number].looks) <= VIEWS
        assert all(np.isclose(np.linalg.norm(one), 1) for one in people._known[number].looks)


def test_only_so_many_are_remembered_and_the_oldest_are_forgotten_first() -> None:
    people = People()
    for person in range(MOST + 10):
        assert people.meet(Arrival(look(person), PLACE, float(person))) == person
        people.lose(person, None, float(person))
    assert len(people) == MOST
    assert people.recognise([arrival(3, 99.0)]) != [3]
    assert min(people._known) == 10


def test_the_odds_are_even_where_looks_are_alike_and_bounded() -> None:
    assert odds(ALIKE) == 0
    assert odds(1.0) == -odds(2 * ALIKE - 1.0) > 0
    assert -7 < odds(-1.0) < 0 < odds(1.0) < 7
