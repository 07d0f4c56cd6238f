"""The loop learns, goes on after a kill as if nothing had happened, and refuses what does not belong together."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn

from mien.core.errors import InputError
from mien.core.report import Row
from mien.train.loop import TrainOptions, begin_from, learning_rate, save_atomically, train

OPTIONS = TrainOptions(steps=12, batch=16, rate=2e-2, threads=1, score_every=3, save_every=0.0)
Report = Callable[[int, float, tuple[Row, ...]], None]


class Toy:
    """Where in a small picture the bright spot is, by a network with convolution and normalisation."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.network: nn.Module = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)
        )

    def draw(self, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        places = torch.randint(6, (batch, 2), generator=generator)
        pictures = torch.zeros(batch, 1, 6, 6)
        pictures[torch.arange(batch), 0, places[:, 0], places[:, 1]] = 1
        return pictures, places / 6

    def loss(self, sample: tuple[Tensor, Tensor]) -> Tensor:
        pictures, places = sample
        return nn.functional.mse_loss(self.network(pictures).float(), places)

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        assert not network.training
        with torch.no_grad():
            pictures, places = self.draw(64, Generator().manual_seed(99))
            return (Row("error", float((network(pictures) - places).abs().mean())),)


class Killed(Exception):
    """Stands for a kill."""


def silent(step: int, loss: float, rows: tuple[Row, ...]) -> None:
    pass


def killed_at(last: int) -> Report:
    def report(step: int, loss: float, rows: tuple[Row, ...]) -> None:
        if step == last:
            raise Killed

    return report


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """The network of a training that nothing disturbed, and its checkpoint."""
    checkpoint = tmp_path_factory.mktemp("whole") / "toy.pt"
    return train(Toy(), OPTIONS, checkpoint, silent, progress=False), checkpoint


class TestLearningRate:
    def test_it_rises_over_the_first_steps_and_falls_to_a_hundredth(self) -> None:
        options = TrainOptions(steps=1000, rate=0.5)
        rates = [learning_rate(step, options) for step in range(1000)]
        rise = 30
        assert rates[0] == pytest.approx(0.5 / rise)
        assert rates[:rise] == sorted(rates[:rise])
        assert max(rates) == rates[rise] == rates[rise - 1] == pytest.approx(0.5)
        assert rates[rise:] == sorted(rates[rise:], reverse=True)
        assert rates[rise + 485] == pytest.approx(0.5 * 0.505, rel=0.01)
        assert rates[-1] == pytest.approx(0.005, rel=0.01)

    @pytest.mark.parametrize("steps", [1, 2, 3, 33])
    def test_a_short_training_has_a_rate_too(self, steps: int) -> None:
        rates = [learning_rate(step, TrainOptions(steps=steps, rate=1.0)) for step in range(steps)]
        assert all(math.isfinite(rate) and 0 < rate <= 1 for rate in rates)


class TestTrain:
    def test_it_learns(self, tmp_path: Path) -> None:
        said: list[tuple[int, float, float]] = []
        options = replace(OPTIONS, steps=150, score_every=50, save_every=60.0)
        network = train(
            Toy(),
            options,
            tmp_path / "toy.pt",
            lambda step, loss, rows: said.append((step, loss, rows[0].value)),
            progress=False,
        )
        assert [step for step, _, _ in said] == [50, 100, 150]
        assert said[-1][1] < 0.3 * said[0][1]
        assert said[-1][2] < said[0][2]
        assert not network.training
        assert (tmp_path / "toy.pt").exists(), "the last step is always kept"

    def test_the_seed_decides(self, whole: tuple[nn.Module, Path], tmp_path: Path) -> None:
        again = train(Toy(), OPTIONS, tmp_path / "one.pt", silent, progress=False)
        assert_same_weights(again, whole[0])
        other = train(Toy(), replace(OPTIONS, seed=1), tmp_path / "two.pt", silent, progress=False)
        assert any(not torch.equal(a, b) for a, b in zip(again.parameters(), other.parameters(), strict=True))

    def test_progress_is_not_said_on_standard_output(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        train(Toy(), replace(OPTIONS, steps=2), tmp_path / "toy.pt", silent)
        said = capsys.readouterr()
        assert said.out == ""
        assert "2/2" in said.err


class TestResume:
    @pytest.mark.parametrize("last", [3, 6, 12])
    def test_a_killed_training_ends_as_if_it_had_not_been(
        self, last: int, whole: tuple[nn.Module, Path], tmp_path: Path
    ) -> None:
        checkpoint = tmp_path / "toy.pt"
        with pytest.raises(Killed):
            train(Toy(), OPTIONS, checkpoint, killed_at(last), progress=False)
        assert torch.load(checkpoint, weights_only=True)["step"] == last - 1
        steps: list[int] = []
        resumed = train(Toy(seed=7), OPTIONS, checkpoint, lambda step, *_: steps.append(step), progress=False)
        assert steps == list(range(last, 13, 3))
        assert_same_weights(resumed, whole[0])
        ours, theirs = (torch.load(file, weights_only=True) for file in (checkpoint, whole[1]))
        assert all(torch.equal(ours["network"][name], theirs["network"][name]) for name in theirs["network"])

    def test_a_finished_training_is_not_done_again(self, whole: tuple[nn.Module, Path], tmp_path: Path) -> None:
        checkpoint = tmp_path / "toy.pt"
        checkpoint.write_bytes(whole[1].read_bytes())
        again = train(Toy(seed=3), OPTIONS, checkpoint, killed_at(12), progress=False)
        assert_same_weights(again, whole[0])

    @pytest.mark.parametrize("change", [{"steps": 13}, {"batch": 8}, {"rate": 1e-3}, {"decay": 0.5}, {"seed": 2}])
    def test_other_options_are_refused(
        self, change: dict[str, int], whole: tuple[nn.Module, Path], tmp_path: Path
    ) -> None:
        checkpoint = tmp_path / "toy.pt"
        checkpoint.write_bytes(whole[1].read_bytes())
        with pytest.raises(InputError, match="other options") as raised:
            train(Toy(), replace(OPTIONS, **change), checkpoint, silent, progress=False)  # type: ignore[arg-type]
        assert raised.value.code == "E_STATE"
        assert raised.value.source == str(checkpoint)

    def test_how_often_it_looks_may_change(self, whole: tuple[nn.Module, Path], tmp_path: Path) -> None:
        checkpoint = tmp_path / "toy.pt"
        with pytest.raises(Killed):
            train(Toy(), OPTIONS, checkpoint, killed_at(6), progress=False)
        options = replace(OPTIONS, score_every=100, save_every=1e9)
        assert_same_weights(train(Toy(), options, checkpoint, silent, progress=False), whole[0])


class TestCheckpoint:
    def test_a_half_written_one_does_not_matter(self, whole: tuple[nn.Module, Path], tmp_path: Path) -> None:
        checkpoint, partial = tmp_path / "toy.pt", tmp_path / "toy.pt.partial"
        partial.write_bytes(b"half of a checkpoint")
        with pytest.raises(Killed):
            train(Toy(), OPTIONS, checkpoint, killed_at(6), progress=False)
        partial.write_bytes(whole[1].read_bytes()[:100])
        assert_same_weights(train(Toy(), OPTIONS, checkpoint, silent, progress=False), whole[0])
        assert not partial.exists()

    def test_a_failed_save_leaves_the_old_one(self, tmp_path: Path) -> None:
        file = tmp_path / "some.pt"
        save_atomically({"step": 1}, file)
        with pytest.raises((AttributeError, TypeError, RuntimeError)):
            save_atomically({"step": lambda: 2}, file)  # a function of a function cannot be pickled
        assert torch.load(file, weights_only=True) == {"step": 1}


class TestBeginFrom:
    def test_it_loads_the_averaged_weights(self, whole: tuple[nn.Module, Path]) -> None:
        network = Toy(seed=5).network
        begin_from(network, whole[1])
        assert_same_weights(network, whole[0])
        state = torch.load(whole[1], weights_only=True)
        assert any(not torch.equal(state["network"][name], state["average"][name]) for name in state["average"])

    def test_a_training_goes_on_from_there_as_a_new_one(self, whole: tuple[nn.Module, Path], tmp_path: Path) -> None:
        task = Toy(seed=5)
        begin_from(task.network, whole[1])
        before = float(task.score(task.network.eval())[0].value)
        assert before == pytest.approx(Toy().score(whole[0])[0].value)
        steps: list[int] = []
        train(task, OPTIONS, tmp_path / "new.pt", lambda step, *_: steps.append(step), progress=False)
        assert steps == [3, 6, 9, 12]

    @pytest.mark.parametrize(
        "network",
        [
            nn.Linear(3, 2),
            nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(9, 2)),
        ],
        ids=["other names", "other shapes"],
    )
    def test_a_checkpoint_of_another_network_is_refused(
        self, network: nn.Module, whole: tuple[nn.Module, Path]
    ) -> None:
        before = {name: value.clone() for name, value in network.state_dict().items()}
        with pytest.raises(InputError, match="E_STATE: this checkpoint does not fit the network") as raised:
            begin_from(network, whole[1])
        assert raised.value.source == str(whole[1])
        assert "of the same network" in raised.value.remedy
        assert before.keys() == network.state_dict().keys()

    @pytest.mark.parametrize("state", [{}, {"average": None}, {"average": 3}, {"average": [1]}, 7, []])
    def test_a_file_that_is_no_checkpoint_is_refused(self, state: object, tmp_path: Path) -> None:
        torch.save(state, tmp_path / "odd.pt")
        with pytest.raises(InputError, match="E_STATE"):
            begin_from(Toy().network, tmp_path / "odd.pt")

    def test_a_missing_and_a_damaged_file_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="E_NOTFILE: there is no such checkpoint"):
            begin_from(Toy().network, tmp_path / "none.pt")
        (tmp_path / "half.pt").write_bytes(b"PK half of it")
        with pytest.raises(InputError, match="E_STATE: the checkpoint is damaged"):
            begin_from(Toy().network, tmp_path / "half.pt")
