"""What came of an edit: what was asked, what a new reading finds, what else moved, and before, after and difference."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.compose.edit_cuts import SIDE, cut_box
from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import OutputError, UsageError
from mien.core.face import FaceReading
from mien.core.geometry import bounds, box_overlap
from mien.core.image import Frame
from mien.detect.shape import mean_face
from mien.formats.files import StrPath, check_replaceable, replacing
from mien.formats.images import write_image
from mien.imaging.board import Tile, board
from mien.pipelines.edit import EditedFace
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter

_SAME = 0.3
"""Overlap of boxes from which a face that is read again is the edited one."""

ASKED = 0.005
"""Change of a weight below which it was not asked for."""

_SHOWN = 10
"""Channels that a picture names."""

_A_LINE = 2
_AMPLIFIED = 3
"""How much stronger a difference is shown than it is."""


_HARDLY_READ = frozenset(
    (
        *("cheekPuff", "cheekSquint", "eyeLookIn", "eyeLookOut", "eyeSquint", "eyeWide", "jawForward"),
        *("mouthClose", "mouthLowerDown", "mouthRollLower", "mouthRollUpper", "mouthStretch"),
    )
)
"""Of a rise by .6 of one of these alone (both sides), our reader sees less than .15 of that, in the mean over calm
validation faces, though it is to be seen (`benchmarks/read_back.py`): it learned from whole expressions, and of ten
other channels from edited photos."""


def is_hardly_read(column: str) -> bool:
    """Whether a new reading says little about what an edit reached in a channel."""
    return column.removesuffix("Left").removesuffix("Right") in _HARDLY_READ


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What came of one face.

    Args:
        face: its number.
        now: [52] ARKit's weights before.
        asked: [52].
        reached: [52] as the edited picture is read, or None where no face is found there any more.
        others: mean absolute change of the channels that nobody asked to change; not a number without `reached`.
        identity: root mean square change of the rig's identity weights, in standard deviations; likewise.
        outside: pixels of the written file, or of the picture where none was written, that changed where none may; 0.
        may: pixels that may have changed: those of the mask, in a JPEG of the blocks that it touches, or all where a
            file was coded anew.
        inside: pixels of the mask.
        folded: share of the moved skin that is folded over.
        painted: whether a network made up pixels.
    """

    face: int
    now: Array
    asked: Array
    reached: Array | None
    others: float
    identity: float
    outside: int
    may: int
    inside: int
    folded: float
    painted: bool


def measured(
    before: Frame, after: Frame, may: Array, edited: EditedFace, reading: FaceReading, seen: Sequence[FaceReading]
) -> Measured:
    """Holds a face of the edited picture against what was asked.

    Args:
        before: the picture before any face was edited.
        after: the result, as it is read back from its file.
        may: [H, W] bool, where the two may differ.
        edited: what the edit says.
        reading: the face as it was read before.
        seen: all faces that are found in the result.
    """
    changed = (before.pixels != after.pixels).any(2)
    outside = int((changed & ~may).sum())
    again = found_again(bounds(edited.target), seen)
    reached, others, identity = None, float("nan"), float("nan")
    if again is not None:
        reached = again.state.expression.weights
        unasked = np.abs(edited.asked - edited.now) < ASKED
        others = float(np.abs(reached - edited.now)[unasked].mean())
        identity = identity_change(reading, again)
    inside = int(edited.mask.sum())
    return Measured(
        reading.face,
        edited.now,
        edited.asked,
        reached,
        others,
        identity,
        outside,
        int(may.sum()),
        inside,
        edited.folded,
        edited.painted,
    )


def identity_change(before: FaceReading, after: FaceReading) -> float:
    """Root mean square change of the rig's identity weights, in standard deviations, from one reading to another."""
    fitter = Fitter(compact_model(), mean_face().steadiness)
    one, other = (
        fitter.fit(face.landmarks.points.astype(np.float64), expected=face.state.expression.weights).shape
        for face in (before, after)
    )
    return float(np.sqrt(((one - other) ** 2).mean()))


def found_again(box: Array, seen: Sequence[FaceReading]) -> FaceReading | None:
    """The face that lies where one was put, `box` [4], or None."""
    if not seen:
        return None
    overlaps = box_overlap(box, np.array([face.box for face in seen]))
    best = int(overlaps.argmax())
    return seen[best] if overlaps[best] >= _SAME else None


def check_report(path: StrPath, overwrite: bool = False) -> None:
    """Refuses, before an edit is made, a name under which no report is written.

    Raises:
        UsageError: another ending than .json and .png.
        OutputError: it is there already, or its folder is not.
    """
    if Path(path).suffix.lower() not in (".json", ".png"):
        raise UsageError(path, "E_FORMAT", "a report is JSON or a PNG picture", "end the name in .json or .png")
    check_replaceable(Path(path), overwrite)
    if not Path(path).parent.is_dir():
        raise OutputError(path, "E_NOTDIR", "the folder does not exist", "create it first")


