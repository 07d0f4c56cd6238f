"""Eyeballs: where they turn about, how gaze turns them, and what a file that knows only weights needs instead.

In a rig the gaze turns the eyeballs and the eyeLook weights move the lids; in morph targets the eyeLook ones move both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.core.face import Expression, Gaze
from mien.core.looks import gaze_from_looks

LOOKS: tuple[tuple[str, ...], ...] = tuple(
    tuple(f"eyeLook{way}{side}" for way in ("Down", "In", "Out", "Up")) for side in ("Left", "Right")
)
"""The ARKit columns that turn the left eye, and those that turn the right one."""


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """One eyeball of a face.

    Args:
        vertices: [E] indices of what turns.
        centre: [3] what it turns about, metres in the head's axes.
    """

    vertices: Array
    centre: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", frozen_array(self.vertices, "vertices", (None,), np.intp))
        object.__setattr__(self, "centre", frozen_array(self.centre, "centre", (3,)))

    @classmethod
    def of(cls, face: Array, vertices: Array) -> Self:
        """The eyeball that is `vertices` [E] of `face` [V, 3]: it turns about the sphere that fits them best."""
        centre, _ = fit_sphere(face[vertices])
        return cls(vertices, centre)


def fit_sphere(points: Array) -> tuple[Array, float]:
    """Centre [3] and radius of the sphere through points [N, 3], in least squares of squared distances.

    The mean of the points would be off: an eyeball has more of them where it is seen.

    Raises:
        ValueError: the points lie in a plane, or are fewer than four.
    """
    middle = points.mean(0)
    offsets = (points - middle).astype(np.float64)
    system = np.concatenate([2 * offsets, np.ones((len(offsets), 1))], axis=1)
    solution, _, rank, _ = np.linalg.lstsq(system, (offsets * offsets).sum(1), rcond=1e-9)
    if rank < 4:
        raise ValueError(f"{len(points)} points in a plane fit no one sphere")
    centre = solution[:3]
    return np.asarray(middle + centre), float(np.sqrt(solution[3] + centre @ centre))


def turn(vertices: Array, rest: Array, eyes: Sequence[Eye], gaze: Gaze) -> None:
    """Turns the eyeballs of `vertices`, in place, from where they are at rest.

    Args:
        vertices: [..., V, 3] float32, C-contiguous; only those of the eyes are written.
        rest: [V, 3] the same face at rest.
        eyes: the subject's left eye and the right one.
        gaze: with the leading axes of `vertices`.

    Raises:
        ValueError: the leading axes differ, or the array is not contiguous.
    """
    if gaze.rotation.shape[:-3] != vertices.shape[:-2] or not vertices.flags.c_contiguous:
        raise ValueError(f"{list(gaze.rotation.shape)} gaze does not turn {list(vertices.shape)} contiguous vertices")
    turns = gaze.rotation.reshape(-1, 2, 9).astype(np.float32)
    flat = vertices.reshape(len(turns), 3 * vertices.shape[-2])
    # Where a vertex goes is linear in the nine numbers of its eye's rotation: all frames and both eyes are one product,
    # for each product waits for the slowest core.
    numbers = np.concatenate([turns.reshape(len(turns), 18), np.ones((len(turns), 1), np.float32)], axis=1)
    moving = np.concatenate([eye.vertices for eye in eyes])
    parts = np.zeros((numbers.shape[1], len(moving), 3), np.float32)
    last = 0
    for side, eye in enumerate(eyes):
        first, last = last, last + len(eye.vertices)
        for axis in range(3):
            row = 9 * side + 3 * axis
            parts[row : row + 3, first:last, axis] = (rest[eye.vertices] - eye.centre).T
        parts[-1, first:last] = eye.centre
    for run in np.split(np.arange(len(moving)), np.flatnonzero(np.diff(moving) != 1) + 1):
        if len(run):
            start = 3 * int(moving[run[0]])
            np.matmul(numbers, parts[:, run].reshape(len(parts), -1), out=flat[:, start : start + 3 * len(run)])


def with_looks(targets: Array, drivers: Array, rest: Array, eyes: Sequence[Eye]) -> Array:
    """Morph targets in which the eyeLook ones turn the eyeballs, too: what a GLB or an OBJ needs, which knows no gaze.

    A weight of 1 puts the eyeball exactly where `FULL_LOOK` turns it; between, its vertices take the straight way.

    Args:
        targets: [K, V, 3] metres.
        drivers: [K] the column of ARKit that drives each.
        rest: [V, 3] the face at rest.
        eyes: the subject's left eye and the right one.
    """
    turned = np.array(targets, np.float32)
    for side, eye in enumerate(eyes):
        offsets = rest[eye.vertices] - eye.centre
        for column in ARKIT.indices(LOOKS[side]):
            rotation = gaze_from_looks(Expression(np.eye(len(ARKIT))[column], ARKIT)).rotation[side]
            for row in np.flatnonzero(drivers == column):
                turned[row, eye.vertices] += (offsets @ rotation.T - offsets).astype(np.float32)
    return turned
