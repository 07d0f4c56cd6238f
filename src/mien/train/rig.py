"""Recipe of the compact rig: what weights and identities do to landmarks, learned from photos, the rest from ICT.

1. Training faces are laid over the mean by points that expression hardly moves; each is taken again in the mirror.
2. Directions of expression: a regression of points on the teacher's weights and on how the head is turned (what a
   teacher's points do when heads turn is a fault of reading, kept apart). Several pictures of a person share an
   intercept (random effects), so that who people are is not taken for what they do.
3. The prior of that regression is the ICT rig's expression carried over to the points: a channel that the teacher moves
   is learned, one that it leaves dead stays ICT's, and between them the data decide. Far from where ICT moves anything
   the prior is stiffer, so that directions keep to their part of the face.
4. Directions of identity: principal components of what is left.

Our own; the prior is T. Hoerl's ridge with a centre that is not nought, the intercepts G. Robinson's BLUP (1991).
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression
from mien.core.geometry import fit_similarity
from mien.core.looks import gaze_from_looks
from mien.core.points import IRISES_LEFT, IRISES_RIGHT, STEADY
from mien.data.packs import FacesPack
from mien.detect.shape import FaceShape
from mien.rig.compact import EYEBALL, MOVED, TURNS, CompactModel, turn_features
from mien.rig.ict import IctRig
from mien.rig.places import Places

IDENTITIES = 60
"""Identity directions that are kept; the fit's prior leaves later ones unused."""

DEAD = (
    *("noseSneerLeft", "noseSneerRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight"),
    *("jawForward", "jawLeft", "jawRight", "mouthClose"),
)
"""Channels in which the teacher's scores say nothing: ICT's directions as they are."""

_RIDGE, _STIFF, _REACH = 1e-3, 3.0, 1e-3
"""The prior's weight, squared weights; how much stiffer it is where ICT moves nothing; metres that count as moving."""
_TURN_RIDGE = 1e-6
_BETWEEN = 10.0
"""Variance between people over the variance between pictures of one person."""
_DRAWN = 0.2
"""What a generated face counts beside a photographed one: its expressions are stronger, and stranger."""
_STEEPEST = np.sin(np.deg2rad(35))
_GAINS = 0.3, 1.2
"""Range of the teacher's full scale in ICT's."""
_CALM, _CLOSED = 0.2, 1.2e-3
"""Weight below which a mouth does nothing, and metres between the lips below which it is closed."""
_LIPS = 13, 14
"""The middle of the upper lip's inner border, and of the lower one's."""
_COLUMNS = ARKIT.indices(MOVED)


@dataclass(frozen=True, slots=True, eq=False)
class _Faces:
    """Training faces in the mean's place and size, and their mirror images.

    Args:
        points: [N, 478, 3] metres.
        weights: [N, 51].
        turns: [N, 5] how each head was turned.
        person: [N] number of the person; everybody's mirror image is somebody else.
        worth: [N].
    """

    points: Array
    weights: Array
    turns: Array
    person: Array
    worth: Array


def learn_rig(packs: list[FacesPack], shape: FaceShape, ict: IctRig, places: Places) -> CompactModel:
    """The compact rig, from photos and from what ICT knows.

    Args:
        packs: labelled photos; only their training split is used.
        shape: the mean face.
        ict: the ICT rig.
        places: where the landmarks lie on it.

    Raises:
        ValueError: nobody rests.
    """
    faces = gather(packs, shape)
    calm = resting(faces)
    if not calm.any():
        raise ValueError("none of the training faces rests its mouth")
    mirror = packs[0].mirror
    carried = carried_directions(ict, places, shape, mirror)
    normal = _Normal.of(faces)
    expressions, _ = normal.solve(carried, np.ones(len(MOVED)))
    expressions, turns = normal.solve(carried, _gains(expressions, carried))
    left = faces.points - shape.points - np.tensordot(faces.weights, expressions, 1)
    left -= np.tensordot(faces.turns, turns, 1)
    identities = _components(left.reshape(len(left), -1), faces.worth)
    rest = faces.points[calm] - np.tensordot(faces.turns[calm], turns, 1)
    return CompactModel(_even(rest.mean(0), mirror), identities, expressions, turns, shape.triangles, places)


