"""FEAFA and FEAFA+ as they are published: a folder of labels for each video, in it one small file for each frame.

`PV001.output/00000012.auw` holds the 24 values of `mien.core.basis.FEAFA` for frame 12 of video PV001, on one line with
blanks between them. Where the frames' pictures lie the public sources do not say: a picture is sought by the stem of
its label (`00000012.jpg`) in the folder `PV001` beside the labels, then among the labels. Videos are not read, for
nothing says whether their frames are counted from 0 or from 1: take the pictures out under the names of the labels.

The recordings show 122 people in 127 videos and do not say who is in two: a video counts as a person.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT, FEAFA
from mien.core.errors import InputError, printable
from mien.core.face import Expression
from mien.data.portraits import PICTURE_SUFFIXES
from mien.formats.files import read_bytes
from mien.rig.convert import convert
from mien.rig.maps import FEAFA_TABLE

LEAST, MOST = -0.5, 2.0
"""Values that a label may have: people give 0 to 1, and what lies further out is damaged."""

TWINS = tuple(column for column, row in zip(ARKIT.columns, FEAFA_TABLE.forward, strict=True) if row.any())
"""Columns of `ARKIT` that one of the 24 names; what the way to ARKit only guesses (browInnerUp) is not among them."""

_OUTPUT = ".output"
_LABEL = ".auw"
_FILE_LIMIT = 1 << 16
_REMEDY = "a .auw file holds one line of 24 numbers"
_LAYOUT = "give the folder that holds PV001.output, PV002.output, …"

_VIDEOS = 127
_TESTED_IN_3 = (
    *(8, 9, 10, 11, 13, 19, 20, 24, 29, 30, 31, 33, 39, 40, 46, 53, 54, 55, 59, 60, 62, 76, 78, 82, 89),
    *(100, 101, 102, 103, 107, 109, 110, 114, 115, 116, 117, 119, 120, 122, 123, 124, 125),
)
_TESTED_IN_2 = (
    *(3, 4, 5, 7, 12, 14, 15, 16, 18, 21, 22, 23, 25, 32, 37, 41, 44, 45, 50, 51, 52, 57, 67, 68, 70, 71, 72, 74),
    *(80, 85, 86, 87, 88, 90, 91, 94, 95, 97, 98, 111, 126, 127),
)

FOLDS: dict[str, int] = {
    f"PV{video:03d}": 3 if video in _TESTED_IN_3 else 2 if video in _TESTED_IN_2 else 1
    for video in range(1, _VIDEOS + 1)
}
"""The fold (1, 2 or 3) in which each video is tested: 43, 42 and 42 of them. Not the authors', whose split is unknown,
but the one that is public. FEAFA+'s second half, the relabelled DISFA, is in none."""


@dataclass(frozen=True, slots=True, eq=False)
class FeafaFrame:
    """A labelled frame.

    Args:
        video: `PV001`.
        number: of the frame, as its label's name says.
        picture: the file that shows it.
        weights: [24] over `FEAFA`, nominally 0 to 1.
    """

    video: str
    number: int
    picture: Path
    weights: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", frozen_array(self.weights, "weights", (len(FEAFA),), np.float32))


def read_auw(file: Path) -> Array:
    """The 24 values [24] of a label.

    Raises:
        InputError: E_FORMAT: too few or too many values, one that is no number, not finite or out of [-0.5, 2], or a
            second line, with the line and the value; or the file cannot be read.
    """
    data = read_bytes(file, _FILE_LIMIT)
    try:
        return _values(data.decode("ascii"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        cause = f"line {line}: byte {error.start} of the file is no text"
    except ValueError as error:
        cause = str(error)
    raise InputError(file, "E_FORMAT", cause, _REMEDY)


def _values(text: str) -> Array:
    lines = [(number, line.split()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise ValueError("line 1: holds no number")
    line, cells = lines[0]
    if len(cells) != len(FEAFA):
        raise ValueError(f"line {line}: has {len(cells)} value{'s' if len(cells) != 1 else ''}, 24 are needed")
    if len(lines) > 1:
        raise ValueError(f"line {lines[1][0]}: one line is all that a label has")
    return np.array([_value(cell, line, place) for place, cell in enumerate(cells)])


def _value(cell: str, line: int, place: int) -> float:
    where = f"line {line}, value {place + 1} ({FEAFA.columns[place]})"
    try:
        if "_" in cell:  # Python reads 1_000 as a number
            raise ValueError
        value = float(cell)
    except ValueError:
        raise ValueError(f"{where}: {printable(cell)!r:.40} is no number") from None
    if not np.isfinite(value):
        raise ValueError(f"{where}: is not finite")
    if not LEAST <= value <= MOST:
        raise ValueError(f"{where}: {value:g} lies outside {LEAST:g} to {MOST:g}")
    return value


def read_feafa(folder: Path) -> tuple[FeafaFrame, ...]:
    """Every labelled frame below `folder`, by video and number.

    All labels are read and all pictures are found before any is returned, so that a long work starts on sound data.

    Raises:
        InputError: E_NOTFILE: no folder of labels, one without any, or a label whose picture is not there; E_FORMAT: a
            label that is damaged, or is not named by a number.
    """
    outputs = sorted(path for path in folder.glob(f"*{_OUTPUT}") if path.is_dir())
    if not outputs:
        raise InputError(folder, "E_NOTFILE", f"holds no folder of labels (*{_OUTPUT})", _LAYOUT)
    return tuple(frame for output in outputs for frame in _video(output))


def _video(output: Path) -> list[FeafaFrame]:
    """The frames of one video, by number."""
    name = output.name.removesuffix(_OUTPUT)
    labels = [path for path in output.iterdir() if path.suffix.lower() == _LABEL]
    if not labels:
        raise InputError(output, "E_NOTFILE", f"holds no label (*{_LABEL})", _LAYOUT)
    pictures = {**_pictures(output), **_pictures(output.with_name(name))}
    frames = []
    for label in sorted(labels, key=lambda path: (len(path.stem), path.stem)):
        if not (label.stem.isascii() and label.stem.isdigit()):
            raise InputError(label, "E_FORMAT", "is not named by the number of a frame", "00000012.auw is frame 12's")
        weights = read_auw(label)
        if label.stem not in pictures:
            remedy = f"put {label.stem}.jpg into {output.with_name(name)}"
            raise InputError(label, "E_NOTFILE", "line 1: the picture that it labels is not there", remedy)
        frames.append(FeafaFrame(name, int(label.stem), pictures[label.stem], weights))
    return frames


def _pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their stem; of two with one stem, the first by name."""
    found = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    return {path.stem: path for path in found if path.suffix.lower() in PICTURE_SUFFIXES}


def fold_split(video: str, fold: int) -> str:
    """`val` for a video that `fold` (1 to 3) tests, `train` for the others.

    Raises:
        InputError: E_FORMAT: no fold knows the video.
    """
    if video not in FOLDS:
        raise InputError(video, "E_FORMAT", "is in none of the three folds, PV001 to PV127", "leave --fold out")
    return "val" if FOLDS[video] == fold else "train"


def in_arkit(weights: Array) -> Array:
    """FEAFA's weights [..., 24] in ARKit's columns, [..., 52]; those that are not among `TWINS` are 0."""
    arkit = np.zeros((*weights.shape[:-1], len(ARKIT)), np.float32)
    named = ARKIT.indices(TWINS)
    arkit[..., named] = convert(Expression(weights, FEAFA), ARKIT).weights[..., named]
    return arkit
