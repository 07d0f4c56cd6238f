from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import made_capture, made_reading

from mien.core.errors import InputError, OutputError, UsageError
from mien.core.face import Capture
from mien.formats.registry import FORMATS, load, save
from mien.formats.tables import CsvTable


@pytest.mark.parametrize("suffix", [*FORMATS, ".NPZ"])
def test_what_is_saved_loads_again(tmp_path: Path, suffix: str) -> None:
    capture, path = made_capture(), tmp_path / f"clip{suffix}"
    save(capture, path)
    again = load(path)
    assert (again.source, again.frames, len(again.takes)) == ("clip.mp4", 3, 2)
    for old, new in zip(capture.takes, again.takes, strict=True):
        np.testing.assert_allclose(
            new.state.expression.weights[new.valid], old.state.expression.weights[old.valid], rtol=1e-5
        )


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_face_is_a_capture_too(tmp_path: Path, suffix: str) -> None:
    save(Capture("empty.png", 10, 8, (), 1), tmp_path / f"empty{suffix}")
    assert load(tmp_path / f"empty{suffix}").takes == ()


@pytest.mark.parametrize("suffix", FORMATS)
def test_overwrites_only_when_asked(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    save(made_capture(), path)
    with pytest.raises(OutputError, match="E_EXISTS"):
        save(made_capture(), path)
    save(replace(made_capture(), source="other.mp4"), path, overwrite=True)
    assert load(path).source == "other.mp4"


@pytest.mark.parametrize("suffix", FORMATS)
def test_missing_and_empty_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    with pytest.raises(InputError, match="E_NOTFILE"):
        load(path)
    path.touch()
    with pytest.raises(InputError, match="E_EMPTY"):
        load(path)


@pytest.mark.parametrize("name", ["clip.pkl", "clip", "clip.json.gz"])
def test_unknown_extension_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"E_USAGE: .*\(use \.json, \.npz, \.csv\)"):
        save(made_capture(), tmp_path / name)
    with pytest.raises(UsageError, match=r"\.json, \.npz, \.csv"):
        load(tmp_path / name)


def test_a_table_of_several_sources_is_to_be_split(tmp_path: Path) -> None:
    with CsvTable(tmp_path / "t.csv") as table:
        table.write("a.mp4", made_reading())
        table.write("b.mp4", made_reading())
    with pytest.raises(InputError, match=r"E_FORMAT: holds 2 sources, a\.mp4 and b\.mp4 .*split it"):
        load(tmp_path / "t.csv")


def test_a_table_becomes_any_other_format(tmp_path: Path) -> None:
    save(made_capture(), tmp_path / "a.csv")
    save(load(tmp_path / "a.csv"), tmp_path / "b.npz")
    save(load(tmp_path / "b.npz"), tmp_path / "c.csv")
    assert (tmp_path / "a.csv").read_text().split("\n")[0] == (tmp_path / "c.csv").read_text().split("\n")[0]
    assert load(tmp_path / "c.csv").frames == 3
