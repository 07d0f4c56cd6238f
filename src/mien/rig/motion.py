"""Where the points of a face go when its weights change: the geometric half of an edit's motion step.

The compact rig says how points move; the face's own fitted head says how that looks in the picture. Three things are
better known than by a linear rig, and are done as they are: lids that close meet, lips that were closed part from one
line, and irises turn about their eyes.
"""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS, Expression
from mien.core.geometry import Similarity
from mien.core.looks import gaze_from_looks
from mien.core.points import (
    IRISES_LEFT,
    IRISES_RIGHT,
    LOWER_INNER_LIP,
    LOWER_LIDS,
    LOWER_LIP,
    UPPER_INNER_LIP,
    UPPER_LIDS,
    UPPER_LIP,
    downwards,
)
from mien.rig.compact import EYEBALL, MOVED, CompactModel
from mien.rig.steady import steadied

CLOSED = 0.035
"""Share of the inter-ocular distance: lips no further apart are closed."""

_BARELY = 0.02
"""Share of the inter-ocular distance: lips that were closed and would part by less stay so."""

_FURTHER_AT, _FURTHER = (0.0, 0.02, 0.04, 0.16, 0.22, 0.32), (0.0, 0.01, 0.028, 0.03, 0.017, 0.01)
"""How much farther lips that were closed part than a linear rig has them, by how far it has them, inter-ocular
distances: the rig cannot press lips together, and what parts pressed lips first shows nothing. What photos of one
person showed, 886 pairs of those that the motion's residual learns from; other people: `benchmarks/parting.py`."""

_UPPER_FURTHER, _LOWER_FURTHER = (0.45, 0.2, 0.1, 0.05), (0.55, 0.3, 0.2, 0.15)
"""Share of that way of each row of the two lips, from the inner border to the outer one: lips grow thinner, and chin
and cheeks stay where they were. As in these pairs, but for the outer rows of the lower lip, which moved farther there
and did not on London's training people."""

_AJAR = 0.02, 0.05
"""Share of the inter-ocular distance: lips that were as far apart as the first go all of that way, at the second none
of it."""

_TOUCH = 1e-6
"""Share of the inter-ocular distance: borders no further apart touch. Those that were shut are apart by roundings."""

_UPPER_LIP_SHARE = 0.3
"""Share of closing lips' way that the upper one goes."""

_LIP_FOLLOWS = (1.0, 0.9, 0.75, 0.6)
"""Share of its inner border's way that each row of a lip goes, to the outer one."""

_LIP_INSET = 0.1
"""Share of a mouth's opening by which shut lips' borders are looked for farther out, each: landmarks lie a little
inside, and a sliver of teeth would show."""

_UPPER_LID = 0.85
"""Share of a closing eye's way that the upper lid goes."""

_FIRMLY = 1.2
"""How much farther than asked a closing eye goes, up to shut: shy as above."""

_INSET = 0.1
"""Share of an eye's opening by which a shut lid's border is looked for farther out: landmarks lie a little inside, and
a sliver of the eye would show."""

_SHY = {
    "mouthSmile": 1.1,
    "browInnerUp": 1.7,
    "browDown": 1.9,
    "mouthPucker": 2.2,
    "mouthFrown": 1.2,
    "eyeWide": 1.7,
}
"""How much farther than the rig says points go for a channel that rises much: on the photos that the rig was learned
from others rise with it, which take their share of the motion; when one is asked for alone, it lacks that share.
Begun with what our own expression network reads off edited calm faces of the training people, and taken back by eye and
by MediaPipe's reading on validation photos, so the figures of `benchmarks/sliders.py` flatter them a little."""

_GAINS = np.array([_SHY.get(column.removesuffix("Left").removesuffix("Right"), 1.0) for column in MOVED])

_LITTLE, _MUCH = 0.2, 0.5
"""Rises of a weight: up to the first, points go as the rig says; from the second on, as far as the gain says. Pairs of
photos of one person show that the rig alone is right for what faces do of themselves."""

_BLINKS = ARKIT.indices(("eyeBlinkLeft", "eyeBlinkRight"))
_PLACES = ARKIT.indices(MOVED)
_OPEN_ENOUGH = 0.05

