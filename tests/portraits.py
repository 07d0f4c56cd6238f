"""A real portrait for tests, moved about: Eileen Collins, NASA, public domain, as scikit-image ships it."""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from mien.core.arrays import Array
from mien.core.face import LANDMARKS
from mien.core.geometry import invert_affine
from mien.core.image import Frame
from mien.detect.faces import FaceFinder
from mien.detect.landmarks import LandmarkReader
from mien.detect.shape import mean_face
from mien.formats.images import write_image
from mien.formats.video import VideoWriter
from mien.pipelines.capture import Capturer
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

MIDDLE = np.array([225.0, 125.0])
"""About where the face is in `astronaut()`; it is some 100 px wide."""

_HEAD = (slice(0, 260), slice(90, 318))
_GREY = 90


@cache
def astronaut() -> Array:
    """[512, 512, 3] the whole picture: one face, and a flag, a space suit and a model of a shuttle."""
    pixels = np.ascontiguousarray(skimage.data.astronaut())  # type: ignore[no-untyped-call]
    pixels.flags.writeable = False
    return pixels


def placed(
    centre: tuple[float, float], size: float = 1.0, angle: float = 0.0, width: int = 240, height: int = 200
) -> tuple[Array, Array]:
    """A picture with the face at `centre` and little else, and the map [2, 3] from `astronaut()` to it.

    Args:
        centre: where the face's middle goes.
        size: how much larger the face becomes; from 0.5 up, for it is sampled and not averaged.
        angle: degrees by which it is turned clockwise in the picture.
        width: of the picture, pixels.
        height: likewise.
    """
    head = np.full_like(astronaut(), _GREY)
    head[_HEAD] = astronaut()[_HEAD]
    turn = np.deg2rad(angle)
    linear = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    there = np.concatenate([linear, (np.array(centre) - linear @ MIDDLE)[:, None]], axis=1)
    back = tuple(invert_affine(there).ravel().tolist())
    size_of = (width, height)
    fill = (_GREY, _GREY, _GREY)
    image = Image.fromarray(head).transform(
        size_of, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC, fillcolor=fill
    )
    return np.array(image), there


def scaled(factor: float) -> Array:
    """`astronaut()` at another size."""
    side = round(512 * factor)
    return np.array(Image.fromarray(astronaut()).resize((side, side), Image.Resampling.LANCZOS))


def blank(width: int = 240, height: int = 200, level: int = _GREY) -> Array:
    """One grey all over."""
    return np.full((height, width, 3), level, np.uint8)


def noise(width: int = 240, height: int = 200, seed: int = 0) -> Array:
    """Every pixel by chance."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def clip_frames(count: int, rate: float = 25.0) -> list[Frame]:
    """A face that drifts to the right and leans from side to side."""
    frames = []
    for k in range(count):
        angle, x = 15 * np.sin(k / 4), 90 + 60 * k / max(count - 1, 1)
        frames.append(Frame(placed((float(x), 100.0), 1.0, float(angle))[0], k / rate, k))
    return frames


def write_photo(path: Path, pixels: Array | None = None) -> Path:
    """A picture file; by default of the face, at 240 x 200."""
    write_image(placed((120, 100))[0] if pixels is None else pixels, path)
    return path


def write_clip(path: Path, count: int = 6, rate: float = 25.0) -> Path:
    """A video file of `clip_frames`; long ones show the same few again and again."""
    frames = clip_frames(min(count, 6), rate)
    there_and_back = [*frames, *frames[-2:0:-1]]
    with VideoWriter(path, 240, 200, rate) as writer:
        for k in range(count):
            writer.write(there_and_back[k % len(there_and_back)].pixels, k / rate)
    return path


@cache
def finder() -> FaceFinder:
    """The shipped one."""
    return FaceFinder(OnnxSession(card("finder")))


@cache
def reader() -> LandmarkReader:
    """The shipped one."""
    return LandmarkReader.shipped()


@cache
def capturer() -> Capturer:
    """With every option as it comes."""
    return Capturer()


@cache
def mirror() -> Array:
    """[478] the point that lies where each comes to lie in a mirror, found on the mean face."""
    points = mean_face().points
    distance = np.linalg.norm(points[:, None] * [-1, 1, 1] - points[None], axis=-1)
    order = distance.argmin(1)
    assert sorted(order) == list(range(LANDMARKS))
    return np.asarray(order)


def contents(folder: Path) -> dict[str, str]:
    """Every file below `folder` and its hash."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
