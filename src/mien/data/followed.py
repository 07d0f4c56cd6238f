"""Where skin goes beyond where a teacher puts its points: two photos of one person say so themselves.

The points that a teacher sees on a cheek lie on nothing that could be seen there: they follow from eyes, lips and
outline. Rolled out by them, two expressions of a face would be one picture if skin went with its points; where it does
not, its marks lie elsewhere, which an optical flow finds (iterative Lucas-Kanade, as scikit-image has it). What
other light and another pose do to it differs from pair to pair; what an expression does is left over many people.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage.registration import optical_flow_ilk

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.image import Frame
from mien.core.points import OUTER_LIPS
from mien.data.same_person import Person
from mien.imaging.face_layout import FaceLayout
from mien.metrics import inter_ocular_distance
from mien.nets.crease import CREASE_COLUMNS
from mien.rig.compact import compact_model

EACH = 6
"""Pairs of one person at most, those that differ most; each is there both ways round."""

_BROAD, _LOCAL, _FAINT = 5.0, 7.0, 0.02
"""Pixels of the layout over which the mean of brightness is taken off, over which its deviation is made 1, and the
deviation of its logarithm below which there is nothing to follow: light differs from photo to photo."""

_WINDOW, _PASSES = 5, 5
"""Radius of what is looked for in the other picture, and how often the picture is moved on the way there."""

_SMOOTH, _FARTHEST = 2.0, 4.0
"""Pixels of the layout: what is averaged of a flow, and the longest step that is believed."""


@dataclass(frozen=True)
class Followed:
    """Q changes of faces.

    Args:
        change: [Q, 52] of the weights.
        further: [Q, 478, 2] how much further than its points the skin at them goes, inter-ocular distances.
        person: [Q] who, by a number.
    """

    change: Array
    further: Array
    person: Array


def read_followed(people: list[Person], each: int = EACH, progress: bool = True) -> Followed:
    """The pairs of every person that differ most in expression.

    Args:
        people: as of `people_twice`.
        each: pairs of one person, at most.
        progress: whether a bar is shown.
    """
    model = compact_model()
    layout = FaceLayout.of(model.mean, model.triangles)
    columns = ARKIT.indices(CREASE_COLUMNS)
    change, further, who = [], [], []
    bar = track(people, "following skin", console=Console(stderr=True), disable=not progress)
    for number, person in enumerate(bar):
        pack, pairs = person.pack, np.array(person.pairs)
        moved = pack.weights[pairs[:, 1]] - pack.weights[pairs[:, 0]]
        chosen = np.argsort(-np.abs(moved[:, columns]).sum(1), kind="stable")[:each]
        rolled = {
            k: layout.brightness(Frame(pack.pictures.rgb(k)), pack.landmarks[k])
            for k in np.unique(pairs[chosen]).tolist()
        }
        for one, other in pairs[chosen].tolist():
            change.append(pack.weights[other] - pack.weights[one])
            further.append(at_points(went_further(rolled[one], rolled[other], layout), layout))
            who.append(number)
    return Followed(np.array(change, np.float32), np.array(further, np.float32), np.array(who))


def went_further(before: Array, after: Array, layout: FaceLayout) -> Array:
    """[2, 104, 88] how much further than its points the skin at each place of the layout went, its pixels.

    Args:
        before: [104, 88] as `FaceLayout.brightness` gives it.
        after: likewise, of the person's other picture.
        layout: the layout; what it leaves out, eyes and lips and brows, goes with its points.
    """
    one, other = _levelled(before), _levelled(after)
    seek: Any = optical_flow_ilk  # which has no types
    down, across = seek(other, one, radius=_WINDOW, num_warp=_PASSES)
    # It says where a place of the second picture lay in the first; skin went the other way.
    flow = np.stack([gaussian_filter(-across, _SMOOTH), gaussian_filter(-down, _SMOOTH)])
    return np.asarray(np.clip(flow, -_FARTHEST, _FARTHEST) * layout.cover, np.float32)


def at_points(flow: Array, layout: FaceLayout) -> Array:
    """[478, 2] of a flow [2, 104, 88] over the layout, inter-ocular distances; the border of the lips stays."""
    at = layout.placed.T[::-1] - 0.5
    moved = np.stack([map_coordinates(plane, at, order=1) for plane in flow], 1)
    further = moved / inter_ocular_distance(layout.placed)
    further[list(OUTER_LIPS)] = 0
    return np.asarray(further)


def _levelled(rolled: Array) -> Array:
    """[104, 88] float32 of brightness as rolled out: skin without broad light, everywhere of the same contrast."""
    skin = rolled > 0
    weight = {radius: np.maximum(gaussian_filter(skin.astype(np.float32), radius), 1e-3) for radius in (_BROAD, _LOCAL)}
    near = np.where(skin, rolled - gaussian_filter(np.where(skin, rolled, 0), _BROAD) / weight[_BROAD], 0)
    spread = gaussian_filter(near * near, _LOCAL) / weight[_LOCAL]
    return np.asarray(np.where(skin, near / np.sqrt(spread + _FAINT**2), 0), np.float32)
