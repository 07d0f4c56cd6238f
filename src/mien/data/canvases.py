"""Whole pictures for the face finder: crops of real scenes, portraits at every size, faces pasted into rooms."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import apply_affine, bounds, invert_affine
from mien.data.packs import FacesPack, ScenesPack
from mien.data.rooms import Rooms
from mien.data.tiles import outside

CANVAS = 320
"""Pixels along a canvas' side."""

SMALLEST, LARGEST = 15.0, 300.0
"""Longer side of the faces on a canvas, in pixels."""

_NOSE_TIP, _MOUTH_RIGHT, _MOUTH_LEFT = 4, 61, 291


@dataclass(frozen=True)
class Canvas:
    """A picture with everything a finder should say of it.

    Args:
        grey: [320, 320] uint8.
        boxes: [F, 4] of the faces.
        points: [F, 5, 2].
        ignored: [G, 4] boxes in which nothing is known.
    """

    grey: Array
    boxes: Array
    points: Array
    ignored: Array


@dataclass(frozen=True)
class Portrait:
    """One face with its surroundings.

    Args:
        grey: [H, W] uint8.
        landmarks: [478, 2] pixels.
        hidden: [H, W] bool: no photograph there.
        crowded: whether other, unlabelled faces may stand behind.
    """

    grey: Array
    landmarks: Array
    hidden: Array
    crowded: bool


def five_points(landmarks: Array) -> Array:
    """[5, 2]: the subject's right and left iris, nose tip, right and left mouth corner of landmarks [478, 2 or 3]."""
    return np.asarray(landmarks[[IRIS_RIGHT, IRIS_LEFT, _NOSE_TIP, _MOUTH_RIGHT, _MOUTH_LEFT], :2])


def portraits(packs: list[FacesPack], split: str) -> list[Portrait]:
    """Every picture of a split of the packs, decoded."""
    found = []
    for pack in packs:
        for index in pack.indices(split):
            rgb = pack.pictures.rgb(index)
            grey = np.asarray(Image.fromarray(rgb).convert("L"))
            landmarks = pack.landmarks[index][:, :2]
            found.append(Portrait(grey, landmarks, outside(rgb, pack.name), "wild" in pack.name))
    return found


