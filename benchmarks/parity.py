"""Does every network say in ONNX what it says in torch?"""

from collections.abc import Callable

import numpy as np
import torch
import tyro
from ledger import command, publish
from torch import Tensor, nn

from mien.core.arrays import Array
from mien.core.report import Report, Row
from mien.detect.shape import mean_face
from mien.nets.crease import CreaseNet
from mien.nets.finder import FaceFinder
from mien.nets.landmarks import LandmarkNet
from mien.nets.local_global import LocalGlobalNet
from mien.nets.motion import MotionNet
from mien.nets.mouth import MouthNet
from mien.nets.refiner import Refiner
from mien.rig.residual import EYES_APART
from mien.train.export import parity, twin
from mien.train.recipes import RECIPES
from mien.weights.catalog import cards
from mien.weights.store import read_weights


def mirrored() -> Array:
    """[478] the point that lies where each comes to lie in a mirror, found on the mean face."""
    points = mean_face().points
    return np.asarray(np.linalg.norm((points * [-1, 1, 1])[:, None] - points, axis=2).argmin(1))


def flat_mean() -> Tensor:
    """[478, 2] the mean face, inter-ocular distances."""
    return torch.from_numpy(mean_face().points[:, :2] / EYES_APART).float()


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "crease": CreaseNet,
    "finder": FaceFinder,
    "landmarks": LandmarkNet,
    "lgml": lambda: LocalGlobalNet(torch.from_numpy(mirrored())),
    "motion": lambda: MotionNet(torch.from_numpy(mirrored()), flat_mean(), torch.zeros(956, 64)),
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
        if card.name not in NETWORKS:
            continue
        weights = read_weights(card)
        difference = parity(twin(NETWORKS[card.name](), weights), RECIPES[card.name].signature, weights)
        rows.append(Row(card.name, difference, "of the greatest output", "<= 1e-4", "<= 1e-5"))
    notes = (
        "Greatest difference over ten random inputs; weights are read back from the ONNX file into the torch network.",
        "`landmarks-8bit` has no twin in torch: its card tells how far its points are from those of `landmarks`.",
    )
    publish(Report("Parity of torch and ONNX", command(), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
