"""What is worth showing of a digest: which faces, which channels, and how times and numbers are written."""

from collections.abc import Sequence

import numpy as np

from mien.core.basis import ARKIT, action_name
from mien.digest.record import CHANNELS, FaceDigest, SourceDigest

SHOWN_FACES = 6
"""How many faces a page or a picture shows."""

LEAST_PEAK = 0.1
"""A weight that a channel must reach to be worth a curve."""

Action = tuple[str, ...]


def shown_faces(digest: SourceDigest) -> tuple[FaceDigest, ...]:
    """Those seen longest, by number."""
    longest = sorted(digest.faces, key=lambda face: -face.frames)[:SHOWN_FACES]
    return tuple(sorted(longest, key=lambda face: face.face))


def more_faces(digest: SourceDigest) -> str:
    """What to say of those that are not shown; empty when there is none."""
    more = len(digest.faces) + digest.left_out - len(shown_faces(digest))
    return f"and {counted(more, 'more face')}, seen more briefly" if more else ""


def strongest(face: FaceDigest, most: int) -> list[Action]:
    """The actions that move most: their standard deviation and a quarter of their peak, on the stronger side."""
    told = face.statistics
    score = told.deviation + told.most / 4
    rows = [row for row in ARKIT.actions if told.most[ARKIT.indices(row)].max() >= LEAST_PEAK]
    return sorted(rows, key=lambda row: -float(score[ARKIT.indices(row)].max()))[:most]


def strongest_text(face: FaceDigest, most: int) -> str:
    """The strongest actions with their peaks, in words."""
    rows = strongest(face, most)
    peaks = (float(face.statistics.most[ARKIT.indices(row)].max()) for row in rows)
    return ", ".join(f"{action_name(row)} {peak:.2f}" for row, peak in zip(rows, peaks, strict=True)) or "at rest"


def channel(name: str) -> int:
    """The place of a name among `CHANNELS`."""
    return CHANNELS.index(name)


def spans(missing: Sequence[bool] | np.ndarray, starts: np.ndarray, ends: np.ndarray) -> list[tuple[float, float]]:
    """From when to when something was missing, given for each bin."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(missing, np.int8), [0]])))
    return [(float(starts[a]), float(ends[b - 1])) for a, b in edges.reshape(-1, 2).tolist()]


def clock(seconds: float, fine: bool = True) -> str:
    """A time as people read it: `3.25 s` below a minute, `1:02.5`, `1:00:00`.

    >>> clock(62.5)
    '1:02.5'
    """
    if abs(seconds) < 59.995:
        return f"{seconds:.2f} s" if fine else f"{seconds:g} s"
    tenths = round(abs(seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    text = f"{rest // 10:02d}" + (f".{rest % 10}" if fine and rest % 10 else "")
    sign = "-" if seconds < 0 else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{text}" if minutes >= 60 else f"{sign}{minutes}:{text}"


def counted(number: int, noun: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def sides_text(digest: SourceDigest) -> str:
    """Width and height of the picture."""
    return f"{digest.width} \N{MULTIPLICATION SIGN} {digest.height} px"


def blinks_text(face: FaceDigest) -> str:
    """How many blinks, and how many a minute."""
    if face.blinks is None:
        return "blinks not counted: too few frames a second"
    rate = "too short for a rate" if face.blink_rate is None else f"{face.blink_rate:.1f} per minute"
    return f"{counted(len(face.blinks), 'blink')}, {rate}"
