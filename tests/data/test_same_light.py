"""Who sits for pairs, how near their heads must keep, and how often each pair is to be drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_packs import save_pack
from made_pairs import EACH, pairs_columns

from mien.core.arrays import Array
from mien.data.packs import FacesPack, read_folder
from mien.data.same_light import LEAST, Sitter, couples, shares, sitters


def packs(folder: Path, **columns: Array) -> list[FacesPack]:
    save_pack(folder / "faces-clip.npz", pairs_columns() | columns)
    return list(read_folder(folder)[0])


def counts(found: list[Sitter]) -> list[int]:
    return [len(sitter.pairs) for sitter in found]


def test_everyone_who_moves_sits_for_pairs(tmp_path: Path) -> None:
    found = list(sitters(packs(tmp_path), "train"))
    assert counts(found) == [EACH * (EACH - 1)] * 2
    for sitter in found:
        weights = sitter.pack.weights[sitter.own]
        assert (np.abs(weights[sitter.pairs[:, 0]] - weights[sitter.pairs[:, 1]]).sum(1) > LEAST).all()
        assert set(map(tuple, sitter.pairs)) == {(b, a) for a, b in sitter.pairs}
        assert sitter.due.sum() == pytest.approx(1 / 6), "half of the draws are of people with few pictures: three"


def test_the_nearer_heads_must_keep_the_fewer_pairs_there_are(tmp_path: Path) -> None:
    landmarks = pairs_columns()["landmarks"].astype(np.float64)
    landmarks[1::EACH, :, 0] += 0.1 * landmarks[1::EACH, :, 2]
    turned = packs(tmp_path, landmarks=landmarks.astype(np.int16))
    found = [sum(counts(list(sitters(turned, "train", near)))) for near in (20.0, 1.0, 0.0)]
    assert found == [2 * EACH * (EACH - 1), 2 * 2, 0]


def test_couples_go_by_the_numbers_of_all_pictures(tmp_path: Path) -> None:
    one, other = sitters(packs(tmp_path), "train")
    few = replace(other, pairs=other.pairs[:2], due=other.due[:2] * 3)
    both = couples([one, few], 0.5)
    pictures = np.concatenate([one.own, other.own])
    np.testing.assert_array_equal(pictures[both.first[:-2]], one.own[one.pairs[:, 0]])
    np.testing.assert_array_equal(pictures[both.second[-2:]], other.own[other.pairs[:2, 1]])
    assert both.share.sum() == pytest.approx(1)
    np.testing.assert_allclose(both.share[-2:] / both.share[0], few.due / one.due[0])
    assert set(both.source) == {"faces-clip"}


def test_who_has_no_pair_left_still_counts_with_the_pictures(tmp_path: Path) -> None:
    one, other = sitters(packs(tmp_path), "train")
    none = replace(one, pairs=one.pairs[:0], due=one.due[:0])
    both = couples([none, other], 0.5)
    np.testing.assert_array_equal(both.first, len(one.own) + other.pairs[:, 0])


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 999), st.floats(0.05, 0.95))
def test_renders_have_their_part_and_each_its_due(seed: int, part: float) -> None:
    rng = np.random.default_rng(seed)
    due, rendered = rng.uniform(0.1, 3, 9), np.arange(9) < rng.integers(0, 10)
    share = shares(due, rendered, part)
    assert share.sum() == pytest.approx(1)
    if rendered.any() and not rendered.all():
        assert share[rendered].sum() == pytest.approx(part)
    for kind in (rendered, ~rendered):
        if kind.any():
            np.testing.assert_allclose(share[kind] / share[kind].sum(), due[kind] / due[kind].sum())
