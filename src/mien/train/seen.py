"""Faces as the frozen networks see them, looked at once and kept: what the expression network learns from.

Finding the points of a view costs several times what learning from it costs; a training of many passes, or many
trainings, look again and again at the same views.
"""

import hashlib
import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Generator, Tensor

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.data.augment import degrade, fill_outside, jitter, points_in_views, take_views, view_maps
from mien.data.packs import FacesPack, read_folder
from mien.data.tiles import Tiles, cut_tiles
from mien.detect.shape import mean_face
from mien.formats.files import replacing
from mien.nets.landmarks import SIDE, LandmarkNet
from mien.nets.refiner import Refiner
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter
from mien.train.export import as_shipped
from mien.train.landmarks import frozen_landmarks
from mien.train.loop import begin_from

REFINED = 0.6
"""Share of the training views whose points the refiner moved."""

_UNHARMED_PHOTOS, _UNHARMED_RENDERS = 0.4, 0.6
"""Shares of the training views that no blur, cover or compression harms. Only renders tell of channels that the teacher
leaves dead, and what tells them is fine."""

_BATCH = 128


@dataclass(frozen=True)
class SeenFaces:
    """N views of faces.

    Args:
        view: [N, 128, 128] uint8 luminance, as the landmark network gets it.
        points: [N, 478, 3] float16 in pixels of the view, as the networks found them.
        true: [N, 478, 3] float16 where they are by the labels; of renders, where a reader of photos would see them, for
            a network is to place the points of both alike.
        weights: [N, 52] labels.
        trust: [N] what they are worth, 0 to 1.
        pack: [N] index of the pack.
        person: [N] who.
        neutral: [N] whether the face shows nothing.
    """

    view: Array
    points: Array
    true: Array
    weights: Array
    trust: Array
    pack: Array
    person: Array
    neutral: Array

    def __len__(self) -> int:
        return len(self.person)


_KEPT = {
    "side": SIDE,
    "arrays": [field.name for field in fields(SeenFaces)],
    "unharmed": [_UNHARMED_PHOTOS, _UNHARMED_RENDERS],
    "renders": "as read",
}
"""What another version of mien may have kept otherwise."""


@dataclass(frozen=True)
class Looked:
    """The faces of packs, seen.

    Args:
        names: of the packs.
        rendered: which of them are renders.
        edited: which of them are photos that were edited.
        true: [packs, 52] bool, the columns whose labels are true: known by construction, or given by people.
        mirror: [478] index map of a flip.
        train: several degraded views of each face, of renders fewer.
        val: one plain view of each.
    """

    names: tuple[str, ...]
    rendered: tuple[bool, ...]
    edited: tuple[bool, ...]
    true: Array
    mirror: Array
    train: SeenFaces
    val: SeenFaces


class ViewCounts(NamedTuple):
    """How many views are taken of each training face: more of photos, of which there are fewer."""

    photo: int
    render: int


class Eyes:
    """The landmark network and the refiner, frozen: those that were trained into a folder, else the package's own.

    Args:
        folder: where `landmarks.pt` and `refiner.pt` lie, both or neither.

    Raises:
        InputError: one of them is missing, damaged, or of another network.
        ModelError: the package's own are missing or were changed.
    """

    def __init__(self, folder: Path) -> None:
        first, second = folder / "landmarks.pt", folder / "refiner.pt"
        if second.exists() or first.exists():
            self._first = frozen_landmarks(first)
            self._second = Refiner()
            begin_from(self._second, second)
            self._second.eval().requires_grad_(False)
        else:
            self._first, self._second = as_shipped(LandmarkNet(), "landmarks"), as_shipped(Refiner(), "refiner")
        digest = hashlib.sha256()
        for network in (self._first, self._second):
            for value in network.state_dict().values():
                digest.update(value.numpy().tobytes())
        self.print = digest.hexdigest()

    def see(self, cuts: Tensor, refined: Tensor | None = None) -> Tensor:
        """Points [B, 478, 3] in pixels of cuts [B, 1, 128, 128].

        Args:
            cuts: luminance of 0 to 255.
            refined: [B] bool, whose points the refiner moves; everybody's when not given.
        """
        first = self._first.read(self._first.look(cuts))
        points: Tensor = self._second(cuts, first.points, first.features)
        return points if refined is None else torch.where(refined[:, None, None], points, first.points)


