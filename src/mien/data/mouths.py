"""Real open mouths to learn painting from: those of the packs that are open, sharp and not turned away."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.geometry import apply_affine
from mien.core.image import LUMINANCE
from mien.data.packs import FacesPack, read_photos
from mien.imaging.mouth_patch import HEIGHT, WIDTH, MouthPatch, sharpness
from mien.imaging.warp import face_square, sample_affine
from mien.nets.landmarks import SIDE

OPEN = 2.5
"""Pixels of a patch between the lips from which a mouth shows something to learn."""

SHARP = -1.5
"""Sharpness below which a mouth teaches smudges."""

SMALL = 0.55
"""Pixels of a picture along a pixel of the patch: from smaller mouths teeth cannot be told."""

_UNSURE = 3.0
"""% of the inter-ocular distance by which a teacher may disagree with itself."""

_OTHERS = 0.1
_SHARES = {"faces-official": 0.5, "faces-synthetic": 0.22, "faces-driving": 0.13, "faces-wild": 0.15}
"""What each pack gives to a training, and what any other pack does: sharp teeth come of sharp portraits, wide mouths of
the rest.
"""

_WIDEST = {"faces-synthetic": 26.0}
"""Pixels of a patch beyond which a pack's open mouths are of no use: generated ones mostly stick out their tongues."""

_AROUND = 20
"""Pixels of a patch that are kept beyond it, for mouths that are shifted, turned and shrunk."""


@dataclass(frozen=True, slots=True, eq=False)
class Mouths:
    """Cut-outs round N open mouths.

    Args:
        pictures: N arrays [H, W, 3] uint8, each in its photo's own pixels.
        points: [N, 478, 2] landmarks in pixels of these.
        weights: [N, 52] over `ARKIT`.
        gap: [N] pixels of a patch between the lips.
        share: [N] how often each is to be drawn; sum 1.
        pack: [N] names of the packs they are from.
        faces: [N, 128, 128] uint8 luminance of the whole faces, as a reader of expressions cuts them.
        squares: [N, 2, 3] from these to the pictures, both in pixels.
        mirror: [478] index map of the points of a mirrored face.
    """

    pictures: tuple[Array, ...]
    points: Array
    weights: Array
    gap: Array
    share: Array
    pack: Array
    faces: Array
    squares: Array
    mirror: Array

    def __len__(self) -> int:
        return len(self.pictures)


def read_mouths(folder: Path, split: str) -> Mouths:
    """The open, sharp mouths of one split of every pack of photos in a folder.

    Args:
        folder: of the packs `faces-*.npz`.
        split: `train` or `val`.

    Raises:
        InputError: the folder holds no pack of photos, or no such mouth.
    """
    packs, _ = read_photos(folder)
    found = [mouths for pack in packs if (mouths := _of_pack(pack, split)) is not None]
    if not found:
        cause = f"holds no open, sharp mouth to {'learn from' if split == 'train' else 'validate on'}"
        raise InputError(folder, "E_NOTHING", cause, "add packs of portraits of people who smile or speak")
    share = np.concatenate([mouths.share for mouths in found])
    return Mouths(
        tuple(picture for mouths in found for picture in mouths.pictures),
        np.concatenate([mouths.points for mouths in found]),
        np.concatenate([mouths.weights for mouths in found]),
        np.concatenate([mouths.gap for mouths in found]),
        share / share.sum(),
        np.concatenate([mouths.pack for mouths in found]),
        np.concatenate([mouths.faces for mouths in found]),
        np.concatenate([mouths.squares for mouths in found]),
        found[0].mirror,
    )


def _of_pack(pack: FacesPack, split: str) -> Mouths | None:
    """What a pack gives, the shares summing up to the pack's own; None if there is nothing."""
    kept, pictures, points, gaps, faces, squares = [], [], [], [], [], []
    for k in pack.indices(split):
        flat = pack.landmarks[k, :, :2].astype(np.float64)
        if pack.spread[k] > _UNSURE or not len(np.unique(flat, axis=0)) > 1:
            continue
        patch = MouthPatch.of(flat)
        if not OPEN <= patch.gap <= _WIDEST.get(pack.name, np.inf) or patch.scale < SMALL:
            continue
        pixels = pack.pictures.rgb(int(k))
        if sharpness(patch.cut(pixels), patch.inner) < SHARP:
            continue
        corner, picture = _surroundings(patch, pixels)
        kept.append(k)
        pictures.append(picture)
        points.append(flat - corner)
        gaps.append(patch.gap)
        square = face_square(flat, SIDE)
        faces.append(sample_affine(pixels @ LUMINANCE, square, SIDE).round().astype(np.uint8))
        squares.append(square - np.column_stack([np.zeros((2, 2)), corner]))
    if not kept:
        return None
    gap = np.array(gaps)
    share = _evenly(pack.identity[kept]) * np.clip(gap, 4, 40) ** 1.5
    return Mouths(
        tuple(pictures),
        np.array(points, np.float32),
        pack.weights[kept],
        gap,
        share * (_SHARES.get(pack.name, _OTHERS) / share.sum()),
        np.full(len(kept), pack.name),
        np.array(faces),
        np.array(squares),
        pack.mirror,
    )


def _evenly(identity: Array) -> Array:
    """[N] by which people with many pictures are drawn more often than others, but not as much more."""
    _, who, counts = np.unique(identity, return_inverse=True, return_counts=True)
    return np.asarray(counts[who] ** -0.5)


def _surroundings(patch: MouthPatch, pixels: Array) -> tuple[Array, Array]:
    """The part of a picture round a patch, and the place of its top left corner, [2]."""
    low, high = -_AROUND, _AROUND
    corners = [[x, y] for x in (low, WIDTH + high) for y in (low, HEIGHT + high)]
    reached = apply_affine(patch.to_frame, np.array(corners, np.float64))
    size = np.array(pixels.shape[1::-1])
    x0, y0 = np.clip(np.floor(reached.min(0)).astype(int), 0, size - 1)
    x1, y1 = np.clip(np.ceil(reached.max(0)).astype(int), (x0 + 1, y0 + 1), size)
    return np.array([x0, y0]), np.ascontiguousarray(pixels[y0:y1, x0:x1])
