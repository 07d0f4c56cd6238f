"""A JPEG taken apart into its blocks, changed where a picture was edited, and put together again.

Decoding a JPEG and encoding it anew changes every pixel a little, even with the tables it came with. Here the bits
of all blocks that an edit does not touch are carried over as they stand, so those pixels come out the very same. Of a
touched block the difference is transformed and added to what stands there, in steps of the file's own tables. Only
touched blocks are read and written anew, and the group behind them; of the others no more is known than where they lie.

Read are baseline files in one scan, as cameras and phones write. Progressive (`jpeg_passes` makes them baseline),
arithmetic, 12-bit, CMYK ones are not.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import takewhile

import numpy as np
from PIL import Image

from mien.core.arrays import Array
from mien.formats.jpeg_entropy import Coding, Scan, Table, encode_blocks, joined, planes_of
from mien.formats.jpeg_hops import read_scan

_ZIGZAG = np.array(
    sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8)), dtype=np.intp
)
"""Place in an 8 x 8 block, row by row, of each of the 64 numbers in the order of the file."""

_COSINES = np.sqrt(np.where(np.arange(8) == 0, 1, 2) / 8)[:, None] * np.cos(
    np.arange(8)[:, None] * (2 * np.arange(8) + 1) * np.pi / 16
)
"""The cosine transform [8, 8] of a column of eight pixels."""

_TRANSFORM = np.kron(_COSINES, _COSINES)[_ZIGZAG].T
"""The same [64, 64] of a block's pixels, row by row, into numbers in the order of the file."""

_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)

