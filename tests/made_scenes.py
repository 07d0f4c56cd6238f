"""A small face for tests of files: a dome with a seam down its middle, which opens its jaw and smiles on one side."""

import numpy as np

from mien.core.arrays import Array
from mien.core.geometry import Mesh, rotation_from_angles
from mien.formats.scene import Scene
from mien.rig.model import vertex_normals

NAMES = ("jawOpen", "mouthSmileLeft", "tongueOut")
"""`tongueOut` moves nothing."""


def made_mesh(side: int = 13, seam: bool = True, colours: bool = False) -> Mesh:
    """A dome of side x side vertices, 16 cm wide, bulging towards the viewer; with a seam, uv lie in two islands."""
    across = np.linspace(-1, 1, side)
    x, y = (grid.ravel() for grid in np.meshgrid(across, across))
    vertices = np.stack([0.08 * x, 0.1 * y, 0.05 * (x * x + y * y) - 0.06], axis=1)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    quads = np.stack([corner, corner + side, corner + side + 1, corner + 1], axis=1)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    uv = np.stack([(x + 1) / 2, (1 - y) / 2], axis=1)
    uv_triangles = None
    if seam:
        # The picture's left half lies in the lower half of the texture, the right half in the upper one.
        left = vertices[triangles, 0].mean(1) < 0
        uv_triangles = triangles + len(uv) * left[:, None]
        uv = np.concatenate([uv * [1, 0.5] + [0, 0.5], uv * [1, 0.5]])
    lower = np.clip(y, 0, 1)
    opens = np.stack([0 * x, 0.05 * lower, 0 * x], axis=1)
    smiles = np.stack([0.02 * (x > 0.2), -0.02 * (x > 0.2), 0 * x], axis=1) * (np.abs(y - 0.5) < 0.3)[:, None]
    targets = np.stack([opens, smiles, np.zeros_like(opens)]).astype(np.float32)
    shades = np.stack([0.9 - 0.2 * lower, 0.6 + 0.2 * x, 0.5 + 0 * x], axis=1) if colours else None
    normals = vertex_normals(vertices, triangles)
    return Mesh(vertices, triangles, uv, uv_triangles, normals, shades, targets, NAMES)


def made_texture(side: int = 64) -> Array:
    """Stripes of skin tones below, of blue above."""
    rows, columns = np.mgrid[:side, :side]
    stripe = (columns // 8 % 2 * 40).astype(np.uint8)
    warm, cold = np.array([200, 150, 130], np.uint8), np.array([60, 90, 190], np.uint8)
    return np.asarray(np.where((rows < side // 2)[..., None], cold, warm) + stripe[..., None])


def made_scene(mesh: Mesh | None = None, texture: Array | None = None, moments: int = 61) -> Scene:
    """A performance of 30 moments a second: the jaw opens and closes each second, the head turns to and fro."""
    times = np.arange(moments) / 30
    weights = np.stack([0.5 - 0.5 * np.cos(2 * np.pi * times), times / 2, 0 * times], axis=1)
    rotation = np.stack([rotation_from_angles(0.0, 0.4 * np.sin(np.pi * time), 0.1) for time in times])
    return Scene(mesh or made_mesh(), texture, times, weights, rotation, "made")
