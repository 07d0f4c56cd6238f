"""Where the blocks of a baseline JPEG lie in its bits.

Code follows code without a gap, so to know where the thousandth begins one has to read those before it. What numpy is
fast at is many readers at once: each begins somewhere in the file, soon falls into step with the true codes, as
Huffman codes let it, and reads on to where the next one began. Where that one had fallen into step, the two agree;
where they do not, it is read again from the place now known. So the result is the one that a single reader finds.
"""

import numpy as np

from mien.core.arrays import Array
from mien.formats.jpeg_entropy import END, FAR, Coding, Scan, Table, eight_bytes, look_up

_READERS, _LEAST, _RUN_UP = 4096, 4096, 2048
"""How many readers there are, the fewest bits that one reads, and how many it is given to fall into step."""

_AT_ONCE, _FEW, _ROUNDS = 64, 64, 4
"""Codes between two looks at who is done. With so few in disagreement, or after so many rounds, one reads on alone."""

_SPARE = 512
"""Bytes behind the last: a reader that is done reads on until the next look, 64 codes of 27 bits."""

_MOST, _ROW = (11, 10), 80
"""Most bits of first and of further numbers, pixels having eight. States kept for a block: a code may jump sixteen
beyond its 64 numbers."""


class _Reader:
    """What many readers need to hop from code to code, each a place in the bits and a state: which block, which number.

    Where blocks of a group have the same tables in turn, readers cannot tell them apart and need not.
    """

    def __init__(self, source: Array, codings: tuple[Coding, ...]) -> None:
        pairs = [(c.first, c.further) for c in codings]
        turn = next(i for i in range(1, len(pairs) + 1) if pairs == pairs[:i] * (len(pairs) // i))
        pairs, self._states = pairs[:turn], _ROW * turn
        tables = sorted({(table, i) for pair in pairs for i, table in enumerate(pair)})
        self._hops = np.concatenate([self._hops_of(table, bool(i)) for table, i in tables])
        places = [tables.index((pair[i], i)) << 16 for pair in pairs for i in (0, 1)]
        self._tables = np.repeat(places, [1, _ROW - 1] * turn)
        state = np.arange(self._states)
        following = (state // _ROW + 1) * _ROW % self._states
        self._after = np.concatenate([np.where(state % _ROW < 64, state, following), following])
        self._words = eight_bytes(source).astype(np.uint64)

    def _hops_of(self, table: Table, further: bool) -> Array:
        """Of sixteen bits: how many bits the code and its number take, and how far the state jumps; 0 for no code."""
        symbols, spans = look_up(table)
        sizes = symbols & 15 if further else symbols
        none = (spans == 0) | (sizes > _MOST[further])
        jumps = np.ones(65536, np.int64)
        if further:
            jumps = np.where(symbols == END, self._states, (symbols >> 4) + 1)
            none |= (sizes == 0) & (symbols != END) & (symbols != FAR)
        return np.where(none, 0, spans + sizes | jumps << 5)

    def run_up(self, bits: Array, ends: Array) -> tuple[Array, Array]:
        """Where readers that begin with a block at any `bits` come out, most of them in step."""
        strict = self._hops
        # A reader not in step yet that meets no code must go on.
        self._hops = np.where(strict == 0, 1 | self._states << 5, strict)
        out = self.read(bits, np.zeros_like(bits), ends)[:2]
        self._hops = strict
        return out

    def read(self, bits: Array, states: Array, ends: Array) -> tuple[Array, Array, Array, Array]:
        """Reads the codes that begin before `ends`.

        Returns:
            Place and state behind them, -1 where a reader came upon what is no code; and all ends of blocks, as
            numbers of readers and places, in order for each reader.
        """
        out = np.full((2, len(bits)), -1)
        readers, log = np.arange(len(bits)), [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
        while len(readers):
            place, state = self._some(bits, states)
            begun = place[:-1] < ends
            step, column = np.nonzero(begun & (state[1:] % _ROW == 0) & (place[1:] > place[:-1]))
            log.append((readers[column], place[step + 1, column]))
            count = begun.sum(0)
            done, more = count < _AT_ONCE, (count == _AT_ONCE) & (place[-1] > place[-2])
            out[:, readers[done]] = place[count[done], done], state[count[done], done]
            readers, bits, states, ends = readers[more], place[-1, more], state[-1, more], ends[more]
        reader, closed = (np.concatenate(each) for each in zip(*log, strict=True))
        order = np.argsort(reader, kind="stable")
        return out[0], out[1], reader[order], closed[order]

    def _some(self, bits: Array, states: Array) -> tuple[Array, Array]:
        """Places and states [65, readers] of the next 64 codes."""
        place, state = np.empty((2, _AT_ONCE + 1, len(bits)), np.int64)
        place[0], state[0] = bits, states
        index, table, window = np.empty((3, len(bits)), np.int64)
        word, shift = window.view(np.uint64), table.view(np.uint64)
        for i in range(_AT_ONCE):
            # Whole numbers of one type and arrays made once: this is where the time of all goes.
            np.right_shift(place[i], 3, out=index)
            self._words.take(index, out=word, mode="clip")
            np.bitwise_and(place[i], 7, out=table)
            np.left_shift(word, shift, out=word)
            np.right_shift(word, 48, out=word)
            self._tables.take(state[i], out=table, mode="clip")
            np.add(window, table, out=index)
            self._hops.take(index, out=window, mode="clip")
            np.bitwise_and(window, 31, out=index)
            np.add(place[i], index, out=place[i + 1])
            np.right_shift(window, 5, out=window)
            np.add(state[i], window, out=window)
            self._after.take(window, out=state[i + 1], mode="clip")
        return place, state

    def read_alone(self, bit: int, state: int, end: int) -> tuple[int, int, list[int]]:
        """What `read` does, for one reader: faster than numpy is for few."""
        words, hops, tables, after = (each.data for each in (self._words, self._hops, self._tables, self._after))
        closed: list[int] = []
        while bit < end:
            hop = hops[tables[state] + (words[bit >> 3] >> (48 - (bit & 7)) & 0xFFFF)]
            if hop == 0:
                return -1, -1, closed
            bit += hop & 31
            state = after[state + (hop >> 5)]
            if state % _ROW == 0:
                closed.append(bit)
        return bit, state, closed


def read_scan(parts: list[bytes], codings: tuple[Coding, ...], sizes: list[int]) -> Scan:
    """Where the blocks lie.

    Args:
        parts: the bytes between restarts, without stuffing.
        codings: how each block of a group is coded.
        sizes: how many groups each part holds.

    Raises:
        ValueError, LookupError: the bits are no such blocks.
    """
    source = np.frombuffer(b"".join(parts) + bytes(_SPARE), np.uint8)
    stops = np.cumsum([8 * len(part) for part in parts])
    opens = np.concatenate([[0], stops[:-1]])
    chunk = max(_LEAST, int(stops[-1]) // _READERS)
    shares = np.maximum(-(-(stops - opens) // chunk), 1)
    part = np.repeat(np.arange(len(parts)), shares)
    number = np.arange(len(part)) - np.repeat(np.cumsum(shares) - shares, shares)
    begins = opens[part] + number * chunk
    ends = np.where(number == shares[part] - 1, stops[part], begins + chunk)
    reader, closed = _all_read(_Reader(source, codings), begins, ends, number == 0)
    want = np.array(sizes) * len(codings)
    have = np.bincount(part[reader], minlength=len(parts))
    if (have < want).any():
        raise ValueError("fewer blocks than the picture has")
    place = np.arange(len(reader)) - np.repeat(np.cumsum(have) - have, have)
    behind = closed[place < np.repeat(want, have)]  # what follows in a part is filling
    starts, first = np.concatenate([[0], behind[:-1]]), np.cumsum(want) - want
    starts[first] = opens
    shape = -1, len(codings)
    return Scan(source, codings, starts.reshape(shape), behind.reshape(shape), first // len(codings))


def _all_read(reader: _Reader, begins: Array, ends: Array, sure: Array) -> tuple[Array, Array]:
    """Ends of all blocks, by readers in order; `sure` are those that begin with a block."""
    bits, states = begins.copy(), np.zeros_like(begins)
    guess = np.flatnonzero(~sure)
    bits[guess], states[guess] = reader.run_up(np.maximum(begins[guess] - _RUN_UP, begins[guess - 1]), begins[guess])
    out_bits, out_states, who, closed = reader.read(bits, states, ends)
    for _ in range(_ROUNDS):
        wrong = np.flatnonzero(~sure & ((bits != np.roll(out_bits, 1)) | (states != np.roll(out_states, 1))))
        wrong = wrong[out_bits[wrong - 1] >= 0]
        if len(wrong) <= _FEW:
            break
        bits[wrong], states[wrong] = out_bits[wrong - 1], out_states[wrong - 1]
        out_bits[wrong], out_states[wrong], again, anew = reader.read(bits[wrong], states[wrong], ends[wrong])
        kept = ~np.isin(who, wrong)
        who, closed = np.concatenate([who[kept], wrong[again]]), np.concatenate([closed[kept], anew])
    alone: dict[int, list[int]] = {}
    for i in np.flatnonzero(~sure).tolist():
        if bits[i] == out_bits[i - 1] and states[i] == out_states[i - 1]:
            continue
        out_bits[i], out_states[i], alone[i] = (
            reader.read_alone(int(out_bits[i - 1]), int(out_states[i - 1]), int(ends[i]))
            if out_bits[i - 1] >= 0
            else (-1, -1, [])
        )
    kept = ~np.isin(who, list(alone))
    who = np.concatenate([who[kept], *(np.full(len(each), i) for i, each in alone.items())])
    closed = np.concatenate([closed[kept], *(np.array(each, np.int64) for each in alone.values())])
    order = np.argsort(who, kind="stable")
    return who[order], closed[order]
