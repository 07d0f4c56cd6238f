"""Pairs of pictures of one face in one light, to learn from how shading changes with an expression.

Every face is rolled out on one layout, where two expressions of it differ in shading alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.image import Frame
from mien.data.packs import FacesPack, read_folder
from mien.data.same_light import couples, sitters
from mien.imaging.face_layout import FaceLayout
from mien.nets.crease import MOST, softened
from mien.rig.compact import compact_model

_RENDERED = 0.3
"""Share of the draws that are of renders, where there are photos beside them."""

_NOISE = 0.04
"""Deviation by which the weights that are told are off."""


class Change(NamedTuple):
    """A batch of faces that change their expression.

    Args:
        brightness: [B, 1, 104, 88] before, as `FaceLayout.brightness` gives it.
        maps: [B, 5, 104, 88] see `FaceLayout.maps`.
        change: [B, 52] weights, after less before.
        gain: [B, 1, 104, 88] what was added to it, less what changed all over the face, a little blurred, within
            `MOST`.
    """

    brightness: Tensor
    maps: Tensor
    change: Tensor
    gain: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class CreasePairs:
    """Faces on the layout, and which two of them make a pair.

    Args:
        layout: the layout.
        brightness: [N, 104, 88] float16, as `FaceLayout.brightness` gives it.
        points: [N, 478, 3] landmarks in pixels of each one's picture, z in the same scale.
        weights: [N, 52].
        first: [Q] number of the face before.
        second: [Q] and after.
        share: [Q] how often each pair is to be drawn; sum 1.
        source: [Q] name of the pack.
    """

    layout: FaceLayout
    brightness: Array
    points: Array
    weights: Array
    first: Array
    second: Array
    share: Array
    source: Array

    def __len__(self) -> int:
        return len(self.first)

    def plain(self, which: Array) -> Change:
        """Some pairs as they are."""
        one, other = self.first[which], self.second[which]
        before, after = (torch.from_numpy(self.brightness[k].astype(np.float32))[:, None] for k in (one, other))
        maps = [self.layout.maps(self.points[i], self.points[j]) for i, j in zip(one, other, strict=True)]
        change = torch.from_numpy((self.weights[other] - self.weights[one]).astype(np.float32))
        return Change(before, torch.from_numpy(np.stack(maps)), change, _gain(before, after, self.layout.cover))

    def varied(self, which: Array, generator: torch.Generator) -> Change:
        """Some pairs, each changed at random."""
        return _varied(self.plain(which), generator)


def read_pairs(folder: Path, split: str) -> CreasePairs:
    """The pairs of one split of every pack in a folder.

    Args:
        folder: of packs `faces-*.npz`, in each of which the pictures of one person are in one light.
        split: `train` or `val`.

    Raises:
        InputError: the folder holds no pack, or no pair.
    """
    model = compact_model()
    layout = FaceLayout.of(model.mean, model.triangles)
    people = list(sitters(read_folder(folder)[0], split))
    if not people:
        cause = f"holds no two pictures of one person in one pose to {'learn from' if split == 'train' else 'judge by'}"
        raise InputError(folder, "E_NOTHING", cause, "add faces packs whose people show several expressions")
    pairs = couples(people, _RENDERED)
    return CreasePairs(
        layout,
        np.stack([_rolled(layout, one.pack, int(k)) for one in people for k in one.own]),
        np.concatenate([one.pack.landmarks[one.own] for one in people]),
        np.concatenate([one.pack.weights[one.own] for one in people]),
        pairs.first,
        pairs.second,
        pairs.share,
        pairs.source,
    )


def _rolled(layout: FaceLayout, pack: FacesPack, index: int) -> Array:
    return layout.brightness(Frame(pack.pictures.rgb(index)), pack.landmarks[index]).astype(np.float16)


def _gain(before: Tensor, after: Tensor, cover: Array) -> Tensor:
    """[B, 1, h, w] what was added to the brightness of one face [B, 1, h, w] to get the other."""
    ratio = softened(after - before)
    inside = torch.from_numpy(cover > 0.5).flatten()
    usual = ratio.flatten(1)[:, inside].median(1).values[:, None, None, None]
    return (ratio - usual).clamp(-MOST, MOST)


def _varied(sample: Change, generator: torch.Generator) -> Change:
    """Pairs mirrored, moved a little, in other contrasts and under other light, half done, and told inexactly."""
    bright, maps, change, gain = sample
    count, _, height, width = bright.shape

    def drawn(low: float, high: float) -> Tensor:
        """[B, 1, 1, 1] evenly between two numbers."""
        return low + (high - low) * torch.rand((count, 1, 1, 1), generator=generator)

    skin = bright > 0
    mirrored = drawn(0, 1) < 0.5
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0])[:, None, None]
    bright, gain, skin = (torch.where(mirrored, x.flip(3), x) for x in (bright, gain, skin))
    maps = torch.where(mirrored, maps.flip(3) * signs, maps)
    change = torch.where(mirrored[:, :, 0, 0], change[:, torch.from_numpy(ARKIT.mirror.copy())], change)
    contrast, dose = drawn(0.7, 1.3), torch.where(drawn(0, 1) < 0.3, drawn(0.2, 1.0), 1.0)
    coarse = torch.randn((count, 1, 5, 4), generator=generator) * drawn(0, 0.25)
    light = functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    grain = torch.randn(bright.shape, generator=generator) * drawn(0, 0.06)
    middle = bright.mean((2, 3), keepdim=True)
    seen = (bright - middle) * contrast + middle + light + grain
    # Where it changes, light changes skin that folds as much as skin that does not: the gain is the same.
    trembling = torch.randn((count, 2, 6, 5), generator=generator) * 0.3
    tremble = functional.interpolate(trembling, (height, width), mode="bicubic", align_corners=False)
    motion = (maps[:, 3:] + tremble * maps[:, :1]) * dose
    told = (change + torch.randn(change.shape, generator=generator) * _NOISE) * dose[:, :, 0, 0]
    shift = torch.randint(-2, 3, (2,), generator=generator).tolist()
    seen, gain = (torch.roll(x, shift, (2, 3)) for x in (torch.where(skin, seen.clamp(min=0.1), 0), gain))
    return Change(seen, torch.cat([maps[:, :3], motion], 1), told, gain * contrast * dose)
