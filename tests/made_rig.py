"""A small rig made by code: a mask with two eyeballs, a handful of ARKit channels and two identity directions."""

from functools import cache

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, Basis
from mien.core.face import Expression, FaceState, Gaze, Identity, Pose
from mien.core.geometry import Mesh
from mien.rig.model import Rig, vertex_normals

STEPS = 24
"""Vertices along a side of the mask."""

RINGS, SECTORS = 6, 12
EYES = ((0.032, 0.0, -0.001), (-0.032, 0.0, -0.001))
"""Centres of the left and the right eyeball: the subject's left lies at positive x."""

EYE_RADIUS = 0.012
CHANNELS = ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp")


class MadeRig(Rig):
    """A mask with two eyeballs that stand out of it; `channels` names its six motions in the words of `basis`."""

    def __init__(self, name: str = "made", basis: Basis = ARKIT, channels: tuple[str, ...] = CHANNELS) -> None:
        self.name = name
        self.basis = basis
        self.absent = tuple(column for column in basis.columns if column not in channels)
        self.identities = 2
        self.channels = channels

    def rest(self, identity: Identity = Identity()) -> Mesh:
        vertices = self._resting(identity)
        triangles, uv = _topology()
        colours = np.full((len(vertices), 3), (0.8, 0.62, 0.53))
        colours[STEPS * STEPS :] = (0.95, 0.95, 0.95)
        return Mesh(
            vertices, triangles, uv, None, vertex_normals(vertices, triangles), colours, _motions(), self.channels
        )

    def vertices(self, identity: Identity, state: FaceState) -> Array:
        if state.expression.basis != self.basis:
            raise ValueError(f"the made rig is driven by {self.basis.name}, got {state.expression.basis.name}")
        weights = state.expression.weights[..., self.basis.indices(self.channels)]
        moved = self._resting(identity) + np.tensordot(weights, _motions(), 1)
        for eye, centre in enumerate(EYES):
            ball = _eye_vertices(eye)
            turned = (moved[..., ball, :] - centre) @ np.swapaxes(state.gaze.rotation[..., eye, :, :], -1, -2)
            moved[..., ball, :] = turned + centre
        return np.asarray(moved, np.float32)

    def _resting(self, identity: Identity) -> Array:
        if len(identity.shape) > self.identities:
            raise ValueError(f"the made rig has {self.identities} identity directions, got {len(identity.shape)}")
        wide, high = (*identity.shape.tolist(), 0.0, 0.0)[:2]
        vertices = _mean().copy()
        vertices[: STEPS * STEPS] *= [1 + 0.1 * wide, 1 + 0.1 * high, 1]
        return vertices


def _eye_vertices(eye: int) -> slice:
    count = RINGS * SECTORS
    return slice(STEPS * STEPS + eye * count, STEPS * STEPS + (eye + 1) * count)


@cache
def _mean() -> Array:
    """[V, 3] a mask that bulges towards the viewer, then the caps of the two eyeballs that look at the viewer."""
    x, y = np.meshgrid(np.linspace(-0.08, 0.08, STEPS), np.linspace(-0.08, 0.12, STEPS))
    z = 4 * x**2 + 2 * (y - 0.02) ** 2 - 0.005
    parts = [np.stack([x, y, z], axis=-1).reshape(-1, 3)]
    tilt, round_it = np.meshgrid(
        np.linspace(0.05, 1.4, RINGS), np.linspace(0, 2 * np.pi, SECTORS, endpoint=False), indexing="ij"
    )
    cap = np.stack([np.sin(tilt) * np.cos(round_it), np.sin(tilt) * np.sin(round_it), -np.cos(tilt)], axis=-1)
    parts += [EYE_RADIUS * cap.reshape(-1, 3) + centre for centre in EYES]
    return np.concatenate(parts)


@cache
def _topology() -> tuple[Array, Array]:
    """Triangles [M, 3], counter-clockwise seen from the viewer, and uv [V, 2]."""
    corner = (np.arange(STEPS - 1)[:, None] * STEPS + np.arange(STEPS - 1)).ravel()
    right, below, across = corner + 1, corner + STEPS, corner + STEPS + 1
    parts = [np.stack([corner, below, right], 1), np.stack([right, below, across], 1)]
    for eye in range(2):
        start = _eye_vertices(eye).start
        for ring in range(RINGS - 1):
            here = start + ring * SECTORS + np.arange(SECTORS)
            turned = start + ring * SECTORS + (np.arange(SECTORS) + 1) % SECTORS
            parts += [
                np.stack([here, turned, here + SECTORS], 1),
                np.stack([turned, turned + SECTORS, here + SECTORS], 1),
            ]
    mean = _mean()
    uv = np.column_stack([(mean[:, 0] + 0.08) / 0.16, (0.12 - mean[:, 1]) / 0.2])
    return np.concatenate(parts).astype(np.int32), uv


@cache
def _motions() -> Array:
    """[6, V, 3] metres, one for each of `CHANNELS`; the eyeballs stay."""
    mean = _mean()

    def near(x: float, y: float, width: float) -> Array:
        return np.exp(-(((mean[:, 0] - x) / width) ** 2) - ((mean[:, 1] - y) / width) ** 2)

    motions = np.zeros((len(CHANNELS), len(mean), 3))
    motions[0, :, 1], motions[1, :, 1] = 0.006 * near(0.032, -0.006, 0.01), 0.006 * near(-0.032, -0.006, 0.01)
    motions[2, :, 1] = 0.03 * np.clip((mean[:, 1] - 0.06) / 0.03, 0, 1)
    for channel, side in ((3, 1.0), (4, -1.0)):
        motions[channel] = near(0.025 * side, 0.065, 0.02)[:, None] * [0.006 * side, -0.006, 0.001]
    motions[5, :, 1] = -0.008 * near(0.0, -0.03, 0.02)
    motions[:, STEPS * STEPS :] = 0
    return motions


def made_state(weights: list[dict[str, float]], basis: Basis = ARKIT) -> FaceState:
    """[len(weights)] moments with these weights, the head straight, the eyes ahead."""
    rows = np.zeros((len(weights), len(basis)))
    for row, named in zip(rows, weights, strict=True):
        row[basis.indices(list(named))] = list(named.values())
    count = len(weights)
    return FaceState(
        Expression(rows, basis),
        Pose(np.broadcast_to(np.eye(3), (count, 3, 3)), np.zeros((count, 3))),
        Gaze(np.broadcast_to(np.eye(3), (count, 2, 3, 3))),
    )