_BLINK_SEEN = (0.0, 0.075, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 1.0)
_OPENING_SEEN = (1.0, 0.87, 0.76, 0.61, 0.47, 0.34, 0.23, 0.15, 0.10, 0.0)
"""How far an eye is open at a weight of eyeBlink: medians of the labelled photos that the rig was learned from, of the
lids' distance in widths of the eye, over that at rest; the last is what the word means."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceMotion:
    """Points of a face before and after.

    Args:
        points: [478, 3] where they are, pixels, z in the same scale; closed lips lie on one line.
        target: [478, 2] where they shall be.
        parted: how far the lips are apart in the middle, before and after, in inter-ocular distances.
        looks: [2, 2] how far the left iris goes, and the right one, pixels, by the gaze alone.
    """

    points: Array
    target: Array
    parted: tuple[float, float]
    looks: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen_array(self.points, "points", (LANDMARKS, 3), np.float64))
        object.__setattr__(self, "target", frozen_array(self.target, "target", (LANDMARKS, 2), np.float64))
        object.__setattr__(self, "looks", frozen_array(self.looks, "looks", (2, 2), np.float64))


def face_motion(
    model: CompactModel, points: Array, head: Similarity, now: Array, wanted: Array, gained: bool = True
) -> FaceMotion:
    """How a face moves in the picture when its weights change.

    Args:
        model: the compact rig.
        points: [478, 3] the face's landmarks, pixels, z in the same scale.
        head: pixels = scale * rotation @ metres + translation, as a fit gives it.
        now: [52] ARKit's weights as they are.
        wanted: [52] as they shall be.
        gained: whether it is asked for: then channels go farther than the rig alone would have them, and brows move no
            nose. Between photos of one person faces do what the rig says.
    """
    unit = float(np.linalg.norm(points[IRIS_LEFT, :2] - points[IRIS_RIGHT, :2]))
    change = np.asarray(wanted, np.float64) - np.asarray(now, np.float64)
    linear = change.copy()
    closing = change[_BLINKS] > 0
    linear[_BLINKS[closing]] = 0
    settled = np.array(points, np.float64)
    target = settled[:, :2] + _projected(model, head, linear, gained)
    closed = np.where(np.isin(np.arange(len(ARKIT)), _BLINKS[closing]), change, 0)
    lids = _projected(model, head, closed, gained)
    for side, (upper, lower) in enumerate(zip(UPPER_LIDS, LOWER_LIDS, strict=True)):
        if closing[side]:
            shut = float(now[_BLINKS[side]])
            pair = shut, shut + _FIRMLY * float(wanted[_BLINKS[side]] - shut)
            _close(settled, target, lids, list(upper), list(lower), *pair)
    target += lids
    _shut(settled, target, _left_apart(model, now, wanted))
    parted = _part(settled, target, unit)
    looks = _looks(head, now, wanted)
    for side, iris in enumerate((IRISES_LEFT, IRISES_RIGHT)):
        target[list(iris)] = points[list(iris), :2] + looks[side]
    return FaceMotion(settled, target, parted, looks)


def _projected(model: CompactModel, head: Similarity, change: Array, gained: bool) -> Array:
    """[478, 2] the rig's motion for a change of weights [52], in the picture, pixels."""
    asked = change[_PLACES]
    if gained:
        asked = asked * (1 + (_GAINS - 1) * np.clip((asked - _LITTLE) / (_MUCH - _LITTLE), 0, 1))
    offsets = np.tensordot(asked, steadied(model) if gained else model.expressions.astype(np.float64), 1)
    return np.asarray(head.scale * (offsets @ head.rotation.T)[:, :2])


def _close(
    settled: Array, target: Array, lids: Array, upper: list[int], lower: list[int], now: float, wanted: float
) -> None:
    """Replaces what the rig says of two lids, in `lids` [478, 2], by what closes them: `wanted` 1 means that they meet.

    What is left of the opening is as people's lids have it at such weights (`_OPENING_SEEN`). The more the eye is shut,
    the farther out is what counts as skin: `settled` is moved, in place.
    """
    left = min(_opening(wanted) / max(_opening(now), _OPEN_ENOUGH), 1.0)
    gap = target[lower] - target[upper]
    lids[upper] = _UPPER_LID * (1 - left) * gap
    lids[lower] = -(1 - _UPPER_LID) * (1 - left) * gap
    inset = _INSET * (1 - left) ** 3 * np.where(gap.any(1, keepdims=True), gap + gap.mean(0), 0)
    settled[upper, :2] -= inset / 2
    settled[lower, :2] += inset


