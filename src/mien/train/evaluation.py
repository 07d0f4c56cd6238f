"""How well a trained expression network reads faces that it never learned from.

Labels are true, of renders and of people, or a teacher's, which are believed in the channels that it moves; the two
kinds of faces are never mixed.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Generator, Tensor

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.data.augment import jitter, take_views, view_maps
from mien.data.packs import FacesPack, read_folder
from mien.data.tiles import EXPRESSIVE, cut_tiles
from mien.nets.landmarks import SIDE
from mien.nets.local_global import LOCAL, LocalGlobalNet
from mien.nets.regions import READ
from mien.train.export import rounded
from mien.train.figures import TAUGHT, TRUE, Figures, Group, Motion, figures_of
from mien.train.lgml import ABSENT, APPEARS, EXPRESSIVE_FROM
from mien.train.loop import begin_from
from mien.train.seen import Eyes, Looked, SeenFaces, look_at_validation, thinned
from mien.train.teaching import Teaching, taught

VIEWS = 8
"""Views of each still photo whose readings should be one."""

_BATCH, _STILL = 256, 24


class Reader:
    """A trained expression network and the eyes that it learned with, its weights rounded as they ship.

    Args:
        folder: as `mien train lgml -o FOLDER` leaves it: lgml.pt, and perhaps landmarks.pt and refiner.pt.

    Raises:
        InputError: one of them is missing, damaged, or of another network.
    """

    def __init__(self, folder: Path) -> None:
        net = LocalGlobalNet(torch.arange(478))
        begin_from(net, folder / "lgml.pt")
        self._net: LocalGlobalNet = rounded(net)
        self.eyes = Eyes(folder)

    def weights(self, view: Tensor, points: Tensor) -> Array:
        """[B, 52] of cuts [B, 1, 128, 128] and their points [B, 478, 3]."""
        with torch.no_grad():
            return np.asarray(self._net(view, points).weights)

    def weights_of_cuts(self, cuts: Tensor) -> Array:
        """[B, 52] of cuts [B, 1, 128, 128], whose landmarks are found first."""
        with torch.no_grad():
            return self.weights(cuts, self.eyes.see(cuts))

    def features(self, view: Tensor, points: Tensor) -> tuple[Array, Array]:
        """Local features [B, 52, 32], zeros for tongueOut, and global ones [B, 128]; arguments as of `weights`.

        The middle's and the global ones are those of the right half.
        """
        columns = ARKIT.indices(READ)
        local = np.zeros((len(view), len(ARKIT), LOCAL), np.float32)
        with torch.no_grad():
            read = self._net.read(view, points)
        local[:, ARKIT.mirror[columns]] = read.local[:, 1]
        local[:, columns] = read.local[:, 0]
        return local, np.asarray(read.whole[:, 0])


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What was read, and what was measured of it: one entry each for every kind of face that the packs hold."""

    groups: tuple[Group, ...]
    figures: tuple[Figures, ...]


def evaluate(data: Path, folder: Path, limit: int | None = None, progress: bool = True) -> Evaluation:
    """Measures the network in `folder` on the validation faces of the packs in `data`.

    Args:
        data: folder of the packs.
        folder: of the checkpoints; what the frozen networks saw is kept there.
        limit: at most so many faces of each pack; None reads all.
        progress: whether bars are shown.

    Raises:
        InputError: packs or checkpoints are missing, or there is no face for validation.
        OutputError: what was seen cannot be kept.
    """
    reader, (packs, _) = Reader(folder), read_folder(data)
    looked = look_at_validation(data, folder, reader.eyes, limit, progress)
    groups = _groups(reader, looked, packs)
    tiles = cut_tiles(thinned(packs, limit), "val")
    motion = _motion(reader, tiles.pixels, ~np.array(looked.rendered)[looked.val.pack], progress)
    return Evaluation(groups, tuple(figures_of(group, motion.only(group.rows)) for group in groups))


def read_groups(data: Path, folder: Path, limit: int | None = None, progress: bool = True) -> tuple[Group, ...]:
    """What the network in `folder` reads off the validation faces, without measuring; all else as of `evaluate`."""
    reader, (packs, _) = Reader(folder), read_folder(data)
    return _groups(reader, look_at_validation(data, folder, reader.eyes, limit, progress), packs)


