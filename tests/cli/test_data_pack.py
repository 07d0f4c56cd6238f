"""`mien data pack` as it is typed: a real portrait, the shipped networks, and the real teacher where there is one."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from portraits import astronaut, blank, contents, finder, placed, scaled, write_photo

from mien.cli import data_pack
from mien.cli.main import run
from mien.cli.teachers import TAUGHT, own_eye
from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import bounds
from mien.data.feafa import TWINS
from mien.data.pack_writer import split_of
from mien.data.packs import FacesPack, read_faces
from mien.data.portraits import Eye, Look
from mien.metrics import landmark_error

TASK = Path(__file__).parents[3] / "shared" / "data" / "models" / "face_landmarker.task"
Captured = pytest.CaptureFixture[str]


@contextmanager
def fake_teacher(file: Path) -> Iterator[Eye]:
    """Sees the points that mien sees, and weights that tell what it was made of, with a left side alone."""
    see, said = own_eye(finder()), len(file.name) / 100

    def taught(pixels: Array) -> list[Look]:
        weights = np.zeros(52)
        weights[ARKIT.indices(["jawOpen", "mouthSmileLeft"])] = said, 0.8
        return [Look(look.points, weights) for look in see(pixels)]

    yield taught


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_pack, "open_teacher", fake_teacher)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of anna, one large loose picture, one that shows nobody."""
    (tmp_path / "mine" / "anna").mkdir(parents=True)
    write_photo(tmp_path / "mine" / "anna" / "1.png")
    write_photo(tmp_path / "mine" / "anna" / "2.png", placed((90, 110), 1.2, 12)[0])
    write_photo(tmp_path / "mine" / "big.png", scaled(2.0))
    write_photo(tmp_path / "mine" / "wall.png", blank())
    return tmp_path / "mine"


def said(capsys: Captured) -> str:
    return capsys.readouterr().err.replace("\n", " ")


def check_faces(pack: FacesPack) -> None:
    """Every picture shows a face where the points are: our networks agree."""
    see = own_eye(finder())
    for index in range(len(pack.pictures)):
        pixels = pack.pictures.rgb(index)
        assert max(pixels.shape) <= 400
        (look,) = see(pixels)
        assert landmark_error(look.points, pack.landmarks[index]) < 4
        box = bounds(pack.landmarks[index])
        assert (box > 0).all()
        assert (box < np.tile(pixels.shape[1::-1], 2)).all()


# --- a teacher --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("taught")
def test_pictures_and_a_teacher_make_a_pack(folder: Path, tmp_path: Path, capsys: Captured) -> None:
    before, output = contents(folder), tmp_path / "faces-mine.npz"
    assert run(["data", "pack", str(folder), "-o", str(output), "--teacher", "four.task"]) == 0
    line = said(capsys)
    sides = [split_of("anna")] * 2 + [split_of("big.png")]
    assert f"3 faces of 2 people, {sides.count('train')} to train on, {sides.count('val')} to validate" in line
    assert "no face found in 1 picture: wall.png; wrote" in line
    pack = read_faces(output)
    assert pack.identity.tolist() == ["anna", "anna", "big.png"]
    assert pack.split.tolist() == sides
    assert (pack.by_hand, pack.rendered) == (False, False)
    assert [column for column, named in zip(ARKIT.columns, pack.named, strict=True) if named] == list(TAUGHT)
    np.testing.assert_allclose(pack.weights[:, ARKIT.index("jawOpen")], 0.09, atol=1e-3)
    # The mean of a view and its mirror image shares what is said of one side.
    np.testing.assert_allclose(pack.weights[:, ARKIT.indices(["mouthSmileLeft", "mouthSmileRight"])], 0.4, atol=1e-3)
    assert ((pack.spread > 0) & (pack.spread < 5)).all()
    check_faces(pack)
    assert contents(folder) == before
    assert not list(tmp_path.glob(".mien-*"))


@pytest.mark.skipif(not TASK.is_file(), reason="the teacher's file lies in ../shared, which is not here")
@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None, reason="mediapipe is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_real_teacher(folder: Path, tmp_path: Path, capsys: Captured) -> None:
    output = tmp_path / "faces-mine.npz"
    assert run(["data", "pack", str(folder), "-o", str(output), "--teacher", str(TASK)]) == 0
    assert "no face found in 1 picture: wall.png" in said(capsys)
    pack = read_faces(output)
    check_faces(pack)
    smile = pack.weights[:, ARKIT.indices(["mouthSmileLeft", "mouthSmileRight"])]
    assert (smile > 0.3).all(), "she smiles"
    assert ((pack.weights >= 0) & (pack.weights <= 1)).all()
    assert ((pack.spread > 0.1) & (pack.spread < 4)).all()
    assert not pack.named[ARKIT.index("tongueOut")]
    assert pack.named.sum() == 51


