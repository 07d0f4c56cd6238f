"""ICT Face Model Light as its project publishes it: a folder of OBJ files; and the one file that mien makes of it.

Centimetres, y up, z towards the viewer, as published; `IctRig` makes metres and our axes of them. Offsets are kept in
half precision, which is finer than the six digits of the OBJ files ask for.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.formats.files import StrPath, read_bytes, replacing
from mien.formats.npz import read_members, write_members
from mien.formats.obj import ObjPolygons, read_obj_polygons

LICENCE = "MIT, © 2020 USC Institute for Creative Technologies"
PROJECT = "https://github.com/USC-ICT/ICT-FaceKit"

NEUTRAL = "generic_neutral_mesh.obj"
INDICES = "vertex_indices.json"
MODEL_FOLDER = "FaceXModel"

_SPLIT = ("browInnerUp", "cheekPuff")
"""ARKit columns that the model has a left and a right shape for; the one weight drives both."""
_SIDEWAYS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
"""ARKit columns whose side is where they move, not where they lie."""


def _shapes_of(column: str) -> tuple[str, ...]:
    """What the model calls an ARKit column: `browDown_L` for browDownLeft."""
    for side in ("Left", "Right"):
        if column.endswith(side) and column not in _SIDEWAYS:
            return (f"{column.removesuffix(side)}_{side[0]}",)
    return (f"{column}_L", f"{column}_R") if column in _SPLIT else (column,)


DRIVERS: dict[str, int] = dict(
    sorted(
        (shape, k) for k, column in enumerate(ARKIT.columns) if column != "tongueOut" for shape in _shapes_of(column)
    )
)
"""The 53 expression shapes in the order of the file, and the ARKit column that drives each."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the surface: the vertices from `start` up to, not including, `stop`."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What no file of the folder says: how many vertices there are, and which of them are what.

    Vertices in no region are films over the eye (fluid, shade) that only a renderer with glass can use.
    """

    vertices: int
    regions: tuple[Region, ...]


PUBLISHED = Layout(
    26_719,
    (
        Region("face", 0, 9_409),
        Region("head_neck", 9_409, 11_248),
        Region("mouth_socket", 11_248, 13_294),
        Region("eye_sockets", 13_294, 14_062),
        Region("gums_tongue", 14_062, 17_039),
        Region("teeth", 17_039, 21_451),
        Region("eyeball_left", 21_451, 23_021),
        Region("eyeball_right", 23_021, 24_591),
        Region("lashes", 25_351, 26_719),
    ),
)
"""Every release so far has this topology; the table is in its README."""

PUBLISHED_IDENTITIES = 60
PUBLISHED_SHA256 = "1d0c5d1581bf9f6b75e636f09fa027b15ea0b9e4100a8b1d8ef0e904213b0b73"
"""`IctModel.sha256` of the release of December 2020 (commit da5f95a), over its first 60 identities."""

_LEAST_IDENTITIES, _MOST_IDENTITIES = 1, 100
_UNPACKED_LIMIT = 2**28
REMEDY = "`mien rigs fetch ict` gets a whole one"


@dataclass(frozen=True, slots=True, eq=False)
class IctModel:
    """The arrays of the model.

    Args:
        neutral: [V, 3] float32, cm.
        expressions: [53, V, 3] float16 offsets, cm, in the order of `DRIVERS`.
        identities: [S, V, 3] float16 offsets, cm.
        quads: [Q, 4] rows of `neutral`; a triangle has its last corner twice.
        quads_uv: [Q, 4] rows of `uv`.
        uv: [U, 2] float32; whole numbers of u count the tiles of a texture set.
        landmarks68: [68] the vertices that stand for the points of iBUG's mark-up.
        regions: parts of the surface.

    Raises:
        ValueError: the arrays do not fit each other.
    """

    neutral: Array
    expressions: Array
    identities: Array
    quads: Array
    quads_uv: Array
    uv: Array
    landmarks68: Array
    regions: tuple[Region, ...]

    def __post_init__(self) -> None:
        count = len(self.neutral)
        shapes: dict[str, tuple[tuple[int | None, ...], type]] = {
            "neutral": ((None, 3), np.float32),
            "expressions": ((len(DRIVERS), count, 3), np.float16),
            "identities": ((None, count, 3), np.float16),
            "quads": ((None, 4), np.int32),
            "quads_uv": ((len(self.quads), 4), np.int32),
            "uv": ((None, 2), np.float32),
            "landmarks68": ((68,), np.int64),
        }
        for name, (shape, dtype) in shapes.items():
            object.__setattr__(self, name, frozen_array(getattr(self, name), name, shape, dtype))
        for name, limit in (("quads", count), ("quads_uv", len(self.uv)), ("landmarks68", count)):
            rows = getattr(self, name)
            if rows.size and not (rows.min() >= 0 and rows.max() < limit):
                raise ValueError(f"{name} names rows outside 0..{limit - 1}")
        names = [region.name for region in self.regions]
        if not {"eyeball_left", "eyeball_right"} <= set(names):
            raise ValueError("regions need eyeball_left and eyeball_right")
        if any(not 0 <= region.start < region.stop <= count for region in self.regions):
            raise ValueError(f"regions must lie within 0..{count}")

    def sha256(self, identities: int = PUBLISHED_IDENTITIES) -> str:
        """Of all the arrays, the first `identities` among them: the same for the same model wherever it was read."""
        digest = hashlib.sha256()
        for field in fields(self)[:-1]:
            array = getattr(self, field.name)
            array = np.ascontiguousarray(array[:identities] if field.name == "identities" else array)
            digest.update(f"{field.name} {array.dtype.name} {array.shape}\n".encode())
            digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    @property
    def is_published(self) -> bool:
        """Whether these are the very numbers of the release that mien was tested with."""
        return len(self.identities) >= PUBLISHED_IDENTITIES and self.sha256() == PUBLISHED_SHA256


def read_ict(path: StrPath, layout: Layout = PUBLISHED, step: Callable[[str], None] = lambda name: None) -> IctModel:
    """The model in a folder as its project publishes it, or in the file that `write_ict` makes.

    Args:
        path: `FaceXModel`, the folder round it, or an NPZ.
        layout: the topology that a folder must have.
        step: called with the name of each OBJ file before it is read.

    Raises:
        InputError: E_NOTFILE: files are missing, says which; E_FORMAT: a file that does not fit; or what reading
            raises.
    """
    return _read_folder(Path(path), layout, step) if Path(path).is_dir() else _read_npz(path)


def model_folder(path: Path) -> Path:
    """The folder with the OBJ files: `path`, or `FaceXModel` within it."""
    return path / MODEL_FOLDER if (path / MODEL_FOLDER).is_dir() else path


def files_of(folder: Path) -> list[str]:
    """Names of the OBJ files that make the model: neutral, expressions, and identities by their numbers.

    Raises:
        InputError: E_NOTFILE: some are missing, says which.
    """
    there = {path.name for path in folder.iterdir()}
    numbers = [k for k in range(_MOST_IDENTITIES) if identity_file(k) in there]
    identities = [identity_file(k) for k in range(max([_LEAST_IDENTITIES, *(k + 1 for k in numbers)]))]
    wanted = [NEUTRAL, *(f"{shape}.obj" for shape in DRIVERS), *identities]
    if missing := [name for name in [INDICES, *wanted] if name not in there]:
        more = f" and {len(missing) - 3} more files are" if len(missing) > 3 else " are" if missing[1:] else " is"
        cause = f"{', '.join(missing[:3])}{more} missing"
        raise InputError(folder, "E_NOTFILE", cause, f"give the whole {MODEL_FOLDER} folder; {REMEDY}")
    return wanted


def identity_file(number: int) -> str:
    """Name of the file of one identity direction."""
    return f"identity{number:03d}.obj"


def _read_folder(given: Path, layout: Layout, step: Callable[[str], None]) -> IctModel:
    folder = model_folder(given)
    names = files_of(folder)
    landmarks = _read_landmarks(folder / INDICES, layout.vertices)
    step(NEUTRAL)
    neutral = read_obj_polygons(folder / NEUTRAL)
    if len(neutral.vertices) != layout.vertices:
        cause = f"has {len(neutral.vertices)} vertices, ICT Face Model Light has {layout.vertices}"
        raise InputError(folder / NEUTRAL, "E_FORMAT", cause, REMEDY)
    if neutral.sizes.max() > 4 or (neutral.uv_corners < 0).any():
        cause = "must be quads and triangles with texture coordinates"
        raise InputError(folder / NEUTRAL, "E_FORMAT", cause, REMEDY)
    offsets = []
    for name in names[1:]:
        step(name)
        shape = read_obj_polygons(folder / name)
        if not _same_topology(shape, neutral):
            raise InputError(folder / name, "E_FORMAT", f"has other vertices or faces than {NEUTRAL}", REMEDY)
        offsets.append(_offsets(shape.vertices, neutral.vertices))
    starts = np.cumsum(neutral.sizes) - neutral.sizes
    corners = starts[:, None] + np.minimum(np.arange(4), neutral.sizes[:, None] - 1)
    try:
        return IctModel(
            neutral.vertices,
            np.stack(offsets[: len(DRIVERS)]),
            np.stack(offsets[len(DRIVERS) :]),
            neutral.corners[corners],
            neutral.uv_corners[corners],
            neutral.uv,
            landmarks,
            layout.regions,
        )
    except ValueError as error:
        raise InputError(folder, "E_FORMAT", str(error), REMEDY) from None


def _offsets(moved: Array, neutral: Array) -> Array:
    """Offsets in half precision. What leaves it becomes infinite, and is refused with the record."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray((moved.astype(np.float32) - neutral.astype(np.float32)).astype(np.float16))


