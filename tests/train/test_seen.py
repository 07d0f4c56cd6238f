"""Faces are looked at once, kept, and looked at again only when what was looked at, or with, has changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import pytest
import torch
from made_eyes import drawn_face, save_eyes, save_network
from made_packs import BY_HAND, TRAIN, VAL, make_people, people_columns, save_pack
from portraits import MIDDLE, astronaut
from torch import Tensor, nn

from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import fit_similarity, square_to_frame
from mien.core.image import Frame
from mien.data.packs import read_folder
from mien.data.tiles import FACE, cut_tiles
from mien.detect.landmarks import LandmarkReader, PointRefiner
from mien.detect.shape import mean_face
from mien.nets.landmarks import SIDE
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter
from mien.runtime.session import OnnxSession
from mien.train.seen import Eyes, Looked, SeenFaces, ViewCounts, look
from mien.weights.catalog import card

VIEWS = 2
TWICE, ONCE = ViewCounts(VIEWS, VIEWS), ViewCounts(1, 1)


class Stopped(Exception):
    """Stands for a kill."""


@dataclass
class Watch:
    """Counts the batches that networks look at, and stops at one of them."""

    batches: int = 0
    last: int = 10**6
    sizes: list[int] = field(default_factory=list)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    found, see = Watch(), Eyes.see

    def watched(self: Eyes, cuts: Tensor, refined: Tensor | None = None) -> Tensor:
        if found.batches == found.last:
            raise Stopped
        found.batches += 1
        found.sizes.append(len(cuts))
        return see(self, cuts, refined)

    monkeypatch.setattr(Eyes, "see", watched)
    return found


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_people(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="module")
def looked(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Looked:
    return look(people, save_eyes(tmp_path_factory.mktemp("eyes")), TWICE, progress=False)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A folder with a pack of a dozen faces."""
    folder = tmp_path / "few"
    folder.mkdir()
    save_pack(folder / "faces-wild.npz", people_columns("wild", 6))
    return folder


@pytest.fixture
def eyes(tmp_path: Path) -> Path:
    return save_eyes(tmp_path / "eyes")


def assert_same(one: SeenFaces, other: SeenFaces) -> None:
    for each in fields(SeenFaces):
        np.testing.assert_array_equal(getattr(one, each.name), getattr(other, each.name), err_msg=each.name)


