"""Pairs are of one person in one pose; their gain is what changed in light; whatever is varied stays a true pair."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_packs import save_pack
from made_pairs import EACH, make_pairs, pairs_columns
from torch import Generator

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.data.creases import Change, CreasePairs, read_pairs
from mien.imaging.face_layout import HEIGHT, MAPS, WIDTH
from mien.nets.crease import MOST


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> CreasePairs:
    return read_pairs(make_pairs(tmp_path_factory.mktemp("pairs")), "train")


def changed(folder: Path, **columns: Array) -> Path:
    """A folder of one pack with some columns replaced."""
    folder.mkdir()
    save_pack(folder / "faces-made.npz", pairs_columns() | columns)
    return folder


class TestRead:
    def test_every_two_pictures_of_a_person_are_a_pair_both_ways(self, pairs: CreasePairs) -> None:
        assert len(pairs) == 2 * 2 * EACH * (EACH - 1)
        assert {(int(a), int(b)) for a, b in zip(pairs.first, pairs.second, strict=True)} == {
            (int(b), int(a)) for a, b in zip(pairs.first, pairs.second, strict=True)
        }
        assert (pairs.first // EACH == pairs.second // EACH).all()
        assert (pairs.first != pairs.second).all()

    def test_renders_and_photos_have_their_shares(self, pairs: CreasePairs) -> None:
        assert pairs.share.sum() == pytest.approx(1)
        assert pairs.share[pairs.source == "faces-still"].sum() == pytest.approx(0.3)

    def test_heads_that_turn_are_no_pair(self, tmp_path: Path) -> None:
        landmarks = pairs_columns()["landmarks"].astype(np.float64)
        landmarks[1::EACH, :, 0] += 0.5 * landmarks[1::EACH, :, 2]
        found = read_pairs(changed(tmp_path / "p", landmarks=landmarks.astype(np.int16)), "train")
        assert len(found) == 2 * 2

    def test_faces_that_do_nothing_are_no_pair(self, tmp_path: Path) -> None:
        folder = changed(tmp_path / "p", blendshapes=np.zeros((3 * EACH, len(ARKIT)), np.float16))
        with pytest.raises(InputError, match="no two pictures"):
            read_pairs(folder, "train")

    def test_each_split_has_its_own_people(self, pairs: CreasePairs, tmp_path: Path) -> None:
        val = read_pairs(make_pairs(tmp_path), "val")
        assert len(val) == 2 * EACH * (EACH - 1)


class TestPlain:
    def test_the_gain_is_what_was_done_to_the_cheek(self, pairs: CreasePairs) -> None:
        darker = np.flatnonzero((pairs.first % EACH == 0) & (pairs.second % EACH == EACH - 1))
        sample = pairs.plain(darker)
        assert sample.gain.shape == (len(darker), 1, HEIGHT, WIDTH)
        assert float(sample.gain.abs().max()) <= MOST
        x, y = pairs.layout.placed[205].astype(int)
        other, _ = pairs.layout.placed[425].astype(int)
        assert (sample.gain[:, 0, y, x] < -0.2).all()
        assert sample.gain[:, 0, y, other].abs().max() < 0.05

    def test_the_way_back_undoes_it(self, pairs: CreasePairs) -> None:
        there = np.flatnonzero((pairs.first == 0) & (pairs.second == 1))
        back = np.flatnonzero((pairs.first == 1) & (pairs.second == 0))
        one, other = pairs.plain(there), pairs.plain(back)
        torch.testing.assert_close(one.gain, -other.gain, atol=2e-3, rtol=0)
        torch.testing.assert_close(one.change, -other.change)
        torch.testing.assert_close(one.maps[:, 3:], -other.maps[:, 3:], atol=0.3, rtol=0.1)


class TestVaried:
    def drawn(self, pairs: CreasePairs, seed: int) -> Change:
        return pairs.varied(np.arange(6), Generator().manual_seed(seed))

    def test_the_generator_alone_decides(self, pairs: CreasePairs) -> None:
        one, same, other = (self.drawn(pairs, seed) for seed in (1, 1, 2))
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not torch.equal(one.brightness, other.brightness)

    def test_it_is_still_a_face_on_the_layout(self, pairs: CreasePairs) -> None:
        cover = torch.tensor(pairs.layout.cover)
        for seed in range(5):
            sample = self.drawn(pairs, seed)
            assert sample.maps.shape[1] == len(MAPS)
            assert all(bool(value.isfinite().all()) for value in sample)
            assert (sample.brightness >= 0).all()
            mirrored = (sample.maps[:, 0] - cover.flip(1)).abs().amax((1, 2)) < 1e-6
            straight = (sample.maps[:, 0] - cover).abs().amax((1, 2)) < 1e-6
            assert (mirrored | straight).all()


def test_a_folder_without_pairs_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="several expressions"):
        read_pairs(changed(tmp_path / "p", identity=np.arange(3 * EACH).astype(str)), "val")
