"""One face of a user's picture: cut out with its surroundings, and looked at in four views.

Whoever looks, MediaPipe or mien's own networks, says slightly other things of a picture with a border and of its mirror
image. The mean of the views is steadier than any of them, and how far they lie apart tells what it is worth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.core.face import LANDMARKS
from mien.core.geometry import bounds, box_overlap
from mien.core.image import Frame
from mien.metrics import landmark_error

PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"))
"""Endings of the pictures that are read."""

ROOM = 2.4
"""Side of a portrait, in longer sides of the face's box: what the views of a training reach for."""

LONGEST = 400
"""Pixels along the longer side of the largest portrait."""

BORDER = 1 / 8
"""Share of the picture's width that two of the views have round them on every side."""

_SAME = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A cut from a picture.

    Args:
        pixels: [H, W, 3] uint8, at most 400 px wide and high.
        box: [4] where the face is in it, or None when that is unknown.
    """

    pixels: Array
    box: Array | None


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What is seen of a face in one view.

    Args:
        points: [478, 3] in pixels of the view; z in the same scale, negative towards the camera.
        weights: [52] ARKit's; 0 where nothing is said.
    """

    points: Array
    weights: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen_array(self.points, "points", (LANDMARKS, 3)))
        object.__setattr__(self, "weights", frozen_array(self.weights, "weights", (len(ARKIT),), np.float32))


Eye = Callable[[Array], Sequence[Look]]
"""Sees every face in RGB pixels [H, W, 3] uint8."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """The mean of several looks, and how far they lie from it on average, % of the inter-ocular distance."""

    look: Look
    spread: float


def portrait(frame: Frame, box: Array | None) -> Portrait:
    """The surroundings of the face in `box` [4] of a picture, reduced to 400 px; the whole picture without a box.

    The cut ends where the picture does.
    """
    ends = np.array([frame.width, frame.height])
    first, last = np.zeros(2, int), ends
    if box is not None:
        half = float((box[2:] - box[:2]).max()) * ROOM / 2
        middle = (box[:2] + box[2:]) / 2
        first = np.clip(np.floor(middle - half), 0, ends - 1).astype(int)
        last = np.clip(np.ceil(middle + half), first + 1, ends).astype(int)
    cut = np.ascontiguousarray(frame.pixels[first[1] : last[1], first[0] : last[0]])
    scale = min(LONGEST / (last - first).max(), 1.0)
    size = np.maximum(np.round((last - first) * scale), 1).astype(int)
    if scale < 1:
        cut = np.asarray(Image.fromarray(cut).resize(tuple(size.tolist()), Image.Resampling.BICUBIC, reducing_gap=3.0))
    if box is None:
        return Portrait(cut, None)
    return Portrait(cut, (box - np.tile(first, 2)) * np.tile(size / (last - first), 2))


def four_views(see: Eye, seen: Portrait, mirror: Array) -> Sighting | None:
    """The mean of what `see` says of a portrait as it is and with a border, both also mirrored.

    Args:
        see: who looks.
        seen: the portrait.
        mirror: [478] index map of a horizontal flip.

    Returns:
        None when a view does not show the portrait's face; where that is unknown, the largest of the first view.
    """
    box = seen.box
    looks: list[Look] = []
    for border in (0.0, BORDER):
        for flipped in (False, True):
            faces = _view(see, seen.pixels, mirror, border, flipped)
            if box is None and faces:
                box = max((bounds(face.points) for face in faces), key=lambda each: float((each[2:] - each[:2]).max()))
            if box is None or not faces:
                return None
            overlap = box_overlap(box, np.array([bounds(face.points) for face in faces]))
            if overlap.max() < _SAME:
                return None
            looks.append(faces[int(overlap.argmax())])
    points = np.array([look.points for look in looks])
    mean = Look(points.mean(0), np.mean([look.weights for look in looks], 0))
    return Sighting(mean, float(landmark_error(points, mean.points).mean()))


def _view(see: Eye, pixels: Array, mirror: Array, share: float, flipped: bool) -> list[Look]:
    """The faces seen in one view, as if they had been seen in `pixels`."""
    border = round(share * pixels.shape[1])
    view = np.pad(pixels, ((border, border), (border, border), (0, 0)))
    looks = []
    for look in see(np.ascontiguousarray(view[:, ::-1] if flipped else view)):
        points, weights = look.points.copy(), look.weights
        if flipped:
            points[:, 0] = view.shape[1] - points[:, 0]
            points, weights = points[mirror], weights[ARKIT.mirror]
        looks.append(Look(points - [border, border, 0], weights))
    return looks
