"""Packs whose people keep still: drawn faces that change their expression, and the shade on a cheek, alone."""

import io
from pathlib import Path

import numpy as np
from made_packs import draw_face, made_weights, mirror, moved_face, save_pack, textured
from PIL import Image, ImageDraw

from mien.core.arrays import Array
from mien.core.basis import ARKIT

SIDE = 160
EACH = 3
"""Pictures of one person."""

_SPLITS = ("train", "train", "val")
_SHADED = (205, 206)
"""A place on either cheek."""


def face(jaw: float, size: float = 110.0, side: int = SIDE) -> Array:
    """[478, 3] pixels of an upright face in the middle of a picture, its jaw so far open."""
    weights = np.zeros(len(ARKIT), np.float32)
    weights[ARKIT.index("jawOpen")] = jaw
    rest, points = moved_face(weights * 0), moved_face(weights)
    scale = size / float(np.ptp(rest[:, 1]))
    middle = (rest.min(0) + rest.max(0)) / 2
    return np.asarray((points - middle) * scale + [side / 2, side / 2, 0])


def drawn(points: Array, shade: int, seed: int, side: int = SIDE) -> Image.Image:
    """A face before blotches, its right cheek darkened."""
    picture = textured(np.random.default_rng(seed), side, side)
    draw_face(picture, points, np.random.default_rng(seed))
    spot = Image.new("L", picture.size)
    x, y = points[_SHADED[0], :2]
    ImageDraw.Draw(spot).ellipse((x - 9, y - 9, x + 9, y + 9), fill=shade)
    return Image.composite(Image.new("RGB", picture.size), picture, spot)


def pairs_columns(rendered: bool = False, seed: int = 0) -> dict[str, Array]:
    """The arrays of a faces pack of three people, the last for validation, `EACH` pictures of each."""
    rng = np.random.default_rng(seed)
    parts, landmarks, weights = [], [], []
    for person in range(len(_SPLITS)):
        for number in range(EACH):
            jaw = number / EACH
            weights.append(made_weights(rng) * 0.2)
            weights[-1][ARKIT.index("jawOpen")] = jaw
            landmarks.append(face(jaw))
            buffer = io.BytesIO()
            drawn(landmarks[-1], round(120 * jaw), person).save(buffer, "WEBP", lossless=True, quality=0, method=0)
            parts.append(buffer.getvalue())
    count = len(landmarks)
    return {
        "webp": np.frombuffer(b"".join(parts), np.uint8),
        "offsets": np.concatenate([[0], np.cumsum([len(part) for part in parts])]),
        "landmarks": np.rint(np.array(landmarks) * 16).astype(np.int16),
        "blendshapes": np.array(weights).astype(np.float16),
        "blendshape_names": np.array(ARKIT.columns),
        "spread": np.zeros(count, np.float16),
        "identity": np.array([f"person {k // EACH}" for k in range(count)]),
        "split": np.array([_SPLITS[k // EACH] for k in range(count)]),
        "mirror": mirror().astype(np.int16),
        "rendered": np.array(rendered),
    }


def make_pairs(folder: Path) -> Path:
    """A pack of photos and one of renders in `folder`, which is given back."""
    save_pack(folder / "faces-clip.npz", pairs_columns())
    save_pack(folder / "faces-still.npz", pairs_columns(rendered=True, seed=1))
    return folder
