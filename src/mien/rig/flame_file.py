"""FLAME's model as a record, and the files that hold one.

FLAME is gated: whoever registers with its project downloads their own file, under its licence. We ship none and fetch
none; `import_flame` turns the user's file into one that opens fast and needs no pickle.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import FLAME_EXPRESSIONS
from mien.core.errors import InputError
from mien.formats.files import StrPath, read_bytes, replacing
from mien.formats.npz import read_members, write_members
from mien.rig.unpickle import read_pickle

VERTICES = 5023
TRIANGLES = 9976
JOINTS = ("global", "neck", "jaw", "left eye", "right eye")
"""In FLAME's order; the eyes are the subject's."""
JAW, LEFT_EYE, RIGHT_EYE = 2, 3, 4
PARENTS = (-1, 0, 1, 1, 1)
POSE_DIRECTIONS = 9 * (len(JOINTS) - 1)
"""One for each entry of the rotation matrices of all joints but the first."""

LICENCE = (
    "Made by mien from a FLAME model that its user obtained from https://flame.is.tue.mpg.de/. FLAME's licence goes on "
    "to hold for this file (2020: research and other non-commercial use; read that of your version): keep it to "
    "yourself unless that licence allows more. Cite: Li, Bolkart, Black, Li, Romero, 'Learning a model of facial shape "
    "and expression from 4D scans', SIGGRAPH Asia 2017."
)
"""What our file says about itself."""

_REMEDY = "give FLAME's own .pkl, or its arrays as .npz or .safetensors"
_UNPACKED_LIMIT = 512 * 2**20
_SPLITS = {400: 300, 150: 100}
"""How many of a file's directions are of identity, the rest of expression: FLAME's own, and what DECA and EMOCA use."""
_OWN = "mien_flame"


@dataclass(frozen=True, slots=True, eq=False)
class FlameModel:
    """The arrays of FLAME, in its own axes: metres, x to the subject's left, y up, z forward out of the face.

    Args:
        template: [5023, 3].
        shape_directions: [5023, 3, S] offsets for an identity weight of 1.
        expression_directions: [5023, 3, E] offsets for an expression weight of 1, at most 100.
        pose_directions: [5023, 3, 36] offsets for the entries of R - I, row by row, of neck, jaw, left and right eye.
        joint_regressor: [5, 5023] which vertices a joint is the mean of; rows sum to 1.
        parents: [5] -1, 0, 1, 1, 1: all joints hang from the neck.
        skinning: [5023, 5] how much each joint turns a vertex; rows sum to 1.
        triangles: [9976, 3].

    Raises:
        ValueError: what is wrong with which array. Also where the joints of the eyes do not lie as in a head of
            metres: 3 to 10 cm apart, the left one at the greater x.
    """

    template: Array
    shape_directions: Array
    expression_directions: Array
    pose_directions: Array
    joint_regressor: Array
    parents: Array
    skinning: Array
    triangles: Array

    def __post_init__(self) -> None:
        shapes: tuple[tuple[str, tuple[int | None, ...], type], ...] = (
            ("template", (VERTICES, 3), np.float32),
            ("shape_directions", (VERTICES, 3, None), np.float32),
            ("expression_directions", (VERTICES, 3, None), np.float32),
            ("pose_directions", (VERTICES, 3, POSE_DIRECTIONS), np.float32),
            ("joint_regressor", (len(JOINTS), VERTICES), np.float32),
            ("parents", (len(JOINTS),), np.int64),
            ("skinning", (VERTICES, len(JOINTS)), np.float32),
            ("triangles", (TRIANGLES, 3), np.int32),
        )
        for name, shape, dtype in shapes:
            object.__setattr__(self, name, frozen_array(getattr(self, name), name, shape, dtype))
        if self.expression_directions.shape[2] > FLAME_EXPRESSIONS:
            raise ValueError(f"expression_directions has {self.expression_directions.shape[2]}, at most 100 are known")
        if tuple(self.parents) != PARENTS:
            raise ValueError(f"parents must be {list(PARENTS)}, got {self.parents.tolist()}")
        if not (self.triangles.min() >= 0 and self.triangles.max() < VERTICES):
            raise ValueError(f"triangles name vertices outside 0..{VERTICES - 1}")
        for name in ("joint_regressor", "skinning"):
            sums = getattr(self, name).sum(1)
            if np.abs(sums - 1).max() > 1e-3:
                row = int(np.abs(sums - 1).argmax())
                raise ValueError(f"{name} must sum to 1 in every row, row {row} sums to {sums[row]:.4g}")
        left, right = (self.joint_regressor @ self.template)[[LEFT_EYE, RIGHT_EYE]]
        if not (left[0] > right[0] and 0.03 < np.linalg.norm(left - right) < 0.1):
            apart = 100 * float(left[0] - right[0])
            raise ValueError(f"template has its left eye {apart:.3g} cm to the left of the right one, not 3 to 10")

    @property
    def eyeballs(self) -> tuple[Array, Array]:
        """Vertices [n] of the left and of the right eyeball: those that turn with their eye alone."""
        return np.flatnonzero(self.skinning[:, LEFT_EYE] > 0.5), np.flatnonzero(self.skinning[:, RIGHT_EYE] > 0.5)

    @classmethod
    def from_official(cls, arrays: Mapping[str, Array]) -> Self:
        """The record of arrays under the names of FLAME's own file, or of the buffers of its torch ports.

        Raises:
            ValueError: an array is missing or of another shape than FLAME's; says which.
        """
        found = {name: _named(arrays, spellings) for name, spellings in _SPELLINGS.items()}
        shapes, expressions = _directions(found["shapedirs"], arrays.get("expr_dirs"))
        pose = found["posedirs"]
        if pose.shape == (POSE_DIRECTIONS, 3 * VERTICES):
            pose = pose.T.reshape(VERTICES, 3, POSE_DIRECTIONS)
        return cls(
            template=found["v_template"],
            shape_directions=shapes,
            expression_directions=expressions,
            pose_directions=pose,
            joint_regressor=found["J_regressor"],
            parents=_parents(found["kintree_table"]),
            skinning=found["weights"],
            triangles=found["f"],
        )


_SPELLINGS: dict[str, tuple[str, ...]] = {
    "v_template": ("v_template",),
    "shapedirs": ("shapedirs",),
    "posedirs": ("posedirs",),
    "J_regressor": ("J_regressor",),
    "kintree_table": ("kintree_table", "parents"),
    "weights": ("weights", "lbs_weights"),
    "f": ("f", "faces", "faces_tensor"),
}
"""Arrays of FLAME's file, and how they are spelled: there, then as buffers of torch ports."""
_NAMES = (*(spelling for spellings in _SPELLINGS.values() for spelling in spellings), "expr_dirs")


