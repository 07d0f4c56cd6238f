"""What is behind and before a rendered face: rooms or plain slopes, and glasses."""

import numpy as np
from PIL import Image, ImageDraw

from mien.core.arrays import Array
from mien.data.packs import ScenesPack

_EYES = ((33, 133), (263, 362))
"""Outer and inner corner of each eye."""
_TEMPLES = (127, 356)


class Backdrops:
    """Pictures to stand before.

    Args:
        scenes: whole pictures; windows without faces of those that hold none are taken. None: slopes only.
        split: which of them.
        side: pixels along a backdrop's side.
    """

    def __init__(self, scenes: ScenesPack | None, split: str, side: int) -> None:
        self._side = side
        empty = [] if scenes is None else [i for i in scenes.indices(split) if len(scenes.boxes[i]) == 0]
        self._rooms = [] if scenes is None else [scenes.pictures.open(index) for index in empty]

    def draw(self, rng: np.random.Generator) -> Array:
        """[side, side, 3] of 0 to 255."""
        if not self._rooms or rng.random() < 0.4:
            return self._slope(rng)
        room = self._rooms[rng.integers(len(self._rooms))]
        window = int(rng.uniform(0.4, 1) * min(room.size))
        x, y = int(rng.integers(room.width - window + 1)), int(rng.integers(room.height - window + 1))
        seen = room.crop((x, y, x + window, y + window)).resize((self._side, self._side), Image.Resampling.BILINEAR)
        return np.asarray(seen, np.float64)

    def _slope(self, rng: np.random.Generator) -> Array:
        """A slope between two colours, with grain."""
        one, other = rng.uniform(0, 255, (2, 3))
        angle = rng.uniform(0, 2 * np.pi)
        axis = np.linspace(-0.5, 0.5, self._side)
        along = np.clip(np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None] + 0.5, 0, 1)[..., None]
        grain = rng.normal(size=(self._side, self._side, 1)) * rng.uniform(0, 25)
        return np.asarray(np.clip(one + (other - one) * along + grain, 0, 255))


def glasses(rng: np.random.Generator, picture: Array, points: Array) -> Array:
    """A picture [H, W, 3] uint8 with glasses before the eyes of the face with `points` [478, 2 or 3]."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image, "RGBA")
    unit = float(np.linalg.norm(points[33, :2] - points[263, :2]))
    colour = (*(int(c) for c in rng.uniform(0, 130, 3)), 255)
    tint = (*(int(c) for c in rng.uniform(0, 255, 3)), int(rng.uniform(0, 60)))
    thick = max(int(unit * rng.uniform(0.015, 0.06)), 1)
    corners, sides = rng.uniform(2, 6), []
    for outer, inner in _EYES:
        across = (points[inner, :2] - points[outer, :2]) * rng.uniform(0.75, 0.85)
        down = np.array([-across[1], across[0]]) * np.sign(across[0] or 1) * rng.uniform(0.75, 0.95)
        middle = (points[outer, :2] + points[inner, :2]) / 2 + 0.1 * down
        angle = np.linspace(0, 2 * np.pi, 40)
        cos, sin = np.cos(angle), np.sin(angle)
        # A superellipse: round glasses at 2, square ones at 6.
        rim = middle + np.sign(cos)[:, None] * np.abs(cos)[:, None] ** (2 / corners) * across
        rim += np.sign(sin)[:, None] * np.abs(sin)[:, None] ** (2 / corners) * down
        outline = [(float(x), float(y)) for x, y in rim]
        draw.polygon(outline, fill=tint)
        draw.line(outline, fill=colour, width=thick, joint="curve")
        sides.append((middle - across, middle + across))
    for side, temple in zip(sides, _TEMPLES, strict=True):
        draw.line([*map(tuple, (side[0], points[temple, :2]))], fill=colour, width=thick)
    draw.line([tuple(sides[0][1]), tuple(sides[1][1])], fill=colour, width=thick)
    return np.asarray(image.convert("RGB"))