def look(data: Path, folder: Path, views: ViewCounts, progress: bool = True) -> Looked:
    """The faces of the packs in `data`, as seen by the networks whose checkpoints lie in `folder`.

    What was looked at is kept in `folder/seen`, and taken from there when packs, networks and number are the same.

    Args:
        data: folder of the packs.
        folder: of the checkpoints.
        views: of each training face.
        progress: whether a bar is shown.

    Raises:
        InputError: packs or checkpoints are missing, or a split has no face.
        OutputError: what was seen cannot be kept.
    """
    packs, _ = read_folder(data)
    eyes = Eyes(folder)
    kept, print_ = (
        folder / "seen",
        {"networks": eyes.print, "views": list(views), "packs": _digests(data, packs), **_KEPT},
    )
    if _kept(kept) != print_:
        train = _seen(eyes, packs, "train", views, progress)
        val = _seen(eyes, packs, "val", None, progress)
        _keep(kept, print_, {"train": train, "val": val})
    return _looked(packs, _opened(kept, "train"), _opened(kept, "val"))


def look_at_validation(data: Path, folder: Path, eyes: Eyes, limit: int | None = None, progress: bool = True) -> Looked:
    """The validation faces of the packs in `data` alone: `train` of what comes back is empty.

    Kept in `folder/seen-val`, and taken from there when packs, networks and limit are the same.

    Args:
        data: folder of the packs.
        folder: where what was seen is kept.
        eyes: what looks.
        limit: as of `thinned`.
        progress: whether a bar is shown.

    Raises:
        InputError: packs are missing, or have no face for validation.
        OutputError: what was seen cannot be kept.
    """
    packs = thinned(read_folder(data)[0], limit)
    kept, print_ = (
        folder / "seen-val",
        {"networks": eyes.print, "limit": limit, "packs": _digests(data, packs), **_KEPT},
    )
    if _kept(kept) != print_:
        _keep(kept, print_, {"val": _seen(eyes, packs, "val", None, progress)})
    val = _opened(kept, "val")
    return _looked(packs, SeenFaces(*(getattr(val, field.name)[:0] for field in fields(val))), val)


def thinned(packs: list[FacesPack], limit: int | None, split: str = "val") -> list[FacesPack]:
    """The packs with at most `limit` faces of a split each, spread evenly over what there is; None leaves all."""
    if limit is None:
        return packs
    few = []
    for pack in packs:
        all_of_it = pack.indices(split)
        kept = np.linspace(0, len(all_of_it) - 1, min(limit, len(all_of_it))).round().astype(int)
        splits = np.array(pack.split)
        splits[np.setdiff1d(all_of_it, all_of_it[kept])] = ""
        few.append(replace(pack, split=splits))
    return few


def _looked(packs: list[FacesPack], train: SeenFaces, val: SeenFaces) -> Looked:
    true = np.array([pack.named & (pack.rendered or pack.by_hand or pack.edited) for pack in packs])
    names, rendered = tuple(pack.name for pack in packs), tuple(pack.rendered for pack in packs)
    return Looked(names, rendered, tuple(pack.edited for pack in packs), true, packs[0].mirror, train, val)


