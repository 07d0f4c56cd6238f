"""What somebody wants changed on a face, in words: `mouthSmile=0.7`, `AU12L+=0.3`, a preset, or calm.

A name is a column of ARKit or an action unit of FACS; a both-sides name (`mouthSmile`, `AU12`) stands for its left and
right. `=` asks for a weight whatever the face does now, `>=` for that much at least, `+=` and `-=` for so much more or
less of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Self

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS
from mien.core.errors import UsageError
from mien.core.face import Expression
from mien.formats.files import StrPath, read_bytes
from mien.formats.json_object import JSON_LIMIT, JsonObject
from mien.rig.convert import convert
from mien.rig.eyes import LOOKS

_FORM = re.compile(r"\s*([A-Za-z]+\d*[A-Za-z]*)\s*(\+=|-=|>=|=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")

_WAYS: Mapping[str, Literal["=", ">=", "+=", "-="]] = {"=": "=", ">=": ">=", "+=": "+=", "-=": "-="}

PRESETS: Mapping[str, Mapping[str, float]] = {
    "smile": {"mouthSmile": 0.6, "cheekSquint": 0.3, "eyeSquint": 0.2},
    "big-smile": {"mouthSmile": 0.85, "mouthUpperUp": 0.35, "cheekSquint": 0.5, "eyeSquint": 0.35, "jawOpen": 0.12},
    "half-smile": {"mouthSmileLeft": 0.6, "mouthDimpleLeft": 0.3},
    "frown": {"mouthFrown": 0.6, "browDown": 0.5},
    "astonished": {"browInnerUp": 0.8, "browOuterUp": 0.7, "eyeWide": 0.6, "jawOpen": 0.4},
    "kiss": {"mouthPucker": 0.8},
    "wink": {"eyeBlinkLeft": 0.95, "cheekSquintLeft": 0.4, "mouthSmileLeft": 0.3},
    "asleep": {"eyeBlink": 1.0},
}
"""Looks by name: what a face shows at least, no feelings."""


@dataclass(frozen=True, slots=True)
class Change:
    """One wish.

    Args:
        name: a column of ARKit or FACS, or a both-sides name.
        way: `=` sets, `>=` sets where there is less, `+=` adds, `-=` takes away.
        amount: a weight; 0 to 1 where it is set, -1 to 1 where it is added.
    """

    name: str
    way: Literal["=", ">=", "+=", "-="]
    amount: float

    def __post_init__(self) -> None:
        channels(self.name)
        low = 0.0 if self.way in ("=", ">=") else -1.0
        if not low <= self.amount <= 1:
            cause = f"{self.amount:g} is out of range"
            raise UsageError(
                self.name, "E_RANGE", cause, f"weights lie in {low:g} to 1; --intensity makes more of them"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """`NAME=WEIGHT`, `NAME+=WEIGHT` or `NAME-=WEIGHT`. Raises `UsageError` for anything else, E_NAME for a name
        that no vocabulary has, E_RANGE for a weight that cannot be."""
        form = _FORM.fullmatch(text)
        if form is None:
            cause = f"{text!r} is no change"
            raise UsageError("--set", "E_USAGE", cause, "write NAME=WEIGHT or NAME+=WEIGHT, mouthSmile=0.7 say")
        name, way, amount = form.groups()
        return cls(name, _WAYS[way], float(amount))

    def __str__(self) -> str:
        return f"{self.name}{self.way}{self.amount:g}"

    def of(self, weights: Array) -> Array:
        """[..., 52] ARKit's weights with this wish fulfilled, from `weights` [..., 52]; they may leave 0 to 1."""
        wanted = np.array(weights, np.float64)
        for column, share in channels(self.name).items():
            place = ARKIT.index(column)
            amount = share * self.amount
            now = wanted[..., place]
            if self.way == "=":
                wanted[..., place] = amount
            elif self.way == ">=":
                wanted[..., place] = np.maximum(now, amount)
            else:
                wanted[..., place] = now + (amount if self.way == "+=" else -amount)
        return wanted


def channels(name: str) -> dict[str, float]:
    """The columns of ARKit that a name of either vocabulary stands for, and how much of each.

    >>> channels("mouthSmile")
    {'mouthSmileLeft': 1.0, 'mouthSmileRight': 1.0}

    A unit gets its channels in full, for it is asked for by itself: where conversion shares one channel among several
    units, as it does `mouthPress`, a unit alone would reach a part. `AU25`, `AU26` and `AU27` are one movement at three
    strengths: each reaches its own.

    Raises:
        UsageError: E_NAME, no vocabulary has the name, the nearest ones are said; or it is a unit that ARKit cannot
            show, or that moves to one side and does not say which.
    """
    if name in ARKIT.columns:
        return {name: 1.0}
    if name + "Left" in ARKIT.columns and name not in _NO_PAIRS:
        return {name + "Left": 1.0, name + "Right": 1.0}
    units = _units(name)
    if units:
        return _shown_by(name, units)
    known = [*_BOTH_SIDES, *ARKIT.columns, *FACS.columns]
    near = get_close_matches(name, known, 3) or get_close_matches(name.lower(), [each.lower() for each in known], 3)
    shown = [next(each for each in known if each.lower() == one.lower()) for one in near]
    remedy = f"did you mean {', '.join(shown)}?" if shown else "`mien rigs sheet` shows the names"
    raise UsageError(name, "E_NAME", "neither ARKit nor FACS has this name", remedy)


