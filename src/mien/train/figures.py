"""Figures of an expression network over faces that it has read: numbers alone, no torch."""

from dataclasses import dataclass, fields

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.report import Row
from mien.metrics import (
    active_error,
    asymmetry,
    class_distances,
    intraclass_correlation,
    mean_absolute_error,
    pearson,
    tremble,
)

TRUE, TAUGHT = "true labels", "photos"
"""The two groups: faces whose labels are known or given by people, and photos, held against their teacher."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """N validation faces of one kind, as a network read them.

    Args:
        name: `TRUE` or `TAUGHT`.
        rows: [N] their places among all validation faces.
        person: [N] who.
        weights: [N, 52] read.
        labels: [N, 52] what they are held against.
        known: [N, 52] bool, which of the labels count.
        state: [N, 52] int8, 1 where a channel appears, -1 where it does not, 0 where it is undecided or not known.
        shows: [N] int8, 1 for an expressive face, -1 for a neutral one, 0 for neither.
        local: [N, 52, D] the feature of each channel; zeros for tongueOut.
        whole: [N, E] the global feature.
    """

    name: str
    rows: Array
    person: Array
    weights: Array
    labels: Array
    known: Array
    state: Array
    shows: Array
    local: Array
    whole: Array

    def only(self, rows: Array, name: str) -> "Group":
        """The faces that `rows` choose, under a name of their own."""
        chosen = (getattr(self, field.name)[rows] for field in fields(self)[1:])
        return Group(name, *chosen)


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What is read off N faces that change nothing but how they lie before the camera.

    Args:
        straight: [N, 52] read off centred cuts.
        mirrored: [N, 52] read off the mirror images of those, sides as they appear.
        trembling: [V, N, 52] read off V views cut as in following; NaN for faces of which none were taken.
    """

    straight: Array
    mirrored: Array
    trembling: Array

    def only(self, rows: Array) -> "Motion":
        """The faces that `rows` choose."""
        return Motion(self.straight[rows], self.mirrored[rows], self.trembling[:, rows])


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What was measured of a group; arrays are [52], NaN where nothing could be measured.

    Args:
        group: its name.
        faces: how many.
        r: Pearson correlation.
        error: mean absolute error.
        active: the same where the label is active.
        icc: ICC(3,1).
        apart: ratio of the distances of features between and within the states of a channel.
        mirror: left/right asymmetry on mirrored pictures.
        jitter: standard deviation over views of a still face.
        whole: ratio of the distances neutral to expressive and neutral to neutral, of the global feature.
    """

    group: str
    faces: int
    r: Array
    error: Array
    active: Array
    icc: Array
    apart: Array
    mirror: Array
    jitter: Array
    whole: float

    @property
    def columns(self) -> tuple[tuple[str, Array], ...]:
        """The figures that each channel has, with their short names, in the order of reading."""
        names = ("r", "error", "active", "icc", "apart", "mirror", "jitter")
        return tuple((name, getattr(self, name)) for name in names)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Means over the channels that were measured, and the global feature."""
        whats = {
            "r": "mean r",
            "error": "mean absolute error",
            "active": "mean absolute error where active",
            "icc": "mean ICC(3,1)",
            "apart": "mean inter/intra distance of local features",
            "mirror": "left/right asymmetry",
            "jitter": "jitter",
        }
        rows = [Row(whats[name], mean_measured(values)) for name, values in self.columns]
        return (*rows, Row("neutral to expressive / neutral to neutral, global feature", self.whole))


def mean_measured(values: Array) -> float:
    """Mean of what was measured, NaN when nothing was. A feature that never varies has no finite ratio: left out."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def figures_of(group: Group, motion: Motion) -> Figures:
    """Every figure of a group of one face or more, of whose faces `motion` is."""
    r, icc, mirror, jitter = (np.full(len(ARKIT), np.nan) for _ in range(4))
    for k in range(len(ARKIT)):
        rows = group.known[:, k]
        if rows.sum() > 1:
            read, label = group.weights[rows, k : k + 1].astype(np.float64), group.labels[rows, k : k + 1]
            r[k], icc[k] = pearson(read, label)[0], intraclass_correlation(read, label)[0]
    moving = np.arange(len(ARKIT)) != ARKIT.index("tongueOut")  # which is always 0
    mirror[moving] = asymmetry(motion.straight, motion.mirrored)[moving]
    trembling = motion.trembling[:, np.isfinite(motion.trembling).all((0, 2))]
    if trembling.shape[1]:
        jitter[moving] = tremble(trembling)[moving]
    whole = class_distances(group.whole[:, None], group.shows[:, None], group.person)
    return Figures(
        group=group.name,
        faces=len(group.person),
        r=r,
        error=mean_absolute_error(group.weights, group.labels, group.known),
        active=active_error(group.weights, group.labels, group.known),
        icc=icc,
        apart=class_distances(group.local, group.state, group.person).ratio,
        mirror=mirror,
        jitter=jitter,
        whole=float(whole.ratio_to_absent[0]),
    )
