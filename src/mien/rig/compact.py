"""The compact rig: the 478 landmarks themselves, moved by ARKit's weights; small, quick, and in the package.

What was learned lies in `CompactModel`; `CompactRig` adds what a picture needs: whites and irises behind the eyes'
openings, and the dark of a mouth. The first 478 vertices are the landmarks, in their own order.
"""

import io
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.core.errors import ModelError
from mien.core.face import LANDMARKS, FaceState, Identity
from mien.core.geometry import Mesh
from mien.core.points import EYE_LEFT, EYE_RIGHT, INNER_LIPS, IRISES_LEFT, IRISES_RIGHT, OUTER_LIPS
from mien.rig.blend import Blend
from mien.rig.eyes import Eye, turn, with_looks
from mien.rig.model import Rig, vertex_normals
from mien.rig.places import Places
from mien.weights.catalog import card
from mien.weights.store import read_weights

EYEBALL = 0.012
"""Metres from the centre of the eye to its iris."""

TURNS = 5
"""How many directions tell what landmarks do when a head turns: yaw, pitch, their squares and their product."""

_ABSENT = ("tongueOut",)
MOVED = tuple(column for column in ARKIT.columns if column not in _ABSENT)
"""The 51 columns that the rig has a direction for, in the order of the basis."""


@dataclass(frozen=True, slots=True, eq=False)
class CompactModel:
    """What was learned of faces, in the head's axes and metres.

    Args:
        mean: [478, 3] the face at rest.
        identities: [S, 478, 3] offsets for one standard deviation of each identity direction.
        expressions: [51, 478, 3] offsets for a weight of 1, in the order of `MOVED`.
        turns: [5, 478, 3] what a landmark reader sees move when a head turns although nothing does, per unit of
            `turn_features`: a fault of reading that a fit must know and a rendered face must not have.
        triangles: [M, 3] of the points, without eyes and mouth.
        ict: where the points lie on the ICT rig.
    """

    mean: Array
    identities: Array
    expressions: Array
    turns: Array
    triangles: Array
    ict: Places

    def __post_init__(self) -> None:
        shapes: tuple[tuple[str, tuple[int | None, ...]], ...] = (
            ("mean", (LANDMARKS, 3)),
            ("identities", (None, LANDMARKS, 3)),
            ("expressions", (len(MOVED), LANDMARKS, 3)),
            ("turns", (TURNS, LANDMARKS, 3)),
        )
        for name, shape in shapes:
            object.__setattr__(self, name, frozen_array(getattr(self, name), name, shape, np.float32))
        triangles = frozen_array(self.triangles, "triangles", (None, 3), np.int32)
        object.__setattr__(self, "triangles", triangles)

    def members(self) -> dict[str, Array]:
        """The arrays by the names of the file, offsets in half precision: finer than a hundredth of a millimetre."""
        return {
            "mean": self.mean,
            "identities": self.identities.astype(np.float16),
            "expressions": self.expressions.astype(np.float16),
            "turns": self.turns.astype(np.float16),
            "triangles": self.triangles.astype(np.int16),
            "ict_corners": self.ict.corners,
            "ict_shares": self.ict.shares.astype(np.float32),
        }

    @classmethod
    def of_members(cls, members: dict[str, Array]) -> Self:
        """The model in the arrays of a file. Raises `KeyError` or `ValueError` for others."""
        plain = {name: members[name] for name in ("mean", "identities", "expressions", "turns", "triangles")}
        return cls(**plain, ict=Places(members["ict_corners"], members["ict_shares"]))


@cache
def compact_model() -> CompactModel:
    """The model that ships with the package. Raises `ModelError` when its file was changed."""
    about = card("compact-rig")
    with np.load(io.BytesIO(read_weights(about)), allow_pickle=False) as archive:
        try:
            return CompactModel.of_members({name: archive[name] for name in archive.files})
        except (KeyError, ValueError) as error:
            raise ModelError(about.file, "E_MODEL", f"is no compact rig: {error}", "reinstall mien") from error


def turn_features(rotation: Array) -> Array:
    """[..., 5] how a head of `rotation` [..., 3, 3] is turned: yaw, pitch (as sines), squares, and their product."""
    yaw, pitch = rotation[..., 2, 0], rotation[..., 2, 1]
    return np.stack([yaw, pitch, yaw * yaw, pitch * pitch, yaw * pitch], axis=-1)


