"""Batches by Ray, on one that is started here once for all of them: what is promised of workers holds for these."""

import importlib.util
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import made_poison
import psutil
import pytest
from made_batches import named
from portraits import contents, placed, write_clip, write_photo

from mien.compose.batches import Allowance, RunOptions, run_batch
from mien.compose.captures import capture_batch
from mien.compose.done import Done, Status, Steps
from mien.compose.outputs import BatchOptions
from mien.compose.ray_link import RayAddress, linked
from mien.compose.ray_workers import RayCrew, Seat
from mien.compose.sources import expanded
from mien.compose.workers import Plan
from mien.core.errors import OutputError, StateError, UsageError
from mien.formats.registry import load
from mien.pipelines.capture import CaptureOptions

SRC = Path(__file__).parents[2] / "src"
PROGRAM = "from mien.cli.main import main; main()"
LOCAL = RayAddress("local")
# Asked without importing it: what address it takes is settled when it is imported.
has_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra batch")
has_proc = pytest.mark.skipif(sys.platform != "linux", reason="needs names in /proc that each process sees otherwise")


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A Ray of our own, as `--ray local` starts it; batches of this process use it."""
    before, at_end = dict(os.environ), signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        # What the readers of these tests are found by.
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (SRC, Path(made_poison.__file__).parent))))
        ray = stack.enter_context(linked(LOCAL, 2))
        assert signal.getsignal(signal.SIGTERM) is at_end
        yield ray
    assert {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")} == {
        k: v for k, v in before.items() if not k.startswith("PYTEST")
    }
    assert not [each.name() for each in psutil.Process().children(recursive=True) if "ray" in each.name()]


def started(folder: Path, place: str, *how: str) -> subprocess.Popen[str]:
    """A batch over the folder `in`, with its results and its journal in `place`."""
    words = ["in", "-o", f"{place}/all.csv", "-o", f"{place}/{{name}}.npz", "--overlay", f"{place}/{{name}}-o", *how]
    line = [sys.executable, "-W", "error", "-c", PROGRAM, "capture", *words]
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    return subprocess.Popen(
        line, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def readers() -> list[psutil.Process]:
    """The processes below this one that read sources, started by Ray's workers."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "multiprocessing.spawn" in " ".join(each.cmdline()):
                found.append(each)
    return found


# --- a Ray of our own -------------------------------------------------------------------------------------------------


@has_ray
def test_it_listens_on_this_machine_alone_and_tells_nobody(ray: Any) -> None:
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    sockets = [each for process in processes for each in process.net_connections("inet")]
    assert sum(each.status == psutil.CONN_LISTEN for each in sockets) >= 3
    ends = {end.ip.removeprefix("::ffff:") for each in sockets for end in (each.laddr, each.raddr) if end}
    assert ends == {"127.0.0.1"}
    (raylet,) = (process for process in processes if process.name() == "raylet")
    assert raylet.environ()["RAY_USAGE_STATS_ENABLED"] == "0"
    assert len(raylet.environ()["RAY_AUTH_TOKEN"]) == 64


# --- what is promised -------------------------------------------------------------------------------------------------


@has_ray
@pytest.mark.usefixtures("ray", "without_networks")
def test_what_goes_wrong_with_a_source_costs_it_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sources = named(folder, "a", "poison", "b", "hiccup", "leaves", "bug", "hangs", "c")
    run = RunOptions(journal=folder / "j", time_limit=3.0, ray="local")
    told: list[str] = []
    steps = Steps(done=lambda done: told.append(done.path.name))
    results = run_batch(sources, BatchOptions((folder / "out" / "t.csv",)), run=run, steps=steps)
    bad = {done.path.name: (done.status, str(done.error)) for done in results if done.error is not None}
    assert set(bad) == {"poison", "leaves", "bug", "hangs"}
    assert bad["poison"][0] is bad["leaves"][0] is Status.POISON
    assert "its worker died (signal 11) for the second time" in bad["poison"][1]
    assert "exit code 3" in bad["leaves"][1]
    assert "RuntimeError: an unforeseen turn" in bad["bug"][1]
    assert "E_TIMEOUT: took longer than 3 s" in bad["hangs"][1]
    assert sorted(told) == sorted(path.name for path in sources)
    rows = (folder / "out" / "t.csv").read_text("utf-8").splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["a", "b", "hiccup", "c"]
    assert readers() == []
    assert capfd.readouterr() == ("", "")


@has_ray
@pytest.mark.usefixtures("ray", "without_networks")
def test_a_source_whose_place_is_lost_is_read_once_more_and_then_put_into_quarantine(folder: Path) -> None:
    sources = named(folder, "a", "topples-once", "b", "topples", "c")
    results = run_batch(sources, BatchOptions(), run=RunOptions(ray="local", workers=2))
    assert [done.status for done in results] == [Status.DONE] * 3 + [Status.POISON, Status.DONE]
    assert "its worker died (with its place on" in str(results[3].error)


