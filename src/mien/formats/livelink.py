"""The CSV that the app Live Link Face records: 52 ARKit weights, head and eye angles, and a timecode, one face.

**Signs and order of the angles**, told from two real recordings of 7,839 rows, whose eye angles follow the eyeLook
weights (R² above 0.998, the same for both eyes): pitch grows with eyeLookDown, yaw with eyeLookIn of the left eye and
eyeLookOut of the right. So positive pitch looks down and positive yaw to the subject's right, as ours do. The roll
obeys tan(roll) = sin(yaw) tan(pitch) to 6e-8 radians, which is what Rx(a) Ry(b) gives when it is taken apart as
Rz(roll) Ry(yaw) Rx(pitch): the order of `rotation_from_angles`, and the sign of its roll. No other order fits within
0.014. The heads of both recordings do not turn; they are taken to follow the same signs, order and unit (radians).

**Time** is the timecode, `HH:MM:SS:FF.sss`. Its frames count at a base that the file does not name: it is told from the
frames before a new second begins, and is 60 where no second ends. A recording of 30 rows a second may count in 60ths.
"""

import re
from pathlib import Path
from typing import Literal

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError, OutputError
from mien.core.face import Capture, Expression, FaceState, Gaze, Pose, Take
from mien.core.geometry import angles_from_rotation
from mien.formats.columns import ANGLES, Choice, Sheet, read_sheet, refuse, require, turned, weight_range, write_rows
from mien.formats.timecode import DAY, base_of, ticks_of, timecode_of, timecode_parts

_REMEDY = "give a CSV recorded by Live Link Face"
_COUNT = "BlendShapeCount"
_PARTS = ("Head", "LeftEye", "RightEye")
_ANGLES = tuple(part + angle for part in _PARTS for angle in ("Yaw", "Pitch", "Roll"))
_VALUES = len(ARKIT) + len(_ANGLES)


def _pascal(column: str) -> str:
    return column[0].upper() + column[1:]


_ENUM = tuple(_pascal(column) for column in ARKIT.columns)
_SWAPPED = {"JawLeft": "JawRight", "JawRight": "JawLeft", "MouthLeft": "MouthRight", "MouthRight": "MouthLeft"}

Order = Literal["app", "enum"]
"""The app's files name JawRight before JawLeft and MouthRight before MouthLeft; its enumeration has them reversed."""


def livelink_header(order: Order = "app") -> tuple[str, ...]:
    """Names of the 63 columns in the order in which they are written."""
    weights = _ENUM if order == "enum" else tuple(_SWAPPED.get(name, name) for name in _ENUM)
    return ("Timecode", _COUNT, *weights, *_ANGLES)


def is_livelink(line: str) -> bool:
    """Whether this is the first line of such a file."""
    return _COUNT in [name.strip() for name in line.split(",")]


def write_livelink(capture: Capture, path: Path, overwrite: bool = False, order: Order = "app") -> None:
    """Writes the one take of a capture over ARKit; frames in which the face was not seen have no row.

    The head is written against the line of sight (`Pose.facing`). The timecode starts at the take's, or at 0; its
    frames count at the take's rate where it has a timecode, else in 60ths, and thousandths of them keep the time.

    Args:
        capture: of one take over ARKit.
        path: the file.
        overwrite: whether a file that is there already may be replaced.
        order: of the left and right columns of jaw and mouth.

    Raises:
        ValueError: the capture has several takes, or another basis.
        OutputError: E_FORMAT: no frame with a face, or a start timecode that is none; or the disk refuses.
    """
    if len(capture.takes) > 1 or any(take.state.expression.basis != ARKIT for take in capture.takes):
        raise ValueError("a Live Link Face file holds one take over arkit")
    seen = np.concatenate([np.flatnonzero(take.valid) for take in capture.takes] or [np.zeros(0, np.int64)])
    if not len(seen):
        raise OutputError(path, "E_FORMAT", "there is no frame in which a face was seen", "capture another picture")
    take = capture.takes[0]
    try:
        base, start = _start(take)
    except ValueError as error:
        raise OutputError(path, "E_FORMAT", f"start_timecode {error}", "save it as .csv, .json or .npz") from None
    names = livelink_header(order)
    places = [_ENUM.index(name) for name in names[2 : 2 + len(ARKIT)]]
    weights = take.state.expression.weights[seen].astype(np.float64)[:, places]
    turns = (take.state.pose.facing()[seen], *np.moveaxis(take.state.gaze.rotation[seen], 1, 0))
    angles = [angles_from_rotation(turn)[:, [1, 0, 2]] for turn in turns]
    ticks = start + np.rint((take.times[seen] - take.times[0]) * base * 1000).astype(np.int64)
    rows = (
        [timecode_of(tick, base), str(_VALUES), *(f"{number:z.10f}" for number in row)]  # z: no cell reads -0.0
        for tick, row in zip(ticks.tolist(), np.concatenate([weights, *angles], axis=1).tolist(), strict=True)
    )
    write_rows(path, names, rows, overwrite)


