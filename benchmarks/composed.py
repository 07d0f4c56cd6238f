"""Clips of several people who pass each other, put together from clips and photos of one person each.

Who is where in every frame is known, for that is how the frame was made: heads and shoulders are cut out with soft
edges and moved over a photograph, whoever comes later in a shot's list in front of the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mien.core.arrays import Array
from mien.core.geometry import bounds, fit_similarity
from mien.core.image import Frame
from mien.core.points import STEADY
from mien.data.packs import read_photos
from mien.formats.images import read_image
from mien.formats.video import VideoReader
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice

WIDTH, HEIGHT, RATE = 800, 450, 25.0

LOOP = 75
"""Frames of a person that are shown forwards and backwards."""

_CROSSFADE = 5
_BACKDROP = (200, 200, 200)


@dataclass(frozen=True)
class Figure:
    """A person, cut out: pictures that are shown in turn.

    Args:
        pictures: RGBA, of any size.
        boxes: [N, 4] of the landmarks in them.
    """

    pictures: tuple[Image.Image, ...]
    boxes: Array

    def at(self, step: int) -> int:
        """Which picture is shown in frame `step`: there and back."""
        around = 2 * len(self.pictures) - 2
        place = step % around if around else 0
        return min(place, around - place)


@dataclass(frozen=True)
class Way:
    """How somebody moves through a shot: seconds, x, y of the face's middle in shares of the picture; eased between."""

    marks: tuple[tuple[float, float, float], ...]

    def at(self, time: float) -> Array:
        """[2] pixels."""
        times, xs, ys = np.array(self.marks).T
        k = int(np.clip(np.searchsorted(times, time) - 1, 0, max(len(times) - 2, 0)))
        last = min(k + 1, len(times) - 1)
        span = times[last] - times[k]
        share = float(np.clip((time - times[k]) / span, 0, 1)) if span > 0 else 0.0
        eased = share * share * (3 - 2 * share)
        return np.array([xs[k] + eased * (xs[last] - xs[k]), ys[k] + eased * (ys[last] - ys[k])]) * [WIDTH, HEIGHT]


@dataclass(frozen=True)
class Actor:
    """Somebody in a shot: who, how high the face is in pixels, and the way."""

    person: int
    size: float
    way: Way


@dataclass(frozen=True)
class Shot:
    """What one camera sees.

    Args:
        seconds: how long.
        room: number of the background.
        actors: from the farthest to the nearest.
    """

    seconds: float
    room: int
    actors: tuple[Actor, ...]


@dataclass(frozen=True)
class There:
    """Where somebody is in a frame: box [4], and the share of it, 0 to 1, that nothing covers."""

    person: int
    box: Array
    visible: float


@cache
def _reader() -> Capturer:
    return Capturer(CaptureOptions(face=FaceChoice(largest=True)))


def from_clip(file: Path) -> Figure:
    """The person in a clip."""
    with VideoReader(file) as video:
        return _cut_out(islice(video, LOOP))


def from_photos(files: Sequence[Path]) -> Figure:
    """The person in photos of one session: a still that sways and changes its expression."""
    first, last = (read_image(file) for file in (files[0], files[-1]))
    one, other = (np.asarray(frame.pixels, np.float32) for frame in (first, _laid_over(last, first)))
    steps = np.repeat(np.linspace(0, 1, _CROSSFADE), [20, 1, 1, 1, 20])
    return _cut_out(Frame(_held((1 - share) * one + share * other, k), k / RATE, k) for k, share in enumerate(steps))


def _laid_over(frame: Frame, other: Frame) -> Frame:
    """A photo moved so that its face lies where that of another one does, for a face has but one pair of eyes."""
    here, there = (
        next(readings[0].landmarks.points[list(STEADY), :2] for _, readings in _reader().stream([one]))
        for one in (frame, other)
    )
    back = fit_similarity(there, here)
    affine = np.concatenate([back.scale * back.rotation, back.translation[:, None]], axis=1)
    image = Image.fromarray(frame.pixels)
    coefficients = tuple(affine.ravel().tolist())
    moved = image.transform(
        image.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC, fillcolor=_BACKDROP
    )
    return Frame(np.array(moved))


def _held(picture: Array, step: int) -> Array:
    """The photo with the head a little aside and the light a little different, from frame to frame."""
    lit = np.clip(picture * (1 + 0.2 * np.sin(step / 11)), 0, 255).astype(np.uint8)
    return np.asarray(
        Image.fromarray(lit).rotate(9 * float(np.sin(step / 8)), Image.Resampling.BICUBIC, fillcolor=_BACKDROP)
    )


