"""Faces whose weights are known: the ICT rig under random people's skins, as a faces pack like any other.

A teacher's labels stop where the teacher does; a rendered face knows every weight and every point by construction.
Its skin comes from the photos of other packs, laid over the surface by the landmarks; its light, lens and backdrop are
drawn at random. Half of the ICT identities are never drawn for training: the figures are taken on those.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial import Delaunay

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression, FaceState, Identity, Pose
from mien.core.geometry import rotation_from_angles
from mien.core.looks import gaze_from_looks
from mien.data.packs import FacesPack
from mien.formats.npz import write_members
from mien.imaging.raster import rasterise
from mien.rig.ict import IctRig
from mien.rig.places import Places

SIDE = 288
"""Pixels along the side of a rendered picture."""

HELD_OUT = 12
"""ICT identity directions, the last ones, that only validation faces have; training faces have the others."""

_DEPTH_OF_EYES = 0.006
"""Metres that a teacher's z of 0 lies before the middle between the eyes; the labels keep to it."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A face that knows itself.

    Args:
        pixels: [288, 288, 3] uint8.
        points: [478, 3] in pixels; z in the same scale, negative towards the camera.
        weights: [52] ARKit's.
        placed: [V, 3] the rig's vertices in the picture: x and y in pixels, and depth in metres.
    """

    pixels: Array
    points: Array
    weights: Array
    placed: Array


class Renderer:
    """Draws random faces of the ICT rig.

    Args:
        rig: the rig.
        places: where the landmarks lie on it.
        packs: whose photos lend their skin.
        split: `train` or `val`: which photos, and which identities.
    """

    def __init__(self, rig: IctRig, places: Places, packs: list[FacesPack], split: str) -> None:
        self._rig, self._places = rig, places
        self._skins = [(pack, index) for pack in packs for index in pack.indices(split).tolist()]
        self._taught = np.concatenate([pack.weights[pack.indices(split)] for pack in packs])
        directions = np.arange(rig.identities)
        self._directions = directions[-HELD_OUT:] if split == "val" else directions[:-HELD_OUT]
        rest = rig.rest()
        self._triangles = rest.triangles
        self._colours = np.ones_like(rest.vertices) if rest.colours is None else rest.colours
        points = places.on(rest.vertices)
        web = Delaunay(points[:468, :2])
        face = np.concatenate(
            [np.arange(r.start, r.stop) for r in rig.model.regions if r.name in ("face", "head_neck")]
        )
        simplex = web.find_simplex(rest.vertices[face, :2])
        inside = (simplex >= 0) & (rest.vertices[face, 2] < 0.06)
        self._all_skin, self._skin = face, face[inside]
        corners = web.transform[simplex[inside]]
        local = np.einsum("nij,nj->ni", corners[:, :2], rest.vertices[self._skin, :2] - corners[:, 2])
        self._shares = np.column_stack([local, 1 - local.sum(1)])
        self._corners = web.simplices[simplex[inside]]

    def stream(self, count: int, seed: int) -> Iterator[Rendered]:
        """`count` faces that `seed` alone decides."""
        rng = np.random.default_rng(seed)
        for _ in range(count):
            yield self.draw(rng, self.weights(rng))

    def weights(self, rng: np.random.Generator) -> Array:
        """[52] one channel, a few, or what a photo shows and a few on top; sides alike in half of the cases."""
        weights = np.zeros(len(ARKIT), np.float32)
        kind = rng.random()
        if kind > 0.65:
            weights += self._taught[rng.integers(len(self._taught))] * rng.uniform(0.3, 1.0)
        few = 1 if kind < 0.2 else int(rng.integers(1, 6))
        chosen = rng.permutation(len(ARKIT) - 1)[:few]
        weights[chosen] = np.maximum(weights[chosen], rng.uniform(0.15, 1.0, few))
        if rng.random() < 0.5:
            weights = np.maximum(weights, weights[ARKIT.mirror])
        # Opposite ways cancel: what a face can't do at once is no expression.
        for one, other in _OPPOSITES:
            stronger = weights[one] >= weights[other]
            weights[other if stronger else one] = 0
        # Lips close over a jaw that is open: alone, mouthClose would pull the chin's skin over the nose.
        weights[_JAW_OPEN] = max(weights[_JAW_OPEN], weights[_MOUTH_CLOSE])
        weights[_TONGUE_OUT] = 0
        return weights

    def draw(self, rng: np.random.Generator, weights: Array, calm: bool = False) -> Rendered:
        """A face of random identity, skin, pose, lens and light.

        Args:
            rng: where chance comes from.
            weights: [52] its expression.
            calm: whether it looks into the camera, nearly straight, in soft light.
        """
        shape = np.zeros(self._rig.identities)
        shape[self._directions] = np.clip(rng.normal(size=len(self._directions)), -2, 2) * 0.7
        turn = rng.normal(size=3) * ([0.05, 0.08, 0.03] if calm else [0.16, 0.28, 0.12])
        expression = Expression(weights, ARKIT)
        pose = Pose(rotation_from_angles(*turn), np.zeros(3))
        state = FaceState(expression, pose, gaze_from_looks(expression))
        vertices = self._rig.vertices(Identity(shape), state).astype(np.float64) @ pose.rotation.T
        distance, zoom = rng.uniform(0.45, 1.3), rng.uniform(1.0, 1.45)
        centre = np.array([0.0, 0.025]) + rng.uniform(-0.006, 0.006, 2)
        depth = vertices[:, 2] + distance
        scale = SIDE * zoom / 0.26 * distance / depth
        flat = (vertices[:, :2] - centre) * scale[:, None] + SIDE / 2
        points = self._places.on(np.column_stack([flat, vertices[:, 2]]))
        points[:, 2] = (points[:, 2] + _DEPTH_OF_EYES) * SIDE * zoom / 0.26
        placed = np.column_stack([flat, depth])
        return Rendered(self._painted(rng, placed, vertices, calm), points, weights, placed)

    def _painted(self, rng: np.random.Generator, placed: Array, vertices: Array, calm: bool) -> Array:
        colours = self._skinned(rng) * _light(rng, _normals(vertices, self._triangles), calm)
        seen = rasterise(placed, self._triangles, SIDE, SIDE)
        picture = _backdrop(rng)
        shown = np.einsum("pk,pkc->pc", seen.barycentric(), colours[self._triangles[seen.triangle]])
        picture.reshape(-1, 3)[seen.pixel] = shown
        return np.clip(picture, 0, 255).astype(np.uint8)

    def _skinned(self, rng: np.random.Generator) -> Array:
        """[V, 3] colours of 0 to 255: a photo's skin on the face, its mean colour on the rest of the head."""
        pack, index = self._skins[rng.integers(len(self._skins))]
        photo = pack.pictures.rgb(index).astype(np.float64)
        points = pack.landmarks[index, :, :2]
        at = np.einsum("nk,nkc->nc", self._shares, points[self._corners])
        columns, rows = np.clip(at, 0, np.array(photo.shape[1::-1]) - 1).astype(np.intp).T
        colours: Array = self._colours * (255 * rng.uniform(0.7, 1.05))
        sampled = photo[rows, columns]
        colours[self._all_skin] = np.median(sampled, 0)
        colours[self._skin] = sampled
        return colours


