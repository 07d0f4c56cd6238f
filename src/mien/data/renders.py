"""Faces whose weights are known: the ICT rig under random people's skins, as a faces pack like any other.

A teacher's labels stop where the teacher does; a rendered face knows every weight and every point by construction.
Its skin comes from the photos of other packs, laid over the surface by the landmarks; its light, lens and backdrop are
drawn at random. The last of ICT's identity directions are never drawn for training: the figures are taken on those.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression, FaceState, Identity, Pose
from mien.core.geometry import rotation_from_angles
from mien.core.looks import gaze_from_looks
from mien.data.lights import Light, gleaming, harmonics, lamps, near_lamps, soft
from mien.data.pack_writer import LabelledFace, PackWriter
from mien.data.packs import FacesPack, ScenesPack
from mien.data.skins import Skins
from mien.data.surroundings import Backdrops, glasses
from mien.imaging.raster import rasterise
from mien.rig.ict import IctRig
from mien.rig.places import Places

SIDE = 288
"""Pixels along the side of a rendered picture, unless a studio says otherwise."""

HELD_OUT = 12
"""ICT identity directions, the last ones, that only validation faces have; training faces have the others."""

NEUTRAL = 0.1
"""Share of the faces that show nothing at all."""

_WAVES, _WAVELENGTH = 6, (0.06, 0.25)
"""How many waves bend a face, and how long they may be, metres."""

_BRIGHT, _EXPOSURE = 165.0, 0.2
"""What a camera makes of a face's brighter parts, 0 to 255, and the deviation of its logarithm: as in news photos."""