class CompactRig(Rig):
    """Our own rig. Its identity weights are in standard deviations.

    Args:
        model: what was learned.
    """

    name = "compact"
    basis = ARKIT
    absent = _ABSENT

    def __init__(self, model: CompactModel) -> None:
        self.model = model
        self.identities = len(model.identities)
        self._backing = _Backing.of(model.mean)
        mixing = self._backing.mixing
        self._irises = tuple(
            np.concatenate([np.array(ring), self._backing.irises[k]]) for k, ring in enumerate(_IRISES)
        )
        self._blend = Blend(
            mixing @ model.mean + self._backing.push,
            mixing @ model.identities,
            mixing @ model.expressions,
            ARKIT.indices(MOVED),
            np.concatenate(self._irises),
        )
        self._triangles = np.concatenate([model.triangles, self._backing.triangles])
        self._uv = mixing @ _flat(model.mean)
        self._colours = self._backing.colours

    @classmethod
    def shipped(cls) -> Self:
        """The rig of the package. Raises `ModelError` when its file was changed."""
        return cls(compact_model())

    def rest(self, identity: Identity = Identity()) -> Mesh:
        """The face at rest; see `Rig.rest`. The first 478 vertices are the landmarks."""
        vertices = self._blend.rest(identity.shape)
        targets = self._without_irises(self._blend.targets)
        return Mesh(
            vertices,
            self._triangles,
            self._uv,
            normals=vertex_normals(vertices, self._triangles),
            colours=self._colours,
            morph_targets=with_looks(targets, self._blend.drivers, vertices, self._eyes(vertices)),
            morph_names=MOVED,
        )

    def vertices(self, identity: Identity, state: FaceState) -> Array:
        """Vertices [..., V, 3] float32; see `Rig.vertices`. The gaze turns the irises, weights move the lids."""
        if state.expression.basis != ARKIT:
            raise ValueError(f"the compact rig is driven by arkit weights, got {state.expression.basis.name}")
        rest = self._blend.rest(identity.shape)
        moved = self._blend.moved(rest, state.expression.weights)
        turn(moved, rest, self._eyes(rest), state.gaze)
        return moved

    def _eyes(self, rest: Array) -> tuple[Eye, Eye]:
        left, right = (Eye(irises, rest[irises[0]] + [0.0, 0.0, EYEBALL]) for irises in self._irises)
        return left, right

    def _without_irises(self, targets: Array) -> Array:
        """Targets in which the irises move by their eyes' turning alone."""
        still = np.array(targets)
        still[:, np.concatenate(self._irises)] = 0
        return still


_IRISES = (IRISES_LEFT, IRISES_RIGHT)
_SKIN, _LIPS, _WHITE, _IRIS, _PUPIL, _MOUTH = (
    *((0.80, 0.61, 0.52), (0.70, 0.40, 0.38), (0.94, 0.93, 0.91)),
    *((0.30, 0.22, 0.15), (0.02, 0.02, 0.02), (0.25, 0.08, 0.08)),
)
_BEHIND_LIDS, _WHITES, _IRISES_BACK, _BEHIND_LIPS, _BOWL = 0.0065, 0.0060, 0.0045, 0.004, 0.018
"""Metres: how far the whites lie behind the lids and behind their middle, the irises behind their landmarks (or they
would stand out of narrow lids), the mouth's rim behind the lips, and its middle behind that."""
_ANGLES = tuple(np.arange(16) * np.pi / 8)
_PUPIL_REACH = 0.42
"""Radius of the pupil in that of the iris."""


def _forward(ring: Array) -> bool:
    """Whether a ring [N, 3] goes round counter-clockwise as the viewer sees it, y down."""
    x, y = ring[:, 0], ring[:, 1]
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) < 0


def _within(points: Array, ring: Array) -> Array:
    """[N] bool: which points [N, 2] a ring [R, 2] goes round: the angles under which they see it add up to a turn."""
    arms = ring - points[:, None]
    after = np.roll(arms, -1, axis=1)
    cross = arms[..., 0] * after[..., 1] - arms[..., 1] * after[..., 0]
    return np.asarray(np.abs(np.arctan2(cross, (arms * after).sum(2)).sum(1)) > np.pi / 2)


def _one(point: int) -> Array:
    return np.asarray(np.eye(LANDMARKS, dtype=np.float32)[point])


def _middle(points: tuple[int, ...]) -> Array:
    row = np.zeros(LANDMARKS, np.float32)
    row[list(points)] = 1 / len(points)
    return row


