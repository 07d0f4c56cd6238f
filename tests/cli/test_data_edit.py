"""`mien data edit`: a pack of edited photos that training reads, and what it says when there is nothing to edit."""

from pathlib import Path

import numpy as np
import pytest
from made_packs import TRAIN, VAL, faces_columns, save_pack

from mien.cli.main import run
from mien.compose.edited_faces import TOLD
from mien.core.basis import ARKIT
from mien.data.packs import read_faces, read_folder, read_photos
from mien.train.seen import Looked, SeenFaces, _looked

pytestmark = pytest.mark.usefixtures("keep_signals")

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a pack of calm faces."""
    folder = tmp_path / "packs"
    folder.mkdir()
    save_pack(folder / "faces-plain.npz", faces_columns("plain", 3, tuple(range(TRAIN + VAL))))
    return folder


def command(data: Path, output: Path, *words: str) -> list[str]:
    return ["data", "edit", "--data", str(data), "-o", str(output), *words]


def test_a_pack_of_edited_photos_is_read_as_one(data: Path, capsys: Captured) -> None:
    given = {file: file.read_bytes() for file in data.iterdir()}
    path = data / "faces-edited.npz"
    assert run(command(data, path, "--count", "5")) == 0
    assert "5 faces to train on, 1 to validate; wrote" in " ".join(capsys.readouterr().err.split())
    pack = read_faces(path)
    assert pack.edited
    assert not pack.rendered
    assert not pack.by_hand
    assert [name for name, there in zip(ARKIT.columns, pack.named, strict=True) if there] == sorted(
        TOLD, key=ARKIT.index
    )
    assert [len(pack.indices(split)) for split in ("train", "val")] == [5, 1]
    assert set(pack.label.tolist()) == {""}, "nobody called them neutral"
    assert all(file.read_bytes() == content for file, content in given.items())
    assert run(command(data, path)) == 2, "it is there already"
    assert run(command(data, path, "--count", "5", "--overwrite")) == 0, "an edited pack beside the photos is no photo"
    again = read_faces(path)
    np.testing.assert_array_equal(again.weights, pack.weights)
    assert sorted(file.name for file in data.iterdir()) == ["faces-edited.npz", "faces-plain.npz"]


def test_a_training_believes_what_was_asked_and_nothing_else(data: Path) -> None:
    assert run(command(data, data / "faces-edited.npz", "--count", "2")) == 0
    packs = read_folder(data)[0]
    assert [pack.name for pack in packs] == ["faces-edited", "faces-plain"]
    assert [pack.name for pack in read_photos(data)[0]] == ["faces-plain"]
    nobody = SeenFaces(*(np.zeros(0) for _ in SeenFaces.__annotations__))
    looked: Looked = _looked(packs, nobody, nobody)
    np.testing.assert_array_equal(np.flatnonzero(looked.true[0]), np.sort(ARKIT.indices(TOLD)))
    assert not looked.true[1].any()
    assert looked.rendered == (False, False)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--count", "0"], 2, "--count: E_USAGE: 0 faces make no pack"),
        (["--seed", "-1"], 2, "--seed: E_USAGE: -1 is below 0"),
        (["-o", "faces.zip"], 2, "--output: E_USAGE: faces.zip is no name of a pack"),
        (["--data", "nothing"], 1, "nothing: E_NOTFILE: holds no faces-*.npz"),
        (["--data", "edited"], 1, "edited: E_NOTFILE: holds made faces alone"),
        (["--data", "frowning"], 4, "frowning: E_NOTHING: no photo to train on shows a face that can be edited"),
    ],
)
def test_what_makes_no_pack_is_said(
    words: list[str],
    code: int,
    message: str,
    data: Path,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("nothing", "edited", "frowning"):
        (tmp_path / name).mkdir()
    columns = faces_columns("plain", 3, tuple(range(TRAIN + VAL)))
    save_pack(tmp_path / "edited" / "faces-made.npz", {**columns, "edited": np.array(True)})
    shown = np.array(columns["blendshapes"])
    shown[:, ARKIT.index("mouthFrownLeft")] = 0.5
    save_pack(tmp_path / "frowning" / "faces-made.npz", {**columns, "blendshapes": shown})
    output = [] if "-o" in words else ["-o", "faces-new.npz"]
    folder = [] if "--data" in words else ["--data", str(data)]
    assert run(["data", "edit", *words, *output, *folder]) == code
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert "Traceback" not in said
    assert not Path("faces-new.npz").exists()