def _cut_out(frames: Iterator[Frame]) -> Figure:
    pictures, boxes = [], []
    for frame, readings in _reader().stream(frames):
        if readings:
            box = bounds(readings[0].landmarks.points)
            picture = Image.fromarray(frame.pixels).convert("RGBA")
            picture.putalpha(_silhouette(frame, box))
            pictures.append(picture)
            boxes.append(box)
    return Figure(tuple(pictures), np.array(boxes))


def _silhouette(frame: Frame, box: Array) -> Image.Image:
    """Head and shoulders round a face, with soft edges."""
    mask = Image.new("L", (frame.width, frame.height))
    x0, y0, x1, y1 = map(float, box)
    x, y, w, h = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
    draw = ImageDraw.Draw(mask)
    draw.ellipse((x - 0.72 * w, y - 1.02 * h, x + 0.72 * w, y + 0.66 * h), fill=255)
    draw.rounded_rectangle((x - 1.25 * w, y + 0.78 * h, x + 1.25 * w, y + 3 * h), radius=0.45 * h, fill=255)
    draw.rectangle((x - 0.42 * w, y, x + 0.42 * w, y + h), fill=255)
    # What the camera did not see of somebody must not end in a hard edge.
    edge = max(int(0.06 * h), 1)
    inner = Image.new("L", mask.size)
    inner.paste(mask.crop((edge, edge, mask.width - edge, mask.height)), (edge, edge))
    return inner.filter(ImageFilter.GaussianBlur(0.03 * h))


def rooms(data: Path, count: int) -> list[Image.Image]:
    """Backgrounds: pictures of the scenes in which there is nobody."""
    _, scenes = read_photos(data)
    assert scenes is not None
    empty = [k for k in range(len(scenes.pictures)) if not len(scenes.boxes[k])]
    return [scenes.pictures.open(k).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC) for k in empty[:count]]


def composed(
    shots: Sequence[Shot], figures: Sequence[Figure], backgrounds: Sequence[Image.Image]
) -> Iterator[tuple[Frame, list[There]]]:
    """Every frame of the shots one after the other, and who is where in it."""
    step = 0
    for shot in shots:
        for k in range(round(shot.seconds * RATE)):
            canvas, there = backgrounds[shot.room % len(backgrounds)].copy(), list[There]()
            covered = np.zeros((HEIGHT, WIDTH), np.uint8)
            for actor in reversed(shot.actors):  # from the nearest, for what it covers of the others
                there.append(_place(actor, figures[actor.person], k / RATE, step, covered))
            for actor in shot.actors:
                picture, corner, _ = _figure_at(actor, figures[actor.person], k / RATE, step)
                canvas.paste(picture, corner, picture)
            yield Frame(np.array(canvas), step / RATE, step), there
            step += 1


def _figure_at(actor: Actor, figure: Figure, time: float, step: int) -> tuple[Image.Image, tuple[int, int], Array]:
    """The picture of somebody, its upper left corner in the frame, and the box of the face in the frame."""
    k = figure.at(step)
    scale = actor.size / float((figure.boxes[:, 3] - figure.boxes[:, 1]).mean())
    picture = _scaled(figure, k, round(scale, 4))
    # The way is that of the body: heads move about it as they did before the camera.
    usual = figure.boxes.mean(0) * scale
    corner = np.rint(actor.way.at(time) - (usual[:2] + usual[2:]) / 2).astype(int)
    return picture, (int(corner[0]), int(corner[1])), figure.boxes[k] * scale + np.tile(corner, 2)


def _place(actor: Actor, figure: Figure, time: float, step: int, covered: Array) -> There:
    """Where somebody is; `covered` [H, W] gets what they hide."""
    picture, (x, y), box = _figure_at(actor, figure, time, step)
    area = float((box[2] - box[0]) * (box[3] - box[1]))
    x0, y0, x1, y1 = np.rint(np.clip(box, 0, [WIDTH, HEIGHT] * 2)).astype(int)
    visible = float((covered[y0:y1, x0:x1] < 128).sum()) / area
    mine = Image.new("L", (WIDTH, HEIGHT))
    mine.paste(picture.getchannel("A"), (x, y))
    np.maximum(covered, np.asarray(mine), out=covered)
    return There(actor.person, box, min(visible, 1.0))


_SCALED: dict[tuple[int, int, float], Image.Image] = {}


def _scaled(figure: Figure, k: int, scale: float) -> Image.Image:
    key = id(figure), k, scale
    if key not in _SCALED:
        picture = figure.pictures[k]
        size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
        _SCALED[key] = picture.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC)
    return _SCALED[key]
