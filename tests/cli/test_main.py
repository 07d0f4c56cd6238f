import os
import subprocess
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from connections import python_path
from portraits import contents, write_clip, write_photo

from mien.cli import capture as capture_module
from mien.cli.ending import ENDING
from mien.cli.main import main, run
from mien.cli.terminal import ReaderGone
from mien.compose.batches import RunOptions
from mien.compose.edit_options import EditOptions
from mien.core.errors import InputError, MienError, ModelError, NothingMatched, OutputError, UsageError
from mien.pipelines.capture import CaptureOptions
from mien.rig.wishes import PRESETS

SRC = Path(__file__).parents[2] / "src"
PROGRAM = "from mien.cli.main import main; main()"

Captured = pytest.CaptureFixture[str]


def started(folder: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": python_path(SRC), "OMP_NUM_THREADS": "1", "TERM": "dumb"}
    environment |= options.pop("environment", {})
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, *arguments],
        cwd=folder, env=environment, text=True, encoding="utf-8", errors="replace",
        **{"stderr": subprocess.PIPE, **options},
    )  # fmt: skip


# --- help and usage ---------------------------------------------------------------------------------------------------

COMMANDS = {
    ("capture",): [
        "-o",
        "--output",
        "--overlay",
        "--overwrite",
        "--fit",
        "--realtime",
        "--stream",
        "--workers",
        "--camera",
    ],
    ("cameras",): [],
    ("convert",): ["-o", "--to", "--format", "--face", "--facs-table", "--clip", "--swap-mouth-jaw", "--overwrite"],
    ("animate",): ["-o", "--rig", "--face", "--frames", "--texture", "--overwrite"],
    ("edit",): ["--set", "--preset", "--neutral", "--intensity", "--add", "--sweep", "-o", "--report", "--overwrite"],
    ("verify",): [],
    ("rigs",): ["list", "import", "fetch", "show", "sheet", "vrm"],
    ("rigs", "vrm"): ["--rig", "--node", "-o"],
    ("rigs", "list"): [],
    ("rigs", "import"): ["--overwrite"],
    ("rigs", "fetch"): [],
    ("rigs", "show"): ["--rig", "--weight", "-o"],
    ("rigs", "sheet"): ["--rig", "-o"],
    ("data",): ["render"],
    ("data", "render"): ["--data", "-o", "--count", "--seed", "--ict"],
    ("models",): ["list", "show", "verify"],
    ("models", "list"): ["--verbose"],
    ("models", "show"): [],
    ("models", "verify"): [],
    ("train",): ["--data", "-o", "--steps", "--batch", "--rate", "--seed", "--threads", "--ict", "--start"],
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_subcommand_helps(command: tuple[str, ...], flag: str, capsys: Captured) -> None:
    assert run([*command, flag]) == 0
    said = capsys.readouterr()
    assert f"usage: mien {' '.join(command)}" in said.out
    assert said.err == ""
    for option in COMMANDS[command]:
        assert option in said.out


def test_the_help_of_capture_names_every_option(capsys: Captured) -> None:
    assert run(["capture", "--help"]) == 0
    said = capsys.readouterr().out
    for option in (*fields(CaptureOptions), *fields(RunOptions)):
        assert "--" + option.name.replace("_", "-") in said
    assert "all|largest|N" in said


def test_the_help_of_edit_names_every_option_and_preset(capsys: Captured) -> None:
    assert run(["edit", "--help"]) == 0
    said = capsys.readouterr().out
    for option in fields(EditOptions):
        assert option.name.replace("_", "-") in said
    for name in PRESETS:
        assert name in said


def test_help_of_all_names_the_commands(capsys: Captured) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f" {command} " in said for command in {command[0] for command in COMMANDS})


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["wrong"],
        ["--wrong"],
        ["capture"],
        ["capture", "a.png", "--wrong"],
        ["capture", "a.png", "--overlay"],
        ["capture", "a.png", "--max-faces", "many"],
        ["capture", "a.png", "--max-faces", "0"],
        ["capture", "a.png", "--face", "first"],
        ["capture", "a.png", "--least-score", "2"],
        ["capture", "a.png", "-o", "a.txt"],
        ["edit"],
        ["edit", "a.png"],
        ["edit", "a.png", "--set", "jawOpen=1"],
        ["edit", "a.png", "--set", "-o", "b.png"],
        ["edit", "a.png", "--set", "jawOpen=2", "-o", "b.png"],
        ["edit", "a.png", "--intensity", "much", "--neutral", "-o", "b.png"],
        ["edit", "a.png", "--sweep", "jawOpen", "-o", "b.png"],
        ["capture", "a.png", "b.png", "-o", "a.json"],
        ["models", "show", "nothing"],
        ["models", "show"],
        ["train"],
    ],
    ids=" ".join,
)
def test_a_mistake_of_usage_is_2_and_said_on_stderr(arguments: list[str], capsys: Captured) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.strip()
    assert "Traceback" not in said.err


# --- how errors end ---------------------------------------------------------------------------------------------------


