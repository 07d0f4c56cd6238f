import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scenes import made_mesh

from mien.core.errors import InputError, OutputError
from mien.core.geometry import Mesh
from mien.formats.obj import read_obj, read_obj_polygons, write_obj, write_obj_sequence
from mien.rig.model import vertex_normals

ICT = Path(__file__).parents[3] / "shared" / "data" / "rigs" / "ict-sample" / "generic_neutral_mesh.obj"
TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def obj(folder: Path, text: str | bytes) -> Path:
    path = folder / "face.obj"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    textured=st.booleans(),
    seams=st.booleans(),
    lit=st.booleans(),
    coloured=st.booleans(),
    scale=st.sampled_from([0.01, 1, 3]),
)
def test_a_mesh_comes_back(
    seed: int,
    textured: bool,
    seams: bool,
    lit: bool,
    coloured: bool,
    scale: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    random = np.random.default_rng(seed)
    count, faces, coordinates = random.integers(3, 30, 3)
    vertices = random.normal(0, 10.0 ** random.integers(-3, 3), (count, 3))
    triangles = random.integers(0, count, (faces, 3))
    mesh = Mesh(
        vertices,
        triangles,
        random.uniform(-1, 2, (coordinates if seams else count, 2)) if textured else None,
        random.integers(0, coordinates, (faces, 3)) if textured and seams else None,
        vertex_normals(vertices, triangles) if lit else None,
        random.uniform(0, 1, (count, 3)) if coloured else None,
    )
    path = tmp_path_factory.mktemp("obj") / "mesh.obj"
    write_obj(mesh, path, scale=scale)
    back = read_obj(path, scale)
    assert np.allclose(back.vertices, mesh.vertices, rtol=6e-9, atol=0)
    assert np.array_equal(back.triangles, mesh.triangles)
    assert (back.uv is None, back.colours is None) == (not textured, not coloured)
    if mesh.uv is not None:
        assert back.uv is not None
        assert back.uv_triangles is not None
        corners = mesh.triangles if mesh.uv_triangles is None else mesh.uv_triangles
        assert np.allclose(back.uv[back.uv_triangles], mesh.uv[corners], rtol=6e-9, atol=0)
    if mesh.normals is not None:
        assert back.normals is not None
        used = np.unique(triangles)
        assert np.allclose(back.normals[used], mesh.normals[used], atol=1e-5)
    if mesh.colours is not None:
        assert back.colours is not None
        assert np.allclose(back.colours, mesh.colours, atol=1e-4)


def test_every_way_of_writing_a_face(tmp_path: Path) -> None:
    text = (
        "\ufeff# a comment\r\nmtllib x.mtl\r\no face\r\n\tv\t0 0 0 1\r\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 2 2 1e-3\n"
        "vt 0\nvt 1 0\nvt 1 1 0\nvt 0 1\nvn 0 0 2\nvn 0 1 0\ng skin\nusemtl skin\ns 1\n"
        "f 1/1 2/2 3/3 4/4\nf 1/1/1 2/2/1 3/3/2\nf 1//1 2//1 -1//1\nf 1 2 3 4 5\nl 1 2\nf -5 -4/-3 +3/3/-1"
    )
    polygons = read_obj_polygons(obj(tmp_path, text))
    assert polygons.sizes.tolist() == [4, 3, 3, 5, 3]
    assert polygons.vertices[4].tolist() == [2, 2, 1e-3]
    assert polygons.uv.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    quads, quads_uv = polygons.with_corners(4)
    assert quads.tolist() == quads_uv.tolist() == [[0, 1, 2, 3]]
    triangles, triangles_uv = polygons.with_corners(3)
    assert triangles.tolist() == [[0, 1, 2], [0, 1, 4], [0, 1, 2]]
    assert triangles_uv.tolist() == [[0, 1, 2], [-1, -1, -1], [-1, 1, 2]]
    assert polygons.normal_corners.tolist() == [-1] * 4 + [0, 0, 1] + [0] * 3 + [-1] * 5 + [-1, -1, 1]
    assert polygons.with_corners(6)[0].shape == (0, 6)
    mesh = read_obj(tmp_path / "face.obj")
    fan = [[0, 1, 2], [0, 2, 3], [0, 1, 2], [0, 1, 4], [0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 1, 2]]
    assert mesh.triangles.tolist() == fan
    assert mesh.uv is not None
    assert mesh.uv_triangles is not None
    assert mesh.uv[mesh.uv_triangles[3]].tolist() == [[0, 0]] * 3  # corners without coordinates, where others have some
    assert mesh.normals is None  # not every corner has one


def test_axes_and_units_of_the_file_become_ours(tmp_path: Path) -> None:
    path = obj(tmp_path, "v 1 2 3\nv 2 2 3\nv 1 3 3\nvn 0 0 5\nf 1//1 2//1 3//1\n")
    assert read_obj_polygons(path).vertices[0].tolist() == [1, 2, 3]
    mesh = read_obj(path, 0.01)
    assert np.allclose(mesh.vertices[0], [0.01, -0.02, -0.03])
    assert mesh.normals is not None
    assert mesh.normals.tolist() == [[0, 0, -1]] * 3
    assert np.allclose(vertex_normals(mesh.vertices, mesh.triangles), mesh.normals)  # the winding is kept


def test_colours_beyond_the_unit_are_no_colours(tmp_path: Path) -> None:
    bytes_of_colour = "v 0 0 0 255 0 0\nv 1 0 0 0 0 0\nv 0 1 0 0 0 0\nf 1 2 3\n"
    assert read_obj(obj(tmp_path, bytes_of_colour)).colours is None
    assert read_obj(obj(tmp_path, bytes_of_colour.replace("255", "1"))).colours is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 1 2\n", "line 1: v needs 3 numbers, got 2"),
        ("v 1 2 x\n", "line 1: 'x' is no number"),
        ("v 1 2 nan\n", "line 1: a number is not finite"),
        ("v 1 2 1e999\n", "line 1: a number is not finite"),
        ("\n\nvt\n", "line 3: vt needs 1 numbers, got 0"),
        ("vn 1 2\n", "line 1: vn needs 3 numbers"),
        (TRIANGLE + "f 1 2\n", "line 4: a face needs 3 corners, got 2"),
        (TRIANGLE + "f 1 2 4\n", "line 4: a face names v 4, the file has 3"),
        (TRIANGLE + "f 1 2 3\nf 1/1 2 3\n", "line 5: a face names vt 1, the file has 0"),
        (TRIANGLE + "f 1//9 2 3\n", "line 4: a face names vn 9, the file has 0"),
        (TRIANGLE + "f 0 1 2\n", "line 4: 0 names nothing"),
        (TRIANGLE + "f -4 1 2\n", "line 4: -4 names nothing"),
        (TRIANGLE + "f 1/1/1/1 2 3\n", "line 4: '1/1/1/1' is no corner"),
        (TRIANGLE + "f 1 b 3\n", "line 4: 'b' is no corner"),
        (TRIANGLE + "f /1 2 3\n", "line 4: '/1' is no corner"),
        (TRIANGLE + "f 1 2 99999999999999999999\n", "line 4: '99999999999999999999' is no corner"),
        (TRIANGLE + "f 1 2 " + "9" * 5000 + "\n", "is no corner"),
        (TRIANGLE + "f 1 2 \\\n3\n", "line 4"),
        (TRIANGLE, "no faces"),
        ("# nothing\n", "no vertices"),
        ("\0" * 5000, "no vertices"),
        ("glTF\2\0\0\0", "no vertices"),
    ],
)
def test_a_broken_file_says_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = obj(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_obj(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: E_FORMAT: ")
    assert "\n" not in str(caught.value)


def test_damage_is_an_input_error_or_harmless(tmp_path: Path) -> None:
    write_obj(made_mesh(4), tmp_path / "whole.obj")
    whole = (tmp_path / "whole.obj").read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 3):
            data[place] = random.integers(256)
        try:
            read_obj(obj(tmp_path, bytes(data)))
        except InputError:
            refused += 1
    assert refused > 50


def test_a_scale_must_make_sense(tmp_path: Path) -> None:
    path = obj(tmp_path, "v 0 0 0\nv 1e300 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(ValueError, match="above 0"):
        read_obj(path, 0)
    with pytest.raises(ValueError, match="above 0"):
        write_obj(made_mesh(), tmp_path / "out.obj", scale=float("nan"))
    with pytest.raises(InputError, match="infinite"):
        read_obj(path, 1e10)


def test_a_file_there_is_left_alone(tmp_path: Path) -> None:
    path = obj(tmp_path, "mine")
    with pytest.raises(OutputError, match="E_EXISTS"):
        write_obj(made_mesh(), path)
    assert path.read_text() == "mine"
    write_obj(made_mesh(), path, overwrite=True)
    assert path.read_text().startswith("v ")
    assert list(tmp_path.iterdir()) == [path]


def test_a_sequence_is_numbered_and_each_file_is_whole(tmp_path: Path) -> None:
    rest = made_mesh()
    meshes = [replace(rest, vertices=rest.vertices * size) for size in (1, 2, 3)]
    meshes.append(made_mesh(4))  # another surface in between
    assert write_obj_sequence(iter(meshes), tmp_path / "frames", "face") == 4
    names = [f"face.00000{k}.obj" for k in range(4)]
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == names
    for name, mesh in zip(names, meshes, strict=True):
        back = read_obj(tmp_path / "frames" / name)
        assert np.allclose(back.vertices, mesh.vertices, atol=1e-9)
        assert np.array_equal(back.triangles, mesh.triangles)
        write_obj(mesh, tmp_path / "alone.obj", overwrite=True)
        assert (tmp_path / "frames" / name).read_bytes() == (tmp_path / "alone.obj").read_bytes()


def test_a_sequence_replaces_another_only_when_told_and_leaves_none_of_it(tmp_path: Path) -> None:
    meshes = [made_mesh(4)] * 5
    write_obj_sequence(meshes, tmp_path, "face")
    (tmp_path / "other.000009.obj").write_text("mine")
    (tmp_path / "face.obj").write_text("mine")
    with pytest.raises(OutputError, match=r"holds face\.000000\.obj already"):
        write_obj_sequence(meshes, tmp_path, "face")
    assert write_obj_sequence(meshes[:2], tmp_path, "face", overwrite=True) == 2
    left = ["face.000000.obj", "face.000001.obj", "face.obj", "other.000009.obj"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left
    assert write_obj_sequence([], tmp_path / "empty", "face") == 0


@pytest.mark.parametrize("name", ["", "../face", "a/b", ".hidden", ".."])
def test_a_sequence_needs_a_plain_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        write_obj_sequence([made_mesh(4)], tmp_path, name)


@pytest.mark.skipif(not ICT.is_file(), reason="the ICT sample lies in ../shared, which is not here")
def test_a_real_file_is_read_fast(tmp_path: Path) -> None:
    start = time.perf_counter()
    polygons = read_obj_polygons(ICT)
    seconds = time.perf_counter() - start
    assert seconds < 1
    assert polygons.vertices.shape == (26719, 3)
    assert polygons.uv.shape == (28911, 2)
    assert (polygons.sizes == 4).sum() == 25836
    assert (polygons.sizes == 3).sum() == 548
    mesh = read_obj(ICT, 0.01)
    assert mesh.triangles.shape == (52220, 3)
    write_obj(mesh, tmp_path / "out.obj")
    assert np.allclose(read_obj(tmp_path / "out.obj").vertices, mesh.vertices, atol=1e-9)
