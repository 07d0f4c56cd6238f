"""The refiner learns from photos and renders, from where the landmark network ends, and goes on after a kill."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from made_eyes import save_eyes
from made_packs import TRAIN, VAL, make_people, mirror, people_columns, save_pack
from made_trainings import assert_goes_on, one_thread
from torch import Generator, Tensor

from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.points import EYE_LEFT, EYE_RIGHT
from mien.data.packs import read_folder
from mien.nets.landmarks import FEATURES, SIDE
from mien.nets.refiner import Refiner
from mien.train.refiner import RENDERS, RefinerTask, Views
from mien.weights.store import verify


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_people(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="module")
def task(people: Path, tmp_path_factory: pytest.TempPathFactory) -> RefinerTask:
    torch.manual_seed(0)
    return RefinerTask(people, save_eyes(tmp_path_factory.mktemp("eyes")) / "landmarks.pt")


def draw(task: RefinerTask, count: int, seed: int = 1) -> Views:
    with torch.no_grad():
        return task.draw(count, Generator().manual_seed(seed))


def loss_at(task: RefinerTask, sample: Views) -> float:
    with torch.no_grad():
        return float(task.loss(sample))


class Answer(torch.nn.Module):
    """Says what it was told to."""

    def __init__(self, points: list[Tensor]) -> None:
        super().__init__()
        self.points = points

    def forward(self, cuts: Tensor, points: Tensor, features: Tensor) -> Tensor:
        return self.points.pop(0) if self.points else points


class TestDraw:
    def test_the_generator_alone_decides(self, task: RefinerTask) -> None:
        one, same, other = (draw(task, 6, seed) for seed in (1, 1, 2))
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not torch.equal(one.cuts, other.cuts)

    def test_a_batch_holds_what_the_landmark_network_saw(self, task: RefinerTask) -> None:
        sample = draw(task, 7)
        assert sample.cuts.shape == (7, 1, SIDE, SIDE)
        assert sample.points.shape == sample.true.shape == (7, 478, 3)
        assert sample.features.shape == (7, FEATURES)
        assert ((sample.trust > 0) & (sample.trust <= 1)).all()
        assert not any(part.requires_grad for part in sample)

    def test_true_points_lie_in_the_cut_and_sides_are_swapped_in_a_mirror(self, task: RefinerTask) -> None:
        true = draw(task, 40).true
        middle = true[..., :2].mean(1)
        assert float((middle - SIDE / 2).abs().max()) < SIDE / 3
        right, left = (true[:, list(ring), 0].mean(1) for ring in (EYE_RIGHT, EYE_LEFT))
        assert (right < left).float().mean() == 1
        assert torch.equal(torch.from_numpy(task.tiles.mirror), torch.from_numpy(mirror()))

    def test_renders_are_drawn_and_count_more(self, people: Path, tmp_path: Path) -> None:
        """All three packs are of one size; faces of each are told by their trust."""
        for kind, spread in (("hand", 1.5), ("renders", 0.0), ("wild", 3.0)):
            columns = people_columns(kind, 4)
            columns["spread"] = np.full(TRAIN + VAL, spread, np.float16)
            save_pack(tmp_path / f"faces-{kind}.npz", columns)
        task = RefinerTask(tmp_path, save_eyes(tmp_path / "eyes") / "landmarks.pt")
        trust = torch.cat([draw(task, 100, seed).trust for seed in range(4)])
        assert set(trust.mul(100).round().int().tolist()) == {100, 50, 20}
        rendered = float((trust == 1).float().mean())
        assert rendered == pytest.approx(RENDERS / (RENDERS + 2), abs=0.08)


class TestLoss:
    def test_it_is_less_where_the_points_are_right_and_finite_everywhere(self, task: RefinerTask) -> None:
        sample = draw(task, 8)
        right = loss_at(task, sample._replace(points=sample.true))
        wrong = loss_at(task, sample)
        assert 0 < right < 0.6 * wrong
        assert np.isfinite(wrong)

    def test_no_trust_no_say(self, task: RefinerTask) -> None:
        sample = draw(task, 8)
        half = torch.tensor([1.0] * 4 + [0.0] * 4)
        nonsense = torch.where(half[:, None, None] > 0, sample.true, sample.true.flip(0) + 50)
        one, other = sample._replace(trust=half), sample._replace(trust=half, true=nonsense)
        assert loss_at(task, one) == pytest.approx(loss_at(task, other), rel=1e-5)

    def test_learning_lowers_it(self, people: Path, tmp_path: Path) -> None:
        torch.manual_seed(1)
        task = RefinerTask(people, save_eyes(tmp_path) / "landmarks.pt")
        optimiser, sample = torch.optim.AdamW(task.network.parameters(), lr=2e-3), draw(task, 8, 9)
        before = loss_at(task, sample)
        for _ in range(20):
            optimiser.zero_grad()
            task.loss(sample).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        assert loss_at(task, sample) < 0.8 * before

    def test_the_landmark_network_does_not_learn(self, task: RefinerTask) -> None:
        assert isinstance(task.network, Refiner)
        loss = task.loss(draw(task, 4))
        loss.backward()  # type: ignore[no-untyped-call]
        assert task.network.move.weight.grad is not None
        assert float(task.network.move.weight.grad.abs().max()) > 0
        task.network.zero_grad()


class TestScore:
    def test_the_truth_is_no_error_and_a_shift_is_its_length(self, task: RefinerTask) -> None:
        """Twice: once to learn the true points by way of a network that gives back what it gets."""
        seen: list[Views] = []
        find = task._seen

        def watched(cuts: Tensor, true: Tensor, trust: Tensor) -> Views:
            seen.append(find(cuts, true, trust))
            return seen[-1]

        task._seen = watched  # type: ignore[method-assign]
        try:
            plain = task.score(Answer([]))
        finally:
            del task._seen
        names = [row.what for row in plain]
        assert names == [f"{pack} {what}" for pack in ("hand", "renders", "wild") for what in ("% IOD", "misread")]
        assert all(row.value > 0 for row in plain)
        truth = [views.true for views in seen]
        assert all(row.value == 0 for row in task.score(Answer(list(truth))))
        away = [
            true + 0.1 * (true[:, IRIS_LEFT] - true[:, IRIS_RIGHT])[:, None] * torch.tensor([1.0, 1, 0])
            for true in truth
        ]
        for row in task.score(Answer(away)):
            if "IOD" in row.what:
                assert row.value == pytest.approx(10, rel=1e-3)

    def test_a_pack_without_validation_faces_is_left_out(self, people: Path, tmp_path: Path) -> None:
        for kind in ("renders", "wild"):
            columns = people_columns(kind, 4)
            if kind == "renders":
                columns["split"] = np.full(TRAIN + VAL, "train")
            save_pack(tmp_path / f"faces-{kind}.npz", columns)
        task = RefinerTask(tmp_path, save_eyes(tmp_path / "eyes") / "landmarks.pt")
        assert [row.what for row in task.score(task.network)] == ["wild % IOD", "wild misread"]


def test_a_killed_training_goes_on_and_leaves_all_that_ships(people: Path, tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in people.iterdir()}

    def made(name: str) -> Path:
        folder = save_eyes(tmp_path / name)
        (folder / "refiner.pt").unlink()
        return folder

    folder, card = assert_goes_on("refiner", people, made)
    verify(card, folder)
    assert card.recipe.startswith("mien train refiner --data people")
    recipe = json.loads((folder / "refiner.json").read_text())
    assert recipe["options"]["steps"] == 4
    assert recipe["validation"].keys() >= {"renders % IOD", "wild % IOD"}
    assert {figure.what for figure in card.figures} >= {"wild misread", "torch against ONNX"}
    assert {file.name: file.read_bytes() for file in people.iterdir()} == before
    assert len(read_folder(people)[0]) == 3
