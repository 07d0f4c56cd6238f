"""What mien writes, opened by others: the Khronos validator, and three.js in a real Chromium."""

import csv
import functools
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import BROWSER, found_chromium, needs_node, node
from made_scenes import NAMES, made_mesh, made_scene, made_texture
from PIL import Image

from mien.core.geometry import Mesh
from mien.formats.glb import write_glb
from mien.formats.glb_reader import read_glb
from mien.formats.scene import Scene, half_turn
from mien.rig.model import vertex_normals

TEXTURED = made_scene(made_mesh(), made_texture())
SCENES = {
    "texture, seams, animation": TEXTURED,
    "colours, animation": made_scene(replace(made_mesh(seam=False, colours=True), uv=None)),
    "colours and texture": made_scene(made_mesh(colours=True), made_texture()),
    "weights alone": replace(TEXTURED, rotation=None),
    "rotation alone": replace(TEXTURED, weights=None),
    "one moment": made_scene(texture=made_texture(), moments=1),
    "doubled moments": replace(TEXTURED, times=np.repeat(np.arange(31) / 30, 2)[:61]),
    "at rest": Scene(made_mesh(), made_texture()),
    "triangles only": Scene(replace(made_mesh(seam=False), uv=None, morph_targets=None, morph_names=())),
    "vertices of no triangle, triangles of no area": Scene(
        replace(made_mesh(seam=False), uv=None, triangles=np.array([[0, 13, 14], [5, 5, 6]]))
    ),
    "odd names": replace(TEXTURED, name='face "1"\n\u5909\ud800'),
    "70,000 vertices": made_scene(made_mesh(265), made_texture(), 2),
}


@needs_node
@pytest.mark.parametrize("name", SCENES)
def test_the_validator_finds_nothing(name: str, tmp_path: Path) -> None:
    write_glb(SCENES[name], tmp_path / "face.glb", source="made.mp4")
    report = node("validate.mjs", str(tmp_path / "face.glb"), folder=tmp_path)
    assert report["issues"]["messages"] == []
    assert report["info"]["totalTriangleCount"] > 0
    assert report["info"]["hasMorphTargets"] == bool(SCENES[name].mesh.morph_names)
    assert report["info"]["animationCount"] == (SCENES[name].times is not None)


@needs_node
def test_coordinates_without_a_texture_are_all_that_is_noted(tmp_path: Path) -> None:
    """They are kept for whoever paints the face later; the validator calls them unused, which is neither error nor
    warning."""
    write_glb(made_scene(), tmp_path / "face.glb")
    issues = node("validate.mjs", str(tmp_path / "face.glb"), folder=tmp_path)["issues"]
    assert (issues["numErrors"], issues["numWarnings"], issues["numHints"]) == (0, 0, 0)
    assert [message["pointer"] for message in issues["messages"]] == ["/meshes/0/primitives/0/attributes/TEXCOORD_0"]


@needs_node
def test_the_validator_does_bite(tmp_path: Path) -> None:
    write_glb(TEXTURED, tmp_path / "face.glb")
    data = (tmp_path / "face.glb").read_bytes()
    broken = data.replace(b'"count":61', b'"count":69', 1)
    assert broken != data
    (tmp_path / "face.glb").write_bytes(broken)
    assert node("validate.mjs", str(tmp_path / "face.glb"), folder=tmp_path)["issues"]["numErrors"] > 0


RIG, TAKE = (
    Path(__file__).parents[3] / "shared" / "data" / part for part in ("rigs/ict-facekit.npz", "takes/alex_rom_3.csv")
)


