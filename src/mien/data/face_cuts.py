"""Faces to edit, and what they look like afterwards: cuts of two pictures of one person in one light."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.geometry import affine_scale, apply_affine, invert_affine
from mien.data.packs import FacesPack, read_folder
from mien.data.same_light import shares, sitters
from mien.imaging.face_cut import EYES, SIDE, FaceCut, cut_face
from mien.metrics import inter_ocular_distance

LEAST_SHARP = 0.55
"""Pixels of a picture along a pixel of the cut: of smaller faces nothing is learned."""

NEAR = 1.5
"""% of the inter-ocular distance by which points that expression hardly moves may lie apart in two cuts that are held
against each other pixel by pixel: half a pixel."""

_RENDERED = 0.6
"""Share of the draws that are of renders, where there are photos beside them: clips have few people."""

MOST_UNSURE = 3.0
"""% of the inter-ocular distance by which a teacher may disagree with itself."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceCuts:
    """N faces, each to be seen in a cut that expressions do not move; pictures are decoded when they are asked for.

    Args:
        packs: that they are from.
        place: [N, 2] number of the pack, and of the picture in it.
        weights: [N, 52] over `ARKIT`.
        cut: how faces lie.
        first: [Q] number of the face before.
        second: [Q] and after.
        share: [Q] how often each pair is to be drawn; sum 1.
    """

    packs: tuple[FacesPack, ...]
    place: Array
    weights: Array
    cut: FaceCut
    first: Array
    second: Array
    share: Array

    def __len__(self) -> int:
        return len(self.first)

    def plain(self, index: int) -> tuple[Array, Array, Array]:
        """Pixels [96, 96, 3] uint8, points [478, 3] in pixels of the cut, z in the same scale, and weights [52]."""
        which, picture = self.place[index]
        pack = self.packs[which]
        placed = pack.landmarks[picture].astype(np.float64)
        to_frame = self.cut.to_frame(placed)
        flat = apply_affine(invert_affine(to_frame), placed[:, :2])
        points = np.column_stack([flat, placed[:, 2] / affine_scale(to_frame)])
        return cut_face(pack.pictures.rgb(int(picture)), to_frame), points, self.weights[index]

    def mirrored(self, index: int) -> tuple[Array, Array, Array]:
        """The same as a mirror shows it."""
        pixels, points, weights = self.plain(index)
        turned = points[self.packs[0].mirror] * [-1, 1, 1] + [SIDE, 0, 0]
        return pixels[:, ::-1], turned, weights[ARKIT.mirror]


def read_face_cuts(folder: Path, split: str, cut: FaceCut) -> FaceCuts:
    """The faces of one split of every pack in a folder of which there are pairs.

    Args:
        folder: of the packs `faces-*.npz`, in each of which the pictures of one person are in one light.
        split: `train` or `val`.
        cut: how faces lie.

    Raises:
        InputError: the folder holds no pack, or no pair of faces that are large enough.
    """
    packs, _ = read_folder(folder)
    place, weights, first, second, due, rendered = [], [], [], [], [], []
    count = 0
    for sitter in sitters(packs, split, NEAR):
        good = _usable(sitter.pack, sitter.own)[sitter.pairs].all(1)
        which = next(k for k, pack in enumerate(packs) if pack is sitter.pack)
        place += [(which, index) for index in sitter.own]
        weights.append(sitter.pack.weights[sitter.own])
        first.append(count + sitter.pairs[good, 0])
        second.append(count + sitter.pairs[good, 1])
        due.append(sitter.due[good])
        rendered.append(np.full(int(good.sum()), sitter.pack.rendered))
        count += len(sitter.own)
    if not sum(map(len, first)):
        cause = f"holds no two large faces of one person in one pose in split {split}"
        raise InputError(folder, "E_NOTHING", cause, "add packs whose people show several expressions in one light")
    share = shares(np.concatenate(due), np.concatenate(rendered), _RENDERED)
    every = np.concatenate(weights).astype(np.float32)
    return FaceCuts(tuple(packs), np.array(place), every, cut, np.concatenate(first), np.concatenate(second), share)


def _usable(pack: FacesPack, chosen: Array) -> Array:
    """Which of these faces are large enough, and the teacher is sure of them."""
    large = inter_ocular_distance(pack.landmarks[chosen].astype(np.float64)) >= LEAST_SHARP * EYES
    return np.asarray(large & (pack.spread[chosen] <= MOST_UNSURE))
