"""A JPEG taken apart into its blocks, changed where a picture was edited, and put together again.

Decoding a JPEG and encoding it anew changes every pixel a little, even with the tables it came with. Here the numbers
of all blocks that an edit does not touch are carried over as they stand, so those pixels come out the very same. Of a
touched block the difference is transformed and added to what stands there, in steps of the file's own tables.

Read are baseline files in one scan, as cameras and phones write. Progressive, arithmetic, 12-bit, CMYK ones are not.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from PIL import Image

from mien.core.arrays import Array
from mien.formats.jpeg_entropy import Coding, Table, decode_blocks, encode_blocks

_ZIGZAG = np.array(
    sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8)), dtype=np.intp
)
"""Place in an 8 x 8 block, row by row, of each of the 64 numbers in the order of the file."""

_COSINES = np.sqrt(np.where(np.arange(8) == 0, 1, 2) / 8)[:, None] * np.cos(
    np.arange(8)[:, None] * (2 * np.arange(8) + 1) * np.pi / 16
)
"""The cosine transform [8, 8] of a column of eight pixels."""

_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)


@dataclass(frozen=True, slots=True)
class Component:
    """A plane of the picture: its number, its blocks across and down a group, and the numbers of its tables."""

    number: int
    across: int
    down: int
    steps: int
    first: int = 0
    further: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class JpegBlocks:
    """A baseline JPEG as blocks of whole numbers.

    Args:
        width: of the picture, pixels.
        height: likewise.
        components: 1 (grey) or 3 (luma, blue, red) planes.
        steps: quantisation tables by their number, each [64] in the order of the file.
        blocks: [groups, blocks a group, 64] int16 in the order of the file: groups by rows, then planes, then rows.
        head: the segments before the pixels, without Huffman tables, as they stand.
        tables: Huffman tables by class (0 first numbers, 1 further ones) and number.
    """

    width: int
    height: int
    components: tuple[Component, ...]
    steps: dict[int, Array]
    blocks: Array
    head: bytes
    tables: dict[tuple[int, int], Table]

    @property
    def group(self) -> tuple[int, int]:
        """Width and height of a group of blocks, pixels: 8, or 16 where colour is stored coarser."""
        return 8 * max(c.across for c in self.components), 8 * max(c.down for c in self.components)

    @classmethod
    def parse(cls, data: bytes) -> "JpegBlocks | None":
        """The blocks of a whole JPEG without metadata, or None when it is of a kind that is not read here."""
        try:
            return _parsed(data)
        except (struct.error, LookupError, ValueError):
            return None

    def changed(self, before: Array, after: Array) -> "JpegBlocks":
        """With the difference of two pictures added; blocks where they are equal stay the very same.

        Args:
            before: [H, W, 3] RGB uint8, as this file decodes.
            after: likewise, as it should.
        """
        rows, columns = np.nonzero((before != after).any(2))
        if len(rows) == 0:
            return self
        width, height = self.group
        top, left = rows.min() // height, columns.min() // width
        bottom, right = rows.max() // height + 1, columns.max() // width + 1
        cut = np.s_[top * height : bottom * height, left * width : right * width]
        rest = (bottom - top) * height - after[cut].shape[0], (right - left) * width - after[cut].shape[1]
        old, new = (
            np.pad(each[cut], ((0, rest[0]), (0, rest[1]), (0, 0)), "edge").astype(np.float32)
            for each in (before, after)
        )
        groups = (np.arange(top, bottom)[:, None] * -(-self.width // width) + np.arange(left, right)).ravel()
        # Decoders cut off what is darker than black or whiter than white, so there the difference says too little.
        lost = ((old != new) & ((old == 0) | (old == 255))).any(2)
        lost = lost.reshape(bottom - top, height, right - left, width).any((1, 3)).reshape(-1, 1, 1)
        delta, whole = (new - old) @ _TO_YCC.T, new @ _TO_YCC.T - np.array([128, 0, 0], np.float32)
        blocks, first = self.blocks.copy(), 0
        for plane, component in enumerate(self.components):
            last, steps = first + component.across * component.down, self.steps[component.steps]
            change, anew = (
                np.round(_transformed(each[:, :, plane], component, self.group) / steps).astype(np.int32)
                for each in (delta, whole)
            )
            total = np.where(lost & change.any(2, keepdims=True), anew, blocks[groups, first:last] + change)
            blocks[groups, first:last] = total.clip(-1023, 1023)  # all that eight bits can come to
            first = last
        return replace(self, blocks=blocks)

    def encode(self) -> bytes:
        """The file: with the Huffman tables it came with when they suffice, else with the usual ones."""
        try:
            return _written(self)
        except LookupError:
            planes = tuple(replace(c, first=min(i, 1), further=min(i, 1)) for i, c in enumerate(self.components))
            return _written(replace(self, components=planes, tables=_usual_tables()))


def _transformed(delta: Array, component: Component, group: tuple[int, int]) -> Array:
    """A plane [H, W] as blocks [groups, blocks a group, 64] of this component, in the order of the file."""
    over, down = group[0] // 8 // component.across, group[1] // 8 // component.down
    height, width = delta.shape[0] // down, delta.shape[1] // over
    small = delta.reshape(height, down, width, over).mean((1, 3))
    tiles = small.reshape(-1, component.down, 8, width // 8 // component.across, component.across, 8)
    tiles = tiles.transpose(0, 3, 1, 4, 2, 5).reshape(-1, component.across * component.down, 8, 8)
    numbers = _COSINES @ tiles @ _COSINES.T
    return np.asarray(numbers.reshape(*numbers.shape[:2], 64)[..., _ZIGZAG])


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, content and end of each segment up to the pixels."""
    position = 2
    while True:
        marker, size = struct.unpack_from(">xBH", data, position)
        yield marker, data[position + 4 : position + 2 + size], position + 2 + size
        position += 2 + size