def _shown_by(name: str, units: tuple[str, ...]) -> dict[str, float]:
    """The columns of ARKit that units of FACS move, and how much of each."""
    if len(units) > 1 and units[0].startswith(_ONE_WAY):
        raise UsageError(name, "E_NAME", "moves to one side, and does not say which", f"say {' or '.join(units)}")
    if units[0] in _JAW:
        return {"jawOpen": _JAW[units[0]]}
    said = np.isin(np.arange(len(FACS)), FACS.indices(units)).astype(np.float32)
    heard = convert(Expression(said, FACS), ARKIT).weights
    if not heard.any():
        cause = "ARKit has no channel for what this unit does"
        raise UsageError(name, "E_NAME", cause, "docs/vocabularies.md tells which units have one")
    return {ARKIT.columns[k]: float(heard[k] / heard.max()) for k in np.flatnonzero(heard)}


_ONE_WAY = "AU30"
"""The jaw goes to one side or to the other."""

_JAW = {"AU25": 1 / 3, "AU26": 2 / 3, "AU27": 1.0}
"""How far a mouth is open at the most when lips part, the jaw drops, or the mouth stretches (docs/vocabularies.md)."""

_NO_PAIRS = ("jaw", "mouth", "eyeLookIn", "eyeLookOut")
"""What comes with Left and Right but is not the same action on either side."""

_BOTH_SIDES = tuple(
    column.removesuffix("Left")
    for column in ARKIT.columns
    if column.endswith("Left") and column.removesuffix("Left") not in _NO_PAIRS
)


def _units(name: str) -> tuple[str, ...]:
    """The columns of FACS that `AU12`, `au12`, `AU12L` or `AU1` name; empty when they name none."""
    form = re.fullmatch(r"AU(\d{1,2})([LR]?)", name, re.IGNORECASE)
    if form is None:
        return ()
    unit = f"AU{int(form[1]):02d}"
    sides = (form[2].upper(),) if form[2] else ("", "L", "R")
    return tuple(unit + side for side in sides if unit + side in FACS.columns)


@dataclass(frozen=True, slots=True)
class Wish:
    """Everything that is wanted of a face, in order: later changes see what earlier ones made.

    Args:
        changes: one after the other.
        neutral: whether the face is made calm first; where it looks stays.
        intensity: 0 to 1.5, how much of the whole way from now is gone.
    """

    changes: tuple[Change, ...] = ()
    neutral: bool = False
    intensity: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.intensity <= 1.5:
            raise UsageError("--intensity", "E_RANGE", f"{self.intensity:g} is out of range", "allowed: 0 to 1.5")

    def of(self, weights: Array) -> Array:
        """[..., 52] the weights that are asked for of a face that has `weights` [..., 52]; within 0 to 1.

        What was out of these bounds before (real recordings are) stays as it is where nothing is asked.
        """
        now = np.asarray(weights, np.float64)
        wanted = np.where(_GAZE, now, 0.0) if self.neutral else now
        for change in self.changes:
            wanted = change.of(wanted)
        moved = now + self.intensity * (wanted - now)
        return np.where(wanted == now, now, np.clip(moved, 0.0, 1.0)).astype(np.float32)

    def words(self) -> tuple[str, ...]:
        """The wishes one by one, as they would be typed."""
        strength = (f"intensity {self.intensity:g}",) if self.intensity != 1 else ()
        return (*(("neutral",) if self.neutral else ()), *(str(change) for change in self.changes), *strength)


_GAZE = np.isin(np.arange(len(ARKIT)), ARKIT.indices([column for side in LOOKS for column in side]))


def preset(name: str) -> tuple[Change, ...]:
    """The changes of a named look. Raises `UsageError` E_NAME with the names that there are."""
    if name not in PRESETS:
        near = get_close_matches(name, PRESETS, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(name, "E_NAME", "no such preset", f"{hint}known: {', '.join(PRESETS)}")
    return tuple(Change(column, ">=", amount) for column, amount in PRESETS[name].items())


def read_preset(path: StrPath) -> tuple[Change, ...]:
    """The changes of a JSON file of weights by name, `{"mouthSmile": 0.7, "AU04": 0.3}`.

    Raises:
        InputError: what `read_bytes` raises.
        UsageError: E_NAME when there is neither such a file nor such a preset, or for a name within; E_RANGE; E_CONFIG
            when it is no JSON object of numbers.
    """
    if not Path(path).exists():
        return preset(str(path))
    try:
        document = JsonObject.parse(read_bytes(path, JSON_LIMIT))
        return tuple(Change(name, "=", document.number(name)) for name in document)
    except ValueError as error:
        raise UsageError(path, "E_CONFIG", str(error), 'write {"mouthSmile": 0.7, ...}') from error
