"""Models with FLAME's shapes, made of ellipsoids and smooth random fields, and files that hold them.

The pickles are written opcode by opcode as Python 2 wrote FLAME's: chumpy's arrays, scipy's sparse matrix, numpy's
arrays as raw strings; without chumpy, scipy, or a pickler.
"""

import pickle
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from mien.core.arrays import Array
from mien.rig.flame_file import FlameModel

HEAD, BALL = 3931, 546
"""Vertices of the head, and of one eyeball: FLAME's own numbers. The eyeballs come last, the left one first."""
LEFT_BALL, RIGHT_BALL = slice(HEAD, HEAD + BALL), slice(HEAD + BALL, HEAD + 2 * BALL)
ROOT = 2**32 - 1
"""How FLAME's unsigned table of parents spells that there is none."""


def sphere(rings: int, around: int) -> tuple[Array, Array]:
    """Vertices [2 + rings * around, 3] of a unit sphere, poles first, and its triangles, counter-clockwise outside."""
    height = np.pi * (np.arange(rings) + 1) / (rings + 1)
    angle = 2 * np.pi * np.arange(around) / around
    ring = np.stack([np.sin(angle), np.zeros(around), np.cos(angle)], 1)
    body = np.sin(height)[:, None, None] * ring + np.cos(height)[:, None, None] * [0, 1, 0]
    here, there = np.arange(around), np.roll(np.arange(around), -1)
    triangles = [np.stack([np.zeros(around, int), 2 + here, 2 + there], 1)]
    for upper, lower in pairwise(2 + around * np.arange(rings)):
        triangles.append(np.stack([upper + here, lower + here, lower + there], 1))
        triangles.append(np.stack([upper + here, lower + there, upper + there], 1))
    last = 2 + around * (rings - 1)
    triangles.append(np.stack([np.ones(around, int), last + there, last + here], 1))
    return np.concatenate([[[0, 1, 0], [0, -1, 0]], body.reshape(-1, 3)]), np.concatenate(triangles)


def _surface() -> tuple[Array, Array]:
    """FLAME's 5023 vertices and 9976 triangles: a head open at the neck, 22 cm high, and two eyeballs."""
    head, triangles = sphere(51, 77)
    # Two vertices more, each in the middle of a triangle.
    split, triangles = triangles[[1000, 2000]], np.delete(triangles, [1000, 2000], 0)
    middles = head[split].mean(1)
    for k, (a, b, c) in enumerate(split):
        new = len(head) + k
        triangles = np.concatenate([triangles, [[a, b, new], [b, c, new], [c, a, new]]])
    head = np.concatenate([head, middles / np.linalg.norm(middles, axis=1, keepdims=True)])
    lowest = np.argsort(head[triangles][..., 1].mean(1), kind="stable")[:58]
    triangles = np.delete(triangles, lowest, 0)
    ball, ball_triangles = sphere(16, 34)
    balls = [0.012 * ball + [side * 0.031, 0.02, 0.072] for side in (1, -1)]
    vertices = np.concatenate([head * [0.078, 0.11, 0.095], *balls])
    return vertices, np.concatenate([triangles, ball_triangles + HEAD, ball_triangles + HEAD + BALL])


def _smooth(random: np.random.Generator, vertices: Array, count: int, size: float) -> Array:
    """[V, 3, count] random fields of gentle slopes, at most about `size` metres, each smaller than the one before."""
    x, y, z = (vertices / 0.1).T
    waves = np.stack([np.ones_like(x), x, y, z, x * y, y * z, x * z, np.sin(2 * x), np.sin(3 * y), np.cos(2 * z)], 1)
    mixed = waves @ random.normal(0, size / 3, (waves.shape[1], 3 * count))
    return mixed.reshape(len(vertices), 3, count) / np.sqrt(1 + np.arange(count))


def _skinning(vertices: Array) -> Array:
    """[V, 5] eyeballs turn with their eye alone, the chin with the jaw alone, the lowest part with the root."""
    x, y, z = vertices.T
    jaw = np.clip((-0.02 - y) / 0.03, 0, 1) * np.clip(z / 0.04, 0, 1)
    root = np.clip((-0.05 - y) / 0.05, 0, 1) * (1 - jaw)
    weights = np.stack([root, 1 - jaw - root, jaw, 0 * x, 0 * x], 1)
    weights[HEAD:] = 0
    weights[LEFT_BALL, 3] = weights[RIGHT_BALL, 4] = 1
    return weights


@cache
def made_flame(identities: int = 12, expressions: int = 10, seed: int = 0) -> FlameModel:
    """A model of FLAME's shape with few directions: small to keep, quick to make. Always the same for a seed."""
    random = np.random.default_rng(seed)
    vertices, triangles = _surface()
    regressor = np.zeros((5, len(vertices)))
    middle = np.argsort(np.abs(vertices[:HEAD, 1] - 0.0))[:77]
    low = np.argsort(np.abs(vertices[:HEAD, 1] + 0.07))[:77]
    for joint, members in enumerate((low, low, middle, np.r_[LEFT_BALL], np.r_[RIGHT_BALL])):
        share = random.uniform(0.5, 1.5, len(members)) if joint == 2 else np.ones(len(members))
        regressor[joint, members] = share / share.sum()
    return FlameModel(
        template=vertices,
        shape_directions=_smooth(random, vertices, identities, 0.004),
        expression_directions=_smooth(random, vertices, expressions, 0.003),
        pose_directions=_smooth(random, vertices, 36, 0.002),
        joint_regressor=regressor,
        parents=np.array([-1, 0, 1, 1, 1]),
        skinning=_skinning(vertices),
        triangles=triangles,
    )