def write_report(
    path: StrPath,
    found: Sequence[Measured],
    before: Frame,
    after: Frame,
    boxes: Array,
    overwrite: bool = False,
    seal: Callable[[Path], None] | None = None,
) -> None:
    """Writes what came of an edit, as JSON or as a picture by the ending of `path`.

    Args:
        path: ends in .json or .png.
        found: one a face.
        before: the picture as it was.
        after: as it is now.
        boxes: [F, 4] of the faces, pixels.
        overwrite: whether a report that is there already may be replaced.
        seal: signs a picture, which shows the edited face.

    Raises:
        UsageError: another ending.
        OutputError: it is there already, or the disk refuses.
    """
    if is_pictured(path, overwrite):
        write_image(_pictured(found, before, after, boxes), path, overwrite, "generated by mien", seal)
    else:
        write_spelled(path, [_spelled(one) for one in found], overwrite)


def is_pictured(path: StrPath, overwrite: bool) -> bool:
    """Whether a report is a picture, and not JSON. Raises as `check_report`."""
    check_report(path, overwrite)
    return Path(path).suffix.lower() == ".png"


def write_spelled(path: StrPath, faces: Sequence[Mapping[str, object]], overwrite: bool) -> None:
    """Writes a report as JSON, of members of one object a face. Raises `OutputError`: the disk refuses."""
    document = {"schema": 1, "basis": ARKIT.name, "faces": faces}
    with replacing(path, overwrite) as temporary:
        temporary.write_text(json.dumps(document, allow_nan=False) + "\n", encoding="utf-8")


def _spelled(found: Measured) -> dict[str, object]:
    """One face as JSON has it: weights by name, numbers that do not exist as null."""

    def named(weights: Array | None) -> dict[str, float] | None:
        """Weights by channel."""
        if weights is None:
            return None
        return {column: round(float(value), 4) for column, value in zip(ARKIT.columns, weights, strict=True)}

    return {
        "face": found.face,
        "before": named(found.now),
        "asked": named(found.asked),
        "reached": named(found.reached),
        "hardly_read": [column for column in ARKIT.columns if is_hardly_read(column)],
        "other_channels_mean_change": rounded(found.others),
        "identity_change_deviations": rounded(found.identity),
        "pixels_in_the_mask": found.inside,
        "pixels_that_may_change": found.may,
        "pixels_changed_elsewhere": found.outside,
        "folded_share": rounded(found.folded),
        "painted": found.painted,
    }


def rounded(value: float, digits: int = 5) -> float | None:
    """A number for JSON, which does not know any that is none: null."""
    return round(value, digits) if np.isfinite(value) else None


def shown_difference(before: Array, after: Array) -> Tile:
    """The difference of two pictures [S, S, 3], stronger than it is."""
    away = np.abs(after.astype(np.int16) - before) * _AMPLIFIED
    return Tile("difference", np.clip(away, 0, 255).astype(np.uint8), f"x{_AMPLIFIED}")


def _pictured(found: Sequence[Measured], before: Frame, after: Frame, boxes: Array) -> Array:
    """[H, W, 3] uint8: a row a face: before, after, difference; under them what was asked and what is reached."""
    tiles = []
    for one, box in zip(found, boxes, strict=True):
        shown = [cut_box(frame, box) for frame in (before, after)]
        tiles += [
            Tile(f"face {one.face}", shown[0]),
            Tile("edited", shown[1], _summary(one)),
            shown_difference(*shown),
        ]
    heads = [line for one in found for line in (f"face {one.face}: asked > reached", *_channels(one))]
    return board(tiles, 3, "\n".join(heads), (SIDE, SIDE))


def _got(reached: Array, k: int) -> str:
    """A reached weight; in doubt where the reader hardly sees the channel."""
    return f"({reached[k]:.2f}?)" if is_hardly_read(ARKIT.columns[k]) else f"{reached[k]:.2f}"


def _summary(found: Measured) -> str:
    return "not found again" if found.reached is None else f"others {found.others:.3f}  folded {found.folded:.2%}"


def _channels(found: Measured) -> list[str]:
    """The asked channels, the largest first, some a line: `jawOpen .50 > .46`."""
    change = np.abs(found.asked - found.now)
    order = [k for k in np.argsort(-change)[:_SHOWN] if change[k] >= ASKED]
    words = [
        f"{ARKIT.columns[k]} {found.asked[k]:.2f}" + ("" if found.reached is None else f" > {_got(found.reached, k)}")
        for k in order
    ]
    return [", ".join(words[k : k + _A_LINE]) for k in range(0, len(words), _A_LINE)] or ["nothing to change"]