@needs_node
@pytest.mark.skipif(not (RIG.is_file() and TAKE.is_file()), reason="rig and take lie in ../shared, which is not here")
def test_the_longer_real_take_on_a_whole_head_is_small_and_valid(tmp_path: Path) -> None:
    """4,030 moments of 51 weights over 26,719 vertices: at most 25 MB, without errors and warnings."""
    with np.load(RIG) as rig:
        vertices, quads, corners = half_turn(rig["neutral"].astype(np.float64)) / 100, rig["quads"], rig["quads_uv"]
        sided = [str(name).replace("_L", "Left").replace("_R", "Right") for name in rig["expression_names"]]
        moves = dict(zip(sided, half_turn(rig["expressions"].astype(np.float32)) / 100, strict=True))
        uv = rig["uv"]
    for both in ("browInnerUp", "cheekPuff"):
        moves[both] = moves.pop(f"{both}Left") + moves.pop(f"{both}Right")
    triangles, uv_triangles = (np.concatenate([q[:, [0, 1, 2]], q[:, [0, 2, 3]]]) for q in (quads, corners))
    normals = vertex_normals(vertices, triangles)
    mesh = Mesh(vertices, triangles, uv, uv_triangles, normals, None, np.stack([*moves.values()]), tuple(moves))
    with TAKE.open(newline="") as table:
        rows = [[float(row[name[0].upper() + name[1:]]) for name in moves] for row in csv.DictReader(table)]
    path = tmp_path / "head.glb"
    times = np.arange(len(rows)) / 30
    write_glb(Scene(mesh, None, times, np.array(rows), np.tile(np.eye(3), (len(rows), 1, 1))), path, source=TAKE.name)
    assert len(rows) == 4030
    assert path.stat().st_size < 10e6
    report = node("validate.mjs", str(path), folder=tmp_path)
    assert (report["issues"]["numErrors"], report["issues"]["numWarnings"]) == (0, 0)
    assert report["info"]["totalVertexCount"] == 28911
    assert report["info"]["totalTriangleCount"] == 2 * 25836 + 548
    back = read_glb(path)
    assert back.weights is not None
    assert np.abs(back.weights - np.array(rows)).max() < 1e-7
    assert np.abs(back.mesh.vertices[: len(vertices)] - vertices).max() < 1e-7


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the page and three.js from tests/browser, and GLB files from `made`."""

    made: Path

    def translate_path(self, path: str) -> str:
        wanted = path.partition("?")[0]
        return str(self.made / wanted.lstrip("/")) if wanted.endswith(".glb") else super().translate_path(path)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server on loopback, on a free port, for the length of a test."""
    handler = type("Handler", (Quiet,), {"made": tmp_path})
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(BROWSER))
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def chromium() -> str:
    """The path of a Chromium that starts."""
    return found_chromium()


def opened(scene: Scene, views: list[str], chromium: str, address: str, folder: Path) -> Any:
    """What three.js saw of a scene, with screenshots of `views`."""
    write_glb(scene, folder / "face.glb")
    report = node("open.mjs", chromium, f"{address}/page.html?face.glb", str(folder), *views, folder=folder)
    assert report["faults"] == []
    return report


def picture(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.int16)


@needs_node
def test_a_browser_finds_the_targets_and_plays_the_take(chromium: str, address: str, tmp_path: Path) -> None:
    assert TEXTURED.times is not None
    assert TEXTURED.weights is not None
    report = opened(TEXTURED, ["0", "0.5", "1", "jawOpen", "mouthSmileLeft", "tongueOut"], chromium, address, tmp_path)
    about = report["about"]
    assert about["targets"] == {name: k for k, name in enumerate(NAMES)}
    assert about["attributes"] == ["normal", "position", "uv"]
    assert about["textured"]
    assert about["size"] == pytest.approx(np.ptp(TEXTURED.mesh.vertices, axis=0).tolist())
    assert [clip["duration"] for clip in about["clips"]] == pytest.approx([2.0])
    # Played by the clock for a second, influences follow the keyframes and the picture moves.
    played = report["played"]
    assert len(played) >= 2
    assert played[-1]["time"] >= 1
    for frame in played:
        follows(frame, TEXTURED)
    assert sum(frame["changed"] for frame in played) > 1000
    # Shown at chosen moments: closed, wide open and turned, and closed again.
    shut, wide, again = report["shown"][:3]
    for frame, time in ((shut, 0), (wide, 0.5), (again, 1)):
        assert frame["time"] == pytest.approx(time)
        follows(frame, TEXTURED)
    assert wide["influences"][0] == pytest.approx(1, abs=1e-3)
    assert wide["changed"] > 500
    pictures = {view: picture(tmp_path / f"{view}.png") for view in ("0", "0.5", "jawOpen", "mouthSmileLeft")}
    assert (np.abs(pictures["0"] - pictures["0.5"]).max(2) > 8).sum() > 500


