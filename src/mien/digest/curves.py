"""Curves as paths of SVG, and the numbers that a cursor over them reads out."""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, action_name
from mien.digest.ranks import LEAST_PEAK, channel, clock, spans
from mien.digest.record import POSE, FaceDigest, SourceDigest

WIDE, HIGH = 2000, 100
"""Of a curve's own units, in which all numbers are whole: it is stretched to its place."""

_GROUPS = (
    ("Eyes", ("eye",)),
    ("Brows", ("brow",)),
    ("Mouth and jaw", ("mouth", "jaw", "tongue")),
    ("Cheeks and nose", ("cheek", "nose")),
)
_TICKS = 6
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a row.

    Args:
        name: what it is called in the readout: `L`, `R`, `pitch`, or nothing.
        kind: its colour: `left`, `right`, `middle`, `pitch`, `yaw`, `roll`, `quality`.
        path: of the means.
        band: from least to greatest, empty where every frame is shown by itself.
        values: [B] means in hundredths, in whole degrees for angles; None where the face was not seen.
    """

    name: str
    kind: str
    path: str
    band: str
    values: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class CurveRow:
    """Lines that share one row: both sides of an action, or the three angles of a head.

    Args:
        name: of the action.
        peak: the greatest value, in words.
        unit: what a hundredth or a whole number of `Line.values` stands for: `weight` or `degrees`.
        lines: its lines.
        mark: place of zero within the row's height, of `HIGH`; None for a row that begins at its foot.
    """

    name: str
    peak: str
    unit: str
    lines: tuple[Line, ...]
    mark: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of a region of the face, and the names of those that hardly move."""

    name: str
    rows: tuple[CurveRow, ...]
    still: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the axis of time: its place, per cent, and what it says."""

    place: float
    text: str


def groups_of(digest: SourceDigest, face: FaceDigest) -> tuple[Group, ...]:
    """Every action of a face by region, then head and quality."""
    scale = _Scale(digest, face)
    found = []
    for title, beginnings in _GROUPS:
        actions = [row for row in ARKIT.actions if row[0].startswith(beginnings)]
        moving = [row for row in actions if _peak(face, row) >= LEAST_PEAK]
        still = tuple(action_name(row) for row in actions if row not in moving)
        found.append(Group(title, tuple(scale.weights(row) for row in moving), still))
    return (*found, Group("Head and quality", (scale.head(), scale.quality()), ()))


def gaps_of(digest: SourceDigest, face: FaceDigest) -> tuple[tuple[int, int], ...]:
    """Where the face was not seen: from where, and how wide."""
    scale = _Scale(digest, face)
    edges = [scale.across(np.array(span)) for span in spans(face.seen == 0, digest.starts, digest.ends)]
    return tuple((int(a), max(int(b - a), 1)) for a, b in edges)


def blinks_of(digest: SourceDigest, face: FaceDigest) -> tuple[int, ...]:
    """Where the face blinked."""
    return tuple(_Scale(digest, face).across(np.array([blink.time for blink in face.blinks or ()])).tolist())


def times_of(digest: SourceDigest) -> tuple[float, ...]:
    """[B] the time that a bin stands for, seconds."""
    return tuple(np.round(_middles(digest), 3).tolist())


def ticks_of(digest: SourceDigest, most: int = _TICKS) -> tuple[Tick, ...]:
    """Round times along the axis, about `most` of them."""
    length = digest.end - digest.start
    if length <= 0:
        return ()
    step = next((step for step in _STEPS if length / step <= most), _STEPS[-1] * np.ceil(length / _STEPS[-1] / most))
    times = np.arange(int(np.ceil(digest.start / step - 1e-9)), int((digest.end + 1e-9) / step) + 1) * step
    return tuple(
        Tick(round(100 * (time - digest.start) / length, 2), clock(round(time, 3), fine=False))
        for time in times.tolist()
    )


def _peak(face: FaceDigest, row: tuple[str, ...]) -> float:
    return float(face.statistics.most[ARKIT.indices(row)].max())


def _middles(digest: SourceDigest) -> Array:
    return digest.starts if digest.shortened == 1 else (digest.starts + digest.ends) / 2


class _Scale:
    """From values and times of a face to the units of its curves."""

    def __init__(self, digest: SourceDigest, face: FaceDigest) -> None:
        self._start, self._length = digest.start, max(digest.end - digest.start, 1e-3)
        self._face, self._banded = face, digest.shortened > 1
        self._x = self.across(_middles(digest))
        starts = np.flatnonzero(np.diff(np.concatenate([[0], (face.seen > 0).astype(np.int8), [0]])))
        self._runs = [slice(a, b) for a, b in starts.reshape(-1, 2).tolist()]

    def across(self, times: Array) -> Array:
        """Places of times."""
        return np.round((times - self._start) / self._length * WIDE).astype(np.int64)

    def weights(self, row: tuple[str, ...]) -> CurveRow:
        kinds = (("L", "left"), ("R", "right")) if len(row) == 2 else (("", "middle"),)
        lines = tuple(self._line(column, *kind, 0, 1, 100) for column, kind in zip(row, kinds, strict=True))
        return CurveRow(action_name(row), f"{_peak(self._face, row):.2f}", "weight", lines)

    def head(self) -> CurveRow:
        seen = self._face.seen > 0
        places = [channel(name) for name in POSE]
        most = max(float(np.abs(values[seen][:, places]).max()) for values in (self._face.low, self._face.high))
        reach = max(15.0, 5 * np.ceil(most / 5))
        lines = tuple(self._line(name, name, name, -reach, reach, 1) for name in POSE)
        return CurveRow("head", f"±{reach:g}°", "degrees", lines, HIGH // 2)

    def quality(self) -> CurveRow:
        mean = f"mean {self._face.quality:.2f}"
        return CurveRow("quality", mean, "weight", (self._line("quality", "", "quality", 0, 1, 100),))

    def _line(self, column: str, name: str, kind: str, least: float, most: float, factor: int) -> Line:
        k, face = channel(column), self._face

        def up(values: Array) -> Array:
            share = np.clip((values - least) / (most - least), 0, 1)
            return np.round(HIGH - 3 - share * (HIGH - 6)).astype(np.int64)

        low, mean, high = (up(values[:, k]) for values in (face.low, face.mean, face.high))
        band = "".join(self._area(run, low, high) for run in self._runs) if self._banded else ""
        numbers = np.round(face.mean[:, k] * factor).astype(np.int64).tolist()
        values = tuple(number if seen else None for number, seen in zip(numbers, face.seen.tolist(), strict=True))
        return Line(name, kind, "".join(self._stroke(run, mean) for run in self._runs), band, values)

    def _stroke(self, run: slice, y: Array) -> str:
        points = [f"{a} {b}" for a, b in zip(self._x[run].tolist(), y[run].tolist(), strict=True)]
        return "M" + "L".join(points) + ("h0" if len(points) == 1 else "")

    def _area(self, run: slice, low: Array, high: Array) -> str:
        x = self._x[run].tolist()
        there = [f"{a} {b}" for a, b in zip(x, high[run].tolist(), strict=True)]
        back = [f"{a} {b}" for a, b in zip(x, low[run].tolist(), strict=True)][::-1]
        return "M" + "L".join([*there, *back]) + "Z"
