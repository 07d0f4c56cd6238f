"""`mien data render`: a pack that training reads, and what it says when there is nothing to make one of."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import made_capture
from made_bases import made_over
from made_packs import TRAIN, VAL, faces_columns, make_packs, save_pack, scenes_columns
from made_renders import many_identities, sheet_places
from PIL import Image

from mien.cli.main import run
from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS
from mien.core.face import Expression
from mien.core.points import STEADY
from mien.data.packs import FacesPack, read_faces
from mien.formats.takes import write_capture
from mien.rig.compact import compact_model
from mien.rig.ict_files import write_ict

pytestmark = pytest.mark.usefixtures("keep_signals")

ICT = Path(__file__).parents[2].parent / "shared" / "data" / "rigs" / "ict-facekit.npz"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rig of few vertices, in a file."""
    file = tmp_path_factory.mktemp("rig") / "rig.npz"
    write_ict(many_identities(), file)
    return file


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> None:
    """The landmarks lie on the made rig where the shipped ones lie on the real one."""
    monkeypatch.setattr("mien.cli.data.compact_model", lambda: replace(compact_model(), ict=sheet_places()))


def rendered(data: Path, output: Path, rig: Path, *words: str) -> FacesPack:
    command = ["data", "render", "--data", str(data), "-o", str(output), "--ict", str(rig), "--overwrite", *words]
    assert run(command) == 0
    return read_faces(output)


# --- what it makes ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not ICT.is_file(), reason="the ICT rig lies in ../shared, which is not here")
def test_a_pack_of_renders_is_read_as_one(tmp_path: Path, capsys: Captured) -> None:
    packs, path = make_packs(tmp_path / "packs"), tmp_path / "faces-renders.npz"
    command = ["data", "render", "--data", str(packs), "-o", str(path), "--count", "3", "--ict", str(ICT)]
    assert run(command) == 0
    assert "3 faces to train on, 1 to validate" in capsys.readouterr().err.replace("\n", " ")
    pack = read_faces(path)
    assert pack.rendered
    assert (len(pack.indices("train")), len(pack.indices("val"))) == (3, 1)
    assert np.isfinite(pack.landmarks).all()
    assert pack.landmarks.shape[1:] == compact_model().mean.shape
    before = path.read_bytes()
    assert run(command) == 2  # it is there already
    assert path.read_bytes() == before


@pytest.mark.usefixtures("places")
def test_the_seed_decides_and_renders_lend_no_skin(tmp_path: Path, rig: Path) -> None:
    data = make_packs(tmp_path / "packs")
    given = {file: file.read_bytes() for file in data.iterdir()}
    one, again, other = (tmp_path / name for name in ("faces-one.npz", "faces-again.npz", "faces-other.npz"))
    rendered(data, one, rig, "--count", "2", "--seed", "4")
    save_pack(data / "faces-renders.npz", {**faces_columns("synthetic", 9), "rendered": np.array(True)})
    rendered(data, again, rig, "--count", "2", "--seed", "4")
    rendered(data, other, rig, "--count", "2", "--seed", "5")
    assert one.read_bytes() == again.read_bytes(), "a pack of renders beside the photos changes nothing"
    assert one.read_bytes() != other.read_bytes()
    assert all(file.read_bytes() == content for file, content in given.items())
    assert sorted(file.name for file in tmp_path.iterdir()) == [again.name, one.name, other.name, "packs"]


@pytest.mark.usefixtures("places")
def test_faces_of_one_person_keep_still_where_that_is_asked(tmp_path: Path, rig: Path) -> None:
    data = make_packs(tmp_path / "packs")
    apart = []
    for words in ((), ("--still",)):
        points = rendered(data, tmp_path / "faces-renders.npz", rig, "--count", "4", *words).landmarks[:4, STEADY, :2]
        apart.append(np.linalg.norm(points - points[0], axis=-1).mean())
    assert apart[1] < apart[0] / 4


def coloured_pack(file: Path, colour: tuple[int, int, int]) -> None:
    """Photos whose faces are all of one colour."""
    columns, encoded = faces_columns("plain", 1), io.BytesIO()
    Image.new("RGB", (250, 250), colour).save(encoded, "WEBP", lossless=True)
    count = TRAIN + VAL
    columns["webp"] = np.tile(np.frombuffer(encoded.getvalue(), np.uint8), count)
    columns["offsets"] = np.arange(count + 1) * len(encoded.getvalue())
    save_pack(file, columns)


def reddish(pack: FacesPack) -> Array:
    """[N] whether the cheeks are rather red than green."""
    cheeks = []
    for number, points in enumerate(pack.landmarks):
        columns, rows = np.clip(points[[50, 205, 280, 425], :2].astype(int), 0, 287).T
        cheeks.append(pack.pictures.rgb(number)[rows, columns].mean(0))
    colours = np.array(cheeks)
    return np.asarray(colours[:, 0] > colours[:, 1])


