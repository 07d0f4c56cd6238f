"""Results that nobody will like to read again are said, in whatever way they were made."""

from pathlib import Path

import pytest
from portraits import capturer, write_clip, write_photo

from mien.compose import long_results
from mien.compose.batches import RunOptions, run_batch
from mien.compose.captures import capture_batch
from mien.compose.done import Steps
from mien.compose.outputs import BatchOptions
from mien.pipelines.capture import CaptureOptions

Said = list[tuple[object, str, str]]


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.compose.captures.Capturer", lambda options: capturer())


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    return [write_clip(tmp_path / "long.mp4", 24), write_photo(tmp_path / "short.png"), tmp_path / "missing.mp4"]


def said_of(sources: list[Path], batch: BatchOptions, run: RunOptions | None = None) -> Said:
    said: Said = []
    steps = Steps(warned=lambda *words: said.append(words))
    if run is None:
        capture_batch(sources, batch, steps=steps)
    else:
        run_batch(sources, batch, CaptureOptions(), run, steps)
    return said


@pytest.mark.parametrize("run", [None, RunOptions(workers=1)], ids=["alone", "workers"])
def test_a_long_take_of_json(
    sources: list[Path], run: RunOptions | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_results, "LONG_TAKE", 1 << 16)
    outputs = tuple(tmp_path / name for name in ("{name}.json", "{name}.npz", "all.csv"))
    ((target, code, cause),) = said_of(sources, BatchOptions(outputs), run)
    assert (target, code) == (tmp_path / "long.json", "W_LONG")
    assert "of JSON take minutes to read; .npz keeps more" in cause
    monkeypatch.setattr(long_results, "JSON_LIMIT", 1 << 16)
    ((_, _, cause),) = said_of(sources, BatchOptions(outputs, overwrite=True), run)
    assert "of JSON are more than mien reads; .npz" in cause


@pytest.mark.parametrize("name", ["all.csv", "{name}.csv"])
def test_a_table_that_mien_does_not_read(
    sources: list[Path], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said_of(sources, BatchOptions((tmp_path / name,))) == []
    monkeypatch.setattr(long_results, "READ_LIMIT", 1 << 12)
    ((target, code, cause),) = said_of(sources, BatchOptions((tmp_path / name,), overwrite=True))
    assert (target, code) == (tmp_path / name.format(name="long"), "W_LONG")
    assert "MiB of a table is more than mien reads; without --landmarks it is short" in cause


def test_of_what_all_failed_nothing_is_said(tmp_path: Path) -> None:
    assert said_of([tmp_path / "missing.mp4"], BatchOptions((tmp_path / "all.csv",))) == []
