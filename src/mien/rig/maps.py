"""What the vocabularies have to say to each other, as tables that read like the printed ones.

A row `AU28 = mouthRollUpper + mouthRollLower` says: this column is the mean of these ARKit channels. A `*` stands for
either side. `AU25 > AU26 > AU27 = jawOpen` splits one channel into parts that fill one after the other. A row
`browInnerUp < browRaiseLeft + browRaiseRight` is a guess that only the way back to ARKit makes: the mean of these.

These are definitions, not measurements: nobody scored faces to find them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS, FEAFA, PERFECT_SYNC, VRM, Basis
from mien.core.face import Expression
from mien.formats.vrm import PresetRecipe


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Args:
        kind: `mean`: every target is the mean of the sources; `stages`: the targets fill one after the other while the
            only source grows; `guess`: the targets are ARKit channels, read from columns of the vocabulary.
        targets: columns of the vocabulary (of ARKit in a guess).
        sources: ARKit channels (columns of the vocabulary in a guess).
    """

    kind: Literal["mean", "stages", "guess"]
    targets: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class VocabularyTable:
    """How the columns of `basis` follow from ARKit's; all others are 0.

    Args:
        name: what a message calls it.
        basis: the vocabulary beside ARKit.
        text: its rows, one a line.

    Raises:
        ValueError: a line is no row, or two rows make one column.
        KeyError: a row names a column that is not there.
    """

    name: str
    basis: Basis
    text: str

    def __post_init__(self) -> None:
        made = [(row.kind == "guess", target) for row in self.rows for target in row.targets]
        if len(set(made)) != len(made):
            raise ValueError(f"table {self.name} makes a column twice")
        _ = self.forward, self.guesses  # names every column once, so that a slip shows at birth

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every row, the sides written out."""
        rows: list[Row] = []
        for line in self.text.strip().splitlines():
            sides = ("Left", "Right") if "*" in line else ("",)
            rows += [_row(line, side, self.basis) for side in sides]
        return tuple(rows)

    @cached_property
    def stages(self) -> tuple[Row, ...]:
        """The rows that split a channel into stages."""
        return tuple(row for row in self.rows if row.kind == "stages")

    @cached_property
    def forward(self) -> Array:
        """[52, K] ARKit weights times this are weights of the vocabulary; stages count as if all of them filled."""
        matrix = np.zeros((len(ARKIT), len(self.basis)))
        for row in self.rows:
            if row.kind != "guess":
                for target in row.targets:
                    matrix[ARKIT.indices(row.sources), self.basis.index(target)] = 1 / len(row.sources)
        return matrix

    @cached_property
    def guesses(self) -> Array:
        """[K, 52] what the way back adds for channels that the vocabulary does not name."""
        matrix = np.zeros((len(self.basis), len(ARKIT)))
        for row in self.rows:
            if row.kind == "guess":
                for target in row.targets:
                    matrix[self.basis.indices(row.sources), ARKIT.index(target)] = 1 / len(row.sources)
        return matrix

    @cached_property
    def backward(self) -> Array:
        """[K, 52] the way back: the least-squares inverse, so that columns of one channel give it their mean, and
        channels of one column all get it; and the guesses.
        """
        inverse = np.linalg.pinv(self.forward)
        return np.round(inverse, 12) + self.guesses  # its entries are simple fractions; rounding frees them of noise


def _row(line: str, side: str, basis: Basis) -> Row:
    sign: Literal["=", "<"] = "<" if "<" in line else "="
    left, found, right = line.partition(sign)
    if not found:
        raise ValueError(f"a row needs = or <, got {line!r}")
    letter = side[:1] if basis is FACS else side
    vocabulary, arkit = (right, left) if sign == "<" else (left, right)
    staged = ">" in vocabulary
    ours = tuple(word.strip().replace("*", letter) for word in vocabulary.split(">" if staged else "+"))
    theirs = tuple(word.strip().replace("*", side) for word in arkit.split("+"))
    if sign == "<":
        return Row("guess", theirs, ours)
    if staged and len(theirs) > 1:
        raise ValueError(f"stages have one source, got {line!r}")
    return Row("stages" if staged else "mean", ours, theirs)


_AGREED = """
AU01 = browInnerUp
AU02* = browOuterUp*
AU04* = browDown*
AU05* = eyeWide*
AU06* = cheekSquint*
AU07* = eyeSquint*
AU09* = noseSneer*
AU12* = mouthSmile*
AU14* = mouthDimple*
AU15* = mouthFrown*
AU16* = mouthLowerDown*
AU17 = mouthShrugLower
AU18 = mouthPucker
AU20* = mouthStretch*
AU22 = mouthFunnel
AU24* = mouthPress*
AU28 = mouthRollUpper + mouthRollLower
AU29 = jawForward
AU30* = jaw*
AU43* = eyeBlink*
AU61L = eyeLookOutLeft
AU61R = eyeLookInRight
AU62L = eyeLookInLeft
AU62R = eyeLookOutRight
AU63* = eyeLookUp*
AU64* = eyeLookDown*
"""
"""The rows of both public tables; the looks as the eyes turn, which one of the two prints mirrored."""

COMMON = VocabularyTable(
    "common",
    FACS,
    _AGREED
    + """AU08 = mouthClose
AU10* = mouthUpperUp*
AU19 = tongueOut
AU23* = mouthPress*
AU25 > AU26 > AU27 = jawOpen
AU34 = cheekPuff
""",
)
"""The table that psychologists' tools print. AU10 is the levator labii superioris, which raises the upper lip."""

ICT = VocabularyTable(
    "ict",
    FACS,
    _AGREED
    + """AU10* = mouthShrugUpper
AU11* = mouthUpperUp*
AU27 = jawOpen
AU33 = cheekPuff
""",
)
"""The table that the ICT face model ships with; it names neither AU8, AU19, AU23 nor the first stages of the jaw."""

FACS_TABLES: dict[str, VocabularyTable] = {table.name: table for table in (COMMON, ICT)}
"""The two public tables of ARKit and FACS by name; the first is the default."""

FEAFA_TABLE = VocabularyTable(
    "feafa",
    FEAFA,
    """
eyeClose* = eyeBlink*
lidRaise* = eyeWide*
browLower* = browDown*
browRaise* = browOuterUp*
browInnerUp < browRaiseLeft + browRaiseRight
jawDrop = jawOpen
jawSlide* = jaw*
lipCornerPull* = mouthSmile*
lipCornerStretch* = mouthStretch*
upperLipSuck = mouthRollUpper
lowerLipSuck = mouthRollLower
jawThrust = jawForward
upperLipRaise = mouthUpperUpLeft + mouthUpperUpRight
lowerLipDepress = mouthLowerDownLeft + mouthLowerDownRight
chinRaise = mouthShrugLower
lipPucker = mouthPucker
cheeksPuff = cheekPuff
noseWrinkle = noseSneerLeft + noseSneerRight
""",
)
"""FEAFA's 24. It raises a brow whole; people raise both of its ends together, so the way back lifts the inner one."""

PERFECT_SYNC_TABLE = VocabularyTable(
    "perfectsync",
    PERFECT_SYNC,
    "\n".join(f"{spelled} = {column}" for spelled, column in zip(PERFECT_SYNC.columns, ARKIT.columns, strict=True)),
)
"""Only spelled otherwise."""

_RECIPES = {
    "happy": "mouthSmile* 0.9, cheekSquint* 0.6, eyeSquint* 0.3, mouthUpperUp* 0.2",
    "angry": "browDown* 1, noseSneer* 0.5, eyeSquint* 0.4, mouthPress* 0.5, jawForward 0.1",
    "sad": "browInnerUp 0.9, mouthFrown* 0.7, mouthShrugLower 0.4, mouthRollLower 0.1",
    "relaxed": "mouthSmile* 0.3, mouthDimple* 0.4, eyeSquint* 0.3, browOuterUp* 0.1",
    "surprised": "browInnerUp 0.8, browOuterUp* 0.9, eyeWide* 0.9, jawOpen 0.3",
    "aa": "jawOpen 0.7, mouthLowerDown* 0.3, mouthUpperUp* 0.2",
    "ih": "jawOpen 0.2, mouthStretch* 0.3, mouthLowerDown* 0.4, mouthUpperUp* 0.3",
    "ou": "jawOpen 0.1, mouthPucker 0.9, mouthFunnel 0.2",
    "ee": "jawOpen 0.1, mouthStretch* 0.6, mouthDimple* 0.3, mouthSmile* 0.2, mouthLowerDown* 0.4",
    "oh": "jawOpen 0.5, mouthFunnel 0.7, mouthPucker 0.3",
    "blink": "eyeBlink* 1",
    "blinkLeft": "eyeBlinkLeft 1",
    "blinkRight": "eyeBlinkRight 1",
    "lookUp": "eyeLookUp* 1",
    "lookDown": "eyeLookDown* 1",
    "lookLeft": "eyeLookOutLeft 1, eyeLookInRight 1",
    "lookRight": "eyeLookInLeft 1, eyeLookOutRight 1",
    "neutral": "",
}

MIXED_PRESETS = VRM.columns[: VRM.columns.index("blink")]
"""Presets whose recipes overlap, so that only a fit tells how much of each is in a face."""


def vrm_recipes() -> tuple[PresetRecipe, ...]:
    """What every preset of VRM is made of, in the order of `VRM`'s columns.

    A preset is an apparent expression or a mouth shape that an avatar's author drew; it says nothing of a feeling.
    """
    return tuple(PresetRecipe(preset, tuple(_channels(_RECIPES[preset]))) for preset in VRM.columns)


def _channels(recipe: str) -> Iterator[tuple[str, float]]:
    for part in filter(None, recipe.split(", ")):
        name, amount = part.split()
        for side in ("Left", "Right") if "*" in name else ("",):
            yield name.replace("*", side), float(amount)


def recipe_weights() -> Expression:
    """`vrm_recipes` as ARKit weights [18, 52], a row for each column of `VRM`."""
    matrix = np.zeros((len(VRM), len(ARKIT)))
    for row, recipe in zip(matrix, vrm_recipes(), strict=True):
        for channel, amount in recipe.channels:
            row[ARKIT.index(channel)] = amount
    return Expression(matrix, ARKIT)
