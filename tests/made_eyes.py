"""Checkpoints of the networks that others look through: untrained, but for the mean face that every answer is near."""

from pathlib import Path

import torch
from torch import Tensor, nn

from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.detect.shape import mean_face
from mien.nets.landmarks import FEATURES, POINTS, SIDE, LandmarkNet
from mien.nets.refiner import Refiner
from mien.train.loop import TrainOptions, save_atomically


def drawn_face(unit: float, side: float) -> Tensor:
    """[478, 3] the mean face, upright, its irises `unit` pixels apart, in the middle of a picture of `side` pixels."""
    points = torch.tensor(mean_face().points, dtype=torch.float32)
    points = points - torch.cat([points[:468, :2].mean(0), torch.zeros(1)])
    points = points * (unit / (points[IRIS_LEFT] - points[IRIS_RIGHT]).norm())
    placed: Tensor = points + torch.tensor([side / 2, side / 2, 0])
    return placed


def save_network(network: nn.Module, file: Path) -> None:
    """A checkpoint with the parts that a training leaves, after no step."""
    optimiser = torch.optim.AdamW(network.parameters())
    state = {"network": network.state_dict(), "average": network.state_dict(), "step": 0}
    save_atomically(state | {"optimiser": optimiser.state_dict(), "options": vars(TrainOptions())}, file)


def save_eyes(folder: Path, seed: int = 0) -> Path:
    """`landmarks.pt` and `refiner.pt` in `folder`, which is given back."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = LandmarkNet()
        net.start_from(drawn_face(36, SIDE), torch.randn(net.coefficients.out_features, POINTS, 3))
        save_network(nn.ModuleDict({"net": net, "glance": nn.Linear(FEATURES, 52)}), folder / "landmarks.pt")
        save_network(Refiner(), folder / "refiner.pt")
    return folder
