"""Recipe of the usual look: luminance at the points of the training faces, its main directions, and what they leave."""

from pathlib import Path

import numpy as np
import torch

from mien.core.arrays import Array
from mien.core.geometry import apply_affine, invert_affine
from mien.core.image import Frame
from mien.core.points import FACE_OVAL
from mien.data.augment import cover
from mien.data.packs import FacesPack, read_photos
from mien.detect.landmarks import SIDE
from mien.detect.look import FaceLook, looks_of
from mien.imaging.warp import cut, face_square

MOST = 3000
"""Faces that are enough."""

DIRECTIONS = 12

USUAL, STRANGE, COVERED = 90, 90, 0.2
"""Percentile of all faces up to which they are usual, and of those that are covered by such a share from which they are
as strange as can be: what lies between is doubt."""

_BATCH = 64
_LEAST_SHIFT = 0.5
"""Grey levels that tell a covered pixel."""


def learn_look(data: Path) -> FaceLook:
    """The look of the training faces of `data`. Raises `ValueError` when they are too few to tell."""
    packs, _ = read_photos(data)
    cuts, points = face_cuts(packs, "train", MOST, np.random.default_rng(0))
    looks = np.array([looks_of(one, at) for one, at in zip(cuts, points, strict=True)])
    # Light falls from either side: with their mirror images, no half of a face is brighter in the mean.
    both = np.concatenate([looks, looks[:, packs[0].mirror]])
    mean = both.mean(0)
    _, _, vt = np.linalg.svd(both - mean, full_matrices=False)
    directions = vt[:DIRECTIONS]
    rest = (both - mean) - (both - mean) @ directions.T @ directions
    # 0 and 1 stand in for the bounds until what is left over is known.
    look = FaceLook(mean, directions, np.maximum(rest.std(0), 1e-3), 0.5, 1.0)
    hidden, share = covered(cuts, points, seed=0)
    strange = [looks_of(one, at) for one, at in zip(hidden[share >= COVERED], points[share >= COVERED], strict=True)]
    if not strange:
        raise ValueError(f"none of {len(cuts)} faces can be covered by a fifth")
    usual = float(np.percentile(look.left_over(looks), USUAL))
    least = usual * 1.01  # of next to no faces, covered ones may look as others do
    most = float(np.percentile(look.left_over(np.array(strange)), STRANGE))
    return FaceLook(mean, directions, look.spread, usual, max(most, least))


def face_cuts(packs: list[FacesPack], split: str, most: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Cuts [N, 128, 128] of at most so many faces of a split, and their points [N, 478, 3] in pixels of the cut."""
    every = [(pack, int(index)) for pack in packs for index in pack.indices(split)]
    chosen = [every[k] for k in rng.permutation(len(every))[:most]]
    cuts, points = [], []
    for pack, index in chosen:
        landmarks = np.asarray(pack.landmarks[index], np.float64)
        square = face_square(landmarks, SIDE)
        cuts.append(cut(Frame(pack.pictures.rgb(index)), square, SIDE).pixels)
        points.append(apply_affine(invert_affine(square), landmarks))
    return np.array(cuts).reshape(-1, SIDE, SIDE), np.array(points).reshape(-1, 478, 3)


def covered(cuts: Array, points: Array, seed: int) -> tuple[Array, Array]:
    """The cuts with something before them, as networks learn them, and the share [N] of each face that it covers."""
    generator = torch.Generator().manual_seed(seed)
    out = []
    for start in range(0, len(cuts), _BATCH):
        batch = torch.from_numpy(np.array(cuts[start : start + _BATCH], np.float32))[:, None]
        out.append(cover(batch, generator, 1.0)[:, 0].numpy())
    hidden = np.concatenate(out)
    faces = np.array([_inside(at[list(FACE_OVAL), :2]) for at in points])
    changed = (np.abs(hidden - cuts) > _LEAST_SHIFT) & faces
    return hidden, changed.sum((1, 2)) / np.maximum(faces.sum((1, 2)), 1)


def _inside(ring: Array) -> Array:
    """[128, 128] bool, the pixels inside a ring [N, 2], by how often a ray to the right crosses it."""
    x, y = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    inside = np.zeros((SIDE, SIDE), bool)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y0 != y1:
            inside ^= ((y0 <= y) != (y1 <= y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside
