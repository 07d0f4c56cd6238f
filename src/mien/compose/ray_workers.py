"""Workers on the machines of a Ray cluster. Ray carries tasks there and answers back; what works is the local crew.

Each worker is an actor of Ray that keeps a `LocalCrew` of one, so a source is read, given up, survived and told of as
without Ray. Sources, results and the journal's rows lie on a file system that all machines see under the same paths.
"""

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mien.compose.done import Done
from mien.compose.local_workers import LocalCrew
from mien.compose.ray_link import LOCAL, RayAddress, linked
from mien.compose.workers import (
    DIED,
    MOST_STILLBORN,
    NO_WORKERS,
    TOO_LONG,
    Answer,
    Plan,
    Task,
    died,
    fault_of,
    none_starts,
    outcome,
)
from mien.core.errors import MienError, StateError
from mien.formats.leftovers import in_work, sweep, temporary_beside
from mien.runtime.session import available_cores
from mien.weights.catalog import cards

_PATIENCE = 10.0
"""Seconds that the machines may take to end what they are at."""


@dataclass(frozen=True, slots=True)
class _Seated:
    """What a worker says once it is ready: on which machine."""

    machine: str


class RayCrew:
    """A `Crew` on the machines of a Ray cluster, one CPU of it for each worker.

    Args:
        address: which Ray.
        workers: how many; None for as many as it has CPUs.
        most: the most that are of use.
        plan: what they are told.

    Raises:
        UsageError: on entering: Ray is not installed.
        StateError: on entering: E_RAY: there is no such cluster. At work: E_SHARED: one of its machines does not see
            a source or a folder for results; E_WORKERS: no worker starts, or one has other networks.
    """

    def __init__(self, address: RayAddress, workers: int | None, most: int, plan: Plan) -> None:
        self._address, self._plan = address, plan
        self._asked, self._most, self._width = workers, most, 1
        self._ray: Any = None
        self._stack = ExitStack()
        self._probes: tuple[Path, ...] = ()
        self._machines: dict[Any, str] = {}
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, Path]] = {}
        self._stillborn = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            own = self._address.text == LOCAL
            room = min(self._asked or available_cores(), self._most)
            self._ray = stack.enter_context(linked(self._address, room))
            there = available_cores() if own else int(self._ray.cluster_resources().get("CPU", 1))
            self._width = max(1, min(self._asked or there, self._most))
            self._probes = stack.enter_context(_probes(self._plan.folders))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            seats = [*self._starting.values(), *self._machines]
            ends = [seat.stop.remote() for seat in self._machines]
            if ends:
                self._ray.wait(ends, num_returns=len(ends), timeout=_PATIENCE)
            for seat in seats:
                self._ray.kill(seat)

    def work(self, tasks: Iterable[Task], alone: bool = False) -> Iterator[Done]:
        """See `Crew.work`."""
        waiting = iter(tasks)
        ahead = next(waiting, None)
        width = 1 if alone else self._width
        while ahead is not None or self._running:
            while ahead is not None and len(self._starting) + len(self._machines) < width:
                self._start()
            while ahead is not None and self._idle and len(self._running) < width:
                seat = self._idle.pop()
                self._running[seat.read.remote(ahead)] = seat, ahead.path
                ahead = next(waiting, None)
            ended, _ = self._ray.wait([*self._starting, *self._running], num_returns=1)
            for each in ended:
                if each in self._starting:
                    self._seat(each)
                else:
                    yield self._outcome(each)

    def _start(self) -> None:
        kind = self._ray.remote(num_cpus=1, max_restarts=0, max_concurrency=2)(Seat)
        seat = kind.options(scheduling_strategy="SPREAD").remote(self._plan, os.getcwd(), self._probes, _own_terms())
        self._starting[seat.ready.remote()] = seat

    def _seat(self, ready: Any) -> None:
        """Takes in a worker that is ready."""
        seat = self._starting.pop(ready)
        try:
            said = self._ray.get(ready)
        except self._ray.exceptions.RayError as error:
            self._stillborn += 1
            # A machine's death may be borne, and another one tried; what cannot be loaded there stays so.
            unfit = isinstance(error, self._ray.exceptions.RayTaskError) or getattr(error, "_actor_init_failed", False)
            if unfit or self._stillborn > MOST_STILLBORN:
                told = str(error)
                where = re.search(r"\bip=([\w.:]+)", told)
                cause = told.strip().splitlines()[-1] + (f" on {where[1]}" if where else "")
                raise none_starts(cause, "every machine needs the same Python, Ray and mien") from error
            return
        if isinstance(said, MienError):
            raise said
        self._stillborn = 0
        self._machines[seat] = said.machine
        self._idle.append(seat)

    def _outcome(self, ended: Any) -> Done:
        seat, path = self._running.pop(ended)
        try:
            answer: Answer = self._ray.get(ended)
        except self._ray.exceptions.RayTaskError as error:
            answer = fault_of(error)
        except self._ray.exceptions.RayError:  # it is gone, alone or with its machine
            return died(path, f"with its place on {self._machines.pop(seat)}")
        self._idle.append(seat)
        done = outcome(answer, path)
        if done.error is not None and done.error.code == "E_NOTFILE" and path.is_file():
            raise _unshared(self._machines[seat], path)
        return done


