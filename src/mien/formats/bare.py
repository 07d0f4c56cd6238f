"""The bytes of a photo before anything is decoded: its size, checked, and the file freed of its metadata.

Metadata never reaches a decoder: so neither a text bomb nor a garbled EXIF block can do harm. A profile of inks alone
is read, by `images`, once the pixels are there.
"""

import re
import struct
import zlib
from dataclasses import dataclass

from mien.core.errors import InputError

MAX_PIXELS = 50_000_000
"""Pixels of the largest picture that is decoded unless the caller allows more."""

MAX_SIDE = 16_384
"""Pixels along the longest side that is decoded."""

MAX_ASPECT = 100
"""How many times longer than the other a side may be."""


def check_size(width: int, height: int, source: object, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse a picture of a photo or a video by its size in pixels, as its header gives it.

    Raises:
        InputError: E_FORMAT for no width or height, E_ASPECT for a strip, E_TOOBIG above `max_pixels` or `MAX_SIDE`.
    """
    if width <= 0 or height <= 0:
        raise InputError(source, "E_FORMAT", "zero width or height", FETCH)
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
class Bare:
    """A file without its metadata.

    Args:
        data: the file: header, tables, pixels. The transparent colours of a PNG stay, for they are pixels.
        exif: the EXIF block that was taken out.
        profile: the ICC profile that was taken out.
        ended: whether the end mark was there.
        progressive: whether a JPEG comes in passes over the whole picture.
        pictures: how many a PNG says that it holds; an animation has several.
    """

    data: bytes
    exif: bytes = b""
    profile: bytes = b""
    ended: bool = True
    progressive: bool = False
    pictures: int = 1


FETCH = "fetch or export it again"
"""What to do about a file that is not whole."""

_JPEG_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}
"""Markers of APP1 to APP13, APP15 and comments; APP14 says how colours are stored and stays, of APP0 see `_jfif`."""

_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])")


def strip_jpeg(data: bytes, source: object, max_pixels: int) -> Bare:
    """A JPEG without its metadata. Raises `InputError` by its header, and when it ends before its pixels."""
    kept, exif, profile, frame, position = [b"\xff\xd8"], b"", b"", 0, 2
    while True:
        found = _JPEG_MARKER.search(data, position)
        if found is None:
            raise truncated(source, len(data))
        marker, start = found[1][0], found.end()
        if marker == 0xDA:  # the pixels begin
            break
        if marker == 0xD9:
            raise InputError(source, "E_CORRUPT", "the JPEG ends before its pixels", FETCH)
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these stand alone
            position = start
            continue
        end = start + int.from_bytes(data[start : start + 2], "big")
        if len(data) < start + 2 or len(data) < end:
            raise truncated(source, len(data))
        segment = data[start:end]
        if marker in _JPEG_FRAMES:
            if len(segment) < 7:
                raise InputError(source, "E_CORRUPT", "the JPEG header is too short", FETCH)
            frame = marker
            height, width = struct.unpack_from(">HH", segment, 3)
            check_size(width, height, source, max_pixels)
        if marker == 0xE1 and segment[2:8] == b"Exif\0\0":
            exif = exif or segment[8:]
        if marker == 0xE2 and segment[2:14] == b"ICC_PROFILE\0":
            profile += segment[16:]  # parts, in order
        if marker == 0xE0:
            kept.append(_jfif(segment))
        elif marker not in _JPEG_METADATA:
            kept.append(bytes((0xFF, marker)) + segment)
        position = max(end, start)
    if not frame:
        raise InputError(source, "E_CORRUPT", "the JPEG has no header before its pixels", FETCH)
    # What follows the end mark (an archive, a second picture) is nobody's business.
    end = data.find(b"\xff\xd9", start)
    kept += [b"\xff\xda", data[start:] if end < 0 else data[start:end], b"\xff\xd9"]
    return Bare(b"".join(kept), exif, profile, end >= 0, progressive=frame in (0xC2, 0xCA))


def _jfif(segment: bytes) -> bytes:
    """What of an APP0 segment stays: that the file is a JFIF, and its resolution, without the small preview.

    b"" of any other, be it a JFXX, which is a preview and nothing else.
    """
    if segment[2:7] != b"JFIF\0" or len(segment) < 16:
        return b""
    return b"\xff\xe0\0\x10" + segment[2:14] + b"\0\0"


def strip_png(data: bytes, source: object, max_pixels: int) -> Bare:
    """A PNG without its metadata. Raises `InputError` by its header, its checksums, and when a chunk is cut."""
    kept, exif, profile, position, seen = [data[:8]], b"", b"", 8, False
    pictures = 1
    while position < len(data):
        if position + 8 > len(data):
            raise truncated(source, len(data))
        length, name = struct.unpack_from(">I4s", data, position)
        chunk = data[position : position + length + 12]
        if not seen:
            if name != b"IHDR" or length != 13:
                raise InputError(source, "E_CORRUPT", "the PNG does not begin with its header", FETCH)
            if len(chunk) >= 16:
                width, height = struct.unpack_from(">II", chunk, 8)
                check_size(width, height, source, max_pixels)
        if len(chunk) < length + 12:
            raise truncated(source, len(data))
        if name in (b"PLTE", b"tRNS", b"IDAT", b"IEND") or not seen:
            if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
                cause = f"checksum mismatch in the {name.decode()} chunk"
                raise InputError(source, "E_CORRUPT", cause, FETCH)
            kept.append(chunk)
        elif name == b"acTL":
            pictures = int.from_bytes(chunk[8:12], "big")
        elif name == b"eXIf":
            exif = chunk[8:-4]
        elif name == b"iCCP":
            profile = _inflated(chunk[8:-4])
        seen, position = True, position + length + 12
        if name == b"IEND":
            return Bare(b"".join(kept), exif, profile, pictures=pictures)
    # All chunks are whole but the last is missing: the decoder will say whether pixels are.
    return Bare(b"".join([*kept, _PNG_END]), exif, profile, ended=False)


def _inflated(chunk: bytes) -> bytes:
    """The profile in an iCCP chunk; b"" for one that is damaged, or larger than any real one."""
    decoder = zlib.decompressobj()
    try:
        profile = decoder.decompress(chunk.partition(b"\0")[2][1:], _PROFILE_LIMIT)
    except zlib.error:
        return b""
    return profile if decoder.eof else b""


_PROFILE_LIMIT = 2**22
"""Bytes of the largest colour profile that is kept."""

_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


def strip_webp(data: bytes, source: object, max_pixels: int) -> Bare:
    """A WebP as it is. Raises `InputError` by its header, and when it is shorter than that says."""
    if len(data) < 30 or int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise truncated(source, len(data))
    if data[12:16] == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
    elif data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif data[12:16] == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack("<HH", data[26:30]))
    else:
        raise InputError(source, "E_CORRUPT", "the WebP does not begin with its header", FETCH)
    check_size(width, height, source, max_pixels)
    return Bare(data)


_BOXES = (b"ftyp", b"meta", b"mdat", b"moov", b"idat", b"free", b"skip", b"uuid")


def strip_heif(data: bytes, source: object, max_pixels: int) -> Bare:
    """A HEIC or AVIF as it is. Raises `InputError` by the sizes in its header, and when a part of it is cut."""
    position, header = 0, b""
    while data[position + 4 : position + 8] in _BOXES:
        size, name = struct.unpack_from(">I4s", data, position)
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        size = size or len(data) - position
        if name == b"meta":
            header = data[position : position + size]
        if position + size > len(data):
            raise truncated(source, len(data))
        if size < 8:
            break
        position += size
    # One size for the picture, others for its tiles and its preview.
    found = (struct.unpack_from(">II", header, each.end() + 4) for each in re.finditer(b"ispe(?=.{12})", header, re.S))
    width, height = max(found, key=lambda side: side[0] * side[1], default=(-1, -1))
    if width < 0:
        raise InputError(source, "E_CORRUPT", "the header says no size", FETCH)
    check_size(width, height, source, max_pixels)
    return Bare(data)


def truncated(source: object, size: int) -> InputError:
    """What is said of a file of `size` bytes that ends early."""
    return InputError(source, "E_TRUNC", f"truncated: {size} bytes, image incomplete", FETCH)
