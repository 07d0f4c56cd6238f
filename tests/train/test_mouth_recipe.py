"""The painter learns to fill drawn mouths; the critic sees holes alone; a killed training goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from made_packs import make_packs
from made_trainings import assert_goes_on, one_thread
from torch import Generator, Tensor, nn

from mien.data.mouth_views import NARROW, Damaged
from mien.imaging.mouth_patch import HEIGHT, WIDTH
from mien.losses import in_cells
from mien.train import mouth
from mien.train.frozen_reader import laid_over
from mien.train.mouth import MouthTask
from mien.weights.store import verify


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(mouth, "BEGINS", 16)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_packs(tmp_path_factory.mktemp("drawn mouths"))


@pytest.fixture(scope="module")
def task(data: Path) -> MouthTask:
    torch.manual_seed(0)
    return MouthTask(data)


def draw(task: MouthTask, count: int, seed: int = 1) -> Damaged:
    with torch.no_grad():
        return task.draw(count, Generator().manual_seed(seed))


class TestDraw:
    def test_the_generator_alone_decides(self, task: MouthTask) -> None:
        one, same, other = (draw(task, 4, seed) for seed in (1, 1, 2))
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not torch.equal(one.target, other.target)

    def test_windows_are_narrow_or_the_whole_patch(self, task: MouthTask) -> None:
        sizes = {tuple(draw(task, 2, seed).target.shape[2:]) for seed in range(40)}
        assert NARROW in sizes
        assert sizes <= {NARROW, (HEIGHT, WIDTH)}


class TestLoss:
    def loss(self, task: MouthTask, sample: Damaged, answer: Tensor, judged: bool = False) -> float:
        with torch.no_grad():
            return float(task.loss(sample, answer, judged))

    def test_the_truth_costs_nothing_but_the_verdict(self, task: MouthTask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mouth, "_astray", lambda *pictures: pictures)
        sample = draw(task, 4)
        assert self.loss(task, sample, sample.target) == 0
        total = 0.0
        with torch.no_grad():
            for verdict in task.critic(sample.target, sample.maps):
                cells = in_cells(sample.maps[:, :1], verdict.score)
                total += float((verdict.score * cells).sum() / cells.sum())
        cost = self.loss(task, sample, sample.target, judged=True)
        assert cost == pytest.approx(-mouth.JUDGED * total, abs=1e-5)

    def test_the_hole_counts_most(self, task: MouthTask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mouth, "READ", 0.0)
        sample = draw(task, 4)
        hole = sample.maps[:, :1]
        inside, outside = sample.target + 20 * hole, sample.target + 20 * (1 - hole)
        area = float(hole.mean())
        ratio = self.loss(task, sample, inside) / self.loss(task, sample, outside)
        assert ratio > 4 * area / (1 - area)

    def test_what_is_read_otherwise_costs(self, task: MouthTask, monkeypatch: pytest.MonkeyPatch) -> None:
        for part in ("SLOPES", "AROUND"):
            monkeypatch.setattr(mouth, part, 0.0)
        monkeypatch.setattr(mouth, "covered_distance", lambda *others: torch.zeros(()))
        sample = draw(task, 4)
        grey = torch.where(sample.maps[:, :1] > 0, 128.0, sample.target)
        torch.manual_seed(5)
        loss = self.loss(task, sample, grey)
        few = sample.face[:1], torch.eye(2, 3)[None], sample.place[:1]
        torch.manual_seed(5)
        with torch.no_grad():
            joined = torch.lerp(sample.target, grey, sample.maps[:, :1])
            faces = [laid_over(few[0], one[:1], few[2]) for one in (joined, sample.target)]
            read, true = task._reader.glance(few[1], *faces)
        away = ((read - true)[:, task._columns] / task._unit).square().mean()
        assert loss == pytest.approx(mouth.READ * float(away), rel=1e-4)
        assert loss > 0
        grey.requires_grad_()
        (slopes,) = torch.autograd.grad(task.loss(sample, grey, judged=False), grey)
        told = slopes[0].abs().amax(0)
        assert told[sample.maps[0, 0] == 1].max() > 0
        assert told[sample.maps[0, 0] == 0].max() == 0

    def test_a_blur_costs_more_by_its_slopes(self, task: MouthTask, monkeypatch: pytest.MonkeyPatch) -> None:
        sample = draw(task, 4)
        blurred = nn.functional.avg_pool2d(sample.target, 5, 1, 2, count_include_pad=False)
        with_slopes = self.loss(task, sample, blurred)
        monkeypatch.setattr(mouth, "SLOPES", 0.0)
        assert with_slopes > 1.2 * self.loss(task, sample, blurred)

    def test_the_critic_finds_nothing_outside_the_hole(self, task: MouthTask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mouth, "_astray", lambda *pictures: pictures)
        sample = draw(task, 4)
        outside = torch.where(sample.maps[:, :1] > 0, sample.target, 255 - sample.target)
        with torch.no_grad():
            one, other = (float(task.critic_loss(sample, answer)) for answer in (sample.target, outside))
        assert one == other

    def test_the_critic_sees_one_window_of_all_that_begins_anywhere(self) -> None:
        place = torch.arange(48.0 * 96).view(1, 1, 48, 96)
        seen = [mouth._astray(place, place + 1) for _ in range(30)]
        assert all(torch.equal(one + 1, other) for one, other in seen)
        assert all(one.shape == (1, 1, 40, 88) for one, _ in seen)
        assert len({float(one.min()) for one, _ in seen}) > 15

    def test_learning_lowers_it(self, data: Path) -> None:
        torch.manual_seed(1)
        task = MouthTask(data)
        optimiser, sample = torch.optim.Adam(task.network.parameters(), lr=1e-3), draw(task, 8, 9)
        before = self.loss(task, sample, task.answer(sample))
        for _ in range(15):
            optimiser.zero_grad()
            task.loss(sample, task.answer(sample), judged=False).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        assert self.loss(task, sample, task.answer(sample)) < 0.85 * before

    def test_both_networks_get_gradients(self, task: MouthTask) -> None:
        sample = draw(task, 2)
        answer = task.answer(sample)
        task.loss(sample, answer, judged=True).backward()  # type: ignore[no-untyped-call]
        task.critic_loss(sample, answer.detach()).backward()  # type: ignore[no-untyped-call]
        for network in (task.network, task.critic):
            assert any(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())
            network.zero_grad()


class Truth(nn.Module):
    """Paints what was there, for those who let it look."""

    def forward(self, picture: Tensor, maps: Tensor, weights: Tensor, sharpness: Tensor) -> Tensor:
        return picture


def test_the_truth_is_scored_as_such(task: MouthTask) -> None:
    error, detail = task.score(Truth())
    assert error.value == 0
    assert detail.value == pytest.approx(1)
    grey = task.score(task.network.eval())
    assert grey[0].value > 10


def test_a_killed_training_goes_on_and_leaves_all_that_ships(data: Path, tmp_path: Path) -> None:
    """The critic begins at the third of four steps, the one that is lost."""

    def made(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        return folder

    folder, card = assert_goes_on("mouth", data, made)
    verify(card, folder)
    assert card.output_basis is None
    assert {figure.what for figure in card.figures} == {"hole error", "detail", "torch against ONNX"}
    (parity,) = (figure.value for figure in card.figures if figure.what == "torch against ONNX")
    assert 0 < parity < 1e-4
