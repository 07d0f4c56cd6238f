"""A batch that is killed at any moment, as by the power or the memory's end, and gone on with."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from connections import python_path
from portraits import contents, placed, write_clip, write_photo

from mien.formats.registry import load

SRC = Path(__file__).parents[2] / "src"
PROGRAM = "from mien.cli.main import main; main()"
KILLS = 4


def started(folder: Path, place: str) -> subprocess.Popen[bytes]:
    """A batch over the folder `in`, with its results and its journal in `place`."""
    words = ["in", "-o", f"{place}/all.csv", "-o", f"{place}/{{name}}.npz", "--overlay", f"{place}/{{name}}-o"]
    words += ["-o", f"{place}/all.parquet", "--summary", f"{place}/{{name}}-s", "--report", f"{place}/list"]
    line = [sys.executable, "-c", PROGRAM, "capture", *words, "--workers", "2", "--journal", f"{place}-j"]
    environment = {**os.environ, "PYTHONPATH": python_path(SRC)}
    return subprocess.Popen(line, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_killed_batch_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for k in range(8):
        write_photo(tmp_path / "in" / f"{k}.png", placed((120, 100), 0.8 + 0.05 * k)[0])
    write_clip(tmp_path / "in" / "clip.mp4", 40)
    before, chance = contents(tmp_path / "in"), random.Random(0)
    assert started(tmp_path, "whole").wait() == 0
    for _ in range(KILLS):
        batch = started(tmp_path, "killed")
        time.sleep(chance.uniform(0.5, 6))
        batch.send_signal(signal.SIGKILL)
        batch.wait()
        for result in (tmp_path / "killed").glob("*.npz"):
            load(result)
    assert started(tmp_path, "killed").wait() == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert contents(tmp_path / "in") == before
    end = time.monotonic() + 20
    while (left := working_in(tmp_path)) and time.monotonic() < end:
        time.sleep(0.2)
    assert left == []


def working_in(folder: Path) -> list[str]:
    """The command lines of processes whose folder it is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_text("utf-8", "replace").replace("\0", " "))
    return found
