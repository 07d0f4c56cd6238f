"""What the tables of OpenFace and py-feat have in common: units without sides, gaze as directions, 68 points.

Both score an action unit once for the whole face, where `FACS` keeps its sides apart.
"""

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import FACS
from mien.core.face import Expression, Gaze
from mien.core.points import SPARSE_68
from mien.formats.columns import turned

BLINK = "AU45"
"""A blink: what OpenFace calls the unit that `FACS` has as AU43, eyes closed; they differ in how long they last."""


def columns_of(unit: str) -> tuple[int, ...]:
    """Places among the columns of `FACS` of a unit like `"AU12"`: both its sides, or the one column it has.

    Raises:
        KeyError: `FACS` has no such unit.
    """
    name = "AU43" if unit == BLINK else unit
    return (FACS.index(name),) if name in FACS.columns else (FACS.index(name + "L"), FACS.index(name + "R"))


def is_unit(name: str) -> bool:
    """Whether `FACS` has this unit."""
    try:
        return bool(columns_of(name))
    except KeyError:
        return False


def unsaid(units: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of `FACS` that a table with these units has no place for."""
    said = {place for unit in units for place in columns_of(unit)}
    return tuple(column for place, column in enumerate(FACS.columns) if place not in said)


def stronger(expression: Expression, units: tuple[str, ...]) -> Array:
    """Intensities [T, len(units)] of units over `FACS`: of two sides the stronger, as a coder scores what is there."""
    weights = expression.weights.astype(np.float64)
    return np.stack([weights[:, columns_of(unit)].max(1) for unit in units], axis=1)


def both_sides(scores: Array, units: tuple[str, ...]) -> Expression:
    """Intensities [T, len(units)] as an expression over `FACS`: both sides the same, units that are not given 0."""
    weights = np.zeros((len(scores), len(FACS)))
    for k, unit in enumerate(units):
        weights[:, columns_of(unit)] = scores[:, [k]]
    return Expression(weights, FACS)


def gaze_directions(head: Array, gaze: Gaze) -> Array:
    """[T, 2, 3] unit vectors along which the left and the right eye look, in the camera's axes.

    Args:
        head: [T, 3, 3] rotations of the head in the camera.
        gaze: of the eyes in the head.
    """
    return -(head[:, None] @ gaze.rotation)[..., 2]


def gaze_along(head: Array, directions: Array) -> Gaze:
    """The gaze [T] of eyes that look along vectors [T, 2, 3] of the camera's axes: the way back, without roll.

    A vector of length 0 leaves the eye straight in the head.
    """
    inside = np.einsum("tji,tej->tei", head, directions)
    length = np.linalg.norm(inside, axis=-1)
    inside = np.where((length > 0)[..., None], inside, [0.0, 0.0, -1.0])
    x, y, z = np.moveaxis(inside, -1, 0)
    pitch, yaw = np.arctan2(y, np.hypot(x, z)), np.arctan2(-x, -z)
    angles = np.stack([pitch, yaw, np.zeros_like(yaw)], axis=-1)
    return Gaze(np.stack([turned(angles[:, eye]) for eye in (0, 1)], axis=1))


def sparse_points(landmarks: Array) -> Array:
    """[T, 68, 3] of landmarks [T, 478, 3]."""
    return np.asarray(landmarks[:, list(SPARSE_68)], np.float64)
