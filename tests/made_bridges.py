"""Pairs of rigs whose truth is known: an ARKit rig that moves as a FLAME-shaped one does, on a surface of its own."""

from functools import cache

import numpy as np
from made_flame import made_flame

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FLAME, Basis
from mien.core.face import Expression, FaceState, Gaze, Identity, Pose
from mien.core.geometry import Mesh, rotation_from_angles
from mien.rig.bridge import Bridge
from mien.rig.flame import FlameRig
from mien.rig.model import Rig

CHANNELS = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "mouthPucker")


class LinearRig(Rig):
    """A mean, identities, and offsets for some columns of a basis."""

    def __init__(self, mean: Array, triangles: Array, targets: dict[str, Array], identities: Array, basis: Basis):
        self.name = "linear"
        self.basis = basis
        self.absent = tuple(column for column in basis.columns if column not in targets)
        self.identities = len(identities)
        self._mean, self._triangles, self._shapes = mean, triangles, identities
        self._names = tuple(targets)
        self._targets = np.array(list(targets.values())).reshape(len(targets), *mean.shape)

    def _resting(self, identity: Identity) -> Array:
        shape = identity.shape
        return np.asarray(self._mean + np.einsum("s,svd->vd", shape, self._shapes[: len(shape)]))

    def rest(self, identity: Identity = Identity()) -> Mesh:
        """The face at rest."""
        return Mesh(self._resting(identity), self._triangles, morph_targets=self._targets, morph_names=self._names)

    def vertices(self, identity: Identity, state: FaceState) -> Array:
        """The moved face."""
        weights = state.expression.weights[..., self.basis.indices(self._names)]
        moved = self._resting(identity) + np.einsum("...k,kvd->...vd", weights, self._targets)
        return np.asarray(moved, np.float32)


def state_of(coefficients: Array) -> FaceState:
    leading = coefficients.shape[:-1]
    pose = Pose(np.broadcast_to(np.eye(3), (*leading, 3, 3)), np.zeros((*leading, 3)))
    return FaceState(Expression(coefficients, FLAME), pose, Gaze(np.broadcast_to(np.eye(3), (*leading, 2, 3, 3))))


@cache
def flame_rig() -> FlameRig:
    return FlameRig(made_flame())


@cache
def truth() -> Array:
    """[52, 103] what each of `CHANNELS` is in the made FLAME: some psi, and the jaw where it opens."""
    random = np.random.default_rng(3)
    expressions = len(FLAME) - 3 - len(flame_rig().absent)
    coefficients = np.zeros((len(ARKIT), len(FLAME)))
    for name in CHANNELS:
        coefficients[ARKIT.index(name), random.choice(min(expressions, 12), 3, replace=False)] = random.normal(0, 1, 3)
    coefficients[ARKIT.index("jawOpen"), FLAME.index("jawPitch")] = 0.3
    return coefficients


def halved(triangles: Array, values: Array) -> tuple[Array, Array]:
    """Every edge's middle becomes a vertex, so that no two rigs share their vertices: finer triangles and values."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, place = np.unique(edges, axis=0, return_inverse=True)
    count = values.shape[-2]
    middles = (count + place).reshape(-1, 3)
    (a, b, c), (ab, bc, ca) = triangles.T, middles.T
    finer = np.concatenate([np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return finer, np.concatenate([values, values[..., unique, :].mean(-2)], axis=-2)


def reference_rig(turn: float = 0.0, scale: float = 1.0) -> LinearRig:
    """An ARKit rig on a finer surface of the made FLAME's front, a little turned and scaled."""
    flame = flame_rig()
    rest = flame.rest()
    moved = flame.vertices(Identity(), state_of(truth()[ARKIT.indices(CHANNELS)])) - rest.vertices
    ahead = rest.triangles[(rest.vertices[rest.triangles, 2] < 0.02).all(1)]
    triangles, values = halved(ahead, np.concatenate([rest.vertices[None], moved]))
    values = scale * values @ rotation_from_angles(turn, -turn, turn / 2).T
    targets = dict(zip(CHANNELS, values[1:], strict=True))
    return LinearRig(values[0], triangles, targets, np.zeros((0, *values[0].shape)), ARKIT)


def cut_of(rig: Rig, vertices: int, person: Array, identities: int) -> LinearRig:
    """A FLAME-shaped face cut from another rig's first vertices: on places of its own between them, with the face of
    one person, some identity directions, and as psi the principal motions of its targets.
    """
    rest, mean = rig.rest(Identity(person)), rig.rest().vertices
    assert rest.morph_targets is not None
    triangles = rest.triangles[(rest.triangles < vertices).all(1)]
    first = np.zeros(vertices, int)
    first[triangles.ravel()[::-1]] = np.arange(triangles.size)[::-1] // 3
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], vertices)

    def slid(values: Array) -> Array:
        towards = np.einsum("vc,...vcd->...vd", shares, values[..., triangles[first], :])
        return np.asarray((values[..., :vertices, :] + towards) / 2)

    moved = slid(rest.morph_targets.astype(np.float64)).reshape(len(rest.morph_targets), -1)
    _, size, modes = np.linalg.svd(moved, full_matrices=False)
    psi = dict(zip(FLAME.columns, (modes * size[:, None] / 3).reshape(-1, vertices, 3), strict=False))
    shapes = np.array([slid(rig.rest(Identity(row)).vertices - mean) for row in np.eye(identities)])
    return LinearRig(slid(rest.vertices), triangles, psi, shapes, FLAME)


@cache
def made_bridge() -> Bridge:
    """The bridge between the two."""
    return Bridge.learn(flame_rig(), reference_rig())
