"""From one vocabulary to another: directly where a table says how, else by way of ARKit.

Values outside of 0 to 1 go through as they are; nothing is clipped. What the other vocabulary cannot say is told by
`route`, in names.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS, FEAFA, FLAME, PERFECT_SYNC, VRM, Basis
from mien.core.face import Expression
from mien.rig.maps import COMMON, FEAFA_TABLE, MIXED_PRESETS, PERFECT_SYNC_TABLE, VocabularyTable, recipe_weights
from mien.rig.nonnegative import nonnegative_least_squares


class Vocabulary(Protocol):
    """A vocabulary beside ARKit, and both ways between them."""

    @property
    def basis(self) -> Basis:
        """Its columns, K of them."""

    @property
    def forward(self) -> Array:
        """[52, K] which ARKit channel reaches which column, as near as a matrix says it."""

    @property
    def backward(self) -> Array:
        """[K, 52] which column reaches which channel."""

    def said(self, weights: Array) -> Array:
        """ARKit weights [..., 52] in this vocabulary, [..., K]."""

    def heard(self, weights: Array) -> Array:
        """Weights [..., K] of this vocabulary in ARKit, [..., 52]."""


@dataclass(frozen=True, slots=True)
class Route:
    """What becomes of the columns of one vocabulary in another; every one is in exactly one list.

    Args:
        source: the vocabulary that is left.
        target: the one that is reached.
        legs: names of the vocabularies on the way, both ends among them.
        exact: columns that one column of the target says; the way back gives them again.
        spread: columns that several of the target say together; the way back gives them again.
        shared: columns that lie together in the target; the way back tells them apart only by guessing.
        lost: columns that the target cannot say.
    """

    source: Basis
    target: Basis
    legs: tuple[str, ...]
    exact: tuple[str, ...]
    spread: tuple[str, ...]
    shared: tuple[str, ...]
    lost: tuple[str, ...]


def convert(
    expression: Expression, basis: Basis, table: VocabularyTable = COMMON, flame: Vocabulary | None = None
) -> Expression:
    """`expression` [..., K] in the words of `basis`, [..., K'].

    Args:
        expression: over any basis of `core.basis.BASES`.
        basis: another, or the same.
        table: which of the two tables of ARKit and FACS is followed: `maps.COMMON` or `maps.ICT`.
        flame: the bridge to a user's FLAME (`rig.bridge`), needed from and to `FLAME`.

    Raises:
        ValueError: nothing is known of a basis, or FLAME is meant and no bridge is given.
    """
    weights = expression.weights.astype(np.float64)
    if expression.basis == basis:
        return expression
    if expression.basis != ARKIT:
        weights = _vocabulary(expression.basis, table, flame).heard(weights)
    if basis != ARKIT:
        weights = _vocabulary(basis, table, flame).said(weights)
    return Expression(weights, basis)


def route(source: Basis, target: Basis, table: VocabularyTable = COMMON, flame: Vocabulary | None = None) -> Route:
    """What `convert` keeps, mixes and loses between two vocabularies. Raises as `convert` does."""
    there: list[Array] = []
    back: list[Array] = []
    if source != target and source != ARKIT:
        vocabulary = _vocabulary(source, table, flame)
        there, back = [vocabulary.backward], [vocabulary.forward]
    if source != target and target != ARKIT:
        vocabulary = _vocabulary(target, table, flame)
        there, back = [*there, vocabulary.forward], [vocabulary.backward, *back]
    forward = reduce(np.matmul, there, np.eye(len(source)))
    again = reduce(np.matmul, back, forward)
    fates: dict[str, list[str]] = {"exact": [], "spread": [], "shared": [], "lost": []}
    for k, column in enumerate(source.columns):
        targets = np.abs(forward[k]) > _FAINT
        alone = np.allclose(again[:, k], np.eye(len(source))[k], atol=_FAINT)
        fate = "lost" if not targets.any() else "shared" if not alone else "exact" if targets.sum() == 1 else "spread"
        fates[fate].append(column)
    middle = () if ARKIT in (source, target) else (ARKIT.name,)
    legs = (source.name,) if source == target else (source.name, *middle, target.name)
    return Route(source, target, legs, **{fate: tuple(columns) for fate, columns in fates.items()})


_FAINT = 1e-9


def _vocabulary(basis: Basis, table: VocabularyTable, flame: Vocabulary | None) -> Vocabulary:
    known: dict[Basis, Vocabulary] = {
        FACS: _Tabled(table),
        FEAFA: _Tabled(FEAFA_TABLE),
        PERFECT_SYNC: _Tabled(PERFECT_SYNC_TABLE),
        VRM: _Presets(),
    }
    if basis in known:
        return known[basis]
    if basis != FLAME:
        raise ValueError(f"nothing is known of the basis {basis.name}")
    if flame is None:
        raise ValueError("flame needs a bridge, learnt from the user's own model")
    return flame


@dataclass(frozen=True, slots=True)
class _Tabled:
    """A vocabulary that a table defines."""

    table: VocabularyTable

    @property
    def basis(self) -> Basis:
        """The table's."""
        return self.table.basis

    @property
    def forward(self) -> Array:
        """The table's."""
        return self.table.forward

    @property
    def backward(self) -> Array:
        """The table's."""
        return self.table.backward

    def said(self, weights: Array) -> Array:
        """A product, but for what is said in stages."""
        out = np.asarray(weights @ self.forward)
        for row in self.table.stages:
            out[..., self.basis.indices(row.targets)] = _stages(out[..., self.basis.indices(row.targets)])
        return out

    def heard(self, weights: Array) -> Array:
        """A product: the mean of stages is the weight again."""
        return np.asarray(weights @ self.backward)


def _stages(whole: Array) -> Array:
    """[..., n] equal weights as n stages that fill one after the other; their mean is the weight again.

    The first takes what lies below 0 and the last what lies above 1.
    """
    count = whole.shape[-1]
    low = np.array([-np.inf, *np.zeros(count - 1)])
    high = np.array([*np.ones(count - 1), np.inf])
    return np.asarray(np.clip(whole * count - np.arange(count), low, high))


@dataclass(frozen=True, slots=True)
class _Presets:
    """VRM's presets by their recipes: a product one way, a fit of amounts above 0 the other; blink and look exact."""

    @property
    def basis(self) -> Basis:
        """The 18 presets."""
        return VRM

    @property
    def backward(self) -> Array:
        """The recipes."""
        return np.asarray(recipe_weights().weights, np.float64)

    @property
    def forward(self) -> Array:
        """The fit without its bound; each eye's lid by itself; the mean of both eyes for the looks."""
        matrix = np.zeros((len(ARKIT), len(VRM)))
        mixed = VRM.indices(MIXED_PRESETS)
        matrix[:, mixed] = np.linalg.pinv(self.backward[mixed])
        for preset in VRM.columns:
            if preset.startswith(("blinkLeft", "blinkRight", "look")):
                recipe = self.backward[VRM.index(preset)]
                matrix[:, VRM.index(preset)] = recipe / max(recipe.sum(), 1)
        return np.where(np.abs(matrix) > _FAINT, matrix, 0.0)

    def said(self, weights: Array) -> Array:
        """The amounts above 0 of the presets whose recipes come closest, lids and looks each by themselves."""
        out = np.asarray(weights @ self.forward)
        mixed = VRM.indices(MIXED_PRESETS)
        recipes = self.backward[mixed]
        out[..., mixed] = nonnegative_least_squares(recipes @ recipes.T, weights @ recipes.T)
        # An avatar may have only the common blink: it gets what both eyes do, the one-sided presets what is over.
        lids = weights[..., ARKIT.indices(["eyeBlinkLeft", "eyeBlinkRight"])]
        both = lids.min(-1)
        out[..., VRM.index("blink")] = both
        out[..., VRM.indices(["blinkLeft", "blinkRight"])] = lids - both[..., None]
        return out

    def heard(self, weights: Array) -> Array:
        """Every preset by its recipe."""
        return np.asarray(weights @ self.backward)
