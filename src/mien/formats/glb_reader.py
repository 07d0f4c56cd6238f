"""Reads a GLB like ours back: one surface, its morph targets, and a performance of weights and head rotation.

Nothing that the file says of itself is believed: every length and count is held against the bytes that are there before
anything is made of them, so that memory stays within a small multiple of the file's size.
"""

import struct
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.geometry import Mesh
from mien.formats.files import StrPath, read_bytes
from mien.formats.glb import BINARY_CHUNK, FLOAT, JSON_CHUNK, MAGIC
from mien.formats.images import decode_image
from mien.formats.json_object import JsonObject
from mien.formats.scene import Scene, half_turn, half_turn_rotations, unit

GLB_LIMIT = 2**28
"""Bytes of the largest GLB that is read."""

_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", FLOAT: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_TRIANGLES = 4
_ALIKE = 1e-6


def read_glb(path: StrPath) -> Scene:
    """The scene in a GLB file: one mesh of one surface, its morph targets, and its first animation.

    Vertices that were repeated along seams stay apart. Colours come back as sRGB. Targets may be sparse or dense; what
    moves normals and tangents is passed over, as are cameras, lights and other animations.

    Raises:
        InputError: E_FORMAT: not a GLB, broken, or with more than one surface, bones, moved nodes or targets without
            names; says what is wrong. Or what `read_bytes` and `decode_image` raise.
    """
    data = read_bytes(path, GLB_LIMIT)
    try:
        document, binary = glb_chunks(data)
        return _scene(_Glb(document, binary), path)
    except ValueError as error:
        raise InputError(path, "E_FORMAT", str(error), "export it again as one face in a GLB") from None


def glb_chunks(data: bytes) -> tuple[JsonObject, bytes]:
    """The JSON and the binary chunk of a GLB's content. Raises `ValueError` when it is none, or is cut short."""
    if len(data) < 20 or struct.unpack_from("<I", data)[0] != MAGIC:
        raise ValueError("not a GLB")
    _, edition, length = struct.unpack_from("<III", data)
    if edition != 2:
        raise ValueError(f"GLB of version {edition}; version 2 is read")
    if length != len(data):
        raise ValueError(f"says it has {length} bytes, the file has {len(data)}")
    chunks: list[tuple[int, bytes]] = []
    offset = 12
    while offset < len(data):
        if offset + 8 > len(data):
            raise ValueError("ends within the head of a chunk")
        size, kind = struct.unpack_from("<II", data, offset)
        if size > len(data) - offset - 8:
            raise ValueError(f"a chunk says it has {size} bytes, {len(data) - offset - 8} are left")
        if kind in (JSON_CHUNK, BINARY_CHUNK):  # others are for extensions, and are to be passed over
            chunks.append((kind, data[offset + 8 : offset + 8 + size]))
        offset += 8 + size
    if [kind for kind, _ in chunks] not in ([JSON_CHUNK], [JSON_CHUNK, BINARY_CHUNK]):
        raise ValueError("must hold one chunk of JSON and at most one of data behind it")
    return JsonObject.parse(chunks[0][1]), chunks[1][1] if len(chunks) > 1 else b""


