"""Does every network say in ONNX what it says in torch?"""

from collections.abc import Callable

import numpy as np
import torch
import tyro
from ledger import command, publish
from torch import nn

from mien.core.arrays import Array
from mien.core.report import Report, Row
from mien.detect.shape import mean_face
from mien.nets.crease import CreaseNet
from mien.nets.finder import FaceFinder
from mien.nets.landmarks import LandmarkNet
from mien.nets.local_global import LocalGlobalNet
from mien.nets.mouth import MouthNet
from mien.nets.refiner import Refiner
from mien.train.export import parity, twin
from mien.train.recipes import RECIPES
from mien.weights.catalog import cards
from mien.weights.store import read_weights


def mirrored() -> Array:
    """[478] the point that lies where each comes to lie in a mirror, found on the mean face."""
    points = mean_face().points
    return np.asarray(np.linalg.norm((points * [-1, 1, 1])[:, None] - points, axis=2).argmin(1))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "crease": CreaseNet,
    "finder": FaceFinder,
    "landmarks": LandmarkNet,
    "lgml": lambda: LocalGlobalNet(torch.from_numpy(mirrored())),
    "mouth": MouthNet,
    "refiner": Refiner,
}


def main(ledger: bool = False) -> None:
    """Compare each shipped network with its twin in torch.

    Args:
        ledger: Also write the figures into benchmarks/ledger.
    """
    rows = []
    for card in cards():
        if not card.file.endswith(".onnx"):
            continue
        weights = read_weights(card)
        difference = parity(twin(NETWORKS[card.name](), weights), RECIPES[card.name].signature, weights)
        rows.append(Row(card.name, difference, "of the greatest output", "<= 1e-4", "<= 1e-5"))
    notes = (
        "Greatest difference over ten random inputs; weights are read back from the ONNX file into the torch network.",
    )
    publish(Report("Parity of torch and ONNX", command(), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
