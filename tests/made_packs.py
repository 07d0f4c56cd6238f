"""Tiny training packs in the layout of docs/data.md: drawn faces, whose 478 landmarks are the mean face's, posed."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import bounds, rotation_from_angles
from mien.data.canvases import five_points
from mien.detect.shape import mean_face

SIDE = 250
"""Pixels along the side of a portrait."""

TRAIN, VAL = 9, 3
"""Faces of each split in each pack."""

CAPTION = 18
"""Lines of text on top of a picture of the synthetic pack."""

WEDGE = 70
"""Side of the black corner of a picture of the wild pack."""

OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
UPPER_LIDS = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
LOWER_LIDS = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))
_CORNERS = ((33, 133), (263, 362))
_BROWS = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
_OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
_INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
_JAW = (146, 91, 181, 84, 17, 314, 405, 321, 375, 95, 88, 178, 87, 14, 317, 402, 318, 324, 152, 148, 176, 377, 400)


@cache
def mirror() -> Array:
    """[478] index map of a horizontal flip: the mean face's nearest point in the mirror."""
    points = mean_face().points
    away = np.linalg.norm((points * [-1, 1, 1])[:, None] - points[None], axis=-1)
    found = np.asarray(away.argmin(1))
    assert away.min(1).max() < 1e-6
    assert (found[found] == np.arange(len(points))).all()
    return found


def made_weights(rng: np.random.Generator) -> Array:
    """[52] weights, of which jawOpen, eyeBlinkLeft and eyeBlinkRight can be seen."""
    weights = rng.uniform(0, 1, len(ARKIT)) ** 2
    weights[ARKIT.index("tongueOut")] = 0
    return np.asarray(weights, np.float32)


def moved_face(weights: Array) -> Array:
    """[478, 3] metres: the mean face with an open mouth and closed lids."""
    points = mean_face().points.copy()
    points[list(_JAW), 1] += 0.014 * weights[ARKIT.index("jawOpen")]
    for upper, lower, name in zip(UPPER_LIDS, LOWER_LIDS, ("eyeBlinkRight", "eyeBlinkLeft"), strict=True):
        closed = weights[ARKIT.index(name)]
        points[list(upper)] += 0.9 * closed * (points[list(lower)] - points[list(upper)])
    return points


def made_landmarks(rng: np.random.Generator, weights: Array, size: float, centre: Sequence[float]) -> Array:
    """[478, 3] pixels: a face about `size` pixels high, slightly turned, whose points have their middle at `centre`."""
    points = moved_face(weights) @ rotation_from_angles(*rng.uniform(-0.12, 0.12, 3)).T
    points *= size / float(np.ptp(points[:, :2], axis=0).max())
    least, most = points[:, :2].min(0), points[:, :2].max(0)
    points[:, :2] += np.asarray(centre) - (least + most) / 2
    return points