def _parsed(data: bytes) -> JpegBlocks | None:
    steps: dict[int, Array] = {}
    tables: dict[tuple[int, int], Table] = {}
    head, frame, interval = [b"\xff\xd8"], b"", 0
    for marker, content, position in _segments(data):
        if marker == 0xDA:
            scan, start = content, position
            break
        if marker == 0xDB:
            steps |= _read_steps(content)
        elif marker == 0xC4:
            tables |= _read_tables(content)
        elif marker == 0xDD:
            (interval,) = struct.unpack(">H", content)
        elif marker in (0xC0, 0xC1):
            frame = content
        elif 0xC0 <= marker <= 0xCF or (marker == 0xEE and content[:5] == b"Adobe" and content[11] != 1):
            return None  # progressive, lossless or arithmetic; not luma and two colours
        if marker not in (0xC4, 0xDD):
            head.append(struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content)
    depth, height, width, count = struct.unpack_from(">BHHB", frame)
    planes = tuple(Component(n, s >> 4, s & 15, q) for n, s, q in struct.iter_unpack("BBB", frame[6 : 6 + 3 * count]))
    if depth != 8 or count not in (1, 3) or scan[0] != count or scan[1 + 2 * count :] != b"\0\x3f\0":
        return None
    if bytes(plane.number for plane in planes) == b"RGB":
        return None
    if count == 1:  # alone, a plane is stored block by block whatever its share of a group
        planes = (replace(planes[0], across=1, down=1),)
    chosen = dict(struct.iter_unpack("BB", scan[1 : 1 + 2 * count]))
    planes = tuple(replace(c, first=chosen[c.number] >> 4, further=chosen[c.number] & 15) for c in planes)
    most = max(c.across for c in planes), max(c.down for c in planes)
    if any(most[0] % c.across or most[1] % c.down for c in planes):
        return None
    groups = -(-width // (8 * most[0])) * -(-height // (8 * most[1]))
    bits = data[start : data.index(b"\xff\xd9", start)]
    if re.search(rb"\xff[^\0\xd0-\xd7\xff]", bits):  # a second scan
        return None
    codings = _codings(planes, tables)
    parts: list[Array] = []
    for part in re.split(rb"\xff+[\xd0-\xd7]", bits):
        share = min(interval or groups, groups - sum(len(each) for each in parts))
        parts.append(decode_blocks(part.replace(b"\xff\0", b"\xff"), codings, share))
    blocks = np.concatenate(parts)
    return JpegBlocks(width, height, planes, steps, blocks, b"".join(head), tables) if len(blocks) == groups else None


def _codings(planes: tuple[Component, ...], tables: dict[tuple[int, int], Table]) -> tuple[Coding, ...]:
    return tuple(
        Coding(i, tables[0, plane.first], tables[1, plane.further])
        for i, plane in enumerate(planes)
        for _ in range(plane.across * plane.down)
    )


def _read_steps(content: bytes) -> dict[int, Array]:
    found = {}
    while content:
        wide = content[0] >> 4
        found[content[0] & 15] = np.frombuffer(content[1 : 65 + 64 * wide], ">u2" if wide else "u1").astype(np.float64)
        content = content[65 + 64 * wide :]
    return found


def _read_tables(content: bytes) -> dict[tuple[int, int], Table]:
    found = {}
    while content:
        size = 16 + sum(content[1:17])
        found[content[0] >> 4, content[0] & 15] = content[1 : 1 + size]
        content = content[1 + size :]
    return found


def _usual_tables() -> dict[tuple[int, int], Table]:
    """The Huffman tables that the standard gives as an example, which can say everything; every encoder has them."""
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    tables: dict[tuple[int, int], Table] = {}
    for marker, content, _ in _segments(file.getvalue()):
        if marker == 0xDA:
            return tables
        if marker == 0xC4:
            tables |= _read_tables(content)
    raise AssertionError("a JPEG has pixels")


def _written(jpeg: JpegBlocks) -> bytes:
    bits = encode_blocks(jpeg.blocks, _codings(jpeg.components, jpeg.tables))
    used = {(0, c.first) for c in jpeg.components} | {(1, c.further) for c in jpeg.components}
    tables = b"".join(bytes((kind << 4 | number,)) + jpeg.tables[kind, number] for kind, number in sorted(used))
    scan = bytes((len(jpeg.components),))
    scan += b"".join(bytes((c.number, c.first << 4 | c.further)) for c in jpeg.components) + b"\0\x3f\0"
    segments = ((0xC4, tables), (0xDA, scan))
    packed = b"".join(struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for marker, content in segments)
    return jpeg.head + packed + bits + b"\xff\xd9"
