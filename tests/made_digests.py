"""Digests of made readings: faces that blink, smile and go away, in pictures without any face."""

from dataclasses import replace
from functools import cache

import numpy as np
from made import made_reading

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression, FaceReading
from mien.core.image import Frame
from mien.digest.gather import Digester
from mien.digest.page import About
from mien.digest.record import SourceDigest

ABOUT = About("0.0", (("face", "all"), ("fit", "False")), (("finder", "0" * 64),))


def made_frame(k: int = 0, rate: float = 25.0, width: int = 640, height: int = 480) -> Frame:
    """A picture of two colours."""
    return Frame(_pixels(width, height), k / rate, k)


@cache
def _pixels(width: int, height: int) -> Array:
    pixels = np.full((height, width, 3), (90, 120, 150), np.uint8)
    pixels[:, : width // 2] = (150, 110, 80)
    return pixels


@cache
def _still(face: int) -> FaceReading:
    return made_reading(face)


def reading_of(face: int, k: int, weights: dict[str, float], quality: float = 0.9, rate: float = 25.0) -> FaceReading:
    """A face with these weights, and 0.02 elsewhere."""
    reading = _still(face)
    values = np.full(len(ARKIT), 0.02, np.float32)
    for name, weight in weights.items():
        values[ARKIT.index(name)] = weight
    state = replace(reading.state, expression=Expression(values, ARKIT))
    return replace(reading, frame=k, time=k / rate, state=state, quality=quality)


def made_weights(k: int, rate: float = 25.0) -> dict[str, float]:
    """A blink of a fifth of a second every two, a smile that comes and goes."""
    phase = (k / rate) % 2 - 1
    blink = 0.9 * max(0.0, 1 - abs(phase) / 0.12)
    smile = 0.4 - 0.4 * float(np.cos(k / rate))
    return {
        "eyeBlinkLeft": blink, "eyeBlinkRight": blink, "mouthSmileLeft": smile, "mouthSmileRight": smile / 2,
        "browInnerUp": 0.3 * smile,
    }  # fmt: skip


@cache
def made_digest(
    name: str = "clip.mp4", frames: int = 100, faces: int = 1, unseen: range | tuple[int, ...] = (), rate: float = 25.0
) -> SourceDigest:
    """What a video of so many frames is told as; nobody is there in frames `unseen`."""
    digester, away = Digester(name, 1_234_567, True, rate), set(unseen)
    for k in range(frames):
        present = range(faces) if k not in away else ()
        digester.add(made_frame(k, rate), [reading_of(face, k, made_weights(k, rate), rate=rate) for face in present])
    return digester.digest()


def made_photo(name: str = "photo.jpg", faces: int = 1) -> SourceDigest:
    """What a photo is told as."""
    digester = Digester(name, 4321)
    weights = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.6, "jawOpen": 0.3}
    digester.add(made_frame(), [reading_of(face, 0, weights) for face in range(faces)])
    return digester.digest()
