from pathlib import Path

import pytest
from made_flame import made_flame, official, write_npz
from made_ict import files_of_model, layout_of, made_ict, write_folder

from mien.cli.main import run
from mien.compose import rig_fetch
from mien.rig import ict_files
from mien.rig.ict_files import DRIVERS, IctModel, read_ict, write_ict
from mien.rig.shelf import rig_path

MODEL = made_ict()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / "data" / name)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of OBJ files whose topology passes for the published one."""
    monkeypatch.setattr(ict_files.read_ict, "__defaults__", (layout_of(MODEL), lambda name: None))
    return write_folder(MODEL, tmp_path / "ICT-FaceKit" / "FaceXModel")


def test_lists_what_is_missing_and_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rigs"]) == 0
    out = capsys.readouterr().out
    for text in ("compact", "flame", "not installed", "mien rigs fetch ict", "mien rigs import flame"):
        assert text in out


def test_import_then_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rigs", "import", "ict", str(folder.parent)]) == 0
    said = capsys.readouterr().err
    assert f"installed {rig_path('ict')}" in said
    assert "W_RELEASE" in said  # the made numbers are not the published ones
    assert read_ict(rig_path("ict")).sha256() == MODEL.sha256()
    assert run(["rigs", "list"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│ ict")]
    for text in (f"{len(MODEL.neutral)}", "3", "51", "MIT"):
        assert text in row


def test_import_of_another_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ict(MODEL, tmp_path / "copy.npz")
    assert run(["rigs", "import", "ict", str(tmp_path / "copy.npz")]) == 0
    assert rig_path("ict").read_bytes() == (tmp_path / "copy.npz").read_bytes()


def test_import_of_flame_says_whose_it_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = write_npz(tmp_path / "flame.npz", official(made_flame(100, 50)))
    assert run(["rigs", "import", "flame", str(given)]) == 0
    said = capsys.readouterr().err
    assert "FLAME's licence goes on to hold for this file" in said
    assert f"installed {rig_path('flame')}" in said
    assert run(["rigs"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│ flame")]
    assert "5,023" in row
    assert run(["rigs", "import", "flame", str(given)]) == 2


def test_a_second_import_needs_overwrite(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rigs", "import", "ict", str(folder)]) == 0
    before = rig_path("ict").stat().st_mtime_ns
    assert run(["rigs", "import", "ict", str(folder)]) == 2
    assert "E_EXISTS: the ict rig is installed already (--overwrite replaces it)" in capsys.readouterr().err
    assert rig_path("ict").stat().st_mtime_ns == before
    assert run(["rigs", "import", "ict", str(folder), "--overwrite"]) == 0


@pytest.mark.parametrize("kind", ["ict", "flame"])
def test_a_failed_import_installs_nothing(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npz").write_text("no rig")
    for path in ("nowhere", "text.npz", "empty"):
        assert run(["rigs", "import", kind, str(tmp_path / path)]) == 1
        said = capsys.readouterr().err
        assert said.startswith(str(tmp_path / path))
        assert said.count("\n") == 1
        assert not rig_path(kind).exists()


def test_a_folder_with_a_file_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "jawOpen.obj").unlink()
    assert run(["rigs", "import", "ict", str(folder)]) == 1
    assert "E_NOTFILE: jawOpen.obj is missing" in capsys.readouterr().err


def test_unknown_kinds_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rigs", "import", "metahuman", "here"]) == 2
    assert run(["rigs", "fetch", "flame"]) == 2  # FLAME is gated: nobody fetches it but its user
    capsys.readouterr()


def test_fetch_says_first_what_it_will_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said_before: list[str] = []

    def fetched(target: Path, overwrite: bool, step: object) -> IctModel:
        said_before.append(capsys.readouterr().err)
        write_ict(MODEL, target, overwrite)
        return MODEL

    monkeypatch.setattr(rig_fetch, "fetch_ict", fetched)
    assert run(["rigs", "fetch", "ict"]) == 0
    (said,) = said_before
    for text in (rig_fetch.BASE, "115 files", "290 MB", "MIT", "USC Institute for Creative Technologies"):
        assert text in said
    assert f"installed {rig_path('ict')}" in capsys.readouterr().err
    assert run(["rigs", "fetch", "ict"]) == 2
    assert len(said_before) == 1
    assert run(["rigs", "fetch", "ict", "--overwrite"]) == 0


def test_nothing_but_fetch_opens_a_socket(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **others: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.connect", refused)
    assert run(["rigs"]) == 0
    assert run(["rigs", "import", "ict", str(folder)]) == 0


def test_the_made_folder_is_complete() -> None:
    assert set(files_of_model(MODEL)) >= {f"{shape}.obj" for shape in DRIVERS}