class _Glb:
    """A document and its data."""

    def __init__(self, document: JsonObject, binary: bytes) -> None:
        self.document = document
        self.binary = memoryview(binary)  # a piece of it is no copy, however often it is named
        if needed := document.texts("extensionsRequired"):
            raise ValueError(f"needs the extension {needed[0]:.60}, which is not read")

    def piece(self, owner: JsonObject, key: str = "bufferView") -> tuple[memoryview, JsonObject]:
        """The bytes of the view that a member of `owner` names."""
        view = self.document.entry("bufferViews", owner.whole(key))
        buffer = self.document.entry("buffers", view.whole("buffer"))
        if "uri" in buffer or view.whole("buffer"):
            raise ValueError(f"{buffer.where} lies outside the file's own data, which is not read")
        start, length = view.whole("byteOffset", 0), view.whole("byteLength")
        if start + length > min(len(self.binary), buffer.whole("byteLength")):
            raise ValueError(f"{view.where} reaches beyond the data")
        return self.binary[start : start + length], view

    def accessor(self, index: int, kinds: tuple[str, ...], count: int | None = None) -> Array:
        """The rows [N, width] that an accessor gives, whole numbers as they are, normalised ones and floats as float32.

        Args:
            index: its number.
            kinds: the types it may have.
            count: how many rows it must have; only then may it lack data of its own and stand for zeros.
        """
        about = self.document.entry("accessors", index)
        kind = about.text("type")
        if kind not in kinds:
            raise ValueError(f"{about.place('type')} must be {' or '.join(kinds)}")
        rows = about.whole("count")
        if count is not None and rows != count:
            raise ValueError(f"{about.place('count')} must be {count}, got {rows}")
        component = about.whole("componentType")
        if "bufferView" in about:
            raw = self._rows(about, component, rows, _WIDTHS[kind])
        elif count is None:
            raise ValueError(f"{about.place('bufferView')} is missing")
        else:
            raw = np.zeros((rows, _WIDTHS[kind]), self._dtype(about, component))
        if "sparse" in about:
            raw = self._filled(raw, about.child("sparse"), component)
        return _scaled(raw) if about.flag("normalized", False) else raw

    def _dtype(self, about: JsonObject, component: int) -> str:
        if component not in _DTYPES:
            raise ValueError(f"{about.place('componentType')} is no type of glTF: {component}")
        return _DTYPES[component]

    def _rows(self, about: JsonObject, component: int, count: int, width: int) -> Array:
        """The rows [count, width] in the piece that `about` names, which may stand apart by a stride."""
        dtype = np.dtype(self._dtype(about, component))
        data, view = self.piece(about)
        offset, size = about.whole("byteOffset", 0), dtype.itemsize * width
        stride = view.whole("byteStride", size)
        if stride < size:
            raise ValueError(f"{view.place('byteStride')} is less than a row")
        if not count or offset + (count - 1) * stride + size > len(data):
            raise ValueError(f"{about.where} reaches beyond its data")
        return np.ndarray((count, width), dtype, data, offset, (stride, dtype.itemsize)).copy()

    def _filled(self, rows: Array, sparse: JsonObject, component: int) -> Array:
        count, indices = sparse.whole("count"), sparse.child("indices")
        places = self._rows(indices, indices.whole("componentType"), count, 1)[:, 0]
        if places.dtype.kind != "u" or places[-1] >= len(rows) or (places[1:] <= places[:-1]).any():
            raise ValueError(f"{indices.where} must rise and stay below {len(rows)}")
        rows[places] = self._rows(sparse.child("values"), component, count, rows.shape[1])
        return rows


def _scaled(raw: Array) -> Array:
    """Whole numbers as the fractions that they stand for: 0 to 1, or -1 to 1."""
    if raw.dtype.kind == "f":
        return raw
    return np.maximum(raw / np.float32(np.iinfo(raw.dtype).max), np.float32(-1)).astype(np.float32)


def _scene(glb: _Glb, path: StrPath) -> Scene:
    nodes = glb.document.objects("nodes")
    shown = [i for i, node in enumerate(nodes) if "mesh" in node]
    if len(shown) != 1:
        raise ValueError(f"shows {len(shown)} meshes; one is read")
    node = nodes[shown[0]]
    _check_plain(nodes, shown[0])
    mesh = glb.document.entry("meshes", node.whole("mesh"))
    primitives = mesh.objects("primitives")
    if len(primitives) != 1:
        raise ValueError(f"{mesh.where} has {len(primitives)} surfaces; one is read")
    return Scene(
        _surface(glb, mesh, primitives[0]),
        _texture(glb, primitives[0], path),
        *_performance(glb, shown[0]),
        name=node.text("name", mesh.text("name", "face")),
    )


def _check_plain(nodes: list[JsonObject], shown: int) -> None:
    """Refuses a mesh that bones, or a node above it, would bring out of its place."""
    if "skin" in nodes[shown]:
        raise ValueError(f"{nodes[shown].place('skin')}: a mesh bound to bones is not read")
    parents = {int(child): i for i, node in enumerate(nodes) for child in node.numbers("children")}
    rests: dict[str, list[float]] = {"translation": [0, 0, 0], "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]}
    rests["matrix"] = np.eye(4).ravel().tolist()
    at: int | None = shown
    for _ in nodes:
        if at is None:
            return
        for key, rest in rests.items():
            given = nodes[at].numbers(key)
            if given and (
                len(given) != len(rest) or max(abs(a - b) for a, b in zip(given, rest, strict=True)) > _ALIKE
            ):
                raise ValueError(f"{nodes[at].place(key)}: a mesh moved by its node is not read; apply the transform")
        at = parents.get(at)
    if at is not None:
        raise ValueError("nodes go round in a ring")


def _surface(glb: _Glb, mesh: JsonObject, primitive: JsonObject) -> Mesh:
    if primitive.whole("mode", _TRIANGLES) != _TRIANGLES:
        raise ValueError(f"{primitive.place('mode')}: only triangles are read")
    attributes = primitive.child("attributes")
    vertices = glb.accessor(attributes.whole("POSITION"), ("VEC3",))
    count = len(vertices)

    def attribute(key: str, *kinds: str) -> Array | None:
        """An attribute of every vertex, or None where the surface has none of that name."""
        return glb.accessor(attributes.whole(key), kinds, count) if key in attributes else None

    uv, normals, colours = (
        attribute("TEXCOORD_0", "VEC2"),
        attribute("NORMAL", "VEC3"),
        attribute("COLOR_0", "VEC3", "VEC4"),
    )
    corners = np.arange(count)
    if "indices" in primitive:
        corners = glb.accessor(primitive.whole("indices"), ("SCALAR",))[:, 0]
        if corners.dtype.kind != "u":
            raise ValueError(f"{primitive.place('indices')} must be unsigned whole numbers")
    if len(corners) % 3:
        raise ValueError(f"{primitive.where} has {len(corners)} corners, which make no triangles")
    names, targets = _targets(glb, mesh, primitive, count)
    return Mesh(
        half_turn(vertices.astype(np.float64)),
        corners.reshape(-1, 3).astype(np.int64),
        None if uv is None else np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=1),
        None,
        None if normals is None else half_turn(unit(normals)),
        None if colours is None else _srgb(colours[:, :3]),
        targets,
        names,
    )


