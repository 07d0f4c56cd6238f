"""What a rig is: someone's face, moved by a vocabulary.

Three final classes fulfil the contract: `CompactRig` (ours, in the package), `IctRig` and `FlameRig` (files that the
user brings). A rig's own space is the head's: metres, x right and y down in the picture, z forward of a camera that
the face looks into; the origin lies between the eyes, the same place for every rig.
"""

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import Basis
from mien.core.face import FaceState, Identity, Pose
from mien.core.geometry import Mesh


class Rig(ABC):
    """A face that weights move.

    Attributes:
        name: `compact`, `ict` or `flame`.
        basis: the vocabulary that drives it.
        absent: columns of the basis that it does not move.
        identities: how many identity directions it has; an `Identity` may hold fewer weights, the rest are 0.
    """

    name: str
    basis: Basis
    absent: tuple[str, ...]
    identities: int

    @abstractmethod
    def rest(self, identity: Identity = Identity()) -> Mesh:
        """The face at rest in the head's axes, with triangles, uv, normals, colours, and a morph target for every
        column of the basis that it moves.

        Raises:
            ValueError: the identity has more weights than the rig has directions.
        """

    @abstractmethod
    def vertices(self, identity: Identity, state: FaceState) -> Array:
        """Vertices [..., V, 3] float32 in the head's axes, metres, for each moment of `state` (its pose left out).

        Raises:
            ValueError: the expression is over another basis, or the identity has too many weights.
        """


def posed(vertices: Array, pose: Pose) -> Array:
    """Vertices [..., V, 3] of the head's axes in the camera's, by a pose with the same leading axes."""
    turned = vertices @ np.swapaxes(pose.rotation, -1, -2)
    return np.asarray(turned + pose.translation[..., None, :])


def mesh(rig: Rig, identity: Identity, state: FaceState) -> Mesh:
    """The face of one moment, posed in the camera, with normals; without morph targets.

    Raises:
        ValueError: `state` holds more than one moment.
    """
    if state.leading:
        raise ValueError(f"a mesh shows one moment, got leading axes {list(state.leading)}")
    rest = rig.rest(identity)
    moved = posed(rig.vertices(identity, state), state.pose)
    normals = vertex_normals(moved, rest.triangles)
    return replace(rest, vertices=moved, normals=normals, morph_targets=None, morph_names=())


def vertex_normals(vertices: Array, triangles: Array) -> Array:
    """Unit normals [V, 3], the mean of the adjoining triangles weighted by area; a vertex without any looks back.

    Triangles are counter-clockwise seen from outside, in axes where y points down and z away from the viewer.
    """
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.zeros((len(vertices), 3))
    for axis in range(3):
        for corner in range(3):
            normals[:, axis] += np.bincount(triangles[:, corner], faces[:, axis], len(vertices))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.where(length > 0, length, 1), [0.0, 0.0, -1.0])