def resting(faces: _Faces) -> Array:
    """[N] bool: whose mouths are closed and do nothing else: what a weight of 0 shall look like.

    The regression's own origin would be a face with parted lips, for that is where smiles and speech lead back to.
    """
    mouth = np.array([column.startswith(("mouth", "jaw")) for column in MOVED])
    gap = faces.points[:, _LIPS[1], 1] - faces.points[:, _LIPS[0], 1]
    return np.asarray((faces.weights[:, mouth].max(1) < _CALM) & (gap < _CLOSED))


def gather(packs: list[FacesPack], shape: FaceShape, split: str = "train") -> _Faces:
    """The faces of a split whose heads are not turned far, and their mirror images."""
    points, weights, turns, people, worth = [], [], [], [], []
    for pack in packs:
        chosen = pack.indices(split)
        laid, rotation = laid_over(pack.landmarks[chosen].astype(np.float64), shape.points)
        near = np.abs(rotation[:, 2, 0]) < _STEEPEST
        laid, rotation, chosen = laid[near], rotation[near], chosen[near]
        names = np.char.add(f"{pack.name}/", pack.identity[chosen].astype(str))
        again = np.array([[1, -1, -1], [-1, 1, 1], [-1, 1, 1]]) * rotation
        taught = pack.weights[chosen].astype(np.float64)
        points += [laid, (laid * [-1, 1, 1])[:, pack.mirror]]
        weights += [taught[:, _COLUMNS], taught[:, ARKIT.mirror][:, _COLUMNS]]
        turns += [turn_features(rotation), turn_features(again)]
        people += [names, np.char.add(names, " in the mirror")]
        worth += [np.full(2 * len(chosen), _DRAWN if "synthetic" in pack.name else 1.0)]
    numbers = np.unique(np.concatenate(people), return_inverse=True)[1]
    return _Faces(
        np.concatenate(points), np.concatenate(weights), np.concatenate(turns), numbers, np.concatenate(worth)
    )


def laid_over(faces: Array, mean: Array) -> tuple[Array, Array]:
    """Faces [N, 478, 3] by their steady points in the place of `mean` [478, 3]; rotations [N, 3, 3] of the heads."""
    steady = np.zeros(len(mean))
    steady[list(STEADY)] = 1
    fits = [fit_similarity(mean, face, steady) for face in faces]
    laid = [(face - f.translation) @ f.rotation / f.scale for face, f in zip(faces, fits, strict=True)]
    return np.array(laid), np.array([f.rotation for f in fits])


def carried_directions(ict: IctRig, places: Places, shape: FaceShape, mirror: Array) -> Array:
    """[51, 478, 3] metres: ICT's expressions on the points, in the mean face's size, freed of what moves the head.

    The irises turn about their eyes.
    """
    rest = ict.rest()
    assert rest.morph_targets is not None
    points = places.on(rest.vertices.astype(np.float64))
    laid = fit_similarity(points, shape.points, shape.steadiness)
    moved = laid.scale * places.on(rest.morph_targets.astype(np.float64)) @ laid.rotation.T
    by_name = dict(zip(rest.morph_names, moved, strict=True))
    directions = np.array([by_name[column] for column in MOVED])
    twins = [MOVED.index(ARKIT.columns[ARKIT.mirror[k]]) for k in _COLUMNS]
    directions = (directions + (directions[twins] * [-1, 1, 1])[:, mirror]) / 2
    for iris, side in ((IRISES_LEFT, 0), (IRISES_RIGHT, 1)):
        ring = list(iris)
        arm = shape.points[ring] - shape.points[ring[0]] - [0.0, 0.0, EYEBALL]
        gaze = gaze_from_looks(Expression(np.eye(len(ARKIT))[_COLUMNS], ARKIT))
        directions[:, ring] = arm @ np.swapaxes(gaze.rotation[:, side], 1, 2) - arm
    still, _ = laid_over(shape.points + directions, shape.points)
    return np.asarray(still - shape.points)


