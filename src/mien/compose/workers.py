"""Workers that read the sources of a batch: what they are told, what they answer, and what a crew of them promises.

There are two crews. `local_workers` has processes of this machine, `ray_workers` those of a cluster. What either does
with a source is `SourceReader`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mien.compose.calibration import Calibration
from mien.compose.done import Done, Steps
from mien.compose.items import Job, capture_item
from mien.compose.journal import written
from mien.compose.outputs import BatchOptions, own_targets
from mien.compose.pace import SYSTEM_CLOCK
from mien.compose.streams import Streams
from mien.core.errors import InputError, MienError, StateError
from mien.formats.files import sha256_of
from mien.pipelines.capture import ONE_CORE, CaptureOptions, Capturer

DIED, TOO_LONG, BUG, NO_WORKERS = "E_DIED", "E_TIMEOUT", "E_BUG", "E_WORKERS"

MOST_STILLBORN = 2
"""Workers in a row that may end before they are ready; of one more it is said that none starts."""


@dataclass(frozen=True, slots=True)
class Task:
    """One source for a worker.

    Args:
        path: the source.
        parts: where what it adds to what several share goes, a file for each kind.
        overwrite: whether its results may replace files that are there.
    """

    path: Path
    parts: tuple[Path, ...]
    overwrite: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """What a worker answers when a fault of ours kept it from an answer: in words, for not every error can travel."""

    cause: str


Answer = Done | MienError | Fault
"""What a worker says of a source: what became of it, be it unreadable; or what ends the whole batch; or our fault."""

Reader = Callable[[Task], Done]


class SourceReader:
    """Reads sources into their sinks with networks that are loaded once.

    Raises:
        ModelError: a weight file is missing or was changed.
    """

    def __init__(self, batch: BatchOptions, options: CaptureOptions) -> None:
        self._batch, self._options, self._capturer = batch, options, Capturer(options, threads=1)

    def __call__(self, task: Task) -> Done:
        """Reads one source; what makes it unreadable is part of the answer.

        Raises:
            MienError: what ends the whole batch: results that cannot be written.
        """
        batch = replace(self._batch, overwrite=task.overwrite)
        calibration = Calibration(self._options, batch)
        job = Job(
            batch, self._capturer, (), Streams(()), calibration, Steps(), SYSTEM_CLOCK,
            stride=ONE_CORE, parts=task.parts, hashed=True,
        )  # fmt: skip
        done = capture_item(task.path, job)
        if done.error is not None:
            return done
        files = written(own_targets(batch, task.path))
        return replace(done, written=files, rows=" ".join(sha256_of(part) for part in task.parts))


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker of a batch is told.

    Args:
        batch: what is left behind of each source.
        options: how faces are read.
        time_limit: seconds after which a source is given up, or None. Loading the networks does not count.
        folders: where results and rows go, and where dead workers may leave half-written files.
        reader: what makes a worker's reader, once; it must be found by its name in another process.
    """

    batch: BatchOptions
    options: CaptureOptions
    time_limit: float | None = None
    folders: tuple[Path, ...] = ()
    reader: Callable[[BatchOptions, CaptureOptions], Reader] = SourceReader


class Crew(AbstractContextManager["Crew"], Protocol):
    """Workers that read one source after the other; a context manager that leaves no process behind."""

    def work(self, tasks: Iterable[Task], alone: bool = False) -> Iterator[Done]:
        """What becomes of each source, in the order in which they are done; tasks are taken as workers get free.

        A source whose worker died has the error `DIED`, one that took too long `TOO_LONG`, one that met a fault of
        ours `BUG`. At most one task more is taken than there are workers.

        Args:
            tasks: the sources.
            alone: whether they are read one at a time.

        Raises:
            MienError: what ends the whole batch: results that cannot be written, weights that are missing, or
                `StateError` when no worker starts.
        """
        ...


def outcome(answer: Answer, path: Path) -> Done:
    """What a worker's answer means for its source. Raises the `MienError` that ends the batch."""
    if isinstance(answer, MienError):
        raise answer
    if isinstance(answer, Fault):
        return Done(path, error=InputError(path, BUG, f"this is a fault of ours: {answer.cause}", "please report it"))
    return answer


def died(path: Path, manner: str) -> Done:
    """What becomes of a source whose worker died."""
    return Done(path, error=InputError(path, DIED, f"its worker died ({manner})"))


def took_too_long(path: Path, limit: float) -> Done:
    """What becomes of a source that is given up after `limit` seconds."""
    return Done(path, error=InputError(path, TOO_LONG, f"took longer than {limit:g} s", "--time-limit allows more"))


def none_starts(cause: str, remedy: str = "try fewer --workers") -> StateError:
    """What ends a batch that gets no worker."""
    return StateError("mien capture", NO_WORKERS, f"no worker starts: {cause}", remedy)


def fault_of(error: Exception) -> Fault:
    """A fault of ours in words: one in one source is no reason to lose the others."""
    return Fault(f"{type(error).__name__}: {error}")
