"""Timecodes `HH:MM:SS:FF.sss`: what a second of them counts to, and whether they come from one recording.

A tick is a thousandth of a frame, the finest that a timecode prints: with whole ticks nothing is rounded twice.
"""

import re
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array

DAY = 86_400
"""Seconds of a day, after which timecodes begin again."""

_BASES = (24, 25, 30, 48, 50, 60, 100, 120, 240)
"""Frames that a second of timecode counts to, as cameras and recorders have them."""

_USUAL = 60
_LOST = 4.2
"""Steps that one step between two rows may span when rows are lost; a longer one is a cut, of any length."""

_JITTER = 0.1
"""Frames by which the phase of a recording's timecodes may wander between two rows."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why timecodes are none of one recording: the row, from 0, and the cause."""

    row: int
    cause: str


def timecode_parts(text: str) -> tuple[int, int]:
    """Seconds since midnight, and thousandths of a frame within the second. Raises `ValueError`: it is no timecode."""
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)[:;](\d{1,4}(?:\.\d{1,9})?)", text.strip(), re.ASCII)
    if match is None:
        raise ValueError(f"{text!r:.40} is no timecode HH:MM:SS:FF.sss")
    hours, minutes, seconds = (int(part) for part in match.groups()[:3])
    return (hours * 60 + minutes) * 60 + seconds, round(float(match[4]) * 1000)


def timecode_of(ticks: int, base: int) -> str:
    """The timecode of a number of thousandths of a frame since midnight; after a day they begin again."""
    seconds, thousandths = divmod(ticks, base * 1000)
    minutes, second = divmod(seconds % DAY, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}:{thousandths // 1000:02d}.{thousandths % 1000:03d}"


def base_of(seconds: Array, frames: Array) -> int:
    """What the frames of a second count to.

    Told where a second ends, by the steps of the rows before: the base that most of these places agree on. Where no
    second ends it is 60, or the next that cameras have.

    Args:
        seconds: [R] whole seconds.
        frames: [R] frames within them.
    """
    ends = np.flatnonzero(np.diff(seconds) == 1)
    step = _step(np.diff(frames)[np.diff(seconds) == 0])
    if len(ends) and step:
        told, votes = np.unique(_implied(frames, ends, step).round().astype(np.int64), return_counts=True)
        told, votes = (told[known], votes[known]) if (known := np.isin(told, _BASES)).any() else (told, votes)
        if (likely := int(told[votes == votes.max()].max())) > 0:
            return likely
    above = [base for base in (_USUAL, *_BASES) if base > frames.max()]
    return above[0] if above else _BASES[-1]


def ticks_of(seconds: Array, thousandths: Array, base: int) -> tuple[Array, Fault | None]:
    """Thousandths of a frame since midnight, [R], and what is wrong with them.

    Wrong are times that run backwards, seconds that count to one base here and to another there, and steps that are no
    whole multiples of one step. Lost rows, cuts, the odd step at a splice and a camera without a fixed rate are not.
    """
    ticks = seconds * base * 1000 + thousandths
    steps = np.diff(ticks) / 1000
    if len(back := np.flatnonzero(steps < 0)):
        return ticks, Fault(int(back[0]) + 1, "times must not run backwards; a later one comes before it")
    frames = thousandths / 1000
    unit = _step(steps)
    if unit:
        fault = _two_bases(seconds, frames, base, unit) or _two_rates(steps, unit)
        return ticks, fault
    return ticks, None


def _implied(frames: Array, ends: Array, step: float) -> Array:
    """What a second would count to if no row were lost between `ends` and the rows after them."""
    return np.asarray(frames[ends] + step - frames[ends + 1])


def _two_bases(seconds: Array, frames: Array, base: int, unit: float) -> Fault | None:
    """Where a second ends as one of a smaller base would: its last frame short of it, the next row a step on."""
    ends = np.flatnonzero(np.diff(seconds) == 1)
    implied = _implied(frames, ends, unit)
    for other in (known for known in _BASES if base - known > _LOST * unit):
        early = (np.abs(implied - other) < _JITTER) & (frames[ends] < other) & (frames[ends + 1] < unit)
        # Rows lost at the turn of a second can look so once; hardly ever for half a second.
        if early.sum() > (0 if other <= base / 2 else 1):
            row = int(ends[early][0]) + 1
            return Fault(row, f"mixed frame rates: the second before counts to {other}, others to {base}")
    return None


def _two_rates(steps: Array, unit: float) -> Fault | None:
    """Where steps that keep coming are no multiples of the shortest common one. The odd one is a splice."""
    few = max(2, len(steps) // 100)
    for run in _runs(steps):
        many = float(np.median(run)) / unit
        whole = many >= 0.5 and abs(many - round(many)) * unit <= _JITTER
        if len(run) > few and _is_tight(run) and many < _LOST and not whole:
            row = int(np.flatnonzero((steps >= run[0]) & (steps <= run[-1]))[0]) + 1
            return Fault(row, f"mixed frame rates: steps of {many * unit:.3g} frames beside steps of {unit:.3g}")
    return None


def _step(steps: Array) -> float:
    """The shortest step that at least a tenth of the rows take, in frames; 0 when there is none.

    There is none where steps spread, as those of a camera without a fixed rate do: that is one rate too.
    """
    runs = _runs(steps)
    for run in runs:
        if len(run) * 10 >= sum(len(each) for each in runs):
            return float(np.median(run)) if _is_tight(run) else 0.0
    return 0.0


def _runs(steps: Array) -> list[Array]:
    """The rising steps in runs of neighbours, as they wander by thousandths; shortest first."""
    rising = np.sort(steps[steps > 0])
    return [run for run in np.split(rising, np.flatnonzero(np.diff(rising) > _JITTER) + 1) if len(run)]


def _is_tight(run: Array) -> bool:
    return bool(run[-1] - run[0] <= 2 * _JITTER)
