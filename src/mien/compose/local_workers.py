"""Workers that are processes of this machine, one core each: what kills one costs that one and its source alone."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from threading import Lock, Thread
from types import TracebackType
from typing import Self, TypeVar

from mien.compose.done import Done
from mien.compose.workers import (
    MOST_STILLBORN,
    Answer,
    Fault,
    Plan,
    Reader,
    Task,
    died,
    fault_of,
    none_starts,
    outcome,
    took_too_long,
)
from mien.core.errors import MienError

_T = TypeVar("_T")
_PATIENCE = 10.0
"""Seconds that a worker may take to end when there is nothing more to do, or when it was killed."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """What a worker says once its networks are loaded."""


class _Worker:
    """One process, seen by its parent.

    Attributes:
        pipe: what it answers by.
        sentinel: tells when it has ended.
        ready: whether it has loaded its networks.
        task: what it is at, or None.
        deadline: by which it must have answered, on the monotonic clock, or None.
    """

    def __init__(self, plan: Plan) -> None:
        # Spawned, for decoders and network runtimes do not survive a fork.
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_serve, args=(theirs, plan), daemon=True)
        try:
            self._process.start()
        except OSError as error:
            self.pipe.close()
            raise none_starts(str(error)) from error
        finally:
            theirs.close()  # or its end would never be seen
        self.sentinel, self.ready = self._process.sentinel, False
        self.task: Task | None = None
        self.deadline: float | None = None
        self._limit = plan.time_limit

    def give(self, task: Task) -> bool:
        """Hands it a task; whether it lives to take it."""
        try:
            self.pipe.send(task)
        except OSError:
            return False
        self.task = task
        self.deadline = None if self._limit is None else time.monotonic() + self._limit
        return True

    def answer(self) -> Answer | _Ready | None:
        """What it says, or None when it is dead."""
        try:
            # A dying one may have answered before: that counts.
            return self.pipe.recv() if self.pipe.poll() else None
        except (EOFError, OSError):
            return None

    def kill(self) -> None:
        """Ends it at once; safe from any thread."""
        with suppress(ValueError):  # it is buried already
            self._process.kill()

    def ended(self, patience: float = _PATIENCE) -> bool:
        """Whether it has ended, or does so within `patience` seconds."""
        return bool(connection.wait([self.sentinel], patience))

    def bury(self) -> str:
        """Waits for its end, and tells how it came."""
        self.pipe.close()
        self._process.join(_PATIENCE)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        code = self._process.exitcode
        self._process.close()
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


class LocalCrew:
    """A `Crew` of processes of this machine. They start when there is work, and end with the process that started them.

    Args:
        workers: how many, 1 or more.
        plan: what they are told.
    """

    def __init__(self, workers: int, plan: Plan) -> None:
        self._size, self._plan = workers, plan
        self._workers: list[_Worker] = []
        self._stillborn = 0
        self._stopped, self._starting = False, Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.stop()
        for worker in self._workers:
            worker.pipe.close()  # nothing more comes: they end side by side
        for worker in self._workers:
            worker.bury()
        self._workers.clear()

    def stop(self) -> None:
        """Ends all workers at once, whatever they are at. The one method that another thread may call during `work`."""
        self._stopped = True
        with self._starting:  # what is being started is among them, and nothing more will be
            workers = tuple(self._workers)
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.ended()

    def work(self, tasks: Iterable[Task], alone: bool = False) -> Iterator[Done]:
        """See `Crew.work`."""
        waiting = iter(tasks)
        ahead = next(waiting, None)  # at hand, so that no worker waits for us
        width = 1 if alone else self._size
        while not self._stopped and (ahead is not None or any(worker.task for worker in self._workers)):
            if ahead is not None:
                self._start(width)
            for worker in self._workers:
                busy = sum(each.task is not None for each in self._workers)
                if ahead is not None and worker.ready and worker.task is None and busy < width and worker.give(ahead):
                    ahead = next(waiting, None)
            for worker in self._speaking():
                done = self._heard(worker)
                if done is not None:
                    yield done

    def _start(self, width: int) -> None:
        while len(self._workers) < width:
            with self._starting, _held_back():  # or an interruption might lose sight of the new process
                if self._stopped:
                    return
                self._workers.append(_Worker(self._plan))

    def _speaking(self) -> list[_Worker]:
        """Waits until a worker has something to say, has ended or has taken too long."""
        deadlines = [worker.deadline for worker in self._workers if worker.deadline is not None]
        left = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        ends = [end for worker in self._workers for end in (worker.pipe, worker.sentinel)]
        ready = connection.wait(ends, left)
        now = time.monotonic()
        return [
            worker
            for worker in self._workers
            if worker.pipe in ready or worker.sentinel in ready or (worker.deadline or now + 1) <= now
        ]

    def _heard(self, worker: _Worker) -> Done | None:
        """What becomes of the source that a worker was at, if that is settled now."""
        task = worker.task
        late = worker.deadline is not None and worker.deadline <= time.monotonic() and not worker.ended(0)
        answer = worker.answer()
        if isinstance(answer, _Ready):
            worker.ready, self._stillborn = True, 0
            return None
        if answer is not None and task is not None:
            worker.task = worker.deadline = None
            return outcome(answer, task.path)
        if isinstance(answer, MienError):  # of its start
            raise answer
        if isinstance(answer, Fault):
            raise none_starts(answer.cause)
        self._workers.remove(worker)
        if late:
            worker.kill()
        manner = worker.bury()
        if task is None:
            self._stillborn += not worker.ready
            if self._stillborn > MOST_STILLBORN:
                raise none_starts(f"the last one ended with {manner}")
            return None
        if late and self._plan.time_limit is not None:
            return took_too_long(task.path, self._plan.time_limit)
        return died(task.path, manner)


_ENDING = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}
"""What ends a program from outside."""


@contextmanager
def _held_back() -> Iterator[None]:
    """Holds interruptions back from this thread, and from processes that it starts: they come when the block ends."""
    if not hasattr(signal, "pthread_sigmask"):  # not on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# In the worker


def _serve(pipe: Connection, plan: Plan) -> None:
    """Reads what comes by the pipe until it is closed."""
    # Who interrupts the batch, or closes its terminal, reaches its parent as well, which ends us.
    for number in _ENDING - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    _follow_parent()
    with suppress(EOFError, OSError):  # nobody is there any more
        reader = _said(lambda: plan.reader(plan.batch, plan.options))
        if isinstance(reader, MienError | Fault):
            pipe.send(reader)
            return
        pipe.send(_Ready())
        while True:
            pipe.send(_answered(reader, pipe.recv()))


def _answered(reader: Reader, task: Task) -> Answer:
    return _said(lambda: reader(task))


def _said(ask: Callable[[], _T]) -> _T | MienError | Fault:
    try:
        return ask()
    except MienError as error:
        return error
    except Exception as error:
        return fault_of(error)


def _follow_parent() -> None:
    """Ends this process when the one that started it is gone, even if it was killed."""
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent.sentinel,), name="parent", daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
