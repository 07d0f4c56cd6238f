import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scenes import NAMES, made_mesh, made_scene, made_texture

from mien.core.errors import InputError
from mien.core.geometry import Mesh, rotation_from_angles
from mien.formats.glb import glb_bytes, write_glb
from mien.formats.glb_reader import read_glb
from mien.formats.scene import Scene, unit

Json = dict[str, Any]


def unpacked(data: bytes) -> tuple[Json, bytes]:
    size = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def packed(document: Json | bytes, binary: bytes) -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


DOCUMENT, BINARY = unpacked(glb_bytes(made_scene(made_mesh(5), made_texture(8), 5)))
COUNT = 25 + 5
"""Its vertices, and the copies along the seam."""


def fresh() -> Json:
    """A copy of a whole document, to be broken."""
    document: Json = json.loads(json.dumps(DOCUMENT))
    return document


def read(data: bytes, folder: Path) -> Scene:
    (folder / "face.glb").write_bytes(data)
    return read_glb(folder / "face.glb")


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 10**6),
    textured=st.sampled_from(["no", "coordinates", "seams", "picture"]),
    coloured=st.booleans(),
    targets=st.integers(0, 4),
    moments=st.integers(0, 6),
    turning=st.booleans(),
)
def test_a_scene_comes_back(
    seed: int,
    textured: str,
    coloured: bool,
    targets: int,
    moments: int,
    turning: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    random = np.random.default_rng(seed)
    count, faces, coordinates = random.integers(3, 40, 3)
    triangles = np.stack([random.permutation(count)[:3] for _ in range(faces)])
    seams = textured in ("seams", "picture")
    rows = coordinates if seams else count
    offsets = random.normal(0, 0.01, (targets, count, 3)) * (random.random((targets, count, 1)) < 0.4)
    mesh = Mesh(
        random.normal(0, 0.1, (count, 3)),
        triangles,
        random.uniform(-1, 2, (rows, 2)) if textured != "no" else None,
        random.integers(0, coordinates, (faces, 3)) if seams else None,
        unit(random.normal(size=(count, 3))),
        random.uniform(0, 1, (count, 3)) if coloured else None,
        offsets if targets else None,
        tuple(f"target {k}" for k in range(targets)),
    )
    angles = random.uniform(-3, 3, (moments, 3))
    moving = moments > 0 and (targets > 0 or turning)
    scene = Scene(
        mesh,
        random.integers(0, 256, (5, 4, 3)).astype(np.uint8) if textured == "picture" else None,
        np.cumsum(random.uniform(0.01, 1, moments)) if moving else None,
        random.uniform(-0.5, 2, (moments, targets)) if moving and targets else None,
        np.stack([rotation_from_angles(*three) for three in angles]) if moving and turning else None,
        name="Ärger",
    )
    path = tmp_path_factory.mktemp("glb") / "scene.glb"
    write_glb(scene, path)
    check(read_glb(path), scene)


def check(back: Scene, scene: Scene) -> None:
    """Asserts that `back` is `scene` within float32, corner by corner, and vertex by vertex as far as they go."""
    count = len(scene.mesh.vertices)
    assert back.name == scene.name
    assert back.mesh.morph_names == scene.mesh.morph_names
    same(back.mesh.vertices[:count], scene.mesh.vertices, 1e-7)
    same(back.mesh.vertices[back.mesh.triangles], scene.mesh.vertices[scene.mesh.triangles], 1e-7)
    if scene.mesh.uv_triangles is None:
        assert np.array_equal(back.mesh.triangles, scene.mesh.triangles)
    if scene.mesh.uv is not None:
        corners = scene.mesh.triangles if scene.mesh.uv_triangles is None else scene.mesh.uv_triangles
        assert back.mesh.uv is not None
        same(back.mesh.uv[back.mesh.triangles], scene.mesh.uv[corners], 1e-6)
    for part, error in (("normals", 1e-6), ("morph_targets", 1.1e-6), ("colours", 1e-3)):
        ours, theirs = getattr(scene.mesh, part), getattr(back.mesh, part)
        if part == "colours" and scene.texture is not None:
            ours = None
        assert (ours is None) == (theirs is None), part
        if ours is not None:
            axis = ours.ndim - 2
            same(theirs.take(np.arange(count), axis), ours, error)
    for part, error in (("texture", 0), ("times", 1e-6), ("weights", 1e-6), ("rotation", 1e-6)):
        ours, theirs = getattr(scene, part), getattr(back, part)
        assert (ours is None) == (theirs is None), part
        if ours is not None:
            same(theirs, ours, error)


def same(given: Any, wanted: Any, error: float) -> None:
    assert given.shape == wanted.shape
    assert np.abs(given.astype(np.float64) - wanted).max() <= error


def appended(document: Json, binary: bytes, array: Any, kind: str, component: int, **more: object) -> bytes:
    """`binary` with one more accessor behind it, over rows of an array."""
    data: bytes = array.tobytes()
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)})
    view = len(document["bufferViews"]) - 1
    document["accessors"].append(
        {"bufferView": view, "componentType": component, "count": len(array), "type": kind} | more
    )
    document["buffers"][0]["byteLength"] = len(binary) + len(data)
    return binary + data


