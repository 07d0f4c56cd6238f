"""Signals that end the program, and what is finished first."""

import signal
from collections.abc import Iterator

import pytest

from mien.cli.ending import ENDING, INTERRUPTED, Ends, finishing

CODES = {number: 128 + number for number in ENDING}
LAST = ENDING[-1]
"""What a terminal that closes sends."""


@pytest.fixture(autouse=True)
def left_as_it_was() -> Iterator[None]:
    before = [signal.getsignal(number) for number in (signal.SIGINT, *ENDING)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, *ENDING)] == before


def test_codes_are_those_of_shells() -> None:
    assert CODES[signal.SIGTERM] == 143
    assert LAST != signal.SIGTERM


@pytest.mark.parametrize("number", CODES)
def test_a_signal_unwinds_and_is_the_exit_code(number: int) -> None:
    unwound = []

    def work() -> None:
        try:
            signal.raise_signal(number)
        finally:
            unwound.append(number)

    with pytest.raises(SystemExit) as stop, Ends():
        work()
    assert (stop.value.code, unwound) == (CODES[number], [number])


@pytest.mark.parametrize("number", CODES)
def test_what_is_finished_properly_ends_with_the_code_of_the_signal(number: int) -> None:
    finished: list[bool] = []
    with Ends() as ends:
        with finishing(lambda: finished.append(True)):
            signal.raise_signal(number)
            signal.raise_signal(number)  # by way of the shell, and by way of the system
            signal.raise_signal(signal.SIGTERM)
        assert finished == [True]
        assert ends.code(0) == ends.code(INTERRUPTED) == CODES[number]
        assert ends.code(3) == 3, "that a disk was full says more"


def come(*numbers: int) -> list[bool]:
    """How often something was finished, when these signals had come and the last one interrupted."""
    finished: list[bool] = []

    def work() -> None:
        with Ends(), finishing(lambda: finished.append(True)):
            for number in numbers:
                signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt):
        work()
    return finished


def test_ctrl_c_finishes_and_a_second_one_interrupts() -> None:
    assert come(signal.SIGINT, signal.SIGINT) == [True]
    assert come(signal.SIGINT, LAST, signal.SIGINT) == [True], "a terminal that closes leaves it to finish"


def test_ctrl_c_interrupts_what_another_signal_has_ended() -> None:
    assert come(signal.SIGTERM, signal.SIGINT) == [True]


def test_ctrl_c_alone_is_no_signal_in_the_exit_code() -> None:
    with Ends() as ends, finishing(lambda: None):
        signal.raise_signal(signal.SIGINT)
    assert ends.code(0) == 0


def test_what_was_ignored_stays_so() -> None:
    """`nohup` closes its ears, and those of whom it starts."""
    before = signal.signal(LAST, signal.SIG_IGN)
    try:
        with Ends() as ends, finishing(lambda: pytest.fail("it was heard")):
            signal.raise_signal(LAST)
        assert ends.code(0) == 0
    finally:
        signal.signal(LAST, before)


def test_it_works_without_anybody_who_listened_before() -> None:
    finished: list[bool] = []
    with finishing(lambda: finished.append(True)):
        signal.raise_signal(signal.SIGTERM)
    assert finished == [True]