class CanvasMaker:
    """Makes canvases from portraits and scenes.

    Args:
        faces: portraits to place.
        scenes: whole pictures, those without faces being the rooms to paste into.
        split: of the scenes.

    Raises:
        InputError: there is no face, or no picture without faces.
    """

    def __init__(self, faces: list[Portrait], scenes: ScenesPack, split: str) -> None:
        self.faces = faces
        indices = scenes.indices(split)
        self.scenes = [
            (scenes.pictures.open(i).convert("L"), scenes.boxes[i], scenes.points[i], scenes.kind[i]) for i in indices
        ]
        self.rooms = Rooms(scenes, split)
        if not faces:
            cause = f"there is no face in faces-*.npz of split {split}"
            raise InputError("packs", "E_FORMAT", cause, "make them with the layout of docs/data.md")
        self.peopled = [scene for scene in self.scenes if len(scene[1])]
        # Photographs of rooms and groups are few beside the collages, and nearer to what people bring.
        self.chances = np.array([4.0 if kind == "web" else 1.0 for _, _, _, kind in self.peopled])
        self.chances /= self.chances.sum()

    def make(self, rng: np.random.Generator) -> Canvas:
        """One canvas; `rng` alone decides which."""
        kind = rng.random()
        if kind < 0.35:
            made = self._scene(rng)
        elif kind < 0.60:
            made = self._portrait(rng)
        elif kind < 0.92:
            made = self.composite(rng, [_size(rng) for _ in range(rng.integers(1, 5))])
        else:
            made = Canvas(self.rooms.window(rng, CANVAS), *_nothing())
        return _mirrored(made) if rng.random() < 0.5 else made

    def _scene(self, rng: np.random.Generator) -> Canvas:
        """A window of a real scene, scaled so that one of its faces has a wanted size."""
        picture, boxes, points, kind = self.peopled[rng.choice(len(self.peopled), p=self.chances)]
        chosen = boxes[rng.integers(len(boxes))]
        scale = min(_size(rng) / float((chosen[2:] - chosen[:2]).max()), 2.0)
        scaled = _scaled(picture, scale)
        centre = (chosen[:2] + chosen[2:]) / 2 * scale + rng.uniform(-0.4, 0.4, 2) * CANVAS
        corner = np.clip(
            np.rint(centre - CANVAS / 2), -60, np.maximum(np.array(scaled.size) - CANVAS + 60, -60)
        ).astype(int)
        canvas = Image.new("L", (CANVAS, CANVAS), int(rng.choice([0, 0, int(rng.integers(256))])))
        canvas.paste(scaled, (-int(corner[0]), -int(corner[1])))
        boxes, points = boxes * scale - np.tile(corner, 2), points * scale - corner
        ignored = []
        if kind == "collage":
            # The teacher missed faces that the collage's border cuts: nothing is known near it.
            rim, (w, h) = 70 * scale, scaled.size
            edges = [(0, 0, w, rim), (0, h - rim, w, h), (0, 0, rim, h), (w - rim, 0, w, h)]
            ignored = [np.array(edge) - np.tile(corner, 2) for edge in edges]
        return _clipped(np.asarray(canvas), boxes, points, ignored)

    def _portrait(self, rng: np.random.Generator) -> Canvas:
        """One to four portraits beside each other."""
        across = int(rng.choice([1, 1, 2]))
        cell = CANVAS // across
        canvas = Image.fromarray(self.rooms.window(rng, CANVAS))
        boxes, points, ignored = [], [], []
        for place in range(across * across):
            face = self.faces[rng.integers(len(self.faces))]
            box = bounds(face.landmarks)
            scale = min(
                _size(rng) / float((box[2:] - box[:2]).max()), 2.0, cell * 1.1 / float((box[2:] - box[:2]).max())
            )
            x, y = place % across * cell, place // across * cell
            scaled = _scaled(Image.fromarray(face.grey), scale)
            shown = _scaled(Image.fromarray(~face.hidden), scale)
            middle = (box[:2] + box[2:]) / 2 * scale
            half = (box[2:] - box[:2]) / 2 * scale
            room = np.maximum(cell / 2 - half, 0)
            corner = np.array([x, y]) + cell / 2 + rng.uniform(-1, 1, 2) * room - middle
            at = np.rint(corner).astype(int)
            clip = (
                max(x - at[0], 0),
                max(y - at[1], 0),
                min(x + cell - at[0], scaled.width),
                min(y + cell - at[1], scaled.height),
            )
            canvas.paste(scaled.crop(clip), (at[0] + clip[0], at[1] + clip[1]), shown.crop(clip))
            boxes.append(box * scale + np.tile(at, 2))
            points.append(five_points(face.landmarks) * scale + at)
            if face.crowded:
                ignored += _round_about(boxes[-1], (x, y, x + cell, y + cell))
        return _clipped(np.asarray(canvas), np.array(boxes), np.array(points), ignored)

    def composite(self, rng: np.random.Generator, sizes: list[float], canvas_side: int = CANVAS) -> Canvas:
        """Faces of the wanted sizes pasted, soft-edged and turned, into a picture without any."""
        canvas = np.asarray(self.rooms.window(rng, canvas_side), np.float32).copy()
        boxes: list[Array] = []
        points: list[Array] = []
        for size in sizes:
            face = self.faces[rng.integers(len(self.faces))]
            turn = rng.normal(0, 0.12) if rng.random() < 0.7 else rng.uniform(-0.8, 0.8)
            placed = _paste(canvas, face, size, turn, boxes, rng)
            if placed is not None:
                boxes.append(bounds(placed))
                points.append(five_points(placed))
        return _clipped(canvas.astype(np.uint8), np.array(boxes).reshape(-1, 4), np.array(points).reshape(-1, 5, 2), [])


def _size(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))


def _scaled(picture: Image.Image, scale: float) -> Image.Image:
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    return picture.resize(size, Image.Resampling.BILINEAR)


def _nothing() -> tuple[Array, Array, Array]:
    return np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros((0, 4))


