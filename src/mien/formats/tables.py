"""A capture as a table of comma-separated values: a row for every face in every frame, written while a video streams.

The table keeps what a spreadsheet or a script wants, less than a `Capture`: angles instead of matrices (the roll of an
eye is dropped), x and y of the landmarks without their depth, no row where a face was not seen. Any basis of `BASES`
has such a table; which one it is stands in the names of the columns.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from shutil import copyfileobj
from types import TracebackType
from typing import Self, TextIO

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, BASES, Basis
from mien.core.errors import InputError, OutputError
from mien.core.face import LANDMARKS, Capture, Expression, FaceReading, FaceState, Gaze, Pose, Take
from mien.core.geometry import angles_from_rotation
from mien.formats.columns import (
    ANGLES,
    METRES,
    PIXELS,
    SECONDS,
    SHARES,
    Choice,
    Sheet,
    meant,
    read_sheet,
    refuse,
    require,
    shown,
    turned,
    weight_range,
)
from mien.formats.fields import FIELDS
from mien.formats.files import open_regular, replacing

_KEYS = ("source", "frame", "time_s", "face")
_BOX = ("box_x0", "box_y0", "box_x1", "box_y1")
_POSE = ("pose_pitch", "pose_yaw", "pose_roll", "pose_tx", "pose_ty", "pose_tz")
_GAZE = ("gaze_left_yaw", "gaze_left_pitch", "gaze_right_yaw", "gaze_right_pitch")
_POINTS = tuple(f"{axis}_{i}" for axis in "xy" for i in range(LANDMARKS))
_QUALITY = "quality"
_WHOLE = (FIELDS["frames"].low, FIELDS["frames"].high)


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

    def append(self, part: Path) -> None:
        """Adds the rows of another table with the same columns, byte by byte.

        Raises:
            InputError: it cannot be read, or has other columns.
            ValueError: the table is not open.
        """
        stream = self._opened()
        with TextIOWrapper(open_regular(part), encoding="utf-8", newline="") as rows:
            if rows.readline() != ",".join(header(self.basis, self.landmarks)) + "\n":
                raise InputError(part, "E_FORMAT", "its columns are not those of the table", "give a table of the same")
            copyfileobj(rows, stream)

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
        cells = [shown(source), str(frame), f"{time:.6f}", str(face), f"{score:.6g}"]
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
    basis = table_basis(capture, path)
    landmarks = bool(capture.takes) and all(take.landmarks is not None for take in capture.takes)
    seen = [(int(take.frames[t]), take.face, k, int(t))
            for k, take in enumerate(capture.takes) for t in np.flatnonzero(take.valid)]  # fmt: skip
    with CsvTable(path, basis, landmarks, overwrite) as table:
        for _, _, k, t in sorted(seen):
            table.write_frame(capture.source, capture.takes[k], t)


def table_basis(capture: Capture, path: Path) -> Basis:
    """The one basis of a capture's takes; ARKit when it has none. Raises `OutputError` E_FORMAT for several."""
    bases = [take.state.expression.basis for take in capture.takes] or [ARKIT]
    if any(basis != bases[0] for basis in bases):
        raise OutputError(path, "E_FORMAT", "a table holds one basis only", "save it as .json or .npz")
    return bases[0]


def read_table(path: Path, basis: Basis | None = None) -> tuple[Take, ...]:
    """The takes of a table, one for each source and face, in the order of sources, then of face numbers.

    Columns are found by their name, in any order. Every row is a moment in which the face was seen, none is a capture
    in which no face was. A column `quality` is read where there is one, else the quality is the score. Landmarks, where
    there are any, lie flat: their z is 0. Weights within -0.5 to 2 are kept as they are.

    Args:
        path: the file.
        basis: the basis of the expressions; without it, the one of `BASES` that has the columns.

    Raises:
        InputError: E_FORMAT: no such table, with the line and column that is wrong.
    """
    remedy = "give a table saved by mien"
    sheet = read_sheet(path, partial(table_choice, basis=basis), remedy)
    try:
        return takes_of(sheet, basis)
    except ValueError as error:
        raise InputError(path, "E_FORMAT", str(error), remedy) from None


def read_table_capture(path: Path) -> Capture:
    """A table of one source as a capture. Raises `InputError` as `read_table` does, and for several sources."""
    return capture_of(path, read_table(path))


