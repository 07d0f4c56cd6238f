import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from portraits import blank, capturer, contents, placed, write_clip, write_photo

from mien.compose.batches import RunOptions, run_batch
from mien.compose.captures import capture_batch
from mien.compose.digest_sink import DigestSink, about, models_used
from mien.compose.done import Steps
from mien.compose.outputs import BatchOptions
from mien.compose.sources import Source
from mien.core.errors import StateError, UsageError
from mien.formats.columns import meant
from mien.pipelines.capture import CaptureOptions, Capturer
from mien.weights.brought import brought_card


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def capturer_for(options: CaptureOptions) -> Capturer:
        return capturer() if options == CaptureOptions() else Capturer(options)

    monkeypatch.setattr("mien.compose.captures.Capturer", capturer_for)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Photos of one name in two folders, a video, a picture without a face, and a file that is none."""
    for name in ("in/a", "in/b/c"):
        (tmp_path / name).mkdir(parents=True)
    write_photo(tmp_path / "in" / "a" / "x.png")
    write_photo(tmp_path / "in" / "b" / "c" / "x.png", placed((100, 90), 0.8)[0])
    write_clip(tmp_path / "in" / "clip.mp4", 6)
    write_photo(tmp_path / "in" / "nobody.png", blank())
    (tmp_path / "in" / "bad.jpg").write_text("this is text")
    before = contents(tmp_path / "in")
    yield tmp_path
    assert contents(tmp_path / "in") == before


NETWORKS = """
import numpy as np
from mien.weights import catalog, store

read, names = store.read_file, []
def noting(card, *rest):
    names.append(card.name)
    return read(card, *rest)
store.read_file = noting

from mien.core.image import Frame
from mien.pipelines.capture import CaptureOptions, Capturer
from portraits import placed

