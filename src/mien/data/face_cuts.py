"""Faces to edit, and what they look like afterwards: cuts of two pictures of one person in one light."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.geometry import affine_scale, apply_affine, invert_affine
from mien.data.packs import FacesPack, read_folder
from mien.data.same_light import Sitter, couples, sitters
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
    people = [_usable(sitter) for sitter in sitters(packs, split, NEAR)]
    if not any(len(sitter.pairs) for sitter in people):
        cause = f"holds no two large faces of one person in one pose in split {split}"
        raise InputError(folder, "E_NOTHING", cause, "add packs whose people show several expressions in one light")
    which = {id(pack): number for number, pack in enumerate(packs)}
    place = [(which[id(sitter.pack)], index) for sitter in people for index in sitter.own]
    weights = np.concatenate([sitter.pack.weights[sitter.own] for sitter in people]).astype(np.float32)
    pairs = couples(people, _RENDERED)
    return FaceCuts(tuple(packs), np.array(place), weights, cut, pairs.first, pairs.second, pairs.share)


def _usable(sitter: Sitter) -> Sitter:
    """The person with the pairs whose faces are large enough, and of which the teacher is sure."""
    pack, own = sitter.pack, sitter.own
    large = inter_ocular_distance(pack.landmarks[own].astype(np.float64)) >= LEAST_SHARP * EYES
    good = (large & (pack.spread[own] <= MOST_UNSURE))[sitter.pairs].all(1)
    return replace(sitter, pairs=sitter.pairs[good], due=sitter.due[good])
