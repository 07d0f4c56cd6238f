"""The list of hostile files, each alone and all in one batch: a named error, no trace of it, and nobody else harmed."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_films import FRAMES, film, photo, slides
from made_hostile import HOSTILE, PLACES, Hostile, jpeg
from portraits import capturer

from mien.cli.main import run
from mien.compose.batches import RunOptions, run_batch
from mien.compose.done import Status
from mien.compose.outputs import BatchOptions
from mien.core.errors import printable
from mien.formats.registry import load
from mien.pipelines.capture import CaptureOptions, Capturer

Captured = pytest.CaptureFixture[str]

IN_PARTS = (40, 41)
"""Kinds that are read in part."""


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Works in a folder of its own, loads the networks once, leaves SIGTERM as it was, and refuses any connection."""
    before = signal.getsignal(signal.SIGTERM)

    def capturer_for(options: CaptureOptions) -> Capturer:
        return capturer() if options == CaptureOptions() else Capturer(options)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr("mien.compose.captures.Capturer", capturer_for)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    yield
    signal.signal(signal.SIGTERM, before)


def numbered(case: Hostile) -> str:
    return f"{case.number}-{ascii(case.name)[1:31]}"


def state(path: Path) -> tuple[object, ...]:
    """What a file is, to be compared with later; nothing for what is no file."""
    if path.is_symlink() or not path.is_file():
        return (path.is_symlink(), path.exists() if not path.is_symlink() else os.readlink(path))
    found = path.stat()
    return (path.read_bytes(), found.st_mtime_ns, found.st_mode)


@pytest.mark.parametrize("case", HOSTILE, ids=numbered)
def test_alone(case: Hostile, tmp_path: Path, capsys: Captured) -> None:
    path = Path(case.name)
    case.make(tmp_path / path)
    before = state(tmp_path / path)
    there = set(os.listdir())
    start = time.monotonic()
    status = run(["capture", "-o", "t.json", "-o", "t.csv", "--overlay", "drawn", "--", case.name])
    took = time.monotonic() - start
    said = capsys.readouterr()
    assert state(tmp_path / path) == before
    assert said.out == ""
    assert "Traceback" not in said.err
    assert "Warning:" not in said.err
    lines, name = said.err.splitlines(), printable(case.name)
    left = set(os.listdir()) - there
    if case.code:
        assert status == 1
        (line, _) = lines
        assert re.fullmatch(rf"{re.escape(name)}: {case.code}: .+", line)
        assert case.words in line
        assert left == set()
        assert took < 5  # one second, and room for a slow machine
        return
    assert status == (1 if case.number in IN_PARTS else 0)
    assert len(left) == 3
    capture = load(Path("t.json"))
    if case.faces is not None:
        assert len(capture.takes) == case.faces
    noted = {line.split(": ")[1] for line in lines if line.startswith(f"{name}: ")} - {"no face found"}
    if case.number in IN_PARTS:
        assert noted == {"W_PARTIAL"}
        assert case.words in said.err
    else:
        assert noted == set(case.notes)


