"""The bad and the odd files that people feed a capture, made anew: each with the code and words that must come of it.

Numbers are those of the list that the project holds itself to; an empty code means that the file is read.
"""

import os
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from made_films import FRAMES, film, index_first, photo, slides
from PIL import Image
from portraits import blank, noise, placed

from mien.core.arrays import Array

NOWHERE = "http://127.0.0.1:9/a.ts"
"""An address where nobody listens; nothing may ever try."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """One file.

    Args:
        number: of the kind it is one of.
        name: what it is called.
        make: makes it at a path.
        code: of the error; "" when the file is read.
        words: part of the cause.
        notes: codes of what is noticed.
        faces: how many are found, or None where that is not the point.
    """

    number: int
    name: str
    make: Callable[[Path], object]
    code: str = ""
    words: str = ""
    notes: tuple[str, ...] = ()
    faces: int | None = None


@cache
def face() -> Array:
    """[200, 240, 3] one face."""
    return placed((120, 100))[0]


def encoded(pixels: Array | Image.Image, kind: str, **options: object) -> bytes:
    """A photo file."""
    file = BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def jpeg(progressive: bool = False) -> bytes:
    """A JPEG of the face."""
    return encoded(face(), "JPEG", quality=90, progressive=progressive)


@cache
def png() -> bytes:
    """A PNG of the face."""
    return encoded(face(), "PNG")


@cache
def webp() -> bytes:
    """A WebP of the face."""
    return encoded(face(), "WEBP", quality=90)


def chunk(name: bytes, content: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of(width: int, height: int, *rest: bytes) -> bytes:
    """A PNG that says to be of this size, 1 bit, and goes on with `rest`."""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)) + b"".join(rest)


def bomb(width: int, height: int) -> bytes:
    """A whole black PNG of 1 bit that inflates to `width * height / 8` bytes."""
    packer, row = zlib.compressobj(9), bytes(1 + (width + 7) // 8)
    packed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    return png_of(width, height, chunk(b"IDAT", packed), chunk(b"IEND", b""))


def oriented(value: int, kind: str = "JPEG") -> bytes:
    """The face, with an EXIF orientation, stored so that it is upright where that exists."""
    exif = Image.Exif()
    exif[0x0112] = value
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    image = Image.fromarray(face())
    if value in back:
        image = image.transpose(Image.Transpose(back[value]))
    return encoded(image, kind, exif=exif, quality=95)


def zeroed(data: bytes, start: float, end: float) -> bytes:
    """The file with zeros from one share of its length to another."""
    first, last = int(start * len(data)), int(end * len(data))
    return data[:first] + bytes(last - first) + data[last:]


def flipped(data: bytes, count: int, start: int, end: int, seed: int = 3) -> bytes:
    """The file with bits turned over, between two places."""
    changed, chance = bytearray(data), random.Random(seed)
    for _ in range(count):
        changed[chance.randrange(start, end)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def samples(data: bytes) -> tuple[int, int]:
    """Where the samples of an MP4 with its index at the end begin and end."""
    return data.index(b"mdat") + 4, data.index(b"moov") - 4


def sound() -> bytes:
    """An MP4 of sound alone."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def filmed(pixels: Array, pixel_format: str = "yuv420p", count: int = 6, x264: str = "") -> bytes:
    """An MP4 that shows one picture, in other colours than usual if asked; `x264` are parameters of the coder."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = pixel_format
        if x264:
            stream.options = {"x264-params": x264}
        for _ in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


_BRIGHT = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
"""What says that a video is of high dynamic range (HDR10)."""


def of(data: bytes | Callable[[], bytes]) -> Callable[[Path], object]:
    """Writes bytes, made when they are wanted."""
    return lambda path: path.write_bytes(data() if callable(data) else data)


def _sixteen() -> bytes:
    return encoded(Image.fromarray(face()[..., 1].astype(np.uint16) * 257), "PNG")


def _with_alpha(level: int) -> bytes:
    return encoded(np.dstack([face(), np.full(face().shape[:2], level, np.uint8)]), "PNG")


def _moving(kind: str) -> bytes:
    more = [Image.fromarray(blank()), Image.fromarray(noise())]
    return encoded(Image.fromarray(face()), kind, save_all=True, append_images=more, lossless=True)


def _text_bomb() -> bytes:
    large = zlib.compress(bytes(64 * 2**20))
    return png()[:33] + chunk(b"zTXt", b"a\0\0" + large) + chunk(b"iCCP", b"a\0\0" + large) + png()[33:]


def _crowd() -> bytes:
    return encoded(np.tile(placed((75, 80), 0.8, 0, 150, 160)[0], (3, 3, 1)), "PNG")


def _four_thousand() -> bytes:
    return filmed(np.zeros((2160, 4096, 3), np.uint8), count=2)


def _without_samples() -> bytes:
    start, end = samples(film())
    return film()[:start] + bytes(end - start) + film()[end:]


def _turned(orientation: int) -> Callable[[], bytes]:
    return lambda: oriented(orientation)


def _in_mode(mode: str) -> Callable[[], bytes]:
    return lambda: encoded(Image.fromarray(face()).convert(mode), "PNG")


PHOTOS: tuple[Hostile, ...] = (
    Hostile(1, "empty.jpg", of(b""), "E_EMPTY", "file is empty (0 bytes)"),
    Hostile(2, "text.jpg", of(b"this is text"), "E_FORMAT", "not an image or a video; starts with 'this is text'"),
    Hostile(2, "random.jpg", of(random.Random(0).randbytes(999)), "E_FORMAT", "not an image or a video; starts with"),
    Hostile(3, "page.jpg", of(b"<!DOCTYPE html><html>"), "E_FORMAT", "looks like an HTML page (failed download?)"),
    Hostile(4, "lfs.jpg", of(b"version https://git-lfs.github.com/spec/v1\n"), "E_LFS", "content was never fetched"),
    Hostile(5, "jpeg.png", of(jpeg), notes=("format_mismatch",), faces=1),
    Hostile(6, "half.jpg", of(lambda: jpeg()[: len(jpeg()) // 2]), "E_TRUNC", "bytes, image incomplete"),
    Hostile(6, "half-progressive.jpg", of(lambda: jpeg(True)[: len(jpeg(True)) // 2]), "E_TRUNC", "image incomplete"),
    Hostile(7, "head.jpg", of(lambda: jpeg()[:100]), "E_TRUNC", "truncated: 100 bytes, image incomplete"),
    Hostile(8, "no-end.jpg", of(lambda: jpeg()[:-2]), notes=("missing_eoi",), faces=1),
    Hostile(8, "no-end-progressive.jpg", of(lambda: jpeg(True)[:-2]), notes=("missing_eoi",), faces=1),
    Hostile(9, "flips.jpg", of(lambda: flipped(jpeg(), 40, 700, len(jpeg()) - 2)), "E_CORRUPT", "corrupt data in the"),
    Hostile(10, "zeroed.jpg", of(lambda: zeroed(jpeg(), 1 / 3, 2 / 3)), "E_CORRUPT", "corrupt data in the JPEG"),
    Hostile(10, "zeroed-progressive.jpg", of(lambda: zeroed(jpeg(True), 1 / 3, 2 / 3)), "E_CORRUPT", "corrupt data"),
    Hostile(11, "cut.png", of(lambda: png()[: len(png()) // 2]), "E_TRUNC", "image incomplete"),
    Hostile(11, "sum.png", of(lambda: flipped(png(), 1, 100, 200)), "E_CORRUPT", "checksum mismatch in the IDAT chunk"),
    Hostile(12, "cut.webp", of(lambda: webp()[: len(webp()) // 2]), "E_TRUNC", "image incomplete"),
    Hostile(13, "bomb.png", of(lambda: bomb(20_000, 20_000)), "E_TOOBIG", "400 MP > limit 50 MP"),
    Hostile(14, "small-bomb.png", of(lambda: bomb(11_000, 11_000)), "E_TOOBIG", "121 MP > limit 50 MP"),
    Hostile(
        15, "bomb.webp",
        of(b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f" + struct.pack("<I", 9459 | 9459 << 14) + bytes(9)),
        "E_TOOBIG", "89.5 MP > limit 50 MP",
    ),
    Hostile(16, "lie.png", of(png_of(100_000, 100_000)), "E_TOOBIG", "10000 MP > limit"),
    Hostile(16, "great-lie.png", of(png_of(2_000_000_000, 2_000_000_000)), "E_TOOBIG", "MP > limit 50 MP"),
    Hostile(
        16, "lie.jpg", of(lambda: jpeg().replace(struct.pack(">HH", 200, 240), struct.pack(">HH", 65500, 65500))),
        "E_TOOBIG", "4290.2 MP > limit 50 MP",
    ),
    Hostile(17, "zero.png", of(png_of(0, 0)), "E_FORMAT", "zero width or height"),
    Hostile(18, "one.png", of(lambda: encoded(blank(1, 1), "PNG")), notes=("W_SMALL",), faces=0),
    Hostile(18, "eight.jpg", of(lambda: encoded(noise(8, 8), "JPEG")), notes=("W_SMALL",), faces=0),
    Hostile(19, "wide.png", of(png_of(60_000, 1)), "E_ASPECT", "is a strip"),
    Hostile(19, "high.png", of(png_of(1, 60_000)), "E_ASPECT", "is a strip"),
    Hostile(20, "texts.png", of(_text_bomb), faces=1),
    *(Hostile(21, f"turned-{k}.jpg", of(_turned(k)), faces=1) for k in range(2, 9)),
    Hostile(22, "turned-99.jpg", of(lambda: oriented(99)), notes=("exif_invalid",), faces=1),
    Hostile(
        22, "garbage.jpg", of(lambda: encoded(face(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", quality=95)),
        notes=("exif_invalid",), faces=1,
    ),
    Hostile(23, "cmyk.jpg", of(lambda: encoded(Image.fromarray(face()).convert("CMYK"), "JPEG", quality=95)), faces=1),
    *(
        Hostile(24, f"{mode}.png", of(_in_mode(mode)), faces=1)
        for mode in ("L", "LA", "P")
    ),
    Hostile(24, "bits.png", of(lambda: encoded(Image.fromarray(face()).convert("1"), "PNG"))),
    Hostile(25, "sixteen.png", of(_sixteen), faces=1),
    Hostile(26, "alpha.png", of(lambda: _with_alpha(0)), notes=("transparent",), faces=1),
    Hostile(26, "half-alpha.png", of(lambda: _with_alpha(128)), faces=1),
    Hostile(27, "nan.tif", of(lambda: encoded(Image.new("F", (8, 8), float("nan")), "TIFF")), "E_FORMAT", "TIFF"),
    Hostile(28, "moving.webp", of(lambda: _moving("WEBP")), notes=("animated",), faces=1),
    Hostile(28, "moving.png", of(lambda: _moving("PNG")), notes=("animated",), faces=1),
    Hostile(29, "moving.gif", of(lambda: _moving("GIF")), "E_FORMAT", "GIF is not read"),
    Hostile(30, "drawing.png", of(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "E_FORMAT", "drawings and documents"),
    Hostile(30, "post.jpg", of(b"%!PS-Adobe-3.0 EPSF-3.0\n"), "E_FORMAT", "drawings and documents are not read"),
    Hostile(31, "polyglot.jpg", of(lambda: jpeg() + b"PK\3\4<html>\xff\xd8\xff\xd9"), faces=1),
)  # fmt: skip
"""Kinds 1 to 31."""

PLACES: tuple[Hostile, ...] = (
    Hostile(32, "folder.jpg/inside.jpg", lambda path: path.parent.mkdir(exist_ok=True), "E_NOTFILE", "no such file"),
    Hostile(32, "dangling.jpg", lambda path: path.symlink_to("nowhere"), "E_NOTFILE", "no such file"),
    Hostile(32, "ring.jpg", lambda path: path.symlink_to(path), "E_NOTFILE"),
    Hostile(33, "pipe.jpg", os.mkfifo, "E_NOTFILE", "a pipe, socket or device, not a file"),
    Hostile(33, "video-pipe.mp4", os.mkfifo, "E_NOTFILE", "a pipe, socket or device, not a file"),
    Hostile(33, "device.jpg", lambda path: path.symlink_to("/dev/zero"), "E_NOTFILE", "a pipe, socket or device"),
    *(
        Hostile(35 if b"\xff" in name else 36, os.fsdecode(name), of(jpeg), faces=1)
        for name in (
            *(b"bad\xff\xfename.jpg", b"two\nlines.jpg", b"quote\"s'.jpg", "\N{GRINNING FACE}.jpg".encode()),
            *(b"-leads.jpg", b"%d.jpg", b"=1+1.jpg", b"x" * 251 + b".jpg", b"\x1b[31mred.jpg"),
        )
    ),
)  # fmt: skip
"""Kinds 32 to 36, but for what only another user may not read."""


VIDEOS: tuple[Hostile, ...] = (
    Hostile(38, "empty.mp4", of(b""), "E_EMPTY", "0 bytes"),
    Hostile(38, "text.mp4", of(b"this is text"), "E_FORMAT", "not an image or a video"),
    Hostile(39, "no-index.mp4", of(lambda: film()[: len(film()) // 2]), "E_TRUNC", "video index missing"),
    Hostile(40, "cut.mp4", of(lambda: index_first(film())[: len(film()) * 7 // 10]), words=f"of {FRAMES} frames"),
    Hostile(41, "flips.mp4", of(lambda: flipped(film(), 300, *samples(film()))), words=f"of {FRAMES} frames could"),
    Hostile(42, "zeros.mp4", of(_without_samples), "E_CORRUPT", f"0 of {FRAMES} frames decodable"),
    Hostile(43, "sound.mp4", of(sound), "E_NOVIDEO", "no video stream"),
    Hostile(43, "nothing.avi", of(lambda: slides([], [], "avi")), "E_NOVIDEO", "the video holds no frames"),
    Hostile(44, "still.mp4", of(jpeg), notes=("format_mismatch",), faces=1),
    Hostile(45, "uneven.mkv", of(lambda: slides([photo()] * 4, [0, 40, 100, 400]))),
    Hostile(45, "negative.mkv", of(lambda: slides([photo()] * 4, [-80, -40, 0, 40]))),
    Hostile(45, "twice.mkv", of(lambda: slides([photo()] * 4, [0, 40, 40, 80]))),
    Hostile(45, "turned.mp4", of(lambda: film(rotation=90))),
    Hostile(45, "ten-bits.mp4", of(lambda: filmed(face(), "yuv420p10le")), faces=1),
    Hostile(45, "interlaced.mp4", of(lambda: filmed(face(), x264="interlaced=1")), faces=1),
    Hostile(45, "bright.mp4", of(lambda: filmed(face(), "yuv420p10le", x264=_BRIGHT)), faces=1),
    Hostile(45, "full-colour.mp4", of(lambda: filmed(face()[:199, :239], "yuv444p")), faces=1),
    Hostile(45, "changes.mkv", of(lambda: slides([photo(), photo(), photo(32, 32)], [0, 40, 80])), "E_FORMAT",
            "resolution changes at frame 2"),
    Hostile(46, "large.mp4", of(_four_thousand), faces=0),
    Hostile(47, "list.mp4", of(f"#EXTM3U\n#EXTINF:1,\n{NOWHERE}\n".encode()), "E_FORMAT", "playlists are not read"),
    Hostile(47, "joined.mp4", of(b"ffconcat version 1.0\nfile /etc/hostname\n"), "E_FORMAT", "playlists are not read"),
    Hostile(47, "session.mp4", of(b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n"), "E_FORMAT", "playlists are not read"),
    Hostile(48, "locked.mp4", of(lambda: film().replace(b"avc1", b"encv")), "E_CODEC", "codec"),
)  # fmt: skip
"""Kinds 38 to 48. A video that is damaged is read, and its words are those of the warning."""

CONTENTS: tuple[Hostile, ...] = (
    Hostile(49, "nobody.png", of(lambda: encoded(blank(), "PNG")), faces=0),
    Hostile(49, "crowd.png", of(_crowd), faces=9),
    Hostile(49, "half.png", of(lambda: encoded(face()[:, :120], "PNG"))),
    Hostile(50, "black.png", of(lambda: encoded(blank(level=0), "PNG")), faces=0),
    Hostile(50, "white.png", of(lambda: encoded(blank(level=255), "PNG")), faces=0),
    Hostile(50, "noise.png", of(lambda: encoded(noise(), "PNG")), faces=0),
)  # fmt: skip
"""Kinds 49 and 50."""

HOSTILE = (*PHOTOS, *PLACES, *VIDEOS, *CONTENTS)
