import csv
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_batches import named
from portraits import contents, placed, write_clip, write_photo

from mien.compose.batches import Allowance, RunOptions, run_batch
from mien.compose.captures import capture_batch
from mien.compose.done import Done, Status, Steps
from mien.compose.outputs import BatchOptions
from mien.core.errors import InputError, MienError, NothingMatched, OutputError, StateError, UsageError
from mien.formats.registry import load
from mien.pipelines.capture import CaptureOptions

Run = Callable[..., list[Done]]


def record(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "j" / "record.jsonl").read_text("utf-8").splitlines()]


def names_in(table: Path) -> list[str]:
    with table.open(encoding="utf-8", newline="") as stream:
        return [row["source"] for row in csv.DictReader(stream)]


# --- with the networks ------------------------------------------------------------------------------------------------


def test_workers_leave_what_one_process_leaves_and_a_second_run_changes_nothing(folder: Path) -> None:
    for k, size in enumerate((0.8, 1.0, 1.2)):
        write_photo(folder / "in" / f"{k}.png", placed((120, 100), size)[0])
    write_clip(folder / "in" / "c.mp4", 4)
    (folder / "in" / "bad.jpg").write_text("this is text")
    cut = (folder / "in" / "0.png").read_bytes()
    (folder / "in" / "cut.png").write_bytes(cut[: len(cut) // 2])
    sources = sorted((folder / "in").iterdir())
    before = contents(folder / "in")

    def outputs(place: str) -> BatchOptions:
        names = ("all.csv", "{name}.npz", "{name}-own.csv")
        return BatchOptions(
            tuple(folder / place / name for name in names), folder / place / "{name}-o", overwrite=False
        )

    alone = capture_batch(sources, outputs("alone"))
    run = RunOptions(workers=2, journal=folder / "j")
    together = run_batch(sources, outputs("out"), run=run)
    assert contents(folder / "out") == contents(folder / "alone")
    assert contents(folder / "in") == before
    assert [each.status for each in together] == [each.status for each in alone]
    assert [(each.path, each.frames, each.faces, each.seen) for each in together] == [
        (each.path, each.frames, each.faces, each.seen) for each in alone
    ]
    assert {each["path"]: (each["status"], each["code"]) for each in record(folder)} == {
        str(each.path): (str(each.status), "" if each.error is None else each.error.code) for each in alone
    }
    assert all(len(each["sha256"]) == 64 for each in record(folder))
    # The same again reads nothing, a lost result is made again, and what was added is added.
    read: list[Path] = []
    steps = Steps(done=lambda done: read.append(done.path))
    run_batch(sources, outputs("out"), run=run, steps=steps)
    assert read == []
    (folder / "out" / "1.npz").unlink()
    more = write_photo(folder / "in" / "d.png")
    run_batch([*sources, more], outputs("out"), run=run, steps=steps)
    assert sorted(read) == sorted([folder / "in" / "1.png", more])
    assert names_in(folder / "out" / "all.csv")[-1] == str(more)
    assert len(load(folder / "out" / "1.npz").takes) == 1


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_networks")
def test_what_kills_its_worker_twice_is_put_into_quarantine_and_costs_itself_alone(folder: Path) -> None:
    sources = named(folder, "a", "poison", "b", "hiccup", "c", "leaves", "d")
    batch = BatchOptions((folder / "out" / "t.csv",))
    run = RunOptions(workers=2, journal=folder / "j")
    results = run_batch(sources, batch, run=run)
    assert [done.path for done in results] == sources
    bad = {done.path.name: (done.status, str(done.error)) for done in results if done.error is not None}
    assert set(bad) == {"poison", "leaves"}
    assert bad["poison"][0] is bad["leaves"][0] is Status.POISON
    assert "E_POISON: its worker died (signal 11) for the second time" in bad["poison"][1]
    assert "exit code 3" in bad["leaves"][1]
    assert names_in(folder / "out" / "t.csv") == ["a", "b", "hiccup", "c", "d"]
    assert [each["status"] for each in record(folder)].count("poison") == 2
    # In quarantine it stays, unless its content changes or all begins anew.
    read: list[str] = []
    steps = Steps(done=lambda done: read.append(done.path.name))
    assert run_batch(sources, batch, run=run, steps=steps)[1].status is Status.POISON
    assert read == []


@pytest.mark.usefixtures("without_networks")
def test_a_fault_of_ours_and_a_hanging_source_cost_themselves_alone(folder: Path) -> None:
    sources = named(folder, "a", "bug", "hangs", "b")
    results = run_batch(sources, BatchOptions(), run=RunOptions(workers=2, time_limit=3.0))
    errors = [done.error for done in results]
    assert [error and error.code for error in errors] == [None, "E_BUG", "E_TIMEOUT", None]
    assert "RuntimeError: an unforeseen turn" in str(errors[1])
    assert "took longer than 3 s (--time-limit allows more)" in str(errors[2])


@pytest.mark.usefixtures("without_networks")
def test_a_full_disk_ends_the_batch_and_leaves_no_half_file(folder: Path) -> None:
    sources = named(folder, "a", "full", "b")
    batch, run = BatchOptions((folder / "out" / "t.csv",)), RunOptions(workers=1, journal=folder / "j")
    with pytest.raises(OutputError, match="E_DISKFULL"):
        run_batch(sources, batch, run=run)
    assert os.listdir(folder / "out") == []
    os.rename(sources[1], folder / "in" / "room")
    results = run_batch([sources[0], folder / "in" / "room", sources[2]], batch, run=run)
    assert all(done.error is None for done in results)


@pytest.mark.usefixtures("without_networks")
@pytest.mark.parametrize(("allowed", "unread"), [("0", True), ("1", True), ("2", False), ("10%", True), ("50%", False)])
def test_too_many_failures_stop_a_batch(folder: Path, allowed: str, unread: bool) -> None:
    sources = named(folder, "bug1", "bug2", *(f"good{k}" for k in range(10)))
    run = RunOptions(workers=1, max_failures=Allowance.parse(allowed))
    results = run_batch(sources, BatchOptions(), run=run)
    assert len(results) == len(sources)
    assert any(done.status is Status.UNREAD for done in results) == unread
    stopped = [done.error for done in results if done.status is Status.UNREAD]
    assert all(isinstance(error, InputError) and f"more than {allowed} of" in error.cause for error in stopped)


@pytest.mark.usefixtures("without_networks")
def test_being_stopped_leaves_no_worker(folder: Path) -> None:
    def stop(done: Done) -> None:
        raise SystemExit(143)

    sources, start = named(folder, "a", "hangs"), time.monotonic()
    with pytest.raises(SystemExit):
        run_batch(sources, BatchOptions(), run=RunOptions(workers=2, journal=folder / "j"), steps=Steps(done=stop))
    assert time.monotonic() - start < 30
    assert run_batch(sources[:1], BatchOptions(), run=RunOptions(journal=folder / "j"))[0].error is None


# --- what is gone on with ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_networks")
def test_a_changed_source_is_read_again_and_a_table_of_others_is_kept(folder: Path) -> None:
    sources = named(folder, "a", "b")
    table = folder / "out" / "t.csv"
    batch, run = BatchOptions((table,)), RunOptions(workers=1, journal=folder / "j")
    run_batch(sources, batch, run=run)
    stamp = os.stat(sources[0])
    sources[0].write_text("A")  # as long as before, and of the same time
    os.utime(sources[0], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    read: list[str] = []
    run_batch(sources, batch, run=run, steps=Steps(done=lambda done: read.append(done.path.name)))
    assert read == ["a"]
    table.write_text("mine")
    with pytest.raises(UsageError, match=r"t\.csv: E_EXISTS"):
        run_batch(sources, batch, run=run)
    assert table.read_text() == "mine"
    run_batch(sources, replace(batch, overwrite=True), run=run)
    assert names_in(table) == ["a", "b"]


def test_an_edited_result_is_said_and_kept(folder: Path) -> None:
    source = write_photo(folder / "in" / "a.png")
    batch, run = BatchOptions((folder / "out" / "{name}.json",)), RunOptions(workers=1, journal=folder / "j")
    run_batch([source], batch, run=run)
    (folder / "out" / "a.json").write_text("mine")
    warned: list[tuple[str, str]] = []
    steps = Steps(warned=lambda source, code, cause: warned.append((str(source), code)))
    (done,) = run_batch([source], batch, run=run, steps=steps)
    assert done.error is None
    assert warned == [(str(folder / "out" / "a.json"), "W_EDITED")]
    assert (folder / "out" / "a.json").read_text() == "mine"


@pytest.mark.usefixtures("without_networks")
def test_other_options_are_refused_by_name_and_a_restart_replaces(folder: Path) -> None:
    sources = named(folder, "a")
    batch, run = BatchOptions((folder / "out" / "t.csv",)), RunOptions(workers=1, journal=folder / "j")
    run_batch(sources, batch, run=run)
    other = CaptureOptions(least_score=0.4)
    with pytest.raises(StateError, match=r"E_STATE: was begun with least_score 0\.5, now 0\.4") as caught:
        run_batch(sources, batch, other, run)
    assert caught.value.exit_code == 3
    run_batch(sources, batch, other, replace(run, restart=True))
    run_batch(sources, batch, other, run)


@pytest.mark.usefixtures("without_networks")
@pytest.mark.parametrize("restart", [False, True])
def test_a_mistake_of_usage_does_not_stand_in_the_way_of_the_right_command(folder: Path, restart: bool) -> None:
    sources = named(folder, "a", "b")
    batch, run = BatchOptions((folder / "out" / "t.csv",)), RunOptions(workers=1, journal=folder / "j")
    if restart:
        run_batch(sources, batch, run=run)
    wrong = replace(batch, overlay=sources[0])
    with pytest.raises(UsageError):
        run_batch(sources, wrong, run=replace(run, restart=restart))
    read: list[str] = []
    run_batch(sources, batch, run=run, steps=Steps(done=lambda done: read.append(done.path.name)))
    assert sorted(read) == ([] if restart else ["a", "b"])


@pytest.mark.usefixtures("without_networks")
def test_pictures_drawn_by_the_batch_are_no_sources_of_it(folder: Path) -> None:
    (source,) = named(folder, "a")
    drawn = folder / "in" / "a-o.png"
    batch, run = BatchOptions(overlay=folder / "in" / "{name}-o"), RunOptions(workers=1, journal=folder / "j")
    run_batch([source], batch, run=run)
    drawn.write_text("drawn")
    assert [done.path for done in run_batch([source, drawn], batch, run=run)] == [source]
    with pytest.raises(NothingMatched):
        run_batch([drawn], batch, run=run)


@pytest.mark.usefixtures("without_networks")
def test_names_of_any_bytes_stand_in_the_record(folder: Path) -> None:
    sources = named(folder, os.fsdecode(b"bad\xff\xfe"), "two\nlines", "é 😀", "=1+1")
    run_batch(sources, BatchOptions(), run=RunOptions(workers=1, journal=folder / "j"))
    names = [Path(each["path"]).name for each in record(folder)]
    assert names == ["bad\\xff\\xfe", "two\nlines", "é 😀", "=1+1"]


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "-1", "many", "1.5", "101%", "%", "1 %", "1e3"])
def test_what_is_no_allowance(text: str) -> None:
    with pytest.raises(UsageError, match="--max-failures"):
        Allowance.parse(text)


def test_an_allowance_is_a_number_or_a_share() -> None:
    assert (str(Allowance.parse("20")), Allowance.parse("20").of(1000)) == ("20", 20)
    assert (str(Allowance.parse("0.5%")), Allowance.parse("0.5%").of(1000)) == ("0.5%", 5)


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"time_limit": 0.0}, {"restart": True}])
def test_options_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        RunOptions(**wrong)


def test_what_is_live_is_read_in_one_process(folder: Path) -> None:
    with pytest.raises(MienError, match="--realtime"):
        run_batch([folder], BatchOptions(realtime=True), run=RunOptions(workers=2))