def _groups(reader: Reader, looked: Looked, packs: list[FacesPack]) -> tuple[Group, ...]:
    val = looked.val
    weights, local, whole = [], [], []
    for part in np.array_split(np.arange(len(val)), -(-len(val) // _BATCH)):
        view, points = torch.from_numpy(val.view[part])[:, None].float(), torch.from_numpy(val.points[part]).float()
        weights.append(reader.weights(view, points))
        of_channels, of_face = reader.features(view, points)
        local.append(of_channels)
        whole.append(of_face)
    known, state, shows = _labels(looked, packs)
    by_teacher = taught(looked.true)[val.pack]
    everybody = Group(
        name="",
        rows=np.arange(len(val)),
        person=np.array(val.person),
        weights=np.concatenate(weights),
        labels=np.array(val.weights),
        known=known,
        state=state,
        shows=shows,
        local=np.concatenate(local),
        whole=np.concatenate(whole),
    )
    kinds = ((TRUE, ~by_teacher), (TAUGHT, by_teacher))
    return tuple(everybody.only(chosen, name) for name, chosen in kinds if chosen.any())


def _labels(looked: Looked, packs: list[FacesPack]) -> tuple[Array, Array, Array]:
    """What labels of the validation faces count, and the states of their channels and faces, as of `Group`.

    States are those that metric learning goes by: what the teacher sees on neutral faces is taken off first.
    """
    val = looked.val
    # What the teacher moves, and what it reads at rest, does not depend on how many faces are evaluated.
    teaching = Teaching.of(replace(looked, train=_unseen(packs, "train"), val=_unseen(packs, "val")))
    worth = teaching.known(val, looked.true) > 0
    weights = teaching.weights(val, looked.true)
    state = ((weights > APPEARS).astype(np.int8) - (weights < ABSENT)) * worth
    neutral = np.array(val.neutral)
    expressive = (weights * worth)[:, list(EXPRESSIVE)].max(1) > EXPRESSIVE_FROM
    known = worth.copy()
    dead = np.setdiff1d(np.arange(len(ARKIT)), teaching.active)
    known[np.ix_(np.flatnonzero(taught(looked.true)[val.pack]), dead)] = False
    return known, state, np.where(neutral, -1, expressive).astype(np.int8)


def _unseen(packs: list[FacesPack], split: str) -> SeenFaces:
    """The labels of a split, without a view of its faces."""
    chosen = [(k, pack, pack.indices(split)) for k, pack in enumerate(packs)]
    pack_of = np.concatenate([np.full(len(rows), k) for k, _, rows in chosen])
    return SeenFaces(
        view=np.zeros((len(pack_of), 0, 0), np.uint8),
        points=np.zeros((len(pack_of), 0, 3), np.float16),
        true=np.zeros((len(pack_of), 0, 3), np.float16),
        weights=np.concatenate([pack.weights[rows] for _, pack, rows in chosen]),
        trust=np.ones(len(pack_of), np.float32),
        pack=pack_of,
        person=np.concatenate([pack.identity[rows].astype(str) for _, pack, rows in chosen]),
        neutral=np.concatenate([pack.label[rows] == "neutral" for _, pack, rows in chosen]),
    )


def _motion(reader: Reader, tiles: Array, photos: Array, progress: bool) -> Motion:
    """All the way from the cut: its mirror image, and `VIEWS` of each photo; tiles [N, 256, 256], photos [N] bool."""
    count, generator = len(tiles), Generator().manual_seed(7)
    straight, mirrored = (np.zeros((count, len(ARKIT)), np.float32) for _ in range(2))
    trembling = np.full((VIEWS, count, len(ARKIT)), np.nan, np.float32)
    parts = np.array_split(np.arange(count), -(-count // _STILL))
    for part in track(parts, "mirrored and moved", console=Console(stderr=True), disable=not progress):
        cuts = _cut(tiles[part], torch.zeros(len(part), 4))
        straight[part] = reader.weights_of_cuts(cuts)
        mirrored[part] = reader.weights_of_cuts(cuts.flip(3))
        still = part[photos[part]]
        if len(still):
            wander = jitter(generator, VIEWS * len(still))
            moved = reader.weights_of_cuts(_cut(np.concatenate([tiles[still]] * VIEWS), wander))
            trembling[:, still] = moved.reshape(VIEWS, len(still), -1)
    return Motion(straight, mirrored, trembling)


def _cut(tiles: Array, wander: Tensor) -> Tensor:
    """[B, 1, 128, 128] of tiles [B, 256, 256], each moved by its row of `wander` [B, 4]."""
    maps = view_maps(wander, torch.zeros(len(tiles), dtype=torch.bool), SIDE)
    return take_views(torch.from_numpy(tiles)[:, None].float(), maps, SIDE)
