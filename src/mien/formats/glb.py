"""GLB, the binary form of glTF 2.0: a face with its morph targets and a performance, in one file that tools open.

Vertices keep their numbers: where a seam gives one several texture coordinates, it is repeated behind the last. Morph
targets are sparse, so they cost what they move; their names stand in `mesh.extras.targetNames`, where Blender, three.js
and game engines look. The same scene gives the same bytes.
"""

import json
import struct
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO

import numpy as np
from PIL import Image

from mien.core.arrays import Array
from mien.core.errors import printable
from mien.core.geometry import Mesh
from mien.formats.files import StrPath, replacing
from mien.formats.scene import Scene, half_turn, half_turn_rotations, unit

MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
"""How a GLB starts, and the names of its two chunks."""

FLOAT, UNSIGNED_INT, UNSIGNED_SHORT = 5126, 5125, 5123
"""glTF's numbers for float32, uint32 and uint16."""

_VERTEX_DATA, _TRIANGLES = 34962, 34963
"""What a piece of the binary chunk is for, where glTF wants it said."""

_STILL = 1e-6
"""Metres: a morph target that moves a vertex by less leaves it out."""

_ROUGHNESS = 0.6
_GREY = [0.6, 0.6, 0.6, 1.0]
"""Linear light of a surface that has neither texture nor colours."""


def write_glb(scene: Scene, path: StrPath, overwrite: bool = False, source: str = "") -> None:
    """Writes a scene as GLB: y up, z towards the viewer, metres, seconds.

    Triangles without area (a vertex named twice) are left out; so are the moments of a performance that share their
    time, as float32, with a later one. Colours are taken as sRGB and stored linear, as glTF wants them; where there is
    a texture they are left out, because viewers would multiply the two. `asset.extras` says that the file was
    generated, by what, and from what.

    Args:
        scene: what to write; its mesh must have normals.
        path: the file.
        overwrite: whether a file that is there already may be replaced.
        source: what the performance was read from, for `asset.extras`.

    Raises:
        OutputError: E_EXISTS: the file is there already; or the disk refuses.
        ValueError: a mesh without normals or triangles, or numbers beyond float32.
    """
    data = glb_bytes(scene, source)
    with replacing(path, overwrite) as part:
        part.write_bytes(data)


def glb_bytes(scene: Scene, source: str = "") -> bytes:
    """The content of the file that `write_glb` makes.

    Raises:
        ValueError: a mesh without normals or triangles, or numbers beyond float32.
    """
    parts = _Parts()
    mesh = _mesh(scene, parts)
    tool = _tool()
    origin = {"generated": True, "tool": tool} | ({"source": printable(source)} if source else {})
    document: dict[str, object] = {
        "asset": {"version": "2.0", "generator": tool, "extras": origin},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": printable(scene.name), "mesh": 0}],
        "meshes": [mesh],
        "materials": [_material(scene)],
    }
    if scene.texture is not None:
        image = BytesIO()
        Image.fromarray(scene.texture).save(image, "PNG", compress_level=6)
        document["images"] = [{"bufferView": parts.view(image.getvalue()), "mimeType": "image/png"}]
        document["textures"] = [{"source": 0}]
    if scene.times is not None:
        document["animations"] = [_animation(scene, scene.times, parts)]
    document["buffers"] = [{"byteLength": len(parts.binary)}]
    document["bufferViews"] = parts.views
    document["accessors"] = parts.accessors
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    return _container(text + b" " * (-len(text) % 4), bytes(parts.binary))


def _tool() -> str:
    try:
        return f"mien {version('mien')}"
    except PackageNotFoundError:  # a checkout that was never installed has no version
        return "mien"


def _container(text: bytes, binary: bytes) -> bytes:
    chunks = struct.pack("<II", len(text), JSON_CHUNK) + text + struct.pack("<II", len(binary), BINARY_CHUNK) + binary
    return struct.pack("<III", MAGIC, 2, 12 + len(chunks)) + chunks