def _same_topology(one: ObjPolygons, other: ObjPolygons) -> bool:
    return len(one.vertices) == len(other.vertices) and all(
        np.array_equal(a, b) for a, b in ((one.sizes, other.sizes), (one.corners, other.corners))
    )


def _read_landmarks(path: Path, vertices: int) -> Array:
    """The 68 landmark vertices that the folder's JSON names."""
    key = "idx_to_landmark_verts"
    try:
        rows = json.loads(read_bytes(path, 2**24))[key]
        landmarks = frozen_array(rows, key, (68,), np.int64)
        if landmarks.min() < 0 or landmarks.max() >= vertices:
            raise ValueError(f"{key} names vertices outside 0..{vertices - 1}")
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        cause = f"holds no {key}" if isinstance(error, KeyError | TypeError) else str(error)
        raise InputError(path, "E_FORMAT", cause, REMEDY) from None
    return landmarks


def write_ict(model: IctModel, path: StrPath, overwrite: bool = False) -> None:
    """Writes the model as one NPZ file, whole or not at all.

    Raises:
        OutputError: the file is there already, or the disk refuses.
    """
    members = {field.name: getattr(model, field.name) for field in fields(model)[:-1]}
    members["expression_names"] = np.array(list(DRIVERS))
    members["region_names"] = np.array([region.name for region in model.regions])
    members["region_start"] = np.array([region.start for region in model.regions])
    members["region_stop"] = np.array([region.stop for region in model.regions])
    with replacing(path, overwrite) as part:
        write_members(part, members)


def _read_npz(path: StrPath) -> IctModel:
    try:
        members = read_members(read_bytes(path), _UNPACKED_LIMIT)
        names = members.pop("expression_names").tolist()
        if names != list(DRIVERS):
            raise ValueError("expression_names are not the 53 of ICT Face Model Light, in their order")
        starts, stops = members.pop("region_start").tolist(), members.pop("region_stop").tolist()
        titles = members.pop("region_names").tolist()
        regions = tuple(Region(*row) for row in zip(titles, starts, stops, strict=True))
        return IctModel(**{field.name: members[field.name] for field in fields(IctModel)[:-1]}, regions=regions)
    except KeyError as error:
        raise InputError(path, "E_FORMAT", f"{error.args[0]} is missing: not an ICT rig", REMEDY) from None
    except (ValueError, TypeError) as error:
        raise InputError(path, "E_FORMAT", f"not an ICT rig: {error}", REMEDY) from None
