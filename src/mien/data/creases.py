"""Pairs of pictures of one face in one light, to learn from how shading changes with an expression.

Any pack will do whose pictures of one person were taken in one light: frames of a clip, portraits of one session, or
renders made with `mien data render --still`. Every face is rolled out on one layout, where two expressions of it differ
in shading alone.
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
from mien.core.geometry import fit_similarity
from mien.core.image import Frame
from mien.core.points import STEADY
from mien.data.packs import FacesPack, read_folder
from mien.imaging.face_layout import FaceLayout
from mien.metrics import inter_ocular_distance
from mien.nets.crease import CREASE_COLUMNS, MOST, softened
from mien.rig.compact import compact_model

NEAR = 5.5
"""% of the inter-ocular distance by which points that expression hardly moves may lie apart in two pictures of a pair:
heads that turn between them are lit otherwise."""

LEAST = 0.25
"""Sum of the changes of weights below which a pair shows nothing."""

_MOST_PAIRS = 40_000
"""Pairs of one person that are kept at most."""

_RENDERED = 0.3
"""Share of the draws that are of renders, where there are photos beside them."""

_PORTRAITS, _FEW = 0.5, 4
"""Share of the photos' draws that are of people with so few pictures at most: many people matter more than many frames
of one."""

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
    brightness: list[Array] = []
    points, weights, first, second, share, source = [], [], [], [], [], []
    packs, _ = read_folder(folder)
    for pack in packs:
        indices = pack.indices(split)
        for person in np.unique(pack.identity[indices]):
            own = indices[pack.identity[indices] == person]
            pairs = _pairs(pack, own)
            if not len(pairs):
                continue
            begin = len(brightness)
            brightness += [_rolled(layout, pack, int(k)) for k in own]
            points.append(pack.landmarks[own])
            weights.append(pack.weights[own])
            first.append(begin + pairs[:, 0])
            second.append(begin + pairs[:, 1])
            moved = np.abs(weights[-1][pairs[:, 1]] - weights[-1][pairs[:, 0]]).sum(1)
            strong = np.clip(moved, LEAST, 3.0)
            share.append(strong / strong.sum() * _due(pack, len(own)))
            source.append(np.full(len(pairs), pack.name))
    if not first:
        cause = f"holds no two pictures of one person in one pose to {'learn from' if split == 'train' else 'judge by'}"
        raise InputError(folder, "E_NOTHING", cause, "add faces packs whose people show several expressions")
    names, every = np.concatenate(source), np.concatenate(share)
    return CreasePairs(
        layout,
        np.stack(brightness),
        np.concatenate(points),
        np.concatenate(weights),
        np.concatenate(first),
        np.concatenate(second),
        _balanced(every, np.isin(names, [pack.name for pack in packs if pack.rendered])),
        names,
    )


def _rolled(layout: FaceLayout, pack: FacesPack, index: int) -> Array:
    return layout.brightness(Frame(pack.pictures.rgb(index)), pack.landmarks[index]).astype(np.float16)


def _due(pack: FacesPack, pictures: int) -> float:
    """How much of the draws a person is due: those of few pictures, and of many, share alike among themselves."""
    if pack.rendered:
        return 1.0
    few = np.unique(pack.identity, return_counts=True)[1] <= _FEW
    few_people = int(few.sum())
    return _PORTRAITS / few_people if pictures <= _FEW else (1 - _PORTRAITS) / (len(few) - few_people)


def _balanced(share: Array, rendered: Array) -> Array:
    """Shares [Q] with those of renders at their part of all, sum 1."""
    total = np.array(share, np.float64)
    if rendered.any() and not rendered.all():
        total[rendered] *= _RENDERED / total[rendered].sum()
        total[~rendered] *= (1 - _RENDERED) / total[~rendered].sum()
    return np.asarray(total / total.sum())


def _pairs(pack: FacesPack, own: Array) -> Array:
    """[Q, 2] numbers within `own` of two pictures in one pose that differ in expression, in both orders."""
    steady = pack.landmarks[own][:, list(STEADY)].astype(np.float64)
    unit = float(np.median(inter_ocular_distance(pack.landmarks[own])))
    laid = []
    for face in steady:
        way = fit_similarity(face, steady[0])
        flat = (face * way.scale) @ np.eye(3)[:, :2]
        angle = np.arctan2(way.rotation[1, 0], way.rotation[0, 0])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        laid.append((flat - flat.mean(0)) @ turn.T)
    flat = np.array(laid)
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=-1).mean(-1) / unit * 100
    columns = ARKIT.indices(CREASE_COLUMNS)
    weights = pack.weights[own][:, columns]
    change = np.abs(weights[:, None] - weights[None]).sum(-1)
    pairs = np.argwhere((apart < NEAR) & (change > LEAST))
    if len(pairs) > _MOST_PAIRS:
        pairs = pairs[np.random.default_rng(0).permutation(len(pairs))[:_MOST_PAIRS]]
    return pairs


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