@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None, reason="mediapipe is not installed")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("content", "code"),
    [(b"PK\x03\x04 and no more", "E_FORMAT: no face landmarker"), (b"", "E_EMPTY"), (None, "E_NOTFILE")],
)
def test_what_is_no_teacher_is_named(
    content: bytes | None, code: str, folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    task, output = tmp_path / "odd.task", tmp_path / "faces-mine.npz"
    if content is not None:
        task.write_bytes(content)
    assert run(["data", "pack", str(folder), "-o", str(output), "--teacher", str(task)]) == 1
    assert f"{task.name}: {code}" in said(capsys)
    assert not output.exists()


def test_without_mediapipe_the_extra_is_named(
    folder: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    assert run(["data", "pack", str(folder), "-o", str(tmp_path / "faces-a.npz"), "--teacher", "a.task"]) == 2
    line = said(capsys)
    assert "--teacher: E_USAGE: a teacher needs mediapipe, which is not installed" in line
    assert 'pip install "mien[benchmark]"' in line


def test_mediapipe_is_not_imported_unless_asked_for() -> None:
    assert "mediapipe" not in vars(sys.modules["mien.cli.teachers"])
    assert "mediapipe" not in vars(data_pack)


# --- labels by hand ---------------------------------------------------------------------------------------------------


def test_a_table_gives_the_weights_and_our_networks_the_points(folder: Path, tmp_path: Path, capsys: Captured) -> None:
    rows = [
        "anna/1.png,0.25,0.5,train,neutral",
        "anna/2.png,0.75,0,train,",
        "big.png,1,0,val,surprise",
        "wall.png,0,0,,",
    ]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["path,jawOpen,browInnerUp,split,label", *rows]))
    output = tmp_path / "faces-hand.npz"
    assert run(["data", "pack", str(folder), "-o", str(output), "--table", str(table)]) == 0
    assert "3 faces of 2 people, 2 to train on, 1 to validate; no face found in 1 picture: wall.png" in said(capsys)
    pack = read_faces(output)
    assert pack.by_hand
    assert {ARKIT.columns[k] for k in np.flatnonzero(pack.named)} == {"jawOpen", "browInnerUp"}
    assert pack.weights[:, ARKIT.index("jawOpen")].tolist() == [0.25, 0.75, 1]
    assert pack.weights[:, ARKIT.index("browInnerUp")].tolist() == [0.5, 0, 0]
    assert pack.split.tolist() == ["train", "train", "val"]
    assert pack.label.tolist() == ["neutral", "", "surprise"]
    check_faces(pack)


@pytest.mark.usefixtures("taught")
def test_a_teacher_beside_a_table_gives_points_alone(folder: Path, tmp_path: Path) -> None:
    table, output = tmp_path / "labels.csv", tmp_path / "faces-hand.npz"
    table.write_text("path,jawOpen\nanna/1.png,0.25\n")
    words = ["data", "pack", str(folder), "-o", str(output), "--table", str(table), "--teacher", "four.task"]
    assert run(words) == 0
    pack = read_faces(output)
    assert pack.weights[0].nonzero()[0].tolist() == [ARKIT.index("jawOpen")]
    assert pack.weights[0].max() == 0.25


def feafa(folder: Path) -> Path:
    """Three videos of one frame, and one of two, in the published layout."""
    for number, (video, frame) in enumerate([("PV001", 1), ("PV001", 2), ("PV003", 7), ("PV008", 10)]):
        for where in (folder / video, folder / f"{video}.output"):
            where.mkdir(parents=True, exist_ok=True)
        write_photo(folder / video / f"{frame:08d}.png", placed((110 + 5 * number, 100))[0])
        values = ["0.0"] * 24 if number == 0 else ["0.0"] * 8 + [str(0.25 * number)] + ["0.0"] * 9 + ["0.5"] + ["0"] * 5
        (folder / f"{video}.output" / f"{frame:08d}.auw").write_text(" ".join(values) + "\n")
    return folder


def test_feafa_becomes_a_pack(tmp_path: Path) -> None:
    output = tmp_path / "faces-feafa.npz"
    words = ["data", "pack", str(feafa(tmp_path / "feafa")), "-o", str(output), "--feafa", "--fold", "2"]
    assert run(words) == 0
    pack = read_faces(output)
    assert pack.by_hand
    assert [ARKIT.columns[k] for k in np.flatnonzero(pack.named)] == list(TWINS)
    assert pack.identity.tolist() == ["PV001", "PV001", "PV003", "PV008"]
    assert pack.split.tolist() == ["train", "train", "val", "train"]
    assert pack.label.tolist() == ["neutral", "", "", ""]
    assert pack.weights[:, ARKIT.index("jawOpen")].tolist() == [0, 0.25, 0.5, 0.75]
    assert pack.weights[1:, ARKIT.index("mouthUpperUpRight")].tolist() == [0.5, 0.5, 0.5]
    check_faces(pack)


