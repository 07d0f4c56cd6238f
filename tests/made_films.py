"""Small videos and photos for tests, as bytes: coarse noise, four quarters, slides at any time, an index in front."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from io import BytesIO

import av
import numpy as np
from PIL import Image

from mien.core.arrays import Array

FRAMES = 30
CORNERS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0))


def quarters(width: int = 64, height: int = 48) -> Array:
    """[H, W, 3]: red, green, blue and black, clockwise from the top left but for the last two."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for number, colour in enumerate(CORNERS):
        y, x = divmod(number, 2)
        pixels[y * height // 2 : (y + 1) * height // 2, x * width // 2 : (x + 1) * width // 2] = colour
    return pixels


def corners(pixels: Array) -> list[int]:
    """Which of `CORNERS` stands in each corner, from the top left by rows."""
    found = [pixels[y, x].astype(int) for y in (5, -5) for x in (5, -5)]
    return [int(np.abs(np.array(CORNERS) - colour).sum(1).argmin()) for colour in found]


@cache
def film(
    kind: str = "mp4", codec: str = "libx264", rotation: int | None = None, mirrored: bool = False, early: bool = False
) -> bytes:
    """30 frames of coarse noise at 25 a second; with a rotation, of `quarters`."""
    file, noise = BytesIO(), np.random.default_rng(0)
    with av.open(
        file, "w", format=kind, options={"movflags": "frag_keyframe+empty_moov"} if early else {}
    ) as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=mirrored)
        for _ in range(FRAMES):
            grain = noise.integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
            pixels = grain if rotation is None else quarters()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def index_first(data: bytes) -> bytes:
    """The same MP4 with its index before its samples, as for streaming."""
    boxes, position = {}, 0
    while position < len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        boxes[name], position = data[position : position + size], position + size
    moov = bytearray(boxes[b"moov"])
    table = moov.index(b"stco")
    (count,) = struct.unpack_from(">I", moov, table + 8)
    for entry in range(table + 12, table + 12 + 4 * count, 4):
        (offset,) = struct.unpack_from(">I", moov, entry)
        struct.pack_into(">I", moov, entry, offset + len(moov))
    return boxes[b"ftyp"] + bytes(moov) + boxes.get(b"free", b"") + boxes[b"mdat"]


def photo(width: int = 64, height: int = 48) -> bytes:
    file = BytesIO()
    Image.fromarray(quarters(width, height)).save(file, "JPEG")
    return file.getvalue()


def slides(pictures: Sequence[bytes], stamps: Sequence[int], kind: str = "matroska") -> bytes:
    """A video whose frames are JPEG files, at the given milliseconds."""
    file = BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        container.start_encoding()
        for data, stamp in zip(pictures, stamps, strict=True):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = stamp
            container.mux_one(packet)
    return file.getvalue()
