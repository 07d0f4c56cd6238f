"""What a batch survives: a thousand photos of which fifty are bad, and being killed at any moment, again and again."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish

from mien.compose.batches import RunOptions, run_batch
from mien.compose.outputs import BatchOptions
from mien.compose.sources import expanded
from mien.core.report import Report, Row
from mien.formats.registry import load
from mien.formats.tables import read_table

PHOTOS, BAD = 1000, 50
KILLS = 100
KILLED_PHOTOS = 60
LONGEST = 6.0
"""Seconds after its start by which a batch is killed: it takes about two until the first result."""

PROGRAM = "from mien.cli.main import main; main()"


def unpack(data: Path, count: int, folder: Path) -> list[Path]:
    """The first `count` validation photos of the pack of news photographs, as files."""
    pack = np.load(data / "faces-wild.npz", allow_pickle=False)
    stream, offsets = pack["webp"], pack["offsets"]
    paths = []
    for k in np.flatnonzero(pack["split"] == "val")[:count].tolist():
        paths.append(folder / f"{k:05d}.webp")
        paths[-1].write_bytes(stream[offsets[k] : offsets[k + 1]].tobytes())
    return paths


def spoil(path: Path, kind: int) -> None:
    """Makes a good photo one that no batch can read, in one of ten ways."""
    data = path.read_bytes()
    if kind in (7, 8):
        path.unlink()
        path.symlink_to(f"no-{path.name}") if kind == 7 else os.mkfifo(path)
        return
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + (20_000).to_bytes(4, "big") * 2 + b"\1\0\0\0\0\xd1\x7a\x5c\x3e"
    ways: dict[int, bytes] = {0: b"", 1: b"this is text", 2: b"<!doctype html><html>", 4: data[: len(data) // 2]}
    ways |= {3: b"version https://git-lfs.github.com/spec/v1\n", 5: bomb, 6: data[:20]}
    ways[9] = random.Random(kind).randbytes(5000)
    path.write_bytes(ways[kind])


def thousand(data: Path, count: int, bad: int, folder: Path) -> list[Row]:
    """Rows about a batch of which some photos are bad."""
    photos = folder / "photos"
    photos.mkdir()
    paths = unpack(data, count, photos)
    chosen = random.Random(0).sample(paths, bad)
    for number, path in enumerate(chosen):
        spoil(path, number % 10)
    batch = BatchOptions((folder / "out" / "all.csv", folder / "out" / "{name}.npz"))
    start = time.perf_counter()
    results = run_batch(expanded([photos]), batch, run=RunOptions(workers=2, journal=folder / "journal"))
    seconds = time.perf_counter() - start
    record = [json.loads(line) for line in (folder / "journal" / "record.jsonl").read_text("utf-8").splitlines()]
    failed = {each["path"] for each in record if each["status"] == "failed" and each["code"].startswith("E_")}
    files = list((folder / "out").glob("*.npz"))
    return [
        Row(f"results of {len(results)} photos of which {bad} are bad", len(files), "", f">= {count - bad}"),
        Row("bad ones with a record of their own", len(failed & {str(path) for path in chosen}), "", f">= {bad}"),
        Row("good ones called bad", len(failed - {str(path) for path in chosen}), "", "<= 0"),
        Row("faults of ours among the records", sum(each["code"] == "E_BUG" for each in record), "", "<= 0"),
        Row("photos a second, two workers, journal and takes written", len(results) / seconds, "1/s"),
    ]


def started(folder: Path, place: str) -> subprocess.Popen[bytes]:
    """A batch over the folder `in` of `folder`, its results and journal in `place`."""
    words = ["in", "-o", f"{place}/all.csv", "-o", f"{place}/{{name}}.npz", "--workers", "2"]
    line = [sys.executable, "-c", PROGRAM, "capture", *words, "--journal", f"{place}-journal"]
    return subprocess.Popen(line, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed(data: Path, kills: int, folder: Path) -> list[Row]:
    """Rows about batches that are killed until they have been killed often enough."""
    (folder / "in").mkdir()
    unpack(data, KILLED_PHOTOS, folder / "in")
    started(folder, "whole").wait()
    chance = random.Random(0)
    done = corrupt = unequal = rounds = 0
    while done < kills:
        rounds += 1
        place = f"killed-{rounds}"
        while True:
            batch = started(folder, place)
            try:
                batch.wait(chance.uniform(0.5, LONGEST))
            except subprocess.TimeoutExpired:
                batch.send_signal(signal.SIGKILL)
                batch.wait()
                done += 1
            else:
                break
            corrupt += sum(not _is_whole(path) for path in (folder / place).glob("[!.]*"))
        names = {path.name for path in (folder / "whole").iterdir()}
        same = names == {path.name for path in (folder / place).iterdir()}
        same = same and all(
            (folder / place / name).read_bytes() == (folder / "whole" / name).read_bytes() for name in names
        )
        unequal += not same
    return [
        Row("times killed by SIGKILL", done),
        Row("corrupt results after a kill", corrupt, "", "<= 0"),
        Row(
            f"batches, of {rounds}, whose table, takes or list of files differ from an uninterrupted one",
            unequal,
            "",
            "<= 0",
        ),
    ]


def _is_whole(path: Path) -> bool:
    try:
        if path.suffix == ".csv":
            read_table(path)
        else:
            load(path)
    except Exception:
        return False
    return True


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Run batches with bad photos, and batches that are killed.

    Args:
        data: Folder with the pack of news photographs.
        limit: So many photos, of which a twentieth is bad, and a tenth as many kills; 1,000 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    count = limit or PHOTOS
    with tempfile.TemporaryDirectory() as name:
        rows = thousand(data, count, count * BAD // PHOTOS, Path(name))
    with tempfile.TemporaryDirectory() as name:
        rows += killed(data, count * KILLS // PHOTOS, Path(name))
    notes = (
        "Bad in turn: empty, text, HTML, a git-lfs pointer, cut, a bomb, its first bytes alone, a dangling link, a "
        "pipe, random bytes.",
        f"Kills: {KILLED_PHOTOS} photos to a table and takes with two workers, killed at a random moment up to "
        f"{LONGEST:g} s after every start, until the batch ends; then the next batch.",
    )
    publish(Report("Batches", command(data, limit), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