@dataclass(frozen=True, slots=True, eq=False)
class _Normal:
    """The normal equations of points on weights and turns: products over all faces, [56, 56] and [56, 478, 3]."""

    gram: Array
    seen: Array

    @classmethod
    def of(cls, faces: _Faces) -> "_Normal":
        """Products in which every person has an intercept of their own, as far as their pictures support it."""
        causes = np.column_stack([faces.weights, faces.turns])
        effects = faces.points.reshape(len(causes), -1)
        count = np.bincount(faces.person)
        people = sparse.csr_matrix((np.ones(len(causes)), (faces.person, np.arange(len(causes)))))
        drawn = (1 - np.sqrt(1 / (1 + count * _BETWEEN)))[:, None]
        total = faces.worth.sum()

        def freed(values: Array) -> Array:
            """Values [N, D] without what their person has of their own."""
            middle = faces.worth @ values / total
            own = people @ values / count[:, None] - middle
            return np.asarray(values - middle - (drawn * own)[faces.person])

        causes, effects = freed(causes), freed(effects)
        weighed = causes * faces.worth[:, None]
        return cls(weighed.T @ causes / total, (weighed.T @ effects / total).reshape(causes.shape[1], -1, 3))

    def solve(self, carried: Array, gains: Array) -> tuple[Array, Array]:
        """[51, 478, 3] directions of expression and [5, 478, 3] of turning, with `gains` [51] times ICT as prior."""
        alive = np.array([column not in DEAD for column in MOVED])
        used = np.concatenate([np.flatnonzero(alive), len(MOVED) + np.arange(TURNS)])
        gram = self.gram[np.ix_(used, used)]
        expressions, turns = carried.copy(), np.empty((TURNS, *carried.shape[1:]))
        reach = np.linalg.norm(carried[alive], axis=2)
        far = 1 - reach / (reach + _REACH)
        for point in range(carried.shape[1]):
            prior = np.concatenate([_RIDGE * (1 + _STIFF * far[:, point]), np.full(TURNS, _TURN_RIDGE)])
            wanted = self.seen[used, point].copy()
            wanted[: alive.sum()] += prior[: alive.sum(), None] * gains[alive, None] * carried[alive, point]
            solution = np.linalg.solve(gram + np.diag(prior), wanted)
            expressions[alive, point], turns[:, point] = solution[: alive.sum()], solution[alive.sum() :]
        return expressions, turns


def _gains(learned: Array, carried: Array) -> Array:
    """[51] how far the teacher's 1 goes in ICT's directions."""
    shared, own = (learned * carried).sum((1, 2)), (carried**2).sum((1, 2))
    return np.asarray(np.clip(shared / np.maximum(own, 1e-12), *_GAINS))


def _components(offsets: Array, worth: Array) -> Array:
    """Principal directions [60, 478, 3] of offsets [N, 1434] from their mean, each one standard deviation long."""
    mean = worth @ offsets / worth.sum()
    away = (offsets - mean) * np.sqrt(worth / worth.sum())[:, None]
    variance, directions = np.linalg.eigh(away.T @ away)
    kept = slice(None, -IDENTITIES - 1, -1)
    scaled = directions[:, kept] * np.sqrt(np.maximum(variance[kept], 0))
    # An eigenvector has no sign of its own: which one comes out would depend on the number of threads.
    scaled *= np.where(np.arange(len(scaled)) @ scaled < 0, -1, 1)
    return np.asarray(scaled.T.reshape(IDENTITIES, -1, 3))


def _even(points: Array, mirror: Array) -> Array:
    """Points [478, 3] midway to their mirror image."""
    return np.asarray((points + (points * [-1, 1, 1])[mirror]) / 2)
