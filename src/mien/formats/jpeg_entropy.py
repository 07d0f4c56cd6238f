"""The bits of a baseline JPEG's pixels: to blocks of whole numbers, and back.

How many bits a code takes is known for every place where one could begin before the first is read, by numpy; what is
left for a Python loop is to hop from one to the next. That makes it some ten times as fast as reading bit by bit.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from mien.core.arrays import Array

Table = bytes
"""A Huffman table as a JPEG holds it: how many codes have each of the lengths 1 to 16, then their symbols."""

_CHUNK = 2**20
"""Bits that are looked at in one go."""

_MARGIN = 2**12
"""Bytes behind them: a group of blocks may begin there and takes no more."""

_END, _FAR, _ROW = 0, 0xF0, 192
"""Symbols: the rest of the block is zero; sixteen zeros. Places in the order of a block's codes, some unused."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How one block of a group is coded: the number of its plane, and its tables of first and further numbers."""

    plane: int
    first: Table
    further: Table


@cache
def _codes(table: Table) -> tuple[Array, Array]:
    """Code and length [256] of each symbol; length 0 where there is none. Raises `ValueError` for no table."""
    code, place = 0, 16
    codes, lengths = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for length in range(1, 17):
        for _ in range(table[length - 1]):
            if place >= len(table) or code >= 1 << length:
                raise ValueError("a Huffman table has more codes than fit")
            codes[table[place]], lengths[table[place]] = code, length
            code, place = code + 1, place + 1
        code <<= 1
    return codes, lengths


@cache
def _look_up(table: Table) -> tuple[Array, Array]:
    """Symbol and length [65536] of the code with which sixteen bits begin; length 0 where none does."""
    symbols, spans = np.zeros(65536, np.uint8), np.zeros(65536, np.uint8)
    codes, lengths = _codes(table)
    for symbol in np.flatnonzero(lengths):
        length = int(lengths[symbol])
        start = int(codes[symbol]) << (16 - length)
        symbols[start : start + (1 << (16 - length))], spans[start : start + (1 << (16 - length))] = symbol, length
    return symbols, spans