def _named(arrays: Mapping[str, Array], spellings: tuple[str, ...]) -> Array:
    for spelling in spellings:
        if spelling in arrays:
            return arrays[spelling]
    raise ValueError(f"{spellings[0]} is missing")


def _directions(shapes: Array, expressions: Array | None) -> tuple[Array, Array]:
    """Directions of identity and of expression: FLAME keeps them behind each other."""
    if shapes.ndim != 3:
        raise ValueError(f"shapedirs must have shape [{VERTICES}, 3, n], got {list(shapes.shape)}")
    if expressions is not None:
        return shapes, expressions
    count = shapes.shape[2]
    identities = _SPLITS.get(count)
    if identities is None:
        raise ValueError(f"shapedirs has {count} directions, not 400 (300 of identity, 100 of expression) or 150")
    return shapes[..., :identities], shapes[..., identities:]


def _parents(table: Array) -> Array:
    """[5] from a list of parents, or from a table of parents over children; 2³² - 1 is how unsigned files spell -1."""
    first = np.asarray(table[0] if table.ndim == 2 and len(table) else table, np.float64)
    return np.where(first == 2.0**32 - 1, -1, first)


def read_flame(path: StrPath) -> FlameModel:
    """The model in FLAME's .pkl (2017 to 2023), in an .npz or .safetensors of its arrays, or in our own .npz.

    A pickle is read in a confined process where nothing that it names is called; see `unpickle`. The kind of file is
    told by the name's ending.

    Raises:
        InputError: E_FLAME: the file holds something else, says what is wrong; E_PICKLE, E_READER as of
            `read_pickle`; E_EXTRA: safetensors is not installed; and what `read_bytes` raises.
    """
    source = os.fspath(path)
    reader = _READERS.get(Path(source).suffix.lower())
    if reader is None:
        raise InputError(source, "E_FLAME", "the name does not say what kind of file it is", _REMEDY)
    try:
        return reader(source)
    except InputError as error:
        # What opens any file knows no better remedy than a photo.
        remedy = _REMEDY if error.code == "E_NOTFILE" else error.remedy
        raise InputError(source, error.code, error.cause, remedy) from error
    except ValueError as error:
        raise InputError(source, "E_FLAME", f"is no FLAME model: {error}", _REMEDY) from error


def _from_pickle(source: str) -> FlameModel:
    return FlameModel.from_official(read_pickle(source, _NAMES))


def _from_npz(source: str) -> FlameModel:
    members = read_members(read_bytes(source), _UNPACKED_LIMIT)
    if _OWN not in members:
        return FlameModel.from_official(members)
    missing = [name for name in FlameModel.__slots__ if name not in members]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    return FlameModel(*(members[name] for name in FlameModel.__slots__))


def _from_safetensors(source: str) -> FlameModel:
    data = read_bytes(source)
    try:
        from safetensors.numpy import load  # an extra: pickles and .npz do without it
    except ImportError:
        raise InputError(source, "E_EXTRA", "safetensors is not installed", 'pip install "mien[flame]"') from None
    try:
        arrays = load(data)
    # The library promises no kinds of error for a hostile file.
    except Exception as error:
        raise ValueError(f"not a whole safetensors file: {error}") from error
    return FlameModel.from_official(arrays)


_READERS: dict[str, Callable[[str], FlameModel]] = {
    ".pkl": _from_pickle,
    ".pickle": _from_pickle,
    ".npz": _from_npz,
    ".safetensors": _from_safetensors,
}


def import_flame(path: StrPath, target: StrPath, overwrite: bool = False) -> FlameModel:
    """Reads the user's FLAME file and writes it to `target` as our .npz: opened fast, without a pickle ever after.

    Args:
        path: as for `read_flame`.
        target: where it goes; its name ends in .npz.
        overwrite: whether a file that is there already may be replaced.

    Returns:
        The model that was written.

    Raises:
        InputError: as of `read_flame`.
        OutputError: as of `replacing`.
    """
    model = read_flame(path)
    members = {name: getattr(model, name) for name in FlameModel.__slots__}
    with replacing(target, overwrite) as temporary:
        write_members(temporary, {_OWN: np.array(1), "licence": np.array(LICENCE), **members})
    return model
