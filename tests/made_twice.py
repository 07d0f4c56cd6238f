"""People who are there twice: faces that the compact rig made, whose lips go further than it says."""

from pathlib import Path

import numpy as np
from made_fits import face, person, turned
from made_packs import mirror

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.points import INNER_LIPS, OUTER_LIPS
from mien.data.pack_writer import LabelledFace, PackWriter

LIPS = [*INNER_LIPS, *OUTER_LIPS]
SMILE = ARKIT.indices(["mouthSmileLeft", "mouthSmileRight"])
DROP = 8.0
"""Pixels that the lips of these people drop by, beyond what the rig says, when they smile fully."""


def smiling(amount: float) -> Array:
    """[52]"""
    weights = np.zeros(len(ARKIT))
    weights[SMILE] = amount
    return weights


def shot(shape: Array, weights: Array, rotation: Array, drop: float = DROP) -> Array:
    """[478, 3] pixels of a photo of somebody."""
    points = face(shape, weights, rotation)
    points[LIPS, 1] += drop * weights[SMILE[0]]
    return points


def pairs_pack(folder: Path, people: int = 12, drop: float = DROP, name: str = "faces-twice") -> Path:
    """A folder with one pack: everybody in three photos, the first third of them for validation."""
    rng, writer = np.random.default_rng(3), PackWriter(mirror())
    for number in range(people):
        shape = person(rng)
        for _ in range(3):
            weights = smiling(float(rng.uniform(0, 1)))
            points = shot(shape, weights, turned(rng, 0.08), drop)
            split = "val" if number < people // 3 else "train"
            pixels = np.full((8, 8, 3), 99, np.uint8)
            writer.add(LabelledFace(pixels, points, weights, f"p{number}", split))
    folder.mkdir(exist_ok=True)
    writer.write(folder / f"{name}.npz")
    return folder
