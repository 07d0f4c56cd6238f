"""A made rig of many identities and photos that look as a test says, for the tests of what renders are made of."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from made_ict import made_ict
from made_packs import mirror
from made_places import on_sheet
from PIL import Image

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import FaceState, Identity
from mien.core.geometry import rotation_from_angles
from mien.data.packs import FacesPack, Pictures, ScenesPack
from mien.data.renders import Rendered, Renderer, Studio
from mien.detect.shape import mean_face
from mien.rig.ict import IctRig
from mien.rig.ict_files import IctModel
from mien.rig.places import Places

IDENTITIES = 20
"""Directions of the made rig: more than are held out."""

PHOTO = 250
"""Pixels along the side of a made photo."""

_SCALE = 1100
"""Pixels a metre in a made photo."""


@cache
def many_identities() -> IctModel:
    """A sheet with eyes, which 20 identity directions widen here and there."""
    model = made_ict(61)
    rng = np.random.default_rng(0)
    size = (IDENTITIES, 1, 1)
    waves = np.sin(model.neutral[None] * rng.uniform(0.1, 0.5, size) + rng.uniform(0, 6, size))
    return replace(model, identities=(0.05 * waves).astype(np.float16))


@cache
def sheet_places() -> Places:
    """Where the mean face's points fall on the sheet."""
    return on_sheet(mean_face().points)


def face_in_photo(pitch: float = 0, yaw: float = 0, roll: float = 0) -> Array:
    """[478, 3] pixels: the mean face, turned, in the middle of a made photo."""
    points = mean_face().points @ rotation_from_angles(pitch, yaw, roll).T
    return np.asarray(points * _SCALE + [PHOTO / 2, PHOTO / 2 - 0.02 * _SCALE, 0])


def plain_photo(colour: Sequence[float]) -> Array:
    """[250, 250, 3] uint8 of one colour."""
    return np.full((PHOTO, PHOTO, 3), colour, np.uint8)


class Shown(Pictures):
    """Pictures held as arrays, which note who asks for them."""

    def __init__(self, pictures: Sequence[Array]) -> None:
        super().__init__(np.zeros(0, np.uint8), np.zeros(len(pictures) + 1, np.int64))
        self._pictures = pictures
        self.asked: list[int] = []

    def rgb(self, index: int) -> Array:
        self.asked.append(index)
        return self._pictures[index]


def photo_pack(
    photos: Sequence[Array],
    landmarks: Sequence[Array] | None = None,
    weights: Array | None = None,
    split: Sequence[str] | None = None,
    name: str = "faces-made",
) -> FacesPack:
    """A pack of photos; calm faces that look straight into the camera, to train on, where nothing else is said."""
    count = len(photos)
    return FacesPack(
        name,
        Shown(photos),
        np.array([face_in_photo()] * count if landmarks is None else landmarks, np.float32),
        np.zeros((count, len(ARKIT)), np.float32) if weights is None else weights,
        np.zeros(count, np.float32),
        np.array([f"person {k}" for k in range(count)]),
        np.array(["train"] * count if split is None else split),
        mirror(),
    )


class ShownScenes(Shown):
    """Whole pictures held as arrays."""

    def open(self, index: int) -> Image.Image:
        return Image.fromarray(self._pictures[index])


def scenes_pack(pictures: Sequence[Array], faces: Sequence[int], split: Sequence[str]) -> ScenesPack:
    """A pack of scenes with so many faces each."""
    return ScenesPack(
        ShownScenes(pictures),
        tuple(np.zeros((count, 4)) for count in faces),
        tuple(np.zeros((count, 5, 2)) for count in faces),
        np.array(["web"] * len(pictures)),
        np.array(split),
    )


NOTHING = np.zeros(len(ARKIT), np.float32)
"""The weights of a resting face."""

BARE = Studio(glasses=0)
"""Light and camera of every kind, and nobody with glasses."""


class Watched(IctRig):
    """Remembers who was drawn, and what they did."""

    people: list[Identity]
    states: list[FaceState]

    def vertices(self, identity: Identity, state: FaceState) -> Array:
        self.people.append(identity)
        self.states.append(state)
        return super().vertices(identity, state)


@cache
def _rig() -> Watched:
    return Watched(many_identities())


def made_rig() -> Watched:
    """One that has seen nobody yet."""
    rig = _rig()
    rig.people, rig.states = [], []
    return rig


@cache
def plain(studio: Studio = BARE, colour: tuple[int, int, int] = (170, 130, 110), split: str = "train") -> Renderer:
    """Draws people with a skin of one colour."""
    return Renderer(made_rig(), sheet_places(), [photo_pack([plain_photo(colour)], split=[split])], split, studio)


def drawn(renderer: Renderer, seed: int, weights: Array = NOTHING) -> Rendered:
    """A face of somebody."""
    rng = np.random.default_rng(seed)
    return renderer.draw(rng, renderer.person(rng, "somebody"), weights)
