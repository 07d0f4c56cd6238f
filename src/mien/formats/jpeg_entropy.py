"""The bits of a baseline JPEG's pixels: blocks read of where they are known to lie, and blocks written anew."""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from mien.core.arrays import Array

Table = bytes
"""A Huffman table as a JPEG holds it: how many codes have each of the lengths 1 to 16, then their symbols."""

END, FAR = 0, 0xF0
"""Symbols: the rest of the block is zero; sixteen zeros."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How one block of a group is coded: the number of its plane, and its tables of first and further numbers."""

    plane: int
    first: Table
    further: Table


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """Bits, and where the blocks lie in them.

    Args:
        source: [N] uint8, the bytes without stuffing and markers, and more than eight zeros.
        codings: how each block of a group is coded.
        starts: [groups, codings] the bit with which each block begins.
        ends: likewise, the bit behind its last.
        firsts: [parts] the first group behind each restart, 0 to begin with.
    """

    source: Array
    codings: tuple[Coding, ...]
    starts: Array
    ends: Array
    firsts: Array

    def numbers(self, groups: Array) -> Array:
        """Blocks [groups, codings, 64] int32 in the order of the file; the first number is a difference."""
        pairs = [(_parts_of(c.first, False), _parts_of(c.further, True)) for c in self.codings]
        table = np.concatenate([each for pair in pairs for each in pair])
        bits = self.starts[groups].ravel()
        blocks = np.zeros((len(bits), 64), np.int32)
        base = np.tile(np.arange(len(self.codings)) * 2**17, len(groups))
        row, place, window = np.arange(len(bits)), np.zeros(len(bits), np.int64), eight_bytes(self.source)
        while len(row):
            wide = window[bits >> 3].astype(np.uint64) << (bits & 7).astype(np.uint64)
            found = table[base + (place > 0) * 65536 + (wide >> 48).astype(np.int64)]
            span, size = found & 31, found >> 5 & 15
            place += found >> 9 & 15
            # A code beyond the last number is damage; other decoders put it there too.
            blocks[row, np.minimum(place, 63)] = _number(wide, span, size)
            bits = bits + span + size
            place += 1 + (found >> 13)
            more = place < 64
            row, place, bits, base = row[more], place[more], bits[more], base[more]
        return blocks.reshape(len(groups), len(self.codings), 64)

    def means(self) -> Array:
        """The first number [groups, codings] int32 of all blocks, not as a difference."""
        means, window = np.empty(self.starts.shape, np.int32), eight_bytes(self.source)
        for i, coding in enumerate(self.codings):
            bits = self.starts[:, i]
            wide = window[bits >> 3].astype(np.uint64) << (bits & 7).astype(np.uint64)
            found = _parts_of(coding.first, False)[wide >> np.uint64(48)]
            span, size = found & 31, found >> 5 & 15
            means[:, i] = _number(wide, span, size)
        sizes = np.diff(self.firsts, append=len(means))
        for own in planes_of(self.codings):
            total = np.cumsum(means[:, own]).reshape(-1, len(own))
            before = np.concatenate([[0], total[self.firsts[1:] - 1, -1]])
            means[:, own] = total - np.repeat(before, sizes)[:, None]
        return means


def planes_of(codings: tuple[Coding, ...]) -> list[list[int]]:
    """Which blocks of a group belong together."""
    return [[i for i, c in enumerate(codings) if c.plane == plane] for plane in sorted({c.plane for c in codings})]


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
def look_up(table: Table) -> tuple[Array, Array]:
    """Symbol and length [65536] of the code with which sixteen bits begin; length 0 where none does."""
    symbols, spans = np.zeros(65536, np.int64), np.zeros(65536, np.int64)
    codes, lengths = _codes(table)
    for symbol in np.flatnonzero(lengths):
        length = int(lengths[symbol])
        start = int(codes[symbol]) << (16 - length)
        symbols[start : start + (1 << (16 - length))], spans[start : start + (1 << (16 - length))] = symbol, length
    return symbols, spans


@cache
def _parts_of(table: Table, further: bool) -> Array:
    """Of sixteen bits [65536]: length of the code, size of its number, zeros before it, and whether the block ends."""
    symbols, spans = look_up(table)
    last = (symbols == END) & further
    return np.asarray(spans | (symbols & 15) << 5 | (symbols >> 4) << 9 | np.where(last, 64, 0) << 13)


