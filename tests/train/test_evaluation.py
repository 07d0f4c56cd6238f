"""A network at its initial weights, measured on drawn faces: what counts as known, what a cut goes through."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_packs import BY_HAND, people_columns, save_pack
from made_trained import JUDGED, make_judged, make_trained
from torch import Tensor

from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.data.packs import read_folder
from mien.data.tiles import cut_tiles
from mien.detect.shape import mean_face
from mien.metrics import asymmetry, tremble
from mien.nets.landmarks import SIDE
from mien.nets.local_global import LOCAL, mirrored
from mien.nets.regions import READ
from mien.train import evaluation, seen
from mien.train.evaluation import VIEWS, Evaluation, Reader, evaluate, read_groups
from mien.train.figures import TAUGHT, TRUE
from mien.train.lgml import ABSENT, APPEARS
from mien.train.seen import Eyes, ViewCounts, look, thinned
from mien.train.teaching import Teaching

TONGUE = ARKIT.index("tongueOut")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_judged(tmp_path_factory.mktemp("packs"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def found(data: Path, trained: Path) -> Evaluation:
    return evaluate(data, trained, progress=False)


def test_true_labels_and_taught_ones_are_apart(found: Evaluation) -> None:
    assert [(figures.group, figures.faces) for figures in found.figures] == [(TRUE, 2 * JUDGED), (TAUGHT, JUDGED)]
    rows = np.concatenate([group.rows for group in found.groups])
    np.testing.assert_array_equal(np.sort(rows), np.arange(3 * JUDGED))
    for group in found.groups:
        assert ((group.weights >= 0) & (group.weights <= 1)).all()
        assert (group.weights[:, TONGUE] == 0).all()
        assert set(group.shows) == {-1, 1} if group.name == TAUGHT else {-1, 1} <= set(group.shows)


def test_what_people_did_not_weigh_and_the_teacher_does_not_move_is_unknown(data: Path, trained: Path) -> None:
    labels, (hand, _, wild) = {}, read_folder(data)[0]
    for group in read_groups(data, trained, progress=False):
        labels[group.name] = group
    true, taught = labels[TRUE].known, labels[TAUGHT].known
    weighed = np.isin(ARKIT.columns, BY_HAND)
    np.testing.assert_array_equal(true[:JUDGED], np.tile(weighed, (JUDGED, 1)))
    np.testing.assert_array_equal(true[JUDGED:], np.tile(np.arange(len(ARKIT)) != TONGUE, (JUDGED, 1)))
    active = wild.weights[wild.indices("val")].std(0) > 0.05
    np.testing.assert_array_equal(taught, np.tile(active, (JUDGED, 1)))
    np.testing.assert_array_equal(labels[TRUE].labels[:JUDGED], hand.weights[hand.indices("val")])


def test_states_are_those_that_training_goes_by(data: Path, trained: Path, found: Evaluation) -> None:
    looked = look(data, trained, ViewCounts(1, 1), progress=False)
    teaching = Teaching.of(looked)
    weights, worth = teaching.weights(looked.val, looked.true), teaching.known(looked.val, looked.true)
    wanted = ((weights > APPEARS) * 1 - (weights < ABSENT)) * (worth > 0)
    for group in found.groups:
        np.testing.assert_array_equal(group.state, wanted[group.rows])
        np.testing.assert_array_equal(group.shows == -1, looked.val.neutral[group.rows])
    assert set(np.unique(wanted)) == {-1, 0, 1}


def test_the_channels_of_the_teacher_do_not_hang_on_the_limit(data: Path, trained: Path, found: Evaluation) -> None:
    true, taught = read_groups(data, trained, limit=1, progress=False)
    assert (len(true.rows), len(taught.rows)) == (2, 1)
    np.testing.assert_array_equal(taught.known[0], found.groups[1].known[0])


def test_thinned_packs_keep_the_ends_and_their_training_faces(data: Path) -> None:
    packs = read_folder(data)[0]
    for pack, few in zip(packs, thinned(packs, 3), strict=True):
        val = pack.indices("val")
        np.testing.assert_array_equal(few.indices("val"), val[[0, 2, 5]])
        np.testing.assert_array_equal(few.indices("train"), pack.indices("train"))
    assert [len(pack.indices("val")) for pack in thinned(packs, 100)] == [JUDGED] * 3
    assert thinned(packs, None) is packs


def test_what_was_seen_is_not_looked_at_again(
    data: Path, trained: Path, found: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = read_groups(data, trained, progress=False)

    def blind(*arguments: object) -> None:
        raise AssertionError("looked again")

    monkeypatch.setattr(seen, "_seen", blind)
    for group, again in zip(once, read_groups(data, trained, progress=False), strict=True):
        np.testing.assert_array_equal(group.weights, again.weights)
    with pytest.raises(AssertionError, match="looked again"):
        read_groups(data, trained, limit=2, progress=False)


def test_features_of_the_left_are_those_of_the_right_in_the_mirror(trained: Path) -> None:
    reader, rng = Reader(trained), np.random.default_rng(0)
    view = torch.from_numpy(rng.uniform(0, 255, (2, 1, SIDE, SIDE))).float()
    points = torch.from_numpy(mean_face().points * 570 + SIDE / 2).float().repeat(2, 1, 1)
    points += torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
    local, whole = reader.features(view, points)
    assert (local.shape, whole.shape) == ((2, len(ARKIT), LOCAL), (2, 128))
    net = reader._net
    swapped, _ = reader.features(view.flip(3), mirrored(points, net.mirror))
    left = [k for k, name in enumerate(ARKIT.columns) if ARKIT.mirror[k] != k]
    np.testing.assert_allclose(local[:, left], swapped[:, ARKIT.mirror[left]], atol=1e-4)
    with torch.no_grad():
        np.testing.assert_allclose(local[:, ARKIT.indices(READ)], net.read(view, points).local[:, 0], atol=1e-6)
    assert (local[:, TONGUE] == 0).all()


def test_the_mirror_and_the_moves_go_all_the_way_from_the_cut(
    data: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eyes that see one symmetric face everywhere leave no asymmetry; a lens that slides off it makes some."""
    middle = torch.from_numpy(mean_face().points * 400).float() + SIDE / 2
    middle[:, 0] += SIDE / 2 - middle[:, 0].mean()
    slid = torch.tensor([3.0, 0, 0])
    cuts: list[Tensor] = []

    def symmetric(eyes: Eyes, cut: Tensor, refined: Tensor | None = None) -> Tensor:
        cuts.append(cut)
        return middle.repeat(len(cut), 1, 1)

    monkeypatch.setattr(Eyes, "see", symmetric)
    figures = evaluate(data, make_trained(trained.parent / "symmetric"), 2, progress=False).figures
    for each in figures:
        np.testing.assert_allclose(np.delete(each.mirror, TONGUE), 0, atol=2e-5)
    plain, flipped, moved = cuts[-3:]
    np.testing.assert_array_equal(flipped, plain.flip(3))
    assert len(moved) == VIEWS * 2 * 2  # of each pack of photos two; renders are none
    monkeypatch.setattr(Eyes, "see", lambda eyes, cut, refined=None: symmetric(eyes, cut) + slid)
    slanted = evaluate(data, trained.parent / "symmetric", 2, progress=False).figures
    assert np.nanmean(slanted[0].mirror) > 1e-4


