"""A disk or a share that fails while a source is read: that costs this source, and says so."""

import csv
import os
import sys
from pathlib import Path

import pytest
from made_failing import Reader, failing_disk
from made_films import index_first
from portraits import capturer, write_clip, write_photo

from mien.compose.batches import RunOptions, run_batch
from mien.compose.captures import capture_batch
from mien.compose.done import Done
from mien.compose.outputs import BatchOptions
from mien.pipelines.capture import CaptureOptions

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="knows a file by its descriptor in /proc")


@pytest.fixture
def sources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two photos, and between them a video that can be read half."""
    monkeypatch.setattr("mien.compose.captures.Capturer", lambda options: capturer())
    video = write_clip(folder / "in" / "b-failing.mp4", 40)
    video.write_bytes(index_first(video.read_bytes()))
    return [write_photo(folder / "in" / "a.png"), video, write_photo(folder / "in" / "c.png")]


def rows(table: Path) -> list[str]:
    with table.open(encoding="utf-8", newline="") as stream:
        return [row["source"] for row in csv.DictReader(stream)]


def check(results: list[Done], sources: list[Path], folder: Path) -> None:
    """Only the video failed, and said so; everything that was asked for of the others is there."""
    errors = [done.error for done in results]
    assert (errors[0], errors[2]) == (None, None)
    assert errors[1] is not None
    assert (errors[1].source, errors[1].code) == (str(sources[1]), "E_READ")
    assert "input/output error" in errors[1].cause
    assert rows(folder / "out" / "all.csv") == [str(sources[0]), str(sources[2])]
    assert sorted(os.listdir(folder / "out")) == ["a-o.png", "a.npz", "all.csv", "c-o.png", "c.npz"]


def outputs(folder: Path) -> BatchOptions:
    return BatchOptions((folder / "out" / "all.csv", folder / "out" / "{name}.npz"), folder / "out" / "{name}-o")


def test_one_process(sources: list[Path], folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with failing_disk():
        results = capture_batch(sources, outputs(folder))
    check(results, sources, folder)
    assert capfd.readouterr().err == ""


def test_workers_and_the_next_run_tries_again(
    sources: list[Path], folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = RunOptions(workers=2, journal=folder / "j")
    with monkeypatch.context() as patch:
        patch.setattr("mien.compose.batches.SourceReader", Reader)
        results = run_batch(sources, outputs(folder), run=run)
    check(results, sources, folder)
    assert capfd.readouterr().err == ""
    results = run_batch(sources, outputs(folder), CaptureOptions(), run)
    assert [done.error for done in results] == [None] * 3
    assert set(rows(folder / "out" / "all.csv")) == {str(source) for source in sources}
