"""What a photo says of itself, put into a file that says nothing yet: EXIF, colour profile, the colours of a PNG."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from mien.formats.files import MediaKind

_SEGMENT = 65_500
"""Bytes that go into one segment of a JPEG."""

_COLOURS = (b"cHRM", b"gAMA", b"sRGB", b"cICP")
"""Chunks that say how the colours of a PNG are to be shown."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What goes into a file: an EXIF block from its byte order mark on, an ICC profile, whole chunks of a PNG."""

    exif: bytes = b""
    profile: bytes = b""
    chunks: bytes = b""


def dress(kind: MediaKind, bare: bytes, metadata: Metadata) -> bytes:
    """A whole file with metadata, of one without (JPEG, PNG) or with nothing but a profile (WebP)."""
    return {MediaKind.JPEG: _jpeg, MediaKind.PNG: _png, MediaKind.WEBP: _webp}[kind](bare, metadata)


def _jpeg(bare: bytes, metadata: Metadata) -> bytes:
    segments = []
    if 0 < len(metadata.exif) <= _SEGMENT:
        segments.append((0xE1, b"Exif\0\0" + metadata.exif))
    parts = [metadata.profile[i : i + _SEGMENT] for i in range(0, len(metadata.profile), _SEGMENT)]
    if len(parts) < 256:
        segments += [(0xE2, b"ICC_PROFILE\0" + bytes((i + 1, len(parts))) + part) for i, part in enumerate(parts)]
    packed = b"".join(struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for marker, content in segments)
    # The segment that makes it a JFIF must stay the first.
    start = 4 + int.from_bytes(bare[4:6], "big") if bare[2:4] == b"\xff\xe0" else 2
    return bare[:start] + packed + bare[start:]


def colour_chunks(data: bytes) -> bytes:
    """The chunks of a PNG that say how its colours are to be shown, as they stand; the PNG has been checked."""
    kept, position = b"", 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IDAT":
            break
        if name in _COLOURS:
            kept += _chunk(name, data[position + 8 : position + 8 + length])
        position += 12 + length
    return kept


def _png(bare: bytes, metadata: Metadata) -> bytes:
    header = 8 + 25
    more = metadata.chunks
    if metadata.profile:
        more = _chunk(b"iCCP", b"profile\0\0" + zlib.compress(metadata.profile)) + more
    if metadata.exif:
        more += _chunk(b"eXIf", metadata.exif)
    return bare[:header] + more + bare[header:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def undress_webp(data: bytes) -> bytes:
    """A WebP without EXIF, XMP and statements of provenance; the profile stays, being part of how it looks."""
    kept = [(name, content) for name, content in _webp_chunks(data) if name in (b"VP8X", b"ICCP", b"ALPH", *_PIXELS)]
    return _webp_file(kept)


_PIXELS = (b"VP8 ", b"VP8L")


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while position + 8 <= end:
        name, size = struct.unpack_from("<4sI", data, position)
        yield name, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _webp(bare: bytes, metadata: Metadata) -> bytes:
    """Metadata needs the extended header; what came without one came without metadata."""
    chunks = list(_webp_chunks(bare))
    if chunks[0][0] != b"VP8X":
        return bare
    flags = chunks[0][1][0] & 0x30 | (0x08 if metadata.exif else 0)  # profile, alpha; EXIF
    chunks[0] = (b"VP8X", bytes((flags,)) + chunks[0][1][1:])
    return _webp_file([*chunks, (b"EXIF", metadata.exif)] if metadata.exif else chunks)


def _webp_file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"WEBP" + b"".join(
        struct.pack("<4sI", name, len(content)) + content + bytes(len(content) % 2) for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body
