"""Which two pictures of a pack show one person in one pose and one light, with different expressions.

Any pack will do whose pictures of one person were taken in one light: frames of a clip, portraits of one session, or
renders made with `mien data render --still`. That they were is taken on trust; that the head keeps still is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import fit_similarity
from mien.core.points import STEADY
from mien.data.packs import FacesPack
from mien.metrics import inter_ocular_distance
from mien.nets.crease import CREASE_COLUMNS

NEAR = 5.5
"""% of the inter-ocular distance by which points that expression hardly moves may lie apart in two pictures of a pair:
heads that turn between them are lit otherwise."""

LEAST = 0.25
"""Sum of the changes of weights below which a pair shows nothing."""

_MOST_PAIRS = 40_000
"""Pairs of one person that are kept at most."""

_PORTRAITS, _FEW = 0.5, 4
"""Share of the photos' draws that are of people with so few pictures at most: many people matter more than many frames
of one."""


@dataclass(frozen=True, slots=True, eq=False)
class Sitter:
    """One person of a pack who is there in several expressions.

    Args:
        pack: where.
        own: [n] numbers of the person's pictures in it.
        pairs: [Q, 2] numbers within `own` of two that make a pair; every pair is there in both orders.
        due: [Q] how often each is to be drawn, beside those of other people.
    """

    pack: FacesPack
    own: Array
    pairs: Array
    due: Array


def sitters(packs: Sequence[FacesPack], split: str, near: float = NEAR) -> Iterator[Sitter]:
    """The people of one split, `train` or `val`, of whom there are pairs whose steady points lie `near` each other."""
    for pack in packs:
        indices = pack.indices(split)
        for person in np.unique(pack.identity[indices]):
            own = indices[pack.identity[indices] == person]
            pairs = _pairs(pack, own, near)
            if len(pairs):
                moved = np.abs(pack.weights[own[pairs[:, 1]]] - pack.weights[own[pairs[:, 0]]]).sum(1)
                strong = np.clip(moved, LEAST, 3.0)
                yield Sitter(pack, own, pairs, strong / strong.sum() * _due(pack, len(own)))


@dataclass(frozen=True, slots=True, eq=False)
class Couples:
    """The pairs of many people, by the numbers of their pictures in one list: the first person's own, the second's.

    Args:
        first: [Q] number of the picture before.
        second: [Q] and after.
        share: [Q] how often each pair is to be drawn; sum 1.
        source: [Q] name of the pack.
    """

    first: Array
    second: Array
    share: Array
    source: Array


def couples(people: Sequence[Sitter], part: float) -> Couples:
    """The pairs of all of them; there is one at least.

    Args:
        people: each with some pairs, or none.
        part: of all draws, is renders' where there are photos beside them.
    """
    begins = np.cumsum([0, *(len(one.own) for one in people)])[:-1]
    numbers = np.concatenate([one.pairs + begin for one, begin in zip(people, begins, strict=True)])
    rendered = np.concatenate([np.full(len(one.pairs), one.pack.rendered) for one in people])
    names = np.concatenate([np.full(len(one.pairs), one.pack.name) for one in people])
    share = shares(np.concatenate([one.due for one in people]), rendered, part)
    return Couples(numbers[:, 0], numbers[:, 1], share, names)


def shares(due: Array, rendered: Array, part: float) -> Array:
    """[Q] how often each pair is to be drawn, sum 1.

    Args:
        due: [Q] of all people's pairs.
        rendered: [Q] which are of renders.
        part: of all draws, is theirs where there are photos beside them.
    """
    total = np.array(due, np.float64)
    if rendered.any() and not rendered.all():
        total[rendered] *= part / total[rendered].sum()
        total[~rendered] *= (1 - part) / total[~rendered].sum()
    return np.asarray(total / total.sum())


def _due(pack: FacesPack, pictures: int) -> float:
    """How much of the draws a person is due: those of few pictures, and of many, share alike among themselves."""
    if pack.rendered:
        return 1.0
    few = np.unique(pack.identity, return_counts=True)[1] <= _FEW
    few_people = int(few.sum())
    return _PORTRAITS / few_people if pictures <= _FEW else (1 - _PORTRAITS) / (len(few) - few_people)


def _pairs(pack: FacesPack, own: Array, near: float) -> Array:
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
    pairs = np.argwhere((apart < near) & (change > LEAST))
    if len(pairs) > _MOST_PAIRS:
        pairs = pairs[np.random.default_rng(0).permutation(len(pairs))[:_MOST_PAIRS]]
    return pairs
