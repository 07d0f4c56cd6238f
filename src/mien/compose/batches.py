"""Long batches: sources read by workers, a journal to go on from after any end, and a record of what became of each."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from os import path as paths
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from mien.compose.digest_sink import listing_target, models_used, write_list
from mien.compose.done import Done, Status, Steps, record_line
from mien.compose.journal import Journal, Terms, content_of
from mien.compose.local_workers import LocalCrew
from mien.compose.long_results import note_long_results
from mien.compose.naming import FOLDER
from mien.compose.neutral_files import with_resting_face
from mien.compose.outputs import LISTED, BatchOptions, check_outputs, own_targets
from mien.compose.ray_link import RayAddress
from mien.compose.ray_workers import RayCrew
from mien.compose.table_sink import join_tables
from mien.compose.workers import DIED, Crew, Plan, SourceReader, Task
from mien.core.errors import InputError, MienError, NothingMatched, UsageError
from mien.digest.listing import Entry, read_entry
from mien.formats.files import make_folder, replacing
from mien.formats.leftovers import sweep
from mien.pipelines.capture import CaptureOptions
from mien.runtime.session import available_cores
from mien.weights.catalog import cards
from mien.weights.store import verify

_LIMITS = ("max_pixels", "max_frames")
"""Options that no result depends on: what they refused is tried again, and they may be raised on the way."""

MOST_DEATHS = 2
"""Workers that a source may kill before it is put into quarantine."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many sources may fail: a number, or a share of all."""

    number: float
    is_share: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """`20`, or `1%`. Raises `UsageError` for anything else."""
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)(%?)", text)
        if found is None or ("." in text and not found[2]) or (found[2] and float(found[1]) > 100):
            raise UsageError("--max-failures", "E_USAGE", f"{text!r} is no allowance", "say a number, or a share as 1%")
        return cls(float(found[1]), bool(found[2]))

    def __str__(self) -> str:
        return f"{self.number:g}{'%' if self.is_share else ''}"

    def of(self, sources: int) -> float:
        """The most of so many sources that may fail."""
        return self.number * sources / 100 if self.is_share else self.number


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a batch is run. With none of these it is read in one process, source by source."""

    workers: int | None = None
    """Read with so many processes, each on one core; a file that kills its process costs itself alone. By default, when
    another of these options is given, one for every core."""
    journal: Path | None = None
    """Keep a journal in this folder, and in record.jsonl what became of each source. The same command again goes on
    where this one stopped."""
    restart: bool = False
    """Give up the journal that is there, and replace what it had written."""
    max_failures: Allowance = Allowance(100, is_share=True)
    """Stop when more sources than this have failed: a number, or a share of all as 1%."""
    time_limit: float | None = None
    """Seconds after which a source is given up."""
    ray: str | None = None
    """Spread the work by Ray (extra `batch`): over a running cluster, which HOST:PORT names and `auto` finds, whose
    machines see sources and results under the same paths; or over this machine alone (`local`)."""

    def __post_init__(self) -> None:
        if self.ray is not None:
            RayAddress.parse(self.ray)
        checks = (
            (self.workers is None or 1 <= self.workers <= 1024, "--workers", "is out of range", "allowed: 1 to 1024"),
            (self.time_limit is None or 0 < self.time_limit < 1e9, "--time-limit", "is out of range", "above 0 s"),
            (not self.restart or self.journal is not None, "--restart", "has no journal to give up", "add --journal"),
        )
        for good, flag, cause, remedy in checks:
            if not good:
                raise UsageError(flag, "E_USAGE", cause, remedy)

    @property
    def asked(self) -> bool:
        """Whether any of them is given."""
        return self != RunOptions()


def run_batch(
    sources: Sequence[Path],
    batch: BatchOptions,
    options: CaptureOptions = CaptureOptions(),
    run: RunOptions = RunOptions(),
    steps: Steps = Steps(),
) -> list[Done]:
    """Captures sources with worker processes; one that fails, or kills its worker, costs itself alone.

    A source that kills its worker is read once more, alone; if it does so again, it is put into quarantine. Tables that
    take rows of several sources are put together at the end, in the order of the sources.

    Returns:
        What became of each source, in their order, without readings.

    Raises:
        UsageError: the outputs cannot be written as asked; nothing was read.
        NothingMatched: the sources are all results of this very batch.
        OutputError: the disk refuses; what is done is in the journal.
        ModelError: a weight file is missing or was changed.
        StateError: the journal is in use, damaged, or of other options; or no worker starts.
    """
    if batch.realtime:
        raise UsageError("--realtime", "E_USAGE", "is read in one process", "leave --workers and --journal out")
    for each in cards():
        verify(each)
    options = with_resting_face(options)
    with ExitStack() as stack:
        folder = run.journal or Path(stack.enter_context(TemporaryDirectory(prefix="mien-")))
        terms = _terms(batch.arranged(sources), options)
        journal = stack.enter_context(Journal(folder, terms, run.restart))
        for note in journal.notes:
            steps.warned(folder, "W_STATE", note)
        # Pictures drawn by this batch may lie among its sources.
        read = [path for path in sources if not journal.wrote(path)]
        if not read:
            raise NothingMatched(", ".join(map(str, sources)), "E_NOTHING", "holds only results of this batch")
        results = _Batch(read, batch.arranged(read), options, run, steps, journal).run()
        with replacing(folder / "record.jsonl", True) as part:
            part.write_text("".join(record_line(done) + "\n" for done in results), "utf-8")
    note_long_results(results, batch.arranged(read), steps)
    return results


def _terms(batch: BatchOptions, options: CaptureOptions) -> Terms:
    said = [(each.name, str(getattr(options, each.name))) for each in fields(options) if each.name not in _LIMITS]
    said.append(("outputs", " ".join(paths.abspath(output) for output in batch.outputs)))
    for name, single in (("overlay", batch.overlay), ("summary", batch.summary), ("report", batch.report)):
        said.append((name, "None" if single is None else paths.abspath(single)))
    said.append(("report_pictures", str(batch.report_pictures)))
    if any(FOLDER in path.parts for path in batch.files):
        said.append(("folder", str(batch.base)))
    return Terms(tuple(said), models_used(options))


class _Batch:
    """One run over the sources of a batch."""

    def __init__(
        self,
        sources: Sequence[Path],
        batch: BatchOptions,
        options: CaptureOptions,
        run: RunOptions,
        steps: Steps,
        journal: Journal,
    ) -> None:
        self._sources, self._batch, self._options = sources, batch, options
        self._run, self._steps, self._journal = run, steps, journal
        self._most = run.max_failures.of(len(sources))
        self._results: dict[Path, Done] = {}
        self._failed = 0

    def run(self) -> list[Done]:
        """Reads what is not done yet, and puts the shared tables together."""
        todo = self._take_over()
        targets = self._check()
        folders = tuple(dict.fromkeys((self._journal.rows, *(target.parent for target in targets))))
        for folder in folders:
            make_folder(folder)
        try:
            if todo and not self._exhausted():
                self._read(todo, folders)
        finally:  # workers that were stopped have no time to tidy up
            sweep(folders)
        for path in self._sources:
            if path not in self._results:
                self._results[path] = Done(path, error=self._stopped(path))
        results = [self._results[path] for path in self._sources]
        if any(done.error is None for done in results):
            self._write_shared(results)
        return results

    def _take_over(self) -> list[Path]:
        """Takes what an earlier run has done, and gives what is left."""
        for path in self._sources:
            done = self._journal.settled(path, self._batch.parts)
            if done is not None:
                self._settle(done)
                self._steps.kept(done)
                for each in done.written:
                    if not self._journal.may_replace(each.path):
                        self._steps.warned(each.path, "W_EDITED", "was changed since it was written, and is kept")
        return [path for path in self._sources if path not in self._results]

    def _check(self) -> list[Path]:
        kept = {paths.realpath(each.path) for done in self._results.values() for each in done.written}

        def ours(target: Path) -> bool:
            return paths.realpath(target) in kept or self._journal.may_replace(target)

        return check_outputs(self._batch, self._sources, ours)

    def _crew(self, most: int, folders: tuple[Path, ...]) -> Crew:
        """Whoever reads up to `most` sources at a time."""
        run, plan = self._run, Plan(self._batch, self._options, self._run.time_limit, folders, SourceReader)
        if run.ray is not None:
            return RayCrew(RayAddress.parse(run.ray), run.workers, most, plan)
        return LocalCrew(min(run.workers or available_cores(), most), plan)

    def _read(self, todo: Sequence[Path], folders: tuple[Path, ...]) -> None:
        """Reads sources, those that killed their worker once more at the end."""
        again: list[Path] = []
        with self._crew(len(todo), folders) as crew:
            for alone in (False, True):
                for done in crew.work(self._tasks(again if alone else todo), alone):
                    if done.error is not None and done.error.code == DIED:
                        done = self._death(done, done.error)
                        if done.status is not Status.POISON:
                            again.append(done.path)
                            continue
                    self._journal.finish(done)
                    self._steps.done(done)
                    self._settle(done)

    def _tasks(self, todo: Sequence[Path]) -> Iterator[Task]:
        """One after the other, as they are asked for; none any more once too many have failed."""
        for path in list(todo):
            if self._exhausted():
                return
            targets = own_targets(self._batch, path)
            overwrite = self._batch.overwrite or any(self._journal.may_replace(target) for target in targets)
            self._journal.begin(*targets)
            yield Task(path, tuple(self._journal.part_of(path, ending) for ending in self._batch.parts), overwrite)

    def _death(self, done: Done, error: MienError) -> Done:
        """What a worker's death means for its source."""
        sha256 = content_of(done.path)
        if self._journal.died(done.path, sha256) < MOST_DEATHS:
            return done
        cause = f"{error.cause} for the second time; not read again"
        poison = InputError(done.path, "E_POISON", cause, "look at it apart; --restart tries again")
        return Done(done.path, error=poison, sha256=sha256)

    def _settle(self, done: Done) -> None:
        self._results[done.path] = replace(done, last=())  # a million readings would not fit into memory
        self._failed += done.error is not None

    def _exhausted(self) -> bool:
        return self._failed > self._most

    def _stopped(self, path: Path) -> InputError:
        return InputError(path, "E_STOPPED", f"not read: more than {self._run.max_failures} of the sources failed")

    def _write_shared(self, results: Sequence[Done]) -> None:
        """Puts together what the sources share, tables and the page that lists them."""
        good = [done.path for done in results if done.error is None]
        for table in self._batch.tables:
            parts = [self._journal.part_of(path, table.suffix.lower()) for path in good]
            with self._shared(table) as replaced:
                join_tables(parts, table, self._options.landmarks, replaced)
        if (page := listing_target(self._batch)) is not None:
            with self._shared(page) as replaced:
                write_list(results, self._entry, self._batch, self._options, replaced)

    def _entry(self, path: Path) -> Entry:
        return read_entry(self._journal.part_of(path, LISTED))

    @contextmanager
    def _shared(self, target: Path) -> Iterator[bool]:
        """Keeps the journal about a file that several sources share; yields whether one that is there may go."""
        replaced = self._batch.overwrite or self._journal.may_replace(target)
        self._journal.begin(target)
        yield replaced
        self._journal.wrote_table(target)
