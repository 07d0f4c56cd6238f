"""What the passes of a JPEG show without being decoded: whether all are there, and whether one has a hole."""

import re
from collections.abc import Iterator

_MARKER = re.compile(rb"\xff+([\xc0-\xcf\xda-\xfe])")
_FRAMES = {0xC2, 0xCA}
_TABLES, _SCAN = 0xC4, 0xDA

_RUN = 64
"""Zero bytes in a row: over a hundred coefficients."""


def has_every_pass(data: bytes) -> bool:
    """Whether the passes of a progressive JPEG have begun to bring every coefficient of every colour in full.

    Args:
        data: the file, from its first marker on; whether the last pass is whole does not show.
    """
    wanted: set[int] = set()
    missing: set[tuple[int, int]] = set()
    for marker, segment in _segments(data):
        if marker in _FRAMES and len(segment) > 7:
            wanted = set(segment[8::3])
            missing = {(colour, place) for colour in wanted for place in range(64)}
        elif marker == _SCAN and len(segment) > 3 and len(segment) == 6 + 2 * segment[2]:
            first, last, bits = segment[-3], segment[-2], segment[-1] & 15
            if bits == 0:  # the finest there is
                missing -= {(colour, place) for colour in segment[3:-3:2] for place in range(first, last + 1)}
    return bool(wanted) and not missing


def has_hole(data: bytes) -> bool:
    """Whether the one pass of a JPEG has a run of zeros that no picture makes: a block that a disk or a network lost.

    The usual tables turn it into blocks that look sound, each coefficient the smallest there is. Where the shortest
    code of every table means "nothing changes", a flat picture is such a run, and nothing is said.

    Args:
        data: the file, from its first marker on.
    """
    passes, flat = 0, True
    for marker, segment in _segments(data):
        passes += marker == _SCAN
        if marker == _TABLES:
            place = 2
            while place + 17 < len(segment):
                flat &= segment[place + 17] == 0
                place += 17 + sum(segment[place + 1 : place + 17])
    return passes == 1 and not flat and bytes(_RUN) in data[data.index(b"\xff\xda") + 2 :]


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every marker with its segment, length included; what is left of one that is cut."""
    position = 2
    while (found := _MARKER.search(data, position)) is not None:
        start = found.end()
        segment = data[start : start + int.from_bytes(data[start : start + 2], "big")]
        yield found[1][0], segment
        position = start + len(segment)