def _round(iris: tuple[int, ...], angle: float, reach: float) -> Array:
    """A place in the iris at an angle, as a sum of its middle and its four border points."""
    middle, *border = iris
    quarter, rest = divmod(angle, np.pi / 2)
    row = np.zeros(LANDMARKS, np.float32)
    row[border[int(quarter) % 4]] += reach * np.cos(rest)
    row[border[(int(quarter) + 1) % 4]] += reach * np.sin(rest)
    row[middle] += 1 - row.sum()
    return row


@dataclass(frozen=True, slots=True, eq=False)
class _Backing:
    """What shows through the holes of the skin.

    Args:
        mixing: [V, 478] each vertex as a sum of landmarks: the landmarks themselves, then what backs them.
        push: [V, 3] metres that each is moved from there.
        triangles: [M, 3] of whites, irises and mouth.
        irises: the backing vertices that turn with the left eye, and with the right one; the pupil first.
        colours: [V, 3].
    """

    mixing: Array
    push: Array
    triangles: Array
    irises: tuple[Array, Array]
    colours: Array

    @classmethod
    def of(cls, mean: Array) -> Self:
        """The backing of a face with landmarks `mean` [478, 3]."""
        rows, push = [*np.eye(LANDMARKS, dtype=np.float32)], [np.zeros(3)] * LANDMARKS
        colours = [np.array(_SKIN)] * LANDMARKS
        triangles: list[tuple[int, ...]] = []
        for k in np.flatnonzero(_within(mean[:, :2], mean[list(OUTER_LIPS), :2])):
            colours[k] = np.array(_LIPS)

        def add(row: Array, back: float, colour: tuple[float, float, float]) -> int:
            """One vertex as a sum of landmarks, moved back; its number."""
            rows.append(row)
            push.append(np.array([0.0, 0.0, back]))
            colours.append(np.array(colour))
            return len(rows) - 1

        def fan(middle: int, ring: list[int], forward: bool = True) -> None:
            """Triangles from a middle to a ring that goes round it counter-clockwise (or clockwise) for the viewer."""
            for one, other in zip(ring, ring[1:] + ring[:1], strict=True):
                triangles.append((middle, one, other) if forward else (middle, other, one))

        def band(inside: list[int], outside: list[int], forward: bool) -> None:
            """Triangles between two rings."""
            for k in range(len(inside)):
                after = (k + 1) % len(inside)
                halves = (inside[k], outside[k], outside[after]), (inside[k], outside[after], inside[after])
                triangles.extend(corners if forward else corners[::-1] for corners in halves)

        irises = []
        for lids, iris in ((EYE_LEFT, IRISES_LEFT), (EYE_RIGHT, IRISES_RIGHT)):
            white = [add(_one(point), _BEHIND_LIDS, _WHITE) for point in lids]
            forward = _forward(mean[list(lids)])
            fan(add(_middle(lids), _WHITES, _WHITE), white, forward)
            band(white, list(lids), forward)
            first = len(rows)
            middle = add(_one(iris[0]), _IRISES_BACK, _PUPIL)
            inner, rim, outer = (
                [add(_round(iris, angle, reach), _IRISES_BACK, colour) for angle in _ANGLES]
                for reach, colour in ((_PUPIL_REACH, _PUPIL), (_PUPIL_REACH * 1.15, _IRIS), (1.0, _IRIS))
            )
            forward = _forward(mean[list(iris[1:])])
            fan(middle, inner, forward)
            band(inner, rim, forward)
            band(rim, outer, forward)
            irises.append(np.arange(first, len(rows)))
        bowl, forward = (
            [add(_one(point), _BEHIND_LIPS, _MOUTH) for point in INNER_LIPS],
            _forward(mean[list(INNER_LIPS)]),
        )
        fan(add(_middle(INNER_LIPS), _BEHIND_LIPS + _BOWL, _MOUTH), bowl, forward)
        band(bowl, list(INNER_LIPS), forward)
        left, right = irises
        return cls(np.array(rows), np.array(push, np.float32), np.array(triangles), (left, right), np.array(colours))


def _flat(points: Array) -> Array:
    """[478, 2] texture coordinates: the front view, with a margin, v upwards."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    side = float((high - low).max()) * 1.04
    across = (points[:, :2] - (low + high) / 2) / side + 0.5
    return np.column_stack([across[:, 0], 1 - across[:, 1]])
