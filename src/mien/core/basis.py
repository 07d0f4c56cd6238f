"""A vocabulary of expression: what each column of a weight vector means.

ARKit's blendshapes, action units, FEAFA's 24 and emotion scores differ only in their basis, so all of them are
`Expression` records over one of the values of this file. Names of emotions, where they come, are a *reading* of a
face, never a claim about a feeling.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Basis:
    """Names, nominal range and mirror pairs of the columns of an `Expression`.

    Args:
        name: short name, `"arkit"`.
        columns: K distinct column names. `Left` and `Right` are the subject's.
        low: nominal least weight. Real recordings may leave the range; nothing clips them.
        high: nominal greatest weight.
        mirror_names: pairs of columns that swap under a horizontal flip; found from `Left`/`Right` when not given.

    Raises:
        ValueError: a name comes twice, a pair names a column that is not there, or two pairs share a column.
    """

    name: str
    columns: tuple[str, ...]
    low: float = 0.0
    high: float = 1.0
    mirror_names: tuple[tuple[str, str], ...] | None = None
    _places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = {column: k for k, column in enumerate(self.columns)}
        if len(places) != len(self.columns):
            raise ValueError(f"basis {self.name} names a column twice")
        pairs = self.mirror_names
        if pairs is None:
            pairs = tuple(
                (column, twin)
                for column in self.columns
                if "Left" in column and (twin := column.replace("Left", "Right")) in places
            )
        for pair in pairs:
            for column in pair:
                if column not in places:
                    raise ValueError(f"basis {self.name} mirrors {column}, which is not one of its columns")
        if len({column for pair in pairs for column in pair}) != 2 * len(pairs):
            raise ValueError(f"basis {self.name} mirrors a column twice")
        object.__setattr__(self, "mirror_names", pairs)
        object.__setattr__(self, "_places", places)

    def __len__(self) -> int:
        return len(self.columns)

    def index(self, column: str) -> int:
        """Place of `column` among the columns. Raises `KeyError` with the basis' name when it is not there."""
        try:
            return self._places[column]
        except KeyError:
            raise KeyError(f"basis {self.name} has no column {column}") from None

    def indices(self, columns: Sequence[str]) -> NDArray[np.intp]:
        """Places of several columns, [len(columns)]."""
        return np.array([self.index(column) for column in columns], np.intp)

    @cached_property
    def mirror(self) -> NDArray[np.intp]:
        """[K] index map of a horizontal flip: `flipped = weights[..., mirror]`. It is its own inverse."""
        order = np.arange(len(self.columns))
        for left, right in self.mirror_names or ():
            order[self.index(left)], order[self.index(right)] = self.index(right), self.index(left)
        order.flags.writeable = False
        return order

    @cached_property
    def actions(self) -> tuple[tuple[str, ...], ...]:
        """Every column once, in order: the left and the right one of an action together, the others alone.

        A pair is one action on two sides: jawLeft and jawRight, with no more than a region in common, are two actions.
        """
        pairs = (pair for pair in self.mirror_names or () if not action_name(pair).islower())
        partners = {column: pair for pair in pairs for column in pair}
        return tuple(dict.fromkeys(partners.get(column, (column,)) for column in self.columns))


def action_name(columns: tuple[str, ...]) -> str:
    """What the columns of one of `Basis.actions` are called together."""
    return columns[0] if len(columns) == 1 else columns[0].removesuffix("Left").removesuffix("L")


_EYE = ("eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide")
_MOUTH_PAIRS = ("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch")
_MOUTH_MIDDLE = ("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper")
_LIP_PAIRS = ("mouthPress", "mouthLowerDown", "mouthUpperUp")


def _sides(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in ("Left", "Right"))


