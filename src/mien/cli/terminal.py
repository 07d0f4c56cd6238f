"""How every command speaks: a bar for long work, a line that is printed as it is, and what if nobody listens."""

import errno
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_GONE = (errno.EPIPE, errno.EIO, errno.EINVAL)
"""How systems say that a pipe has no reader, or a terminal was closed; the last one is Windows'."""


def bars(console: Console) -> Progress:
    """A place for progress bars, on a terminal only; it leaves nothing behind. Names may look like markup."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def say(console: Console, line: object, style: str | None = None) -> None:
    """One line, neither wrapped nor read as markup."""
    console.print(str(line), style=style, markup=False, highlight=False, soft_wrap=True)


class ReaderGone(BrokenPipeError):
    """Whoever read the standard output has gone, and with them the reason to go on."""


@contextmanager
def speaking() -> Iterator[None]:
    """Within it a standard output without a reader raises `ReaderGone`, and what stderr cannot say is lost, no more.

    Messages and bars are beside the work: results are written whether anybody hears of it or not.
    """
    with ExitStack() as stack:
        if sys.stdout is not None:  # as where it was closed from the start
            stack.enter_context(redirect_stdout(cast(TextIO, _Stream(sys.stdout, _results))))
        if sys.stderr is not None:
            stack.enter_context(redirect_stderr(cast(TextIO, _Stream(sys.stderr, _messages))))
        yield


class _Stream:
    """A text stream by way of another one, which may break.

    Args:
        stream: the other one.
        breaking: what happens when it breaks, as a block round each use.
    """

    def __init__(self, stream: TextIO, breaking: Callable[[], AbstractContextManager[None]]) -> None:
        self._stream, self._breaking = stream, breaking

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes, and gives how much."""
        with self._breaking():
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes several."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands on what was written."""
        with self._breaking():
            self._stream.flush()


@contextmanager
def _results() -> Iterator[None]:
    """Round what goes to no file: without a reader there is nothing more to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _GONE:
            raise ReaderGone(*error.args) from error
        raise


def _messages() -> AbstractContextManager[None]:
    """Round everything else that is said."""
    return suppress(OSError)
