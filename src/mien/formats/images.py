"""Photos: JPEG, PNG and WebP to upright RGB pixels, and back.

What a picture weighs is read from its header before anything is decoded. Metadata never reaches a decoder: only the
orientation is taken from it, here, so neither a text bomb nor a garbled EXIF block can do harm. The decoder is the
one that the first bytes ask for; a name decides nothing when reading.
"""

import re
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from os import fspath
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo
from PIL.WebPImagePlugin import WebPImageFile

from mien.core.arrays import Array
from mien.core.errors import InputError, UsageError
from mien.core.image import Frame
from mien.formats.files import MediaKind, StrPath, check_replaceable, kind_of, read_bytes, replacing

MAX_PIXELS = 50_000_000
"""Pixels of the largest picture that is decoded unless the caller allows more."""

MAX_SIDE = 16_384
"""Pixels along the longest side that is decoded."""

MAX_ASPECT = 100
"""How many times longer than the other a side may be."""


def read_image(path: StrPath, max_pixels: int = MAX_PIXELS) -> Frame:
    """The photo at `path`, upright: pixels [H, W, 3] RGB uint8, time 0, index 0.

    Raises:
        InputError: what `read_bytes` and `decode_image` raise.
    """
    return decode_image(read_bytes(path), fspath(path), max_pixels)


def decode_image(data: bytes, source: object, max_pixels: int = MAX_PIXELS) -> Frame:
    """A JPEG, PNG or WebP file held in memory, as an upright picture: pixels [H, W, 3] RGB uint8, time 0, index 0.

    The EXIF orientation is applied once; an orientation that does not exist is ignored. 16-bit samples are scaled to
    8 bit, never clipped. Alpha is dropped and the colour under it kept. Of an animation it is the first picture.

    Args:
        data: the content of the file.
        source: what to call it in a message.
        max_pixels: the most pixels it may have, width times height.

    Raises:
        InputError: E_FORMAT, E_LFS or E_EMPTY for what is no photo; E_TOOBIG and E_ASPECT from the header, before
            decoding; E_TRUNC, E_CORRUPT.
    """
    kind = kind_of(data[:64], source)
    if not kind.is_still:
        raise InputError(source, "E_FORMAT", f"a video ({kind.value}), not a photo", "read it as a video")
    strip = {MediaKind.JPEG: _strip_jpeg, MediaKind.PNG: _strip_png, MediaKind.WEBP: _strip_webp}[kind]
    bare = strip(data, source, max_pixels)
    image = _decoded(kind, bare, len(data), source)
    if kind is MediaKind.JPEG:
        _check_jpeg(image, bare, len(data), source)
    exif = bare.exif or image.info.get("exif", b"")
    return Frame(_upright(_rgb(image), _orientation(exif)))


def write_image(pixels: Array, path: StrPath, overwrite: bool = False, comment: str = "") -> None:
    """Write `pixels` [H, W, 3] RGB uint8 as PNG (exact), JPEG or WebP (close), by the suffix of `path`.

    Args:
        pixels: the picture.
        path: the file.
        overwrite: whether a file that is there already may be replaced.
        comment: what the file says about itself: as the text `Comment` of a PNG, as EXIF's description elsewhere.

    Raises:
        UsageError: E_FORMAT, the suffix is none of .png, .jpg, .jpeg, .webp.
        OutputError: what `replacing` raises; the folder is then as it was.
        ValueError: the pixels have another shape or type.
    """
    check_picture(path, overwrite)
    image = Image.fromarray(np.ascontiguousarray(Frame(pixels).pixels))
    name, options = _ENCODINGS[Path(path).suffix.lower()]
    with replacing(path, overwrite) as temporary:
        image.save(temporary, format=name, **options, **_remark(name, comment))


def check_picture(path: StrPath, overwrite: bool = False) -> None:
    """Refuses, before a picture is made, a name under which `write_image` would not write it. Raises as it does."""
    suffix = Path(path).suffix.lower()
    if suffix not in _ENCODINGS:
        known = ", ".join(_ENCODINGS)
        raise UsageError(path, "E_FORMAT", f"pictures are not written as '{suffix}'", f"end the name in one of {known}")
    check_replaceable(Path(path), overwrite)


