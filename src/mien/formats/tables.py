"""A capture as a table of comma-separated values: a row for every face in every frame, written while a video streams.

The table keeps what a spreadsheet or a script wants, less than a `Capture`: angles instead of matrices (the roll of an
eye is dropped), x and y of the landmarks without their depth, no row where a face was not seen.
"""

import csv
import io
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, Basis
from mien.core.errors import InputError, OutputError, printable
from mien.core.face import LANDMARKS, Capture, Expression, FaceReading, FaceState, Gaze, Pose, Take
from mien.core.geometry import angles_from_rotation, rotation_from_angles
from mien.formats.fields import FIELDS
from mien.formats.files import read_bytes, replacing

_KEYS = ("source", "frame", "time_s", "face")
_BOX = ("box_x0", "box_y0", "box_x1", "box_y1")
_POSE = ("pose_pitch", "pose_yaw", "pose_roll", "pose_tx", "pose_ty", "pose_tz")
_GAZE = ("gaze_left_yaw", "gaze_left_pitch", "gaze_right_yaw", "gaze_right_pitch")
_POINTS = tuple(f"{axis}_{i}" for axis in "xy" for i in range(LANDMARKS))

_FORMULA = ("=", "+", "-", "@")
"""How a cell starts that a spreadsheet would run as a formula."""


def header(basis: Basis = ARKIT, landmarks: bool = False) -> tuple[str, ...]:
    """Names of the columns, in the order in which they are written."""
    return (*_KEYS, "score", *_BOX, *basis.columns, *_POSE, *_GAZE, *(_POINTS if landmarks else ()))


class CsvTable:
    """A table that is written row by row; it takes its place at the end of the `with` block, or not at all.

    >>> with CsvTable(Path("faces.csv")) as table:  # doctest: +SKIP
    ...     table.write("clip.mp4", reading)

    Angles are radians, translations metres, boxes and landmarks pixels, times seconds.

    Args:
        path: the file.
        basis: the basis of the expressions.
        landmarks: whether x and y of the 478 points are written too.
        overwrite: whether a file that is there already may be replaced.

    Raises:
        OutputError: on entering or leaving the block: E_EXISTS, or the disk refuses.
    """

    def __init__(self, path: Path, basis: Basis = ARKIT, landmarks: bool = False, overwrite: bool = False) -> None:
        self.path = path
        self.basis = basis
        self.landmarks = landmarks
        self.overwrite = overwrite
        self._open = ExitStack()
        self._put: Callable[[Iterable[str]], object] | None = None
        self._stream: TextIO | None = None

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            part = opening.enter_context(replacing(self.path, self.overwrite))
            stream = opening.enter_context(part.open("w", encoding="utf-8", newline=""))
            # Every row goes to a buffer of some kilobytes and from there to the disk: memory stays flat.
            self._stream = stream
            self._put = csv.writer(stream, lineterminator="\n").writerow
            self._put(header(self.basis, self.landmarks))
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._put = self._stream = None
        self._open.__exit__(kind, error, trace)

    def mark(self) -> int:
        """Where the next row will stand, for `cut_back`. Raises `ValueError` when the table is not open."""
        return self._opened().tell()

    def cut_back(self, mark: int) -> None:
        """Takes out every row written since `mark`. Raises `ValueError` when the table is not open."""
        stream = self._opened()
        stream.seek(mark)
        stream.truncate()

    def _opened(self) -> TextIO:
        if self._stream is None:
            raise ValueError("the table is not open: use it in a with block")
        return self._stream

    def write(self, source: str, reading: FaceReading) -> None:
        """Adds the row of one face in one frame of `source`.

        Raises:
            ValueError: the reading is over another basis, or the table is not open.
        """
        points = reading.landmarks.points if self.landmarks else None
        about = (reading.frame, reading.time, reading.face, reading.landmarks.score)
        self._write(source, about, reading.box, reading.state, points)

    def write_frame(self, source: str, take: Take, t: int) -> None:
        """Adds the row of moment `t` of a take.

        Raises:
            ValueError: the take is over another basis, lacks landmarks that are wanted, or the table is not open.
        """
        if self.landmarks and take.landmarks is None:
            raise ValueError("the table has landmarks and the take has none")
        state = FaceState(
            Expression(take.state.expression.weights[t], take.state.expression.basis),
            Pose(take.state.pose.rotation[t], take.state.pose.translation[t]),
            Gaze(take.state.gaze.rotation[t]),
        )
        points = take.landmarks[t] if self.landmarks and take.landmarks is not None else None
        about = (int(take.frames[t]), float(take.times[t]), take.face, float(take.score[t]))
        self._write(source, about, take.box[t], state, points)

    def _write(
        self, source: str, about: tuple[int, float, int, float], box: Array, state: FaceState, points: Array | None
    ) -> None:
        if self._put is None:
            raise ValueError("the table is not open: use it in a with block")
        if state.expression.basis != self.basis:
            raise ValueError(f"the table is over {self.basis.name}, the row over {state.expression.basis.name}")
        frame, time, face, score = about
        eyes = angles_from_rotation(state.gaze.rotation)[:, [1, 0]]
        fine = (state.expression.weights, angles_from_rotation(state.pose.rotation), state.pose.translation, eyes)
        cells = [_shown(source), str(frame), f"{time:.6f}", str(face), f"{score:.6g}"]
        cells += [f"{number:.2f}" for number in box.tolist()]
        cells += [f"{number:.6g}" for array in fine for number in array.ravel().tolist()]
        if points is not None:
            cells += [f"{number:.2f}" for number in points[:, :2].T.ravel().tolist()]
        self._put(cells)