def follows(frame: dict[str, Any], scene: Scene) -> None:
    """Asserts that what the browser shows lies between the keyframes around its time."""
    assert scene.times is not None
    assert scene.weights is not None
    assert scene.rotation is not None
    time = frame["time"] if frame["time"] <= scene.times[-1] else frame["time"] % scene.times[-1]  # it starts anew
    expected = [np.interp(time, scene.times, track) for track in scene.weights.T]
    assert frame["influences"] == pytest.approx(expected, abs=1e-3)
    # Positive yaw turns to the subject's right, about y down: about y up it is negative. Roll likewise, about z.
    yaw = np.arctan2(scene.rotation[:, 0, 2], scene.rotation[:, 2, 2])
    x, y, z, w = frame["quaternion"]
    turned = np.arctan2(2 * (x * z + y * w), 1 - 2 * (x * x + y * y))
    assert turned == pytest.approx(-np.interp(time, scene.times, yaw), abs=5e-3)


@needs_node
def test_up_is_up_and_left_is_left_in_the_browser(chromium: str, address: str, tmp_path: Path) -> None:
    """The jaw moves the lower half of the picture, the left corner of the mouth the right half; texture lies right."""
    scene = Scene(made_mesh(), made_texture(), name="still")
    report = opened(scene, ["tongueOut", "jawOpen", "mouthSmileLeft"], chromium, address, tmp_path)
    rest, jaw, smile = (picture(tmp_path / f"{view}.png") for view in ("tongueOut", "jawOpen", "mouthSmileLeft"))
    face = (np.abs(rest - rest[0, 0]).max(2) > 30).nonzero()
    middle, centre = rest.shape[0] / 2, rest.shape[1] / 2
    assert abs(face[0].mean() - middle) < 10
    assert abs(face[1].mean() - centre) < 10
    rows, _ = (np.abs(jaw - rest).max(2) > 8).nonzero()
    assert len(rows) > 300
    assert rows.min() > middle - 2
    _, columns = (np.abs(smile - rest).max(2) > 8).nonzero()
    assert len(columns) > 100
    assert columns.min() > centre
    # The picture's left half wears the lower half of the texture, which is warm; the right half the blue one.
    y = int(middle) - 40
    left, right = rest[y, int(centre) - 40], rest[y, int(centre) + 40]
    assert left[0] > left[2]
    assert right[2] > right[0]
    assert report["about"]["clips"] == []


@needs_node
def test_red_is_red_in_the_browser(chromium: str, address: str, tmp_path: Path) -> None:
    """Colours without a texture: red at the top, green at the bottom."""
    flat = made_mesh(seam=False)
    top = flat.vertices[:, 1:2] < 0
    mesh = Mesh(
        flat.vertices, flat.triangles, normals=flat.normals, colours=np.where(top, [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]),
        morph_targets=flat.morph_targets, morph_names=flat.morph_names,
    )  # fmt: skip
    report = opened(Scene(mesh), ["tongueOut"], chromium, address, tmp_path)
    assert report["about"]["coloured"]
    shown = picture(tmp_path / "tongueOut.png")
    middle = shown.shape[0] // 2
    upper, lower = shown[middle - 60, middle], shown[middle + 60, middle]
    assert upper[0] > 2 * upper[1]
    assert lower[1] > 2 * lower[0]
