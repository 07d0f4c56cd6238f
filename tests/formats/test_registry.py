from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import made_capture, made_reading
from made_bases import edited, made_over, put

from mien.core.basis import ARKIT, BASES, FACS, FEAFA, Basis
from mien.core.errors import InputError, OutputError, UsageError
from mien.core.face import Capture
from mien.formats.registry import EXTENSIONS, FORMATS, Format, format_of, load, save
from mien.formats.tables import CsvTable

OWN = [".json", ".npz", ".csv", ".parquet"]
"""Extensions of the formats that are mien's: they hold any basis, any number of faces, and none."""

EVERY = [(name, extension) for name, format in FORMATS.items() for extension in format.extensions]


def fitting(format: Format) -> Capture:
    """A capture that a format holds."""
    return made_over(BASES[format.basis or "arkit"], 3, 1 if format.single else 2)


def test_the_formats_are_those_that_are_documented() -> None:
    assert list(FORMATS) == ["take", "table", "livelink", "livelink-enum", "openface", "fex", "parquet"]
    assert all(format.name == name for name, format in FORMATS.items())
    assert list(EXTENSIONS) == OWN
    assert [name for name, format in FORMATS.items() if format.basis == "facs"] == ["openface", "fex"]


@pytest.mark.parametrize(("name", "extension"), EVERY)
def test_what_is_saved_in_a_format_loads_without_its_name(tmp_path: Path, name: str, extension: str) -> None:
    format = FORMATS[name]
    capture, path = fitting(format), tmp_path / f"clip{extension}"
    save(capture, path, format=name)
    for again in (load(path), load(path, format=name)):
        assert len(again.takes) == len(capture.takes)
        for old, new in zip(capture.takes, again.takes, strict=True):
            assert new.state.expression.basis == old.state.expression.basis
            seen = new.state.expression.weights[new.valid]
            np.testing.assert_allclose(
                seen.max(1),
                old.state.expression.weights[old.valid].max(1),
                rtol=0.1 if format.basis == "facs" else 1e-5,
            )


@pytest.mark.parametrize("suffix", [*OWN, ".NPZ"])
@pytest.mark.parametrize("basis", BASES)
def test_every_basis_is_kept(tmp_path: Path, suffix: str, basis: str) -> None:
    capture, path = made_over(BASES[basis]), tmp_path / f"clip{suffix}"
    save(capture, path)
    again = load(path)
    assert (again.source, again.frames, len(again.takes)) == ("clip.mp4", 3, 2)
    for old, new in zip(capture.takes, again.takes, strict=True):
        assert new.state.expression.basis.name == basis
        np.testing.assert_allclose(
            new.state.expression.weights[new.valid], old.state.expression.weights[old.valid], rtol=1e-5
        )


@pytest.mark.parametrize("suffix", OWN)
def test_no_face_is_a_capture_too(tmp_path: Path, suffix: str) -> None:
    save(Capture("empty.png", 10, 8, (), 1), tmp_path / f"empty{suffix}")
    assert load(tmp_path / f"empty{suffix}").takes == ()


@pytest.mark.parametrize(("name", "extension"), EVERY)
def test_overwrites_only_when_asked(tmp_path: Path, name: str, extension: str) -> None:
    path, capture = tmp_path / f"clip{extension}", fitting(FORMATS[name])
    save(capture, path, format=name)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="E_EXISTS"):
        save(capture, path, format=name)
    later = tuple(replace(take, times=2 * take.times, face=take.face + 1) for take in capture.takes)
    save(replace(capture, takes=later), path, overwrite=True, format=name)
    assert path.read_bytes() != before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("name", "extension"), EVERY)
def test_missing_and_empty_files(tmp_path: Path, name: str, extension: str) -> None:
    path = tmp_path / f"clip{extension}"
    for format in (None, name):
        with pytest.raises(InputError, match="E_NOTFILE"):
            load(path, format)
    path.touch()
    for format in (None, name):
        with pytest.raises(InputError, match="E_EMPTY"):
            load(path, format)


