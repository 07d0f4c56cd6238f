"""The same person twice: what a face really does where its weights change, beside what the rig says it does."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.geometry import Similarity, fit_similarity
from mien.core.points import STEADY
from mien.data.packs import FacesPack
from mien.rig.compact import compact_model
from mien.rig.fit import FaceFit, Fitter
from mien.rig.motion import face_motion
from mien.rig.residual import EYES_APART, in_head

MOST_TURNED, MOST_APART = 22.0, 18.0
"""Degrees: heads turned further are left out, and pairs whose heads differ by more."""

MOST_UNSURE, MOST_UNEXPLAINED = 2.0, 0.8
"""% of the inter-ocular distance: how far a teacher may disagree with itself, and the residual of a fit."""

EACH = 40
"""Most pairs of one person."""


@dataclass(frozen=True)
class Changes:
    """N changes of a face, in the head's plane, inter-ocular distances.

    Args:
        start: [N, 478, 2] the points of the first photo.
        placed: [N, 478, 2] where the rig puts them.
        true: [N, 478, 2] where they are in the second one, laid over by the points that expressions leave alone.
        now: [N, 52] weights of the first photo.
        then: [N, 52] of the second one.
        turned: [N, 6] the sine vectors of the first head's rotation, and by how much the second one's differs.
    """

    start: Array
    placed: Array
    true: Array
    now: Array
    then: Array
    turned: Array

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True)
class Person:
    """Somebody who is in a pack twice or more.

    Args:
        pack: where.
        pairs: numbers of two photos of them in it, either way round.
        fits: of those photos, by their numbers.
    """

    pack: FacesPack
    pairs: list[tuple[int, int]]
    fits: dict[int, FaceFit]


def people_twice(packs: list[FacesPack], split: str, fitter: Fitter) -> list[Person]:
    """Everybody of whom a split holds two photos or more in much the same pose.

    Packs of generated faces are left out: their identities are collages of several people.

    Args:
        packs: of photos.
        split: which of them.
        fitter: says how heads are held.

    Raises:
        InputError: nobody is in the packs twice.
    """
    found = [
        person
        for pack in packs
        if not pack.rendered and "synthetic" not in pack.name
        for person in _of_pack(pack, split, fitter)
    ]
    if not found:
        names = ", ".join(pack.name for pack in packs)
        remedy = "add a pack with several photos of one person: docs/data.md"
        raise InputError(names, "E_FORMAT", f"nobody is there twice in split {split}", remedy)
    return found


def read_changes(people: list[Person], each: int = EACH, seed: int = 0) -> Changes:
    """Every pair of photos of one person, both ways, `each` of everybody at most.

    Args:
        people: as of `people_twice`.
        each: pairs of one person, at most.
        seed: which ones.
    """
    rng = np.random.default_rng(seed)
    rows = [_row(person, person.pairs[k]) for person in people for k in rng.permutation(len(person.pairs))[:each]]
    return Changes(*(np.stack(column).astype(np.float32) for column in zip(*rows, strict=True)))


def _of_pack(pack: FacesPack, split: str, fitter: Fitter) -> Iterator[Person]:
    photos_of = defaultdict(list)
    for index in pack.indices(split):
        if pack.spread[index] < MOST_UNSURE:
            photos_of[pack.identity[index]].append(int(index))
    for photos in (several for several in photos_of.values() if len(several) > 1):
        fits = {k: fitter.fit(pack.landmarks[k].astype(np.float64), expected=pack.weights[k]) for k in photos}
        clear = [k for k in photos if fits[k].residual < MOST_UNEXPLAINED and _turned(fits[k]) < MOST_TURNED]
        pairs = [(a, b) for a in clear for b in clear if a != b and _apart(fits[a], fits[b]) < MOST_APART]
        if pairs:
            yield Person(pack, pairs, fits)


def _row(person: Person, pair: tuple[int, int]) -> tuple[Array, ...]:
    """One of `Changes`."""
    (one, other), pack, fits = pair, person.pack, person.fits
    points, head = pack.landmarks[one].astype(np.float64), fits[one].head
    start = in_head(points, head)
    then = in_head(pack.landmarks[other].astype(np.float64), fits[other].head)
    steady = np.zeros(len(start))
    steady[list(STEADY)] = 1
    laid = fit_similarity(then, start, steady)
    there = laid.scale * then @ laid.rotation.T + laid.translation
    # Only what is seen counts: a teacher's depths are rough.
    seen = head.scale * EYES_APART * (there @ head.rotation.T)[:, :2] + head.translation[:2]
    true = in_head(np.column_stack([seen, points[:, 2]]), head)
    motion = face_motion(compact_model(), points, head, pack.weights[one], pack.weights[other], gained=False)
    placed = in_head(np.column_stack([motion.target, points[:, 2]]), head)
    vectors = [_sines(fits[k].head) for k in (one, other)]
    turned = np.concatenate([vectors[0], vectors[1] - vectors[0]])
    return start[:, :2], placed[:, :2], true[:, :2], pack.weights[one], pack.weights[other], turned


def _turned(fit: FaceFit) -> float:
    return float(np.rad2deg(np.arccos(np.clip(fit.head.rotation[2, 2], -1, 1))))


def _apart(one: FaceFit, other: FaceFit) -> float:
    trace = np.trace(one.head.rotation.T @ other.head.rotation)
    return float(np.rad2deg(np.arccos(np.clip((trace - 1) / 2, -1, 1))))


def _sines(head: Similarity) -> Array:
    """[3] a rotation's axis, as long as the sine of its angle."""
    r = head.rotation
    return np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]) / 2
