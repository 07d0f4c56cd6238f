"""Faces to edit without any true answer: cuts of photos, what they show, and expressions that may be asked of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.geometry import affine_scale, apply_affine, invert_affine
from mien.data.packs import FacesPack, read_photos
from mien.formats.registry import load
from mien.imaging.face_cut import SIDE, FaceCut, cut_face

LEAST_SHARP = 0.55
"""Pixels of a picture along a pixel of the cut: of smaller faces nothing is learned."""

MOST_UNSURE = 3.0
"""% of the inter-ocular distance by which a teacher may disagree with itself."""

_KEPT = np.array([name.startswith(("eyeLook", "eyeBlink", "tongue")) for name in ARKIT.columns])


@dataclass(frozen=True, slots=True, eq=False)
class FaceCuts:
    """N faces, each in a cut that expressions do not move.

    Args:
        pixels: [N, 96, 96, 3] uint8.
        points: [N, 478, 3] landmarks, pixels of the cut, z in the same scale.
        weights: [N, 52] over `ARKIT`.
        mirror: [478] index map of the points of a mirrored face.
        performed: [M, 52] further expressions that may be asked for, of recorded takes; M may be 0.
    """

    pixels: Array
    points: Array
    weights: Array
    mirror: Array
    performed: Array

    def __len__(self) -> int:
        return len(self.pixels)

    def mirrored(self, index: int) -> tuple[Array, Array, Array]:
        """Pixels [96, 96, 3], points [478, 3] and weights [52] of a face as a mirror shows it."""
        points = self.points[index][self.mirror] * [-1, 1, 1] + [SIDE, 0, 0]
        return self.pixels[index, :, ::-1], points, self.weights[index, ARKIT.mirror]

    def plain(self, index: int) -> tuple[Array, Array, Array]:
        """The same as it is."""
        return self.pixels[index], self.points[index].astype(np.float64), self.weights[index]


def asked_of(now: Array, wanted: Array) -> Array:
    """[..., 52] the weights to ask a face for: as wanted, but with eyes that look and close as they do now."""
    return np.where(_KEPT, now, wanted)


def read_face_cuts(folder: Path, split: str, cut: FaceCut, most: int | None = None) -> FaceCuts:
    """The faces of one split of every pack of photos in a folder, and the takes of its folder `takes`, if it has one.

    Args:
        folder: of the packs `faces-*.npz`.
        split: `train` or `val`.
        cut: how faces lie.
        most: faces of each pack, the first ones; all when not given.

    Raises:
        InputError: the folder holds no pack of photos, or no such face, or a take that cannot be read.
    """
    packs, _ = read_photos(folder)
    parts = [_of_pack(pack, split, cut, most) for pack in packs]
    pixels, points, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not len(pixels):
        cause = f"holds no face of split {split} that is large enough"
        raise InputError(folder, "E_NOTHING", cause, "add packs of larger photos")
    return FaceCuts(pixels, points, weights, packs[0].mirror, _performed(folder / "takes"))


def _of_pack(pack: FacesPack, split: str, cut: FaceCut, most: int | None) -> tuple[Array, Array, Array]:
    """Pixels, points and weights of a pack."""
    pixels, points, kept = [], [], []
    for index in pack.indices(split):
        placed = pack.landmarks[index].astype(np.float64)
        if pack.spread[index] > MOST_UNSURE or not len(np.unique(placed[:, :2], axis=0)) > 1:
            continue
        to_frame = cut.to_frame(placed)
        scale = affine_scale(to_frame)
        if scale < LEAST_SHARP:
            continue
        flat = apply_affine(invert_affine(to_frame), placed[:, :2])
        pixels.append(cut_face(pack.pictures.rgb(int(index)), to_frame))
        points.append(np.column_stack([flat, placed[:, 2] / scale]))
        kept.append(index)
        if len(kept) == most:
            break
    if not kept:
        return np.zeros((0, SIDE, SIDE, 3), np.uint8), np.zeros((0, 478, 3), np.float32), np.zeros((0, len(ARKIT)))
    return np.stack(pixels), np.stack(points).astype(np.float32), pack.weights[kept]


def _performed(folder: Path) -> Array:
    """[M, 52] weights within 0 and 1 of the takes over ARKit's basis in a folder, which need not exist."""
    rows = [np.zeros((0, len(ARKIT)), np.float32)]
    for file in sorted(folder.glob("*.csv")):
        for take in load(file).takes:
            if take.state.expression.basis == ARKIT:
                rows.append(np.clip(take.state.expression.weights[take.valid], 0, 1).astype(np.float32))
    return np.concatenate(rows)
