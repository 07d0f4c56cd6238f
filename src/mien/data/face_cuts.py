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
from mien.imaging.face_cut import EYES, SIDE, FaceCut, cut_face
from mien.metrics import inter_ocular_distance

LEAST_SHARP = 0.55
"""Pixels of a picture along a pixel of the cut: of smaller faces nothing is learned."""

MOST_UNSURE = 3.0
"""% of the inter-ocular distance by which a teacher may disagree with itself."""

_KEPT = np.array([name.startswith(("eyeLook", "eyeBlink", "tongue")) for name in ARKIT.columns])


@dataclass(frozen=True, slots=True, eq=False)
class FaceCuts:
    """N faces, each to be seen in a cut that expressions do not move; pictures are decoded when they are asked for.

    Args:
        packs: that they are from.
        place: [N, 2] number of the pack, and of the picture in it.
        weights: [N, 52] over `ARKIT`.
        cut: how faces lie.
        performed: [M, 52] further expressions that may be asked for, of recorded takes; M may be 0.
    """

    packs: tuple[FacesPack, ...]
    place: Array
    weights: Array
    cut: FaceCut
    performed: Array

    def __len__(self) -> int:
        return len(self.place)

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


def asked_of(now: Array, wanted: Array) -> Array:
    """[..., 52] the weights to ask a face for: as wanted, but with eyes that look and close as they do now."""
    return np.asarray(np.where(_KEPT, now, wanted))


def read_face_cuts(folder: Path, split: str, cut: FaceCut) -> FaceCuts:
    """The faces of one split of every pack of photos in a folder, and the takes of its folder `takes`, if it has one.

    Args:
        folder: of the packs `faces-*.npz`.
        split: `train` or `val`.
        cut: how faces lie.

    Raises:
        InputError: the folder holds no pack of photos, or no such face, or a take that cannot be read.
    """
    packs, _ = read_photos(folder)
    places = [(which, index) for which, pack in enumerate(packs) for index in _usable(pack, split)]
    if not places:
        cause = f"holds no face of split {split} that is large enough"
        raise InputError(folder, "E_NOTHING", cause, "add packs of larger photos")
    weights = np.stack([packs[which].weights[index] for which, index in places])
    return FaceCuts(tuple(packs), np.array(places), weights, cut, _performed(folder / "takes"))


def _usable(pack: FacesPack, split: str) -> Array:
    """Numbers of the faces that are large enough, and of which the teacher is sure."""
    chosen = pack.indices(split)
    large = inter_ocular_distance(pack.landmarks[chosen].astype(np.float64)) >= LEAST_SHARP * EYES
    return np.asarray(chosen[large & (pack.spread[chosen] <= MOST_UNSURE)])


def _performed(folder: Path) -> Array:
    """[M, 52] weights within 0 and 1 of the takes over ARKit's basis in a folder, which need not exist."""
    takes = [take for file in sorted(folder.glob("*.csv")) for take in load(file).takes]
    rows = [take.state.expression.weights[take.valid] for take in takes if take.state.expression.basis == ARKIT]
    shown = np.concatenate([np.zeros((0, len(ARKIT))), *rows])
    return np.asarray(np.clip(shown, 0, 1), np.float32)