def test_all_in_one_batch(tmp_path: Path) -> None:
    """Each a record with the same code, nothing left of what failed, and the good ones among them as if alone."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    sources, expected = [], []
    for k, case in enumerate(HOSTILE):
        name = case.name if case in PLACES and "/" not in case.name else f"{k}-{Path(case.name).name}"
        path = tmp_path / "in" / name
        case.make(path)
        sources.append(path)
        wanted = Status.FAILED if case.code else Status.PARTIAL if case.number in IN_PARTS else Status.DONE
        notes = sorted((*case.notes, *(("W_PARTIAL",) if case.number in IN_PARTS else ())))
        expected.append((case.number, str(wanted), case.code, notes))
        if k % 10 == 0:
            (tmp_path / "in" / f"good-{k}.jpg").write_bytes(jpeg())
            sources.append(tmp_path / "in" / f"good-{k}.jpg")
            expected.append((0, "done", "", []))
    batch = BatchOptions((tmp_path / "out" / "all.csv", tmp_path / "out" / "{name}.npz"))
    results = run_batch(sources, batch, run=RunOptions(workers=1, journal=tmp_path / "j"))
    record = [json.loads(line) for line in (tmp_path / "j" / "record.jsonl").read_text("utf-8").splitlines()]
    assert len(record) == len(results) == len(sources)
    found = [
        (number, each["status"], each["code"], sorted(note["code"] for note in each["notes"]))
        for (number, *_), each in zip(expected, record, strict=True)
    ]
    assert found == expected
    good = {path.stem for path, (_, status, *_) in zip(sources, expected, strict=True) if status != "failed"}
    assert {path.stem for path in (tmp_path / "out").glob("*.npz")} == good
    assert {path.name for path in (tmp_path / "out").iterdir() if path.suffix != ".npz"} == {"all.csv"}


def test_what_may_not_be_read(unprivileged: Path, capsys: Captured) -> None:
    locked = unprivileged / "locked.jpg"
    locked.write_bytes(jpeg())
    locked.chmod(0)
    assert run(["capture", str(locked), "-o", str(unprivileged / "t.csv")]) == 1
    assert capsys.readouterr().err.startswith(f"{locked}: E_PERM: permission denied")
    assert os.listdir(unprivileged) == ["locked.jpg"]


def test_what_a_folder_holds_besides_is_counted(capsys: Captured) -> None:
    Path("in/deep").mkdir(parents=True)
    Path("in/a.jpg").write_bytes(jpeg())
    for name in ("b.gif", "deep/c.TIFF", "deep/d.tiff", "notes.txt", ".e.gif"):
        Path("in", name).write_bytes(b"anything")
    assert run(["capture", "in", "-o", "t.csv"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "W_KINDS: 3 files of kinds that are not read passed over (.gif .tiff)"
    assert run(["capture", "in/a.jpg", "-o", "u.csv"]) == 0
    assert "W_KINDS" not in capsys.readouterr().err


def test_damage_is_allowed_when_asked_and_said(capsys: Captured) -> None:
    half = jpeg()[: len(jpeg()) * 9 // 10]
    Path("cut.jpg").write_bytes(half)
    assert run(["capture", "cut.jpg", "-o", "t.json"]) == 1
    assert "E_TRUNC" in capsys.readouterr().err
    assert run(["capture", "cut.jpg", "-o", "t.json", "--allow-damaged"]) == 0
    said = capsys.readouterr().err
    assert f"cut.jpg: damaged: read in spite of damage: truncated: {len(half)} bytes, image incomplete" in said
    assert len(load(Path("t.json")).takes) == 1


def test_the_limit_of_pixels_is_moved_as_the_message_says(capsys: Captured) -> None:
    Path("a.jpg").write_bytes(jpeg())
    assert run(["capture", "a.jpg", "--max-pixels", "47999"]) == 1
    assert "E_TOOBIG: 0 MP > limit 0 MP (--max-pixels raises it)" in capsys.readouterr().err
    assert run(["capture", "a.jpg", "--max-pixels", "48000"]) == 0
    assert run(["capture", "a.jpg", "--max-pixels", "0"]) == 2


@pytest.mark.parametrize("name", ["long.mp4", "long.mkv"])
def test_the_limit_of_frames_is_moved_as_the_message_says(name: str, capsys: Captured) -> None:
    Path(name).write_bytes(
        film() if name == "long.mp4" else slides([photo()] * FRAMES, [40 * k for k in range(FRAMES)])
    )
    assert run(["capture", name, "-o", "t.csv", "--max-frames", str(FRAMES - 1)]) == 1
    said = capsys.readouterr().err
    # An MP4 says how many frames it has, before any is read; this Matroska does not.
    found = f"{FRAMES} frames > limit {FRAMES - 1}" if name == "long.mp4" else f"more than {FRAMES - 1} frames"
    assert f"{name}: E_TOOBIG: {found} (--max-frames raises it" in said
    assert os.listdir() == [name]
    assert run(["capture", name, "--max-frames", str(FRAMES)]) == 0
    assert run(["capture", name, "--max-frames", "0"]) == 2