def test_motion_becomes_the_figures_of_its_group(data: Path, trained: Path) -> None:
    packs, found = thinned(read_folder(data)[0], 2), evaluate(data, trained, 2, progress=False)
    tiles = cut_tiles(packs, "val")
    photos = ~np.array([pack.rendered for pack in packs])[tiles.pack]
    motion = evaluation._motion(Reader(trained), tiles.pixels, photos, progress=False)
    np.testing.assert_array_equal(np.isfinite(motion.trembling).all((0, 2)), photos)
    for group, figures in zip(found.groups, found.figures, strict=True):
        own = motion.only(group.rows)
        np.testing.assert_allclose(
            np.delete(figures.mirror, TONGUE), np.delete(asymmetry(own.straight, own.mirrored), TONGUE), atol=1e-6
        )
        moved = tremble(own.trembling[:, photos[group.rows]])
        np.testing.assert_allclose(np.delete(figures.jitter, TONGUE), np.delete(moved, TONGUE), atol=1e-6)
        assert np.nanmax(figures.jitter) > 0


def test_renders_alone_have_no_jitter_and_no_teacher(tmp_path: Path, trained: Path) -> None:
    (figures,) = evaluate(make_judged(tmp_path, ("renders",)), trained, 2, progress=False).figures
    assert figures.group == TRUE
    assert np.isnan(figures.jitter).all()
    assert np.isfinite(np.delete(figures.mirror, TONGUE)).all()


@pytest.mark.parametrize("name", ["lgml", "landmarks", "refiner"])
def test_a_missing_or_foreign_checkpoint_is_named(name: str, data: Path, tmp_path: Path) -> None:
    folder = make_trained(tmp_path / "here")
    (folder / f"{name}.pt").write_bytes(b"PK")
    with pytest.raises(InputError, match=f"{name}.pt: E_STATE"):
        evaluate(data, folder, progress=False)
    (folder / f"{name}.pt").unlink()
    with pytest.raises(InputError, match=f"{name}.pt: E_NOTFILE: .*mien train {name}"):
        evaluate(data, folder, progress=False)


def test_another_networks_checkpoint_is_refused(data: Path, tmp_path: Path) -> None:
    folder = make_trained(tmp_path)
    (folder / "refiner.pt").replace(folder / "lgml.pt")
    with pytest.raises(InputError, match=r"lgml\.pt: E_STATE: this checkpoint does not fit the network"):
        evaluate(data, folder, progress=False)


def test_packs_without_faces_to_judge_are_refused(tmp_path: Path, trained: Path) -> None:
    columns = people_columns("wild", 1)
    columns["split"] = np.full(len(columns["split"]), "train")
    save_pack(tmp_path / "faces-wild.npz", columns)
    with pytest.raises(InputError, match="E_FORMAT"):
        evaluate(tmp_path, trained, progress=False)
    with pytest.raises(InputError, match="holds no faces"):
        evaluate(tmp_path / "nowhere", trained, progress=False)