def textured(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """A picture of coarse and fine blotches, nowhere black."""
    coarse = rng.integers(60, 180, (height // 24 + 2, width // 24 + 2, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return Image.fromarray(np.clip(smooth + rng.integers(-12, 13, smooth.shape), 20, 255).astype(np.uint8))


def draw_face(picture: Image.Image, landmarks: Array, rng: np.random.Generator) -> None:
    """Head, brows, eyes, nose and mouth where `landmarks` say."""
    pen = ImageDraw.Draw(picture)

    def places(indices: Sequence[int]) -> list[tuple[float, float]]:
        return [(float(x) - 0.5, float(y) - 0.5) for x, y in landmarks[list(indices), :2]]

    unit = float(np.linalg.norm(landmarks[IRIS_RIGHT, :2] - landmarks[IRIS_LEFT, :2]))
    red = int(rng.integers(200, 235))
    pen.polygon(places(OVAL), (red, red - 25, red - 45))
    for brow in _BROWS:
        pen.line(places(brow), (50, 40, 30), max(round(unit / 12), 1))
    for corners, upper, lower, iris in zip(_CORNERS, UPPER_LIDS, LOWER_LIDS, (IRIS_RIGHT, IRIS_LEFT), strict=True):
        pen.polygon(places((corners[0], *upper, corners[1], *lower[::-1])), (250, 250, 250))
        (x, y), radius = places((iris,))[0], unit / 11
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), (30, 25, 25))
    pen.line(places((168, 6, 197, 195, 5, 4)), (red - 40, red - 65, red - 85), max(round(unit / 20), 1))
    pen.polygon(places(_OUTER_LIPS), (150, 50, 55))
    pen.polygon(places(_INNER_LIPS), (60, 15, 15))


@dataclass
class _Stream:
    """Pictures on their way into a pack."""

    parts: list[bytes]

    def add(self, picture: Image.Image) -> None:
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", lossless=True, quality=0, method=0)
        self.parts.append(buffer.getvalue())

    def columns(self) -> dict[str, Array]:
        ends = np.cumsum([len(part) for part in self.parts])
        return {"webp": np.frombuffer(b"".join(self.parts), np.uint8), "offsets": np.concatenate([[0], ends])}


def faces_columns(kind: str, seed: int, resting: Sequence[int] = ()) -> dict[str, Array]:
    """The arrays of a faces pack.

    Args:
        kind: `wild` (a black corner), `synthetic` (lines of text on top), or another, which has neither.
        seed: decides everything.
        resting: which faces have no weights at all.
    """
    rng = np.random.default_rng(seed)
    stream, landmarks, weights = _Stream([]), [], []
    for number in range(TRAIN + VAL):
        weights.append(made_weights(rng) * (number not in resting))
        centre = (SIDE / 2 + rng.uniform(-8, 8), SIDE / 2 + 8 + rng.uniform(-8, 8))
        landmarks.append(made_landmarks(rng, weights[-1], float(rng.uniform(120, 150)), centre))
        picture = textured(rng, SIDE, SIDE)
        draw_face(picture, landmarks[-1], rng)
        pen = ImageDraw.Draw(picture)
        if kind == "wild":
            pen.polygon([(0, 0), (WEDGE, 0), (0, WEDGE)], (0, 0, 0))
        elif kind == "synthetic":
            pen.rectangle((0, 0, SIDE, CAPTION - 1), (255, 255, 255))
            pen.text((4, 3), "a drawn face", (0, 0, 0))
        stream.add(picture)
    count = len(landmarks)
    return {
        **stream.columns(),
        "landmarks": np.rint(np.array(landmarks) * 16).astype(np.int16),
        "blendshapes": np.array(weights).astype(np.float16),
        "blendshape_names": np.array(ARKIT.columns),
        "spread": rng.uniform(0, 3, count).astype(np.float16),
        "identity": np.array([f"{kind} {k}" for k in range(count)]),
        "split": np.array(["train"] * TRAIN + ["val"] * VAL),
        "mirror": mirror().astype(np.int16),
    }


def scenes_columns(seed: int) -> dict[str, Array]:
    """The arrays of a scenes pack: rooms without people, rooms with one and two, and collages of four."""
    rng = np.random.default_rng(seed)
    stream, boxes, points = _Stream([]), [], []
    rooms = [(0, "web", "train"), (0, "web", "train"), (0, "web", "val"), (0, "web", "val")]
    peopled = [(1, "web", "train"), (2, "web", "train"), (2, "web", "val"), (4, "collage", "train")]
    scenes = rooms + peopled
    for faces, _, _ in scenes:
        picture = textured(rng, 360, 300)
        for k in range(faces):
            landmarks = made_landmarks(rng, made_weights(rng), 90, (95 + 170 * (k % 2), 75 + 150 * (k // 2)))
            draw_face(picture, landmarks, rng)
            boxes.append(bounds(landmarks))
            points.append(five_points(landmarks))
        stream.add(picture)
    return {
        **stream.columns(),
        "faces": np.array([faces for faces, _, _ in scenes], np.int32),
        "boxes": np.array(boxes, np.float32),
        "points": np.array(points, np.float32),
        "kind": np.array([kind for _, kind, _ in scenes]),
        "split": np.array([split for _, _, split in scenes]),
    }


def save_pack(file: Path, columns: dict[str, Array]) -> Path:
    """Writes one pack."""
    with file.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **columns)
    return file


def make_packs(folder: Path) -> Path:
    """Two faces packs and a scenes pack in `folder`, which is given back."""
    folder.mkdir(parents=True, exist_ok=True)
    save_pack(folder / "faces-synthetic.npz", faces_columns("synthetic", 1))
    save_pack(folder / "faces-wild.npz", faces_columns("wild", 2))
    save_pack(folder / "scenes.npz", scenes_columns(3))
    return folder


EACH = 3
"""Faces of one person in the packs of `make_people`; the first of them is neutral."""

BY_HAND = ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft", "noseSneerRight")
"""The channels that people weighed."""


def people_columns(kind: str, seed: int) -> dict[str, Array]:
    """The arrays of a faces pack of few people, `EACH` faces of each.

    Args:
        kind: `wild`, whose first face of each person somebody called neutral; `renders`, whose first face of each is
            neutral, and whose weights are true; `hand`, whose five channels people weighed.
        seed: decides everything.
    """
    count = TRAIN + VAL
    first = tuple(range(0, count, EACH))
    columns = faces_columns(kind, seed, first if kind == "renders" else ())
    columns["identity"] = np.array([f"person {k // EACH}" for k in range(count)])
    if kind == "wild":
        columns["label"] = np.array(["neutral" if k in first else "joy" for k in range(count)])
    elif kind == "renders":
        columns |= {"rendered": np.array(True), "spread": np.zeros(count, np.float16)}
    else:
        weights = columns["blendshapes"][:, ARKIT.indices(BY_HAND)]
        columns |= {"by_hand": np.array(True), "blendshapes": weights, "blendshape_names": np.array(BY_HAND)}
    return columns


def make_people(folder: Path) -> Path:
    """Photos with a teacher's labels, renders, and photos weighed by hand in `folder`, which is given back."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, kind in enumerate(("hand", "renders", "wild")):
        save_pack(folder / f"faces-{kind}.npz", people_columns(kind, seed + 4))
    return folder