def decode_blocks(data: bytes, codings: tuple[Coding, ...], groups: int) -> Array:
    """Blocks [groups, codings, 64] int16 in the order of the file, of the bits between two restarts.

    Args:
        data: the bytes, without stuffing.
        codings: how each block of a group is coded.
        groups: how many are there.

    Raises:
        ValueError, IndexError: the bits are no such blocks.
    """
    blocks = np.zeros((groups * len(codings), 64), np.int16)
    source = np.frombuffer(data + bytes(8), np.uint8)
    done, base, bit = 0, 0, 0
    while done < groups:
        piece = source[base : base + _CHUNK // 8 + _MARGIN]
        places, ends, bit = _hop(piece, codings, groups - done, bit)
        count = len(ends)
        first = done * len(codings)
        blocks[first : first + count] = _values(piece, np.array(places, np.int64), np.array(ends, np.int64), codings)
        done, base, bit = done + count // len(codings), base + bit // 8, bit % 8
    shaped = blocks.reshape(groups, len(codings), 64)
    for own in _planes(codings):  # what stands for the mean is the difference from the block before
        means = shaped[:, own, 0]
        shaped[:, own, 0] = means.astype(np.int32).ravel().cumsum().reshape(means.shape)
    return shaped


def _planes(codings: tuple[Coding, ...]) -> list[list[int]]:
    """Which blocks of a group belong together."""
    return [[i for i, c in enumerate(codings) if c.plane == plane] for plane in sorted({c.plane for c in codings})]


def _windows(piece: Array) -> Array:
    """The sixteen bits from each bit on [8 (N - 2)]."""
    single = piece.astype(np.uint32)
    wide = single[:-2] << 16 | single[1:-1] << 8 | single[2:]
    return (wide[:, None] >> np.arange(8, 0, -1, dtype=np.uint32)).astype(np.uint16).ravel()


def _hop(piece: Array, codings: tuple[Coding, ...], groups: int, bit: int) -> tuple[list[int], list[int], int]:
    """Where codes begin, how many have begun at the end of each block, and where the next group begins."""
    windows = _windows(piece)
    strides: dict[tuple[bool, Table], tuple[bytes, bytes]] = {}
    for first, table in {(True, c.first) for c in codings} | {(False, c.further) for c in codings}:
        symbols, spans = _look_up(table)
        sizes = symbols if first else symbols & 15
        # After the last code of a block, or no code at all, the loop below must end.
        jumps = np.where((symbols == _END) | (spans == 0), 64, (symbols >> 4) + 1).astype(np.uint8)
        strides[first, table] = ((spans + sizes)[windows].tobytes(), jumps[windows].tobytes())
    plan = [(strides[True, c.first][0], *strides[False, c.further]) for c in codings]
    places: list[int] = []
    ends: list[int] = []
    while groups and bit < _CHUNK:
        for mean, stride, jump in plan:
            places.append(bit)
            bit += mean[bit]
            place = 1
            while place < 64:
                places.append(bit)
                place += jump[bit]
                bit += stride[bit]
            ends.append(len(places))
        groups -= 1
    return places, ends, bit


def _values(piece: Array, places: Array, ends: Array, codings: tuple[Coding, ...]) -> Array:
    """Blocks [B, 64] of the codes that begin at `places` bits."""
    starts = np.concatenate([[0], ends[:-1]])
    block = np.repeat(np.arange(len(ends)), ends - starts)
    opens = np.zeros(len(places), bool)
    opens[starts] = True
    wide = np.zeros(len(places), np.int64)
    padded = np.concatenate([piece, np.zeros(8, np.uint8)]).astype(np.int64)
    for i in range(5):
        wide = wide << 8 | padded[(places >> 3) + i]
    left = 40 - (places & 7)
    symbols, spans = np.zeros(len(places), np.int64), np.zeros(len(places), np.int64)
    role = block % len(codings)
    for i, coding in enumerate(codings):
        for which, table in ((opens, coding.first), (~opens, coding.further)):
            at = np.flatnonzero(which & (role == i))
            window = wide[at] >> (left[at] - 16) & 0xFFFF
            symbols[at], spans[at] = (each[window] for each in _look_up(table))
    sizes = np.where(opens, symbols, symbols & 15)
    if (spans == 0).any() or sizes.max() > 11 or (~opens & (sizes == 0) & (symbols != _END) & (symbols != _FAR)).any():
        raise ValueError("bits that are no code")
    extra = wide >> (left - spans - sizes) & ((1 << sizes) - 1)
    values = np.where(extra >> np.maximum(sizes - 1, 0) & 1, extra, extra - (1 << sizes) + 1) * (sizes > 0)
    steps = np.where(opens, 1, np.where(symbols == _END, 0, (symbols >> 4) + 1))
    total = np.cumsum(steps)
    column = total - (total - steps)[starts][block] - 1
    if column.max() > 63:
        raise ValueError("a block of more than 64 numbers")
    blocks = np.zeros((len(ends), 64), np.int16)
    said = opens | (symbols != _END)
    blocks[block[said], column[said]] = values[said]
    return blocks


def encode_blocks(blocks: Array, codings: tuple[Coding, ...]) -> bytes:
    """The bits of blocks [groups, codings, 64], as one scan without restarts, stuffed.

    Raises:
        LookupError: a table has no code for what must be said.
    """
    flat = blocks.astype(np.int32)
    for own in _planes(codings):
        means = flat[:, own, 0]
        flat[:, own, 0] = np.diff(means.ravel(), prepend=0).reshape(means.shape)
    flat = flat.reshape(-1, 64)
    count = len(flat)
    row, column = np.nonzero(flat[:, 1:])
    column = column + 1
    fresh = np.diff(row, prepend=-1) != 0
    gap = column - np.where(fresh, 0, np.concatenate([[0], column[:-1]])) - 1
    far = np.repeat(np.arange(len(row)), gap >> 4)
    last = np.zeros(count, np.int64)
    last[row] = column  # columns rise, so the last one stays
    short = np.flatnonzero(last < 63)
    value = np.concatenate(
        [flat[:, 0], np.zeros(len(far), np.int32), flat[row, column], np.zeros(len(short), np.int32)]
    )
    size = _SIZES[np.abs(value)]
    run = np.concatenate([np.zeros(count, np.int64), np.full(len(far), 15), gap & 15, np.zeros(len(short), np.int64)])
    where = np.concatenate([np.arange(count), row[far], row, short])
    key = where * _ROW
    key[count:] += np.concatenate([column[far] * 2, column * 2 + 1, np.full(len(short), _ROW - 1)])
    codes, lengths = np.zeros(len(key), np.int64), np.zeros(len(key), np.int64)
    opens, role, symbols = np.arange(len(key)) < count, where % len(codings), run << 4 | size
    for i, coding in enumerate(codings):
        for which, table in ((opens, coding.first), (~opens, coding.further)):
            at = np.flatnonzero(which & (role == i))
            codes[at], lengths[at] = (each[symbols[at]] for each in _codes(table))
    if (lengths == 0).any():
        raise LookupError("a Huffman table has no code for this")
    extra = np.where(value < 0, value + (1 << size) - 1, value)
    order = np.argsort(key, kind="stable")
    return _packed((codes << size | extra)[order], (lengths + size)[order])


_SIZES = np.array([number.bit_length() for number in range(4096)])
"""How many bits a number takes."""


def _packed(values: Array, lengths: Array) -> bytes:
    """Whole numbers of up to 32 bits one behind the other, the last byte filled with ones."""
    ends = np.cumsum(lengths)
    starts = ends - lengths
    wide = values << (40 - lengths - (starts & 7))
    packed = np.zeros(int(ends[-1]) // 8 + 8, np.uint8)
    for i in range(5):
        np.add.at(packed, (starts >> 3) + i, (wide >> (32 - 8 * i) & 255).astype(np.uint8))
    total = int(ends[-1])
    packed[total // 8] |= 255 >> (total % 8)
    return packed[: -(-total // 8)].tobytes().replace(b"\xff", b"\xff\0")
