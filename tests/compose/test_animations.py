import json
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from made import made_capture
from made_rig import CHANNELS, MadeRig
from PIL import Image

from mien.compose.animations import GENERATED, animate, check_target, face_of
from mien.core.basis import ARKIT, FLAME
from mien.core.errors import InputError, OutputError, UsageError
from mien.core.face import Capture, Identity, Take
from mien.core.geometry import Mesh
from mien.formats.images import read_image
from mien.formats.obj import read_obj
from mien.pipelines.animate import AnimateOptions
from mien.rig.bridge import Bridge

RIG = MadeRig()
SMALL = AnimateOptions(width=48, height=48)
TAKE = made_capture(4, 1).takes[0]


def glb_json(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    magic, version, length, size, kind = struct.unpack_from("<IIIII", data)
    assert (magic, version, length, kind) == (0x46546C67, 2, len(data), 0x4E4F534A)
    document: dict[str, Any] = json.loads(data[20 : 20 + size])
    return document


# --- which face -------------------------------------------------------------------------------------------------------


def test_the_only_face_needs_no_number() -> None:
    capture = made_capture(3, 1)
    assert face_of(capture, None, "a.json") is capture.takes[0]
    assert face_of(made_capture(3, 2), 1, "a.json").face == 1


@pytest.mark.parametrize(
    ("faces", "number", "said"),
    [
        (0, None, "a.json: E_USAGE: holds no face"),
        (2, None, r"a.json: E_USAGE: holds 2 faces \(choose with --face: 0, 1\)"),
        (2, 5, r"a.json: E_USAGE: holds no face 5 \(it holds 0, 1\)"),
    ],
)
def test_a_face_that_is_not_clear_is_asked_for(faces: int, number: int | None, said: str) -> None:
    capture = made_capture(3, faces) if faces else Capture("a.mp4", 4, 4, (), 3)
    with pytest.raises(UsageError, match=said):
        face_of(capture, number, "a.json")


def test_a_face_that_is_never_seen_is_said_of_the_file() -> None:
    unseen = replace(made_capture(3, 1), takes=(replace(TAKE, valid=np.zeros(4, bool)),))
    with pytest.raises(InputError, match=r"a\.json: E_EMPTY: face 0 is seen in no frame"):
        face_of(unseen, None, "a.json")


# --- where it goes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "frames", "said"),
    [
        ("face.avi", None, r"not written as \.avi \(use \.glb, \.mp4, or the name of a folder\)"),
        ("face.png", None, r"-o face fills a folder"),
        ("face.obj", None, r"-o face --frames obj fills a folder"),
        ("face.mp4", "obj", "--frames obj fills a folder, and this is a file"),
        ("face.glb", "png", "--frames png fills a folder"),
    ],
)
def test_other_endings_are_refused_before_any_work(name: str, frames: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        check_target(Path(name), frames)
    with pytest.raises(UsageError, match="E_USAGE"):
        animate(TAKE, RIG, tmp_path / name, SMALL, frames=frames)
    assert not os.listdir(tmp_path)


def test_a_folder_may_be_called_anything(tmp_path: Path) -> None:
    folder = tmp_path / "take.v2"
    folder.mkdir()
    assert animate(TAKE, RIG, folder, SMALL).moments == 4
    assert len(os.listdir(folder)) == 4


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_folder_gets_numbered_pictures_that_say_what_they_are(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    done = animate(TAKE, RIG, tmp_path / "new" / "frames", SMALL, watch=lambda *step: seen.append(step))
    assert done.moments == 4
    assert done.seconds == pytest.approx(3 / 25)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    names = sorted(os.listdir(tmp_path / "new" / "frames"))
    assert names == [f"face.{k:06d}.png" for k in range(4)]
    for name in names:
        with Image.open(tmp_path / "new" / "frames" / name) as image:
            assert image.size == (48, 48)
            assert image.info["Comment"] == f"{GENERATED}: made rig driven by clip.mp4"
    first, last = (read_image(tmp_path / "new" / "frames" / name).pixels for name in (names[0], names[-1]))
    assert (first != last).any()


def test_pictures_that_are_there_are_kept_unless_told(tmp_path: Path) -> None:
    animate(TAKE, RIG, tmp_path, SMALL)
    (tmp_path / "mine.png").write_bytes(b"mine")
    before = (tmp_path / "face.000000.png").read_bytes()
    short = replace(SMALL, every=2, background=(9, 9, 9))
    with pytest.raises(OutputError, match=r"E_EXISTS: holds face\.000000\.png already"):
        animate(TAKE, RIG, tmp_path, short)
    assert (tmp_path / "face.000000.png").read_bytes() == before
    animate(TAKE, RIG, tmp_path, short, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["face.000000.png", "face.000001.png", "mine.png"]
    assert (tmp_path / "face.000000.png").read_bytes() != before


# --- video ------------------------------------------------------------------------------------------------------------


def test_a_video_plays_at_the_take_s_pace_and_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "face.mp4"
    assert animate(TAKE, RIG, path, replace(SMALL, width=49)).moments == 4
    with av.open(path) as video:
        stream = video.streams.video[0]
        assert (stream.width, stream.height) == (50, 48)
        times = [frame.time for frame in video.decode(stream)]
        assert video.metadata["comment"] == f"{GENERATED}: made rig driven by clip.mp4"
    assert times == pytest.approx([0, 0.04, 0.08, 0.12], abs=1e-3)


def test_a_video_that_is_there_is_kept_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="E_EXISTS"):
        animate(TAKE, RIG, path, SMALL)
    assert path.read_bytes() == b"mine"
    animate(TAKE, RIG, path, SMALL, overwrite=True)
    assert path.stat().st_size > 500


def test_an_animation_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        animate(TAKE, RIG, tmp_path / "face.mp4", SMALL, watch=stop)
    assert not os.listdir(tmp_path)


def test_a_take_without_a_face_leaves_nothing(tmp_path: Path) -> None:
    for name in ("face.mp4", "face.glb", "frames"):
        with pytest.raises(InputError, match="seen in no frame"):
            animate(replace(TAKE, valid=np.zeros(4, bool)), RIG, tmp_path / name, SMALL)
    assert not os.listdir(tmp_path)


# --- surfaces ---------------------------------------------------------------------------------------------------------


def test_a_folder_gets_numbered_surfaces(tmp_path: Path) -> None:
    steps: list[int] = []
    animate(TAKE, RIG, tmp_path, SMALL, frames="obj", watch=lambda done, total: steps.append(done))
    names = sorted(os.listdir(tmp_path))
    assert names == [f"face.{k:06d}.obj" for k in range(4)]
    assert steps == [1, 2, 3, 4]
    moved = RIG.vertices(TAKE.identity, TAKE.state)[2] @ TAKE.state.pose.facing()[2].T
    np.testing.assert_allclose(read_obj(tmp_path / names[2]).vertices, moved, atol=1e-6)


# --- GLB --------------------------------------------------------------------------------------------------------------


def test_a_glb_carries_the_take_on_arkit_s_names(tmp_path: Path) -> None:
    path = tmp_path / "new" / "face.glb"
    assert animate(TAKE, RIG, path, SMALL).moments == 4
    told = glb_json(path)
    assert told["meshes"][0]["extras"]["targetNames"] == list(CHANNELS)
    paths = {channel["target"]["path"] for channel in told["animations"][0]["channels"]}
    assert paths == {"weights", "rotation"}
    assert told["asset"]["extras"]["generated"] is True
    assert told["asset"]["extras"]["source"] == "clip.mp4"
    assert "images" not in told


def test_a_path_may_be_a_text_as_everywhere(tmp_path: Path) -> None:
    assert animate(TAKE, RIG, str(tmp_path / "face.glb"), SMALL).moments == 4
    assert glb_json(tmp_path / "face.glb")["meshes"]


def test_a_glb_with_a_still_head_and_a_texture(tmp_path: Path) -> None:
    path = tmp_path / "face.glb"
    texture = np.zeros((8, 8, 3), np.uint8)
    animate(TAKE, RIG, path, replace(SMALL, still_head=True), texture=texture)
    told = glb_json(path)
    assert [channel["target"]["path"] for channel in told["animations"][0]["channels"]] == ["weights"]
    assert len(told["images"]) == 1
    steps: list[int] = []
    with pytest.raises(OutputError, match="E_EXISTS"):
        animate(TAKE, RIG, path, SMALL, watch=lambda done, total: steps.append(done))
    assert not steps  # refused before any work
    animate(TAKE, RIG, path, SMALL, overwrite=True)


def test_a_glb_keeps_the_take_s_times_unless_a_rate_is_asked(tmp_path: Path) -> None:
    uneven = replace(TAKE, times=np.array([0, 0.04, 0.2, 1.0]))
    moments = [
        animate(uneven, RIG, tmp_path / f"{k}.glb", options).moments
        for k, options in enumerate((SMALL, replace(SMALL, rate=10.0)))
    ]
    assert moments == [4, 11]


def test_a_texture_needs_somewhere_to_lie(tmp_path: Path) -> None:
    class Bare(MadeRig):
        def rest(self, identity: Identity = Identity()) -> Mesh:
            return replace(super().rest(identity), uv=None)

    texture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(UsageError, match="OBJ frames keep no texture"):
        animate(TAKE, RIG, tmp_path / "frames", SMALL, frames="obj", texture=texture)
    with pytest.raises(UsageError, match="the made rig has no texture coordinates"):
        animate(TAKE, Bare(), tmp_path / "face.mp4", SMALL, texture=texture)
    assert not os.listdir(tmp_path)


# --- FLAME ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def flame() -> tuple[MadeRig, Bridge]:
    """A rig over FLAME's coefficients whose first six move what the six channels of the made rig do."""
    rig = MadeRig("flame", FLAME, FLAME.columns[:6])
    matrix = np.zeros((len(ARKIT), len(FLAME)))
    matrix[ARKIT.indices(CHANNELS), np.arange(6)] = 1
    ones = np.zeros(len(ARKIT))
    return rig, Bridge("flame", "made", matrix, np.eye(len(FLAME)), ones, ones, ones)


def test_a_flame_rig_plays_an_arkit_take(flame: tuple[MadeRig, Bridge], tmp_path: Path) -> None:
    rig, bridge = flame
    animate(TAKE, rig, tmp_path / "flame", SMALL, bridge=bridge)
    animate(TAKE, RIG, tmp_path / "made", SMALL)
    for name in os.listdir(tmp_path / "made"):
        ours, theirs = (read_image(tmp_path / folder / name).pixels.astype(int) for folder in ("made", "flame"))
        # Eyes blink in one and do not in the other when folds are looked for: that alone differs.
        assert np.abs(ours - theirs).mean() < 2


def test_a_glb_of_flame_has_arkit_s_names(flame: tuple[MadeRig, Bridge], tmp_path: Path) -> None:
    rig, bridge = flame
    animate(TAKE, rig, tmp_path / "face.glb", SMALL, bridge=bridge)
    names = glb_json(tmp_path / "face.glb")["meshes"][0]["extras"]["targetNames"]
    assert sorted(names) == sorted(CHANNELS)


@pytest.mark.parametrize("name", ["face.glb", "face.mp4"])
def test_flame_without_a_bridge_is_refused(flame: tuple[MadeRig, Bridge], name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bridge"):
        animate(TAKE, flame[0], tmp_path / name, SMALL)
    assert not os.listdir(tmp_path)


def test_every_kind_shows_the_same_number_of_moments(tmp_path: Path) -> None:
    counts: list[int] = []
    kinds: tuple[Callable[[Take], int], ...] = (
        lambda take: animate(take, RIG, tmp_path / "a.glb", SMALL).moments,
        lambda take: animate(take, RIG, tmp_path / "a.mp4", SMALL).moments,
        lambda take: animate(take, RIG, tmp_path / "a", SMALL).moments,
        lambda take: animate(take, RIG, tmp_path / "b", SMALL, frames="obj").moments,
    )
    counts += [kind(made_capture(1, 1).takes[0]) for kind in kinds]
    assert counts == [1, 1, 1, 1]
