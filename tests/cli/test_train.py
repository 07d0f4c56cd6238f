"""`mien train` as it is typed."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_packs import make_packs

from mien.cli.main import run
from mien.weights.catalog import cards
from mien.weights.store import verify


@pytest.fixture(autouse=True)
def _keep_signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_the_mean_face_is_learned_and_its_card_is_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packs, output = make_packs(tmp_path / "packs"), tmp_path / "out"
    assert run(["train", "face-shape", "--data", str(packs), "-o", str(output), "--steps", "2"]) == 0
    (card,) = cards(output)
    assert (card.name, card.recipe) == ("face-shape", "mien train face-shape --data packs")
    verify(card, output)
    said = capsys.readouterr()
    assert "face-shape.npz" in said.err.replace("\n", "")
    assert said.out == ""


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


def test_expression_without_landmarks_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "expression", "--data", str(tmp_path), "--output", str(tmp_path / "out")]
    assert run(arguments) == 1
    assert "run `mien train landmarks` with the same output folder first" in capsys.readouterr().err
