"""What a training is: what learns, from what, for how long, and what is told of it on the card."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from mien.core.errors import UsageError
from mien.core.report import Row
from mien.train.duel import Duel
from mien.train.export import Signature, Story
from mien.train.loop import Task, TrainOptions, train

Report = Callable[[int, float, tuple[Row, ...]], None]
"""Is told the step, the mean loss and the scores: see `train`."""


@dataclass(frozen=True)
class Recipe:
    """A training.

    Args:
        options: for how long, on two cores of a CPU: what the shipped weights were learned with.
        task: makes the task from the folder of the packs, the folder of the results, and how many times as wide its
            network is to be.
        exported: the part of the trained network that ships.
        signature: how it looks from outside.
        story: for its card.
        learn: the loop that trains it.
        large: what a GPU should be given instead; None where the network has one size.
    """

    options: TrainOptions
    task: Callable[[Path, Path, int], Task[Any] | Duel[Any]]
    exported: Callable[[nn.Module], nn.Module]
    signature: Signature
    story: Story
    learn: Callable[[Any, TrainOptions, Path, Report, bool], nn.Module] = train
    large: TrainOptions | None = None

    def sized(self, name: str, size: str) -> TrainOptions:
        """The options of a size, `cpu` or `gpu`. Raises `UsageError` when the training `name` has no such size."""
        found = {"cpu": self.options, "gpu": self.large}.get(size)
        if found is None:
            remedy = "name cpu or gpu" if self.large else "train it without --size"
            raise UsageError(name, "E_USAGE", f"has no size {size!r}", remedy)
        return found


def trained_net(network: nn.Module) -> nn.Module:
    """The part that ships of a network that learned beside another."""
    part = network.net
    assert isinstance(part, nn.Module)
    return part
