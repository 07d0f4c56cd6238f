"""The ICT rig: a whole head with teeth, eyes and lashes, moved by ARKit's blendshapes.

The model is the light version of H. Li et al., "Learning Formation of Physically-Based Face Attributes", CVPR 2020.
"""

from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import FaceState, Identity
from mien.core.geometry import Mesh
from mien.formats.files import StrPath
from mien.rig.blend import Blend
from mien.rig.eyes import Eye, turn, with_looks
from mien.rig.ict_files import DRIVERS, REMEDY, IctModel, read_ict
from mien.rig.model import Rig, vertex_normals

_TO_METRES = np.array([0.01, -0.01, -0.01], np.float32)
"""From cm with y up and z towards the viewer: half a turn about x, so that what was outside stays outside."""

_SKIN = (0.80, 0.61, 0.52)
_COLOURS = {
    "mouth_socket": (0.42, 0.15, 0.15),
    "eye_sockets": (0.70, 0.47, 0.42),
    "gums_tongue": (0.70, 0.34, 0.34),
    "teeth": (0.92, 0.89, 0.81),
    "eyeball_left": (0.94, 0.93, 0.91),
    "eyeball_right": (0.94, 0.93, 0.91),
    "lashes": (0.10, 0.07, 0.05),
}
_IRIS = ((0.52, (0.30, 0.22, 0.15)), (0.20, (0.02, 0.02, 0.02)))
"""Iris and pupil: how far they reach from the front of the eyeball, in its radii, and what they look like."""


_LASH = 0.2
"""How much of the lashes is shown, cm from the lid: they are cards for a texture that is mostly holes."""


class IctRig(Rig):
    """ICT Face Model Light: 26,719 vertices, 51 of ARKit's columns.

    Attributes:
        landmarks68: [68] the vertices that stand for the points of iBUG's mark-up.
        model: the arrays that it was made of, as published.
    """

    name = "ict"
    basis = ARKIT
    absent = ("tongueOut",)

    def __init__(self, model: IctModel) -> None:
        self.model = model
        self.landmarks68 = model.landmarks68
        self.identities = len(model.identities)
        spans = {region.name: np.arange(region.start, region.stop) for region in model.regions}
        self._eyes = spans["eyeball_left"], spans["eyeball_right"]
        mean = model.neutral * _TO_METRES
        self._blend = Blend(
            mean - self._between_eyes(mean),
            model.identities * _TO_METRES,
            model.expressions * _TO_METRES,
            np.array(list(DRIVERS.values())),
            np.concatenate(self._eyes),
        )
        self._triangles, self._uv_triangles = self._visible_triangles()
        self._colours = frozen_array(self._paint(), "colours", (len(mean), 3))

    @classmethod
    def load(cls, path: StrPath) -> Self:
        """The rig in the file that `mien rigs import ict` makes, or in the folder that its project publishes.

        Raises:
            InputError: not such a file; says what is wrong.
        """
        model = read_ict(path)
        try:
            return cls(model)
        except ValueError as error:
            raise InputError(path, "E_FORMAT", f"not an ICT rig: {error}", REMEDY) from None

    def rest(self, identity: Identity = Identity()) -> Mesh:
        """The face at rest; see `Rig.rest`. Its eyeLook morph targets turn the eyeballs, too."""
        vertices = self._resting(identity)
        targets = with_looks(self._blend.targets, self._blend.drivers, vertices, self._eyes_of(vertices))
        return Mesh(
            vertices,
            self._triangles,
            self.model.uv,
            self._uv_triangles,
            vertex_normals(vertices, self._triangles),
            self._colours,
            targets,
            tuple(ARKIT.columns[k] for k in self._blend.drivers),
        )

    def vertices(self, identity: Identity, state: FaceState) -> Array:
        """Vertices [..., 26719, 3] float32; see `Rig.vertices`. The gaze turns the eyeballs, weights move the lids."""
        if state.expression.basis != ARKIT:
            raise ValueError(f"the ict rig is driven by arkit weights, got {state.expression.basis.name}")
        rest = self._resting(identity)
        moved = self._blend.moved(rest, state.expression.weights, still_unwritten=True)
        turn(moved, rest, self._eyes_of(rest), state.gaze)
        return moved

    def _resting(self, identity: Identity) -> Array:
        vertices = self._blend.rest(identity.shape)
        return vertices - self._between_eyes(vertices) if len(identity.shape) else vertices

    def _eyes_of(self, vertices: Array) -> tuple[Eye, Eye]:
        left, right = self._eyes
        return Eye.of(vertices, left), Eye.of(vertices, right)

    def _between_eyes(self, vertices: Array) -> Array:
        left, right = self._eyes_of(vertices)
        return np.asarray((left.centre + right.centre) / 2, np.float32)

    def _visible_triangles(self) -> tuple[Array, Array]:
        """[M, 3] rows of vertices and of uv: quads cut along the shorter diagonal, what lies in no region left out.

        Those are films over the eyes, made for glass: opaque, they would hide them.
        """
        model = self.model
        visible = np.zeros(len(model.neutral), bool)
        for region in model.regions:
            visible[region.start : region.stop] = True
            if region.name == "lashes":
                lashes = model.neutral[region.start : region.stop]
                visible[region.start : region.stop] = _distances(lashes, model.neutral[: region.start]) < _LASH
        shown = visible[model.quads].all(1)
        quads, quads_uv = model.quads[shown], model.quads_uv[shown]
        a, b, c, d = (model.neutral[quads[:, k]] for k in range(4))
        other = np.linalg.norm(b - d, axis=1) < np.linalg.norm(a - c, axis=1)
        # A triangle has its last corner twice: cut along its first diagonal, the second half is no surface.
        other &= quads[:, 2] != quads[:, 3]
        first = np.where(other[:, None], [0, 1, 3], [0, 1, 2])
        second = np.where(other[:, None], [1, 2, 3], [0, 2, 3])
        whole = quads[:, 2] != quads[:, 3]
        halves = []
        for rows in (quads, quads_uv):
            cut = [np.take_along_axis(rows, first, 1), np.take_along_axis(rows, second, 1)[whole]]
            halves.append(np.concatenate(cut).astype(np.int32))
        triangles, uv_triangles = halves
        return (
            frozen_array(triangles, "triangles", (None, 3), np.int32),
            frozen_array(uv_triangles, "uv_triangles", (None, 3), np.int32),
        )

    def _paint(self) -> Array:
        """Colours [V, 3] for a face without texture."""
        mean = self._blend.mean
        colours = np.full((len(mean), 3), _SKIN)
        for region in self.model.regions:
            colours[region.start : region.stop] = _COLOURS.get(region.name, _SKIN)
        for eye in self._eyes_of(mean):
            ball = mean[eye.vertices] - eye.centre
            directions = ball / np.linalg.norm(ball, axis=1, keepdims=True)
            from_front = np.linalg.norm(directions - [0.0, 0.0, -1.0], axis=1)
            for reach, colour in _IRIS:
                colours[eye.vertices[from_front < reach]] = colour
        return colours


def _distances(points: Array, others: Array) -> Array:
    """[N] how far each of `points` [N, 3] is from the nearest of `others` [M, 3], which lie round them."""
    reach = 2 * _LASH
    beside = others[((others > points.min(0) - reach) & (others < points.max(0) + reach)).all(1)]
    nearest = np.full(len(points), np.inf)
    for point in beside:
        np.minimum(nearest, np.linalg.norm(points - point, axis=1), out=nearest)
    return nearest