def _number(wide: Array, span: Array, size: Array) -> Array:
    """The number of `size` bits behind a code of `span` bits, with which 64 bits begin."""
    extra: Array = (wide << span.astype(np.uint64) >> np.uint64(1) >> (63 - size).astype(np.uint64)).astype(np.int64)
    return np.asarray(extra - np.where(extra >> np.maximum(size - 1, 0), 0, (1 << size) - 1))


def eight_bytes(source: Array) -> Array:
    """The whole number that the eight bytes from each byte on make."""
    whole: Array = np.ndarray(len(source) - 8, ">u8", source, strides=(1,))
    return whole


def encode_blocks(blocks: Array, codings: tuple[Coding, ...]) -> tuple[Array, Array]:
    """Bits of blocks.

    Args:
        blocks: [groups, codings, 64] int32, the first number as a difference.
        codings: how each block of a group is coded.

    Returns:
        Bytes [N] uint8 without stuffing, and [groups + 1] the bit with which each group begins and the last ends.

    Raises:
        LookupError: a table has no code for what must be said.
    """
    flat = blocks.reshape(-1, 64)
    said = np.empty((len(flat), 65), bool)
    said[:, 1:64], said[:, 0] = flat[:, 1:] != 0, True
    said[:, 64] = flat[:, 63] == 0  # where the rest is zero, it ends early
    row, column = np.nonzero(said)
    gap = np.diff(column, prepend=0) - 1
    gap[column == 0] = 0
    ending = column == 64
    # Up to three times sixteen zeros go before a number that has so many before it.
    times = np.where(ending, 1, (gap >> 4) + 1)
    row, column, ending, gap = (np.repeat(each, times) for each in (row, column, ending, gap))
    plain = np.diff(np.repeat(np.arange(len(times)), times), append=-1) != 0
    value = np.where(plain & ~ending, flat[row, np.minimum(column, 63)], 0)
    size = _SIZES[np.abs(value)]
    symbols = np.where(plain, np.where(ending, END, (gap & 15) << 4 | size), FAR)
    which = row % len(codings) << 9 | (column > 0) << 8 | symbols
    codes, lengths = (
        np.concatenate(each) for each in zip(*(_codes(t) for c in codings for t in (c.first, c.further)), strict=True)
    )
    spans = lengths[which]
    if (spans == 0).any():
        raise LookupError("a Huffman table has no code for this")
    extra = np.where(value < 0, value + (1 << size) - 1, value)
    lengths = spans + size
    ends = np.cumsum(lengths)
    opens = np.flatnonzero((column == 0) & (row % len(codings) == 0))
    return _packed(codes[which] << size | extra, ends, lengths), np.append((ends - lengths)[opens], ends[-1])


_SIZES: Final = np.array([number.bit_length() for number in range(4096)])
"""How many bits a number takes."""


def _packed(values: Array, ends: Array, lengths: Array) -> Array:
    """Whole numbers of up to 32 bits one behind the other, as bytes."""
    starts = ends - lengths
    wide = values.astype(np.uint64) << (64 - lengths - (starts & 31)).astype(np.uint64)
    count = int(ends[-1]) // 32 + 2
    # No two share a bit, so the sums are exact.
    words = np.bincount(starts >> 5, wide >> np.uint64(32), count)
    words += np.bincount((starts >> 5) + 1, wide & np.uint64(0xFFFFFFFF), count)
    return words.astype(">u4").view(np.uint8)


def joined(pieces: list[tuple[Array, int, int]]) -> bytes:
    """Pieces of bits, each of some bytes from one bit to another, one behind the other and stuffed.

    The last byte is filled with ones.
    """
    total = sum(stop - start for _, start, stop in pieces)
    out, at = np.zeros(total // 8 + 3, np.uint8), 8
    for source, start, stop in pieces:
        if start == stop:
            continue
        some = source[start >> 3 : (stop + 7) >> 3].copy()
        some[0] &= 255 >> (start & 7)
        some[-1] &= 255 << (-stop & 7) & 255
        shift, first = (at - start) & 7, (at - (start & 7)) // 8
        out[first : first + len(some)] |= some >> shift
        if shift:
            out[first + 1 : first + 1 + len(some)] |= some << (8 - shift)
        at += stop - start
    if at & 7:
        out[at >> 3] |= 255 >> (at & 7)
    return out[1 : (at + 7) >> 3].tobytes().replace(b"\xff", b"\xff\0")
