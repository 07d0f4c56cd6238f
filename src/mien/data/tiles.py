"""Face tiles: each labelled face cut once, upright and at one scale, with room around it for every later view."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.geometry import apply_affine, invert_affine
from mien.core.image import Frame
from mien.data.packs import FacesPack, ScenesPack
from mien.imaging.warp import cut, face_square

TILE = 256
"""Pixels along a tile's side."""

FACE = 140
"""Pixels of the tile that the upright square of the face spans, in the tile's middle."""

EXPRESSIVE = tuple(k for k, name in enumerate(ARKIT.columns) if not name.startswith(("eyeLook", "eyeBlink")))
"""Columns of `ARKIT` that make an expression, unlike those that say where the eyes look, or that they blink."""

_NOTHING = 0.05

_CAPTION = 18
_TRIES = 50


@dataclass(frozen=True)
class Tiles:
    """N faces.

    Args:
        pixels: [N, 256, 256] uint8 luminance; 0 where the picture ended, at least 1 inside it.
        points: [N, 478, 3] in pixels of the tile.
        weights: [N, 52] the teacher's.
        spread: [N] how far the teacher disagrees with itself, % of the inter-ocular distance.
        pack: [N] index of the pack each came from.
        mirror: [478] index map of a flip.
        person: [N] number of whom it shows; the same person has one number in all of a pack.
        neutral: [N] whether a person said that it shows nothing, or it is a render that does not.
    """

    pixels: Array
    points: Array
    weights: Array
    spread: Array
    pack: Array
    mirror: Array
    person: Array
    neutral: Array


def tile_square(points: Array) -> Array:
    """The map from the tile of a face to its picture, [2, 3]."""
    return around(face_square(points, FACE))


def around(to_picture: Array) -> Array:
    """The map from a tile to its picture, of the map from the square of `FACE` pixels in the tile's middle, [2, 3]."""
    shift = (FACE - TILE) / 2
    return np.column_stack([to_picture[:, :2], to_picture[:, :2] @ [shift, shift] + to_picture[:, 2]])


def outside(rgb: Array, pack: str) -> Array:
    """[H, W] bool: the parts of a picture that are no photograph and would be learned: black wedges, caption lines."""
    grey = rgb.max(2)
    if "synthetic" in pack:
        lines = np.zeros(grey.shape, bool)
        lines[:_CAPTION] = True
        return lines
    dark, count = ndimage.label(grey < 8)
    if count == 0:
        return np.zeros(grey.shape, bool)
    border = np.unique(np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]]))
    return np.asarray(ndimage.binary_dilation(np.isin(dark, border[border > 0]), iterations=2))


def cut_tiles(packs: list[FacesPack], split: str) -> Tiles:
    """The tiles of one split of the packs."""
    chosen = [(k, pack, pack.indices(split)) for k, pack in enumerate(packs)]
    count = sum(len(indices) for _, _, indices in chosen)
    pixels = np.zeros((count, TILE, TILE), np.uint8)
    points = np.zeros((count, 478, 3), np.float32)
    place = 0
    for _, pack, indices in chosen:
        for index in indices:
            to_picture = tile_square(pack.landmarks[index])
            rgb = pack.pictures.rgb(index).copy()
            hidden = outside(rgb, pack.name)
            tile = np.maximum(cut(Frame(rgb), to_picture, TILE).pixels, 1)
            shown = np.repeat((~hidden)[..., None].astype(np.uint8) * 255, 3, axis=2)
            tile[cut(Frame(shown), to_picture, TILE).pixels < 250] = 0
            pixels[place] = np.rint(tile)
            points[place] = apply_affine(invert_affine(to_picture), pack.landmarks[index])
            place += 1
    return Tiles(
        pixels,
        points,
        np.concatenate([pack.weights[indices] for _, pack, indices in chosen]),
        np.concatenate([pack.spread[indices] for _, pack, indices in chosen]),
        np.concatenate([np.full(len(indices), k) for k, _, indices in chosen]),
        packs[0].mirror,
        np.unique(
            np.concatenate([np.char.add(f"{k} ", pack.identity[indices].astype(str)) for k, pack, indices in chosen]),
            return_inverse=True,
        )[1],
        np.concatenate([_neutral(pack, indices) for _, pack, indices in chosen]),
    )


def _neutral(pack: FacesPack, indices: Array) -> Array:
    """[N] bool; where the eyes look, and whether they are closed, is no matter of expression."""
    if not pack.rendered:
        return np.asarray(pack.label[indices] == "neutral")
    return np.asarray(pack.weights[indices][:, EXPRESSIVE].max(1, initial=0) < _NOTHING)


def faceless_tiles(scenes: ScenesPack, split: str, rng: np.random.Generator, count: int) -> Array:
    """[count, 256, 256] uint8 windows of scenes in which no face lies, 24 px to the whole picture wide.

    Collages are left out: the faces that the teacher missed lie there.

    Raises:
        InputError: the split has no picture to cut from.
    """
    usable = [i for i in scenes.indices(split) if scenes.kind[i] == "web" or len(scenes.boxes[i]) == 0]
    if not usable:
        cause = f"has no picture without faces of split {split}"
        raise InputError("scenes.npz", "E_FORMAT", cause, "make one with the layout of docs/data.md")
    greys = {i: scenes.pictures.grey(i) for i in usable}
    tiles = np.zeros((count, TILE, TILE), np.uint8)
    place = 0
    for _ in range(_TRIES * count):
        if place == count:
            break
        index = usable[rng.integers(len(usable))]
        window = faceless_window(greys[index], scenes.boxes[index], rng)
        if window is not None:
            tiles[place] = np.maximum(np.asarray(window.resize((TILE, TILE), Image.Resampling.BILINEAR)), 1)
            place += 1
    # Crowded pictures give fewer windows than asked: those found stand in for the rest.
    return tiles[np.arange(count) % max(place, 1)]


def faceless_window(grey: Array, boxes: Array, rng: np.random.Generator) -> Image.Image | None:
    """A random square window of a scene that touches none of `boxes` [N, 4] by more than a rim; None when it did."""
    height, width = grey.shape
    side = int(np.exp(rng.uniform(np.log(24), np.log(min(height, width)))))
    x, y = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
    rim = 0.1 * np.minimum(boxes[:, 2] - boxes[:, 0], side)
    touches = (
        (boxes[:, 0] + rim < x + side)
        & (boxes[:, 2] - rim > x)
        & (boxes[:, 1] + rim < y + side)
        & (boxes[:, 3] - rim > y)
    )
    return None if touches.any() else Image.fromarray(grey[y : y + side, x : x + side])
