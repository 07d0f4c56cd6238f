"""The parts of a C2PA manifest that its signature leaves out: the boxes around what is signed, and the filling.

Changing them changes nothing that is said, so the standard lets it pass. mien promises that one changed byte is
noticed, whichever: what it writes has these parts in one form only, and that form is held against the file here.
"""

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from mien.formats.files import MediaKind

_LIMIT = 2**26
"""Bytes of the largest manifest store that is looked at."""

_LABELS = {b"c2pa": b"c2pa", b"c2as": b"c2pa.assertions", b"c2cl": b"c2pa.claim.v2", b"c2cs": b"c2pa.signature"}
_TYPES = {*_LABELS, b"c2ma", b"cbor", b"json"}
"""What a box can be, by its first four letters, and the label of those that have always the same."""

_TAIL = bytes.fromhex("00110010800000aa00389b71")
"""The end of every type of box in a manifest of mien, after four letters."""

_MP4_MANIFEST = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(4) + b"manifest\0" + bytes(8)

_FILLING = re.compile(rb"\x63pad(?:\x59(..)|\x58(.)|([\x40-\x57]))(\0*)\xf6", re.DOTALL)


def check_frame(file: BinaryIO, kind: MediaKind) -> None:
    """Refuses a file of mien, intact by its signature, whose manifest differs in what is not signed.

    Manifests before the last are others' and may look otherwise; `history_digest` is for them.

    Args:
        file: the file, open for reading, anywhere.
        kind: its format.

    Raises:
        ValueError: says which part differs.
    """
    manifests = _manifests(file, kind)
    _check_description(manifests[0])
    _check_superbox(*manifests[-1])


def history_digest(file: BinaryIO, kind: MediaKind) -> str:
    """The SHA-256 of the manifests that a file carries along from its sources, every byte; "" when there are none.

    Raises:
        ValueError: there is no manifest, or it is damaged.
    """
    earlier = _manifests(file, kind)[1:-1]
    return hashlib.sha256(b"".join(content for _, content in earlier)).hexdigest() if earlier else ""


def _manifests(file: BinaryIO, kind: MediaKind) -> list[tuple[bytes, bytes]]:
    """The boxes of the store: its description, then manifests, that which speaks for the file last."""
    file.seek(0)
    find = {MediaKind.JPEG: _in_jpeg, MediaKind.PNG: _in_png, MediaKind.WEBP: _in_webp, MediaKind.MP4: _in_mp4}
    if kind not in find:
        raise ValueError(f"{kind.value} is none of the formats that mien signs")
    store = find[kind](file)
    size, name = struct.unpack_from(">I4s", store)
    if size != len(store) or name != b"jumb":
        raise ValueError("the size of the manifest store")
    return list(_boxes(store[8:]))


def _check_superbox(name: bytes, content: bytes) -> None:
    """A box of boxes: the first says what it is, and all fill it exactly."""
    if name != b"jumb":
        raise ValueError("a box of the manifest")
    children = list(_boxes(content))
    _check_description(children[0])
    for inner, inside in children[1:]:
        if inner == b"jumb":
            _check_superbox(inner, inside)
    if children[0][1].startswith(b"c2cs"):
        filling = _FILLING.search(children[1][1])
        if filling is None:
            raise ValueError("the filling of the signature")
        length = int.from_bytes(filling[1] or filling[2] or bytes((filling[3][0] - 0x40,)), "big")
        if length != len(filling[4]):
            raise ValueError("the filling of the signature")


def _check_description(box: tuple[bytes, bytes]) -> None:
    name, content = box
    kind, label = content[:4], content[17:].partition(b"\0")[0]
    known = kind in _TYPES and content[4:16] == _TAIL and content[16:17] in (b"\x03", b"\x13")
    if name != b"jumd" or not known or label != _LABELS.get(kind, label):
        raise ValueError("the description of a box of the manifest")


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(content):
        if len(content) - position < 8:
            raise ValueError("the end of a box of the manifest")
        size, name = struct.unpack_from(">I4s", content, position)
        if size < 8 or position + size > len(content):
            raise ValueError("the size of a box of the manifest")
        yield name, content[position + 8 : position + size]
        position += size
    if not position:
        raise ValueError("an empty box of the manifest")


def _in_jpeg(file: BinaryIO) -> bytes:
    file.seek(2)
    parts: list[bytes] = []
    while (marker := file.read(4)) and len(marker) == 4 and marker[0] == 0xFF and marker[1] != 0xDA:
        content = file.read(int.from_bytes(marker[2:], "big") - 2)
        if marker[1] == 0xEB:
            number = struct.pack(">4sI", b"JP\x02\x11", len(parts) + 1)
            # Each part after the first repeats the header of the box that goes on.
            if content[:8] != number or (parts and content[8:16] != parts[0][:8]):
                raise ValueError("the head of a segment of the manifest")
            parts.append(content[16:] if parts else content[8:])
    return _whole(parts)


def _in_png(file: BinaryIO) -> bytes:
    file.seek(8)
    parts = []
    while len(head := file.read(8)) == 8:
        size, name = struct.unpack(">I4s", head)
        if name == b"caBX":
            content, crc = _read(file, size), file.read(4)
            if zlib.crc32(name + content) != int.from_bytes(crc, "big"):
                raise ValueError("the checksum of the manifest's chunk")
            parts.append(content)
        else:
            file.seek(size + 4, 1)
    return _whole(parts)


def _in_webp(file: BinaryIO) -> bytes:
    file.seek(12)
    parts = []
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name == b"C2PA":
            parts.append(_read(file, size))
            if size % 2 and file.read(1) not in (b"\0", b""):
                raise ValueError("the filling behind the manifest")
        else:
            file.seek(size + size % 2, 1)
    return _whole(parts)


def _in_mp4(file: BinaryIO) -> bytes:
    parts = []
    while len(head := file.read(8)) == 8:
        size, name = struct.unpack(">I4s", head)
        if name == b"uuid":
            content = _read(file, size - 8)
            if content[:16] == _MP4_MANIFEST[:16]:
                if not content.startswith(_MP4_MANIFEST):
                    raise ValueError("the head of the manifest's box")
                parts.append(content[len(_MP4_MANIFEST) :])
        elif size == 1:
            file.seek(int.from_bytes(file.read(8), "big") - 16, 1)
        elif size < 8:
            break
        else:
            file.seek(size - 8, 1)
    return _whole(parts)


def _read(file: BinaryIO, size: int) -> bytes:
    if not 0 <= size <= _LIMIT:
        raise ValueError("the size of the manifest")
    return file.read(size)


def _whole(parts: list[bytes]) -> bytes:
    store = b"".join(parts)
    if len(store) < 16:
        raise ValueError("the manifest is not where it was put")
    return store
