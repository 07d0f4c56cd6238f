"""Where a network learns: batches are drawn on the CPU, learned from on the device, and scored on the CPU again.

So the same seed draws the same batches everywhere, a checkpoint of one device goes on on another, and no task needs to
know where it is.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mien.core.errors import UsageError

CPU = torch.device("cpu")

Network = TypeVar("Network", bound=nn.Module)


def chosen(name: str) -> torch.device:
    """The device of a name: `cpu`, `cuda`, or `auto`, which is a GPU where there is one.

    Raises:
        UsageError: it is none of these, or there is no GPU that this torch can use.
    """
    if name not in ("cpu", "cuda", "auto"):
        raise UsageError("--device", "E_USAGE", f"there is no device {name!r}", "name cpu, cuda or auto")
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        remedy = "install a torch that was built for it, or train with --device cpu"
        raise UsageError("--device", "E_USAGE", "torch finds no GPU", remedy)
    return torch.device("cuda" if found and name != "cpu" else "cpu")


def moved(sample: Any, device: torch.device) -> Any:
    """A batch with its tensors on a device: a tensor, or a tuple of tensors and of what is none."""
    if isinstance(sample, Tensor):
        return sample.to(device, non_blocking=True)
    if isinstance(sample, tuple):
        parts = [moved(part, device) for part in sample]
        return type(sample)(*parts) if hasattr(sample, "_fields") else type(sample)(parts)
    return sample


def on_cpu(network: Network) -> Network:
    """The network itself where it is on the CPU, else a copy there: to be scored, and to be exported."""
    if all(parameter.device == CPU for parameter in network.parameters()):
        return network
    return copy.deepcopy(network).to(CPU)


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """What is drawn in the block, there or on the CPU, comes of the seed; afterwards all is as it was."""
    with torch.random.fork_rng([] if device == CPU else [device]):
        torch.manual_seed(seed)
        yield


def narrowed(device: torch.device, wanted: bool) -> Any:
    """The context in which convolutions run in bfloat16 where that is wanted and the device is quick with it, and in
    full where it is not wanted, inside another such context too.
    """
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    enabled = wanted and (device != CPU or quick_with_bfloat16())
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def quick_with_bfloat16() -> bool:
    """Whether this processor's vectors are those that bfloat16 is quick with."""
    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")
