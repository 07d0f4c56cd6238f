"""What stands in the file. That it comes back is in test_glb_reader, that others open it in test_glb_opens."""

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_scenes import NAMES, made_mesh, made_scene, made_texture

from mien.core.errors import OutputError
from mien.core.geometry import Mesh, rotation_from_angles
from mien.formats.glb import glb_bytes, write_glb
from mien.formats.scene import Scene


def parts(scene: Scene, source: str = "") -> tuple[dict[str, Any], bytes]:
    """The JSON and the data of what is written."""
    data = glb_bytes(scene, source)
    magic, edition, length, size, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, edition, length, kind) == (b"glTF", 2, len(data), b"JSON")
    rest, name = struct.unpack_from("<I4s", data, 20 + size)
    assert (name, 28 + size + rest) == (b"BIN\0", len(data))
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def rows(document: dict[str, Any], binary: bytes, index: int) -> Any:
    """What an accessor of ours holds (its own data, without what is sparse)."""
    about = document["accessors"][index]
    view = document["bufferViews"][about["bufferView"]]
    dtype = {5126: "<f4", 5125: "<u4", 5123: "<u2"}[about["componentType"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[about["type"]]
    return np.frombuffer(binary, dtype, about["count"] * width, view["byteOffset"]).reshape(-1, width)


def track(document: dict[str, Any], binary: bytes, path: str) -> tuple[Any, Any]:
    """Times and values of what an animation does to `path`."""
    animation = document["animations"][0]
    channel = next(channel for channel in animation["channels"] if channel["target"]["path"] == path)
    sampler = animation["samplers"][channel["sampler"]]
    assert sampler["interpolation"] == "LINEAR"
    return rows(document, binary, sampler["input"])[:, 0], rows(document, binary, sampler["output"])


def test_names_and_origin_stand_where_tools_look() -> None:
    document, _ = parts(replace(made_scene(), name="Ann"), "take\n.csv")
    assert document["asset"]["version"] == "2.0"
    assert document["asset"]["generator"].startswith("mien")
    origin = {"generated": True, "tool": document["asset"]["generator"], "source": "take\\n.csv"}
    assert document["asset"]["extras"] == origin
    assert document["meshes"][0]["extras"]["targetNames"] == list(NAMES)
    assert document["meshes"][0]["weights"] == [0, 0, 0]
    assert document["nodes"] == [{"name": "Ann", "mesh": 0}]
    assert "source" not in parts(made_scene())[0]["asset"]["extras"]


def test_the_same_scene_gives_the_same_bytes(tmp_path: Path) -> None:
    scene = made_scene(texture=made_texture())
    write_glb(scene, tmp_path / "face.glb", source="a")
    assert (tmp_path / "face.glb").read_bytes() == glb_bytes(scene, "a")


def test_every_piece_lies_at_a_multiple_of_four() -> None:
    document, binary = parts(made_scene(made_mesh(colours=True)))
    assert len(glb_bytes(made_scene())) % 4 == 0
    assert document["buffers"] == [{"byteLength": len(binary)}]
    ends = [view["byteOffset"] + view["byteLength"] for view in document["bufferViews"]]
    assert all(view["byteOffset"] % 4 == 0 for view in document["bufferViews"])
    assert all(0 <= view["byteOffset"] - end < 4 for end, view in zip(ends, document["bufferViews"][1:], strict=False))


def test_y_is_up_and_the_texture_runs_down() -> None:
    mesh = made_mesh(seam=False)
    document, binary = parts(Scene(mesh, made_texture()))
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    positions = rows(document, binary, attributes["POSITION"])
    assert np.allclose(positions, mesh.vertices * [1, -1, -1], atol=1e-8)
    assert document["accessors"][attributes["POSITION"]]["min"] == positions.min(0).tolist()
    assert document["accessors"][attributes["POSITION"]]["max"] == positions.max(0).tolist()
    normals = rows(document, binary, attributes["NORMAL"])
    assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 1e-6
    assert normals[len(normals) // 2, 2] > 0.9  # towards the viewer
    assert mesh.uv is not None
    assert np.allclose(rows(document, binary, attributes["TEXCOORD_0"]), mesh.uv * [1, -1] + [0, 1], atol=1e-7)


def test_vertices_keep_their_numbers_and_seams_add_to_the_end() -> None:
    mesh = made_mesh(13)
    document, binary = parts(Scene(mesh))
    primitive = document["meshes"][0]["primitives"][0]
    positions = rows(document, binary, primitive["attributes"]["POSITION"])
    assert len(positions) == 13 * 13 + 13
    assert np.allclose(positions[: 13 * 13], mesh.vertices * [1, -1, -1], atol=1e-8)
    corners = rows(document, binary, primitive["indices"]).reshape(-1, 3)
    assert np.allclose(positions[corners] * [1, -1, -1], mesh.vertices[mesh.triangles], atol=1e-8)
    coordinates = rows(document, binary, primitive["attributes"]["TEXCOORD_0"])
    assert mesh.uv is not None
    assert mesh.uv_triangles is not None
    assert np.allclose(coordinates[corners] * [1, -1] + [0, 1], mesh.uv[mesh.uv_triangles], atol=1e-7)


def test_targets_cost_what_they_move() -> None:
    mesh = made_mesh(seam=False)
    assert mesh.morph_targets is not None
    offsets = mesh.morph_targets.copy()
    offsets[2, 5] = [0, 0.9e-6, 0]  # less than a micrometre: not kept
    document, binary = parts(Scene(replace(mesh, morph_targets=offsets)))
    targets = document["meshes"][0]["primitives"][0]["targets"]
    for target, wanted in zip(targets, offsets, strict=True):
        about = document["accessors"][target["POSITION"]]
        assert "bufferView" not in about
        sparse = about["sparse"]
        moved = np.flatnonzero(np.linalg.norm(wanted, axis=1) >= 1e-6)
        assert sparse["count"] == max(len(moved), 1)
        at = document["bufferViews"][sparse["indices"]["bufferView"]]["byteOffset"]
        places = np.frombuffer(binary, "<u2", sparse["count"], at)
        at = document["bufferViews"][sparse["values"]["bufferView"]]["byteOffset"]
        values = np.frombuffer(binary, "<f4", 3 * sparse["count"], at).reshape(-1, 3)
        whole = np.zeros_like(wanted)
        whole[places] = values
        assert np.abs(whole * [1, -1, -1] - wanted).max() < 1e-6
        assert about["min"] == whole.min(0).tolist()
        assert about["max"] == whole.max(0).tolist()


def test_a_target_that_moves_everything_has_the_bounds_of_what_it_moves() -> None:
    mesh = replace(made_mesh(), morph_targets=np.full((1, 169, 3), 0.5, np.float32), morph_names=("all",))
    document, _ = parts(Scene(mesh))
    about = document["accessors"][document["meshes"][0]["primitives"][0]["targets"][0]["POSITION"]]
    assert (about["min"], about["max"]) == ([0.5, -0.5, -0.5], [0.5, -0.5, -0.5])


@pytest.mark.parametrize(("count", "component"), [(65535, 5123), (65536, 5125)])
def test_numbers_of_vertices_take_four_bytes_only_when_they_must(count: int, component: int) -> None:
    vertices = np.random.default_rng(0).normal(size=(count, 3))
    mesh = Mesh(vertices, np.array([[0, 1, count - 1]]), normals=np.tile([0.0, 0, -1], (count, 1)))
    document, binary = parts(Scene(mesh))
    index = document["meshes"][0]["primitives"][0]["indices"]
    assert document["accessors"][index]["componentType"] == component
    assert rows(document, binary, index)[:, 0].tolist() == [0, 1, count - 1]


def test_colours_are_linear_light_and_give_way_to_a_texture() -> None:
    mesh = made_mesh(seam=False)
    colours = np.tile([0.0, 0.5, 1.0], (len(mesh.vertices), 1))
    coloured = replace(mesh, colours=colours)
    document, binary = parts(Scene(coloured))
    index = document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]
    assert document["accessors"][index]["normalized"]
    # sRGB 0.5 is 0.2140 of the light of white.
    assert rows(document, binary, index)[0].tolist() == [0, round(0.21404114 * 65535), 65535, 65535]
    assert "COLOR_0" not in parts(Scene(coloured, made_texture()))[0]["meshes"][0]["primitives"][0]["attributes"]


def test_of_moments_at_one_time_the_last_stays() -> None:
    times = np.array([0, 0, 1, 1 + 1e-12, 2])  # the third and fourth are one as float32
    weights = np.arange(15).reshape(5, 3) / 16
    rotation = np.stack([rotation_from_angles(0, 0.1 * k, 0) for k in range(5)])
    document, binary = parts(Scene(made_mesh(), None, times, weights, rotation))
    clock, values = track(document, binary, "weights")
    assert clock.tolist() == [0, 1, 2]
    assert values.reshape(3, 3).tolist() == weights[[1, 3, 4]].tolist()
    clock, turns = track(document, binary, "rotation")
    assert len(clock) == len(turns) == 3
    # About an axis that points up a turn to the subject's right is negative.
    assert np.allclose(turns[:, 1], -np.sin(np.array([0.1, 0.3, 0.4]) / 2), atol=1e-7)


def test_turns_never_jump_to_the_other_side() -> None:
    """A head that goes twice round: of the two quaternions of each turn, the one near its neighbour."""
    turn = np.linspace(0, 4 * np.pi, 200)
    rotation = np.stack([rotation_from_angles(angle, 0, 0) for angle in turn])
    document, binary = parts(Scene(made_mesh(), None, turn, None, rotation))
    _, turns = track(document, binary, "rotation")
    assert np.allclose(np.linalg.norm(turns, axis=1), 1, atol=1e-6)
    assert (turns[1:] * turns[:-1]).sum(1).min() > 0.99
    assert np.allclose(np.abs(turns[:, 0]), np.abs(np.sin(turn / 2)), atol=1e-6)


def test_triangles_without_area_are_left_out() -> None:
    mesh = made_mesh()
    assert mesh.uv_triangles is not None
    more = replace(
        mesh,
        triangles=np.concatenate([[[3, 3, 4]], mesh.triangles]),
        uv_triangles=np.concatenate([[[3, 3, 4]], mesh.uv_triangles]),
    )
    assert glb_bytes(Scene(more)) == glb_bytes(Scene(mesh))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normals": None}, "needs a mesh with normals"),
        ({"triangles": np.zeros((0, 3)), "uv_triangles": None, "uv": None}, "needs a mesh with triangles"),
        ({"triangles": np.array([[1, 1, 2]]), "uv_triangles": None, "uv": None}, "needs a mesh with triangles"),
        ({"vertices": np.full((169, 3), 1e39)}, "beyond"),
    ],
)
def test_what_a_glb_cannot_hold_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        write_glb(Scene(replace(made_mesh(), **change)), tmp_path / "face.glb")
    assert list(tmp_path.iterdir()) == []


def test_a_file_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "face.glb"
    path.write_text("mine")
    with pytest.raises(OutputError, match="E_EXISTS"):
        write_glb(made_scene(), path)
    assert path.read_text() == "mine"
    write_glb(made_scene(), path, overwrite=True)
    assert path.read_bytes().startswith(b"glTF")
    with pytest.raises(OutputError, match="E_NOTDIR"):
        write_glb(made_scene(), tmp_path / "none" / "face.glb")
