"""The bridge between ARKit and a user's FLAME, learnt from the surfaces of two rigs.

FLAME's coefficients have no names, so what `jawOpen` is in them can only be seen: the reference rig is driven to each
channel, its motion is carried over to FLAME's surface by closest points, and the coefficients are sought that move
FLAME most alike. How much of each motion they cannot follow is part of the record.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT, FLAME, Basis
from mien.core.errors import InputError
from mien.core.face import Expression, FaceState, Gaze, Identity, Pose
from mien.core.geometry import Mesh, Similarity
from mien.formats.files import read_bytes, replacing
from mien.formats.npz import read_members, write_members
from mien.rig.model import Rig, vertex_normals
from mien.rig.nonnegative import nonnegative_least_squares
from mien.rig.surfaces import Contact, Surface, aligned, largest_piece, nose_tip, placed

_JAW = FLAME.indices(["jawPitch", "jawYaw", "jawRoll"])
_JAW_STEP = 0.1
"""Radians of jaw that cost as much as a coefficient of 1."""
_COST = 5e-5
"""Metres of mean error that a coefficient of 1 must save: keeps motions that look alike from fighting."""
_MOVED = 3e-4
"""Metres: a vertex that no channel of the reference moves so far is no part of the face."""
_REACH = 0.012
"""Metres between the surfaces of two laid-over faces beyond which points are no partners."""
_IDENTITIES = 50
_SHAPE_COST = 2e-4
"""Metres of mean distance that an identity weight of 1 must save."""
_SHAPINGS = 6
_LISTENED = 500
"""Vertices that lay the two faces over each other."""
_REFINEMENTS = 4
_SHARING = 1e-3
"""Share of a channel's own motion by which the way back prefers several small weights to one large."""
_CACHE_LIMIT = 1 << 24
_ARRAYS = ("matrix", "gram", "motion", "residual", "explained")


@dataclass(frozen=True, slots=True, eq=False)
class Bridge:
    """ARKit and one FLAME model; a `Vocabulary` of `rig.convert`.

    Args:
        flame: digest of the FLAME model it was learnt with.
        reference: digest of the reference rig.
        matrix: [52, 103] the coefficients (and jaw, radians) of each ARKit channel at 1.
        gram: [103, 103] mean over the face of the products of the coefficients' motions, mm²: how far two
            coefficient vectors lie apart as surfaces.
        motion: [52] mm, root mean square over the vertices that the channel moves in the reference, 0 without any.
        residual: [52] mm, what is left of it, over the same vertices.
        explained: [52] share of the squared motion that FLAME follows, of all the face.
    """

    flame: str
    reference: str
    matrix: Array
    gram: Array
    motion: Array
    residual: Array
    explained: Array

    def __post_init__(self) -> None:
        channels, coefficients = len(ARKIT), len(FLAME)
        shapes = ((channels, coefficients), (coefficients, coefficients), (channels,), (channels,), (channels,))
        for name, shape in zip(_ARRAYS, shapes, strict=True):
            object.__setattr__(self, name, frozen_array(getattr(self, name), name, shape))

    @classmethod
    def learn(cls, flame: Rig, reference: Rig) -> Self:
        """A bridge between two rigs, over FLAME and over ARKit.

        Raises:
            ValueError: a rig has the wrong basis, or the two surfaces find no common face.
        """
        if flame.basis != FLAME or reference.basis != ARKIT:
            raise ValueError(f"a bridge joins flame and arkit, got {flame.basis.name} and {reference.basis.name}")
        rest = reference.rest()
        targets = np.zeros((len(ARKIT), *rest.vertices.shape))
        if rest.morph_targets is not None:
            targets[ARKIT.indices(rest.morph_names)] = rest.morph_targets
        face = np.linalg.norm(targets, axis=-1).max(0) > _MOVED
        if not face.any():
            raise ValueError("the reference rig moves nothing")
        skin = rest.triangles[largest_piece(rest.triangles)]
        surface = Surface(rest.vertices, skin[face[skin].all(1)])
        identity, found, points, contact = _laid_over(flame, surface)
        # The motion is measured in FLAME's own scale and axes.
        carried = contact.carried(targets) @ found.rotation / found.scale
        return cls(digest(flame), digest(reference), *_fitted(flame, identity, points, carried))

    @property
    def basis(self) -> Basis:
        """FLAME."""
        return FLAME

    @property
    def forward(self) -> Array:
        """[52, 103] as `matrix`."""
        return self.matrix

    @property
    def backward(self) -> Array:
        """[103, 52] the least-squares way back without its bound."""
        gram, products = self._normal_equations()
        return np.asarray(np.linalg.solve(gram, products.T).T)

    def said(self, weights: Array) -> Array:
        """ARKit weights [..., 52] as coefficients and jaw [..., 103]."""
        return np.asarray(weights @ self.matrix)

    def heard(self, weights: Array) -> Array:
        """Coefficients and jaw [..., 103] as the ARKit weights of 0 and more that move FLAME most alike, [..., 52]."""
        gram, products = self._normal_equations()
        return nonnegative_least_squares(gram, weights @ products)

    def _normal_equations(self) -> tuple[Array, Array]:
        products = self.gram @ self.matrix.T
        gram = self.matrix @ products
        # Channels that FLAME cannot tell apart share what they could both explain; one that it does not know stays 0.
        return gram + np.diag(np.diag(gram) * _SHARING + 1e-12), products


