from threading import Thread

from hypothesis import given
from hypothesis import strategies as st
from portraits import blank

from mien.compose.newest import Newest
from mien.core.errors import InputError
from mien.core.image import Frame

PIXELS = blank(4, 4)


def frame(index: int) -> Frame:
    return Frame(PIXELS, index / 30, index)


def taken(box: Newest) -> int | None:
    found = box.take(0)
    return None if found is None else found.index


@given(st.lists(st.booleans(), max_size=60))
def test_the_newest_is_taken_once_and_what_was_replaced_is_counted(puts: list[bool]) -> None:
    box, given_in, out = Newest(), 0, []
    for put in puts:
        if put:
            box.put(frame(given_in))
            given_in += 1
        elif (index := taken(box)) is not None:
            assert index == given_in - 1
            out.append(index)
    waiting = box.take(0) is not None
    assert out == sorted(set(out))
    assert len(out) + waiting + box.dropped == given_in


def test_the_last_frame_is_there_after_the_end() -> None:
    box = Newest()
    assert not box.wait(0)
    box.put(frame(3))
    box.close()
    assert (box.ended, box.wait(0)) == (False, True)
    assert taken(box) == 3
    assert (box.ended, box.wait(0), taken(box)) == (True, True, None)


def test_the_end_says_why() -> None:
    box, error = Newest(), InputError("camera", "E_CAMERA", "it is gone")
    box.close(error)
    assert box.error is error
    assert box.ended


def test_who_waits_is_woken_by_a_frame_and_by_the_end() -> None:
    for put in (True, False):
        box = Newest()
        other = Thread(target=(lambda room=box: room.put(frame(1))) if put else box.close)
        other.start()
        assert (box.take(60) is not None) == put
        other.join()