@pytest.mark.parametrize("name", ["clip.pkl", "clip", "clip.json.gz"])
def test_unknown_extension_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"E_USAGE: .*\(use \.json, \.npz, \.csv, \.parquet\)"):
        save(made_capture(), tmp_path / name)
    with pytest.raises(UsageError, match=r"\.json, \.npz, \.csv, \.parquet"):
        load(tmp_path / name)


def test_a_format_is_told_by_its_name_or_by_the_extension() -> None:
    assert format_of("faces.CSV") is FORMATS["table"]
    assert format_of(Path("faces.csv"), "fex") is FORMATS["fex"]
    assert format_of("take.npz") is FORMATS["take"]


def test_unknown_names_and_names_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no format 'openface3' \(known: take, table, livelink"):
        save(made_capture(), tmp_path / "t.csv", format="openface3")
    with pytest.raises(UsageError, match=r"take is not kept as \.csv \(use \.json, \.npz\)"):
        load(tmp_path / "t.csv", format="take")
    with pytest.raises(UsageError, match=r"fex is not kept as a file without extension \(use \.csv\)"):
        save(made_capture(), tmp_path / "t", format="fex")


@pytest.mark.parametrize(
    ("name", "basis"),
    [("openface", ARKIT), ("fex", FEAFA), ("livelink", FACS), ("livelink-enum", BASES["perfectsync"])],
)
def test_another_basis_is_not_converted(tmp_path: Path, name: str, basis: Basis) -> None:
    capture = made_over(basis, faces=1)
    wanted = FORMATS[name].basis
    with pytest.raises(UsageError, match=rf"holds weights over {wanted}, .*run `mien convert --to {wanted}`"):
        save(capture, tmp_path / "t.csv", format=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["livelink", "livelink-enum"])
def test_one_face_is_to_be_chosen(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"holds 3 faces \(choose one with --face\)"):
        save(made_capture(faces=3), tmp_path / "t.csv", format=name)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "take"])
def test_weights_that_no_table_is_read_with_are_not_written(tmp_path: Path, name: str) -> None:
    capture = fitting(FORMATS[name])
    take = capture.takes[0]
    weights = np.array(take.state.expression.weights)
    weights[1, 2] = 2.5
    state = replace(take.state, expression=replace(take.state.expression, weights=weights))
    path = tmp_path / f"t{FORMATS[name].extensions[0]}"
    column = take.state.expression.basis.columns[2]
    with pytest.raises(OutputError, match=f"face 0, frame 1, {column}: 2.5 lies outside -0.5 to 2.*--clip"):
        save(replace(capture, takes=(replace(take, state=state),)), path, format=name)
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_several_sources_is_to_be_split(tmp_path: Path) -> None:
    with CsvTable(tmp_path / "t.csv") as table:
        table.write("a.mp4", made_reading())
        table.write("b.mp4", made_reading())
    with pytest.raises(InputError, match=r"E_FORMAT: holds 2 sources, a\.mp4 and b\.mp4 .*takes/\{name\}.npz"):
        load(tmp_path / "t.csv")


def test_a_table_becomes_any_other_format(tmp_path: Path) -> None:
    save(made_capture(), tmp_path / "a.csv")
    save(load(tmp_path / "a.csv"), tmp_path / "b.npz")
    save(load(tmp_path / "b.npz"), tmp_path / "c.parquet")
    save(load(tmp_path / "c.parquet"), tmp_path / "d.csv")
    assert (tmp_path / "a.csv").read_text().split("\n")[0] == (tmp_path / "d.csv").read_text().split("\n")[0]
    assert load(tmp_path / "d.csv").frames == 3


@pytest.mark.parametrize("name", ["livelink", "openface", "fex"])
def test_a_damaged_file_of_another_program_is_still_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.csv"
    save(fitting(FORMATS[name]), path, format=name)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load(path).takes
    path.write_bytes(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    column = {"livelink": "JawOpen", "openface": "AU12_r", "fex": "AU12"}[name]
    with pytest.raises(InputError, match=f"line 3, {column}: 'x' is no number"):
        load(edited(path, put(column, "x")))


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"hello\n1\n", b"\n", b"x" * 200_000, b"\0" * 50])
def test_a_csv_that_nobody_knows_is_no_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"E_FORMAT: .*give a table saved by mien"):
        load(tmp_path / "t.csv")
