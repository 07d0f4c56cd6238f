"""The bytes of a photo: checked by its header, freed of its metadata, decoded; what was taken out is handed over.

What a picture weighs is read from its header before anything is decoded. Metadata never reaches a decoder: so neither a
text bomb nor a garbled EXIF block can do harm. The decoder is the one that the first bytes ask for; a name decides
nothing when reading.
"""

import re
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO

import av
from av.error import FFmpegError, InvalidDataError
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from mien.core.errors import InputError
from mien.formats.files import MediaKind, kind_of

MAX_PIXELS = 50_000_000
"""Pixels of the largest picture that is decoded unless the caller allows more."""

MAX_SIDE = 16_384
"""Pixels along the longest side that is decoded."""

MAX_ASPECT = 100
"""How many times longer than the other a side may be."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A photo, decoded as it is stored: not turned upright, in its own mode.

    Args:
        kind: its format.
        bare: the file without metadata, and the metadata.
        image: the pixels.
    """

    kind: MediaKind
    bare: "Bare"
    image: Image.Image

    @property
    def orientation(self) -> int:
        """1 to 8, the EXIF orientation; 1 when there is none or it makes no sense."""
        return _orientation(self.exif)

    @property
    def exif(self) -> bytes:
        """The EXIF block from its byte order mark on, as it stands in the file; b"" when there is none."""
        return (self.bare.exif or self.image.info.get("exif", b"")).removeprefix(b"Exif\0\0")

    @property
    def profile(self) -> bytes:
        """The ICC profile, as it stands in the file; b"" when there is none."""
        return self.bare.profile or self.image.info.get("icc_profile") or b""


def open_image(data: bytes, source: object, max_pixels: int = MAX_PIXELS) -> Opened:
    """A JPEG, PNG or WebP file held in memory, decoded. Arguments and errors are those of `images.decode_image`."""
    kind = kind_of(data[:64], source)
    if not kind.is_still:
        raise InputError(source, "E_FORMAT", f"a video ({kind.value}), not a photo", "read it as a video")
    strip = {MediaKind.JPEG: _strip_jpeg, MediaKind.PNG: _strip_png, MediaKind.WEBP: _strip_webp}[kind]
    bare = strip(data, source, max_pixels)
    image = _decoded(kind, bare, len(data), source)
    if kind is MediaKind.JPEG:
        _check_jpeg(image, bare, len(data), source)
    return Opened(kind, bare, image)


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
class Bare:
    """A file without its metadata.

    Args:
        data: the file: header, tables, pixels. The transparent colours of a PNG stay, for they are pixels.
        exif: the EXIF block that was taken out.
        profile: the ICC profile that was taken out.
        ended: whether the end mark was there.
        progressive: whether a JPEG comes in passes over the whole picture.
    """

    data: bytes
    exif: bytes = b""
    profile: bytes = b""
    ended: bool = True
    progressive: bool = False


_FETCH = "fetch or export it again"

_JPEG_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}
"""Markers of APP1 to APP13, APP15 and comments; APP0 and APP14 say how colours are stored and stay."""

_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])")


def _strip_jpeg(data: bytes, source: object, max_pixels: int) -> Bare:
    kept, exif, profile, frame, position = [b"\xff\xd8"], b"", b"", 0, 2
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
        if marker == 0xE2 and segment[2:14] == b"ICC_PROFILE\0":
            profile += segment[16:]  # parts, in order
        if marker not in _JPEG_METADATA:
            kept.append(bytes((0xFF, marker)) + segment)
        position = max(end, start)
    if not frame:
        raise InputError(source, "E_CORRUPT", "the JPEG has no header before its pixels", _FETCH)
    # What follows the end mark (an archive, a second picture) is nobody's business.
    end = data.find(b"\xff\xd9", start)
    kept += [b"\xff\xda", data[start:] if end < 0 else data[start:end], b"\xff\xd9"]
    return Bare(b"".join(kept), exif, profile, end >= 0, progressive=frame in (0xC2, 0xCA))


def _strip_png(data: bytes, source: object, max_pixels: int) -> Bare:
    kept, exif, profile, position, seen = [data[:8]], b"", b"", 8, False
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
        if name in (b"PLTE", b"tRNS", b"IDAT", b"IEND") or not seen:
            if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
                cause = f"checksum mismatch in the {name.decode()} chunk"
                raise InputError(source, "E_CORRUPT", cause, _FETCH)
            kept.append(chunk)
        elif name == b"eXIf":
            exif = chunk[8:-4]
        elif name == b"iCCP":
            profile = _inflated(chunk[8:-4])
        seen, position = True, position + length + 12
        if name == b"IEND":
            return Bare(b"".join(kept), exif, profile)
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


def _strip_webp(data: bytes, source: object, max_pixels: int) -> Bare:
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
    return Bare(data)


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


def _decoded(kind: MediaKind, bare: Bare, size: int, source: object) -> Image.Image:
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


def _check_jpeg(image: Image.Image, bare: Bare, size: int, source: object) -> None:
    """Refuse a JPEG whose pixel data is broken or stops early.

    Pillow hides libjpeg's warnings and returns wrong pixels for nearly every damaged file; FFmpeg's strict decoder
    refuses them, at the price of decoding twice. A JPEG that lacks only its end mark passes.
    """
    if not bare.ended:
        # A later pass of a progressive picture may be missing without a trace. In any other, bytes put after the last
        # one change the pixels when those had not all been there; two fillings, lest one equal what is missing.
        paddings = (Bare(bare.data[:-2] + filling * 64 + bare.data[-2:], ended=False) for filling in (b"\x55", b"\xaa"))
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
