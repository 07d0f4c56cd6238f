"""The recipe learns what light does to drawn cheeks, says how much of it is foreseen, and goes on after a kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from made_pairs import make_pairs
from made_trainings import assert_goes_on, one_thread
from torch import Generator, Tensor, nn

from mien.data.creases import Change
from mien.train.crease import CreaseTask, foreseen
from mien.weights.store import verify


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def task(data: Path) -> CreaseTask:
    torch.manual_seed(0)
    return CreaseTask(data)


def draw(task: CreaseTask, count: int, seed: int = 1) -> Change:
    with torch.no_grad():
        return task.draw(count, Generator().manual_seed(seed))


class Oracle(nn.Module):
    """Answers what it was told before."""

    def __init__(self, gain: Tensor) -> None:
        super().__init__()
        self.told = gain

    def forward(self, brightness: Tensor, maps: Tensor, change: Tensor) -> Tensor:
        return self.told[: len(brightness)]


def test_the_truth_is_foreseen_and_nothing_is_not(task: CreaseTask) -> None:
    sample = draw(task, 4)
    assert foreseen(Oracle(sample.gain), sample) == pytest.approx(1)
    assert foreseen(Oracle(torch.zeros_like(sample.gain)), sample) == pytest.approx(0)
    assert foreseen(Oracle(-sample.gain), sample) == pytest.approx(-1, abs=1e-5)


def test_the_truth_costs_nothing(task: CreaseTask, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = draw(task, 4)
    monkeypatch.setattr(task, "network", Oracle(sample.gain))
    assert float(task.loss(sample)) == 0
    monkeypatch.setattr(task, "network", Oracle(sample.gain + 0.1))
    assert float(task.loss(sample)) > 0.1


def test_a_few_steps_foresee_a_little(data: Path) -> None:
    torch.manual_seed(0)
    task = CreaseTask(data)
    optimiser = torch.optim.Adam(task.network.parameters(), 3e-3)
    for step in range(40):
        loss = task.loss(draw(task, 4, step))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    rows = task.score(task.network.eval())
    assert [row.what for row in rows] == ["foreseen in faces-clip", "foreseen in faces-still"]
    assert all(row.value > 0.05 for row in rows)


def test_a_killed_training_goes_on_and_leaves_all_that_ships(data: Path, tmp_path: Path) -> None:
    def made(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        return folder

    folder, card = assert_goes_on("crease", data, made)
    verify(card, folder)
    assert card.size < 2_000_000
    (parity,) = (figure.value for figure in card.figures if figure.what == "torch against ONNX")
    assert 0 <= parity < 1e-4
