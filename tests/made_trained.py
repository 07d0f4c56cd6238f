"""Checkpoints of networks at their initial weights, as trainings leave them, and packs to measure them on."""

from pathlib import Path

import numpy as np
import torch
from made_packs import mirror, people_columns, save_pack

from mien.nets.landmarks import LandmarkNet
from mien.nets.local_global import LocalGlobalNet
from mien.nets.refiner import Refiner

JUDGED = 6
"""Faces for validation in each pack: three of each of two people, the first of each neutral."""


def make_trained(folder: Path, seed: int = 0) -> Path:
    """landmarks.pt, refiner.pt and lgml.pt in `folder`, which is given back."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        eyes = {f"net.{name}": value for name, value in LandmarkNet().state_dict().items()}
        states = {
            "landmarks": eyes,
            "refiner": Refiner().state_dict(),
            "lgml": LocalGlobalNet(torch.from_numpy(mirror())).state_dict(),
        }
    for name, state in states.items():
        torch.save({"average": state}, folder / f"{name}.pt")
    return folder


def make_judged(folder: Path, kinds: tuple[str, ...] = ("hand", "renders", "wild")) -> Path:
    """Packs of people in `folder`, which is given back: `JUDGED` faces of each are for validation."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, kind in enumerate(kinds):
        columns = people_columns(kind, seed + 4)
        columns["split"] = np.where(np.arange(len(columns["split"])) < len(columns["split"]) - JUDGED, "train", "val")
        save_pack(folder / f"faces-{kind}.npz", columns)
    return folder