class Seat:
    """A worker's place on a machine of the cluster: the actor.

    Args:
        plan: what the worker is told.
        folder: which names of files are relative to.
        probes: files that are there, in the folders for results.
        terms: the version of mien and the networks that the batch is run with.
    """

    def __init__(self, plan: Plan, folder: str, probes: Sequence[Path], terms: tuple[str, ...]) -> None:
        main = sys.modules["__main__"]
        if Path(getattr(main, "__file__", "")).name == "default_worker.py":
            del main.__file__  # or each reader would first do what Ray's own worker does, for seconds
        with suppress(OSError):  # a machine that lacks it may see all that is named in full
            os.chdir(folder)
        self._plan, self._probes, self._terms = plan, probes, terms
        self._crew = LocalCrew(1, plan)

    def ready(self) -> _Seated | MienError:
        """On which machine it is, or what ends the batch."""
        machine = platform.node()
        for probe in self._probes:
            if not os.path.lexists(probe):
                return _unshared(machine, probe.parent)
        for here, there in zip(_own_terms(), self._terms, strict=False):
            if here != there:
                cause = f"the machine {machine} has {here}, the batch is run with {there}"
                return StateError("mien capture", NO_WORKERS, cause, "install the same mien on every machine")
        return _Seated(machine)

    def read(self, task: Task) -> Answer:
        """What becomes of a source, or what ends the batch."""
        try:
            (done,) = self._crew.work([task])
        except MienError as error:
            return error
        if done.error is not None and done.error.code in (DIED, TOO_LONG):
            sweep(self._plan.folders)  # its dead are known on its machine alone
        return done

    def stop(self) -> None:
        """Ends the worker, whatever it is at, and removes what it leaves unfinished."""
        self._crew.stop()
        sweep(self._plan.folders)


def _own_terms() -> tuple[str, ...]:
    return (f"mien {version('mien')}", *(f"{card.name} {card.sha256}" for card in cards()))


def _unshared(machine: str, path: Path) -> StateError:
    cause = f"the machine {machine} does not see it"
    return StateError(
        path, "E_SHARED", cause, "sources and results must lie where every machine of the cluster sees them"
    )


@contextmanager
def _probes(folders: Iterable[Path]) -> Iterator[tuple[Path, ...]]:
    """A file in a folder of each file system that results go to: who does not see it writes elsewhere."""
    one_each = {os.stat(folder).st_dev: folder for folder in folders}
    with ExitStack() as stack:
        made = []
        for folder in one_each.values():
            probe = temporary_beside(folder / "probe")
            stack.callback(probe.unlink, missing_ok=True)
            stack.enter_context(in_work(probe))
            made.append(probe)
        yield tuple(made)
