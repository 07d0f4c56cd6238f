"""The views that following has of a face: its own square, off by as much as the last frame's landmarks put it off."""

import numpy as np

from mien.core.arrays import Array
from mien.core.geometry import compose_affine, square_to_frame
from mien.data.augment import FOLLOWING
from mien.detect.landmarks import SIDE
from mien.imaging.warp import face_square


def following_square(points: Array, rng: np.random.Generator) -> Array:
    """The map [2, 3] to the picture from a cut of `SIDE` px round landmarks [478, 3], with the jitter of following."""
    turn, zoom, across, down = rng.normal(0, [FOLLOWING.turn, FOLLOWING.zoom, FOLLOWING.shift, FOLLOWING.shift])
    centre = SIDE / 2 + SIDE * np.array([across, down])
    wander = square_to_frame(centre, SIDE * float(np.exp(zoom)), float(turn), SIDE)
    return compose_affine(face_square(points, SIDE), wander)
