"""Pictures of moments as a page holds them: within the page itself."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mien.digest.ranks import clock
from mien.digest.record import Moment

SMALL = 96
"""Pixels along a side of a picture in a list."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A moment on a page.

    Args:
        name: what happens in it.
        time: when, seconds.
        clock: the same in words.
        weight: how strongly, in words, or empty.
        side: pixels along a side of the picture.
        picture: a data address, or empty where a page shall hold no pictures.
        points: a path of SVG: a dot for each of the 478 points, in pixels of the picture; shown with the picture only.
    """

    name: str
    time: float
    clock: str
    weight: str
    side: int
    picture: str
    points: str


def shot_of(moment: Moment, with_picture: bool) -> Shot:
    """What a page shows of a moment."""
    weight = "" if moment.weight is None else f"{moment.weight:.2f}"
    side = moment.picture.shape[0]
    points = np.round(np.clip(moment.points, -side, 2 * side), 1)
    path = "".join(f"M{x:g} {y:g}h0" for x, y in points.tolist()) if with_picture else ""
    picture = data_address(jpeg_of(moment)) if with_picture else ""
    return Shot(moment.name, round(moment.time, 3), clock(moment.time), weight, side, picture, path)


def jpeg_of(moment: Moment, side: int | None = None) -> bytes:
    """The picture as a JPEG, at another size if one is given."""
    image, file = Image.fromarray(moment.picture), io.BytesIO()
    if side is not None:
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    image.save(file, "JPEG", quality=85 if side is None else 80)
    return file.getvalue()


def data_address(jpeg: bytes) -> str:
    """An address that is the picture itself; empty for none."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode() if jpeg else ""