ARKIT = Basis(
    "arkit",
    (
        *(name + "Left" for name in _EYE),
        *(name + "Right" for name in _EYE),
        *("jawForward", "jawLeft", "jawRight", "jawOpen"),
        *("mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
        *_sides(_MOUTH_PAIRS),
        *_MOUTH_MIDDLE,
        *_sides(_LIP_PAIRS),
        *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
        *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
    ),
)
"""Apple's 52 blendshapes in Apple's order. Key them by name: other tools order them otherwise."""


def _both(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in "LR")


_UPPER_UNITS = ("AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU11", "AU12", "AU14", "AU15", "AU16")
_LOOKS = ("AU61", "AU62", "AU63", "AU64")

FACS = Basis(
    "facs",
    (
        "AU01",
        *_both(_UPPER_UNITS),
        *("AU08", "AU17", "AU18", "AU19"),
        *_both(("AU20", "AU23", "AU24")),
        *("AU22", "AU25", "AU26", "AU27", "AU28", "AU29"),
        *_both(("AU30",)),
        *("AU33", "AU34"),
        *_both(("AU43", *_LOOKS)),
    ),
    mirror_names=(
        *((unit + "L", unit + "R") for unit in (*_UPPER_UNITS, "AU20", "AU23", "AU24", "AU30", "AU43")),
        *(("AU61L", "AU62R"), ("AU61R", "AU62L"), ("AU63L", "AU63R"), ("AU64L", "AU64R")),
    ),
)
"""Action units with the sides apart where a face has two, as intensities 0 to 1 (a fifth of the 0 to 5 of OpenFace).

AU61 turns the eyes to the subject's left, AU62 to the right, AU63 up, AU64 down; L and R name the eye that turns.
AU30L and AU30R move the jaw to that side. AU43 stands for AU45 and AU46 too, which differ only in how long they last.
"""

FEAFA = Basis(
    "feafa",
    (
        *("eyeCloseLeft", "eyeCloseRight", "lidRaiseLeft", "lidRaiseRight"),
        *("browLowerLeft", "browLowerRight", "browRaiseLeft", "browRaiseRight"),
        *("jawDrop", "jawSlideLeft", "jawSlideRight"),
        *("lipCornerPullLeft", "lipCornerPullRight", "lipCornerStretchLeft", "lipCornerStretchRight"),
        *("upperLipSuck", "lowerLipSuck", "jawThrust", "upperLipRaise", "lowerLipDepress"),
        *("chinRaise", "lipPucker", "cheeksPuff", "noseWrinkle"),
    ),
)
"""The 24 values of FEAFA and FEAFA+ in the order of their files."""

VRM = Basis(
    "vrm",
    (
        *("happy", "angry", "sad", "relaxed", "surprised"),
        *("aa", "ih", "ou", "ee", "oh"),
        *("blink", "blinkLeft", "blinkRight"),
        *("lookUp", "lookDown", "lookLeft", "lookRight", "neutral"),
    ),
)
"""The presets of VRM 1.0's `VRMC_vrm.expressions`: apparent expressions and mouth shapes, no feelings."""

PERFECT_SYNC = Basis("perfectsync", tuple(column[0].upper() + column[1:] for column in ARKIT.columns))
"""ARKit's 52 as VTuber software spells them: `JawOpen`."""

FLAME_EXPRESSIONS = 100
"""Expression coefficients that FLAME's file holds; EMOCA, DECA and SMIRK use the first 50."""

FLAME = Basis(
    "flame",
    (*(f"psi{k:03d}" for k in range(FLAME_EXPRESSIONS)), "jawPitch", "jawYaw", "jawRoll"),
    low=-4.0,
    high=4.0,
    mirror_names=(),
)
"""FLAME's expression coefficients, and its jaw as an axis-angle rotation in radians; no pairs of sides."""

BASES: dict[str, Basis] = {basis.name: basis for basis in (ARKIT, FACS, FEAFA, VRM, PERFECT_SYNC, FLAME)}
"""Every basis by its name: how a saved take finds its columns again."""