def _kept(folder: Path) -> object:
    """What was looked at is known by this; None where nothing was, or nobody can tell what."""
    try:
        return json.loads((folder / "print.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _digests(data: Path, packs: list[FacesPack]) -> list[list[str]]:
    digests = []
    for pack in packs:
        with (data / f"{pack.name}.npz").open("rb") as stream:
            digests.append([pack.name, hashlib.file_digest(stream, "sha256").hexdigest()])
    return digests


def _keep(folder: Path, print_: object, parts: dict[str, SeenFaces]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "print.json").unlink(missing_ok=True)
    for name, seen in parts.items():
        for field in fields(seen):
            # Another training may have the old array open: it keeps it.
            with replacing(folder / f"{name}-{field.name}.npy", overwrite=True) as partial:
                np.save(partial, getattr(seen, field.name))
    with replacing(folder / "print.json", overwrite=True) as partial:
        partial.write_text(json.dumps(print_), encoding="utf-8")


def _opened(folder: Path, name: str) -> SeenFaces:
    return SeenFaces(*(np.load(folder / f"{name}-{field.name}.npy", mmap_mode="r") for field in fields(SeenFaces)))


def _seen(eyes: Eyes, packs: list[FacesPack], split: str, views: ViewCounts | None, progress: bool) -> SeenFaces:
    """Degraded views of every face of a split, or one plain one without `views`."""
    tiles = cut_tiles(packs, split)
    if len(tiles.pixels) == 0:
        raise InputError("packs", "E_FORMAT", "one of the splits train and val has no face", "docs/data.md tells more")
    which = _looks(tiles, packs, views)
    shares = _by_kind(tiles, packs, _UNHARMED_PHOTOS, _UNHARMED_RENDERS)[which]
    unharmed = torch.from_numpy(shares)[:, None, None, None]
    view = np.zeros((len(which), SIDE, SIDE), np.uint8)
    points, true = (np.zeros((len(which), 478, 3), np.float16) for _ in range(2))
    generator = Generator().manual_seed(7 if views is None else 11)
    mirror = torch.from_numpy(tiles.mirror)
    rendered = np.array([pack.rendered for pack in packs])[tiles.pack][which]
    fitter = Fitter(compact_model(), mean_face().steadiness)
    parts = np.array_split(np.arange(len(which)), -(-len(which) // _BATCH))
    for part in track(parts, "looking at faces", console=Console(stderr=True), disable=not progress):
        pixels = torch.from_numpy(tiles.pixels[which[part]])[:, None].float()
        wander = jitter(generator, len(part), wide=0.0 if views is None else 0.1)
        straight = torch.zeros(len(part), dtype=torch.bool)
        maps = view_maps(wander, straight, SIDE)
        with torch.no_grad():
            cuts = take_views(pixels, maps, SIDE)
            if views is not None:
                cuts = fill_outside(cuts, generator)
                spared = torch.rand((len(part), 1, 1, 1), generator=generator) < unharmed[part]
                cuts = torch.where(spared, cuts, degrade(cuts, generator))
            # Whoever skips the refiner, to be quicker, shall be read as well.
            refined = None if views is None else torch.rand(len(part), generator=generator) < REFINED
            cuts = cuts.round().clamp(0, 255)
            points[part] = eyes.see(cuts, refined).numpy()
        view[part] = cuts[:, 0].to(torch.uint8).numpy()
        placed = points_in_views(torch.from_numpy(tiles.points[which[part]]), maps, straight, mirror)
        true[part] = placed.numpy()
        for row in part[rendered[part]]:
            true[row] = fitter.as_read(true[row].astype(np.float64))
    trust = 1 / (1 + (tiles.spread / 1.5) ** 2)
    return SeenFaces(
        view,
        points,
        true,
        tiles.weights[which].astype(np.float32),
        trust[which].astype(np.float32),
        tiles.pack[which],
        tiles.person[which],
        tiles.neutral[which],
    )


def _looks(tiles: Tiles, packs: list[FacesPack], views: ViewCounts | None) -> Array:
    """[N] which tile each view is of: all of them once, then again those of which there are further views."""
    if views is None:
        return np.arange(len(tiles.pixels))
    wanted = _by_kind(tiles, packs, views.photo, views.render)
    return np.concatenate([np.flatnonzero(wanted > again) for again in range(max(views))])


def _by_kind(tiles: Tiles, packs: list[FacesPack], photos: float, renders: float) -> Array:
    """[tiles] one number for those of photos, another for those of renders."""
    return np.array([renders if pack.rendered else photos for pack in packs])[tiles.pack]
