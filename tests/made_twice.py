"""People who are there twice: faces that the compact rig made, whose lips go further than it says, and their skin."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from made_fits import face, person, turned
from made_packs import mirror
from scipy.ndimage import gaussian_filter, map_coordinates

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.image import Frame
from mien.core.points import INNER_LIPS, OUTER_LIPS
from mien.data.pack_writer import LabelledFace, PackWriter
from mien.data.packs import FacesPack
from mien.imaging.face_layout import HEIGHT, WIDTH, FaceLayout

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


def freckled(seed: int) -> Array:
    """[104, 88] brightness as rolled out, with marks of a few pixels everywhere."""
    marks = gaussian_filter(np.random.default_rng(seed).normal(size=(HEIGHT, WIDTH)), 1.5)
    return np.asarray(4.5 + 0.1 * marks / marks.std(), np.float32)


def shifted(rolled: Array, across: float, down: float) -> Array:
    """The same with all its marks further right and down by so many pixels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray(map_coordinates(rolled, [y - down, x - across], order=3, mode="nearest"), np.float32)


def marks_that_drop(pack: FacesPack) -> Callable[[FaceLayout, Frame, Array], Array]:
    """In the place of `FaceLayout.brightness`: one face's marks, two pixels lower for a sum of weights of 1."""
    which = {pack.landmarks[k].tobytes(): k for k in range(len(pack.landmarks))}
    return lambda layout, frame, points: shifted(freckled(5), 0, 2 * pack.weights[which[points.tobytes()]].sum())
