import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import made_poison
import psutil
import pytest
from portraits import write_clip

from mien.compose.local_workers import LocalCrew
from mien.compose.outputs import BatchOptions
from mien.compose.workers import Plan, Reader, Task
from mien.core.errors import ModelError, StateError
from mien.pipelines.capture import CaptureOptions

SRC = Path(__file__).parents[2] / "src"
PROGRAM = "from mien.cli.main import main; main()"


def plan(reader: type[Reader] = made_poison.Reader, limit: float | None = None) -> Plan:
    return Plan(BatchOptions(), CaptureOptions(), limit, (), reader)


def tasks(folder: Path, *names: str) -> list[Task]:
    for name in names:
        (folder / name).write_bytes(os.fsencode(name))
    return [Task(folder / name, (), False) for name in names]


def below(process: psutil.Process) -> list[psutil.Process]:
    """Workers started by a process that are still there."""
    return [each for each in process.children() if each.status() != psutil.STATUS_ZOMBIE and is_worker(each)]


def is_worker(process: psutil.Process) -> bool:
    return "spawn_main" in " ".join(process.cmdline())


# --- workers that never start -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        (made_poison.Stillborn, "no worker starts: the last one ended with exit code 5"),
        (made_poison.Faulty, "no worker starts: RuntimeError: an unforeseen turn"),
    ],
)
def test_when_no_worker_starts_the_batch_ends(tmp_path: Path, reader: type[Reader], said: str) -> None:
    with (
        pytest.raises(StateError, match=rf"E_WORKERS: {said} \(try fewer --workers\)"),
        LocalCrew(2, plan(reader)) as crew,
    ):
        list(crew.work(tasks(tmp_path, "a", "b")))
    assert below(psutil.Process()) == []


def test_missing_weights_end_the_batch(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is missing"), LocalCrew(1, plan(made_poison.Unfit)) as crew:
        list(crew.work(tasks(tmp_path, "a")))


# --- workers at work --------------------------------------------------------------------------------------------------


def test_who_dies_idle_is_replaced_and_nobody_is_blamed(tmp_path: Path) -> None:
    with LocalCrew(1, plan(made_poison.Talkative)) as crew:
        for task in tasks(tmp_path, "a", "b"):
            (done,) = crew.work([task])
            assert done.error is None
            assert len(done.notes[0].cause) == 1_000_000
            (worker,) = active_children()
            worker.kill()
            worker.join()


def test_alone_means_one_at_a_time_by_the_workers_that_are_there(tmp_path: Path) -> None:
    names = [f"{k}" for k in range(6)]
    with LocalCrew(2, plan()) as crew:
        first = {done.path.name for done in crew.work(tasks(tmp_path, *names))}
        there = below(psutil.Process())
        assert [done.path.name for done in crew.work(tasks(tmp_path, *names), alone=True)] == names
        assert below(psutil.Process()) == there
        assert len(there) == 2
    assert first == set(names)
    assert below(psutil.Process()) == []


def test_no_more_is_begun_than_is_worked_at(tmp_path: Path) -> None:
    begun: list[str] = []

    def told() -> Iterator[Task]:
        for task in tasks(tmp_path, *"abcdefgh"):
            begun.append(task.path.name)
            yield task

    with LocalCrew(2, plan()) as crew:
        for count, _ in enumerate(crew.work(told()), 1):
            assert len(begun) <= count + 3  # two at work, one at hand


def test_another_thread_may_stop_the_crew(tmp_path: Path) -> None:
    with LocalCrew(1, plan()) as crew:
        thread = threading.Thread(target=lambda: list(crew.work(tasks(tmp_path, "a", "hangs"))))
        thread.start()
        crew.stop()
        thread.join(30)
        assert not thread.is_alive()
        assert below(psutil.Process()) == []
        assert list(crew.work(tasks(tmp_path, "a"))) == []


# --- being interrupted ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="signals to a group of processes")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupting_all_processes_of_a_batch_ends_it_in_order(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    write_clip(tmp_path / "long.mp4", 400)
    words = ["capture", "long.mp4", "-o", "t.csv", "--workers", "1", "--journal", "j"]
    batch = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, *words],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(SRC)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    process, end = psutil.Process(batch.pid), time.monotonic() + 60
    while not list((tmp_path / "j" / "rows").glob(".mien-*")) and time.monotonic() < end:
        time.sleep(0.05)
    workers = below(process)
    assert len(workers) == 1
    # What a terminal does at Ctrl-C, and a system that goes down.
    os.killpg(batch.pid, number)
    out, err = batch.communicate(timeout=60)
    assert batch.returncode == code
    assert out == ""
    assert err.splitlines() == (
        ["interrupted: finished files are kept, unfinished ones were removed"] if number == signal.SIGINT else []
    )
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
    assert os.listdir(tmp_path / "j" / "rows") == []
    assert sorted(os.listdir(tmp_path)) == ["j", "long.mp4"]
