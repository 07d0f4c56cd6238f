"""Hostile files before `mien edit`: the same named errors as before a capture, nothing half done; kills survived."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from connections import python_path
from made_edits import move_in
from made_hostile import HOSTILE, VIDEOS, Hostile
from portraits import contents, write_clip

from mien.cli.main import run
from mien.core.errors import printable
from mien.formats.images import read_image
from mien.formats.sidecar import read_sidecar
from mien.formats.video import VideoReader

Captured = pytest.CaptureFixture[str]

SRC = Path(__file__).parents[2] / "src"
PROGRAM = "from mien.cli.main import main; main()"
SMILE = ("--set", "mouthSmile=0.7", "--set", "jawOpen=0.4")

IN_PARTS = (40, 41)
"""Kinds that are read in part: the result is written, and the status says so."""


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    move_in(tmp_path, monkeypatch)


def numbered(case: Hostile) -> str:
    return f"{case.number}-{ascii(case.name)[1:31]}"


def is_film(case: Hostile) -> bool:
    return case in VIDEOS and case.number != 44


@pytest.mark.parametrize("case", HOSTILE, ids=numbered)
def test_alone(case: Hostile, capsys: Captured) -> None:
    path, target = Path(case.name), "out.mp4" if is_film(case) else "out.png"
    case.make(path.absolute())
    before = path.read_bytes() if path.is_file() else b""
    there = set(os.listdir())
    status = run(["edit", *SMILE, "-o", target, "--", case.name])
    said, left = capsys.readouterr(), set(os.listdir()) - there
    assert said.out == ""
    assert "Traceback" not in said.err
    assert "Warning:" not in said.err
    assert not path.is_file() or path.read_bytes() == before
    lines, name = said.err.splitlines(), printable(case.name)
    if case.code or not left:
        assert status == 1
        assert left == set()
        (line,) = [line for line in lines if not line.startswith(" ")]
        assert re.fullmatch(rf"{re.escape(name)}: (E_\w+): .+", line)
        code = line.removeprefix(f"{name}: ").split(":")[0]
        assert code == case.code or (not case.code and code in ("E_NOFACE", "E_SMALL", "E_PROFILE", "E_POSE"))
        assert case.faces in (0, None) or code != "E_NOFACE"
        return
    assert status == (1 if case.number in IN_PARTS else 0)
    assert left == {target, f"{target}.mien.json"}
    assert read_sidecar(f"{target}.mien.json").provenance
    if is_film(case):
        with VideoReader(target) as video:
            assert sum(1 for _ in video) > 0
    else:
        assert read_image(target).width > 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_edit_leaves_nothing_or_all_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    write_clip(Path("a.mp4"), 50)
    before, chance = contents(Path()), random.Random(2)
    line = [sys.executable, "-c", PROGRAM, "edit", "a.mp4", *SMILE, "-o", "b.mp4", "--report", "r.json", "--overwrite"]
    environment = {**os.environ, "PYTHONPATH": python_path(SRC)}

    def started() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    for _ in range(4):
        edit = started()
        time.sleep(chance.uniform(0.8, 4))
        edit.send_signal(signal.SIGKILL)
        edit.wait()
        if Path("b.mp4").exists():
            with VideoReader("b.mp4") as video:
                assert sum(1 for _ in video) == 50
    assert started().wait() == 0
    assert sorted(os.listdir()) == ["a.mp4", "b.mp4", "b.mp4.mien.json", "r.json"]
    assert contents(Path())["a.mp4"] == before["a.mp4"]