_JAW_OPEN, _MOUTH_CLOSE, _TONGUE_OUT = ARKIT.indices(["jawOpen", "mouthClose", "tongueOut"])
_OPPOSITES = tuple(
    (ARKIT.index(one), ARKIT.index(other))
    for one, other in (
        ("jawLeft", "jawRight"),
        ("mouthLeft", "mouthRight"),
        *((f"eyeLookIn{side}", f"eyeLookOut{side}") for side in ("Left", "Right")),
        *((f"eyeLookUp{side}", f"eyeLookDown{side}") for side in ("Left", "Right")),
        *((f"eyeBlink{side}", f"eyeWide{side}") for side in ("Left", "Right")),
        *((f"browDown{side}", f"browOuterUp{side}") for side in ("Left", "Right")),
    )
)


def _normals(vertices: Array, triangles: Array) -> Array:
    """[V, 3] unit normals, quicker than `vertex_normals` and good enough for light."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for axis in range(3):
        normals[:, axis] = sum(np.bincount(triangles[:, corner], faces[:, axis], len(vertices)) for corner in range(3))
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def _light(rng: np.random.Generator, normals: Array, calm: bool) -> Array:
    """[V, 3] what light leaves of the colours: from all around, and from one or two sides, tinted."""
    light = np.full((len(normals), 3), 0.85 if calm else rng.uniform(0.35, 0.8))
    for _ in range(1 if calm else int(rng.integers(1, 3))):
        way = np.array([rng.normal() * 0.9, rng.normal() * 0.6 - 0.3, -1.0])
        strength = 0.15 if calm else rng.uniform(0.1, 0.6)
        tint = 1 + rng.normal(size=3) * 0.06
        light += np.clip(normals @ (way / np.linalg.norm(way)), 0, None)[:, None] * strength * tint
    return light


def _backdrop(rng: np.random.Generator) -> Array:
    """[288, 288, 3] a slope between two colours, with grain."""
    one, other = rng.uniform(0, 255, (2, 3))
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-0.5, 0.5, SIDE)
    along = np.clip(np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None] + 0.5, 0, 1)[..., None]
    grain = rng.normal(size=(SIDE, SIDE, 1)) * rng.uniform(0, 25)
    return np.asarray(one + (other - one) * along + grain)


def write_pack(file: Path, parts: dict[str, Iterator[Rendered]], mirror: Array) -> None:
    """Writes rendered faces as a faces pack (docs/data.md): every face its own identity.

    Args:
        file: ends in `.npz`.
        parts: faces of each split.
        mirror: [478] index map of a horizontal flip.
    """
    stream, points, weights, splits = [], [], [], []
    for split, faces in parts.items():
        for face in faces:
            encoded = io.BytesIO()
            Image.fromarray(face.pixels).save(encoded, "WEBP", quality=90, method=2)
            stream.append(encoded.getvalue())
            points.append(face.points)
            weights.append(face.weights)
            splits.append(split)
    count = len(stream)
    write_members(
        file,
        {
            "webp": np.frombuffer(b"".join(stream), np.uint8),
            "offsets": np.cumsum([0, *(len(data) for data in stream)]),
            "landmarks": np.clip(np.round(np.array(points) * 16), -32768, 32767).astype(np.int16),
            "blendshapes": np.array(weights, np.float16),
            "blendshape_names": np.array(ARKIT.columns),
            "spread": np.zeros(count, np.float32),
            "identity": np.array([f"render{k}" for k in range(count)]),
            "split": np.array(splits),
            "mirror": mirror,
            "rendered": np.array(True),
        },
    )
