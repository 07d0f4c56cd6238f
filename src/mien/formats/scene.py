"""What a file of 3D holds: a face that may move, and the way from our axes to those of such files.

Ours are the camera's: x right, y down, z away from the viewer. glTF, VRM and most OBJ files have y up and z towards
the viewer. Half a turn about x leads from one to the other and back, and keeps handedness and winding.
"""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.geometry import Mesh


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One face, at rest or performing, as a file of 3D keeps it.

    Args:
        mesh: the face at rest in the head's axes, with the morph targets that `weights` drive.
        texture: [H, W, 3] uint8 RGB, or None.
        times: [T] seconds from 0 or later, not running backwards, or None for a face that does not move. Of moments at
            one time the last counts.
        weights: [T, K] over `mesh.morph_names`, or None. They may leave 0 to 1, as real recordings do.
        rotation: [T, 3, 3] the head's turns in our axes, or None.
        name: what the face is called in the file.

    Raises:
        ValueError: shapes that do not fit, times that run backwards, weights or turns without times, or times alone.
    """

    mesh: Mesh
    texture: Array | None = None
    times: Array | None = None
    weights: Array | None = None
    rotation: Array | None = None
    name: str = "face"

    def __post_init__(self) -> None:
        if self.texture is not None:
            object.__setattr__(self, "texture", frozen_array(self.texture, "texture", (None, None, 3), np.uint8))
            if not self.texture.size:
                raise ValueError(f"texture must have pixels, got {list(self.texture.shape)}")
            if self.mesh.uv is None:
                raise ValueError("a texture needs a mesh with uv")
        if self.times is None:
            if self.weights is not None or self.rotation is not None:
                raise ValueError("weights and rotation need times")
            return
        times = frozen_array(self.times, "times", (None,))
        if self.weights is None and self.rotation is None:
            raise ValueError("times need weights or rotation")
        if not len(times) or times[0] < 0 or not (np.diff(times) >= 0).all():
            raise ValueError("times must start at 0 or later and not run backwards")
        object.__setattr__(self, "times", times)
        if self.weights is not None:
            shape = (len(times), len(self.mesh.morph_names))
            if not shape[1]:
                raise ValueError("weights need a mesh with morph targets")
            object.__setattr__(self, "weights", frozen_array(self.weights, "weights", shape, np.float32))
        if self.rotation is not None:
            rotation = frozen_array(self.rotation, "rotation", (len(times), 3, 3))
            strays = np.abs(rotation @ np.swapaxes(rotation, -1, -2) - np.eye(3)).max()
            if strays > 1e-3 or np.linalg.det(rotation).min() < 0:
                raise ValueError("rotation holds a matrix that is no rotation")
            object.__setattr__(self, "rotation", rotation)


def half_turn(points: Array) -> Array:
    """Points or directions [..., 3] of our axes in those of the files, and the other way round."""
    # Adding 0 makes -0 a plain 0, in text and in bytes.
    return np.asarray(points * np.array([1, -1, -1], points.dtype) + np.array(0, points.dtype))


def half_turn_rotations(rotation: Array) -> Array:
    """Rotations [..., 3, 3] about our axes as rotations about those of the files, and the other way round."""
    signs = np.array([1.0, -1.0, -1.0])
    return np.asarray(rotation * signs[:, None] * signs + 0.0)


def unit(normals: Array) -> Array:
    """Directions [N, 3] of our axes or the files' at length 1, float64; one without a direction lies along -z."""
    given = normals.astype(np.float64)
    # The longest side is made 1 first, so that the squares of tiny and huge ones stay within range.
    side = np.abs(given).max(axis=1, keepdims=True)
    scaled = given / np.where(side > 0, side, 1)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.where(side > 0, scaled / np.where(side > 0, length, 1), [0.0, 0.0, -1.0])
