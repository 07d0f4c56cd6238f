"""Figures for reporting, as pure functions of arrays."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT

ACTIVE = 0.05
"""A channel is active in a face where its true weight passes this."""


def inter_ocular_distance(points: Array) -> Array:
    """[...] distance of the iris centres in the plane of the picture, of landmarks [..., 478, 2 or 3]."""
    return np.asarray(np.linalg.norm(points[..., IRIS_RIGHT, :2] - points[..., IRIS_LEFT, :2], axis=-1))


def landmark_error(seen: Array, true: Array) -> Array:
    """[...] mean distance of landmarks [..., 478, 2 or 3] in the plane, % of the true inter-ocular distance."""
    distance = np.linalg.norm(seen[..., :2] - true[..., :2], axis=-1).mean(-1)
    return np.asarray(distance / inter_ocular_distance(true) * 100)


def pearson(one: Array, other: Array) -> Array:
    """[K] Pearson correlation of the columns of two arrays [N, K]; 0 where a column does not vary."""
    a, b = one - one.mean(0), other - other.mean(0)
    spread = np.sqrt((a * a).sum(0) * (b * b).sum(0))
    return np.asarray(np.divide((a * b).sum(0), spread, out=np.zeros_like(spread), where=spread > 0))


def mean_absolute_error(seen: Array, true: Array, counts: Array) -> Array:
    """[K] of the columns of two arrays [N, K], `sum_n c_nk |x_nk - t_nk| / sum_n c_nk`; NaN where none counts.

    Args:
        seen: what was read.
        true: what it should be.
        counts: [N, K] bool, the entries that count.
    """
    away = np.where(counts, np.abs(np.asarray(seen, np.float64) - true), 0).sum(0)
    number = counts.sum(0)
    return np.asarray(np.divide(away, number, out=np.full(away.shape, np.nan), where=number > 0))


def active_error(seen: Array, true: Array, counts: Array) -> Array:
    """[K] `mean_absolute_error` over the entries whose truth passes `ACTIVE`: what rest cannot flatter."""
    return mean_absolute_error(seen, true, counts & (true > ACTIVE))


def intraclass_correlation(*raters: Array) -> Array:
    """[K] agreement of J raters on N faces: ICC(3,1) of P. Shrout and J. Fleiss 1979, fixed raters, one rating each.

    With the mean square between faces B and the residual mean square E of a two-way analysis of variance:

        ICC(3,1) = (B - E) / (B + (J - 1) E)

    A constant offset of a rater costs nothing, another gain does; 0 where no rater's column varies over the faces.

    Args:
        raters: J arrays [N, K], two or more, of two or more faces.
    """
    ratings = np.stack(raters).astype(np.float64)
    judges, faces = ratings.shape[:2]
    varies = np.ptp(ratings, axis=1).max(0) > 0
    # Every rater's own mean is taken off: what is left of the faces' means is B, and what these leave is E.
    ratings = ratings - ratings.mean(1, keepdims=True)
    by_face = ratings.mean(0)
    between = judges * (by_face**2).sum(0) / (faces - 1)
    residual = ((ratings - by_face) ** 2).sum((0, 1)) / ((faces - 1) * (judges - 1))
    whole = between + (judges - 1) * residual
    return np.asarray(np.divide(between - residual, whole, out=np.zeros_like(whole), where=varies))


@dataclass(frozen=True, slots=True, eq=False)
class ClassDistances:
    """How far the features of K channels lie apart, mean squared distances over pairs of faces of different people.

    NaN where there is no such pair.

    Args:
        appearing: [K] between faces in which a channel appears.
        absent: [K] between faces in which it does not.
        between: [K] from the ones to the others.
    """

    appearing: Array
    absent: Array
    between: Array

    @property
    def ratio(self) -> Array:
        """[K] `between / ((appearing + absent) / 2)`: 1 where features do not tell the two apart, above where they do.

        Neither class counts more for being met more often.
        """
        return _ratio(self.between, (self.appearing + self.absent) / 2)

    @property
    def ratio_to_absent(self) -> Array:
        """[K] `between / absent`, where only the faces without are meant to be alike: neutral ones, say."""
        return _ratio(self.between, self.absent)


def class_distances(features: Array, state: Array, person: Array) -> ClassDistances:
    """The distances that metric learning works on: between unit features z_a and z_b, `|z_a - z_b|^2`, 0 to 4.

    Sums over all pairs follow from sums over faces, so that any number of faces takes little memory:
    `sum_ab |z_a - z_b|^2 = n_B sum_a |z_a|^2 + n_A sum_b |z_b|^2 - 2 (sum_a z_a) . (sum_b z_b)`, once over everybody,
    less the same within each person.

    Args:
        features: [N, K, D].
        state: [N, K] 1 where a channel appears, -1 where it does not, 0 where it is undecided or not known.
        person: [N] who.
    """
    who = np.unique(person, return_inverse=True)[1]
    found = np.full((3, state.shape[1]), np.nan)
    for k in range(state.shape[1]):
        unit = np.asarray(features[:, k], np.float64)
        unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
        one, other = (_Sums.of(unit, state[:, k] == sign, who) for sign in (1, -1))
        found[:, k] = one.apart(one), other.apart(other), one.apart(other)
    return ClassDistances(*found)


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Of one class's features: everybody's, then each person's.

    Args:
        number: [1 + P] of faces.
        square: [1 + P] sum of squared lengths.
        total: [1 + P, D] sum of features.
    """

    number: Array
    square: Array
    total: Array

    @classmethod
    def of(cls, unit: Array, chosen: Array, who: Array) -> Self:
        own = np.zeros((who.max(initial=-1) + 1, unit.shape[1] + 2))
        rows = np.column_stack([np.ones(len(unit)), (unit * unit).sum(1), unit])
        np.add.at(own, who[chosen], rows[chosen])
        sums = np.concatenate([own.sum(0, keepdims=True), own])
        return cls(sums[:, 0], sums[:, 1], sums[:, 2:])

    def apart(self, other: Self) -> float:
        """Mean squared distance over pairs of different people; NaN without one."""
        pairs = self.number * other.number
        apart = other.number * self.square + self.number * other.square - 2 * (self.total * other.total).sum(1)
        count = pairs[0] - pairs[1:].sum()
        return max(float((apart[0] - apart[1:].sum()) / count), 0.0) if count else float("nan")


def _ratio(above: Array, below: Array) -> Array:
    """Infinite where only `below` is nothing, NaN where both are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below)


def asymmetry(weights: Array, mirrored: Array) -> Array:
    """[52] `mean_n |w_nk - m_n,mirror(k)|` of ARKit weights w [N, 52] read off pictures, m off their mirror images.

    0 for who reads a face and its mirror image as each other's.
    """
    return np.asarray(np.abs(np.asarray(weights, np.float64) - mirrored[:, ARKIT.mirror]).mean(0))


def tremble(weights: Array) -> Array:
    """[K] mean over faces of the standard deviation over V views of each still face, of weights [V, N, K], V > 1."""
    return np.asarray(np.asarray(weights, np.float64).std(0, ddof=1).mean(0))