def test_a_bad_label_of_feafa_stops_it_before_any_work(tmp_path: Path, capsys: Captured) -> None:
    folder = feafa(tmp_path / "feafa")
    (folder / "PV008.output" / "00000010.auw").write_text("0 0 0")
    assert run(["data", "pack", str(folder), "-o", str(tmp_path / "faces-f.npz"), "--feafa"]) == 1
    assert "00000010.auw: E_FORMAT: line 1: has 3 values, 24 are needed" in said(capsys)
    assert not (tmp_path / "faces-f.npz").exists()


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        ([], 2, "--teacher: E_USAGE: nobody says what the faces of these pictures do (name MediaPipe's"),
        (["--table", "a.csv", "--feafa"], 2, "--feafa: E_USAGE: FEAFA has its own labels"),
        (["--table", "a.csv", "--fold", "1"], 2, "--fold: E_USAGE: only FEAFA has folds"),
        (["--feafa", "--fold", "4"], 2, "--fold"),
        (["--table", "a.csv"], 1, "a.csv: E_NOTFILE"),
        (["--feafa"], 1, "E_NOTFILE: holds no folder of labels"),
    ],
)
def test_what_makes_no_pack_is_said(
    extra: list[str], code: int, message: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["data", "pack", str(tmp_path), "-o", "faces-mine.npz", *extra]) == code
    output = capsys.readouterr()
    assert message in (output.err + output.out).replace("\n", " ")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("taught")
def test_folders_without_pictures_or_faces_are_said(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "none").mkdir()
    words = ["-o", str(tmp_path / "faces-mine.npz"), "--teacher", "a.task"]
    assert run(["data", "pack", str(tmp_path / "none"), *words]) == 4
    assert "E_NOTHING: holds no picture" in said(capsys)
    write_photo(tmp_path / "none" / "wall.png", blank())
    assert run(["data", "pack", str(tmp_path / "none"), *words]) == 4
    assert "E_NOTHING: none of 1 picture shows a face that can be read" in said(capsys)
    assert run(["data", "pack", str(tmp_path / "gone"), *words]) == 1
    assert "E_NOTFILE: there is no such folder" in said(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["none"]


@pytest.mark.usefixtures("taught")
def test_a_damaged_picture_costs_itself_alone(folder: Path, tmp_path: Path, capsys: Captured) -> None:
    (folder / "anna" / "2.png").write_bytes(b"no picture at all")
    output = tmp_path / "faces-mine.npz"
    assert run(["data", "pack", str(folder), "-o", str(output), "--teacher", "a.task"]) == 1
    line = said(capsys)
    assert "2.png: E_FORMAT: not an image" in line
    assert "2 faces of 2 people" in line
    assert "1 picture could not be read; wrote" in line
    assert read_faces(output).identity.tolist() == ["anna", "big.png"]


@pytest.mark.usefixtures("taught")
def test_a_split_that_nobody_is_in_is_said(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "mine").mkdir()
    write_photo(tmp_path / "mine" / "a.png")
    assert (
        run(["data", "pack", str(tmp_path / "mine"), "-o", str(tmp_path / "faces-a.npz"), "--teacher", "a.task"]) == 0
    )
    empty = {"train": "val", "val": "train"}[split_of("a.png")]
    assert f"W_SPLIT: no face is of {empty}" in said(capsys)


@pytest.mark.usefixtures("taught")
def test_many_pictures_without_a_face_are_counted_and_some_named(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "mine").mkdir()
    write_photo(tmp_path / "mine" / "a.png")
    for k in range(12):
        write_photo(tmp_path / "mine" / f"wall{k:02d}.png", blank(64, 64))
    assert (
        run(["data", "pack", str(tmp_path / "mine"), "-o", str(tmp_path / "faces-a.npz"), "--teacher", "a.task"]) == 0
    )
    assert "no face found in 12 pictures: wall00.png, wall01.png" in (line := said(capsys))
    assert "wall09.png and 2 more; wrote" in line


@pytest.mark.usefixtures("taught")
def test_a_pack_is_replaced_only_when_asked(folder: Path, tmp_path: Path, capsys: Captured) -> None:
    output = tmp_path / "faces-mine.npz"
    output.write_bytes(b"mine")
    words = ["data", "pack", str(folder), "-o", str(output), "--teacher", "a.task"]
    assert run(words) == 2
    assert "E_EXISTS" in said(capsys)
    assert output.read_bytes() == b"mine"
    assert run([*words, "--overwrite"]) == 0
    first = output.read_bytes()
    assert run([*words, "--overwrite"]) == 0
    assert output.read_bytes() == first, "the same pictures make the same pack"
    assert run(["data", "pack", str(folder), "-o", str(tmp_path / "mine.zip"), "--teacher", "a.task"]) == 2
    assert "is no name of a pack" in said(capsys)


def test_the_picture_that_is_cut_is_the_one_that_was_given(folder: Path, tmp_path: Path) -> None:
    """Points of the pack, put back, lie on the face of the photo."""
    table, output = tmp_path / "labels.csv", tmp_path / "faces-hand.npz"
    table.write_text("path,jawOpen\nbig.png,0.25\n")
    assert run(["data", "pack", str(folder), "-o", str(output), "--table", str(table)]) == 0
    pack = read_faces(output)
    (look,) = own_eye(finder())(astronaut())
    unit = np.linalg.norm(np.ptp(look.points[:, :2], axis=0)) / np.linalg.norm(np.ptp(pack.landmarks[0, :, :2], axis=0))
    there, here = pack.landmarks[0] * unit, look.points
    assert landmark_error(there - there.mean(0), here - here.mean(0)) < 3
