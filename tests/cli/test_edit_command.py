import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made import made_capture
from made_edits import move_in, portrait
from PIL import Image
from portraits import blank, contents, placed, write_clip, write_photo

from mien.cli.main import run
from mien.formats.images import read_image
from mien.formats.provenance import Standing, inspect
from mien.formats.registry import save
from mien.formats.sidecar import read_sidecar
from mien.rig.wishes import PRESETS

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Works in a folder with one portrait, with a key of its own, and leaves SIGTERM as it was."""
    before = signal.getsignal(signal.SIGTERM)
    move_in(tmp_path, monkeypatch)
    write_photo(Path("a.png"), portrait().pixels)
    yield
    signal.signal(signal.SIGTERM, before)


def refused(arguments: list[str], capsys: Captured, code: int = 2) -> str:
    """What is said of a command that does nothing: one line."""
    before = contents(Path())
    assert run(["edit", *arguments]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert contents(Path()) == before
    return said.err


# --- photos -----------------------------------------------------------------------------------------------------------


def test_a_photo_is_edited_and_said(capsys: Captured) -> None:
    before = contents(Path())
    assert run(["edit", "a.png", "--set", "browInnerUp=0.9", "-o", "b.png"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    first, last = said.err.splitlines()
    assert first.startswith("face 0: browInnerUp 0.")
    assert "to 0.90, reached 0." in first
    assert "; other channels moved by 0.0" in first
    assert last == "wrote b.png"
    assert sorted(os.listdir()) == ["a.png", "b.png", "b.png.mien.json"]
    assert contents(Path())["a.png"] == before["a.png"]
    assert inspect("b.png").standing is Standing.HERE


def test_changes_are_made_in_order_after_the_preset(capsys: Captured) -> None:
    changes = ["--set", "jawOpen=0.2", "--set", "jawOpen+=0.3", "--set", "AU12L-=.1"]
    assert run(["edit", "a.png", "--preset", "frown", *changes, "--neutral", "--intensity", "0.5", "-o", "b.png"]) == 0
    said = ("neutral", "mouthFrown>=0.6", "browDown>=0.5", "jawOpen=0.2", "jawOpen+=0.3", "AU12L-=0.1", "intensity 0.5")
    assert read_sidecar("b.png.mien.json").claim.actions == said


def test_of_many_channels_the_first_are_said_and_the_rest_counted(capsys: Captured) -> None:
    names = ("mouthSmile", "browDown", "noseSneer", "mouthFrown", "mouthStretch")
    assert run(["edit", "a.png", *(f"--set={name}+=0.3" for name in names), "-o", "b.png"]) == 0
    first = capsys.readouterr().err.splitlines()[0]
    assert first.count(" to 0.") == 8
    assert "; and 2 more (--report lists all); other channels moved by" in first


def test_a_preset_of_ones_own(capsys: Captured) -> None:
    Path("mine.json").write_text('{"browDown": 0.75}')
    assert run(["edit", "a.png", "--preset", "mine.json", "-o", "b.png", "--no-provenance"]) == 0
    said = read_sidecar("b.png.mien.json")
    assert said.claim.actions == ("browDown=0.75",)
    assert not said.provenance
    assert inspect("b.png").standing is Standing.UNKNOWN


def test_what_is_so_already_is_said(capsys: Captured) -> None:
    assert run(["edit", "a.png", "--set", "jawOpen+=0", "-o", "b.png"]) == 0
    assert capsys.readouterr().err == "face 0: nothing to change\nwrote b.png\n"
    np.testing.assert_array_equal(read_image("b.png").pixels, portrait().pixels)


@pytest.mark.parametrize("name", ["r.json", "r.png"])
def test_a_report_is_written_beside(name: str, capsys: Captured) -> None:
    assert run(["edit", "a.png", "--set", "eyeBlink=1", "-o", "b.png", "--report", name]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == f"wrote b.png and {name}"
    if name == "r.json":
        (face,) = json.loads(Path(name).read_text())["faces"]
        assert face["asked"]["eyeBlinkLeft"] == 1
        assert face["pixels_changed_elsewhere"] == 0
    else:
        assert read_image(name).width > 1000


def test_a_picture_of_the_report_is_signed_as_the_result_is(capsys: Captured) -> None:
    assert run(["edit", "a.png", *SMILE, "-o", "b.png", "--report", "r.png"]) == 0
    assert inspect("r.png").standing is Standing.HERE
    assert inspect("r.png").actions == inspect("b.png").actions
    assert run(["edit", "a.png", *SMILE, "-o", "c.png", "--report", "s.png", "--no-provenance"]) == 0
    assert inspect("s.png").standing is Standing.UNKNOWN


@pytest.mark.parametrize("name", ["r.json", "r.png"])
def test_a_video_and_a_sweep_have_reports_too(name: str, capsys: Captured) -> None:
    write_clip(Path("a.mp4"), 3)
    assert run(["edit", "a.mp4", "--set", "browInnerUp=1", "-o", "b.mp4", "--report", name]) == 0
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("face 0 in 3 moments: browInnerUp asked +")
    assert last == f"3 of 3 frames edited; wrote b.mp4 and {name}"
    if name == "r.png":
        assert inspect(name).standing is Standing.HERE
        assert inspect(name).actions == inspect("b.mp4").actions
    sweep = ["edit", "a.png", "--sweep", "browInnerUp:0:1:3", "-o", "s.png", "--report", name]
    assert run([*sweep, "--overwrite"]) == 0
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("face 0 in 3 doses: browInnerUp asked +")
    assert last == f"3 doses of browInnerUp; wrote s.png and {name}"
    if name == "r.json":
        (face,) = json.loads(Path(name).read_text())["faces"]
        assert face["doses"] == [0, 0.5, 1]
    else:
        assert inspect(name).actions == inspect("s.png").actions == ("doses browInnerUp:0:1:3",)


def test_a_jpeg_that_is_coded_anew_is_told(capsys: Captured) -> None:
    Image.fromarray(portrait().pixels).convert("CMYK").save("a.jpg", quality=90)
    assert run(["edit", "a.jpg", *SMILE, "-o", "b.jpg"]) == 0
    assert "a.jpg: W_RECODED: coded anew as a whole (as this JPEG is made): " in capsys.readouterr().err


def test_each_face_is_said(capsys: Captured) -> None:
    pair = np.concatenate([placed((100, 100), 0.6)[0], placed((120, 100), 1.1)[0]], axis=1)
    write_photo(Path("pair.png"), pair)
    arguments = ["pair.png", "--set", "browDown=1", "--face", "all", "-o", "b.png", "--report", "r.json"]
    assert run(["edit", *arguments]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["face 0", "face 1", "wrote b.png and r.json"]
    faces = json.loads(Path("r.json").read_text())["faces"]
    assert [face["pixels_changed_elsewhere"] for face in faces] == [0, 0]


@pytest.mark.parametrize("name", ["two\nlines.png", "é 😀.png", "[red]x[b].png", "%d.png"])
def test_any_name_is_a_name(name: str, capsys: Captured) -> None:
    os.rename("a.png", name)
    assert run(["edit", name, "--set", "browDown=1", "-o", f"b{name}"]) == 0
    assert capsys.readouterr().err.splitlines()[-1].startswith("wrote b")
    assert Path(f"b{name}.mien.json").exists()


def test_doses_are_written_and_counted(capsys: Captured) -> None:
    for name in ("s.png", "s.mp4"):
        assert run(["edit", "a.png", "--sweep", "browInnerUp:0:1:3", "-o", name]) == 0
        assert capsys.readouterr().err.splitlines()[-1] == f"3 doses of browInnerUp; wrote {name}"


# --- videos -----------------------------------------------------------------------------------------------------------


def test_a_video_is_edited_and_counted(capsys: Captured) -> None:
    write_clip(Path("a.mp4"), 3)
    save(made_capture(3, 1), Path("t.npz"))
    assert run(["edit", "a.mp4", "--set", "browDown=0.8", "--add", "t.npz", "-o", "b.mp4"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "3 of 3 frames edited; wrote b.mp4"
    assert inspect("b.mp4").standing is Standing.HERE


def test_a_video_without_a_face_is_1(capsys: Captured) -> None:
    from mien.formats.video_writer import VideoWriter

    with VideoWriter(Path("a.mp4"), 240, 200, 25.0) as writer:
        writer.write(blank())
    assert "a.mp4: E_NOFACE" in refused(["a.mp4", "--neutral", "-o", "b.mp4"], capsys, 1)


# --- what is refused --------------------------------------------------------------------------------------------------

SMILE = ["--set", "mouthSmile=0.7"]


def test_a_name_with_a_slip_is_told_the_nearest(capsys: Captured) -> None:
    assert run(["edit", "a.png", "--set", "mouthSmil=0.7", "-o", "b.png"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "E_NAME" in said
    assert "did you mean mouthSmile" in said
    assert "Traceback" not in said
    assert os.listdir() == ["a.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("mouthSmile", "NAME=WEIGHT"), ("mouthSmile=2", "out of range"), ("jaw=0.5", "neither ARKit nor FACS")],
)
def test_a_change_that_is_none_is_2(text: str, words: str, capsys: Captured) -> None:
    assert run(["edit", "a.png", "--set", text, "-o", "b.png"]) == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert words in said
    assert os.listdir() == ["a.png"]


def test_a_report_into_no_folder_is_3(capsys: Captured) -> None:
    assert "nowhere/r.png: E_NOTDIR" in refused(
        ["a.png", *SMILE, "-o", "b.png", "--report", "nowhere/r.png"], capsys, 3
    )


def test_an_unknown_preset_is_told_all(capsys: Captured) -> None:
    said = refused(["a.png", "--preset", "smiel", "-o", "b.png"], capsys)
    assert said.startswith("smiel: E_NAME: no such preset (did you mean smile? known: ")
    assert all(name in said for name in PRESETS)


def test_nothing_asked_is_2(capsys: Captured) -> None:
    assert "E_USAGE: nothing is asked" in refused(["a.png", "-o", "b.png"], capsys)
    Path("empty.json").write_text("{}")
    assert "E_USAGE: nothing is asked" in refused(["a.png", "--preset", "empty.json", "-o", "b.png"], capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.mp4", "--sweep", "jawOpen:0:1:3", "-o", "s.png"], "--sweep: E_USAGE"),
        (["a.png", "--add", "t.npz", "-o", "b.png"], "--add: E_USAGE"),
        (["a.png", *SMILE, "-o", "b.png", "--report", "r.txt"], "r.txt: E_FORMAT"),
        (["a.png", *SMILE, "-o", "b.png", "--report", "a.png", "--overwrite"], "a.png: E_USAGE"),
        (["a.png", *SMILE, "-o", "b.png", "--report", "b.png", "--overwrite"], "--report: E_USAGE"),
        (["a.png", *SMILE, "-o", "b.png", "--report", "./b.png"], "--report: E_USAGE"),
        (["a.png", *SMILE, "-o", "b.png", "--report", "b.png.mien.json", "--overwrite"], "--report: E_USAGE"),
        (
            ["a.png", "--preset", "p.json", "-o", "b.png", "--report", "p.json", "--overwrite"],
            "p.json: E_USAGE: is the",
        ),
        (["a.mp4", "--add", "t.npz", "-o", "t.mp4", "--keep-metadata"], "--keep-metadata: E_USAGE"),
        (["a.png", "--sweep", "jawOpen:0:1:3", "-o", "s.png", "--keep-metadata"], "--keep-metadata: E_USAGE"),
        (["a.png", *SMILE, "--max-pixels", "0", "-o", "b.png"], "--max-pixels: E_USAGE"),
        (["a.png", "--set", "AU11=0.8", "-o", "b.png"], "AU11: E_NAME"),
        (["a.png", *SMILE, "-o", "b.gif"], "b.gif: E_FORMAT"),
        (["a.png", *SMILE, "-o", "a.png", "--overwrite"], "a.png: E_USAGE: is the source"),
        (["a.png", *SMILE, "-o", "link.png", "--overwrite"], "link.png: E_USAGE: is the source"),
        (["a.png", *SMILE, "-o", "there.png"], "there.png: E_EXISTS"),
        (["a.png", *SMILE, "-o", "b.png", "--report", "there.png"], "there.png: E_EXISTS"),
        (["a.png", *SMILE, "--intensity", "1.6", "-o", "b.png"], "--intensity: E_RANGE"),
        (["a.png", "--sweep", "jawOpen:0:1:300", "-o", "s.png"], "--sweep: E_RANGE"),
        (["a.png", "--sweep", "jawOpen", "-o", "s.png"], "--sweep: E_USAGE"),
        (["a.png", *SMILE, "-o", "b.mp4"], "b.mp4: E_FORMAT: a photo with one expression is no video"),
        (["a.png", "--set", "tongueOut=0.5", "-o", "b.png"], "tongueOut: E_NAME: an edit draws no tongue"),
        (["a.mp4", "--set", "AU19=0.5", "-o", "b.mp4"], "AU19: E_NAME: an edit draws no tongue"),
        (["a.png", "--sweep", "tongueOut:0:1:3", "-o", "b.png"], "tongueOut: E_NAME: an edit draws no tongue"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_does_not_go_together_is_2(arguments: list[str], words: str, capsys: Captured) -> None:
    write_clip(Path("a.mp4"), 2)
    save(made_capture(3, 1), Path("t.npz"))
    write_photo(Path("there.png"), blank())
    Path("link.png").symlink_to("a.png")
    Path("p.json").write_text('{"jawOpen": 0.5}')
    assert refused(arguments, capsys).startswith(words)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [("x.png", None, "E_NOTFILE"), ("x.png", b"", "E_EMPTY"), ("x.jpg", b"this is text", "E_FORMAT")],
)
def test_what_cannot_be_read_is_1(name: str, data: bytes | None, code: str, capsys: Captured) -> None:
    if data is not None:
        Path(name).write_bytes(data)
    assert refused([name, *SMILE, "-o", "b.png"], capsys, 1).startswith(f"{name}: {code}: ")


def test_no_face_is_1(capsys: Captured) -> None:
    write_photo(Path("blank.png"), blank())
    for more in ([], ["--report", "r.json"]):
        said = refused(["blank.png", *SMILE, "-o", "b.png", *more], capsys, 1)
        assert said.startswith("blank.png: E_NOFACE: no face found")


def test_a_take_that_is_none_is_told(capsys: Captured) -> None:
    write_clip(Path("a.mp4"), 2)
    Path("t.json").write_text("{}")
    assert "t.json: E_" in refused(["a.mp4", "--add", "t.json", "-o", "b.mp4"], capsys, 1)
