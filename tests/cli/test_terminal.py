"""What is said when nobody listens."""

import errno
import sys
from io import StringIO
from typing import TextIO, cast

import pytest
from rich.console import Console

from mien.cli.terminal import ReaderGone, bars, say, speaking


class Broken(StringIO):
    """A stream whose reader has gone."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, text: str) -> int:
        raise OSError(self._number, "gone")

    def flush(self) -> None:
        raise OSError(self._number, "gone")

    def fileno(self) -> int:
        return 99

    def isatty(self) -> bool:
        return True


GONE = [errno.EPIPE, errno.EIO]


@pytest.mark.parametrize("number", [*GONE, errno.ENOSPC])
def test_messages_that_nobody_hears_are_no_reason_to_stop(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Broken(number))
    heard = StringIO()
    monkeypatch.setattr(sys, "stdout", heard)
    with speaking():
        err = Console(stderr=True, force_terminal=True)
        say(err, "anybody there?")
        with bars(err) as progress:
            progress.add_task("work", total=3)
        sys.stderr.writelines(["one\n", "two\n"])
        print("the result")
    assert heard.getvalue() == "the result\n"


@pytest.mark.parametrize("number", GONE)
def test_results_that_nobody_hears_are(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(number))
    with speaking(), pytest.raises(ReaderGone):
        print("the result")


def test_a_full_disk_under_a_result_is_no_reader_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(errno.ENOSPC))
    with speaking(), pytest.raises(OSError, match="gone") as caught:
        print("the result")
    assert not isinstance(caught.value, ReaderGone)


def test_streams_are_what_they_were_and_may_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    one = StringIO()
    monkeypatch.setattr(sys, "stdout", one)
    monkeypatch.setattr(sys, "stderr", cast(TextIO, None))
    with speaking():
        assert sys.stdout is not one
        assert sys.stdout.isatty() is False
        say(Console(stderr=True), "nowhere")
    assert sys.stdout is one