(_, readings), = Capturer(CaptureOptions(fit=FIT)).stream([Frame(placed((120, 100))[0])])
assert readings
print(*sorted(set(names)))
"""


@pytest.mark.parametrize("fit", [False, True])
def test_the_networks_that_are_named_are_those_that_read(fit: bool) -> None:
    program = NETWORKS.replace("FIT", str(fit))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], check=True, env=environment, capture_output=True, text=True)
    assert sorted(name for name, _ in models_used(CaptureOptions(fit=fit))) == run.stdout.split()


def test_another_landmarker_is_named_in_the_place_of_ours() -> None:
    ours, peers = (dict(about(CaptureOptions(landmarker=who)).models) for who in ("mien", "mediapipe"))
    assert peers["mediapipe"] == brought_card("mediapipe").sha256
    assert set(ours) - set(peers) == {"finder", "landmarks-8bit", "lgml", "refiner"}
    assert "mediapipe" not in ours


def test_a_file_of_which_the_system_says_nothing_has_no_size() -> None:
    for path in (Path("x" * 300), Path("missing"), Path("a\0b")):
        DigestSink(path, Source(str(path), []), BatchOptions(), CaptureOptions(), None)


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "in").rglob("*.*") if path.is_file())


def everything(place: Path, base: Path) -> BatchOptions:
    outputs = ("all.csv", "all.parquet", "{folder}/{name}.json", "{folder}/{name}.parquet")
    return BatchOptions(
        tuple(place / name for name in outputs),
        summary=place / "{folder}/{name}-summary",
        report=place / "list",
        base=base,
    )


def test_workers_leave_what_one_process_leaves_and_go_on_where_they_stopped(folder: Path) -> None:
    alone = capture_batch(sources(folder), everything(folder / "alone", folder / "in"))
    run = RunOptions(workers=2, journal=folder / "j")
    together = run_batch(sources(folder), everything(folder / "out", folder / "in"), run=run)
    assert contents(folder / "out") == contents(folder / "alone")
    assert [done.status for done in together] == [done.status for done in alone]
    assert {str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*") if path.is_file()} == {
        *("all.csv", "all.parquet", "list.html"),
        *(f"{name}{ending}" for name in ("a/x", "b/c/x", "clip", "nobody")
          for ending in (".json", ".parquet", "-summary.png")),
    }  # fmt: skip
    page = (folder / "out" / "list.html").read_text("utf-8")
    for said in ("5 sources", "bad.jpg", "E_FORMAT", "no face found", "clip.mp4"):
        assert said in page
    # Both tables hold the rows of the same faces; the failed source has none.
    rows = parquet.read_table(folder / "out" / "all.parquet").to_pylist()
    with (folder / "out" / "all.csv").open(newline="", encoding="utf-8") as stream:
        cells = list(csv.DictReader(stream))
    assert [(row["source"], row["frame"]) for row in rows] == [(meant(c["source"]), int(c["frame"])) for c in cells]
    assert [f"{row['jawOpen']:.6g}" for row in rows] == [row["jawOpen"] for row in cells]
    # Nothing is read again; a lost picture is drawn again; what a kill left behind is swept up.
    read: list[Path] = []
    steps = Steps(done=lambda done: read.append(done.path))
    before = contents(folder / "out")
    run_batch(sources(folder), everything(folder / "out", folder / "in"), run=run, steps=steps)
    assert read == []
    (folder / "out" / "clip-summary.png").unlink()
    (folder / "j" / "rows").joinpath(sorted(os.listdir(folder / "j" / "rows"))[0]).unlink()
    run_batch(sources(folder), everything(folder / "out", folder / "in"), run=run, steps=steps)
    assert folder / "in" / "clip.mp4" in read
    assert contents(folder / "out") == before
    # Pictures or none is a term of the batch.
    other = BatchOptions(report=folder / "out" / "list", report_pictures=False)
    with pytest.raises(StateError, match="E_STATE"):
        run_batch(sources(folder), other, run=run)


def test_a_page_for_each_source_and_one_for_a_single_one(folder: Path) -> None:
    batch = BatchOptions(report=folder / "out" / "{folder}" / "{name}", base=folder / "in")
    capture_batch(sources(folder), batch)
    pages = {str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.html")}
    assert pages == {"a/x.html", "b/c/x.html", "clip.html", "nobody.html"}
    capture_batch([folder / "in" / "clip.mp4"], BatchOptions(report=folder / "one.html", report_pictures=False))
    page = (folder / "one.html").read_text("utf-8")
    assert 'class="chart"' in page
    assert "<img" not in page
    (done,) = run_batch([folder / "in" / "clip.mp4"], BatchOptions(report=folder / "two.html"), run=RunOptions(1))
    assert done.error is None
    assert 'class="chart"' in (folder / "two.html").read_text("utf-8")


def test_sources_that_all_failed_leave_nothing(folder: Path) -> None:
    (folder / "in" / "worse.jpg").write_text("text")
    try:
        bad = [folder / "in" / "bad.jpg", folder / "in" / "worse.jpg"]
        outputs = BatchOptions((folder / "all.parquet",), summary=folder / "{name}.png", report=folder / "list.html")
        assert all(done.error is not None for done in capture_batch(bad, outputs))
        assert sorted(os.listdir(folder)) == ["in"]
    finally:
        (folder / "in" / "worse.jpg").unlink()


@pytest.mark.parametrize("name", ["r.html", "s.png", "t.parquet"])
def test_what_is_there_stays_and_nothing_is_read(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"mine")
    given = {
        "r.html": BatchOptions(report=folder / name),
        "s.png": BatchOptions(summary=folder / name),
        "t.parquet": BatchOptions((folder / name,)),
    }[name]
    with pytest.raises(UsageError, match="E_EXISTS"):
        capture_batch([folder / "in" / "clip.mp4"], given, steps=Steps(opened=lambda path, frames: pytest.fail("read")))
    assert (folder / name).read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("package", "batch", "extra"),
    [
        ("pyarrow", BatchOptions((Path("t.parquet"),)), "tables"),
        ("matplotlib", BatchOptions(summary=Path("s")), "report"),
        ("jinja2", BatchOptions(report=Path("r")), "report"),
    ],
)
def test_a_missing_package_is_said_before_anything_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, package: str, batch: BatchOptions, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf'{package}, which is not installed \(pip install "mien\[{extra}\]"\)'):
        capture_batch([folder / "in" / "clip.mp4"], batch)
    assert sorted(os.listdir(folder)) == ["in"]