class _Parts:
    """The binary chunk as it grows, and the JSON that points into it."""

    def __init__(self) -> None:
        self.binary = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, object]] = []

    def view(self, data: bytes, target: int | None = None) -> int:
        """Adds a piece at a multiple of 4 bytes, and its number among the pieces."""
        offset = len(self.binary)
        self.binary += data + b"\0" * (-len(data) % 4)
        used = {} if target is None else {"target": target}
        self.views.append({"buffer": 0, "byteOffset": offset, "byteLength": len(data), **used})
        return len(self.views) - 1

    def floats(self, rows: Array, kind: str, target: int | None = None, bounds: bool = False) -> int:
        """Adds rows [N, ...] of float32 as glTF's `kind`; `bounds` writes their least and greatest."""
        data = _float32(rows)
        limits = _bounds(data.reshape(len(data), -1)) if bounds else {}
        piece = self.view(data.tobytes(), target)
        return self._accessor(piece, FLOAT, data.size if kind == "SCALAR" else len(data), kind, **limits)

    def shorts(self, rows: Array, target: int) -> int:
        """Adds rows [N, 4] of uint16 that stand for 0 to 1."""
        piece = self.view(rows.astype("<u2").tobytes(), target)
        return self._accessor(piece, UNSIGNED_SHORT, len(rows), "VEC4", normalized=True)

    def triangles(self, triangles: Array, vertices: int) -> int:
        """Adds the numbers of vertices, in as few bytes as they need; 65535 has a meaning of its own."""
        dtype, kind = ("<u2", UNSIGNED_SHORT) if vertices <= 65535 else ("<u4", UNSIGNED_INT)
        piece = self.view(triangles.astype(dtype).tobytes(), _TRIANGLES)
        return self._accessor(piece, kind, triangles.size, "SCALAR")

    def sparse(self, offsets: Array) -> int:
        """Adds offsets [V, 3] of which only those that move something are kept; the first one if none does.

        glTF knows no sparse accessor without an entry, and not every reader one without data.
        """
        moved = np.flatnonzero(np.linalg.norm(offsets, axis=1) >= _STILL)
        kept = np.zeros((1, 3), np.float32) if not len(moved) else offsets[moved]
        moved = moved if len(moved) else np.zeros(1, np.intp)
        dtype, kind = ("<u2", UNSIGNED_SHORT) if len(offsets) <= 65536 else ("<u4", UNSIGNED_INT)
        indices = self.view(moved.astype(dtype).tobytes())
        values = self.view(_float32(kept).tobytes())
        # The vertices that are left out stand at 0, which counts among the least and greatest.
        limits = _bounds(kept if len(kept) == len(offsets) else np.concatenate([kept, np.zeros((1, 3), np.float32)]))
        about = {
            "count": len(moved),
            "indices": {"bufferView": indices, "componentType": kind},
            "values": {"bufferView": values},
        }
        return self._accessor(None, FLOAT, len(offsets), "VEC3", **limits, sparse=about)

    def _accessor(self, view: int | None, component: int, count: int, kind: str, **more: object) -> int:
        piece = {} if view is None else {"bufferView": view}
        self.accessors.append({**piece, "componentType": component, "count": count, "type": kind, **more})
        return len(self.accessors) - 1


def _float32(rows: Array) -> Array:
    with np.errstate(over="ignore"):
        data = np.ascontiguousarray(rows, dtype="<f4")
    if not np.isfinite(data).all():
        raise ValueError("a GLB holds float32, and a number is beyond it")
    return data


def _bounds(data: Array) -> dict[str, object]:
    return {"min": data.min(0).tolist(), "max": data.max(0).tolist()}


def _mesh(scene: Scene, parts: _Parts) -> dict[str, object]:
    mesh = scene.mesh
    if mesh.normals is None:
        raise ValueError("a GLB needs a mesh with normals")
    rows, uv, triangles = _split(mesh)
    if not len(triangles):
        raise ValueError("a GLB needs a mesh with triangles")
    attributes = {
        "POSITION": parts.floats(half_turn(mesh.vertices)[rows], "VEC3", _VERTEX_DATA, bounds=True),
        "NORMAL": parts.floats(half_turn(unit(mesh.normals))[rows], "VEC3", _VERTEX_DATA),
    }
    if uv is not None:
        down = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)
        attributes["TEXCOORD_0"] = parts.floats(down, "VEC2", _VERTEX_DATA)
    if mesh.colours is not None and scene.texture is None:
        attributes["COLOR_0"] = parts.shorts(_linear_shorts(mesh.colours)[rows], _VERTEX_DATA)
    primitive: dict[str, object] = {
        "attributes": attributes,
        "indices": parts.triangles(triangles, len(rows)),
        "material": 0,
    }
    written: dict[str, object] = {"name": printable(scene.name), "primitives": [primitive]}
    if mesh.morph_targets is not None and len(mesh.morph_targets):
        primitive["targets"] = [{"POSITION": parts.sparse(half_turn(offsets)[rows])} for offsets in mesh.morph_targets]
        written["weights"] = [0.0] * len(mesh.morph_names)
        written["extras"] = {"targetNames": list(mesh.morph_names)}
    return written