def test_dense_targets_are_read_too(tmp_path: Path) -> None:
    document, count = fresh(), COUNT
    offsets = np.random.default_rng(0).normal(size=(count, 3)).astype("<f4")
    binary = appended(document, BINARY, offsets, "VEC3", 5126)
    document["meshes"][0]["primitives"][0]["targets"][1] = {"POSITION": len(document["accessors"]) - 1}
    document["meshes"][0]["primitives"][0]["targets"][2] = {}  # moves nothing
    back = read(packed(document, binary), tmp_path).mesh.morph_targets
    assert back is not None
    assert np.array_equal(back[1], offsets * np.array([1, -1, -1], np.float32))
    assert not back[2].any()
    assert back[0].any()


def test_normalised_and_interleaved_attributes_are_read_too(tmp_path: Path) -> None:
    document, count = fresh(), COUNT
    random = np.random.default_rng(0)
    coordinates = random.integers(0, 65536, (count, 2)).astype("<u2")
    binary = appended(document, BINARY, coordinates, "VEC2", 5123, normalized=True)
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    attributes["TEXCOORD_0"] = len(document["accessors"]) - 1
    # Colours as bytes with a stride of 8, four bytes in.
    colours = random.integers(0, 256, (count, 8)).astype("<u1")
    binary = appended(document, binary, colours, "VEC4", 5121, normalized=True, byteOffset=4)
    document["bufferViews"][-1]["byteStride"] = 8
    attributes["COLOR_0"] = len(document["accessors"]) - 1
    # Weights as signed bytes, as quantising tools leave them.
    weights = random.integers(-128, 128, (5 * 3, 1)).astype("<i1")
    binary = appended(document, binary, weights, "SCALAR", 5120, normalized=True)
    document["animations"][0]["samplers"][0]["output"] = len(document["accessors"]) - 1
    back = read(packed(document, binary), tmp_path)
    assert back.mesh.uv is not None
    assert np.allclose(back.mesh.uv, np.array([0, 1]) + coordinates / 65535 * [1, -1], atol=1e-6)
    assert back.mesh.colours is not None
    shown = back.mesh.colours
    light = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    assert np.allclose(light, colours[:, 4:7] / 255, atol=1e-6)
    assert back.weights is not None
    assert np.allclose(back.weights.ravel(), np.maximum(weights.ravel() / 127, -1), atol=1e-6)


def test_a_surface_without_indices_and_extras(tmp_path: Path) -> None:
    document = fresh()
    primitive = document["meshes"][0]["primitives"][0]
    del primitive["indices"], primitive["attributes"]["NORMAL"], document["animations"], primitive["material"]
    for accessor in document["accessors"]:
        if accessor["count"] == COUNT:
            accessor["count"] = 18
    primitive.pop("targets")
    back = read(packed(document, BINARY), tmp_path)
    assert back.mesh.triangles.tolist() == np.arange(18).reshape(6, 3).tolist()
    assert back.mesh.normals is None
    assert (back.times, back.texture, back.mesh.morph_targets) == (None, None, None)