def _opening(blink: float) -> float:
    return float(np.interp(blink, _BLINK_SEEN, _OPENING_SEEN))


def _left_apart(model: CompactModel, now: Array, wanted: Array) -> float:
    """What is left of the distance of lips by the rig, 0 to 1; 1 where they part further."""
    rest, moved = (_lips_apart(points.astype(np.float64)) for points in (model.mean[None], model.expressions))
    before, after = (float((rest[0] + weights[_PLACES] @ moved).max() - rest[0].max()) for weights in (now, wanted))
    return float(np.clip(after / before, 0, 1)) if before > 0 else 1.0


def _lips_apart(points: Array) -> Array:
    """[N, 11] how far the lower lip's border lies below the upper one's, of rigs' points [N, 478, 3]."""
    return np.asarray((points[:, list(LOWER_INNER_LIP)] - points[:, list(UPPER_INNER_LIP)])[..., 1])


def _shut(settled: Array, target: Array, left: float) -> None:
    """Brings lips together, in `target` [478, 2], that would stay further apart than `left` of what they were.

    Weights never explain all of an opening: without this, what they leave would stay open when all of them are 0.
    """
    if left >= 1:
        return
    upper, lower = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)
    before, after = (points[lower, :2] - points[upper, :2] for points in (settled, target))
    down = downwards(settled[:, :2])
    excess = np.maximum(after @ down - left * np.maximum(before @ down, 0), 0)
    beyond = excess[:, None] * down
    for share, upper_row, lower_row in zip(_LIP_FOLLOWS, UPPER_LIP, LOWER_LIP, strict=True):
        target[list(upper_row)] += share * _UPPER_LIP_SHARE * beyond
        target[list(lower_row)] -= share * (1 - _UPPER_LIP_SHARE) * beyond
    opening = np.maximum(before @ down, 0)[:, None]
    inset = _LIP_INSET * (1 - left) ** 3 * np.where(opening > 0, opening + 0.5 * opening.max(), 0) * down
    settled[upper, :2] -= inset
    settled[lower, :2] += inset


def _part(settled: Array, target: Array, unit: float) -> tuple[float, float]:
    """Lays lips on one line where they are closed or cross, before and after, both in place, and parts those further
    that were closed; says how far lips are apart."""
    upper, lower = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)
    down = downwards(settled[:, :2])
    apart = (settled[lower] - settled[upper])[:, :2] @ down
    before = ajar = float(apart.max()) / unit
    meeting = apart < _TOUCH * unit
    if before < CLOSED:
        meeting[:] = True
        before = 0.0
    middle = (settled[upper] + settled[lower]) / 2
    for lip in (upper, lower):
        laid = np.where(meeting[:, None], middle, settled[lip])
        target[lip] += (laid - settled[lip])[:, :2]
        settled[lip] = laid
    apart = (target[lower] - target[upper]) @ down
    after = float(apart.max()) / unit
    crossed = apart < _TOUCH * unit
    if before == 0.0 and after < _BARELY:
        crossed[:] = True
        after = 0.0
    line = (target[upper] + target[lower]) / 2
    for lip in (upper, lower):
        target[lip] = np.where(crossed[:, None], line, target[lip])
    further = float(np.interp(ajar, _AJAR, (1, 0)) * np.interp(after - before, _FURTHER_AT, _FURTHER))
    if further > 0:
        share = np.where(crossed, 0, apart / float(apart.max()))
        _thinned(target, further * unit * share[:, None] * down)
    return before, after + further


def _thinned(target: Array, way: Array) -> None:
    """Parts the lips' inner borders by `way` [11, 2] more, in `target` [478, 2]; outer rows follow less far."""
    for up, upper_row, low, lower_row in zip(_UPPER_FURTHER, UPPER_LIP, _LOWER_FURTHER, LOWER_LIP, strict=True):
        target[list(upper_row)] -= up * way
        target[list(lower_row)] += low * way


def _looks(head: Similarity, now: Array, wanted: Array) -> Array:
    """[2, 2] how far the irises go in the picture, left and right, pixels."""
    before, after = (gaze_from_looks(Expression(weights, ARKIT)).rotation for weights in (now, wanted))
    front = np.array([0.0, 0.0, -EYEBALL])
    moved = (after - before) @ front
    return np.asarray(head.scale * (moved @ head.rotation.T)[:, :2])
