"""Recipe of the usual look: luminance at the training faces' points, its main directions, and what covers do to it."""

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
from mien.detect.look import FEATURES, FaceLook, looks_of
from mien.imaging.warp import cut, face_square

MOST = 3000
"""Faces that are enough."""

DIRECTIONS = 12

COVERED, WELL_COVERED = 0.1, 0.2
"""Shares of a face: what must be hidden for it to count as covered, and from which that should be plain."""

USUAL, PLAIN = 90, 50
"""Percentile of the scores of uncovered faces up to which no cover is guessed, and of those of well covered ones from
which it is certain: what lies between is doubt."""

_BATCH = 64
_LEAST_SHIFT = 0.5
"""Grey levels that tell a covered pixel."""

_STEPS, _RIDGE = 30, 1.0


def learn_look(data: Path) -> FaceLook:
    """The look of the training faces of `data`. Raises `ValueError` when they are too few to tell."""
    packs, _ = read_photos(data)
    cuts, points = face_cuts(packs, "train", MOST, np.random.default_rng(0))
    hidden, share = covered(cuts, points, seed=0)
    if not (share >= WELL_COVERED).any():
        raise ValueError(f"none of {len(cuts)} faces can be covered by a fifth")
    clean, strange = looks_of(cuts, points), looks_of(hidden, points)
    # Light falls from either side: with their mirror images, no half of a face is brighter in the mean.
    both = np.concatenate([clean, clean[:, packs[0].mirror]])
    mean = both.mean(0)
    _, _, vt = np.linalg.svd(both - mean, full_matrices=False)
    directions = vt[:DIRECTIONS]
    rest = (both - mean) - (both - mean) @ directions.T @ directions
    spread = np.maximum(rest.std(0), 1e-3)
    plain = FaceLook(mean, directions, spread, np.zeros(FEATURES), 0.0, 1.0)  # tells features, and no scores yet
    slopes = _logistic(plain.features(clean), plain.features(strange[share >= COVERED]))
    look = FaceLook(mean, directions, spread, slopes, 0.0, 1.0)
    usual = float(np.percentile(look.score(clean), USUAL))
    most = float(np.percentile(look.score(strange[share >= WELL_COVERED]), PLAIN))
    # Of next to no faces, covered ones may look as others do.
    return FaceLook(mean, directions, spread, slopes, usual, max(most, usual + 0.1))


def _logistic(clean: Array, spoilt: Array) -> Array:
    """[F] slopes that tell spoilt features [M, F] from clean ones [N, F], both counted alike; a ridge holds them.

    Newton's steps. Where the line is drawn does not matter, for bounds are set by scores.
    """
    rows = np.concatenate([clean, spoilt]).astype(np.float64)
    truth = np.repeat([0.0, 1.0], [len(clean), len(spoilt)])
    counts = np.where(truth == 0, 0.5 / len(clean), 0.5 / len(spoilt)) * len(rows)
    middle, scale = rows.mean(0), np.maximum(rows.std(0), 1e-6)
    rows = np.column_stack([(rows - middle) / scale, np.ones(len(rows))])
    found = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(rows @ found, -30, 30)))
        bend = (rows * (counts * chance * (1 - chance))[:, None]).T @ rows + _RIDGE * np.eye(len(found))
        found -= np.linalg.solve(bend, rows.T @ (counts * (chance - truth)) + _RIDGE * found)
    return np.asarray(found[:-1] / scale)


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
    faces = np.array([inside(at[list(FACE_OVAL), :2]) for at in points])
    changed = (np.abs(hidden - cuts) > _LEAST_SHIFT) & faces
    return hidden, changed.sum((1, 2)) / np.maximum(faces.sum((1, 2)), 1)


def inside(ring: Array) -> Array:
    """[128, 128] bool, the pixels inside a ring [N, 2], by how often a ray to the right crosses it."""
    x, y = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    inside = np.zeros((SIDE, SIDE), bool)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y0 != y1:
            inside ^= ((y0 <= y) != (y1 <= y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside
