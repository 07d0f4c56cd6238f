"""How faces are shown in strips and reports: a square round each, of one size."""

from mien.core.arrays import Array
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.imaging.board import cut_square

SIDE = 360
"""Pixels of a face's picture."""

_AROUND = 1.5
"""Side of what it shows, in sides of the face's box."""


def cut_box(frame: Frame, box: Array) -> Array:
    """[SIDE, SIDE, 3] uint8 of a picture, round a face's box [4] x0, y0, x1, y1."""
    return cut_square(frame.pixels, box, _AROUND, SIDE)


def cut(frame: Frame, reading: FaceReading) -> Array:
    """[SIDE, SIDE, 3] uint8 of a picture, round where a face was read."""
    return cut_box(frame, reading.box)
