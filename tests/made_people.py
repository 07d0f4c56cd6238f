"""Drawn people for tests of following: who is where is said, and finder, reader and appearance see just that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from portraits import blank, finder, reader

from mien.core.arrays import Array
from mien.core.face import Detection, Landmarks
from mien.core.geometry import apply_affine, bounds, invert_affine
from mien.core.image import Frame
from mien.detect.appearance import TRAITS, Appearance
from mien.detect.faces import FaceFinder
from mien.detect.follow import Followed, Follower
from mien.detect.landmarker import Seen
from mien.detect.landmarks import SIDE, LandmarkReader, Sight
from mien.detect.shape import mean_face

WIDTH, HEIGHT, RATE = 800, 400, 12.5
NOBODY = np.zeros(256, np.float32)


@dataclass(frozen=True)
class Face:
    """A face in a frame: whose, its middle, its size in pixels, and what its look shares with its owner's usual one."""

    person: int
    x: float
    y: float = 200.0
    size: float = 100.0
    likeness: float = 0.9

    @property
    def points(self) -> Array:
        """[478, 3] upright."""
        return np.asarray(upright() * self.size + [self.x, self.y, 0.0])


@cache
def upright() -> Array:
    """[478, 3] the mean face, its box's longer side 1 and its middle 0."""
    shape = mean_face().points
    low, high = np.split(bounds(shape), 2)
    return np.asarray((shape - np.append((low + high) / 2, 0.0)) / float((high - low).max()))


@cache
def pattern(person: int) -> Array:
    """[128, 128] the cut in which that person is read."""
    return np.random.default_rng(person).uniform(0, 255, (SIDE, SIDE)).astype(np.float32)


Scene = Callable[[float], Sequence[Face]]
"""Who is there at a time, from the nearest to the farthest."""


def look_of(face: Face, time: float) -> Array:
    """[256] of length 1: mostly the person's own direction, the rest from frame to frame another one."""
    other = np.random.default_rng([face.person, round(time * 1000)]).normal(size=256)
    other[:64] = 0
    look = np.sqrt(1 - face.likeness**2) * other / np.linalg.norm(other)
    look[face.person] = face.likeness
    return np.asarray(look, np.float32)


def to_be_seen(faces: Sequence[Face]) -> list[Face]:
    """Those whose middle nobody nearer covers and whose middle lies in the picture."""
    seen: list[Face] = []
    for face in faces:
        hidden = any(max(abs(face.x - one.x), abs(face.y - one.y)) < 0.5 * one.size for one in seen)
        if not hidden and 0 <= face.x < WIDTH and 0 <= face.y < HEIGHT:
            seen.append(face)
    return seen


class DrawnFinder(FaceFinder):
    """Finds who is to be seen."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(finder()._session)
        self._scene = scene

    def find(self, frame: Frame, glance: bool = False) -> list[Detection]:
        found = to_be_seen(self._scene(frame.time))
        return [
            Detection(bounds(face.points), 0.9, face.points[[468, 473, 1, 61, 291], :2])
            for face in sorted(found, key=lambda face: -face.size)
        ]


class DrawnReader(LandmarkReader):
    """Reads the face nearest to the middle of a square, as a network does: whoever's it is."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(reader()._landmarks)
        self._scene = scene

    def read(self, frame: Frame, to_frame: Array) -> Sight:
        middle = apply_affine(to_frame, np.full((1, 2), SIDE / 2))[0]
        near = [
            (float(np.hypot(*(middle - [face.x, face.y]))) / face.size, k, face)
            for k, face in enumerate(to_be_seen(self._scene(frame.time)))
        ]
        away, _, face = min(near, default=(np.inf, 0, Face(0, 0)))
        if away > 0.7:
            return Sight(Landmarks(face.points, 0.1), np.zeros((SIDE, SIDE), np.float32), to_frame, face.points, NOBODY)
        cut_points = apply_affine(invert_affine(to_frame), face.points)
        return Sight(
            Landmarks(face.points, 0.99), pattern(face.person), to_frame, cut_points, look_of(face, frame.time)
        )


class DrawnAppearance(Appearance):
    """Knows a look from what the reader said."""

    def __init__(self) -> None:
        super().__init__(np.zeros(TRAITS), np.zeros((TRAITS, 256)))

    def describe(self, sight: Seen) -> Array:
        assert isinstance(sight, Sight)
        return np.asarray(sight.features)


def frames_of(seconds: float) -> list[Frame]:
    """Empty frames: what is in them is said by the scene."""
    empty = blank(WIDTH, HEIGHT)
    return [Frame(empty, k / RATE, k) for k in range(round(seconds * RATE))]


def followed(scene: Scene, seconds: float, most: int = 20, again: float | None = 1.0) -> list[list[Followed]]:
    """What a follower sees of a scene, frame by frame."""
    follower = Follower(DrawnFinder(scene), DrawnReader(scene), most, again, appearance=DrawnAppearance())
    return [follower.see(frame) for frame in frames_of(seconds)]


def whose(one: Followed) -> int:
    """The person whose face was read."""
    assert isinstance(one.sight, Sight)
    return int(np.abs(one.sight.features[:64]).argmax())


def owners(seen: Sequence[Sequence[Followed]]) -> dict[int, set[int]]:
    """By number, whose faces were read under it."""
    found: dict[int, set[int]] = {}
    for each in seen:
        for one in each:
            found.setdefault(one.face, set()).add(whose(one))
    return found