def _round_about(box: Array, cell: tuple[int, int, int, int]) -> list[Array]:
    """The parts of a cell further from a face than its own size: others may stand there."""
    reach = 0.9 * (box[2:] - box[:2]).max()
    x0, y0, x1, y1 = cell
    near = np.concatenate([box[:2] - reach, box[2:] + reach])
    return [
        np.array(p)
        for p in ((x0, y0, near[0], y1), (near[2], y0, x1, y1), (x0, y0, x1, near[1]), (x0, near[3], x1, y1))
    ]


def _clipped(grey: Array, boxes: Array, points: Array, ignored: list[Array]) -> Canvas:
    """Drops faces outside the canvas, and calls unknown those of which less than 55 % shows."""
    side = grey.shape[1]
    shown = np.clip(np.minimum(boxes[:, 2:], side) - np.maximum(boxes[:, :2], 0), 0, None).prod(1)
    share = shown / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 1e-6)
    longest = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0)
    known = (share > 0.55) & (longest >= SMALLEST * 0.9)
    unknown = [*ignored, *boxes[~known & (share > 0.02)]]
    return Canvas(grey, boxes[known], points[known], np.array(unknown).reshape(-1, 4))


def _mirrored(canvas: Canvas) -> Canvas:
    side = canvas.grey.shape[1]
    points = canvas.points[:, [1, 0, 2, 4, 3]] * [-1, 1] + [side, 0]
    boxes, ignored = (
        np.stack([side - some[:, 2], some[:, 1], side - some[:, 0], some[:, 3]], 1)
        for some in (canvas.boxes, canvas.ignored)
    )
    return Canvas(canvas.grey[:, ::-1].copy(), boxes, points, ignored)


def _paste(
    canvas: Array, face: Portrait, size: float, turn: float, taken: list[Array], rng: np.random.Generator
) -> Array | None:
    """Pastes a face into `canvas` in place; its landmarks there, or None where no free place was found."""
    side = canvas.shape[0]
    box = bounds(face.landmarks)
    longest = float((box[2:] - box[:2]).max())
    scale = size / longest
    centre, reach = (box[:2] + box[2:]) / 2, 0.78 * size
    for _ in range(6):
        low, high = min(size / 2, side / 2), max(side - size / 2, side / 2)
        at = rng.uniform(low, high, 2)
        if all(np.abs(at - (b[:2] + b[2:]) / 2).max() > (b[2:] - b[:2]).max() * 0.75 + reach * 0.85 for b in taken):
            break
    else:
        return None
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    to_canvas = np.column_stack([linear, at - linear @ centre])
    x0, y0 = np.maximum(np.floor(at - reach), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(at + reach), side).astype(int)
    back = invert_affine(to_canvas)
    source = Image.fromarray(face.grey)
    if scale < 0.6:
        factor = max(round(1 / scale), 1)
        source, back = source.reduce(factor), back / factor
    window = back[:, :2] @ [x0, y0] + back[:, 2]
    coefficients = (*back[0, :2], window[0], *back[1, :2], window[1])
    patch = source.transform((x1 - x0, y1 - y0), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    inside = Image.fromarray((~face.hidden).astype(np.uint8) * 255).resize(source.size)
    shown = inside.transform((x1 - x0, y1 - y0), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    if rng.random() < 0.3:
        patch = patch.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, max(size / 40, 0.5)))))
    ys, xs = np.mgrid[y0:y1, x0:x1] + 0.5
    along = np.stack([xs - at[0], ys - at[1]], -1) @ np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    radius = np.hypot(along[..., 0] / (0.62 * size), (along[..., 1] + 0.08 * size) / (0.75 * size))
    soft = np.clip((1 - radius) / rng.uniform(0.05, 0.3), 0, 1) * (np.asarray(shown) > 250)
    lit = np.clip(np.asarray(patch, np.float32) * rng.uniform(0.7, 1.3) + rng.uniform(-20, 20), 0, 255)
    part = canvas[y0:y1, x0:x1]
    part += soft * (lit - part)
    return apply_affine(to_canvas, face.landmarks)