def _targets(glb: _Glb, mesh: JsonObject, primitive: JsonObject, count: int) -> tuple[tuple[str, ...], Array | None]:
    targets = primitive.objects("targets")
    if not targets:
        return (), None
    # Blender and engines name them in the mesh, VRM 0.x in the surface.
    names = mesh.child("extras").texts("targetNames") or primitive.child("extras").texts("targetNames")
    if len(names) != len(targets):
        raise ValueError(f"{mesh.where}.extras.targetNames names {len(names)} of {len(targets)} morph targets")
    bytes_needed = 12 * len(targets) * count
    if bytes_needed > 2**26 + 32 * len(glb.binary):
        raise ValueError(f"{len(targets)} morph targets of {count} vertices are too much for so small a file")
    offsets = np.zeros((len(targets), count, 3), np.float32)
    for row, target in zip(offsets, targets, strict=True):
        if "POSITION" in target:
            row[:] = half_turn(glb.accessor(target.whole("POSITION"), ("VEC3",), count).astype(np.float32))
    return tuple(names), offsets


def _srgb(linear: Array) -> Array:
    """Linear light as sRGB of 0 to 1."""
    light = np.clip(linear.astype(np.float64), 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _texture(glb: _Glb, primitive: JsonObject, path: StrPath) -> Array | None:
    if "material" not in primitive:
        return None
    surface = glb.document.entry("materials", primitive.whole("material")).child("pbrMetallicRoughness")
    if "baseColorTexture" not in surface:
        return None
    used = surface.child("baseColorTexture")
    if used.whole("texCoord", 0):
        raise ValueError(f"{used.place('texCoord')}: only the first texture coordinates are read")
    texture = glb.document.entry("textures", used.whole("index"))
    image, _ = glb.piece(glb.document.entry("images", texture.whole("source")))
    return decode_image(bytes(image), f"{Path(path)} (texture)").pixels


def _performance(glb: _Glb, node: int) -> tuple[Array | None, Array | None, Array | None]:
    """Times, weights and head rotations of the first animation; None for what it does not move."""
    animations = glb.document.objects("animations")
    if not animations:
        return None, None, None
    tracks: dict[str, tuple[Array, Array]] = {}
    for channel in animations[0].objects("channels"):
        target = channel.child("target")
        if target.whole("node", node) != node:
            continue
        path = target.text("path")
        if path not in ("weights", "rotation") or path in tracks:
            raise ValueError(f"{target.place('path')}: {path:.40} is not read, or comes twice")
        tracks[path] = _track(glb, animations[0].entry("samplers", channel.whole("sampler")), path)
    if not tracks:
        return None, None, None
    times = next(iter(tracks.values()))[0]
    if any(not np.array_equal(times, others) for others, _ in tracks.values()):
        raise ValueError("weights and rotation have keyframes at different times; bake the animation")
    weights = tracks["weights"][1].reshape(len(times), -1) if "weights" in tracks else None
    rotation = half_turn_rotations(_matrices(tracks["rotation"][1])) if "rotation" in tracks else None
    return times, weights, rotation


def _track(glb: _Glb, sampler: JsonObject, path: str) -> tuple[Array, Array]:
    """Times [T] and what a sampler gives at them: weights [T * K], or quaternions [T, 4]."""
    if sampler.text("interpolation", "LINEAR") not in ("LINEAR", "STEP"):
        raise ValueError(f"{sampler.place('interpolation')}: only LINEAR and STEP are read; bake the animation")
    times = glb.accessor(sampler.whole("input"), ("SCALAR",))[:, 0].astype(np.float64)
    values = glb.accessor(sampler.whole("output"), ("SCALAR",) if path == "weights" else ("VEC4",))
    if len(values) % len(times) or (path == "rotation" and len(values) != len(times)):
        raise ValueError(f"{sampler.place('output')} does not fit {len(times)} keyframes")
    return times, values


def _matrices(quaternions: Array) -> Array:
    """Rotations [T, 3, 3] of quaternions [T, 4] x, y, z, w."""
    turns = quaternions.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        length = np.linalg.norm(turns, axis=1, keepdims=True)
    if not (np.abs(length - 1) < 1e-2).all():
        raise ValueError("a rotation is no unit quaternion")
    x, y, z, w = (turns / length).T
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