_AT_ONCE = 2048
"""Groups that are said anew in one go: enough for numpy, and few enough for the memory."""


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
    """A baseline JPEG, and where its blocks lie.

    Args:
        width: of the picture, pixels.
        height: likewise.
        components: 1 (grey) or 3 (luma, blue, red) planes.
        steps: quantisation tables by their number, each [64] in the order of the file.
        head: the segments before the pixels, as they stand.
        parts: the pixels' bytes between restarts, as they stand.
        restarts: the markers between them, one fewer.
        scan: where blocks lie in the parts: groups by rows, in them planes, in them rows.
    """

    width: int
    height: int
    components: tuple[Component, ...]
    steps: dict[int, Array]
    head: bytes
    parts: tuple[bytes, ...]
    restarts: tuple[bytes, ...]
    scan: Scan

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

    def numbers(self) -> Array:
        """All blocks [groups, blocks a group, 64] int32, numbers in the order of the file."""
        numbers = self.scan.numbers(np.arange(len(self.scan.starts)))
        numbers[:, :, 0] = self.scan.means()
        return numbers

    def edited(self, before: Array, after: Array) -> bytes:
        """The file with the difference of two pictures added; blocks where they are equal stay the very same.

        The Huffman tables are those it came with when they suffice, else the usual ones, with which all is said anew.

        Args:
            before: [H, W, 3] RGB uint8, as this file decodes.
            after: likewise, as it should.
        """
        touched = self._touched(before, after)
        if not touched.any():
            return self._file(self.head, {})
        # Behind a run of touched groups one more is said anew: its means are differences from what has changed.
        anew = touched | np.concatenate([[False], touched[:-1]])
        try:
            return self._file(self.head, self._said(before, after, touched, np.flatnonzero(anew), self.scan.codings))
        except LookupError:
            planes = tuple(replace(c, first=min(i, 1), further=min(i, 1)) for i, c in enumerate(self.components))
            tables = _usual_tables()
            every, codings = np.arange(len(touched)), _codings(planes, tables)
            return self._file(_retabled(self.head, planes, tables), self._said(before, after, touched, every, codings))

    def _touched(self, before: Array, after: Array) -> Array:
        """In which groups [groups] two pictures differ."""
        width, height = self.group
        across, down = -(-self.width // width), -(-self.height // height)
        touched = np.zeros((down, across), bool)
        for row in range(down):
            strip = slice(row * height, (row + 1) * height)
            if not np.array_equal(before[strip], after[strip]):
                columns = (before[strip] != after[strip]).any(0).any(1)
                touched[row] = np.pad(columns, (0, across * width - len(columns))).reshape(across, width).any(1)
        return touched.ravel()

    def _said(
        self, before: Array, after: Array, touched: Array, groups: Array, codings: tuple[Coding, ...]
    ) -> dict[int, tuple[Array, int, int]]:
        """Bits of `groups`: bytes, first bit and the one behind the last."""
        said: dict[int, tuple[Array, int, int]] = {}
        means = self.scan.means()
        for some in np.split(groups, range(_AT_ONCE, len(groups), _AT_ONCE)):
            numbers = self.scan.numbers(some)
            numbers[:, :, 0] = means[some]
            own = touched[some]
            numbers[own] = self._changed(numbers[own], some[own], before, after)
            means[some] = numbers[:, :, 0]
            opens = np.isin(some, self.scan.firsts)
            for own_plane in planes_of(self.scan.codings):
                last = np.where(opens, 0, means[some - 1, own_plane[-1]])
                numbers[:, own_plane, 0] = np.diff(means[some][:, own_plane], axis=1, prepend=last[:, None])
            bits, begins = encode_blocks(numbers, codings)
            spans = zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True)
            said |= {group: (bits, *span) for group, span in zip(some.tolist(), spans, strict=True)}
        return said

    def _changed(self, numbers: Array, groups: Array, before: Array, after: Array) -> Array:
        """Blocks `numbers` [groups, blocks a group, 64] with the difference of two pictures added."""
        width, height = self.group
        row, column = np.divmod(groups, -(-self.width // width))
        # At the right and below, what is outside of the picture is as its last pixels.
        rows = np.minimum(row[:, None] * height + np.arange(height), self.height - 1)[:, :, None]
        columns = np.minimum(column[:, None] * width + np.arange(width), self.width - 1)[:, None, :]
        old, new = before[rows, columns], after[rows, columns]
        # Decoders cut off what is darker than black or whiter than white, so there the difference says too little.
        cut = (old != new) & (old + np.uint8(1) <= 1)
        lost = cut.reshape(len(groups), 3 * width * height).any(1)
        delta = _in_planes(new.astype(np.float32) - old)
        whole = _in_planes(new[lost].astype(np.float32) - 128)
        first = 0
        for plane, component in enumerate(self.components):
            last, steps = first + component.across * component.down, self.steps[component.steps]
            change, anew = (
                np.round(_transformed(each[plane], component) / steps).astype(np.int32) for each in (delta, whole)
            )
            total = numbers[:, first:last] + change
            total[lost] = np.where(change[lost].any(2, keepdims=True), anew, numbers[lost, first:last])
            numbers[:, first:last] = total.clip(-1023, 1023)  # all that eight bits can come to
            first = last
        return numbers

    def _file(self, head: bytes, said: dict[int, tuple[Array, int, int]]) -> bytes:
        """The file with some groups said anew; parts without any are taken as they stand."""
        scan, groups = self.scan, np.array(sorted(said), np.int64)
        stops = np.append(scan.firsts[1:], len(scan.starts))
        out = [head]
        for i, (first, stop, part) in enumerate(zip(scan.firsts.tolist(), stops.tolist(), self.parts, strict=True)):
            here = groups[slice(*np.searchsorted(groups, (first, stop)))]
            if i:
                out.append(self.restarts[i - 1])
            if len(here) == 0:
                out.append(part)
                continue
            pieces, at = [], int(scan.starts[first, 0])
            for run in np.split(here, np.flatnonzero(np.diff(here) != 1) + 1):
                pieces.append((scan.source, at, int(scan.starts[run[0], 0])))
                for bits, start, stop_bit in (said[g] for g in run.tolist()):
                    if pieces[-1][0] is bits and pieces[-1][2] == start:  # spares a splice for every group
                        start = pieces.pop()[1]
                    pieces.append((bits, start, stop_bit))
                at = int(scan.ends[run[-1], -1])
            pieces.append((scan.source, at, int(scan.ends[stop - 1, -1])))
            out.append(joined(pieces))
        return b"".join((*out, b"\xff\xd9"))


def _in_planes(colours: Array) -> Array:
    """RGB [groups, H, W, 3] float32 as luma, blue and red [3, groups, H, W]."""
    return np.asarray((_TO_YCC @ colours.reshape(-1, 3).T).reshape(3, *colours.shape[:3]))


def _transformed(delta: Array, component: Component) -> Array:
    """Groups of a plane [groups, H, W] as blocks [groups, blocks a group, 64] of this component."""
    high, wide = 8 * component.down, 8 * component.across
    count, height, width = delta.shape
    small = delta.reshape(count, high, height // high, wide, width // wide)
    small = small[:, :, 0, :, 0] if small.shape[2::2] == (1, 1) else small.mean((2, 4))
    tiles = small.reshape(count, component.down, 8, component.across, 8).swapaxes(2, 3)
    return np.asarray(tiles.reshape(count, component.down * component.across, 64) @ _TRANSFORM)


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
    frame, interval = b"", 0
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
    if any(len(steps[c.steps]) != 64 or not steps[c.steps].all() for c in planes):
        return None
    groups = -(-width // (8 * most[0])) * -(-height // (8 * most[1]))
    bits = data[start : data.index(b"\xff\xd9", start)]
    if re.search(rb"\xff[^\0\xd0-\xd7\xff]", bits):  # a second scan
        return None
    split = re.split(rb"(\xff+[\xd0-\xd7])", bits)
    parts, restarts = tuple(split[::2]), tuple(split[1::2])
    interval = interval or groups
    if len(parts) != -(-groups // interval):
        return None
    sizes = [min(interval, groups - first) for first in range(0, groups, interval)]
    bare = [part.replace(b"\xff\0", b"\xff") for part in parts]
    found = read_scan(bare, _codings(planes, tables), sizes)
    if np.abs(found.means()).max() > 1024:  # more than eight bits come to, so damage; not all could be said anew
        return None
    return JpegBlocks(width, height, planes, steps, data[:start], parts, restarts, found)


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


def _retabled(head: bytes, planes: tuple[Component, ...], tables: dict[tuple[int, int], Table]) -> bytes:
    """A head with other Huffman tables."""
    used = {(0, c.first) for c in planes} | {(1, c.further) for c in planes}
    packed = b"".join(bytes((kind << 4 | number,)) + tables[kind, number] for kind, number in sorted(used))
    scan = bytes((len(planes),))
    scan += b"".join(bytes((c.number, c.first << 4 | c.further)) for c in planes) + b"\0\x3f\0"
    before_scan = takewhile(lambda segment: segment[0] != 0xDA, _segments(head))
    segments = [(marker, content) for marker, content, _ in before_scan if marker != 0xC4]
    segments += [(0xC4, packed), (0xDA, scan)]
    return b"\xff\xd8" + b"".join(
        struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for marker, content in segments
    )
