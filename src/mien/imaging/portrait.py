"""How a face is set before the camera for its picture: in the middle, as large as it fits, seen from where one likes.

Every rig is in metres with its origin between the eyes, so one setting suits them all.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.geometry import Camera, Mesh
from mien.imaging.shade import PLAIN, Paint, render

Colour = tuple[int, int, int]
Window = tuple[tuple[float, float], tuple[float, float]]

BACKDROP: Colour = (46, 52, 62)
"""What is behind a face, sRGB."""

_DISTANCE = 1.0
"""Metres from the camera to the middle between the eyes: near enough for depth, far enough for no large nose."""

HEAD: Window = ((-0.10, -0.14), (0.10, 0.14))
"""Left and top, right and bottom of what a portrait shows, metres; shoulders may leave the picture."""

FACE: Window = ((-0.085, -0.075), (0.085, 0.155))
"""The same for a picture of the face alone, with room for an open jaw."""

_FILLED = 0.86
"""How much of the picture the face takes at a zoom of 1: it needs room to turn."""

_PIVOT = np.array([0.0, 0.04, 0.08])
"""About what a head turns: the middle of a skull, in the head's axes."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A picture of a head that is set before the camera.

    Args:
        width: pixels.
        height: likewise.
        camera: where it is projected.
        middle: [2] the place of the head's axes, metres, that lies in the middle of the picture.
        background: sRGB.
    """

    width: int
    height: int
    camera: Camera
    middle: Array
    background: Colour = BACKDROP

    @classmethod
    def of(
        cls,
        vertices: Array,
        width: int,
        height: int,
        *,
        zoom: float = 1.0,
        background: Colour = BACKDROP,
        window: Window = HEAD,
    ) -> Self:
        """The setting in which a face at rest fills the picture.

        Args:
            vertices: [V, 3] of the face, in the head's axes.
            width: of the picture, pixels.
            height: likewise.
            zoom: how much larger than to fit it is shown.
            background: sRGB.
            window: what is to fill the picture, of what there is: `HEAD` or `FACE`.

        Raises:
            ValueError: no vertices.
        """
        if not len(vertices):
            raise ValueError("a portrait needs a face with vertices")
        low, high = (np.clip(f(vertices[:, :2], axis=0), *window) for f in (np.min, np.max))
        scale = zoom * _FILLED * float((np.array([width, height]) / np.maximum(high - low, 1e-3)).min())
        camera = Camera(scale * _DISTANCE, np.array([width / 2, height / 2]))
        return cls(width, height, camera, (low + high) / 2, background)

    def posed(self, vertices: Array, rotation: Array) -> Array:
        """Vertices [V, 3] of the head's axes in the camera's, the head turned by `rotation` [3, 3]."""
        turned = (vertices - _PIVOT) @ rotation.T + _PIVOT
        return np.asarray(turned + np.array([-self.middle[0], -self.middle[1], _DISTANCE]))

    def picture(self, mesh: Mesh, rotation: Array, paint: Paint = PLAIN) -> Array:
        """[height, width, 3] uint8 of a mesh in the head's axes, turned by `rotation` [3, 3].

        Raises:
            ValueError: what `render` raises.
        """
        normals = None if mesh.normals is None else mesh.normals @ rotation.T
        placed = replace(mesh, vertices=self.posed(mesh.vertices, rotation), normals=normals)
        return render(placed, self.camera, self.width, self.height, self.background, paint)
