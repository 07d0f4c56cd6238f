"""The one training loop: any task with a network and a loss, resumable at every checkpoint."""

import copy
import math
import os
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Generator, Tensor, nn

from mien.core.errors import InputError
from mien.core.report import Row
from mien.train.devices import chosen, moved, narrowed, on_cpu, seeded


@dataclass(frozen=True)
class TrainOptions:
    """How long and how fast a network learns. Saved beside its weights."""

    steps: int = 10_000
    """Batches to learn from."""
    batch: int = 128
    """Samples a batch."""
    rate: float = 2e-3
    """Highest learning rate; it rises over the first steps and falls to nothing along a cosine."""
    decay: float = 0.02
    """Weight decay."""
    seed: int = 0
    """Where every random number comes from: the same seed makes the same batches."""
    threads: int = 0
    """CPU threads; 0 takes all."""
    score_every: int = 1000
    """Steps between two looks at the validation pictures."""
    save_every: float = 60.0
    """Seconds between two checkpoints."""
    bfloat16: bool = True
    """Whether convolutions run in bfloat16, on GPUs and on processors with AVX-512: others take eight times as long."""
    width: int = 1
    """How many times as many channels a network has as the one that ships."""
    device: str = "cpu"
    """Where it learns: cpu, cuda, or auto, which is a GPU where there is one. It may change when a training goes on."""


Sample = TypeVar("Sample")


class Task(Protocol[Sample]):
    """What the loop needs of a task: a network, fresh samples, their loss, and a score."""

    @property
    def network(self) -> nn.Module:
        """What learns."""
        ...

    def draw(self, batch: int, generator: Generator) -> Sample:
        """A fresh batch that `generator` alone decides."""
        ...

    def loss(self, sample: Sample) -> Tensor:
        """The loss of the network on a batch."""
        ...

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """Figures of `network`, in evaluation mode, on the validation pictures."""
        ...


def learning_rate(step: int, options: TrainOptions) -> float:
    """The rate at a step: a rise over 3 % of the steps, then a cosine to a hundredth."""
    rise = max(int(options.steps * 0.03), 1)
    if step < rise:
        return options.rate * (step + 1) / rise
    along = (step - rise) / max(options.steps - rise, 1)
    return options.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * along)) / 2)


def save_atomically(state: dict[str, object], file: Path) -> None:
    """Writes a checkpoint beside `file` and renames it: a kill at any moment leaves the old one or the new one."""
    partial = file.with_name(file.name + ".partial")
    torch.save(state, partial)
    os.replace(partial, file)


