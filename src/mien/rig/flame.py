"""FLAME as a rig: blend shapes and linear blend skinning, from the published equations.

Sources: T. Li, T. Bolkart, M. J. Black, H. Li, J. Romero, "Learning a model of facial shape and expression from 4D
scans", 2017, equations 1 to 5; M. Loper, N. Mahmood, J. Romero, G. Pons-Moll, M. J. Black, "SMPL: a skinned
multi-person linear model", 2015, equations 2 to 10.
"""

from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import FLAME, FLAME_EXPRESSIONS
from mien.core.face import FaceState, Identity
from mien.core.geometry import Mesh
from mien.formats.files import StrPath
from mien.rig.flame_file import JAW, LEFT_EYE, RIGHT_EYE, FlameModel, read_flame
from mien.rig.model import Rig, vertex_normals

_HALF_TURN = np.diag([1.0, -1.0, -1.0])
"""From FLAME's axes (y up, z out of the face) to the head's (y down, z away from the viewer), and back."""
_TURNING = (JAW, LEFT_EYE, RIGHT_EYE)
"""Joints that a face state turns. The global joint is the head's pose, and the neck stays at rest."""
_FRAMES = 64
"""Frames that are worked on at once: beside the result, memory does not grow with their number."""

_SKIN, _WHITE, _IRIS = (0.78, 0.68, 0.62), (0.94, 0.94, 0.92), (0.25, 0.20, 0.16)
_IRIS_ANGLE = np.deg2rad(29.0)
"""Half the angle at which an iris of 12 mm is seen from the middle of its eyeball."""