def _start(take: Take) -> tuple[int, int]:
    """The base of a take's timecode, and the ticks at which it starts."""
    if take.start_timecode is None:
        return 60, 0
    base = 60 if take.frame_rate is None else max(1, round(take.frame_rate))
    seconds, thousandths = timecode_parts(take.start_timecode)
    if thousandths >= base * 1000:
        raise ValueError(f"{take.start_timecode!r:.40} has a frame beyond the {base} of a second")
    return base, seconds * base * 1000 + thousandths


def read_livelink(path: Path) -> Capture:
    """What Live Link Face recorded, as a capture of one take over ARKit; both orders of its columns are read.

    Times are seconds from the first row's timecode. `frame_rate` is the timecode's base (60 where a recording of 30
    rows a second counts in 60ths) and `frames` are its frames from the first, so that they run 0, 2, 4, … there; of
    rows within one frame, the later ones take the next numbers. `start_timecode` keeps the thousandths of a frame.
    Weights within -0.5 to 2 are kept as they are.

    Such a file knows no picture: `valid` is True, `score` and `quality` 1, `box`, size and translation 0, landmarks
    None. With the translation 0 the head's rotation is the one against the line of sight, as the file has it.

    Raises:
        InputError: E_FORMAT: no such file, with the line and column that is wrong; or the file cannot be read.
    """
    sheet = read_sheet(path, _choose, _REMEDY)
    try:
        return _capture(path.name, sheet)
    except ValueError as error:
        raise InputError(path, "E_FORMAT", str(error), _REMEDY) from None


def _choose(found: tuple[str, ...]) -> Choice:
    names = livelink_header()
    known = set(names)
    require(found, names)
    refuse([name for name in found if name not in known], found, "a Live Link Face recording")
    return Choice(names[1:], names[:1])


def _capture(source: str, sheet: Sheet) -> Capture:
    if not len(sheet):
        raise ValueError("line 2: there is no row after the header")
    counts = sheet.column(_COUNT)
    if len(other := np.flatnonzero(counts != _VALUES)):
        raise sheet.wrong(int(other[0]), _COUNT, f"{counts[other[0]]:g} values are announced, {_VALUES} are read")
    sheet.check(_ENUM, weight_range(ARKIT))
    sheet.check(_ANGLES, ANGLES)
    base, ticks = _times(sheet)
    since = ticks - ticks[0]
    head, left, right = (turned(sheet.columns([p + a for a in ("Pitch", "Yaw", "Roll")])) for p in _PARTS)
    count = len(sheet)
    take = Take(
        FaceState(
            Expression(sheet.columns(_ENUM), ARKIT),
            Pose(head, np.zeros((count, 3))),
            Gaze(np.stack([left, right], axis=1)),
        ),
        times=since / (base * 1000),
        frames=_distinct(np.rint(since / 1000).astype(np.int64)),
        valid=np.ones(count, np.bool_),
        box=np.zeros((count, 4)),
        score=np.ones(count),
        quality=np.ones(count),
        source=source,
        frame_rate=float(base),
        start_timecode=timecode_of(int(ticks[0]), base),
    )
    return Capture(source, 0, 0, (take,), count)


def _distinct(frames: Array) -> Array:
    """Rising numbers [R] with no two the same: a clock that wanders may put two rows into one frame."""
    rows = np.arange(len(frames))
    return np.asarray(np.maximum.accumulate(frames - rows) + rows)


def _times(sheet: Sheet) -> tuple[int, Array]:
    """The base of the timecodes, and each as a number of thousandths of a frame since midnight, rising, [R]."""
    parts = []
    for row, cell in enumerate(sheet.text("Timecode")):
        if not re.fullmatch(r"[0-9:.]+", cell):  # a drop-frame timecode, with a semicolon, counts otherwise
            raise sheet.wrong(row, "Timecode", f"{cell!r:.40} is no timecode HH:MM:SS:FF.sss")
        try:
            parts.append(timecode_parts(cell))
        except ValueError as error:
            raise sheet.wrong(row, "Timecode", str(error)) from None
    seconds, thousandths = np.array(parts, np.int64).T
    # A recording may pass midnight: half a day backwards is a new day, less is an error.
    seconds = seconds + DAY * np.concatenate([[0], np.cumsum(np.diff(seconds) < -DAY // 2)])
    base = base_of(seconds, thousandths / 1000)
    if len(beyond := np.flatnonzero(thousandths >= base * 1000)):
        far = f"frame {thousandths[beyond[0]] / 1000:g} lies beyond the {base} that other seconds count to"
        raise sheet.wrong(int(beyond[0]), "Timecode", f"{far}: mixed frame rates, or a damaged timecode")
    ticks, fault = ticks_of(seconds, thousandths, base)
    if fault is not None:
        raise sheet.wrong(fault.row, "Timecode", fault.cause)
    return base, ticks
