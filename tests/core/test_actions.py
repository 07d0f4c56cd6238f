import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_reading

from mien.core.actions import FacesUsed, MostUsed, action_rows
from mien.core.basis import ARKIT, FACS, FLAME, action_name
from mien.core.face import Expression


def face(**weights: float) -> Expression:
    values = np.zeros(len(ARKIT), np.float32)
    for name, weight in weights.items():
        values[ARKIT.index(name)] = weight
    return Expression(values, ARKIT)


@pytest.mark.parametrize("basis", [ARKIT, FACS, FLAME], ids=lambda basis: basis.name)
def test_rows_hold_every_column_once_and_in_order(basis: object) -> None:
    assert isinstance(basis, type(ARKIT))
    rows = action_rows(basis)
    assert sorted(column for row in rows for column in row) == sorted(basis.columns)
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), key=basis.columns.index)


def test_one_action_on_two_sides_is_a_row_and_two_directions_are_not() -> None:
    rows = action_rows(ARKIT)
    assert ("mouthSmileLeft", "mouthSmileRight") in rows
    assert ("jawLeft",) in rows
    assert ("mouthRight",) in rows
    assert action_name(("mouthSmileLeft", "mouthSmileRight")) == "mouthSmile"
    assert action_name(("AU12L", "AU12R")) == "AU12"
    assert action_name(("jawLeft",)) == "jawLeft"


def test_some_columns_are_rows_in_their_order_and_an_unknown_one_is_refused() -> None:
    assert action_rows(ARKIT, ["jawOpen", "eyeBlinkRight"]) == (("jawOpen",), ("eyeBlinkRight",))
    with pytest.raises(KeyError, match="has no column nothing"):
        action_rows(ARKIT, ["nothing"])


def test_what_was_used_stays_for_a_while_and_leaves_for_what_is_used_more() -> None:
    used = MostUsed(ARKIT, 2)
    assert used.rows() == ()
    used.see(face(jawOpen=0.9, mouthSmileRight=0.8), 0.0)
    shown = (("jawOpen",), ("mouthSmileLeft", "mouthSmileRight"))
    assert used.rows() == shown
    used.see(face(cheekPuff=0.75), 0.1)  # hardly more than what the smile has faded to
    assert used.rows() == shown
    used.see(face(cheekPuff=0.5), 30.0)
    assert ("cheekPuff",) in used.rows()


@given(st.lists(st.lists(st.floats(0, 1), min_size=52, max_size=52), min_size=1, max_size=6), st.integers(1, 60))
def test_rows_keep_their_order_and_number(moments: list[list[float]], count: int) -> None:
    used, order = MostUsed(ARKIT, count), action_rows(ARKIT)
    for time, weights in enumerate(moments):
        used.see(Expression(np.array(weights, np.float32), ARKIT), time / 10)
        places = [order.index(row) for row in used.rows()]
        assert places == sorted(set(places))
        assert len(places) == min(count, len(order))


def test_a_clear_favourite_is_always_shown() -> None:
    used = MostUsed(ARKIT, 3)
    for k, row in enumerate(action_rows(ARKIT)):
        used.see(face(**{row[0]: 1.0}), k * 20.0)
        assert row in used.rows()


def test_every_face_has_rows_of_its_own_and_memory_of_them_ends() -> None:
    used = FacesUsed(ARKIT, 4)
    for face_number in range(200):
        readings = [made_reading(face_number), made_reading(1000)]
        rows = used.see(readings)
        assert set(rows) == {face_number, 1000}
        assert all(len(shown) == 4 for shown in rows.values())
    assert len(used._faces) == FacesUsed.KEPT
    assert 1000 in used._faces
