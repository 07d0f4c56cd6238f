"""The residual learns what people do beyond the rig; a killed training goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from made_trainings import assert_goes_on, one_thread
from made_twice import pairs_pack

from mien.core.errors import InputError
from mien.train.loop import TrainOptions, train
from mien.train.motion import MotionTask
from mien.weights.store import verify


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pairs_pack(tmp_path_factory.mktemp("twice"))


def test_lips_that_drop_further_are_learned(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    task = MotionTask(data)
    before = {row.what: row.value for row in task.score(task.network.eval())}
    options = TrainOptions(steps=120, batch=32, rate=3e-3, score_every=120, bfloat16=False)
    network = train(task, options, tmp_path / "motion.pt", lambda *_: None, progress=False)
    after = {row.what: row.value for row in task.score(network)}
    assert before["rig, turn, residual: lips"] == before["rig: lips"] == after["rig: lips"]
    assert after["rig, turn, residual: lips"] < 0.8 * min(after["rig: lips"], after["rig, turn: lips"])


def test_a_killed_training_goes_on_and_ships(data: Path, tmp_path: Path) -> None:
    def made(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        return folder

    folder, card = assert_goes_on("motion", data, made)
    verify(card, folder)
    assert card.output_basis is None


def test_a_folder_without_anybody_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nobody is there twice"):
        MotionTask(pairs_pack(tmp_path / "generated", name="faces-synthetic"))
