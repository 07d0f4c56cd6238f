"""Recipe of the appearance: which mixtures of a face's traits differ most between people, and least within one.

Linear discriminant analysis (R. A. Fisher 1936; C. R. Rao 1948) in closed form, on the largest principal components. A
mirrored picture counts as the same person's, for the lamp may stand on either side; so does one of few pixels.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.geometry import compose_affine, square_to_frame
from mien.core.image import Frame
from mien.core.report import Row
from mien.data.augment import FOLLOWING
from mien.data.packs import FacesPack, read_photos
from mien.detect.appearance import Appearance, traits
from mien.detect.landmarks import SIDE, LandmarkReader
from mien.imaging.warp import face_square

DIRECTIONS = 48
"""Numbers in a description."""

COMPONENTS = 200
"""Principal components that are looked at: what is beyond them is noise."""

SHRINK = 0.015
"""Share of the mean variance within a person that is added in every direction."""

FEWEST_PIXELS = 16
"""Side of the coarsest picture that a face is shown as."""


def learn_appearance(data: Path, reader: LandmarkReader, progress: bool = True) -> tuple[Appearance, Row | None]:
    """The appearance, from people who are in the packs of `data` twice, and how well it tells validation people apart.

    Packs of generated faces are left out: their identities are collages of several people.

    Returns:
        The appearance; the chance that two pictures of one person look more alike than two of different people, or None
        when fewer than two validation people are there twice.

    Raises:
        InputError: nobody is there twice.
    """
    rng = np.random.default_rng(0)
    packs = [pack for pack in read_photos(data)[0] if "synthetic" not in pack.name]
    pictures = _twice(packs, "train")
    if not pictures:
        remedy = "add a pack with several photos of one person: docs/data.md"
        raise InputError(data, "E_FORMAT", "nobody is there twice in split train", remedy)
    seen, who = [], []
    for pack, index in track(pictures, "appearance", transient=True, disable=not progress):
        views = _views(pack, index, reader, rng)
        seen += views
        who += [f"{pack.name}/{pack.identity[index]}"] * len(views)
    appearance = Appearance(*discriminant(np.array(seen), np.array(who), DIRECTIONS))
    known = _twice(packs, "val")
    if len({(pack.name, pack.identity[index]) for pack, index in known}) < 2:
        return appearance, None
    looks = [appearance.weighed(_views(pack, index, reader, rng)[0]) for pack, index in known]
    names = np.array([f"{pack.name}/{pack.identity[index]}" for pack, index in known])
    return appearance, Row("two pictures of one person more alike than of two", told_apart(np.array(looks), names), "")


def told_apart(looks: Array, who: Array) -> float:
    """The chance that looks [N, D] of one person are more alike than those of two people; who they are is `who` [N].

    It is the area under the receiver's curve.
    """
    one, other = np.triu_indices(len(looks), 1)
    alike, same = (looks @ looks.T)[one, other], who[one] == who[other]
    between = np.sort(alike[~same])
    below, up_to = (np.searchsorted(between, alike[same], side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(between))


def _twice(packs: Sequence[FacesPack], split: str) -> list[tuple[FacesPack, int]]:
    """The pictures of those of whom there are several."""
    found = []
    for pack in packs:
        people = defaultdict(list)
        for index in pack.indices(split):
            people[pack.identity[index]].append(int(index))
        found += [(pack, index) for indices in people.values() if len(indices) > 1 for index in indices]
    return found


def _views(pack: FacesPack, index: int, reader: LandmarkReader, rng: np.random.Generator) -> list[Array]:
    """The traits of a face as capture follows it: as it is, in the mirror, and of few pixels."""
    turn, zoom, across, down = rng.normal(0, [FOLLOWING.turn, FOLLOWING.zoom, FOLLOWING.shift, FOLLOWING.shift])
    centre = SIDE / 2 + SIDE * np.array([across, down])
    wander = square_to_frame(centre, SIDE * float(np.exp(zoom)), float(turn), SIDE)
    square = compose_affine(face_square(pack.landmarks[index], SIDE), wander)
    sight = reader.read(Frame(pack.pictures.rgb(index)), square)
    mirrored = sight.cut_points[pack.mirror] * [-1, 1, 1] + [SIDE, 0, 0]
    side = int(rng.integers(FEWEST_PIXELS, SIDE // 2))
    small = Image.fromarray(sight.cut).resize((side, side), Image.Resampling.BOX)
    coarse = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    return [
        traits(sight.cut, sight.cut_points),
        traits(np.ascontiguousarray(sight.cut[:, ::-1]), mirrored),
        traits(coarse, sight.cut_points + rng.normal(0, 0.6, sight.cut_points.shape)),
    ]


def discriminant(seen: Array, who: Array, directions: int) -> tuple[Array, Array]:
    """The mean [N] of samples [S, N], and the directions [N, D] that tell the groups in `who` [S] apart best, first.

    In the directions' own coordinates the samples of a group vary alike on every axis.
    """
    mean = seen.mean(0, dtype=np.float64)
    away = seen - mean
    _, axes = np.linalg.eigh(away.T @ away / len(away))
    axes = axes[:, ::-1][:, :COMPONENTS]
    away = away @ axes
    groups, group = np.unique(who, return_inverse=True)
    sums = np.zeros((len(groups), away.shape[1]))
    np.add.at(sums, group, away)
    rest = away - (sums / np.bincount(group)[:, None])[group]
    within = rest.T @ rest / max(len(away) - len(groups), 1)
    within += SHRINK * np.trace(within) / len(within) * np.eye(len(within))
    spread, turn = np.linalg.eigh(within)
    whiten = turn / np.sqrt(spread)
    _, best = np.linalg.eigh(whiten.T @ (away.T @ away / len(away)) @ whiten)
    return mean, axes @ whiten @ best[:, ::-1][:, :directions]
