"""Files that chance has damaged, through the whole capture: read, or refused by a named error without a trace."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_films import film, index_first
from made_hostile import encoded, face, jpeg, png, webp
from portraits import capturer

from mien.compose.captures import capture_batch
from mien.compose.done import Status
from mien.compose.outputs import BatchOptions
from mien.formats.registry import load
from mien.formats.tables import read_table
from mien.pipelines.capture import CaptureOptions

SOUND: dict[str, Callable[[], bytes]] = {
    "jpeg": jpeg,
    "progressive": lambda: jpeg(True),
    "png": png,
    "webp": webp,
    "avif": lambda: encoded(face(), "AVIF"),
    "mp4": film,
    "index first": lambda: index_first(film()),
    "matroska": lambda: film("matroska"),
    "avi": lambda: film("avi", "mpeg4"),
}

COUNT = int(os.environ.get("MIEN_MUTANTS", "60"))
"""How many are tried; the figure that is published is that of 2,000."""

EXPECTED = {
    *("E_EMPTY", "E_FORMAT", "E_LFS", "E_TRUNC", "E_CORRUPT", "E_TOOBIG", "E_ASPECT"),
    *("E_NOVIDEO", "E_CODEC", "E_METADATA"),
}
"""Codes that damage may come to."""


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A sound file with up to four changes, mostly near its start, where the headers are."""
    data = bytearray(SOUND[draw(st.sampled_from(sorted(SOUND)))]())
    for _ in range(draw(st.integers(1, 4))):
        place = int(draw(st.floats(0, 1, exclude_max=True)) ** draw(st.sampled_from((1, 3))) * len(data))
        size = draw(st.sampled_from((1, 2, 4, 16, 512)))
        change = draw(st.sampled_from(("flip", "zero", "drop", "put", "repeat", "cut", "over")))
        if change == "flip" and data:
            data[min(place, len(data) - 1)] ^= 1 << draw(st.integers(0, 7))
        elif change == "zero":
            data[place : place + size] = bytes(len(data[place : place + size]))
        elif change == "drop":
            del data[place : place + size]
        elif change == "put":
            data[place:place] = draw(st.binary(min_size=1, max_size=8)) * size
        elif change == "repeat":
            data[place:place] = data[place : place + size]
        elif change == "over":
            put = draw(st.binary(min_size=1, max_size=8))
            data[place : place + len(put)] = put
        else:
            del data[place:]
    return bytes(data)


@cache
def loaded(options: CaptureOptions) -> object:
    return capturer()


@settings(max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=mutants())
def test_a_damaged_file_is_read_or_refused_by_name(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mien.compose.captures.Capturer", loaded)
        folder = tmp_path_factory.mktemp("mutant", numbered=True)
        source, out = folder / "a.bin", folder / "out"
        source.write_bytes(data)
        batch = BatchOptions((out / "t.npz", out / "t.csv"), out / "drawn")
        # Of these bytes none are a larger picture, so a header that says so is one that was changed.
        (done,) = capture_batch([source], batch, CaptureOptions(max_pixels=1_000_000))
    assert source.read_bytes() == data
    left = sorted(os.listdir(out)) if out.exists() else []
    if done.status is Status.FAILED:
        assert done.error is not None
        assert done.error.code in EXPECTED
        assert done.error.remedy
        assert left == []
    else:
        assert len(left) == 3
        assert len(load(out / "t.npz").takes) == done.faces
        assert len(read_table(out / "t.csv")) == done.faces
    remove(folder)


def remove(folder: Path) -> None:
    """Takes a folder away: two thousand of them would fill a small disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