def _remark(name: str, comment: str) -> dict[str, PngInfo | Image.Exif]:
    """What Pillow's encoder is given for a file to carry a comment."""
    if not comment:
        return {}
    if name == "PNG":
        text = PngInfo()
        text.add_text("Comment", comment)
        return {"pnginfo": text}
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = comment
    return {"exif": exif}


_ENCODINGS: dict[str, tuple[str, dict[str, int]]] = {
    ".png": ("PNG", {"compress_level": 4}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95}),
}


def check_size(width: int, height: int, source: object, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse a picture of a photo or a video by its size in pixels, as its header gives it.

    Raises:
        InputError: E_FORMAT for no width or height, E_ASPECT for a strip, E_TOOBIG above `max_pixels` or `MAX_SIDE`.
    """
    if width <= 0 or height <= 0:
        raise InputError(source, "E_FORMAT", "zero width or height", _FETCH)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InputError(source, "E_ASPECT", f"{width} x {height} is a strip, over {MAX_ASPECT}:1", "crop it")
    if width * height > max_pixels:
        cause = f"{_megapixels(width * height)} MP > limit {_megapixels(max_pixels)} MP"
        raise InputError(source, "E_TOOBIG", cause, "--max-pixels raises it")
    if max(width, height) > MAX_SIDE:
        cause = f"a side of {max(width, height)} px > limit {MAX_SIDE} px"
        raise InputError(source, "E_TOOBIG", cause, "save a smaller copy")


def _megapixels(count: int) -> str:
    return f"{count / 1e6:.1f}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class _Bare:
    """A file without its metadata: `exif` is what was taken out, `ended` whether its end mark was there."""

    data: bytes
    exif: bytes = b""
    ended: bool = True
    progressive: bool = False


_FETCH = "fetch or export it again"

_JPEG_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}
"""Markers of APP1 to APP13, APP15 and comments; APP0 and APP14 say how colours are stored and stay."""

_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])")


def _strip_jpeg(data: bytes, source: object, max_pixels: int) -> _Bare:
    kept, exif, frame, position = [b"\xff\xd8"], b"", 0, 2
    while True:
        found = _JPEG_MARKER.search(data, position)
        if found is None:
            raise _truncated(source, len(data))
        marker, start = found[1][0], found.end()
        if marker == 0xDA:  # the pixels begin
            break
        if marker == 0xD9:
            raise InputError(source, "E_CORRUPT", "the JPEG ends before its pixels", _FETCH)
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these stand alone
            position = start
            continue
        end = start + int.from_bytes(data[start : start + 2], "big")
        if len(data) < start + 2 or len(data) < end:
            raise _truncated(source, len(data))
        segment = data[start:end]
        if marker in _JPEG_FRAMES:
            if len(segment) < 7:
                raise InputError(source, "E_CORRUPT", "the JPEG header is too short", _FETCH)
            frame = marker
            height, width = struct.unpack_from(">HH", segment, 3)
            check_size(width, height, source, max_pixels)
        if marker == 0xE1 and segment[2:8] == b"Exif\0\0":
            exif = exif or segment[8:]
        if marker not in _JPEG_METADATA:
            kept.append(bytes((0xFF, marker)) + segment)
        position = max(end, start)
    if not frame:
        raise InputError(source, "E_CORRUPT", "the JPEG has no header before its pixels", _FETCH)
    # What follows the end mark (an archive, a second picture) is nobody's business.
    end = data.find(b"\xff\xd9", start)
    kept += [b"\xff\xda", data[start:] if end < 0 else data[start:end], b"\xff\xd9"]
    return _Bare(b"".join(kept), exif, ended=end >= 0, progressive=frame in (0xC2, 0xCA))


def _strip_png(data: bytes, source: object, max_pixels: int) -> _Bare:
    kept, exif, position, seen = [data[:8]], b"", 8, False
    while position < len(data):
        if position + 8 > len(data):
            raise _truncated(source, len(data))
        length, name = struct.unpack_from(">I4s", data, position)
        chunk = data[position : position + length + 12]
        if not seen:
            if name != b"IHDR" or length != 13:
                raise InputError(source, "E_CORRUPT", "the PNG does not begin with its header", _FETCH)
            if len(chunk) >= 16:
                width, height = struct.unpack_from(">II", chunk, 8)
                check_size(width, height, source, max_pixels)
        if len(chunk) < length + 12:
            raise _truncated(source, len(data))
        if name in (b"PLTE", b"IDAT", b"IEND") or not seen:
            if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
                cause = f"checksum mismatch in the {name.decode()} chunk"
                raise InputError(source, "E_CORRUPT", cause, _FETCH)
            kept.append(chunk)
        elif name == b"eXIf":
            exif = chunk[8:-4]
        seen, position = True, position + length + 12
        if name == b"IEND":
            return _Bare(b"".join(kept), exif)
    # All chunks are whole but the last is missing: the decoder will say whether pixels are.
    return _Bare(b"".join([*kept, _PNG_END]), exif, ended=False)


_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


def _strip_webp(data: bytes, source: object, max_pixels: int) -> _Bare:
    if len(data) < 30 or int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise _truncated(source, len(data))
    if data[12:16] == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
    elif data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif data[12:16] == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack("<HH", data[26:30]))
    else:
        raise InputError(source, "E_CORRUPT", "the WebP does not begin with its header", _FETCH)
    check_size(width, height, source, max_pixels)
    return _Bare(data)


def _truncated(source: object, size: int) -> InputError:
    return InputError(source, "E_TRUNC", f"truncated: {size} bytes, image incomplete", _FETCH)


_DECODERS: dict[MediaKind, type[ImageFile]] = {
    MediaKind.JPEG: JpegImageFile,
    MediaKind.PNG: PngImageFile,
    MediaKind.WEBP: WebPImageFile,
}
"""Asked directly, not through `Image.open`: no other format is tried, and its global limit with its warning does not
apply, for the size has been checked."""

_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, struct.error)
"""What Pillow's decoders raise when a file is not what it says."""


def _decoded(kind: MediaKind, bare: _Bare, size: int, source: object) -> Image.Image:
    try:
        image = _DECODERS[kind](BytesIO(bare.data))
        image.load()
    except Image.DecompressionBombError as error:
        raise InputError(source, "E_TOOBIG", "too many pixels for this format", "save a smaller copy") from error
    except _DECODER_ERRORS as error:
        if not bare.ended or "truncated" in str(error):
            raise _truncated(source, size) from error
        raise InputError(source, "E_CORRUPT", f"corrupt data in the {kind.value}", _FETCH) from error
    return image


def _check_jpeg(image: Image.Image, bare: _Bare, size: int, source: object) -> None:
    """Refuse a JPEG whose pixel data is broken or stops early.

    Pillow hides libjpeg's warnings and returns wrong pixels for nearly every damaged file; FFmpeg's strict decoder
    refuses them, at the price of decoding twice. A JPEG that lacks only its end mark passes.
    """
    if not bare.ended:
        # A later pass of a progressive picture may be missing without a trace. In any other, bytes put after the last
        # one change the pixels when those had not all been there; two fillings, lest one equal what is missing.
        paddings = (
            _Bare(bare.data[:-2] + filling * 64 + bare.data[-2:], ended=False) for filling in (b"\x55", b"\xaa")
        )
        pixels = image.tobytes()
        if bare.progressive or any(_decoded(MediaKind.JPEG, p, size, source).tobytes() != pixels for p in paddings):
            raise _truncated(source, size)
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.options = {"err_detect": "explode"}
    try:
        decoder.decode(av.Packet(bare.data))
    except InvalidDataError as error:
        if not bare.ended:
            raise _truncated(source, size) from error
        raise InputError(source, "E_CORRUPT", "corrupt data in the JPEG", _FETCH) from error
    except FFmpegError:
        return  # a rare kind of JPEG that Pillow reads and FFmpeg does not: no second opinion


def _rgb(image: Image.Image) -> Array:
    """[H, W, 3] uint8 of any picture that the three decoders make."""
    if image.mode.startswith("I"):  # 16-bit grey, which `convert` would clip at 255
        grey = np.asarray(image).astype(np.uint32)
        return np.repeat(((grey + 128) // 257).astype(np.uint8)[:, :, None], 3, axis=2)
    return np.asarray(image.convert("RGB"))


def _orientation(exif: bytes) -> int:
    """1 to 8, the EXIF orientation; 1 when there is none or it makes no sense."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * entry)
            if tag == 0x0112:
                return int(value) if kind == 3 and 1 <= value <= 8 else 1
    except struct.error:  # the block ends early
        return 1
    return 1


def _upright(pixels: Array, orientation: int) -> Array:
    """`pixels` [H, W, 3] turned and mirrored as EXIF `orientation` asks."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