def raising(error: BaseException) -> object:
    def capture_batch(*arguments: object, **options: object) -> None:
        raise error

    return capture_batch


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError, 1), (UsageError, 2), (ModelError, 3), (OutputError, 3), (NothingMatched, 4), (MienError, 70)],
)
def test_errors_on_purpose_are_one_line(
    error: type[MienError], code: int, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    long = "x" * 300
    monkeypatch.setattr(capture_module, "capture_batch", raising(error(f"a\n[red]{long}", "E_TEST", "a cause", "do")))
    assert run(["capture", "a.png"]) == code
    said = capsys.readouterr()
    assert said.err == f"a\\n[red]{long}: E_TEST: a cause (do)\n"
    assert said.out == ""


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(capture_module, "capture_batch", raising(KeyboardInterrupt()))
    assert run(["capture", "a.png"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("stop", "code"), [(SystemExit(5), 5), (SystemExit(), 0), (ReaderGone(), 0)])
def test_other_ends(stop: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "capture_batch", raising(stop))
    monkeypatch.setattr(os, "dup2", lambda *descriptors: None)
    assert run(["capture", "a.png"]) == code


def test_a_fault_of_ours_is_70_and_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    deep = tmp_path / ("a folder with a name far longer than a line of a terminal " * 2).strip()
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    monkeypatch.setattr(capture_module, "capture_batch", raising(ZeroDivisionError("by chance")))
    assert run(["capture", "a.png"]) == 70
    (log,) = deep.iterdir()
    said = capsys.readouterr().err
    assert said == f"mien: E_BUG: this is a fault of ours; please send {log}\n"
    assert "ZeroDivisionError: by chance" in log.read_text()
    assert "Traceback" in log.read_text()


def test_a_pipe_that_breaks_elsewhere_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Only for want of a reader of the results themselves there is nothing more to do."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(capture_module, "capture_batch", raising(BrokenPipeError()))
    assert run(["capture", "a.png"]) == 70


def test_main_exits_with_the_code() -> None:
    with pytest.raises(SystemExit) as stop:
        main(["capture"])
    assert stop.value.code == 2


# --- in a process of its own ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_the_exit_code_and_leaves_nothing_half_written(tmp_path: Path, number: int) -> None:
    write_clip(tmp_path / "clip.mp4", 250)
    before = contents(tmp_path)
    program = started(tmp_path, "capture", "clip.mp4", "-o", "t.csv", "-o", "t.npz", "--overlay", "o.mp4")
    try:
        deadline = time.monotonic() + 60
        while len(os.listdir(tmp_path)) < 3 and program.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(os.listdir(tmp_path)) == 3  # the clip, half a table, half an overlay
        program.send_signal(number)
        _, said = program.communicate(timeout=30)
    finally:
        program.kill()
    assert program.returncode == 128 + number
    assert "Traceback" not in said
    assert contents(tmp_path) == before


@pytest.mark.parametrize("outputs", [["-o", "t.csv"], []], ids=" ".join)
def test_messages_that_nobody_hears_stop_no_batch(tmp_path: Path, outputs: list[str]) -> None:
    """As in `mien capture … 2>&1 | head -1`: results are what counts, and the exit code tells of the bad ones."""
    write_photo(tmp_path / "b.png")
    for name in ("a.jpg", "c.jpg", "d.jpg"):
        (tmp_path / name).write_bytes(b"this is text")
    reading, writing = os.pipe()
    os.close(reading)
    words = ["capture", "a.jpg", "b.png", "c.jpg", "d.jpg", *outputs]
    program = started(tmp_path, *words, stdout=subprocess.PIPE, stderr=writing)
    os.close(writing)
    out, _ = program.communicate(timeout=60)
    assert program.returncode == 1
    if outputs:
        assert len((tmp_path / "t.csv").read_text().splitlines()) == 1 + 1
    else:
        assert "strongest weights" in out


@pytest.mark.parametrize("command", [["models"], ["capture", "--help"], ["capture", "a.png"], ["models", "list", "-h"]])
def test_a_reader_that_has_gone_is_no_fault(tmp_path: Path, command: list[str]) -> None:
    write_photo(tmp_path / "a.png")
    reading, writing = os.pipe()
    os.close(reading)
    program = started(tmp_path, *command, stdout=writing)
    os.close(writing)
    _, said = program.communicate(timeout=60)
    assert (program.returncode, said) == (0, "")


def test_a_terminal_that_lacks_the_letters_is_no_fault(tmp_path: Path) -> None:
    write_photo(tmp_path / "é 😀.png")
    program = started(
        tmp_path, "capture", "é 😀.png", stdout=subprocess.PIPE, environment={"PYTHONIOENCODING": "ascii"}
    )
    out, said = program.communicate(timeout=60)
    assert (program.returncode, said) == (0, "")
    assert "\\U0001f600.png" in out


def test_what_workers_import_of_the_command_is_next_to_nothing() -> None:
    """Started processes import their parent's main program: the command line must not come with it."""
    script = "import sys, mien.cli.door; print(any(name in sys.modules for name in ('mien.cli.main', 'tyro')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
