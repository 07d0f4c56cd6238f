"""The CSV of a py-feat `Fex`: box, 68 points, head pose, 20 action units and gaze, any faces.

Verified against the project's code and a file that it wrote:

- The box is its left upper corner with width and height, in pixels; points are dlib's 68. Frames count from 0.
- Angles are radians. Positive `Pitch` looks up, positive `Yaw` turns to the subject's right, positive `Roll` tilts to
  the subject's right shoulder: ours with pitch and roll reversed. Gaze is one direction for both eyes: positive
  `gaze_pitch` looks up, positive `gaze_yaw` to the subject's *left*, `gaze_angle` is how far from straight on.
- `approx_time` is `MM:SS` in its files; here it carries the fraction of the second too. `Identity` is `Person_0`.
- A frame without a face is a row with an empty box.

Assumed: the order of the head's angles is ours; gaze is against the camera, as its drawings take it (its versions
differ); X, Y, Z are metres; pixels are counted as ours. No emotion columns are written: nothing here measures them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import FACS
from mien.core.errors import InputError
from mien.core.face import Capture, FaceState, Pose, Take
from mien.core.geometry import angles_from_rotation
from mien.formats.coding import both_sides, gaze_along, gaze_directions, is_unit, sparse_points, stronger
from mien.formats.columns import (
    ANGLES,
    METRES,
    PIXELS,
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
    write_rows,
)
from mien.formats.fields import FIELDS

UNITS = tuple(f"AU{n:02d}" for n in (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43))
"""The 20 units of py-feat."""

_REMEDY = "give a CSV saved by py-feat"
_BOX = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
_SCORE = "FaceScore"
_POINTS = tuple(f"{axis}_{i}" for axis in "xy" for i in range(68))
_TURN, _PLACE = ("Pitch", "Roll", "Yaw"), ("X", "Y", "Z")
_GAZE = ("gaze_pitch", "gaze_yaw")
_SIZE = ("FrameHeight", "FrameWidth")
_WHOLE = (FIELDS["frames"].low, FIELDS["frames"].high)

FEX_HEADER = (
    *(*_BOX, _SCORE, *_POINTS, *_TURN, *_PLACE, *UNITS, *_GAZE, "gaze_angle", *_SIZE),
    *("input", "frame", "approx_time", "Identity"),
)
"""Names of the columns in the order in which they are written."""


def is_fex(line: str) -> bool:
    """Whether this is the first line of such a file."""
    return _BOX[0] in [name.strip() for name in line.split(",")]


def write_fex(capture: Capture, path: Path, overwrite: bool = False) -> None:
    """Writes a capture over FACS: a row for every face in every frame, ordered by frame.

    Of a unit with two sides the stronger is written; nothing is clipped. Cells of frames in which the face was not
    seen, and of points where a take has no landmarks, are empty, as pandas writes what is missing.

    Raises:
        ValueError: a take is over another basis.
        OutputError: the file is there already, or the disk refuses.
    """
    if any(take.state.expression.basis != FACS for take in capture.takes):
        raise ValueError("a Fex table holds takes over facs")
    rows = sorted((row for take in capture.takes for row in _rows(capture, take)), key=lambda row: row[0])
    write_rows(path, FEX_HEADER, (cells for _, cells in rows), overwrite)


def _rows(capture: Capture, take: Take) -> Iterator[tuple[tuple[int, int], list[str]]]:
    """Frame, face and cells of every row of a take."""
    state, box = take.state, take.box.astype(np.float64)
    pitch, yaw, roll = angles_from_rotation(state.pose.rotation).T
    mean = gaze_directions(state.pose.rotation, state.gaze).mean(1)
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    look = [np.arcsin(np.clip(-mean[:, 1], -1, 1)), np.arctan2(mean[:, 0], -mean[:, 2])]
    aside = np.arccos(np.clip(-mean[:, 2], -1, 1))
    points = np.full((len(take), 136), np.nan)
    if take.landmarks is not None:
        points = np.swapaxes(sparse_points(take.landmarks)[..., :2], 1, 2).reshape(len(take), 136)
    face = [box[:, :2], box[:, 2:] - box[:, :2], take.score[:, None].astype(np.float64), points]
    head = [np.stack([-pitch, -roll, yaw], axis=1), state.pose.translation]
    rest = [stronger(state.expression, UNITS), np.stack([*look, aside], axis=1)]
    numbers = np.where(take.valid[:, None], np.concatenate([*face, *head, *rest], axis=1), np.nan)
    size = [str(capture.height), str(capture.width), shown(capture.source)]
    for t, row in enumerate(numbers.tolist()):
        minutes, seconds = divmod(round(float(take.times[t]) * 1e6), 60_000_000)
        about = [str(take.frames[t]), f"{minutes:02d}:{seconds / 1e6:09.6f}", f"Person_{take.face}"]
        cells = ["" if number != number else f"{number:z.6f}" for number in row]
        yield (int(take.frames[t]), take.face), [*cells, *size, *about]


def read_fex(path: Path) -> Capture:
    """What py-feat saved, as a capture over FACS: one take for each `Identity`, both sides of a unit the same.

    Units that the file lacks are 0. Both eyes look the same way. `FaceScore` is score and quality; landmarks are None.
    A row with an empty box is a frame in which the face was not seen. Times of whole seconds are told apart by the
    frames (`_told_apart`); of photos they are 0. Emotions, meshes, embeddings and other columns are not read.

    Raises:
        InputError: E_FORMAT: no such file, several inputs in one file, or a cell that is wrong, with line and column;
            or the file cannot be read.
    """
    sheet = read_sheet(path, _choose, _REMEDY)
    try:
        return _capture(sheet)
    except ValueError as error:
        raise InputError(path, "E_FORMAT", str(error), _REMEDY) from None


def _choose(found: tuple[str, ...]) -> Choice:
    units = [name for name in found if re.fullmatch(r"AU\d+", name)]
    refuse([name for name in units if not is_unit(name)], found, "a Fex: no such action unit")
    wanted = [*_BOX, _SCORE, *_TURN]
    require(found, [*wanted, *([] if units else UNITS)])
    there = set(found)
    groups = [group for group in (_PLACE, _GAZE, _SIZE, ("frame",)) if there & set(group)]
    for group in groups:
        require(found, group)
    numbers = (*wanted, *(name for group in groups for name in group), *units)
    return Choice(numbers, tuple(n for n in ("input", "approx_time", "Identity") if n in there), blanks=True)


def _capture(sheet: Sheet) -> Capture:
    if not len(sheet):
        raise ValueError("line 2: there is no row after the header")
    inputs = list(dict.fromkeys(sheet.text("input"))) if "input" in sheet.choice.texts else [""]
    if len(inputs) > 1:
        row = sheet.text("input").index(inputs[1])
        raise sheet.wrong(row, "input", f"a second one, {inputs[1]!r:.60}; give one file for each input")
    seen = np.asarray(~np.isnan(sheet.columns(_BOX)).any(1))
    _check(sheet.rows(seen))
    frames = sheet.check(["frame"], _WHOLE, whole=True)[:, 0] if "frame" in sheet else np.zeros(len(sheet))
    times = _told_apart(frames, _times(sheet))
    groups: dict[int, list[int]] = {}
    for row, face in enumerate(_faces(sheet, seen)):
        if face is not None:
            groups.setdefault(face, []).append(row)
    takes = []
    for face in sorted(groups):
        mine = np.array(groups[face])
        mine = mine[np.argsort(frames[mine], kind="stable")]
        takes.append(_take(meant(inputs[0]), face, sheet.rows(mine), frames[mine], times[mine], seen[mine]))
    height, width = (0, 0) if _SIZE[0] not in sheet else sheet.check(_SIZE, _WHOLE, whole=True)[0].astype(int).tolist()
    return Capture(meant(inputs[0]), width, height, tuple(takes), int(frames.max()) + 1)


def _check(sheet: Sheet) -> None:
    """The numbers of rows in which a face was seen; those of the others are no measurements."""
    names = sheet.choice.numbers
    sheet.check(_BOX, PIXELS)
    sheet.check([_SCORE], SHARES)
    sheet.check([*_TURN, *(name for name in _GAZE if name in names)], ANGLES)
    sheet.check([name for name in _PLACE if name in names], METRES)
    sheet.check([name for name in names if name.startswith("AU")], weight_range(FACS))


def _faces(sheet: Sheet, seen: Array) -> list[int | None]:
    """The number of the face in each row: that of `Person_3`, else by first appearance; None where there is none."""
    names = sheet.text("Identity") if "Identity" in sheet.choice.texts else ("",) * len(sheet)
    known = [name.strip() for name, is_seen in zip(names, seen.tolist(), strict=True) if name.strip() or is_seen]
    matches = {name: re.fullmatch(r"Person_(\d{1,9})", name) for name in known}
    numbers = {name: int(match[1]) for name, match in matches.items() if match}
    if len(numbers) < len(matches):
        numbers = {name: face for face, name in enumerate(matches)}
    return [numbers.get(name.strip()) for name in names]


def _times(sheet: Sheet) -> Array:
    """[R] seconds of `approx_time`, `MM:SS` with or without a fraction, or plain seconds; 0 where there is none."""
    if "approx_time" not in sheet.choice.texts:
        return np.zeros(len(sheet))
    times = []
    for row, cell in enumerate(sheet.text("approx_time")):
        match = re.fullmatch(r"(?:(\d{1,7}):(?=[0-5]\d(?:\.|$)))?(\d{1,9}(?:\.\d{1,9})?)", cell.strip(), re.ASCII)
        if match is None:
            raise sheet.wrong(row, "approx_time", f"{cell!r:.40} is no time MM:SS")
        times.append(60 * int(match[1] or 0) + float(match[2]))
    return np.array(times)


def _told_apart(frames: Array, times: Array) -> Array:
    """[R] times that are whole seconds, as py-feat writes them, by the rate at which they are those of frame / rate.

    Its last frame has the length of the video. Where no rate fits, or all is over within a second, times stay.
    """
    inner = (frames < frames.max()) & (times > 0)
    coarse = len(np.unique(times)) < len(np.unique(frames)) and bool((times == np.floor(times)).all())
    if not (coarse and inner.any()):
        return times
    rate = float((frames[inner] / times[inner]).min())
    if rate <= (frames[inner] / (times[inner] + 1)).max():
        return times
    return np.asarray(frames / rate)


def _take(source: str, face: int, sheet: Sheet, frames: Array, times: Array, seen: Array) -> Take:
    if len(twice := np.flatnonzero(np.diff(frames) == 0)):
        raise sheet.wrong(int(twice[0]) + 1, "frame", f"face {face} has this frame twice")
    if len(back := np.flatnonzero(np.diff(times) < 0)):
        raise sheet.wrong(int(back[0]) + 1, "approx_time", "times must not run backwards; a later one comes before it")
    there = seen[:, None]
    count = len(sheet)
    pitch, roll, yaw = np.where(there, sheet.columns(_TURN), 0.0).T
    rotation = turned(np.stack([-pitch, yaw, -roll], axis=1))
    directions = np.tile(-rotation[:, None, :, 2], (1, 2, 1))
    if _GAZE[0] in sheet:
        up, left = sheet.columns(_GAZE).T
        look = np.stack([np.cos(up) * np.sin(left), -np.sin(up), -np.cos(up) * np.cos(left)], axis=1)
        directions = np.where(there[..., None], look[:, None], directions)
    x, y, width, height = np.where(there, sheet.columns(_BOX), 0.0).T
    place = sheet.columns(_PLACE) if _PLACE[0] in sheet else np.zeros((count, 3))
    units = tuple(name for name in sheet.choice.numbers if name.startswith("AU"))
    score = np.where(seen, sheet.column(_SCORE), 0.0)
    return Take(
        FaceState(
            both_sides(np.where(there, sheet.columns(units), 0.0), units),
            Pose(rotation, np.where(there, place, 0.0)),
            gaze_along(rotation, directions),
        ),
        times=times,
        frames=frames.astype(np.int64),
        valid=seen,
        box=np.stack([x, y, x + width, y + height], axis=1),
        score=score,
        quality=score,
        source=source,
        face=face,
    )
