"""The CSV of OpenFace 2, which psychologists' scripts parse: pose, gaze, 68 points and 17 action units, any faces.

Verified against the project's wiki and headers, and a file that it wrote:

- Camera axes x right, y down, z away from the camera, the camera at the origin: ours. `pose_T` in mm. `pose_R` in
  radians in those axes (not against the line of sight), R = Rx(pitch) Ry(yaw) Rz(roll): another order than ours, the
  same signs (positive pitch nods down, positive yaw turns to the subject's right).
- `gaze_0` is the eye that is leftmost in the picture, the subject's right one; both are unit vectors in camera axes.
  `gaze_angle` is atan2(x, -z) and atan2(y, -z) of their mean: positive to the right of the picture, and down.
- Points as iBUG's 68; `x_`, `y_` in pixels, `X_`, `Y_`, `Z_` in mm in camera axes. Frames count from 1.
- AU `_r` runs from 0 to 5; AU45 is the blink. A row whose face was lost has `success` 0.

Assumed: pixels are counted as ours, and `pose_T` is taken for the middle between the eyes. In the file that was looked
at it lies some 35 mm below and belongs to OpenFace's own face model; nothing is shifted for it.

Left out: `eye_lmk_*`, 56 points on lids, irises and pupils that ours do not have, and `p_*`, the coefficients of
OpenFace's own shape model.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import FACS
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, Capture, FaceState, Pose, Take
from mien.core.geometry import turn_to
from mien.formats.coding import both_sides, gaze_along, gaze_directions, is_unit, sparse_points, stronger
from mien.formats.columns import (
    ANGLES,
    METRES,
    PIXELS,
    SECONDS,
    SHARES,
    Choice,
    Sheet,
    read_sheet,
    refuse,
    require,
    weight_range,
    write_rows,
)
from mien.formats.fields import FIELDS

UNITS = tuple(f"AU{n:02d}" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45))
"""The 17 units with an intensity `_r`."""

PRESENT = (*UNITS[:-1], "AU28", UNITS[-1])
"""The 18 units with a presence `_c`."""

FULL = 5.0
"""The intensity `_r` of a unit at weight 1."""

TRACE = 1.0
"""The least intensity `_r` that counts as present: FACS' A, a trace. One number decides both, so they agree."""

