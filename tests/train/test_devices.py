"""A training may run anywhere: what it needs goes where the batch is, and nothing is made elsewhere by the way.

There need not be a GPU. Torch's device `meta` stands for one: its tensors have shapes and no values, and refuse to meet
those of the CPU, as a GPU's do. And where values decide what is done next, everything that a loss makes without saying
where is made on `meta`, and must then not meet the batch.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from made_packs import make_packs
from made_pairs import make_pairs
from made_trainings import one_thread
from made_twice import pairs_pack
from torch import Generator, Tensor, nn

from mien.core.errors import UsageError
from mien.core.report import Row
from mien.train import devices, finder, texture
from mien.train.crease import CreaseTask
from mien.train.devices import CPU, chosen, moved, narrowed, on_cpu, seeded
from mien.train.finder import FinderTask
from mien.train.loop import TrainOptions, train
from mien.train.motion import MotionTask
from mien.train.mouth import MouthTask
from mien.train.reading import Misreading
from mien.train.texture import TextureTask

META = torch.device("meta")


@pytest.fixture(scope="module", autouse=True)
def _sized_down() -> Iterator[None]:
    with one_thread(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(texture, "_SCORED", 2)
        patch.setattr(finder, "VAL_CANVASES", 1)
        patch.setattr(finder, "VAL_ROOMS", 1)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_packs(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def tasks(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every recipe of the edit, and the finder."""
    torch.manual_seed(0)
    pairs = make_pairs(tmp_path_factory.mktemp("pairs"))
    return {
        "mouth": MouthTask(data),
        "texture": TextureTask(pairs, motion=True),
        "baseline": TextureTask(pairs, motion=False),
        "crease": CreaseTask(pairs),
        "motion": MotionTask(pairs_pack(tmp_path_factory.mktemp("twice") / "packs")),
        "finder": FinderTask(data),
    }


def drawn(task: Any, count: int = 2) -> Any:
    with torch.no_grad():
        return task.draw(count, Generator().manual_seed(1))


def learn(task: Any, sample: Any) -> list[Tensor]:
    """The losses of a step, passed back."""
    if not hasattr(task, "critic"):
        losses = [task.loss(sample)]
    else:
        answer = task.answer(sample)
        losses = [task.loss(sample, answer, True), task.critic_loss(sample, answer.detach())]
    for loss in losses:
        loss.backward()
    return losses


class Pair(NamedTuple):
    """A batch with something in it that is no tensor."""

    one: Tensor
    which: slice


