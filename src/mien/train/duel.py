"""The training loop of a network that has a critic: both learn from the same batch, the critic from where it begins.

Checkpoints, rates, averages and reports are those of `mien.train.loop`.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Generator, Tensor, nn

from mien.core.report import Row
from mien.train.devices import chosen, moved, narrowed, on_cpu, seeded
from mien.train.loop import TrainOptions, follow, go_on, learning_rate, resumed, save_atomically

BETAS = 0.5, 0.99
"""Of Adam, for both: a critic changes what the network is told, so what was long ago must count for little."""

Sample = TypeVar("Sample")


class Duel(Protocol[Sample]):
    """What the loop needs: a network and its critic, fresh samples, what each of the two loses, and a score."""

    @property
    def network(self) -> nn.Module:
        """What learns, and ships."""
        ...

    @property
    def critic(self) -> nn.Module:
        """What learns to tell the network's answers from the truth."""
        ...

    @property
    def begins(self) -> int:
        """Samples after which the critic begins; before, the network could be told from the truth by anything."""
        ...

    def draw(self, batch: int, generator: Generator) -> Sample:
        """A fresh batch that `generator` alone decides."""
        ...

    def answer(self, sample: Sample) -> Tensor:
        """What the network makes of a batch."""
        ...

    def loss(self, sample: Sample, answer: Tensor, judged: bool) -> Tensor:
        """The network's loss; `judged` says whether the critic has a say in it."""
        ...

    def critic_loss(self, sample: Sample, answer: Tensor) -> Tensor:
        """The critic's loss on a batch and an answer that passes nothing back."""
        ...

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """Figures of `network`, in evaluation mode, on the validation pictures."""
        ...


def contest(
    task: Duel[Any],
    options: TrainOptions,
    checkpoint: Path,
    report: Callable[[int, float, tuple[Row, ...]], None],
    progress: bool = True,
) -> nn.Module:
    """Trains both, and gives back the averaged network in evaluation mode; see `mien.train.loop.train`.

    Raises:
        InputError: the checkpoint belongs to other options.
        UsageError: there is no such device.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    device = chosen(options.device)
    network, critic = (
        net.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # unknown to torch's stubs
        for net in (task.network, task.critic)
    )
    average: nn.Module = copy.deepcopy(network).eval()
    optimisers = [torch.optim.Adam(net.parameters(), lr=options.rate, betas=BETAS) for net in (network, critic)]
    kept: dict[str, Any] = {"network": network, "average": average, "critic": critic}
    kept |= {"optimiser": optimisers[0], "critic_optimiser": optimisers[1]}
    state = resumed(checkpoint, options)
    if state is not None:
        for name, part in kept.items():
            part.load_state_dict(state[name])

    def learn(generator: Generator, step: int) -> Tensor:
        """One step of both, after which the average has followed; the network's loss."""
        for group in (*optimisers[0].param_groups, *optimisers[1].param_groups):
            group["lr"] = learning_rate(step, options)
        judged = step * options.batch >= task.begins
        loss = _learn(task, options, device, generator, optimisers, judged)
        follow(average, network, step + 1)
        return loss

    def save(step: int) -> None:
        """Keeps everything needed to go on."""
        parts = {name: part.state_dict() for name, part in kept.items()}
        save_atomically(parts | {"step": step, "options": vars(options)}, checkpoint)

    begun = 0 if state is None else int(state["step"])
    go_on(options, begun, learn, lambda: task.score(on_cpu(average)), save, report, progress)
    return on_cpu(average)


def _learn(
    task: Duel[Any],
    options: TrainOptions,
    device: torch.device,
    generator: Generator,
    optimisers: list[torch.optim.Adam],
    judged: bool,
) -> Tensor:
    """One step of both on a fresh batch; the network's loss."""
    with torch.no_grad():
        sample = moved(task.draw(options.batch, generator), device)
    with seeded(device, generator.initial_seed()):  # what is random in a loss comes of the step, too
        task.critic.requires_grad_(False)  # it passes judgement on, and does not learn from what it flatters
        with narrowed(device, options.bfloat16):
            answer = task.answer(sample)
            loss = task.loss(sample, answer, judged)
        _step(loss, task.network, optimisers[0])
        if judged:
            task.critic.requires_grad_(True)
            with narrowed(device, options.bfloat16):
                critic_loss = task.critic_loss(sample, answer.detach())
            _step(critic_loss, task.critic, optimisers[1])
    return loss.detach()


def _step(loss: Tensor, network: nn.Module, optimiser: torch.optim.Adam) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