def _split(mesh: Mesh) -> tuple[Array, Array | None, Array]:
    """Rows of `mesh.vertices` [N] to write, their texture coordinates [N, 2] or None, and triangles [M, 3] of them.

    The first V rows are the vertices themselves, each with the first of its coordinates; copies with further
    coordinates follow.
    """
    count = len(mesh.vertices)
    a, b, c = mesh.triangles.T
    solid = (a != b) & (b != c) & (c != a)
    if mesh.uv is None or mesh.uv_triangles is None:
        return np.arange(count), mesh.uv, mesh.triangles[solid]
    corners = mesh.triangles[solid].astype(np.int64) * len(mesh.uv) + mesh.uv_triangles[solid]
    pairs, inverse = np.unique(corners, return_inverse=True)
    vertex, coordinate = pairs // len(mesh.uv), pairs % len(mesh.uv)
    first = np.diff(vertex, prepend=-1) != 0
    places = np.where(first, vertex, count - 1 + np.cumsum(~first))
    uv = np.zeros((count + int((~first).sum()), 2))
    uv[places] = mesh.uv[coordinate]
    return np.concatenate([np.arange(count), vertex[~first]]), uv, places[inverse].reshape(-1, 3)


def _linear_shorts(colours: Array) -> Array:
    """sRGB of 0 to 1 [V, 3] as linear light in 0 to 65535, opaque, [V, 4]."""
    low, high = colours / 12.92, ((np.maximum(colours, 0) + 0.055) / 1.055) ** 2.4
    linear = np.clip(np.where(colours <= 0.04045, low, high), 0, 1)
    return np.concatenate([np.rint(linear * 65535), np.full((len(colours), 1), 65535.0)], axis=1)


def _material(scene: Scene) -> dict[str, object]:
    surface: dict[str, object] = {"metallicFactor": 0.0, "roughnessFactor": _ROUGHNESS}
    if scene.texture is not None:
        surface["baseColorTexture"] = {"index": 0}
    elif scene.mesh.colours is None:
        surface["baseColorFactor"] = _GREY
    # A face is an open surface: through mouth and eyes its back is seen.
    return {"name": "skin", "pbrMetallicRoughness": surface, "doubleSided": True}


def _animation(scene: Scene, times: Array, parts: _Parts) -> dict[str, object]:
    clock = _float32(times)
    # Keyframes must rise strictly: of moments at one time the last stays, as a player would end up showing it.
    kept = np.append(np.diff(clock) > 0, True)
    time = parts.floats(clock[kept], "SCALAR", bounds=True)
    outputs: tuple[tuple[str, str, Array | None, Callable[[Array], Array]], ...] = (
        ("weights", "SCALAR", scene.weights, lambda weights: weights),
        ("rotation", "VEC4", scene.rotation, _quaternions),
    )
    samplers: list[dict[str, object]] = []
    channels: list[dict[str, object]] = []
    for path, kind, values, stored in outputs:
        if values is not None:
            output = parts.floats(stored(values[kept]), kind)
            channels.append({"sampler": len(samplers), "target": {"node": 0, "path": path}})
            samplers.append({"input": time, "output": output, "interpolation": "LINEAR"})
    return {"name": printable(scene.name), "samplers": samplers, "channels": channels}


def _quaternions(rotation: Array) -> Array:
    """Unit quaternions [T, 4] x, y, z, w of rotations [T, 3, 3], in the file's axes; neighbours on one side.

    A quaternion and its negative are one turn, but between the two a player would spin the head round.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = np.moveaxis(half_turn_rotations(rotation), 0, -1)
    # Rows are the quaternion times each of its own four parts; the row of the greatest part is the exact one.
    products = np.stack(
        [
            np.stack([1 + xx - yy - zz, xy + yx, xz + zx, zy - yz], -1),
            np.stack([xy + yx, 1 - xx + yy - zz, yz + zy, xz - zx], -1),
            np.stack([xz + zx, yz + zy, 1 - xx - yy + zz, yx - xy], -1),
            np.stack([zy - yz, xz - zx, yx - xy, 1 + xx + yy + zz], -1),
        ],
        axis=1,
    )
    greatest = np.diagonal(products, axis1=1, axis2=2).argmax(1)
    turns = products[np.arange(len(products)), greatest]
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    flips = np.where((turns[1:] * turns[:-1]).sum(1) < 0, -1.0, 1.0)
    start = np.where(turns[0, 3] < 0, -1.0, 1.0)
    return np.asarray(turns * np.cumprod(np.append(start, flips))[:, None])
