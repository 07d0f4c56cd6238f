"""The recipe learns what light does to drawn cheeks, says how much of it is foreseen, and goes on after a kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from made_packs import save_pack
from made_pairs import make_pairs, pairs_columns
from made_trainings import assert_goes_on, one_thread
from torch import Generator, Tensor, nn

from mien.imaging.face_layout import HEIGHT, WIDTH
from mien.train.crease import OTHERS, Batch, CreaseTask, foreseen
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


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> CreaseTask:
    """With a pack beside the others whose people are in several lights."""
    folder = make_pairs(tmp_path_factory.mktemp("wild"))
    save_pack(folder / "faces-wild.npz", pairs_columns(seed=2))
    return CreaseTask(folder)


def draw(task: CreaseTask, count: int, seed: int = 1) -> Batch:
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
    sample = draw(task, 4).lit
    assert foreseen(Oracle(sample.gain), sample) == pytest.approx(1)
    assert foreseen(Oracle(torch.zeros_like(sample.gain)), sample) == pytest.approx(0)
    assert foreseen(Oracle(-sample.gain), sample) == pytest.approx(-1, abs=1e-5)


def test_the_truth_costs_nothing(task: CreaseTask, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = draw(task, 4)
    assert sample.hidden is None
    monkeypatch.setattr(task, "network", Oracle(sample.lit.gain))
    assert float(task.loss(sample)) == 0
    monkeypatch.setattr(task, "network", Oracle(sample.lit.gain + 0.1))
    assert float(task.loss(sample)) > 0.1


class Told(nn.Module):
    """Answers what it was told for each of the faces that it sees or does not see."""

    def __init__(self, lit: Tensor, hidden: Tensor) -> None:
        super().__init__()
        self.lit, self.hidden = lit, hidden

    def forward(self, brightness: Tensor, maps: Tensor, change: Tensor) -> Tensor:
        return self.lit if brightness.any() else self.hidden


def test_faces_in_any_light_are_hidden_and_their_lamps_cost_nothing(
    wild: CreaseTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = draw(wild, 2)
    assert sample.hidden is not None
    assert not sample.hidden.brightness.any()
    assert len(sample.hidden.gain) == OTHERS * len(sample.lit.gain)

    def cost(away: Tensor) -> float:
        assert sample.hidden is not None
        monkeypatch.setattr(wild, "network", Told(sample.lit.gain, sample.hidden.gain + away))
        return float(wild.loss(sample))

    across = torch.linspace(-1, 1, WIDTH).expand(1, 1, HEIGHT, WIDTH)
    fold = 0.2 * (torch.arange(HEIGHT)[:, None] // 3 % 2).expand(1, 1, HEIGHT, WIDTH)
    assert cost(torch.zeros(())) == pytest.approx(0, abs=1e-9)
    assert cost(0.1 * torch.ones(1, 1, HEIGHT, WIDTH)) == pytest.approx(0, abs=1e-6)
    assert 20 * cost(0.1 * across) < cost(fold)


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
