"""Whether a progressive JPEG has come to its last pass: which coefficients its passes have brought, and how finely."""

import re

_MARKER = re.compile(rb"\xff+([\xc0-\xcf\xda-\xfe])")
_FRAMES = {0xC2, 0xCA}


def has_every_pass(data: bytes) -> bool:
    """Whether the passes of a progressive JPEG have begun to bring every coefficient of every colour in full.

    Args:
        data: the file, from its first marker on; whether the last pass is whole does not show.
    """
    wanted: set[int] = set()
    missing: set[tuple[int, int]] = set()
    position = 2
    while (found := _MARKER.search(data, position)) is not None:
        marker, start = found[1][0], found.end()
        segment = data[start : start + int.from_bytes(data[start : start + 2], "big")]
        if marker in _FRAMES and len(segment) > 7:
            wanted = set(segment[8::3])
            missing = {(colour, place) for colour in wanted for place in range(64)}
        elif marker == 0xDA and len(segment) > 3 and len(segment) == 6 + 2 * segment[2]:
            first, last, bits = segment[-3], segment[-2], segment[-1] & 15
            if bits == 0:  # the finest there is
                missing -= {(colour, place) for colour in segment[3:-3:2] for place in range(first, last + 1)}
        position = start + max(len(segment), 0)
    return bool(wanted) and not missing