def write_table(capture: Capture, path: Path, overwrite: bool = False) -> None:
    """Writes a whole capture as a table, frame by frame; with landmarks when every take has them.

    Raises:
        OutputError: E_EXISTS: the file is there already; E_FORMAT: its takes are over several bases; or the disk
            refuses.
    """
    bases = [take.state.expression.basis for take in capture.takes] or [ARKIT]
    if any(basis != bases[0] for basis in bases):
        raise OutputError(path, "E_FORMAT", "a table holds one basis only", "save it as .json or .npz")
    landmarks = bool(capture.takes) and all(take.landmarks is not None for take in capture.takes)
    seen = [(int(take.frames[t]), take.face, k, int(t))
            for k, take in enumerate(capture.takes) for t in np.flatnonzero(take.valid)]  # fmt: skip
    with CsvTable(path, bases[0], landmarks, overwrite) as table:
        for _, _, k, t in sorted(seen):
            table.write_frame(capture.source, capture.takes[k], t)


def _shown(text: str) -> str:
    """`text` as a cell of one line that no spreadsheet takes for a formula: an apostrophe goes before it."""
    text = printable(text)
    return "'" + text if text.lstrip("'").startswith(_FORMULA) else text


def _meant(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def read_table(path: Path, basis: Basis = ARKIT) -> tuple[Take, ...]:
    """The takes of a table, one for each source and face, in the order of sources, then of face numbers.

    Columns are found by their name; further ones are ignored. Every row is a moment in which the face was seen. A
    column `quality` is read where there is one, else the quality is the score. Landmarks, where there are any, lie
    flat: their z is 0.

    Raises:
        InputError: E_FORMAT: no such table, with the missing column, or the line and column that is wrong.
    """
    data = read_bytes(path)
    try:
        names, groups = _parsed(data.decode("utf-8-sig"), basis)
        ranks = {source: k for k, source in enumerate(dict.fromkeys(source for source, _ in groups))}
        order = sorted(groups, key=lambda key: (ranks[key[0]], key[1]))
        return tuple(_take(*key, dict(zip(names, np.array(groups[key]).T, strict=True)), basis) for key in order)
    except UnicodeDecodeError as error:
        cause = f"not a text file: byte {error.start} is not UTF-8"
    except (ValueError, csv.Error) as error:
        cause = str(error)
    raise InputError(path, "E_FORMAT", cause, "give a table saved by mien")


_Groups = dict[tuple[str, int], list[Array]]
"""Rows of numbers by source and face."""


def _parsed(text: str, basis: Basis) -> tuple[list[str], _Groups]:
    """Names of the columns of numbers, and the rows of each face."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    found = [name.strip() for name in next(rows, [])]
    required = header(basis, landmarks="x_0" in found)
    if missing := [name for name in required if name not in found]:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ValueError(f"columns are missing: {', '.join(missing[:3])}{more}")
    if double := [name for name in required if found.count(name) > 1]:
        raise ValueError(f"the column {double[0]} comes twice")
    names = [*required[1:], *(["quality"] if "quality" in found else [])]
    places = [found.index(name) for name in names]
    source, face = found.index("source"), names.index("face")
    groups: _Groups = {}
    for row in rows:
        if not row:
            continue
        if len(row) != len(found):
            raise ValueError(f"line {rows.line_num} has {len(row)} cells, the header {len(found)}")
        numbers = _numbers([row[place] for place in places], names, rows.line_num)
        groups.setdefault((_meant(row[source]), int(numbers[face])), []).append(numbers)
    return names, groups


def _numbers(cells: list[str], names: list[str], line: int) -> Array:
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        wrong = next(k for k, cell in enumerate(cells) if not _is_number(cell))
        raise ValueError(f"line {line}, {names[wrong]}: {printable(cells[wrong])!r:.40} is no number") from None
    for name in ("frame", "face"):
        number = numbers[names.index(name)]
        if not (0 <= number <= 2**53 and number == np.floor(number)):
            raise ValueError(f"line {line}, {name}: must be a whole number from 0")
    if not np.isfinite(numbers).all():
        raise ValueError(f"line {line}, {names[int(np.argmin(np.isfinite(numbers)))]}: is not finite")
    return numbers


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _take(source: str, face: int, columns: dict[str, Array], basis: Basis) -> Take:
    """One face's take; its rows may come in any order."""
    order = np.argsort(columns["frame"], kind="stable")
    count = len(order)

    def stacked(names: Iterable[str], field: str) -> Array:
        """Columns side by side, checked against the range of a field."""
        array = np.stack([columns[name][order] for name in names], axis=1)
        return FIELDS[field].array(array, f"face {face}: {field}", array.shape)

    def turned(pitch: str, yaw: str, roll: str | None = None) -> Array:
        """The rotations [T, 3, 3] of columns of angles."""
        rolls = columns[roll][order] if roll else np.zeros(count)
        angles = zip(columns[pitch][order], columns[yaw][order], rolls, strict=True)
        return np.stack([rotation_from_angles(*three) for three in angles])

    eyes = [turned(f"gaze_{side}_pitch", f"gaze_{side}_yaw") for side in ("left", "right")]
    score = stacked(["score"], "score")[:, 0]
    points = None
    if "x_0" in columns:
        flat = np.stack([stacked([f"{axis}_{i}" for i in range(LANDMARKS)], "box") for axis in "xy"], axis=2)
        points = np.concatenate([flat, np.zeros((count, LANDMARKS, 1), flat.dtype)], axis=2)
    return Take(
        FaceState(
            Expression(stacked(basis.columns, "weights"), basis),
            Pose(turned(*_POSE[:3]), stacked(_POSE[3:], "translation")),
            Gaze(np.stack(eyes, axis=1)),
        ),
        times=stacked(["time_s"], "times")[:, 0],
        frames=columns["frame"][order].astype(np.int64),
        valid=np.ones(count, np.bool_),
        box=stacked(_BOX, "box"),
        score=score,
        quality=stacked(["quality"], "quality")[:, 0] if "quality" in columns else score,
        landmarks=points,
        source=source,
        face=face,
    )