_DEPTH_OF_EYES = 0.006
"""Metres that a teacher's z of 0 lies before the middle between the eyes; the labels keep to it."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A face that knows itself.

    Args:
        person: who it is.
        pixels: [H, H, 3] uint8, as large as the studio says.
        points: [478, 3] in pixels; z in the same scale, negative towards the camera.
        weights: [52] ARKit's.
        placed: [V, 3] the rig's vertices in the picture: x and y in pixels, and depth in metres.
    """

    person: str
    pixels: Array
    points: Array
    weights: Array
    placed: Array


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody who can be drawn.

    Args:
        name: of this person.
        shape: [I] identity weights, one for each direction of the rig: the other split's are 0.
        bend: [V, 3] or [1, 3], metres by which the surface differs from what the rig knows.
        colours: [V, 3] of 0 to 255, before light.
    """

    name: str
    shape: Array
    bend: Array
    colours: Array


@dataclass(frozen=True, slots=True)
class Studio:
    """How faces are lit and taken."""

    lights: tuple[Light, ...] = (lamps, harmonics)
    """One of them lights a face."""
    turn: tuple[float, float, float] = (0.16, 0.28, 0.12)
    """Standard deviations of pitch, yaw and roll, radians."""
    distance: tuple[float, float] = (0.45, 1.3)
    """Metres between camera and face: the nearer, the longer the nose."""
    zoom: tuple[float, float] = (1.0, 1.45)
    """How much of the picture a face fills."""
    most: int = 5
    """How many channels may move at once, beside those that a photo or a performance shows."""
    bend: float = 0.0
    """The most, in metres, by which each of the slow waves that bend faces further than the rig's identities go
    deviates; one face is bent nearly that far, the next one hardly."""
    glasses: float = 0.12
    """Share of the faces that wear glasses."""
    side: int = SIDE
    """Pixels along the side of a picture."""
    each: int = 4
    """Faces of one person, one after the other: what is the same on all of them is the person, not the expression."""


SITTING = Studio((gleaming, gleaming, harmonics), (0.18, 0.32, 0.14), bend=0.0007, side=224, each=2)
"""For faces to learn from. From faces on which nine channels moved, not five, and which were bent twice as far, the
expression network learned less (docs/methods/local-global.md); from skin that never shone it did not learn to read
wide eyes on skin that does. Networks read cuts of 128 px, so that a smaller picture teaches as much and is sooner
drawn. Two faces each, since what it lacked was people."""

STILL = Studio(turn=(0.1, 0.16, 0.06), most=9, bend=0.0015, glasses=0, side=224)
"""For pairs of faces that differ in expression alone."""

CALM = Studio((soft,), (0.05, 0.08, 0.03), glasses=0)
"""A face that looks into the camera, nearly straight, in soft light."""

UNSEEN = Studio((near_lamps,), (0.2, 0.35, 0.15), (0.3, 2.5), (0.95, 1.6))
"""A light and a camera that nothing is trained on."""


class Renderer:
    """Draws random faces of the ICT rig.

    Args:
        rig: the rig.
        places: where the landmarks lie on it.
        packs: whose photos lend their skin.
        split: `train` or `val`: which photos, and which identities.
        studio: light and camera.
        scenes: what faces stand before; plain slopes when not given.
        performed: [N, 52] weights of performances, which faces show beside what the photos show.

    Raises:
        InputError: the packs have no photo of the split.
    """

    def __init__(
        self,
        rig: IctRig,
        places: Places,
        packs: list[FacesPack],
        split: str,
        studio: Studio = Studio(),
        scenes: ScenesPack | None = None,
        performed: Array | None = None,
    ) -> None:
        self._rig, self._places, self._studio = rig, places, studio
        self._skins = Skins(rig, places, packs, split)
        self._backdrops = Backdrops(scenes, split, studio.side)
        shown = [pack.weights[pack.indices(split)] for pack in packs]
        self._taught = np.concatenate(shown if performed is None else [*shown, performed])
        directions = np.arange(rig.identities)
        self._directions = directions[-HELD_OUT:] if split == "val" else directions[:-HELD_OUT]
        rest = rig.rest()
        self._rest, self._triangles = rest.vertices.astype(np.float64), rest.triangles

    def stream(self, count: int, seed: int, still: bool = False) -> Iterator[Rendered]:
        """`count` faces that `seed` alone decides: `Studio.each` of one person after the other.

        Args:
            count: how many.
            seed: where chance comes from.
            still: whether all faces of one person are in one pose, place and light.
        """
        rng = np.random.default_rng(seed)
        each = self._studio.each
        for number in range(count):
            if number % each == 0:
                person = self.person(rng, str(number // each))
                scene = int(rng.integers(2**62)) if still else 0
            yield self.draw(np.random.default_rng(scene) if still else rng, person, self.weights(rng))

    def person(self, rng: np.random.Generator, name: str) -> Person:
        """Somebody with the skin of a photo."""
        shape = np.zeros(self._rig.identities)
        shape[self._directions] = np.clip(rng.normal(size=len(self._directions)), -2, 2) * 0.7
        most = self._studio.bend
        bend = _bend(rng, self._rest, most * rng.uniform()) if most else np.zeros((1, 3))
        return Person(name, shape, bend, self._skins.draw(rng))

    def weights(self, rng: np.random.Generator) -> Array:
        """[52] nothing, one channel, a few, or what a photo shows and a few on top; sides alike in half of all."""
        weights = np.zeros(len(ARKIT), np.float32)
        kind = rng.random()
        if kind < NEUTRAL:
            return weights
        if kind > 0.65:
            weights += self._taught[rng.integers(len(self._taught))] * rng.uniform(0.3, 1.0)
        few = 1 if kind < 0.3 else int(rng.integers(1, self._studio.most + 1))
        chosen = rng.permutation(len(ARKIT) - 1)[:few]
        weights[chosen] = np.maximum(weights[chosen], rng.uniform(0.15, 1.0, few))
        if rng.random() < 0.5:
            weights = np.maximum(weights, weights[ARKIT.mirror])
        # Opposite ways cancel: what a face can't do at once is no expression.
        for one, other in _OPPOSITES:
            # Where the sides were made alike, a jaw was drawn to both: a coin says which way it goes.
            ahead = weights[one] - weights[other] or rng.uniform(-1, 1)
            weights[other if ahead > 0 else one] = 0
        # Lips close over a jaw that is open: alone, mouthClose would pull the chin's skin over the nose.
        weights[_JAW_OPEN] = max(weights[_JAW_OPEN], weights[_MOUTH_CLOSE])
        weights[_TONGUE_OUT] = 0
        return weights

    def draw(self, rng: np.random.Generator, person: Person, weights: Array) -> Rendered:
        """A face of random pose, lens and light, with the expression `weights` [52]."""
        turn = rng.normal(size=3) * self._studio.turn
        expression = Expression(weights, ARKIT)
        pose = Pose(rotation_from_angles(*turn), np.zeros(3))
        state = FaceState(expression, pose, gaze_from_looks(expression))
        shaped = self._rig.vertices(Identity(person.shape), state).astype(np.float64) + person.bend
        vertices = shaped @ pose.rotation.T
        distance, zoom = rng.uniform(*self._studio.distance), rng.uniform(*self._studio.zoom)
        centre = np.array([0.0, 0.025]) + rng.uniform(-0.006, 0.006, 2)
        depth = vertices[:, 2] + distance
        side = self._studio.side
        scale = side * zoom / 0.26 * distance / depth
        flat = (vertices[:, :2] - centre) * scale[:, None] + side / 2
        points = self._places.on(np.column_stack([flat, vertices[:, 2]]))
        points[:, 2] = (points[:, 2] + _DEPTH_OF_EYES) * side * zoom / 0.26
        placed = np.column_stack([flat, depth])
        normals = _normals(vertices, self._triangles)
        shade, shine = self._studio.lights[rng.integers(len(self._studio.lights))](rng, vertices, normals)
        picture = self._taken(rng, placed, person.colours * shade + shine)
        if rng.random() < self._studio.glasses:
            picture = glasses(rng, picture, points)
        return Rendered(person.name, picture, points, weights, placed)

    def _taken(self, rng: np.random.Generator, placed: Array, lit: Array) -> Array:
        """[H, H, 3] uint8 of vertices placed [V, 3] with colours [V, 3] under light, before a backdrop."""
        seen = rasterise(placed, self._triangles, self._studio.side, self._studio.side)
        shares, corners = seen.barycentric(), self._triangles[seen.triangle]
        # Corner by corner: a sum over both at once takes four times as long.
        shown = sum((shares[:, k, None] * lit[corners[:, k]] for k in range(3)), np.zeros((len(corners), 3)))
        # A camera exposes for the brighter parts of the face, more or less: of what it sees, not of hidden teeth.
        bright = float(np.percentile(shown.mean(1), 90))
        shown *= np.exp(rng.normal() * _EXPOSURE) * _BRIGHT / max(bright, 1.0)
        picture = self._backdrops.draw(rng).copy()
        picture.reshape(-1, 3)[seen.pixel] = shown
        return np.clip(picture, 0, 255).astype(np.uint8)


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


def _bend(rng: np.random.Generator, rest: Array, amount: float) -> Array:
    """[V, 3] metres that slow waves move the vertices [V, 3] of a rig at rest, mostly alike on both sides.

    A rig's identities are few directions; what a network takes for an expression should depend on none of them.
    """
    moved = np.zeros_like(rest)
    for _ in range(_WAVES):
        waves = 2 * np.pi / rng.uniform(*_WAVELENGTH, 3) * rng.choice([-1, 1], 3)
        along = np.sin(rest[:, 1] * waves[1] + rest[:, 2] * waves[2] + rng.uniform(0, 2 * np.pi))
        across = rest[:, 0] * waves[0]
        x, y, z = rng.normal(size=3) * amount
        moved += np.column_stack([x * np.sin(across) * along, y * np.cos(across) * along, z * np.cos(across) * along])
        moved += np.sin(across + rng.uniform(0, 2 * np.pi))[:, None] * along[:, None] * rng.normal(size=3) * amount / 4
    return moved


def _normals(vertices: Array, triangles: Array) -> Array:
    """[V, 3] unit normals, quicker than `vertex_normals` and good enough for light."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for axis in range(3):
        normals[:, axis] = sum(np.bincount(triangles[:, corner], faces[:, axis], len(vertices)) for corner in range(3))
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def write_pack(file: Path, parts: dict[str, Iterator[Rendered]], mirror: Array) -> None:
    """Writes rendered faces as a faces pack (docs/data.md).

    Args:
        file: ends in `.npz`.
        parts: faces of each split.
        mirror: [478] index map of a horizontal flip.
    """
    writer = PackWriter(mirror, rendered=True)
    for split, faces in parts.items():
        for face in faces:
            writer.add(LabelledFace(face.pixels, face.points, face.weights, f"{split}-{face.person}", split))
    writer.write(file)
