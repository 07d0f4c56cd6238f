"""A network and its critic learn by turns, and go on after a kill as if nothing had happened."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn

from mien.core.errors import InputError
from mien.core.report import Row
from mien.losses import hinge
from mien.train.duel import contest
from mien.train.loop import TrainOptions

OPTIONS = TrainOptions(steps=8, batch=16, rate=1e-2, decay=0.0, threads=1, score_every=2, save_every=0.0)


class Guess:
    """Answers with two numbers where the truth is a point on a circle."""

    begins = 48

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.network: nn.Module = nn.Sequential(nn.Conv2d(2, 8, 1), nn.ReLU(), nn.Conv2d(8, 2, 1))
        self.critic: nn.Module = nn.Sequential(nn.Conv2d(2, 8, 1), nn.ReLU(), nn.Conv2d(8, 1, 1))
        self.judged: list[bool] = []

    def draw(self, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        angle = torch.rand((batch, 1, 1, 1), generator=generator) * 6
        truth = torch.cat([angle.cos(), angle.sin()], 1)
        return truth + 0.3 * torch.randn(truth.shape, generator=generator), truth

    def answer(self, sample: tuple[Tensor, Tensor]) -> Tensor:
        answer: Tensor = self.network(sample[0])
        return answer

    def loss(self, sample: tuple[Tensor, Tensor], answer: Tensor, judged: bool) -> Tensor:
        self.judged.append(judged)
        loss = (answer - sample[1]).abs().mean()
        return loss - 0.1 * self.critic(answer).mean() if judged else loss

    def critic_loss(self, sample: tuple[Tensor, Tensor], answer: Tensor) -> Tensor:
        assert not answer.requires_grad
        real, made = self.critic(sample[1]), self.critic(answer)
        return hinge(real, made, torch.ones_like(real))

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        assert not network.training
        with torch.no_grad():
            seen, truth = self.draw(64, Generator().manual_seed(99))
            return (Row("error", float((network(seen) - truth).abs().mean())),)


class Killed(Exception):
    """Stands for a kill."""


def weights_of(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def told(task: Guess, folder: Path, options: TrainOptions = OPTIONS, last: int | None = None) -> dict[int, float]:
    said: dict[int, float] = {}

    def report(step: int, loss: float, rows: tuple[Row, ...]) -> None:
        if step == last:
            raise Killed
        said[step] = loss

    contest(task, options, folder / "guess.pt", report, progress=False)
    return said


def test_both_learn_and_the_critic_begins_when_it_should(tmp_path: Path) -> None:
    task = Guess()
    before = weights_of(task.network), weights_of(task.critic)
    told(task, tmp_path, replace(OPTIONS, steps=3))
    assert task.judged == [False] * 3
    assert not torch.equal(weights_of(task.network), before[0])
    assert torch.equal(weights_of(task.critic), before[1])
    later = Guess()
    told(later, tmp_path / "..", replace(OPTIONS, steps=5, save_every=1e9))
    assert later.judged == [False] * 3 + [True] * 2
    assert not torch.equal(weights_of(later.critic), before[1])


def test_learning_helps(tmp_path: Path) -> None:
    task = Guess()
    before = task.score(task.network.eval())[0].value
    average = contest(
        task, replace(OPTIONS, steps=150, save_every=1e9), tmp_path / "guess.pt", lambda *_: None, progress=False
    )
    assert task.score(average)[0].value < 0.7 * before


def test_the_critic_does_not_learn_from_what_it_flatters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights after a step are those of its own loss alone."""
    task = Guess()
    task.begins = 0
    told(task, tmp_path, replace(OPTIONS, steps=1))
    moved = weights_of(task.critic)

    alone = Guess()
    alone.begins = 0
    plain = alone.loss
    monkeypatch.setattr(alone, "loss", lambda sample, answer, judged: plain(sample, answer, False))
    (tmp_path / "alone").mkdir()
    told(alone, tmp_path / "alone", replace(OPTIONS, steps=1))
    torch.testing.assert_close(moved, weights_of(alone.critic))


def test_a_killed_contest_goes_on(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    one, other = Guess(), Guess()
    whole = told(one, folders[0])
    assert list(whole) == [2, 4, 6, 8]
    with pytest.raises(Killed):
        told(other, folders[1], last=6)
    assert torch.load(folders[1] / "guess.pt", weights_only=True)["step"] == 5
    again = Guess(seed=5)
    rest = told(again, folders[1])
    assert list(rest) == [6, 8]
    assert rest[8] == whole[8]
    for name in ("network", "critic"):
        assert torch.equal(weights_of(getattr(again, name)), weights_of(getattr(one, name)))


def test_another_trainings_checkpoint_is_refused(tmp_path: Path) -> None:
    told(Guess(), tmp_path)
    with pytest.raises(InputError, match="E_STATE: this checkpoint belongs to a training with other options"):
        told(Guess(), tmp_path, replace(OPTIONS, rate=0.1))