class TestLook:
    def test_there_are_several_views_of_each_training_face_and_one_of_the_others(self, looked: Looked) -> None:
        for found, count in ((looked.train, VIEWS * 3 * TRAIN), (looked.val, 3 * VAL)):
            assert len(found) == count
            assert found.view.shape == (count, SIDE, SIDE)
            assert found.view.dtype == np.uint8
            assert found.points.shape == found.true.shape == (count, 478, 3)
            assert found.points.dtype == found.true.dtype == np.float16
            assert found.weights.shape == (count, len(ARKIT))

    def test_labels_are_those_of_the_tiles_over_and_over(self, people: Path, looked: Looked) -> None:
        packs, _ = read_folder(people)
        for split, found, times in (("train", looked.train, VIEWS), ("val", looked.val, 1)):
            tiles = cut_tiles(packs, split)
            for name in ("weights", "pack", "person", "neutral"):
                wanted = getattr(tiles, name)
                np.testing.assert_array_equal(
                    getattr(found, name), np.concatenate([wanted] * times).astype(getattr(found, name).dtype)
                )
            trust = 1 / (1 + (tiles.spread / 1.5) ** 2)
            np.testing.assert_allclose(found.trust, np.tile(trust, times), rtol=1e-3)
            assert (found.trust[np.isin(found.pack, [looked.names.index("faces-renders")])] == 1).all()

    def test_whose_labels_are_true_in_which_columns(self, looked: Looked) -> None:
        assert looked.names == ("faces-hand", "faces-renders", "faces-wild")
        assert looked.rendered == (False, True, False)
        assert [ARKIT.columns[k] for k in np.flatnonzero(looked.true[0])] == sorted(BY_HAND, key=ARKIT.index)
        assert looked.true[1].all()
        assert not looked.true[2].any()

    def test_points_are_where_the_networks_saw_them(self, looked: Looked) -> None:
        """The made networks answer something near the mean face."""
        for found in (looked.train, looked.val):
            away = np.linalg.norm((found.points - drawn_face(36, SIDE).numpy())[..., :2], axis=2)
            assert away.mean() < 8

    def test_true_points_are_those_of_the_labels_in_each_view(self, looked: Looked, people: Path) -> None:
        """Views wander: the same place of the tile lies elsewhere in each, at about one size."""
        tiles = cut_tiles(read_folder(people)[0], "train")
        fitter, rendered = Fitter(compact_model(), mean_face().steadiness), np.array(looked.rendered)[tiles.pack]
        labels = [
            fitter.as_read(at) if made else at for at, made in zip(tiles.points.astype(float), rendered, strict=True)
        ]
        assert np.abs(np.array(labels) - tiles.points)[rendered].max() > 0.5, "renders are labelled as photos are"
        for found, view in zip(np.split(looked.train.true.astype(np.float64), VIEWS), range(VIEWS), strict=True):
            fits = [fit_similarity(tile, seen) for tile, seen in zip(labels, found, strict=True)]
            scales = np.array([fit.scale for fit in fits])
            assert ((scales > 0.5 * SIDE / FACE) & (scales < 2 * SIDE / FACE)).all(), view
            for fit, tile, seen in zip(fits, labels, found, strict=True):
                laid = fit.scale * tile @ fit.rotation.T + fit.translation
                assert np.abs(laid - seen).max() < 0.2
        plain = cut_tiles(read_folder(people)[0], "val")
        unit = np.linalg.norm(plain.points[:, IRIS_LEFT] - plain.points[:, IRIS_RIGHT], axis=1)
        seen = np.linalg.norm((looked.val.true[:, IRIS_LEFT] - looked.val.true[:, IRIS_RIGHT]).astype(float), axis=1)
        np.testing.assert_allclose(np.median(seen / unit), SIDE / FACE, rtol=0.1)

    def test_of_renders_fewer_views_are_taken(self, people: Path, tmp_path: Path) -> None:
        found = look(people, save_eyes(tmp_path), ViewCounts(photo=3, render=1), progress=False).train
        counts = np.bincount(found.pack)
        assert counts.tolist() == [3 * TRAIN, TRAIN, 3 * TRAIN]
        tiles = cut_tiles(read_folder(people)[0], "train")
        for person in np.unique(tiles.person):
            mine = tiles.person == person
            times = 1 if (tiles.pack[mine] == 1).all() else 3
            assert (found.person == person).sum() == times * mine.sum()

    def test_more_of_the_renders_are_spared_from_harm(
        self, few: Path, eyes: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What harm leaves is made white here, so that it can be counted."""
        save_pack(few / "faces-renders.npz", people_columns("renders", 6))
        monkeypatch.setattr("mien.train.seen.degrade", lambda cuts, generator: torch.full_like(cuts, 255))
        looked = look(few, eyes, ViewCounts(photo=30, render=30), progress=False)
        found, rendered = looked.train, np.array(looked.rendered)[looked.train.pack]
        spared = found.view.min((1, 2)) < 255
        assert len(found) == 30 * 2 * TRAIN
        assert 0.3 < spared[~rendered].mean() < 0.5 < spared[rendered].mean() < 0.7

    def test_views_of_a_face_differ_and_show_something(self, looked: Looked) -> None:
        first, second = np.split(looked.train.view.astype(np.float32), VIEWS)
        assert np.abs(first - second).mean((1, 2)).min() > 1
        assert looked.val.view.std((1, 2)).min() > 10

    def test_a_face_of_the_validation_is_seen_plainly(self, looked: Looked, people: Path) -> None:
        """The view is the tile's middle: its greys are those."""
        tiles = cut_tiles(read_folder(people)[0], "val")
        for view, tile in zip(looked.val.view, tiles.pixels, strict=True):
            middle = tile[58:198, 58:198]
            assert abs(float(np.median(view)) - float(np.median(middle))) < 25


class TestKept:
    def test_what_was_seen_is_not_looked_at_again(self, few: Path, eyes: Path, watch: Watch) -> None:
        first = look(few, eyes, TWICE, progress=False)
        assert sum(watch.sizes) == VIEWS * TRAIN + VAL
        again = look(few, eyes, TWICE, progress=False)
        assert sum(watch.sizes) == VIEWS * TRAIN + VAL
        assert_same(again.train, first.train)
        assert_same(again.val, first.val)
        assert not list((eyes / "seen").glob(".mien-*"))

    def test_looking_anew_sees_the_same(self, few: Path, eyes: Path, tmp_path: Path) -> None:
        first, other = (look(few, folder, ONCE, progress=False) for folder in (eyes, save_eyes(tmp_path / "others")))
        assert_same(first.train, other.train)
        assert_same(first.val, other.val)

    def test_another_number_of_views_is_looked_at_and_leaves_open_ones_alone(
        self, few: Path, eyes: Path, watch: Watch
    ) -> None:
        """A training that runs has its views open as files."""
        first = look(few, eyes, ONCE, progress=False)
        before = [np.array(getattr(first.train, each.name)) for each in fields(SeenFaces)]
        other = look(few, eyes, TWICE, progress=False)
        assert sum(watch.sizes) == (1 + VIEWS) * TRAIN + 2 * VAL
        assert len(other.train) == VIEWS * TRAIN
        assert_same(first.val, other.val)
        assert_same(first.train, SeenFaces(*before))

    @pytest.mark.parametrize("change", ["labels", "pictures", "name", "one more pack"])
    def test_other_packs_are_looked_at(self, change: str, few: Path, eyes: Path, watch: Watch) -> None:
        look(few, eyes, ONCE, progress=False)
        before = sum(watch.sizes)
        columns, name = people_columns("wild", 6), "wild"
        if change == "labels":
            columns["blendshapes"] = columns["blendshapes"][::-1]
        elif change == "pictures":
            columns = {**people_columns("wild", 7), **{key: columns[key] for key in columns if key not in PICTURES}}
        elif change == "name":
            (few / "faces-wild.npz").unlink()
            name = "other"
        else:
            name = "other"
        save_pack(few / f"faces-{name}.npz", columns)
        found = look(few, eyes, ONCE, progress=False)
        packs = 2 if change == "one more pack" else 1
        assert sum(watch.sizes) == before + packs * (TRAIN + VAL)
        np.testing.assert_array_equal(found.train.weights, cut_tiles(read_folder(few)[0], "train").weights)

    @pytest.mark.parametrize("which", ["landmarks.pt", "refiner.pt"])
    def test_other_networks_look_again(self, which: str, few: Path, eyes: Path, tmp_path: Path, watch: Watch) -> None:
        first = look(few, eyes, ONCE, progress=False)
        before, points = sum(watch.sizes), np.array(first.train.points)
        (eyes / which).write_bytes((save_eyes(tmp_path / "others", seed=1) / which).read_bytes())
        other = look(few, eyes, ONCE, progress=False)
        assert sum(watch.sizes) == 2 * before
        assert (np.array(other.train.points) != points).any()

    def test_a_kill_while_looking_leaves_what_was_kept(self, few: Path, eyes: Path, watch: Watch) -> None:
        look(few, eyes, ONCE, progress=False)
        watch.last = watch.batches + 1
        with pytest.raises(Stopped):
            look(few, eyes, TWICE, progress=False)
        watch.last = watch.batches
        assert len(look(few, eyes, ONCE, progress=False).train) == TRAIN

    def test_a_kill_while_keeping_is_no_half_of_it(
        self, few: Path, eyes: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look(few, eyes, ONCE, progress=False)
        written, save = [0], np.save

        def stopping(file: Path, value: np.ndarray) -> None:
            written[0] += 1
            if written[0] == 4:
                raise Stopped
            save(file, value)

        monkeypatch.setattr(np, "save", stopping)
        with pytest.raises(Stopped):
            look(few, eyes, TWICE, progress=False)
        monkeypatch.undo()
        found = look(few, eyes, TWICE, progress=False)
        assert len(found.train) == len(found.train.view) == len(found.train.weights) == VIEWS * TRAIN
        assert not list((eyes / "seen").glob(".mien-*"))

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]"])
    def test_what_nobody_can_tell_is_looked_at_again(self, content: bytes, few: Path, eyes: Path, watch: Watch) -> None:
        (eyes / "seen").mkdir()
        (eyes / "seen" / "print.json").write_bytes(content)
        look(few, eyes, ONCE, progress=False)
        assert sum(watch.sizes) == TRAIN + VAL


PICTURES = ("webp", "offsets")


class TestEyes:
    def test_they_see_what_the_landmark_network_saw_and_the_refiner_moved(self, eyes: Path) -> None:
        found = Eyes(eyes)
        cuts = torch.rand((2, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(1)) * 255
        with torch.no_grad():
            points = found.see(cuts)
        assert points.shape == (2, 478, 3)
        assert points.dtype == torch.float32
        away = (points - drawn_face(36, SIDE))[..., :2].norm(dim=2).mean()
        assert 0 < float(away) < 8

    def test_a_folder_without_any_looks_through_the_package_s_own(self, tmp_path: Path) -> None:
        square = square_to_frame(MIDDLE, 170, 0.0, SIDE)
        refiner = PointRefiner(OnnxSession(card("refiner")))
        sight = LandmarkReader(OnnxSession(card("landmarks")), refiner).read(Frame(astronaut()), square)
        with torch.no_grad():
            points = Eyes(tmp_path).see(torch.from_numpy(np.array(sight.cut))[None, None])
        np.testing.assert_allclose(points[0], sight.cut_points, atol=0.05)

    @pytest.mark.parametrize("which", ["landmarks", "refiner"])
    def test_a_missing_checkpoint_is_named_with_its_training(self, which: str, eyes: Path, few: Path) -> None:
        (eyes / f"{which}.pt").unlink()
        with pytest.raises(InputError, match=f"run `mien train {which}` with the same output folder first"):
            look(few, eyes, ONCE, progress=False)

    def test_a_checkpoint_of_another_network_is_refused(self, eyes: Path, few: Path) -> None:
        save_network(nn.Linear(2, 3), eyes / "refiner.pt")
        with pytest.raises(InputError, match="does not fit the network") as raised:
            look(few, eyes, ONCE, progress=False)
        assert raised.value.source == str(eyes / "refiner.pt")
        assert not (eyes / "seen").exists()


class TestBadPacks:
    def test_no_packs(self, eyes: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"holds no faces-\*\.npz"):
            look(tmp_path / "nowhere", eyes, ONCE, progress=False)

    @pytest.mark.parametrize("split", ["train", "val"])
    def test_a_split_without_faces(self, split: str, eyes: Path, few: Path) -> None:
        columns = people_columns("wild", 6)
        columns["split"] = np.full(TRAIN + VAL, split)
        save_pack(few / "faces-wild.npz", columns)
        with pytest.raises(InputError, match="one of the splits train and val has no face"):
            look(few, eyes, ONCE, progress=False)
        assert not (eyes / "seen" / "print.json").exists()
