"""The tables that ship: the mean face, the compact rig and the appearance, made by `run` with their cards."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_packs import faces_columns, make_packs, save_pack
from made_places import head, labelled, on_sheet

from mien.core.arrays import Array
from mien.core.card import ModelCard
from mien.core.errors import InputError, ModelError, UsageError
from mien.core.report import Row
from mien.data.packs import FacesPack
from mien.detect.shape import mean_face
from mien.rig.compact import CompactModel, CompactRig, compact_model
from mien.rig.ict_files import write_ict
from mien.rig.places import Places
from mien.train import tables
from mien.train.recipes import RECIPES, run
from mien.train.tables import APPEARANCE, LOOK, RIG, SHAPE, TABLES
from mien.weights.catalog import card, cards
from mien.weights.store import verify


def silent(step: int, loss: float, rows: tuple[Row, ...]) -> None:
    raise AssertionError("a table has no steps")


def places_found(seen: list[list[FacesPack]]) -> Callable[..., Places]:
    """Stands for the search for the landmarks' places, which has tests of its own."""

    def find(rig: object, mean: Array, packs: list[FacesPack], reader: object) -> Places:
        seen.append(packs)
        return on_sheet(mean)

    return find


def calm_columns() -> dict[str, Array]:
    """A faces pack in which some mouths rest."""
    pack = labelled(np.array(compact_model().expressions, np.float64), 80, 1)
    columns = faces_columns("wild", 1)
    rows = np.arange(80) % len(columns["landmarks"])
    sizes = np.diff(columns["offsets"])
    pictures = np.split(columns["webp"], columns["offsets"][1:-1])
    return {
        **columns,
        "webp": np.concatenate([pictures[row] for row in rows]),
        "offsets": np.concatenate([[0], np.cumsum(sizes[rows])]),
        "landmarks": np.rint(pack.landmarks * 16).astype(np.int16),
        "blendshapes": pack.weights.astype(np.float16),
        "spread": pack.spread,
        "identity": pack.identity,
        "split": pack.split,
    }


@pytest.fixture(scope="module")
def ict(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rig") / "ict.npz"
    write_ict(head().model, path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of photos, and one of renders, which teach the rig nothing."""
    folder = tmp_path_factory.mktemp("packs")
    save_pack(folder / "faces-photos.npz", calm_columns())
    save_pack(folder / "faces-renders.npz", {**calm_columns(), "rendered": np.array(True)})
    return folder


Made = tuple[ModelCard, Path, list[list[FacesPack]]]


@pytest.fixture(scope="module")
def made(data: Path, ict: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder, seen = tmp_path_factory.mktemp("made"), list[list[FacesPack]]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "find_places", places_found(seen))
        return run(RIG, data, folder, {}, silent, progress=False, rig=ict), folder, seen


def test_the_tables_ship_under_their_names() -> None:
    assert set(TABLES) == {SHAPE, LOOK, RIG, APPEARANCE} == {"face-shape", "face-look", "compact-rig", "appearance"}
    assert not set(TABLES) & set(RECIPES)
    for name in TABLES:
        shipped = card(name)
        verify(shipped)
        assert shipped.recipe.startswith(f"mien train {name} --data data")
        assert shipped.licence == "MIT"


def test_the_rig_is_made_with_a_true_card(made: Made, data: Path) -> None:
    about, folder, _ = made
    assert [each.name for each in cards(folder)] == [RIG]
    verify(about, folder)
    assert about.output_basis == "arkit"
    assert about.recipe == f"mien train compact-rig --data {data.name} --ict ict.npz"
    assert "ICT Face Model Light (MIT" in about.data
    assert about.size < 2_000_000


def test_the_file_is_a_rig_that_moves(made: Made) -> None:
    with np.load(made[1] / f"{RIG}.npz", allow_pickle=False) as archive:
        model = CompactModel.of_members({name: archive[name] for name in archive.files})
    rig = CompactRig(model)
    assert rig.identities == 60
    assert len(rig.rest().morph_names) == 51
    vertices = head().rest().vertices
    np.testing.assert_allclose(model.ict.on(vertices), on_sheet(mean_face().points).on(vertices), atol=1e-7)


def test_renders_teach_the_rig_nothing(made: Made) -> None:
    ((pack,),) = made[2]
    assert pack.name == "faces-photos"


def test_the_same_packs_make_the_same_file(
    made: Made, data: Path, ict: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "find_places", places_found([]))
    run(RIG, data, tmp_path, {}, silent, progress=False, rig=ict)
    assert (tmp_path / f"{RIG}.npz").read_bytes() == (made[1] / f"{RIG}.npz").read_bytes()


def test_without_the_rig_of_ict_it_is_said_how_to_get_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    with pytest.raises(ModelError, match=r"ict: E_MODEL: this rig is not installed .*mien rigs fetch ict"):
        run(RIG, data, tmp_path / "out", {}, silent, progress=False)


def test_the_installed_rig_is_taken_when_none_is_named(
    data: Path, ict: Path, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    monkeypatch.setattr(tables, "find_places", places_found([]))
    (tmp_path / "mien" / "rigs").mkdir(parents=True)
    (tmp_path / "mien" / "rigs" / "ict.npz").write_bytes(ict.read_bytes())
    about = run(RIG, data, tmp_path / "out", {}, silent, progress=False)
    assert about == made[0]


def test_another_rig_is_refused(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "rig_named", lambda name: CompactRig.shipped())
    with pytest.raises(UsageError, match="--ict: E_USAGE: is no ICT rig"):
        run(RIG, data, tmp_path / "out", {}, silent, progress=False)


@pytest.mark.parametrize(("name", "code"), [("nothing.npz", "E_NOTFILE"), ("text.npz", "E_FORMAT")])
def test_what_is_no_ict_rig_is_named(name: str, code: str, data: Path, tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no rig")
    with pytest.raises(InputError) as caught:
        run(RIG, data, tmp_path / "out", {}, silent, progress=False, rig=tmp_path / name)
    assert caught.value.code == code
    assert name in caught.value.source


def test_packs_without_a_resting_mouth_are_named(ict: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "find_places", places_found([]))
    packs = make_packs(tmp_path / "packs")
    with pytest.raises(InputError, match="E_FORMAT: none of the training faces rests its mouth") as caught:
        run(RIG, packs, tmp_path / "out", {}, silent, progress=False, rig=ict)
    assert caught.value.source == str(packs)
    assert not (tmp_path / "out" / f"{RIG}.npz").exists()


@pytest.mark.parametrize("name", [SHAPE, RIG, APPEARANCE])
def test_a_folder_of_renders_alone_is_named(name: str, ict: Path, tmp_path: Path) -> None:
    save_pack(tmp_path / "faces-renders.npz", {**faces_columns("wild", 1), "rendered": np.array(True)})
    with pytest.raises(InputError, match="holds made faces alone"):
        run(name, tmp_path, tmp_path / "out", {}, silent, progress=False, rig=ict)