def train(
    task: Task[Sample],
    options: TrainOptions,
    checkpoint: Path,
    report: Callable[[int, float, tuple[Row, ...]], None],
    progress: bool = True,
) -> nn.Module:
    """Trains, and gives back the averaged network in evaluation mode.

    Args:
        task: what to learn.
        options: for how long.
        checkpoint: file that holds everything needed to go on after a kill; read when it exists.
        report: called with step, mean loss since the last call, and the scores.
        progress: whether a bar is shown.

    Raises:
        InputError: the checkpoint belongs to other options.
        UsageError: there is no such device.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    device = chosen(options.device)
    network: nn.Module = task.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # unknown to torch's stubs
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(list(network.parameters()), lr=options.rate, weight_decay=options.decay)
    step = _resume(checkpoint, options, network, average, optimiser)

    def learn(generator: Generator, step: int) -> Tensor:
        """One step, after which the average has followed; its loss."""
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, options)
        loss = _learn(task, options, device, generator, network.train(), optimiser)
        follow(average, network, step + 1)
        return loss

    def save(step: int) -> None:
        """Keeps everything needed to go on."""
        state = {"network": network.state_dict(), "average": average.state_dict(), "step": step}
        save_atomically(state | {"optimiser": optimiser.state_dict(), "options": vars(options)}, checkpoint)

    go_on(options, step, learn, lambda: task.score(on_cpu(average)), save, report, progress)
    return on_cpu(average)


def go_on(
    options: TrainOptions,
    step: int,
    learn: Callable[[Generator, int], Tensor],
    score: Callable[[], tuple[Row, ...]],
    save: Callable[[int], None],
    report: Callable[[int, float, tuple[Row, ...]], None],
    progress: bool = True,
) -> None:
    """The steps of a training from `step` on: learns, and scores, reports and saves when it is time.

    Args:
        options: for how long, and how often.
        step: how many are done.
        learn: called with a generator that the step alone decides, and the steps done; gives the loss.
        score: of what was learned so far.
        save: called with the steps done.
        report: as of `train`.
        progress: whether a bar is shown.
    """
    generator, losses, saved = Generator(), [], time.monotonic()
    with _progress_bar(progress) as bar:
        line = bar.add_task("", total=options.steps, completed=step)
        while step < options.steps:
            generator.manual_seed(options.seed * 1_000_003 + step)
            losses.append(learn(generator, step))
            step += 1
            bar.update(line, advance=1)
            finished = step == options.steps
            if finished or step % options.score_every == 0:
                scores = score()
                mean = float(torch.stack(losses).mean())
                losses.clear()
                report(step, mean, scores)
                figures = "  ".join(f"{row.what} {row.value:.4g}" for row in scores[:3])
                bar.update(line, description=f"loss {mean:.4f}  {figures}")
            if finished or time.monotonic() - saved > options.save_every:
                save(step)
                saved = time.monotonic()


def _progress_bar(shown: bool) -> Progress:
    """The bar of a training, on standard error."""
    counts, times = (BarColumn(), MofNCompleteColumn()), (TimeElapsedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)  # results alone go to standard output
    return Progress(*counts, TextColumn("{task.description}"), *times, console=console, disable=not shown)


def _learn(
    task: Task[Sample],
    options: TrainOptions,
    device: torch.device,
    generator: Generator,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
) -> Tensor:
    """One step on a fresh batch; its loss."""
    with torch.no_grad():
        sample = moved(task.draw(options.batch, generator), device)
    # What networks forget comes of the step, too, after a kill as before.
    with seeded(device, generator.initial_seed()), narrowed(device, options.bfloat16):
        loss = task.loss(sample)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return loss.detach()


def follow(average: nn.Module, network: nn.Module, step: int) -> None:
    """Moves the averaged weights a little towards those after `step` steps; at first, much."""
    keep = min(0.998, step / (step + 20))
    with torch.no_grad():
        for slow, fast in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if slow.dtype.is_floating_point:
                slow.lerp_(fast, 1 - keep)
            else:
                slow.copy_(fast)


def read_checkpoint(file: Path) -> dict[str, Any]:
    """What `train` saved. Raises `InputError` when the file is missing or damaged."""
    if not file.exists():
        remedy = f"run `mien train {file.stem}` with the same output folder first"
        raise InputError(file, "E_NOTFILE", "there is no such checkpoint", remedy)
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        remedy = "remove it, and train again"
        raise InputError(file, "E_STATE", "the checkpoint is damaged", remedy) from error
    return state


def begin_from(network: nn.Module, file: Path) -> None:
    """Gives `network` the averaged weights of another training's checkpoint.

    Raises:
        InputError: the file is missing, damaged, or of a network of another shape.
    """
    try:
        network.load_state_dict(read_checkpoint(file)["average"])
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:  # whatever another file holds
        remedy = "name the checkpoint of a training of the same network"
        raise InputError(file, "E_STATE", "this checkpoint does not fit the network", remedy) from error


def resumed(checkpoint: Path, options: TrainOptions) -> dict[str, Any] | None:
    """What a training that was begun with these options left; None when it is the first.

    Raises:
        InputError: the checkpoint is damaged, or belongs to other options.
    """
    if not checkpoint.exists():
        return None
    state = read_checkpoint(checkpoint)
    same = ("steps", "batch", "rate", "decay", "seed", "bfloat16", "width")
    if any(state["options"].get(name, getattr(TrainOptions, name)) != getattr(options, name) for name in same):
        remedy = "name another folder, or give the options it was started with"
        raise InputError(checkpoint, "E_STATE", "this checkpoint belongs to a training with other options", remedy)
    return state


def _resume(
    checkpoint: Path, options: TrainOptions, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> int:
    state = resumed(checkpoint, options)
    if state is None:
        return 0
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])
