"""What of a photo's EXIF block may go into an edited copy: what describes the picture, not where, nor whose camera.

Kept is a list of tags, not all but a list: makers put numbers of their cameras wherever they like. So the block is
built anew: no place, no serial number, no owner, no maker's notes, no remarks, and no small preview, which would still
show the face as it was.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_ORIENTATION, _DETAILS = 0x0112, 0x8769

_MAIN = {0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0132, 0x013B, 0x013E, 0x013F, 0x0213, 0x8298}
"""Maker, model, resolution, time, author and right of copy, and what the colours mean."""

_SHOT = {
    *{0x829A, 0x829D, 0x8822, 0x8827, 0x8830, 0x8832, 0x9000, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9101},
    *{0x9201, 0x9202, 0x9203, 0x9204, 0x9205, 0x9206, 0x9207, 0x9208, 0x9209, 0x920A, 0x9290, 0x9291, 0x9292},
    *{0xA000, 0xA001, 0xA20E, 0xA20F, 0xA210, 0xA217, 0xA300, 0xA301, 0xA401, 0xA402, 0xA403, 0xA404, 0xA405},
    *{0xA406, 0xA407, 0xA408, 0xA409, 0xA40A, 0xA40C, 0xA432, 0xA433, 0xA434},
}
"""How it was taken: exposure, aperture, sensitivity, lens model, light, time of the shot and its zone."""

_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8)
"""Bytes of one value, by the number of its type."""

_LIMIT = 2**16
"""Bytes of the longest value that is kept; a segment of a JPEG holds no more."""


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    count: int
    value: bytes


def kept_exif(exif: bytes, orientation: int = 1) -> bytes:
    """An EXIF block with only what an edited copy may say.

    Args:
        exif: a whole block from its byte order mark on, as damaged as it may be.
        orientation: 1 to 8, to be told instead of the one that stands there.

    Returns:
        The new block; b"" when nothing is left to say. What is damaged is left out.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    main, shot = [], []
    if order is not None:
        main = list(_entries(exif, order, 4))
        for entry in main:
            if entry.tag == _DETAILS and len(entry.value) == 4:
                shot = [e for e in _entries(entry.value, order, 0, exif) if e.tag in _SHOT]
                break
    order = order or ">"
    kept = [entry for entry in main if entry.tag in _MAIN]
    if orientation != 1:
        kept.append(_Entry(_ORIENTATION, 3, 1, struct.pack(f"{order}H", orientation)))
    return _block(kept, shot, order) if kept or shot else b""


def upright_exif(exif: bytes, orientation: int = 1) -> bytes:
    """A whole EXIF block as it stands, but for its orientation, which is overwritten. An absent one stays absent."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return b""
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            if struct.unpack_from(f"{order}H", exif, place) == (_ORIENTATION,):
                return exif[: place + 2] + struct.pack(f"{order}HIHH", 3, 1, orientation, 0) + exif[place + 12 :]
    except struct.error:  # the block ends early
        return b""
    return exif


def _entries(pointer: bytes, order: str, at: int, exif: bytes | None = None) -> Iterator[_Entry]:
    """The entries of the directory to which the four bytes at `at` point, as far as they are whole."""
    block = pointer if exif is None else exif
    try:
        (start,) = struct.unpack_from(f"{order}I", pointer, at)
        (count,) = struct.unpack_from(f"{order}H", block, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(f"{order}HHI", block, place)
            size = number * (_SIZES[kind] if kind < len(_SIZES) else 0)
            if not 0 < size <= _LIMIT:
                continue
            where = place + 8 if size <= 4 else struct.unpack_from(f"{order}I", block, place + 8)[0]
            value = block[where : where + size]
            if len(value) == size:
                yield _Entry(tag, kind, number, value)
    except struct.error:  # the block ends early
        return


def _block(main: list[_Entry], shot: list[_Entry], order: str) -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    head += struct.pack(f"{order}I", 8)
    if not shot:
        return head + _directory(main, order, 8)
    # The pointer has a fixed size, so where the second directory will lie is known before it is.
    pointer = _Entry(_DETAILS, 4, 1, bytes(4))
    start = 8 + len(_directory([*main, pointer], order, 8))
    pointer = _Entry(_DETAILS, 4, 1, struct.pack(f"{order}I", start))
    return head + _directory([*main, pointer], order, 8) + _directory(shot, order, start)


def _directory(entries: list[_Entry], order: str, start: int) -> bytes:
    """A directory `start` bytes into the block, sorted by tag as the standard asks, its long values behind."""
    unique = {entry.tag: entry for entry in entries}
    rows, behind = [struct.pack(f"{order}H", len(unique))], b""
    end = start + 2 + 12 * len(unique) + 4
    for entry in sorted(unique.values(), key=lambda each: each.tag):
        rows.append(struct.pack(f"{order}HHI", entry.tag, entry.kind, entry.count))
        if len(entry.value) <= 4:
            rows.append(entry.value.ljust(4, b"\0"))
        else:
            rows.append(struct.pack(f"{order}I", end + len(behind)))
            behind += entry.value + bytes(len(entry.value) % 2)
    return b"".join(rows) + bytes(4) + behind
