"""Faces as the frozen networks see them, looked at once and kept: what the expression network learns from.

Finding the points of a view costs several times what learning from it costs; a training of many passes, or many
trainings, look again and again at the same views.
"""

import hashlib
import json
import os
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Generator, Tensor

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.data.augment import degrade, fill_outside, jitter, take_views, view_maps
from mien.data.packs import FacesPack, read_folder
from mien.data.tiles import Tiles, cut_tiles
from mien.nets.landmarks import SIDE, LandmarkNet
from mien.nets.local_global import VIEW, upright
from mien.nets.refiner import Refiner
from mien.train.expression import frozen_landmarks
from mien.train.loop import read_checkpoint

_BATCH = 128


@dataclass(frozen=True)
class SeenFaces:
    """N views of faces.

    Args:
        view: [N, 96, 96] uint8 luminance, upright (`mien.nets.local_global.upright`).
        points: [N, 478, 3] float16 in pixels of the view, as the networks found them.
        weights: [N, 52] labels.
        trust: [N] what they are worth, 0 to 1.
        pack: [N] index of the pack.
        person: [N] who.
        neutral: [N] whether the face shows nothing.
    """

    view: Array
    points: Array
    weights: Array
    trust: Array
    pack: Array
    person: Array
    neutral: Array

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True)
class Looked:
    """The faces of packs, seen.

    Args:
        names: of the packs.
        rendered: which of them are renders.
        true: [packs, 52] bool, the columns whose labels are true: known by construction, or given by people.
        mirror: [478] index map of a flip.
        train: several degraded views of each face.
        val: one plain view of each.
    """

    names: tuple[str, ...]
    rendered: tuple[bool, ...]
    true: Array
    mirror: Array
    train: SeenFaces
    val: SeenFaces


class Eyes:
    """The landmark network and the refiner, frozen.

    Args:
        folder: where their checkpoints lie.

    Raises:
        InputError: one of them is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._first: LandmarkNet = frozen_landmarks(folder / "landmarks.pt")
        self._second = Refiner()
        self._second.load_state_dict(read_checkpoint(folder / "refiner.pt")["average"])
        self._second.eval().requires_grad_(False)
        digest = hashlib.sha256()
        for network in (self._first, self._second):
            for value in network.state_dict().values():
                digest.update(value.numpy().tobytes())
        self.print = digest.hexdigest()

    def see(self, cuts: Tensor) -> Tensor:
        """Points [B, 478, 3] in pixels of cuts [B, 1, 128, 128]."""
        with torch.autocast("cpu", torch.bfloat16):
            flat = self._first.look(cuts)
        first = self._first.read(flat.float())
        points: Tensor = self._second(cuts, first.points, first.features)
        return points


def look(data: Path, folder: Path, views: int, progress: bool = True) -> Looked:
    """The faces of the packs in `data`, as seen by the networks whose checkpoints lie in `folder`.

    What was looked at is kept in `folder/seen`, and taken from there when packs, networks and number are the same.

    Args:
        data: folder of the packs.
        folder: of the checkpoints.
        views: of each training face.
        progress: whether a bar is shown.
    """
    packs, _ = read_folder(data)
    eyes = Eyes(folder)
    print_ = {"networks": eyes.print, "views": views, "packs": [[p.name, len(p.split)] for p in packs]}
    kept = folder / "seen"
    if _kept(kept) != print_:
        train = _seen(eyes, packs, cut_tiles(packs, "train"), views, progress)
        val = _seen(eyes, packs, cut_tiles(packs, "val"), 0, progress)
        kept.mkdir(exist_ok=True)
        (kept / "print.json").unlink(missing_ok=True)
        for name, seen in (("train", train), ("val", val)):
            for field, value in zip(fields(seen), astuple(seen), strict=True):
                np.save(kept / f"{name}-{field.name}.npy", value)
        partial = kept / "print.json.partial"
        partial.write_text(json.dumps(print_), encoding="utf-8")
        os.replace(partial, kept / "print.json")
    train, val = (
        SeenFaces(*(np.load(kept / f"{name}-{field.name}.npy", mmap_mode="r") for field in fields(SeenFaces)))
        for name in ("train", "val")
    )
    true = np.array([pack.named & (pack.rendered or pack.by_hand) for pack in packs])
    names, rendered = tuple(pack.name for pack in packs), tuple(pack.rendered for pack in packs)
    return Looked(names, rendered, true, packs[0].mirror, train, val)


def _kept(folder: Path) -> object:
    file = folder / "print.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def _seen(eyes: Eyes, packs: list[FacesPack], tiles: Tiles, views: int, progress: bool) -> SeenFaces:
    """`views` degraded and mirrored views of every tile, or one plain one where `views` is 0."""
    which = np.tile(np.arange(len(tiles.pixels)), max(views, 1))
    if len(which) == 0:
        raise InputError("packs", "E_FORMAT", "one of the splits train and val has no face", "docs/data.md tells more")
    view = np.zeros((len(which), VIEW, VIEW), np.uint8)
    points = np.zeros((len(which), 478, 3), np.float16)
    generator = Generator().manual_seed(11 if views else 7)
    parts = np.array_split(np.arange(len(which)), -(-len(which) // _BATCH))
    shown = track(parts, "looking at faces", console=Console(stderr=True), disable=not progress)
    for part in shown:
        pixels = torch.from_numpy(tiles.pixels[which[part]])[:, None].float()
        wander = jitter(generator, len(part), wide=0.1 if views else 0.0)
        maps = view_maps(wander, torch.zeros(len(part), dtype=torch.bool), SIDE)
        with torch.no_grad():
            cuts = take_views(pixels, maps, SIDE)
            if views:
                cuts = fill_outside(cuts, generator)
                mild = torch.rand((len(part), 1, 1, 1), generator=generator) < 0.4
                cuts = torch.where(mild, cuts, degrade(cuts, generator))
            shot, placed = upright(cuts, eyes.see(cuts))
        view[part] = shot[:, 0].round().clamp(0, 255).to(torch.uint8).numpy()
        points[part] = placed.numpy()
    trust = 1 / (1 + (tiles.spread / 1.5) ** 2)
    return SeenFaces(
        view,
        points,
        tiles.weights[which].astype(np.float32),
        trust[which].astype(np.float32),
        tiles.pack[which],
        tiles.person[which],
        tiles.neutral[which],
    )
