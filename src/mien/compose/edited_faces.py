"""Photos edited along channels in which a teacher does not move: real faces but for one movement, which is known.

Renders alone show such channels to the expression network, and calm photos, of which each is known to be 0, teach it
that photos show none of them. These photos do. Some are edited otherwise, so that having been edited tells nothing.
Our own.
"""

from collections.abc import Iterator

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import Expression, FaceReading, FaceState, Landmarks, Pose
from mien.core.image import Frame
from mien.core.looks import gaze_from_looks
from mien.data.pack_writer import LabelledFace
from mien.data.packs import FacesPack
from mien.metrics import inter_ocular_distance
from mien.pipelines.edit import Editor

TOLD = (
    "jawLeft",
    "jawRight",
    "mouthLeft",
    "mouthRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "noseSneerLeft",
    "noseSneerRight",
)
"""The channels of which the labels tell: those that are shape more than shading, of which an edit shows little."""

_LEAST_EYES = 30.0
"""Pixels between the irises of the smallest face that is taken."""

_SEEN = 0.1
"""A teacher's reading of one of `TOLD` from which a photo is left out: it is hardly moved, but not for nothing."""

_OTHERWISE, _FURTHER, _BOTH_SIDES = 0.3, 0.3, 0.6
"""Shares of the faces: edited in none of `TOLD`; in another channel as well; alike on both sides, where there are."""

_DOSE = (0.15, 1.0)

_ACTIONS = tuple(action for action in ARKIT.actions if "tongueOut" not in action)
_TOLD_ACTIONS = tuple(action for action in _ACTIONS if set(action) <= set(TOLD))
_OTHER_ACTIONS = tuple(action for action in _ACTIONS if not set(action) & set(TOLD))
_OPPOSITES = (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"))


def edited_faces(packs: list[FacesPack], split: str, count: int, editor: Editor, seed: int) -> Iterator[LabelledFace]:
    """`count` edited photos, or as many as a split has that can be edited; each photo once.

    Args:
        packs: of photos.
        split: `train` or `val`.
        count: how many.
        editor: edits them.
        seed: where chance comes from.
    """
    rng = np.random.default_rng(seed)
    suited = [(pack, int(index)) for pack in packs for index in _suited(pack, split)]
    made = 0
    for which in rng.permutation(len(suited)):
        pack, index = suited[which]
        now = np.clip(pack.weights[index], 0, 1).astype(np.float64)
        asked = np.maximum(now, drawn(rng))
        points = pack.landmarks[index].astype(np.float64)
        frame = Frame(pack.pictures.rgb(index))
        try:
            edited = editor.edit(frame, _as_read(points, now), asked, pack.name)
        except InputError:
            continue  # turned too far away, or no face that the rig knows: there are others
        yield LabelledFace(
            edited.pixels,
            np.column_stack([edited.target, points[:, 2]]),
            asked,
            f"{pack.name} {pack.identity[index]}",
            split,
            spread=float(pack.spread[index]),
        )
        made += 1
        if made == count:
            return


def drawn(rng: np.random.Generator) -> Array:
    """[52] what a face shall show at least: one or two of `TOLD` and perhaps another channel, or others alone."""
    weights = np.zeros(len(ARKIT))
    otherwise = rng.random() < _OTHERWISE
    actions = list(_OTHER_ACTIONS if otherwise else _TOLD_ACTIONS)
    chosen = [actions[k] for k in rng.permutation(len(actions))[: rng.integers(1, 3)]]
    if not otherwise and rng.random() < _FURTHER:
        chosen.append(_OTHER_ACTIONS[rng.integers(len(_OTHER_ACTIONS))])
    for action in chosen:
        sides = action if rng.random() < _BOTH_SIDES else (action[rng.integers(len(action))],)
        weights[ARKIT.indices(sides)] = rng.uniform(*_DOSE)
    for one, other in _OPPOSITES:
        if weights[ARKIT.index(one)]:
            weights[ARKIT.index(other)] = 0
    return weights


def _suited(pack: FacesPack, split: str) -> Array:
    """Numbers of the pictures of a split that are large enough and show none of `TOLD` as far as the teacher says."""
    indices = pack.indices(split)
    large = inter_ocular_distance(pack.landmarks[indices].astype(np.float64)) >= _LEAST_EYES
    free = pack.weights[indices][:, ARKIT.indices(TOLD)].max(1) < _SEEN
    return np.asarray(indices[large & free])


def _as_read(points: Array, weights: Array) -> FaceReading:
    """What a pack says of a face, as if it had been read."""
    expression = Expression(weights, ARKIT)
    state = FaceState(expression, Pose(np.eye(3), np.zeros(3)), gaze_from_looks(expression))
    return FaceReading(0, 0, 0.0, Landmarks(points, 1.0), state, 1.0)