def official(model: FlameModel) -> dict[str, Array]:
    """The arrays of a model under the names, in the types and the layouts of FLAME's own file."""
    parents = np.where(model.parents < 0, ROOT, model.parents)
    directions = np.concatenate([model.shape_directions, model.expression_directions], 2)
    return {
        "v_template": model.template.astype(np.float64),
        "shapedirs": directions.astype(np.float64),
        "posedirs": model.pose_directions.astype(np.float64),
        "J_regressor": model.joint_regressor.astype(np.float64),
        "kintree_table": np.stack([parents, np.arange(5)]).astype(np.uint32),
        "weights": model.skinning.astype(np.float64),
        "f": model.triangles.astype(np.uint32),
    }


# --- files ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sparse:
    """A matrix that is to be written as scipy's `csc_matrix` (or `csr_matrix`)."""

    matrix: Array
    kind: str = "csc"


@dataclass(frozen=True)
class Chumpy:
    """A value that is to be written as chumpy's `Ch`."""

    value: object


@dataclass(frozen=True)
class Selected:
    """What is to be written as chumpy's `Select`: entries of a flattened array, in a shape."""

    source: object
    index: Array
    shape: tuple[int, ...]


def python2_pickle(value: object) -> bytes:
    """`value` as Python 2's cPickle wrote it, protocol 2: texts and bytes are the same, classes are made by NEWOBJ."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: object) -> bytes:
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int() if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        case int():
            return pickle.dumps(value, 2)[2:-1]
        case str() | bytes():
            raw = value.encode("latin1") if isinstance(value, str) else value
            return b"T" + struct.pack("<i", len(raw)) + raw
        case tuple():
            return b"(" + b"".join(map(_opcodes, value)) + b"t"
        case dict():
            return b"}(" + b"".join(_opcodes(key) + _opcodes(each) for key, each in value.items()) + b"u"
        case set():
            return b"c__builtin__\nset\n(](" + b"".join(map(_opcodes, sorted(value))) + b"etR"
        case np.ndarray():
            return _array(value)
        case Sparse():
            return _sparse(value)
        case Chumpy():
            state = {"x": value.value, "_dirty_vars": {"x"}, "_itr": None, "_depends_on_deps": {}, "_make_dense": False}
            return b"cchumpy.ch\nCh\n)\x81" + _opcodes(state) + b"b"
        case Selected():
            state = {"a": value.source, "idxs": value.index, "preferred_shape": value.shape, "_dirty_vars": set()}
            return b"cchumpy.reordering\nSelect\n)\x81" + _opcodes(state) + b"b"
    raise TypeError(f"no opcodes for {type(value).__name__}")


def _array(array: Array) -> bytes:
    code = array.dtype.str[1:]
    dtype = b"cnumpy\ndtype\n" + _opcodes((code, 0, 1)) + b"R"
    dtype += _opcodes((3, array.dtype.str[0], None, None, None, -1, -1, 0)) + b"b"
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + _opcodes((0,)) + _opcodes("b") + b"tR"
    data = array.tobytes("F" if fortran else "C")
    return made + b"(" + _opcodes(1) + _opcodes(array.shape) + dtype + _opcodes(bool(fortran)) + _opcodes(data) + b"tb"


def _sparse(sparse: Sparse) -> bytes:
    lines = sparse.matrix.T if sparse.kind == "csc" else sparse.matrix
    line, place = np.nonzero(lines)
    starts = np.concatenate([[0], np.cumsum(np.bincount(line, minlength=len(lines)))])
    state = {
        "_shape": sparse.matrix.shape,
        "data": lines[line, place],
        "indices": place.astype(np.int32),
        "indptr": starts.astype(np.int32),
        "maxprint": 50,
    }
    name = f"cscipy.sparse.{sparse.kind}\n{sparse.kind}_matrix\n".encode()
    return name + b")\x81" + _opcodes(state) + b"b"


def write_pickle(path: Path, arrays: Mapping[str, Array], leave_out: Sequence[str] = ()) -> Path:
    """FLAME's own file: `shapedirs` in chumpy's clothes, `J_regressor` sparse, two texts beside the arrays."""
    model: dict[str, object] = {key: array for key, array in arrays.items() if key not in leave_out}
    model |= {"bs_style": "lbs", "bs_type": "lrotmin"}
    if "shapedirs" in model:
        model["shapedirs"] = Chumpy(model["shapedirs"])
    if "J_regressor" in model:
        model["J_regressor"] = Sparse(arrays["J_regressor"])
    path.write_bytes(python2_pickle(model))
    return path


def write_npz(path: Path, arrays: Mapping[str, Array]) -> Path:
    """The arrays as an uncompressed .npz."""
    np.savez(path, allow_pickle=False, **arrays)
    return path


def write_safetensors(path: Path, arrays: Mapping[str, Array]) -> Path:
    """The arrays as safetensors."""
    save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, path)
    return path