Break = Callable[[Json], object]
BREAKS: dict[str, tuple[Break, str]] = {
    "position beyond all": (lambda d: d["accessors"][0].update(bufferView=99), r"bufferViews\[99\] does not exist"),
    "accessor beyond all": (lambda d: first(d)["attributes"].update(POSITION=99), r"accessors\[99\] does not exist"),
    "absurd count": (lambda d: d["accessors"][0].update(count=10**12), r"accessors\[0\] reaches beyond its data"),
    "count of nothing": (lambda d: d["accessors"][0].update(count=0), "reaches beyond its data"),
    "count below 0": (lambda d: d["accessors"][0].update(count=-1), "must be a whole number from 0"),
    "offset beyond": (lambda d: d["accessors"][0].update(byteOffset=10**9), "reaches beyond its data"),
    "view beyond": (
        lambda d: d["bufferViews"][0].update(byteLength=10**9),
        r"bufferViews\[0\] reaches beyond the data",
    ),
    "view offset": (lambda d: d["bufferViews"][0].update(byteOffset=10**9), "reaches beyond the data"),
    "stride of nothing": (lambda d: d["bufferViews"][0].update(byteStride=0), "less than a row"),
    "huge stride": (lambda d: d["bufferViews"][0].update(byteStride=2**40), "reaches beyond its data"),
    "strange component": (lambda d: d["accessors"][0].update(componentType=5130), "no type of glTF"),
    "another type": (lambda d: d["accessors"][0].update(type="MAT4"), "must be VEC3"),
    "fewer normals": (lambda d: d["accessors"][1].update(count=3), "must be 30, got 3"),
    "position without data": (lambda d: d["accessors"][0].pop("bufferView"), r"accessors\[0\].bufferView is missing"),
    "times without data": (lambda d: d["accessors"][-3].pop("bufferView"), "bufferView is missing"),
    "data elsewhere": (lambda d: d["buffers"][0].update(uri="face.bin"), "lies outside the file"),
    "another buffer": (lambda d: d["bufferViews"][0].update(buffer=1), r"buffers\[1\] does not exist"),
    "corners that are floats": (lambda d: first(d).update(indices=len(d["accessors"]) - 3), "must be unsigned"),
    "corners beyond": (lambda d: d["accessors"][0].update(count=3), "must be 3, got 30"),
    "strips": (lambda d: first(d).update(mode=5), "only triangles"),
    "not whole triangles": (lambda d: d["accessors"][3].update(count=10), "10 corners"),
    "two surfaces": (lambda d: d["meshes"][0]["primitives"].append({}), "has 2 surfaces"),
    "two meshes": (lambda d: d["nodes"].append({"mesh": 0}), "shows 2 meshes"),
    "no nodes": (lambda d: d.pop("nodes"), "shows 0 meshes"),
    "no mesh": (lambda d: d.pop("meshes"), r"meshes\[0\] does not exist"),
    "names missing": (lambda d: d["meshes"][0].pop("extras"), "targetNames names 0 of 3 morph targets"),
    "a name too few": (lambda d: names(d).pop(), "targetNames names 2 of 3"),
    "a name twice": (lambda d: names(d).__setitem__(1, NAMES[0]), "distinct names"),
    "a name that is none": (lambda d: names(d).__setitem__(1, 7), "must be a list of texts"),
    "bones": (lambda d: d["nodes"][0].update(skin=0), "bound to bones"),
    "moved": (lambda d: d["nodes"][0].update(translation=[0, 1, 0]), r"nodes\[0\]\.translation: a mesh moved"),
    "moved by its parent": (lambda d: d["nodes"].append({"children": [0], "scale": [2, 2, 2]}), r"nodes\[1\]\.scale"),
    "moved by three numbers": (lambda d: d["nodes"][0].update(matrix=[1, 0, 0]), r"nodes\[0\]\.matrix"),
    "a ring": (lambda d: d["nodes"][0].update(children=[0]), "round in a ring"),
    "a needed extension": (lambda d: d.update(extensionsRequired=["KHR_draco"]), "needs the extension KHR_draco"),
    "splines": (lambda d: sampler(d, 0).update(interpolation="CUBICSPLINE"), "bake the animation"),
    "another path": (lambda d: channel(d, 0)["target"].update(path="scale"), "scale is not read"),
    "a path twice": (lambda d: channel(d, 1)["target"].update(path="weights"), "comes twice"),
    "times that fall": (lambda d: d["accessors"][-3].update(bufferView=0), "run backwards"),
    "few weights": (lambda d: d["accessors"][-2].update(count=10), r"weights must have shape \[5, 3\], got \[5, 2\]"),
    "odd weights": (lambda d: d["accessors"][-2].update(count=11), "does not fit 5 keyframes"),
    "few turns": (lambda d: d["accessors"][-1].update(count=4), "does not fit 5 keyframes"),
    "turns that are none": (lambda d: d["bufferViews"][-1].update(byteOffset=0), "no unit quaternion"),
    "times apart": (lambda d: d["accessors"].append(d["accessors"][-3] | {"count": 3}), ""),
    "no texture": (lambda d: d.pop("textures"), r"textures\[0\] does not exist"),
    "no picture": (lambda d: d["images"][0].update(bufferView=0), "E_FORMAT"),
    "second coordinates": (lambda d: texture(d).update(texCoord=1), "only the first"),
    "picture without coordinates": (lambda d: first(d)["attributes"].pop("TEXCOORD_0"), "needs a mesh with uv"),
    "sparse beyond": (lambda d: sparse(d).update(count=10**9), "reaches beyond its data"),
    "sparse that falls": (lambda d: sparse(d)["indices"].update(bufferView=0, componentType=5125), "must rise"),
    "sparse of floats": (lambda d: sparse(d)["indices"].update(bufferView=0, componentType=5126), "must rise"),
    "sparse without values": (lambda d: sparse(d).pop("values"), "bufferView is missing"),
    "targets of another size": (lambda d: d["accessors"][4].update(count=10**9), "must be 30"),
    "a mesh that is none": (lambda d: d.update(meshes=[3]), "must be an object"),
    "nodes that are none": (lambda d: d.update(nodes={"mesh": 0}), "must be a list of objects"),
}