@has_ray
@pytest.mark.usefixtures("ray", "without_networks")
def test_what_ends_a_batch_ends_it(folder: Path) -> None:
    sources, out = named(folder, "bug", "full", "b"), folder / "out"
    with pytest.raises(OutputError, match="E_DISKFULL"):
        run_batch(sources[1:], BatchOptions((out / "t.csv",)), run=RunOptions(ray="local", workers=1))
    none = Allowance.parse("0")
    results = run_batch(
        [sources[0], *named(folder, *"abcdef")],
        BatchOptions(),
        run=RunOptions(ray="local", workers=1, max_failures=none),
    )
    assert results[-1].status is Status.UNREAD
    assert os.listdir(out) == []


@has_ray
@pytest.mark.usefixtures("ray", "without_networks")
def test_being_stopped_leaves_no_reader(folder: Path) -> None:
    def stop(done: Done) -> None:
        raise KeyboardInterrupt

    sources = named(folder, "a", "hangs")
    run = RunOptions(workers=2, journal=folder / "j", ray="local")
    with pytest.raises(KeyboardInterrupt):
        run_batch(sources, BatchOptions(), run=run, steps=Steps(done=stop))
    assert readers() == []
    assert run_batch(sources[:1], BatchOptions(), run=RunOptions(journal=folder / "j"))[0].error is None


# --- a cluster that runs already --------------------------------------------------------------------------------------


@has_ray
def test_a_killed_batch_on_a_cluster_ends_with_the_bytes_of_a_local_one(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    for k in range(4):
        write_photo(tmp_path / "in" / f"{k}.png", placed((120, 100), 0.8 + 0.1 * k)[0])
    write_clip(tmp_path / "in" / "clip.mp4", 20)
    (tmp_path / "in" / "text.jpg").write_text("this is no picture")
    before = contents(tmp_path / "in")
    there = ("--ray", ray.get_runtime_context().gcs_address, "--journal", "j")
    batch = started(tmp_path, "ray", *there)
    time.sleep(random.Random(1).uniform(2, 8))
    batch.send_signal(signal.SIGKILL)
    batch.communicate()
    for result in (tmp_path / "ray").glob("*.npz"):
        load(result)
    batch = started(tmp_path, "ray", *there)
    said, _ = batch.communicate()
    assert batch.returncode == 1, said
    assert sum(line.startswith("in/text.jpg: E_FORMAT") for line in said.splitlines()) <= 1
    assert "5 of 6 sources read" in said
    assert not any("ray" in line.lower() and "ray/all.csv" not in line for line in said.splitlines())
    monkeypatch.chdir(tmp_path)
    capture_batch(
        expanded([Path("in")]), BatchOptions((Path("local/all.csv"), Path("local/{name}.npz")), Path("local/{name}-o"))
    )
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert contents(tmp_path / "in") == before


@has_ray
@has_proc
@pytest.mark.usefixtures("ray", "without_networks")
def test_a_machine_that_does_not_see_a_file_or_a_folder_is_named(folder: Path) -> None:
    (source,) = named(folder, "a")
    with source.open("rb") as stream:
        mine = Path(f"/proc/self/fd/{os.dup2(stream.fileno(), 900)}")
    place = Path(f"/proc/self/fd/{os.dup2(os.open(folder / 'out', os.O_RDONLY), 901)}")
    try:
        with pytest.raises(StateError, match=rf"fd/900: E_SHARED: the machine {os.uname().nodename} does not see it"):
            run_batch([mine], BatchOptions((folder / "out" / "{name}.npz",)), run=RunOptions(ray="local"))
        with pytest.raises(StateError, match=r"fd/901: E_SHARED: .* \(sources and results must lie where"):
            run_batch(
                [source], BatchOptions((place / "{name}.npz",)), run=RunOptions(ray="local", journal=folder / "j")
            )
    finally:
        os.close(900)
        os.close(901)
    assert os.listdir(folder / "out") == []


def test_a_machine_with_other_networks_is_refused() -> None:
    answer = Seat(Plan(BatchOptions(), CaptureOptions()), os.getcwd(), (), ("mien 0.0.1",)).ready()
    assert isinstance(answer, StateError)
    assert "E_WORKERS: the machine" in str(answer)
    assert "the batch is run with mien 0.0.1 (install the same mien on every machine)" in str(answer)


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "here", "ray://host:10001", "host", "host:", "http://host:80", "host:123456"])
def test_what_is_no_ray(text: str) -> None:
    with pytest.raises(UsageError, match="--ray"):
        RayAddress.parse(text)


@pytest.mark.parametrize("text", ["local", "auto", "host:6379", "10.0.0.1:6379", "[::1]:6379"])
def test_what_names_a_ray(text: str) -> None:
    assert str(RayAddress.parse(text)) == text


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    crew = RayCrew(LOCAL, 1, 1, Plan(BatchOptions(), CaptureOptions()))
    with pytest.raises(UsageError, match=r'^--ray: E_USAGE: ray is not installed \(pip install "mien\[batch\]"\)$'):
        crew.__enter__()


def test_a_cluster_that_is_not_there_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(
        StateError, match=rf"--ray 127.0.0.1:{port}: E_RAY: nobody answers there: .*ray start"
    ) as caught:
        RayCrew(RayAddress(f"127.0.0.1:{port}"), 1, 1, Plan(BatchOptions(), CaptureOptions())).__enter__()
    assert caught.value.exit_code == 3