def capture_of(path: Path, takes: tuple[Take, ...]) -> Capture:
    """The takes of a table as a capture.

    A table does not say how large the picture was (0 x 0), nor of frames after the last face.

    Raises:
        InputError: E_FORMAT: they are of several sources.
    """
    sources = list(dict.fromkeys(take.source for take in takes))
    if len(sources) > 1:
        cause = f"holds {len(sources)} sources, {sources[0]} and {sources[1]} among them"
        raise InputError(path, "E_FORMAT", cause, "capture with -o takes/{name}.npz, and convert those")
    frames = max((int(take.frames[-1]) + 1 for take in takes), default=0)
    return Capture(sources[0] if sources else "", 0, 0, takes, frames)


def table_choice(found: Sequence[str], basis: Basis | None = None) -> Choice:
    """Which columns a table is read by, given the names of its header. Raises `ValueError`: missing or unknown ones."""
    basis = basis or _basis_of(found)
    needed = header(basis, landmarks="x_0" in found)
    known = {*needed, _QUALITY}
    require(found, needed)
    refuse([name for name in found if name not in known], found, f"a table over {basis.name}")
    return Choice((*needed[1:], *([_QUALITY] if _QUALITY in found else [])), ("source",))


def _basis_of(found: Sequence[str]) -> Basis:
    """The basis that shares the most names with a header."""
    there = set(found)
    return max(BASES.values(), key=lambda basis: sum(column in there for column in basis.columns))


def takes_of(sheet: Sheet, basis: Basis | None = None) -> tuple[Take, ...]:
    """The takes of a table that `table_choice` chose. Raises `ValueError`: the place and the fault of a cell."""
    basis = basis or _basis_of(sheet.choice.numbers)
    points = _POINTS if "x_0" in sheet else ()
    faces = sheet.check(["frame", "face"], _WHOLE, whole=True)[:, 1].astype(np.int64).tolist()
    shares = ["score", _QUALITY] if _QUALITY in sheet else ["score"]
    for names, allowed in (
        (["time_s"], SECONDS),
        (shares, SHARES),
        ([*_BOX, *points], PIXELS),
        (basis.columns, weight_range(basis)),
        ([*_POSE[:3], *_GAZE], ANGLES),
        (_POSE[3:], METRES),
    ):
        sheet.check(names, allowed)
    groups: dict[tuple[str, int], list[int]] = {}
    for row, (source, face) in enumerate(zip(sheet.text("source"), faces, strict=True)):
        groups.setdefault((meant(source), face), []).append(row)
    ranks = {source: k for k, source in enumerate(dict.fromkeys(source for source, _ in groups))}
    return tuple(
        _take(*key, sheet.rows(np.array(groups[key])), basis)
        for key in sorted(groups, key=lambda key: (ranks[key[0]], key[1]))
    )


def _take(source: str, face: int, sheet: Sheet, basis: Basis) -> Take:
    """One face's take; its rows may come in any order."""
    sheet = sheet.rows(np.argsort(sheet.column("frame"), kind="stable"))
    frames = sheet.column("frame").astype(np.int64)
    if len(twice := np.flatnonzero(np.diff(frames) == 0)):
        raise sheet.wrong(int(twice[0]) + 1, "frame", f"face {face} has frame {frames[twice[0]]} twice")
    sheet.check_rising("time_s")
    still = np.zeros((len(sheet), 1))
    eyes = [
        turned(np.concatenate([sheet.columns([f"gaze_{side}_pitch", f"gaze_{side}_yaw"]), still], axis=1))
        for side in ("left", "right")
    ]
    points = None
    if "x_0" in sheet:
        flat = sheet.columns(_POINTS).reshape(len(sheet), 2, LANDMARKS)
        points = np.stack([flat[:, 0], flat[:, 1], np.zeros_like(flat[:, 0])], axis=2)
    return Take(
        FaceState(
            Expression(sheet.columns(basis.columns), basis),
            Pose(turned(sheet.columns(_POSE[:3])), sheet.columns(_POSE[3:])),
            Gaze(np.stack(eyes, axis=1)),
        ),
        times=sheet.column("time_s"),
        frames=frames,
        valid=np.ones(len(sheet), np.bool_),
        box=sheet.columns(_BOX),
        score=sheet.column("score"),
        quality=sheet.column(_QUALITY if _QUALITY in sheet else "score"),
        landmarks=points,
        source=source,
        face=face,
    )