def first(document: Json) -> Json:
    part: Json = document["meshes"][0]["primitives"][0]
    return part


def names(document: Json) -> list[Any]:
    part: list[Any] = document["meshes"][0]["extras"]["targetNames"]
    return part


def sampler(document: Json, index: int) -> Json:
    part: Json = document["animations"][0]["samplers"][index]
    return part


def channel(document: Json, index: int) -> Json:
    part: Json = document["animations"][0]["channels"][index]
    return part


def texture(document: Json) -> Json:
    part: Json = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    return part


def sparse(document: Json) -> Json:
    part: Json = document["accessors"][first(document)["targets"][0]["POSITION"]]["sparse"]
    return part


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_document_says_what_is_wrong(name: str, tmp_path: Path) -> None:
    change, message = BREAKS[name]
    document = fresh()
    change(document)
    if name == "times apart":
        sampler(document, 1)["input"] = len(document["accessors"]) - 1
        sampler(document, 1)["output"] = len(document["accessors"])
        document["accessors"].append(document["accessors"][-2] | {"count": 3})
        message = "different times"
    refused(packed(document, BINARY), message, tmp_path)


def refused(data: bytes, message: str, folder: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(data, folder)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder / "face.glb"))


WHOLE = packed(DOCUMENT, BINARY)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"glTF", "not a GLB"),
        (b"v 0 0 0\nv 1 0 0\nf 1 2 3", "not a GLB"),
        (b"", "empty"),
        (WHOLE[:4] + struct.pack("<I", 1) + WHOLE[8:], "version 1"),
        (WHOLE + b"\0\0\0\0", "says it has"),
        (WHOLE[:-4], "says it has"),
        (WHOLE[:8] + struct.pack("<I", 2**32 - 1) + WHOLE[12:], "says it has 4294967295 bytes"),
        (WHOLE[:12] + struct.pack("<I", 2**32 - 1) + WHOLE[16:], "a chunk says it has 4294967295 bytes"),
        (WHOLE[:16] + b"TEXT" + WHOLE[20:], "must hold one chunk of JSON"),
        (packed(b"[" * 200_000, BINARY), "nested too deep"),
        (packed(b"[]", BINARY), "not a JSON object"),
        (packed(b"\xff\xfe", BINARY), "not UTF-8"),
        (packed(b'{"nodes": [{"mesh": 1e999}]}', BINARY), "must be a whole number"),
        (packed(b'{"nodes": [{"mesh": NaN}]}', BINARY), "NaN is no number"),
        (packed(b" " * 2**23 + b"{}", BINARY), "limit 8 MiB"),
        (packed({}, BINARY), "shows 0 meshes"),
        (packed(DOCUMENT, b""), "reaches beyond the data"),
    ],
)
def test_a_broken_container_says_what_is_wrong(data: bytes, message: str, tmp_path: Path) -> None:
    refused(data, message, tmp_path)


def test_a_small_file_cannot_ask_for_much_memory(tmp_path: Path) -> None:
    """A thousand targets that share the bytes of one, over a surface of a hundred thousand vertices."""
    document = fresh()
    count = 100_000
    binary = appended(document, BINARY, np.zeros((count, 3), "<f4"), "VEC3", 5126)
    primitive = first(document)
    primitive["attributes"] = {"POSITION": len(document["accessors"]) - 1}
    primitive["targets"] = [{"POSITION": len(document["accessors"]) - 1}] * 1000
    document["meshes"][0]["extras"]["targetNames"] = [f"t{k}" for k in range(1000)]
    data = packed(document, binary)
    tracemalloc.start()
    try:
        refused(data, "too much for so small a file", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 8 * len(data)
    finally:
        tracemalloc.stop()


def test_damage_is_an_input_error_or_harmless(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    refusals = 0
    for _ in range(600):
        data = bytearray(WHOLE)
        for place in random.integers(0, len(data), 2):
            data[place] = random.integers(256)
        try:
            read(bytes(data), tmp_path)
        except InputError:
            refusals += 1
    assert refusals > 200