class FlameRig(Rig):
    """The user's own FLAME.

    Its basis is FLAME's: psi, up to 100, and the jaw as an axis-angle rotation in radians, in FLAME's axes: positive
    jawPitch opens it, positive jawYaw turns it to the subject's left. The eyes turn by `state.gaze`, about their
    joints; the neck stays at rest. Joints follow the identity alone, as the paper says; FLAME's own code lets them
    drift with psi, too.

    Psi moves vertices along straight lines, so `rest` has a morph target for each. The jaw turns them about its joint,
    which no morph target says: it is left to `vertices`.

    Args:
        model: the arrays.
    """

    name = "flame"
    basis = FLAME

    def __init__(self, model: FlameModel) -> None:
        expressions = model.expression_directions.shape[2]
        self.model = model
        self.absent = FLAME.columns[expressions:FLAME_EXPRESSIONS]
        self.identities = model.shape_directions.shape[2]
        turned = model.expression_directions.transpose(2, 0, 1) @ _HALF_TURN.astype(np.float32)
        turned.flags.writeable = False
        self._expressions = turned
        pose = model.pose_directions[..., 9 * (JAW - 1) :].transpose(2, 0, 1) @ _HALF_TURN.astype(np.float32)
        # One product moves the template by expression and by pose.
        self._moves = np.concatenate([turned, pose]).reshape(expressions + pose.shape[0], -1)
        self._reach = np.flatnonzero((model.skinning[:, _TURNING] != 0).any(1))
        self._colours = _colours(model)

    @classmethod
    def load(cls, path: StrPath) -> Self:
        """The rig in a file that `import_flame` wrote, or in any that `read_flame` reads. Raises `InputError`."""
        return cls(read_flame(path))

    def rest(self, identity: Identity = Identity()) -> Mesh:
        """The face at rest, with a morph target for each psi that the file has; without uv, which FLAME keeps apart.

        Raises:
            ValueError: the identity has more weights than the rig has directions.
        """
        vertices, _ = self._shaped(identity)
        triangles = self.model.triangles
        return Mesh(
            vertices,
            triangles,
            normals=vertex_normals(vertices, triangles),
            colours=self._colours,
            morph_targets=self._expressions,
            morph_names=FLAME.columns[: len(self._expressions)],
        )

    def vertices(self, identity: Identity, state: FaceState) -> Array:
        """Vertices [..., 5023, 3] float32 in the head's axes, metres; psi that the file has not are left out.

        Raises:
            ValueError: the expression is over another basis, or the identity has too many weights.
        """
        if state.expression.basis != FLAME:
            raise ValueError(f"FLAME is driven by its own basis, got {state.expression.basis.name}; convert the take")
        shaped, joints = self._shaped(identity)
        weights = state.expression.weights.reshape(-1, len(FLAME))
        gaze = state.gaze.rotation.reshape(-1, 2, 3, 3)
        jaw = _HALF_TURN @ rotation_from_axis(weights[:, FLAME_EXPRESSIONS:]) @ _HALF_TURN
        turns = np.concatenate([jaw[:, None], gaze], 1)
        result = np.empty((len(weights), *shaped.shape), np.float32)
        for start in range(0, len(weights), _FRAMES):
            block = slice(start, start + _FRAMES)
            self._move(weights[block], turns[block], shaped, joints, out=result[block])
        return result.reshape(*state.leading, *shaped.shape)

    def _shaped(self, identity: Identity) -> tuple[Array, Array]:
        """Vertices [5023, 3] of a person and the turning joints [3, 3], in the head's axes, float32.

        The origin lies in the middle between the joints of the eyes.
        """
        count = len(identity.shape)
        if count > self.identities:
            raise ValueError(f"identity has {count} weights, FLAME here has {self.identities} directions")
        model = self.model
        shaped = (model.template + model.shape_directions[..., :count] @ identity.shape) @ _HALF_TURN
        joints = (model.joint_regressor @ shaped)[list(_TURNING)]
        origin = joints[1:].mean(0)
        return (shaped - origin).astype(np.float32), (joints - origin).astype(np.float32)

    def _move(self, weights: Array, turns: Array, shaped: Array, joints: Array, out: Array) -> None:
        """Writes the vertices of `weights` [T, 103] and `turns` [T, 3 joints, 3, 3] to `out` [T, 5023, 3].

        With all that hangs above a turning joint at rest, skinning (SMPL's equations 2 to 4) comes down to
        v + sum over joints of w (R - I) (v - j).
        """
        count = len(weights)
        features = (_HALF_TURN @ turns @ _HALF_TURN - np.eye(3)).reshape(count, -1)
        driven = np.concatenate([weights[:, : len(self._expressions)], features], 1).astype(np.float32)
        np.matmul(driven, self._moves, out=out.reshape(count, -1))
        out += shaped
        unturned = out[:, self._reach]
        turned = unturned.copy()
        for place, joint in enumerate(_TURNING):
            weight = self.model.skinning[self._reach, joint]
            moved = np.flatnonzero(weight)
            turn = (turns[:, place] - np.eye(3)).astype(np.float32)
            arm = (unturned[:, moved] - joints[place]) @ np.swapaxes(turn, -1, -2)
            turned[:, moved] += weight[moved, None] * arm
        out[:, self._reach] = turned


def rotation_from_axis(axis: Array) -> Array:
    """Rotations [..., 3, 3] float64 by axes [..., 3] whose length is the angle in radians: Rodrigues' formula."""
    axis = np.asarray(axis, np.float64)
    angle = np.linalg.norm(axis, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(axis, -1, 0)
    zero = np.zeros_like(x)
    rows = ((zero, -z, y), (z, zero, -x), (-y, x, zero))
    cross = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    # numpy's sinc is sin(πx) / πx: finite where the angle is 0.
    once, twice = np.sinc(angle / np.pi), np.sinc(angle / (2 * np.pi)) ** 2 / 2
    return np.asarray(np.eye(3) + once * cross + twice * cross @ cross)


def _colours(model: FlameModel) -> Array:
    """[5023, 3] the colour of clay, with white eyeballs and dark irises, so that gaze is seen."""
    colours = np.tile(_SKIN, (len(model.template), 1))
    centres = model.joint_regressor @ model.template
    for joint, ball in zip((LEFT_EYE, RIGHT_EYE), model.eyeballs, strict=True):
        outward = model.template[ball] - centres[joint]
        ahead = outward[:, 2] > np.cos(_IRIS_ANGLE) * np.linalg.norm(outward, axis=1)
        colours[ball] = np.where(ahead[:, None], _IRIS, _WHITE)
    return colours