def _laid_over(flame: Rig, surface: Surface) -> tuple[Identity, Similarity, Array, Contact]:
    """FLAME shaped and placed like the reference: the identity that looks most like it, the similarity to it, the
    vertices [Q] that lie on its face, and where.
    """
    triangles = flame.rest().triangles
    triangles = triangles[largest_piece(triangles)]  # the eyeballs would be laid on lids
    still = np.zeros(len(FLAME))
    mean = _moved(flame, Identity(), still)
    count = min(flame.identities, _IDENTITIES)
    shapes = np.array([_moved(flame, Identity(row), still) - mean for row in np.eye(count)]).reshape(-1, *mean.shape)
    shape, vertices = np.zeros(count), mean
    found = Similarity(1.0, np.eye(3), nose_tip(surface.vertices) - nose_tip(mean))
    skin = np.unique(triangles)
    nearby = skin[_near(placed(found, mean)[skin], surface)]
    if len(nearby) < 4:
        raise ValueError("the two rigs do not lie over each other: no vertex of flame is near the reference's face")
    listened = nearby[:: -(-len(nearby) // _LISTENED)]
    for steps in (8, *(2,) * (_SHAPINGS if count else 0)):
        found = aligned(vertices, triangles, surface, listened, found, steps)
        if count:
            shape = _shaped(mean, shapes, shape, triangles, found, surface, listened)
            vertices = mean + np.einsum("s,svd->vd", shape, shapes)
    moved = placed(found, vertices)
    contact = surface.closest(moved[nearby], vertex_normals(moved, triangles)[nearby])
    close = np.linalg.norm(contact.points - moved[nearby], axis=1) < _REACH
    chosen = np.flatnonzero(contact.agrees & close)
    if len(chosen) < 4:
        raise ValueError("the two rigs do not lie over each other: flame finds no partners on the reference's face")
    return Identity(shape), found, nearby[chosen], contact.at(chosen)


def _near(vertices: Array, surface: Surface) -> Array:
    """[V] which vertices lie in the box of a surface, with some room round it."""
    used = surface.vertices[np.unique(surface.triangles)]
    return np.asarray(((vertices > used.min(0) - _REACH) & (vertices < used.max(0) + _REACH)).all(1))


def _shaped(
    mean: Array,
    shapes: Array,
    shape: Array,
    triangles: Array,
    found: Similarity,
    surface: Surface,
    points: Array,
) -> Array:
    """Identity weights [S] that lay FLAME's surface on the reference's, from the closest points of the last ones.

    Along the surface points may slide: what is made small is the distance to the triangle's plane.
    """
    vertices = placed(found, mean + np.einsum("s,svd->vd", shape, shapes))
    contact = surface.closest(vertices[points], vertex_normals(vertices, triangles)[points])
    gap = contact.points - vertices[points]
    kept = contact.agrees & (np.linalg.norm(gap, axis=1) < _REACH)
    normals = contact.normals[kept]
    directions = shapes[:, points[kept]] @ found.rotation.T * found.scale
    slopes = np.einsum("sqd,qd->sq", directions, normals)
    wanted = (gap[kept] * normals).sum(1) + shape @ slopes
    number = max(int(kept.sum()), 1)
    system = slopes @ slopes.T / number + np.eye(len(shape)) * _SHAPE_COST**2
    return np.asarray(np.linalg.solve(system, slopes @ wanted / number))


def _fitted(flame: Rig, identity: Identity, points: Array, carried: Array) -> tuple[Array, ...]:
    """The fields of `Bridge` from motions [52, Q, 3] that FLAME's vertices `points` are to make."""
    coefficients = np.zeros((len(ARKIT), len(FLAME)))
    cost = np.full(len(FLAME), _COST**2)
    cost[_JAW] /= _JAW_STEP**2
    still = np.zeros(len(FLAME))
    resting = _moved(flame, identity, still)[points]
    at_rest = _slopes(flame, identity, still)[:, points].reshape(len(FLAME), -1)
    gram = at_rest @ at_rest.T / len(points)
    able = np.flatnonzero(np.diag(gram) > 0)
    motion, residual, explained = (np.zeros(len(ARKIT)) for _ in range(3))
    for k, wanted in enumerate(carried):
        if not wanted.any():
            continue
        slopes, found = at_rest, still
        # Linear but for the jaw, which turns: each step starts from what the last one really did.
        for step in range(_REFINEMENTS):
            if step and np.abs(found[_JAW]).max() > 0.01:
                slopes = _slopes(flame, identity, found)[:, points].reshape(len(FLAME), -1)
            left = (wanted - (_moved(flame, identity, found)[points] - resting)).ravel()
            system = slopes[able] @ slopes[able].T / len(points) + np.diag(cost[able])
            found = found.copy()
            found[able] += np.linalg.solve(system, slopes[able] @ left / len(points) - cost[able] * found[able])
        coefficients[k] = found
        errors = np.linalg.norm(wanted - (_moved(flame, identity, found)[points] - resting), axis=-1)
        size = np.linalg.norm(wanted, axis=-1)
        active = size > 0.1 * size.max()
        motion[k], residual[k] = (1e3 * np.sqrt((each[active] ** 2).mean()) for each in (size, errors))
        explained[k] = 1 - (errors**2).sum() / (size**2).sum()
    return coefficients, 1e6 * gram, motion, residual, explained


def _moved(flame: Rig, identity: Identity, coefficients: Array) -> Array:
    """Vertices [..., V, 3] of FLAME with coefficients [..., 103], in float64."""
    return flame.vertices(identity, _state(coefficients)).astype(np.float64)


def _state(coefficients: Array) -> FaceState:
    leading = coefficients.shape[:-1]
    pose = Pose(np.broadcast_to(np.eye(3), (*leading, 3, 3)), np.zeros((*leading, 3)))
    gaze = Gaze(np.broadcast_to(np.eye(3), (*leading, 2, 3, 3)))
    return FaceState(Expression(coefficients, FLAME), pose, gaze)


def _slopes(flame: Rig, identity: Identity, at: Array) -> Array:
    """[103, V, 3] how the vertices move with each coefficient, by differences round `at`."""
    step = np.full(len(FLAME), 0.5)
    step[_JAW] = 0.02
    change = np.diag(step)
    ahead, behind = _moved(flame, identity, at + change), _moved(flame, identity, at - change)
    return np.asarray((ahead - behind) / (2 * step[:, None, None]))


def arkit_targets(bridge: Bridge, flame: Rig, identity: Identity = Identity()) -> Mesh:
    """The user's FLAME at rest with a morph target for each ARKit channel that it can follow, named like it."""
    rest = flame.rest(identity)
    names = tuple(column for column, row in zip(ARKIT.columns, bridge.matrix, strict=True) if row.any())
    resting = _moved(flame, identity, np.zeros(len(FLAME)))
    offsets = [_moved(flame, identity, bridge.matrix[ARKIT.index(name)]) - resting for name in names]
    targets = np.array(offsets) if offsets else None
    return Mesh(
        resting,
        rest.triangles,
        rest.uv,
        rest.uv_triangles,
        rest.normals,
        rest.colours,
        targets,
        names,
    )


def digest(rig: Rig) -> str:
    """Sixteen hexadecimal digits that tell two rigs' surfaces apart."""
    rest = rig.rest()
    state = hashlib.sha256()
    for array in (rest.vertices, rest.triangles, rest.morph_targets):
        if array is not None:
            state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()[:16]


def remembered(flame: Rig, reference: Rig, folder: Path) -> Bridge:
    """The bridge between two rigs: from the folder where an earlier call kept it, else learnt now and kept there.

    Raises:
        ValueError: as `Bridge.learn`.
        OutputError: the folder takes no file.
    """
    ends = digest(flame), digest(reference)
    file = folder / f"bridge-{ends[0]}-{ends[1]}.npz"
    if file.is_file():
        try:
            members = read_members(read_bytes(file, _CACHE_LIMIT), _CACHE_LIMIT)
            return Bridge(*ends, *(members[name] for name in _ARRAYS))
        except (InputError, ValueError, KeyError):
            pass  # a damaged copy of what can be learnt again
    bridge = Bridge.learn(flame, reference)
    with replacing(file, overwrite=True) as part:
        write_members(part, {name: getattr(bridge, name) for name in _ARRAYS})
    return bridge
