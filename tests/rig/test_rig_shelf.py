import shutil
from pathlib import Path

import pytest
from made_flame import made_flame, official, write_npz
from made_ict import layout_of, made_ict, write_folder

from mien.core.errors import InputError, ModelError, UsageError
from mien.rig.compact import CompactRig
from mien.rig.flame import FlameRig
from mien.rig.flame_file import import_flame
from mien.rig.ict import IctRig
from mien.rig.ict_files import write_ict
from mien.rig.shelf import KNOWN, rig_named, rig_path, rigs_folder, shelf

MODEL = made_ict()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / "data" / name)


@pytest.fixture
def installed() -> Path:
    rigs_folder().mkdir(parents=True)
    write_ict(MODEL, rig_path("ict"))
    return rig_path("ict")


def test_rigs_lie_in_the_users_data_folder(tmp_path: Path) -> None:
    assert rig_path("ict") == tmp_path / "data" / "mien" / "rigs" / "ict.npz"
    assert not rigs_folder().exists()


def test_an_installed_rig_is_found_by_name_and_by_path(installed: Path) -> None:
    for name in ("ict", str(installed)):
        rig = rig_named(name)
        assert isinstance(rig, IctRig)
        assert layout_of(rig.model) == layout_of(MODEL)


def test_flame_is_told_from_ict_by_what_the_file_holds(tmp_path: Path, installed: Path) -> None:
    import_flame(write_npz(tmp_path / "given.npz", official(made_flame(100, 50))), rig_path("flame"))
    for name in ("flame", str(rig_path("flame"))):
        assert isinstance(rig_named(name), FlameRig)
    shutil.copy(installed, rig_path("flame"))
    assert isinstance(rig_named(str(rig_path("flame"))), IctRig)


def test_the_compact_rig_comes_with_mien() -> None:
    assert isinstance(rig_named("compact"), CompactRig)
    entry = next(entry for entry in shelf() if entry.known.name == "compact")
    assert (entry.place, entry.channels, entry.fault) == ("in the package", 51, "")
    assert entry.identities >= 40


@pytest.mark.parametrize(
    ("name", "command"),
    [("ict", "mien rigs fetch ict"), ("ict", "mien rigs import ict"), ("flame", "mien rigs import flame")],
)
def test_a_missing_rig_says_how_to_get_it(name: str, command: str) -> None:
    with pytest.raises(ModelError, match="E_MODEL: this rig is not installed") as caught:
        rig_named(name)
    assert command in caught.value.remedy


def test_an_unknown_name_lists_those_there_are() -> None:
    for name in ("metahuman", "", "ICT", "face.obj"):
        with pytest.raises(UsageError, match="no rig of that name") as caught:
            rig_named(name)
        for known in KNOWN:
            assert known.name in caught.value.remedy


def test_a_damaged_installation_says_to_install_it_again(installed: Path) -> None:
    whole = installed.read_bytes()
    for data in (whole[:1000], b"nothing", b"", whole.replace(b"neutral", b"neutrxl")):
        installed.write_bytes(data)
        with pytest.raises(ModelError, match=r"ict\.npz: E_MODEL: ") as caught:
            rig_named("ict")
        assert "--overwrite" in caught.value.remedy


def test_paths_that_are_no_rigs(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "folder").mkdir()
    for name, code in (("text.npz", "E_FORMAT"), ("nowhere.npz", "E_NOTFILE"), ("folder", "E_NOTFILE")):
        with pytest.raises(InputError) as caught:
            rig_named(str(tmp_path / name))
        assert caught.value.code == code


def test_a_folder_of_another_topology_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ICT Face Model Light has 26719"):
        rig_named(str(write_folder(MODEL, tmp_path / "FaceXModel")))


def test_the_shelf_shows_all_whatever_is_damaged(installed: Path) -> None:
    by_name = {entry.known.name: entry for entry in shelf()}
    assert list(by_name) == ["compact", "ict", "flame"]
    ict = by_name["ict"]
    assert (ict.place, ict.vertices, ict.identities, ict.channels) == (str(installed), len(MODEL.neutral), 3, 51)
    assert by_name["flame"].place is None
    installed.write_bytes(b"broken")
    (damaged,) = (entry for entry in shelf() if entry.known.name == "ict")
    assert "not a rig" in damaged.fault
    assert damaged.vertices == 0
