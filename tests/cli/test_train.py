"""`mien train` as it is typed."""

from pathlib import Path

import pytest
from made_packs import make_packs

from mien.cli.main import run
from mien.core.card import ModelCard
from mien.weights.catalog import card, cards
from mien.weights.store import verify

pytestmark = pytest.mark.usefixtures("keep_signals")


def test_the_mean_face_is_learned_and_its_card_is_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packs, output = make_packs(tmp_path / "packs"), tmp_path / "out"
    assert run(["train", "face-shape", "--data", str(packs), "-o", str(output), "--steps", "2"]) == 0
    (made,) = cards(output)
    assert (made.name, made.recipe) == ("face-shape", "mien train face-shape --data packs")
    verify(made, output)
    said = capsys.readouterr()
    assert "face-shape.npz" in said.err.replace("\n", "")
    assert said.out == ""


def test_the_flags_of_a_training_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def noted(name: str, data: Path, folder: Path, changes: object, report: object, **others: object) -> ModelCard:
        given.update(others, name=name, changes=changes)
        return card("face-shape")

    monkeypatch.setattr("mien.train.recipes.run", noted)
    words = ["train", "lgml", "--data", str(tmp_path), "--start", "old.pt", "--ict", "rig.npz", "--seed", "3"]
    assert run(words) == 0
    names = {"name": "lgml", "start": Path("old.pt"), "rig": Path("rig.npz"), "size": "cpu"}
    assert given == {**names, "changes": {"seed": 3}}
    assert run(["train", "lgml", "--data", str(tmp_path)]) == 0
    assert (given["start"], given["rig"], given["changes"]) == (None, None, {})
    assert run(["train", "mouth", "--data", str(tmp_path), "--size", "gpu", "--device", "auto"]) == 0
    assert (given["name"], given["size"], given["changes"]) == ("mouth", "gpu", {"device": "auto"})


def test_one_word_trains_all_networks_of_the_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained: list[tuple[str, object]] = []
    folders: list[Path] = []

    def noted(name: str, data: Path, folder: Path, changes: object, report: object, **others: object) -> ModelCard:
        trained.append((name, others["size"]))
        folders.append(data)
        return card(name)

    monkeypatch.setattr("mien.train.recipes.run", noted)
    assert run(["train", "edit", "--data", str(tmp_path), "-o", "out", "--size", "gpu"]) == 0
    assert trained == [("motion", "gpu"), ("crease", "gpu"), ("mouth", "gpu")]
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == [
        f"out/{name}.onnx" for name in ("motion", "crease", "mouth")
    ]
    assert folders == [tmp_path] * 3
    lit = make_packs(tmp_path / "lit")
    assert run(["train", "edit", "--data", str(tmp_path), "--lit", str(lit)]) == 0
    assert folders[3:] == [tmp_path, lit, tmp_path]
    capsys.readouterr()
    assert run(["train", "mouth", "--data", str(tmp_path), "--lit", str(lit)]) == 2
    assert "--lit: E_USAGE: is of no use to mouth" in capsys.readouterr().err
    assert run(["train", "edit", "--data", str(tmp_path), "--lit", str(tmp_path / "gone")]) == 1
    assert "gone: E_NOTFILE" in capsys.readouterr().err.replace("\n", "")
    assert len(folders) == 6
    assert run(["train", "edit", "--data", str(tmp_path), "--start", "old.pt"]) == 2
    assert "--start: E_USAGE: is a checkpoint of one network, and edit is 3" in capsys.readouterr().err


def test_the_compact_rig_without_ict_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    packs = make_packs(tmp_path / "packs")
    assert run(["train", "compact-rig", "--data", str(packs), "-o", str(tmp_path / "out")]) == 3
    said = capsys.readouterr().err
    assert said.startswith("ict: E_MODEL: this rig is not installed")
    assert "mien rigs fetch ict" in said.replace("\n", " ")


@pytest.mark.parametrize(("name", "code"), [("gone.npz", "E_NOTFILE"), ("text.npz", "E_FORMAT")])
def test_what_is_no_ict_rig_is_a_wrong_input(
    name: str, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packs = make_packs(tmp_path / "packs")
    (tmp_path / "text.npz").write_text("no rig")
    arguments = ["train", "compact-rig", "--data", str(packs), "-o", str(tmp_path / "out")]
    assert run([*arguments, "--ict", str(tmp_path / name)]) == 1
    assert f"{tmp_path / name}: {code}: " in capsys.readouterr().err.replace("\n", "")


def test_a_start_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packs, missing = make_packs(tmp_path / "packs"), tmp_path / "gone.pt"
    arguments = ["train", "finder", "--data", str(packs), "-o", str(tmp_path / "out"), "--start", str(missing)]
    assert run(arguments) == 1
    assert f"{missing}: E_NOTFILE: there is no such checkpoint" in capsys.readouterr().err.replace("\n", "")


def test_an_unknown_training_is_a_wrong_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    assert run(["train", "moustache", "--data", str(tmp_path), "--output", str(output)]) == 2
    assert "moustache: E_USAGE: there is no such training" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("name", ["face-shape", "finder", "landmarks"])
def test_a_missing_folder_is_a_wrong_input(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "nowhere"
    assert run(["train", name, "--data", str(missing), "--output", str(tmp_path / "out")]) == 1
    assert f"{missing}: E_NOTFILE: holds no faces-*.npz" in capsys.readouterr().err


def test_a_refiner_without_landmarks_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "refiner", "--data", str(tmp_path), "--output", str(tmp_path / "out")]
    assert run(arguments) == 1
    assert "run `mien train landmarks` with the same output folder first" in capsys.readouterr().err
