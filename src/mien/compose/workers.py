"""Sources read by processes of their own, one core each: what kills a reader costs that reader and its source alone."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from pebble import ProcessExpired, ProcessPool

from mien.compose.calibration import Calibration
from mien.compose.done import Done, Steps
from mien.compose.items import Job, capture_item
from mien.compose.journal import written
from mien.compose.outputs import BatchOptions, own_targets
from mien.compose.pace import SYSTEM_CLOCK
from mien.compose.streams import Streams
from mien.core.errors import InputError, MienError, StateError
from mien.formats.files import sha256_of
from mien.pipelines.capture import CaptureOptions, Capturer

DIED, TOO_LONG, BUG = "E_DIED", "E_TIMEOUT", "E_BUG"


@dataclass(frozen=True, slots=True)
class Task:
    """One source for a worker.

    Args:
        path: the source.
        rows: where its rows for the shared tables go, or None when there is no such table.
        overwrite: whether its results may replace files that are there.
    """

    path: Path
    rows: Path | None
    overwrite: bool


class Crew:
    """Workers that read one source after the other; a context manager that leaves no process behind.

    Args:
        workers: how many.
        batch: what is left behind of each source.
        options: how faces are read.
        time_limit: seconds after which a source is given up, or None.
    """

    def __init__(self, workers: int, batch: BatchOptions, options: CaptureOptions, time_limit: float | None) -> None:
        self._workers, self._batch, self._options, self._limit = workers, batch, options, time_limit
        # Spawned, for decoders and network runtimes do not survive a fork.
        self._pool = ProcessPool(workers, context=get_context("spawn"), initializer=_follow_parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end: Callable[[], None] = self._pool.close if kind is None else self._pool.stop
        end()
        self._pool.join()

    def work(self, tasks: Iterable[Task], alone: bool = False) -> Iterator[Done]:
        """What becomes of each source, in the order in which they are done; tasks are taken as workers get free.

        A source whose worker died has the error `DIED`, one that took too long `TOO_LONG`.

        Args:
            tasks: the sources.
            alone: whether they are read one at a time.

        Raises:
            MienError: what ends the whole batch: results that cannot be written, weights that are missing.
        """
        waiting = iter(tasks)
        running: dict[Future[Done], Path] = {}
        while True:
            # One more than workers, so that none waits for us; no more, so that little is begun when all is stopped.
            for task in islice(waiting, (1 if alone else self._workers + 1) - len(running)):
                future: Future[Done] = self._pool.schedule(
                    _capture, (task, self._batch, self._options), timeout=self._limit
                )
                running[future] = task.path
            if not running:
                return
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                yield self._outcome(ended, running.pop(ended))

    def _outcome(self, future: Future[Done], path: Path) -> Done:
        try:
            return future.result()
        except ProcessExpired as death:
            return Done(path, error=InputError(path, DIED, f"its worker died ({_manner(death.exitcode)})"))
        except TimeoutError:
            cause = f"took longer than {self._limit:g} s"
            return Done(path, error=InputError(path, TOO_LONG, cause, "--time-limit allows more"))
        except BrokenProcessPool as error:
            raise StateError(
                "mien capture", "E_WORKERS", f"no worker starts: {error}", "try fewer --workers"
            ) from error
        except MienError:
            raise
        except Exception as error:  # a fault of ours in one source is no reason to lose the others
            cause = f"this is a fault of ours: {type(error).__name__}: {error}"
            return Done(path, error=InputError(path, BUG, cause, "please report it"))


def _manner(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


# In the worker


def _follow_parent() -> None:
    """Ends this process when the one that started it is gone, even if it was killed."""
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent.sentinel,), name="parent", daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


@cache
def _capturer(options: CaptureOptions) -> Capturer:
    return Capturer(options, threads=1)


def _capture(task: Task, batch: BatchOptions, options: CaptureOptions) -> Done:
    """Reads one source; what makes it unreadable is part of the answer."""
    batch = replace(batch, overwrite=task.overwrite)
    calibration = Calibration(options, batch)
    job = Job(
        batch, _capturer(options), (), Streams(()), calibration, Steps(), SYSTEM_CLOCK,
        ahead=0, rows=task.rows, hashed=True,
    )  # fmt: skip
    done = capture_item(task.path, job)
    if done.error is not None:
        return done
    files = written(own_targets(batch.outputs, batch.overlay, task.path))
    return replace(done, written=files, rows="" if task.rows is None else sha256_of(task.rows))