class TestWhere:
    def test_a_name_says_where(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for there, auto in ((False, "cpu"), (True, "cuda")):
            monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
            assert chosen("cpu") == CPU
            assert chosen("auto").type == auto
        assert chosen("cuda").type == "cuda"

    def test_what_is_not_there_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(UsageError, match="--device: E_USAGE: torch finds no GPU") as raised:
            chosen("cuda")
        assert "--device cpu" in raised.value.remedy
        with pytest.raises(UsageError, match="there is no device 'tpu'"):
            chosen("tpu")

    def test_batches_are_moved_whole(self) -> None:
        pair = moved(Pair(torch.ones(2), slice(1)), META)
        assert isinstance(pair, Pair)
        assert (pair.one.device, pair.which) == (META, slice(1))
        inner = moved((torch.ones(1), (torch.ones(2), 3)), META)
        assert inner[1][0].device == META
        assert inner[1][1] == 3
        sample = Pair(torch.ones(2), slice(1))
        assert moved(sample, CPU).one is sample.one, "nothing is copied that is there"

    def test_a_network_is_scored_on_the_cpu(self) -> None:
        network = nn.Linear(2, 2)
        assert on_cpu(network) is network
        assert all(p.device == META for p in nn.Linear(2, 2, device=META).parameters())

    def test_chance_comes_of_the_seed_and_is_put_back(self) -> None:
        before = torch.random.get_rng_state()
        with seeded(CPU, 7):
            one = torch.rand(3)
        with seeded(CPU, 7):
            assert torch.equal(torch.rand(3), one)
        assert torch.equal(torch.random.get_rng_state(), before)

    @pytest.mark.parametrize(("capability", "narrow"), [("AVX2", False), ("AVX512", True), ("AVX512_VNNI", True)])
    def test_bfloat16_is_for_those_that_are_quick_with_it(
        self, capability: str, narrow: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
        assert devices.quick_with_bfloat16() == narrow
        for wanted in (True, False):
            with narrowed(CPU, wanted):
                assert torch.is_autocast_enabled("cpu") == (narrow and wanted)


def on(task: Any, device: torch.device) -> list[dict[str, Tensor]]:
    """Moves what learns; what it was."""
    nets = [net for name in ("network", "critic") if (net := getattr(task, name, None)) is not None]
    kept = [{name: value.clone() for name, value in net.state_dict().items()} for net in nets]
    for net in nets:
        net.to(device)
    return kept


@pytest.mark.parametrize("name", ["mouth", "crease", "motion", "texture", "baseline"])
class TestElsewhere:
    """Last in the file, as it leaves the networks without values."""

    def test_a_step_makes_nothing_without_saying_where(self, name: str, tasks: dict[str, Any]) -> None:
        sample = drawn(tasks[name])
        with META:
            losses = learn(tasks[name], sample)
        assert all(loss.device == CPU and loss.isfinite() for loss in losses)

    def test_a_step_of_a_moved_task_stays_there(self, name: str, tasks: dict[str, Any]) -> None:
        task = tasks[name]
        sample = moved(drawn(task), META)
        on(task, META)
        assert all(loss.device == META for loss in learn(task, sample))
        for network in (task.network, getattr(task, "critic", None)):
            grads = [] if network is None else [p.grad for p in network.parameters() if p.requires_grad]
            assert all(grad is None or grad.device == META for grad in grads)


def test_the_finder_makes_nothing_without_saying_where(tasks: dict[str, Any]) -> None:
    sample = drawn(tasks["finder"], 4)
    with META:
        (loss,) = learn(tasks["finder"], sample)
    assert loss.device == CPU


def test_what_a_fit_would_misread_is_asked_where_the_points_are() -> None:
    points = torch.empty((2, 478, 3), device=META)
    assert Misreading().cost(points, points + 1, torch.ones(478, device=META), 1.0).device == META


class Stray:
    """A loss that forgets where it is."""

    def __init__(self, make: Callable[[Tensor], Tensor]) -> None:
        self.network: nn.Module = nn.Linear(3, 1)
        self._make = make

    def draw(self, batch: int, generator: Generator) -> Tensor:
        return torch.rand((batch, 3), generator=generator)

    def loss(self, sample: Tensor) -> Tensor:
        loss: Tensor = (self.network(sample) * self._make(sample)).mean()
        return loss

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        return ()


@pytest.mark.parametrize("make", [lambda sample: torch.ones(len(sample), 1), lambda sample: torch.rand(len(sample), 1)])
def test_a_loss_that_forgets_where_it_is_is_found_both_ways(make: Callable[[Tensor], Tensor]) -> None:
    """The tests above can fail."""
    task = Stray(make)
    with META, pytest.raises(RuntimeError):
        learn(task, drawn(task))
    on(task, META)
    with pytest.raises(RuntimeError):
        learn(task, moved(drawn(task), META))


def test_the_device_may_change_when_a_training_goes_on(tmp_path: Path) -> None:
    """The checkpoint of one is that of the other: here, auto stands for where it goes on."""
    options = TrainOptions(steps=4, batch=4, threads=1, bfloat16=False, save_every=0.0)
    task = Stray(lambda sample: sample.new_ones(len(sample), 1))

    def killed(step: int, loss: float, rows: tuple[Row, ...]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(task, options, tmp_path / "stray.pt", killed, progress=False)
    assert torch.load(tmp_path / "stray.pt", weights_only=True)["step"] == 3
    elsewhere = TrainOptions(steps=4, batch=4, threads=1, bfloat16=False, save_every=0.0, device="auto")
    network = train(task, elsewhere, tmp_path / "stray.pt", lambda *_: None, progress=False)
    assert all(parameter.device == CPU for parameter in network.parameters())
