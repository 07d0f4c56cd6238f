"""Strong expressions with bars of what mien and MediaPipe read, side by side, to be looked at by eye."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from PIL import Image, ImageDraw, ImageFont
from rich.progress import track
from teacher import Teacher

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import bounds
from mien.core.image import Frame
from mien.data.packs import read_photos
from mien.data.tiles import EXPRESSIVE
from mien.formats.images import write_image
from mien.formats.video import VideoReader
from mien.imaging.board import Tile, board
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice

PACK, PHOTOS, FROM_A_CLIP = "faces-synthetic", 30, 2
ROWS = 13
"""Channels of a tile: those that one of the two reads strongest."""

FACE, SIZE = 230, (560, 250)
OURS, THEIRS = (230, 159, 0), (86, 180, 233)
_INK, _GROUND = (205, 210, 220), (26, 30, 38)
_COLUMNS = [k for k, name in enumerate(ARKIT.columns) if not name.startswith("eyeLook")]


def faces(data: Path) -> Iterator[tuple[str, Array]]:
    """Names and pixels: the validation faces of which the teacher reads most, and frames spread over clips."""
    for pack in read_photos(data)[0]:
        if pack.name == PACK:
            indices = pack.indices("val")
            strength = pack.weights[indices][:, EXPRESSIVE].sum(1)
            for index in indices[np.argsort(-strength)[:PHOTOS]]:
                yield f"{PACK} {index}", pack.pictures.rgb(index)
    for file in sorted((data / "videos").glob("driving-*.mp4")):
        with VideoReader(file) as video:
            count = video.frame_count or FROM_A_CLIP
            wanted = {count * (2 * place + 1) // (2 * FROM_A_CLIP) for place in range(FROM_A_CLIP)}
            for frame in video:
                if frame.index in wanted:
                    yield f"{file.stem} {frame.index}", frame.pixels


def tile(pixels: Array, box: Array, ours: Array, theirs: Array) -> Array:
    """[250, 560, 3] a face, and a pair of bars for each of the channels that are read strongest."""
    room = 0.2 * float((box[2:] - box[:2]).max())
    x0, y0, x1, y1 = (box + np.array([-room, -2 * room, room, room])).tolist()
    canvas = Image.new("RGB", SIZE, _GROUND)
    face = Image.fromarray(pixels).crop((x0, y0, x1, y1))
    face.thumbnail((FACE, FACE))
    canvas.paste(face, (5, 10))
    pen, ink = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    most = np.maximum(ours, theirs)[_COLUMNS]
    for row, place in enumerate(np.argsort(-most)[:ROWS]):
        k = _COLUMNS[place]
        y = 8 + row * 18
        pen.text((FACE + 115, y + 8), ARKIT.columns[k], _INK, ink, anchor="rm")
        for step, (weights, colour) in enumerate(((ours, OURS), (theirs, THEIRS))):
            length = int(200 * float(weights[k]))
            pen.rectangle((FACE + 120, y + 7 * step + 1, FACE + 120 + length, y + 7 * step + 6), fill=colour)
    return np.array(canvas)


def main(data: Path, output: Annotated[Path, tyro.conf.arg(aliases=["-o"])], limit: int | None = None) -> None:
    """Draw strong faces, mien's bars in orange and MediaPipe's in blue.

    Args:
        data: Folder with the packs, videos and MediaPipe's model.
        output: Picture to write; an older one is replaced.
        limit: Faces; all of them when not given.
    """
    capturer = Capturer(CaptureOptions(face=FaceChoice(largest=True)))
    tiles = []
    with Teacher(data, blendshapes=True) as teacher:
        for name, pixels in track(islice(faces(data), limit), "faces", transient=True):
            _, found = next(iter(capturer.stream([Frame(pixels)])))
            seen = teacher.see(pixels)
            if found and seen is not None:
                ours = found[0].state.expression.weights
                box = bounds(found[0].landmarks.points)
                tiles.append(Tile(name, tile(pixels, box, ours, seen.weights)))
    write_image(board(tiles, 3, "Strong expressions: mien orange, MediaPipe blue", SIZE), output, overwrite=True)
    print(f"wrote {output}")


if __name__ == "__main__":
    tyro.cli(main)
