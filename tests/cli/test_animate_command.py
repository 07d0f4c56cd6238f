import os
import signal
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from made import made_capture
from made_rig import MadeRig

from mien.cli.main import run
from mien.core.arrays import Array
from mien.core.basis import FLAME
from mien.core.errors import UsageError
from mien.formats.images import read_image, write_image
from mien.formats.registry import save
from mien.formats.video import VideoReader
from mien.pipelines.animate import AnimateOptions
from mien.rig.model import Rig

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Works in a folder with a take of one face and one of two; `made` and `flame` are the rigs that are known."""
    before = signal.getsignal(signal.SIGTERM)

    def rig_named(name: str) -> Rig:
        if name == "flame":
            return MadeRig("flame", FLAME, FLAME.columns[:6])
        if name not in ("made", "compact"):
            raise UsageError(name, "E_USAGE", "no rig of that name", "use made")
        return MadeRig(name)

    for module in ("cli.animate", "cli.rig_pictures", "compose.conversions"):
        monkeypatch.setattr(f"mien.{module}.rig_named", rig_named)
    monkeypatch.setattr("mien.compose.conversions.rigs_folder", lambda: tmp_path / "rigs")
    monkeypatch.chdir(tmp_path)
    save(made_capture(3, 1), "one.json")
    save(made_capture(3, 2), "two.npz")
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_take_becomes_a_video(capsys: Captured) -> None:
    code = run(["animate", "one.json", "--rig", "made", "-o", "face.mp4", "--width", "64", "--height", "48"])
    said = capsys.readouterr()
    assert code == 0
    assert said.out == ""
    assert said.err == "made rig, 3 frames, 0.1 s; wrote face.mp4\n"
    with VideoReader("face.mp4") as video:
        assert (video.width, video.height) == (64, 48)
        assert len(list(video)) == 3


def test_a_take_becomes_a_glb_pictures_or_surfaces(capsys: Captured) -> None:
    small = ["--width", "40", "--height", "40"]
    assert run(["animate", "one.json", "--output", "face.glb"]) == 0
    assert "compact rig, 3 frames" in capsys.readouterr().err
    assert Path("face.glb").read_bytes()[:4] == b"glTF"
    assert run(["animate", "one.json", "-o", "frames/", *small]) == 0
    assert sorted(os.listdir("frames")) == [f"face.{k:06d}.png" for k in range(3)]
    assert run(["animate", "one.json", "-o", "surfaces", "--frames", "obj"]) == 0
    assert sorted(os.listdir("surfaces")) == [f"face.{k:06d}.obj" for k in range(3)]


def test_options_reach_the_picture() -> None:
    options = ["--width", "40", "--height", "30", "--background", "1", "2", "3", "--every", "2", "--still-head"]
    assert run(["animate", "one.json", "-o", "frames", *options]) == 0
    assert len(os.listdir("frames")) == 2
    pixels = read_image("frames/face.000000.png").pixels
    assert pixels.shape == (30, 40, 3)
    assert tuple(pixels[0, 0]) == (1, 2, 3)


def first_picture(words: list[str]) -> Array:
    assert run(["animate", "one.json", *words, "--width", "40", "--height", "40", "--still-head"]) == 0
    return read_image(Path(words[1]) / "face.000000.png").pixels


def test_a_texture_is_laid_on() -> None:
    write_image(np.full((4, 4, 3), (0, 0, 255), np.uint8), "blue.png")
    assert first_picture(["-o", "plain"])[30, 20].argmax() == 0
    assert first_picture(["-o", "painted", "--texture", "blue.png"])[30, 20].argmax() == 2


def test_several_faces_need_a_choice(capsys: Captured) -> None:
    assert run(["animate", "two.npz", "-o", "face.glb"]) == 2
    assert capsys.readouterr().err == "two.npz: E_USAGE: holds 2 faces (choose with --face: 0, 1)\n"
    assert run(["animate", "two.npz", "-o", "face.glb", "--face", "1"]) == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["one.json", "-o", "face.avi"], 2, "face.avi: E_USAGE: an animation is not written as .avi"),
        (["one.json", "-o", "face.mp4", "--rig", "nobody"], 2, "nobody: E_USAGE: no rig of that name"),
        (["none.json", "-o", "face.mp4"], 1, "none.json: E_NOTFILE: no such file"),
        (["one.json", "-o", "face.mp4", "--texture", "one.json"], 1, "one.json: E_FORMAT"),
        (["one.json", "-o", "one.json/face.mp4"], 3, "E_NOTDIR"),
        (["one.json", "-o", "face.mp4", "--zoom", "0"], 2, "zoom"),
        (["one.json", "-o", "face.mp4", "--rig", "flame"], 2, "ict: E_USAGE: no rig of that name"),
        (["one.json"], 2, "output"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(words: list[str], code: int, said: str, capsys: Captured) -> None:
    before = sorted(os.listdir())
    assert run(["animate", *words]) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
    assert set(os.listdir()) - set(before) <= {"rigs"}


def test_existing_results_need_a_word(capsys: Captured) -> None:
    Path("face.glb").write_bytes(b"mine")
    assert run(["animate", "one.json", "-o", "face.glb"]) == 2
    assert "face.glb: E_EXISTS" in capsys.readouterr().err
    assert Path("face.glb").read_bytes() == b"mine"
    assert run(["animate", "one.json", "-o", "face.glb", "--overwrite"]) == 0


def test_the_help_names_every_option(capsys: Captured) -> None:
    assert run(["animate", "--help"]) == 0
    said = capsys.readouterr().out
    for option in fields(AnimateOptions):
        assert "--" + option.name.replace("_", "-") in said
    for flag in ("-o", "--rig", "--face", "--frames", "--texture", "--overwrite"):
        assert flag in said


# --- rigs show and sheet ----------------------------------------------------------------------------------------------


def test_a_channel_is_pictured(capsys: Captured) -> None:
    assert run(["rigs", "show", "jawOpen", "-o", "new/jaw.png", "--rig", "made"]) == 0
    assert capsys.readouterr().err == "wrote new/jaw.png\n"
    whole = read_image("new/jaw.png").pixels
    assert b"generated by mien: made rig, jawOpen 1" in Path("new/jaw.png").read_bytes()
    assert run(["rigs", "show", "jawOpen", "-o", "half.png", "--weight", "0.5"]) == 0
    assert (read_image("half.png").pixels != whole).any()


def test_every_channel_is_pictured(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.compose.rig_pictures._SHEET_SIDE", 40)
    assert run(["rigs", "sheet", "-o", "sheet.webp"]) == 0
    assert capsys.readouterr().err == "wrote sheet.webp\n"
    assert read_image("sheet.webp").width > 8 * 40


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "jawOpn", "-o", "a.png"], 2, "did you mean jawOpen?"),
        (["show", "jawOpen", "-o", "a.gif"], 2, "a.gif: E_FORMAT"),
        (["show", "jawOpen", "-o", "one.json"], 2, "one.json: E_FORMAT"),
        (["show", "jawOpen", "-o", "a.png", "--weight", "99"], 2, "--weight: E_USAGE: 99 is out of range"),
        (["sheet", "-o", "a.png", "--rig", "nobody"], 2, "nobody: E_USAGE"),
    ],
)
def test_pictures_that_cannot_be_made(words: list[str], code: int, said: str, capsys: Captured) -> None:
    before = sorted(os.listdir())
    assert run(["rigs", *words]) == code
    assert said in capsys.readouterr().err
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("words", [["sheet"], ["show", "jawOpen"]])
@pytest.mark.parametrize("name", ["there.png", "a.gif"])
def test_a_name_that_cannot_be_written_costs_no_rendering(
    words: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("there.png").write_bytes(b"mine")
    for maker in ("sheet_picture", "channel_picture"):
        monkeypatch.setattr(f"mien.cli.rig_pictures.{maker}", lambda *given: pytest.fail("it was rendered"))
    assert run(["rigs", *words, "-o", name]) in (2, 3)
    assert Path("there.png").read_bytes() == b"mine"


def test_a_picture_that_is_there_is_kept(capsys: Captured) -> None:
    Path("jaw.png").write_bytes(b"mine")
    assert run(["rigs", "show", "jawOpen", "-o", "jaw.png"]) == 2
    assert "jaw.png: E_EXISTS" in capsys.readouterr().err
    assert run(["rigs", "show", "jawOpen", "-o", "jaw.png", "--overwrite"]) == 0
    assert read_image("jaw.png").width > 100
