"""Signals that end the program: it unwinds, or first finishes what it is at, and its exit code says which one came."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

INTERRUPTED = 130

ENDING: tuple[int, ...] = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""What ends a program without Ctrl-C: `kill`, a terminal that closes, Ctrl-Break on Windows."""


class Ends:
    """Listens to `ENDING`, as a context manager: each unwinds like an exception, so that every half-written file goes.

    One that was ignored before stays so: `nohup` asks for that.

    Attributes:
        heeded: the signal after which something was finished properly, or None.
    """

    def __init__(self) -> None:
        self.heeded: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self) for number in _heard()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _restore(self._before)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The signal has come. Raises `SystemExit`."""
        raise SystemExit(_code(number))

    def code(self, code: int) -> int:
        """The exit code of a command that ended with `code`: what went wrong says more than a heeded signal."""
        return _code(self.heeded) if self.heeded is not None and code in (0, INTERRUPTED) else code


@contextmanager
def finishing(finish: Callable[[], None]) -> Iterator[None]:
    """Within it the first Ctrl-C, or the first of `ENDING`, calls `finish`, which shall end the work properly and soon.

    Any further Ctrl-C interrupts as ever. The others count once, for they often come twice: from a terminal that closes
    by way of the shell and of the system, from `timeout` to a process and to its group.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_heard())}
    came: list[int] = []

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before[signal.SIGINT])
        if not came:
            came.append(number)
            finish()

    for number in before:
        signal.signal(number, first)
    try:
        yield
    finally:
        _restore(before)
        listener = before[came[0]] if came else None
        if isinstance(listener, Ends):
            listener.heeded = came[0]


def _heard() -> list[int]:
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


def _restore(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


def _code(number: int) -> int:
    """As shells tell it."""
    return 128 + number
