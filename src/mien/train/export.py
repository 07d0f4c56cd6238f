"""A trained network to an ONNX file that answers the same, and its card."""

import copy
import hashlib
import itertools
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mien.core.arrays import Array
from mien.core.card import Figure, ModelCard
from mien.core.errors import ModelError
from mien.runtime.engine import engine
from mien.train.loop import TrainOptions
from mien.weights.catalog import card, write_card
from mien.weights.store import read_weights

Network = TypeVar("Network", bound=nn.Module)

TOLERANCE = 1e-4
"""Greatest difference of torch and ONNX, in parts of an output's own size."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a network looks like from outside.

    Args:
        inputs: names and example tensors, in order.
        outputs: names, in order.
        free: for each input, the axes (by number, with a name and a divisor) that may have any length.
    """

    inputs: tuple[tuple[str, Tensor], ...]
    outputs: tuple[str, ...]
    free: tuple[dict[int, tuple[str, int]], ...] = ()


def export(network: nn.Module, signature: Signature, file: Path) -> float:
    """Writes `network` as ONNX and gives the greatest difference between the two on fresh inputs.

    Raises:
        ModelError: they differ by more than `TOLERANCE`.
    """
    network = network.eval()
    examples = tuple(example for _, example in signature.inputs)
    shapes = tuple(
        {axis: divisor * torch.export.Dim(name, min=1, max=64) for axis, (name, divisor) in axes.items()}
        for axes in signature.free
    )
    with quiet("torch.onnx"):
        program = torch.onnx.export(
            network,
            examples,
            dynamo=True,
            verbose=False,
            input_names=[name for name, _ in signature.inputs],
            output_names=list(signature.outputs),
            dynamic_shapes=shapes or None,
        )
    assert program is not None
    weights = halved(program.model_proto).SerializeToString()
    difference = parity(network, signature, weights)
    if difference > TOLERANCE:
        raise ModelError(file, "E_MODEL", f"torch and ONNX differ by {difference:.2g}", f"allowed is {TOLERANCE}")
    file.write_bytes(weights)
    return difference


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """Without the warnings of an exporter, which are of its own use of what others deprecate; `name` of its logger."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def rounded(network: Network) -> Network:
    """A copy, normalisations folded into convolutions, whose weights are numbers that half precision holds.

    The file is half as large, and torch says the same as ONNX to the last digits.
    """
    network = copy.deepcopy(network).eval()
    for module in list(network.modules()):
        children = list(module.named_children())
        for (name, convolution), (norm_name, norm) in itertools.pairwise(children):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(convolution, norm))
                setattr(module, norm_name, nn.Identity())
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(value.half().float())
    return network


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its large float tensors stored in half precision; ONNX Runtime widens them once, at load."""
    widened = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 256 and (values.astype(np.float16) == values).all():
            name = tensor.name
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            widened.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*widened, *nodes])
    del model.graph.value_info[:]
    _forget_where(model)
    return model


def _forget_where(model: onnx.ModelProto) -> None:
    """Takes out what the exporter notes of its own run: stack traces that name files of the machine it ran on."""
    for part in (
        model,
        model.graph,
        *model.graph.node,
        *model.graph.input,
        *model.graph.output,
        *model.graph.initializer,
    ):
        del part.metadata_props[:]
        part.doc_string = ""


def twin(network: Network, weights: bytes) -> Network:
    """A freshly built `network` with the weights of an exported file: what shipped, as torch, to test or go on from.

    Args:
        network: freshly built.
        weights: the file's content.

    Raises:
        ModelError: they lack one of the network's.
    """
    stored = {}
    for tensor in onnx.load_model_from_string(weights).graph.initializer:
        stored[tensor.name.removesuffix("_half")] = torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()).float()
    same = rounded(network)
    # What is not learned may have been folded into the graph; a fresh network has it.
    missing = [name for name, _ in same.named_parameters() if name not in stored]
    if missing:
        raise ModelError("weights", "E_MODEL", f"lack {', '.join(missing[:3])}", "export them with this version")
    same.load_state_dict({name: stored.get(name, value) for name, value in same.state_dict().items()})
    return same


def as_shipped(network: Network, name: str) -> Network:
    """A freshly built `network` with the weights that ship as `name`, frozen.

    Raises:
        ModelError: the file is missing or was changed, or lacks a weight of the network.
    """
    return twin(network, read_weights(card(name))).eval().requires_grad_(False)


def parity(network: nn.Module, signature: Signature, weights: bytes) -> float:
    """Greatest difference of torch and ONNX over ten random inputs, in parts of each output's greatest value."""
    onnxruntime = engine()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for _ in range(10):
        inputs = [
            example.mean() + example.std(correction=0) * torch.randn(example.shape, generator=generator)
            for _, example in signature.inputs
        ]
        with torch.no_grad():
            ours = network(*inputs)
        ours = ours if isinstance(ours, tuple) else (ours,)
        feed = {name: value.numpy() for (name, _), value in zip(signature.inputs, inputs, strict=True)}
        theirs = session.run(None, feed)
        worst = max(worst, *(_difference(a.numpy(), b) for a, b in zip(ours, theirs, strict=True)))
    return worst


def _difference(one: Array, other: Array) -> float:
    return float(np.abs(one - other).max() / max(1.0, float(np.abs(one).max())))


@dataclass(frozen=True, slots=True)
class Story:
    """What a card says that no file can tell: see `ModelCard`."""

    purpose: str
    input: str
    output_basis: str | None
    paper: str
    data: str
    weakness: str


def write_story(file: Path, story: Story, command: str, figures: tuple[Figure, ...]) -> ModelCard:
    """The card of a weight file, written beside it."""
    weights = file.read_bytes()
    written = ModelCard(
        name=file.stem,
        file=file.name,
        sha256=hashlib.sha256(weights).hexdigest(),
        size=len(weights),
        licence="MIT",
        purpose=story.purpose,
        input=story.input,
        output_basis=story.output_basis,
        paper=story.paper,
        recipe=command,
        data=story.data,
        weakness=story.weakness,
        figures=figures,
    )
    write_card(written, file.parent)
    return written


def write_recipe(file: Path, options: TrainOptions, command: str, scores: tuple[tuple[str, float], ...]) -> None:
    """The recipe of a training as JSON, beside its weights."""
    recipe = {"command": command, "options": asdict(options), "validation": dict(scores)}
    file.write_text(json.dumps(recipe, indent=2) + "\n")