@pytest.mark.usefixtures("places")
def test_packs_left_out_lend_no_skin(tmp_path: Path, rig: Path) -> None:
    data = tmp_path / "packs"
    data.mkdir()
    coloured_pack(data / "faces-red.npz", (200, 60, 60))
    coloured_pack(data / "faces-green.npz", (60, 200, 60))
    save_pack(data / "scenes.npz", scenes_columns(1))
    both, one = (
        reddish(rendered(data, tmp_path / "faces-renders.npz", rig, "--count", "40", *words))
        for words in ((), ("--without", "faces-red"))
    )
    assert both.any()
    assert not both.all()
    assert not one.any()


@pytest.mark.usefixtures("places")
def test_takes_are_performed_by_faces_of_training(tmp_path: Path, rig: Path) -> None:
    """The take shows more channels at once than any photo does: all the photos rest."""
    data = tmp_path / "packs"
    data.mkdir()
    columns = faces_columns("wild", 2)
    save_pack(data / "faces-wild.npz", {**columns, "blendshapes": np.zeros_like(columns["blendshapes"])})
    file = performance(tmp_path / "take.npz")
    without = rendered(data, tmp_path / "faces-renders.npz", rig, "--count", "10").weights
    assert (without > 0).sum(1).max() <= 19, "nine channels and their partners, and an open jaw"
    pack = rendered(data, tmp_path / "faces-renders.npz", rig, "--count", "10", "--takes", str(file))
    shown = (pack.weights > 0).sum(1)
    assert shown[pack.indices("train")].max() > 24
    assert shown[pack.indices("val")].max() <= 11
    assert pack.weights.max() <= 1, "real recordings leave 0 to 1, labels do not"
    assert pack.weights.min() >= 0


def performance(file: Path) -> Path:
    """A take of 60 frames, in which the face that is seen shows everything."""
    capture = made_capture(frames=60, faces=1)
    take = capture.takes[0]
    weights = np.full((len(take), len(ARKIT)), 1.05)
    weights[:, ARKIT.index("jawLeft")] = -0.2
    state = replace(take.state, expression=Expression(weights, ARKIT))
    write_capture(replace(capture, takes=(replace(take, state=state),)), file)
    return file


# --- what it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        (["--count", "0"], 2, "--count: E_USAGE: 0 faces make no pack"),
        (["--seed", "-1"], 2, "--seed: E_USAGE: -1 is below 0"),
        (["--ict", "gone.npz"], 1, "gone.npz: E_NOTFILE"),
        (["--ict", "RIG", "--without", "wild"], 2, "--without: E_USAGE: wild is no pack of photos (there are faces-"),
        (["--ict", "RIG", "--without", "faces-wild", "faces-synthetic"], 2, "--without: E_USAGE: leaves no pack"),
        (["--ict", "RIG", "--takes", "gone.npz"], 1, "gone.npz: E_NOTFILE"),
        (["--ict", "RIG", "--takes", "notes.txt"], 2, "notes.txt: E_USAGE"),
        (
            ["--ict", "RIG", "--takes", "units.npz"],
            1,
            "units.npz: E_FORMAT: holds facs weights (mien convert units.npz",
        ),
        (["--ict", "RIG", "--data", "renders"], 1, "renders: E_NOTFILE: holds made faces alone"),
        (["--ict", "RIG", "--data", "nothing"], 1, "nothing: E_NOTFILE: holds no faces-*.npz"),
        (["--ict", "RIG", "--data", "untested"], 1, "faces-wild: E_FORMAT: no photo of split val"),
    ],
)
@pytest.mark.usefixtures("places")
def test_what_makes_no_pack_is_said(
    extra: list[str],
    code: int,
    message: str,
    rig: Path,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    packs = make_packs(tmp_path / "packs")
    write_capture(made_over(FACS), tmp_path / "units.npz")
    (tmp_path / "notes.txt").write_text("no take")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "renders").mkdir()
    (tmp_path / "untested").mkdir()
    columns = faces_columns("wild", 1)
    save_pack(tmp_path / "renders" / "faces-made.npz", {**columns, "rendered": np.array(True)})
    save_pack(tmp_path / "untested" / "faces-wild.npz", {**columns, "split": np.array(["train"] * (TRAIN + VAL))})
    words = [str(rig) if word == "RIG" else word for word in extra]
    if "--data" not in words:
        words += ["--data", str(packs)]
    assert run(["data", "render", "-o", "faces-renders.npz", "--count", "1", *words]) == code
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert "Traceback" not in said
    assert not Path("faces-renders.npz").exists()
