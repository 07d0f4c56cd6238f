"""The landmark network with convolutions in eight bits: what capture runs.

Weights and what flows between convolutions are whole numbers of eight bits (B. Jacob et al. 2018), their ranges taken
from training views. Processors without wide vectors do that in little more than half the time. The first and the last
convolution keep their precision, for it is there that points are lost; so do the linear layers.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Generator

from mien.core.arrays import Array
from mien.core.card import Figure, ModelCard
from mien.core.errors import InputError
from mien.data.augment import degrade, fill_outside, jitter, take_views, view_maps
from mien.data.packs import read_photos
from mien.data.tiles import cut_tiles
from mien.metrics import inter_ocular_distance
from mien.nets.landmarks import SIDE
from mien.runtime.engine import engine, quantisation
from mien.train.export import Story, halved, quiet, write_story
from mien.train.seen import thinned
from mien.train.tables import SOURCES, TEACHER, Table
from mien.weights.catalog import card
from mien.weights.store import read_weights

NAME = "landmarks-8bit"

VIEWS = 300
"""Training views that ranges are taken from, and validation views that the difference is told on."""


def in_eight_bits(network: bytes, pictures: Sequence[Array]) -> bytes:
    """A network in ONNX with all but its first and last convolution in eight bits.

    Weights have seven: sums of products then fit into sixteen bits on processors that add pairs of them.

    Args:
        network: the file's content; one input.
        pictures: what it sees, as its input wants it; ranges are taken from these.
    """
    runtime, tools = engine(), quantisation()
    with tempfile.TemporaryDirectory() as name, quiet("root"):
        plain, quick = Path(name) / "plain.onnx", Path(name) / "quick.onnx"
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(plain)
        session = runtime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        convolutions = [node.name for node in onnx.load(plain).graph.node if node.op_type == "Conv"]
        tools.quantize_static(
            plain,
            quick,
            _Pictures(session.get_inputs()[0].name, pictures),
            quant_format=tools.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[convolutions[0], convolutions[-1]],
            per_channel=True,
            reduce_range=True,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
        )
        return bytes(halved(onnx.load(quick)).SerializeToString())


class _Pictures:
    """Pictures one by one."""

    def __init__(self, name: str, pictures: Sequence[Array]) -> None:
        self._feeds: Iterator[dict[str, Array]] = ({name: picture} for picture in pictures)

    def get_next(self) -> dict[str, Array] | None:
        """The next one, or None."""
        return next(self._feeds, None)


def _views(data: Path, split: str) -> list[Array]:
    """[1, 1, 128, 128] views of photos, as the landmark network learned from them; of validation faces, undamaged."""
    packs = read_photos(data)[0]
    tiles = cut_tiles(thinned(packs, VIEWS // len(packs), split), split)
    if not len(tiles.pixels):
        raise InputError(data, "E_FORMAT", f"the packs hold no face for {split}", "docs/data.md tells more")
    generator = Generator().manual_seed(3)
    pixels = torch.from_numpy(tiles.pixels)[:, None].float()
    straight = torch.zeros(len(pixels), dtype=torch.bool)
    maps = view_maps(jitter(generator, len(pixels), wide=0.1), straight, SIDE)
    views = fill_outside(take_views(pixels, maps, SIDE), generator)
    if split == "train":
        views = degrade(views, generator)
    return list(views.round().clamp(0, 255).numpy()[:, None])


def _points(network: bytes, pictures: Sequence[Array]) -> Array:
    """[N, 478, 3] pixels of the views."""
    runtime = engine()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(["points"], {name: picture})[0] for picture in pictures])


def _make(data: Path, folder: Path, command: str, rig: Path | None) -> ModelCard:
    """From the folder's own landmark network if it has one, else from the package's."""
    own = folder / "landmarks.onnx"
    network = own.read_bytes() if own.exists() else read_weights(card("landmarks"))
    quick = in_eight_bits(network, _views(data, "train"))
    seen = _views(data, "val")
    before, after = _points(network, seen), _points(quick, seen)
    away = np.linalg.norm((after - before)[..., :2], axis=2).mean(1) / inter_ocular_distance(before) * 100
    file = folder / f"{NAME}.onnx"
    file.write_bytes(quick)
    figure = Figure(
        f"points against those of landmarks, {len(seen)} views", round(float(away.mean()), 4), "% IOD", command
    )
    return write_story(file, _STORY, command, (figure,))


_STORY = Story(
    purpose="`landmarks` with convolutions in eight bits: the same points in little more than half the time.",
    input=f"luminance [1, 1, {SIDE}, {SIDE}] of 0..255, the face's square upright with a margin of 1.3",
    output_basis=None,
    paper="B. Jacob et al. 2018, integer arithmetic after training; the network is our own",
    data=f"the weights of `landmarks`: {SOURCES}; {TEACHER}; ranges from {VIEWS} of its training views",
    weakness="as `landmarks`",
)

QUICK: dict[str, Table] = {NAME: Table(_make)}
"""By the name of the card."""