_REMEDY = "give a CSV written by OpenFace 2"
_GAZE = tuple(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz")
_GAZE_ANGLE = ("gaze_angle_x", "gaze_angle_y")
_PLACE, _TURN = ("pose_Tx", "pose_Ty", "pose_Tz"), ("pose_Rx", "pose_Ry", "pose_Rz")
_FLAT = tuple(f"{axis}_{i}" for axis in "xy" for i in range(68))
_SOLID = tuple(f"{axis}_{i}" for axis in "XYZ" for i in range(68))
_IRIS_DISTANCE = 0.063
"""Metres between the irises that the distance of a head rests on."""


def openface_header(landmarks: bool = True) -> tuple[str, ...]:
    """Names of the columns in the order in which they are written."""
    about = ("frame", "face_id", "timestamp", "confidence", "success")
    points = (*_FLAT, *_SOLID) if landmarks else ()
    units = (*(f"{unit}_r" for unit in UNITS), *(f"{unit}_c" for unit in PRESENT))
    return (*about, *_GAZE, *_GAZE_ANGLE, *_PLACE, *_TURN, *points, *units)


def is_openface(line: str) -> bool:
    """Whether this is the first line of such a file."""
    return "AU01_r" in [name.strip() for name in line.split(",")]


def write_openface(capture: Capture, path: Path, overwrite: bool = False) -> None:
    """Writes a capture over FACS: a row for every face in every frame, ordered by frame.

    Of a unit with two sides the stronger is written, times 5; nothing is clipped. Points are written when every take
    has landmarks; those in mm stand on the eyes' place in `pose_T`, by 63 mm between the irises.

    Raises:
        ValueError: a take is over another basis.
        OutputError: the file is there already, or the disk refuses.
    """
    if any(take.state.expression.basis != FACS for take in capture.takes):
        raise ValueError("an OpenFace table holds takes over facs")
    landmarks = bool(capture.takes) and all(take.landmarks is not None for take in capture.takes)
    rows = sorted((row for take in capture.takes for row in _rows(take, landmarks)), key=lambda row: row[0])
    write_rows(path, openface_header(landmarks), (cells for _, cells in rows), overwrite)


def _rows(take: Take, landmarks: bool) -> Iterator[tuple[tuple[int, int], list[str]]]:
    """Frame, face and cells of every row of a take; where the face was not seen they are 0."""
    pose, seen = take.state.pose, take.valid[:, None]
    gaze = gaze_directions(pose.rotation, take.state.gaze)[:, ::-1]
    mean = gaze.mean(1)
    gaze_angle = np.arctan2(mean[:, :2], -mean[:, 2:])
    parts = [gaze.reshape(len(take), 6), gaze_angle, 1000 * pose.translation, _angles(pose.rotation)]
    if landmarks and take.landmarks is not None:
        flat = sparse_points(take.landmarks)[..., :2]
        parts += [np.swapaxes(flat, 1, 2).reshape(len(take), -1), 1000 * _solid(take, take.landmarks)]
    numbers = np.where(seen, np.concatenate(parts, axis=1), 0.0)
    scores = np.where(seen, FULL * stronger(take.state.expression, PRESENT), 0.0)
    for t in range(len(take)):
        printed = {unit: f"{score:z.4f}" for unit, score in zip(PRESENT, scores[t].tolist(), strict=True)}
        about = [str(take.frames[t] + 1), str(take.face), f"{take.times[t]:.6f}", f"{take.score[t]:.6g}"]
        cells = [*about, str(int(take.valid[t])), *(f"{number:z.6f}" for number in numbers[t].tolist())]
        cells += [printed[unit] for unit in UNITS]
        # Of the printed number, not of the one behind it: a script that compares the two finds no contradiction.
        cells += [str(int(float(printed[unit]) >= TRACE)) for unit in PRESENT]
        yield (int(take.frames[t]), take.face), cells


def _angles(rotation: Array) -> Array:
    """[T, 3] angles about x, y, z of rotations R = Rx Ry Rz, the order of OpenFace."""
    yaw = np.arcsin(np.clip(rotation[:, 0, 2], -1, 1))
    pitch = np.arctan2(-rotation[:, 1, 2], rotation[:, 2, 2])
    roll = np.arctan2(-rotation[:, 0, 1], rotation[:, 0, 0])
    return np.stack([pitch, yaw, roll], axis=1)


def _rotations(angles: Array) -> Array:
    """[T, 3, 3] the way back from angles about x, y, z."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles.T), np.sin(angles.T)
    rows = (
        (cy * cz, -cy * sz, sy),
        (cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy),
        (sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _solid(take: Take, landmarks: Array) -> Array:
    """[T, 204] the 68 points in metres in camera axes: all x, all y, all z.

    Landmarks are pixels of weak perspective. How many make a metre follows from the irises and the distance of the
    head over the whole take, as one focal length, so that no blink shakes it.
    """
    points = landmarks.astype(np.float64)
    place = take.state.pose.translation
    irises = points[:, [IRIS_LEFT, IRIS_RIGHT]]
    apart = np.linalg.norm(irises[:, 0] - irises[:, 1], axis=1)
    told = take.valid & (place[:, 2] > 0) & (apart > 0)
    if not told.any():
        return np.zeros((len(take), 204))
    focal_length = np.median(apart[told] * place[told, 2]) / _IRIS_DISTANCE
    metres = np.where(place[:, 2] > 0, place[:, 2], 0.0) / focal_length
    inside = (sparse_points(landmarks) - irises.mean(1, keepdims=True)) * metres[:, None, None]
    solid = place[:, None] + inside @ np.swapaxes(turn_to(place), 1, 2)
    return np.asarray(np.swapaxes(solid, 1, 2).reshape(len(take), 204))


def read_openface(path: Path) -> Capture:
    """What OpenFace wrote, as a capture over FACS: one take for each `face_id`, both sides of a unit the same.

    Units that the file lacks are 0. A unit that is only said to be present (AU28) gets the least weight that is called
    so, 0.2. `confidence` is score and quality; the box is that of the 68 points, or 0; landmarks are None. Rows with
    `success` 0 are frames in which the face was not seen. Files of photos, without frame and time, are frame 0.
    Columns that are none of these are not read.

    Raises:
        InputError: E_FORMAT: no such file, with the line and column that is wrong; or the file cannot be read.
    """
    sheet = read_sheet(path, _choose, _REMEDY)
    try:
        return _capture(path.name, sheet)
    except ValueError as error:
        raise InputError(path, "E_FORMAT", str(error), _REMEDY) from None


def _choose(found: tuple[str, ...]) -> Choice:
    scores = [name for name in found if re.fullmatch(r"AU\d+_[rc]", name)]
    refuse([name for name in scores if not is_unit(name[:-2])], found, "OpenFace: no such action unit")
    if not any(name.endswith("_r") for name in scores):
        require(found, [f"{unit}_r" for unit in UNITS])
    wanted = ["confidence", *_PLACE, *_TURN]
    require(found, wanted)
    there = set(found)
    about = [name for name in ("frame", "face_id", "face", "timestamp", "success") if name in there]
    groups = [group for group in (_GAZE, _FLAT) if there & set(group)]
    for group in groups:
        require(found, group)
    return Choice((*about, *wanted, *(name for group in groups for name in group), *scores))


def _capture(source: str, sheet: Sheet) -> Capture:
    if not len(sheet):
        raise ValueError("line 2: there is no row after the header")
    whole = (FIELDS["frames"].low, FIELDS["frames"].high)
    zero = np.zeros(len(sheet))
    frames = sheet.check(["frame"], whole, whole=True)[:, 0] if "frame" in sheet else zero
    identity = next((name for name in ("face_id", "face") if name in sheet), None)
    faces = sheet.check([identity], whole, whole=True)[:, 0] if identity else zero
    times = sheet.check(["timestamp"], SECONDS)[:, 0] if "timestamp" in sheet else zero
    valid = np.ones(len(sheet), np.bool_)
    if "success" in sheet:
        valid = sheet.check(["success"], SHARES, whole=True)[:, 0] > 0
    _check(sheet.rows(valid))
    first = 1 if frames.min() >= 1 else 0
    takes = []
    for face in np.unique(faces).astype(np.int64).tolist():
        mine = np.flatnonzero(faces == face)
        mine = mine[np.argsort(frames[mine], kind="stable")]
        takes.append(_take(source, face, sheet.rows(mine), frames[mine] - first, times[mine], valid[mine]))
    return Capture(source, 0, 0, tuple(takes), int(frames.max()) - first + 1)


def _check(sheet: Sheet) -> None:
    """The numbers of rows in which a face was seen; those of the others are no measurements."""
    low, high = weight_range(FACS)
    names = sheet.choice.numbers
    sheet.check(["confidence"], SHARES)
    sheet.check(_PLACE, (1000 * METRES[0], 1000 * METRES[1]))
    sheet.check(_TURN, ANGLES)
    sheet.check([name for name in names if name in _GAZE], (-1.01, 1.01))
    sheet.check([name for name in names if name in _FLAT], PIXELS)
    sheet.check([name for name in names if name.endswith("_r")], (FULL * low, FULL * high))
    sheet.check([name for name in names if name.endswith("_c")], SHARES, whole=True)


def _take(source: str, face: int, sheet: Sheet, frames: Array, times: Array, valid: Array) -> Take:
    if len(twice := np.flatnonzero(np.diff(frames) == 0)):
        raise sheet.wrong(int(twice[0]) + 1, "frame", f"face {face} has this frame twice")
    if "timestamp" in sheet:
        sheet.check_rising("timestamp")
    seen = valid[:, None]
    names = [name for name in sheet.choice.numbers if re.fullmatch(r"AU\d+_r", name)]
    lone = [n for n in sheet.choice.numbers if n.endswith("_c") and f"{n[:-2]}_r" not in sheet]
    scores = np.concatenate([sheet.columns(names) / FULL, sheet.columns(lone) * TRACE / FULL], axis=1)
    rotation = _rotations(np.where(seen, sheet.columns(_TURN), 0.0))
    directions = np.tile(-rotation[:, None, :, 2], (1, 2, 1))
    if _GAZE[0] in sheet:
        directions = np.where(seen[..., None], sheet.columns(_GAZE).reshape(-1, 2, 3)[:, ::-1], directions)
    box = np.zeros((len(sheet), 4))
    if _FLAT[0] in sheet:
        points = np.where(seen[..., None], sheet.columns(_FLAT).reshape(-1, 2, 68), 0.0)
        box = np.concatenate([points.min(2), points.max(2)], axis=1)
    score = np.where(valid, sheet.column("confidence"), 0.0)
    units = tuple(name[:-2] for name in (*names, *lone))
    return Take(
        FaceState(
            both_sides(np.where(seen, scores, 0.0), units),
            Pose(rotation, np.where(seen, sheet.columns(_PLACE) / 1000, 0.0)),
            gaze_along(rotation, directions),
        ),
        times=times,
        frames=frames.astype(np.int64),
        valid=valid,
        box=box,
        score=score,
        quality=score,
        source=source,
        face=face,
    )
