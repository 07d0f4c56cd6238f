"""The appearance: directions that tell people apart, learned from packs in which somebody is twice."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_packs import faces_columns, save_pack
from portraits import reader

from mien.core.arrays import Array
from mien.core.card import ModelCard
from mien.core.errors import InputError
from mien.core.report import Row
from mien.detect.appearance import TRAITS, Appearance
from mien.train.appearance import DIRECTIONS, discriminant, learn_appearance, told_apart
from mien.train.recipes import run
from mien.weights.store import verify

FEW = settings(max_examples=40, deadline=None)


def silent(step: int, loss: float, rows: tuple[Row, ...]) -> None:
    raise AssertionError("a table has no steps")


def groups(rng: np.random.Generator, people: int, each: int, size: int) -> tuple[Array, Array]:
    """Samples of people who differ a little where nobody varies, and vary much where all are alike."""
    who = np.repeat(np.arange(people), each)
    seen = rng.normal(0, 0.1, (people * each, size))
    seen[:, :4] += rng.normal(0, 1, (people, 4))[who]
    seen[:, 4:12] += rng.normal(0, 5, (people * each, 8))
    return seen, who


@FEW
@given(st.integers(0, 2**32 - 1))
def test_what_varies_within_people_counts_little(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen, who = groups(rng, 40, 4, 30)
    mean, directions = discriminant(seen, who, 4)
    np.testing.assert_allclose(mean, seen.mean(0))
    strength = np.linalg.norm(directions, axis=1)
    assert strength[:4].min() > 10 * strength[4:12].max()
    fresh, names = groups(rng, 20, 3, 30)
    looks, plain = (fresh - mean) @ directions, fresh - mean
    looks, plain = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (looks, plain))
    assert told_apart(looks, names) > max(0.9, told_apart(plain, names))


@FEW
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_how_well_people_are_told_apart_is_what_counting_says(seed: int, coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    looks, who = rng.normal(size=(9, 3)), rng.integers(0, 3, 9)
    looks = np.round(looks) if coarse else looks
    pairs = [(float(looks[a] @ looks[b]), bool(who[a] == who[b])) for a, b in combinations(range(9), 2)]
    same, other = ([value for value, one in pairs if one is kind] for kind in (True, False))
    if not same or not other:
        return
    counted = np.mean([(a > b) + 0.5 * (a == b) for a in same for b in other])
    assert told_apart(looks, who) == pytest.approx(float(counted), abs=0.02)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs")
    columns = faces_columns("wild", 1)
    order = np.arange(len(columns["split"]))
    columns["split"] = np.where(order < 8, "train", "val")
    columns["identity"] = np.array([f"p{k // 2}" for k in order])
    save_pack(folder / "faces-wild.npz", columns)
    return folder


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelCard, Path]:
    folder = tmp_path_factory.mktemp("made")
    return run("appearance", data, folder, {}, silent, progress=False), folder


def test_it_is_made_with_a_card_that_says_how_well_it_tells_people_apart(made: tuple[ModelCard, Path]) -> None:
    about, folder = made
    verify(about, folder)
    assert about.recipe == f"mien train appearance --data {about.figures[0].command.split()[-1]}"
    assert 0 <= about.figures[0].value <= 1
    with np.load(folder / about.file, allow_pickle=False) as archive:
        appearance = Appearance(archive["mean"], archive["directions"])
    assert appearance.directions.shape == (TRAITS, DIRECTIONS)
    assert np.linalg.matrix_rank(appearance.directions) > 3


def test_the_same_packs_make_the_same_file(made: tuple[ModelCard, Path], data: Path, tmp_path: Path) -> None:
    run("appearance", data, tmp_path, {}, silent, progress=False)
    assert (tmp_path / "appearance.npz").read_bytes() == (made[1] / "appearance.npz").read_bytes()


def test_without_anybody_twice_it_is_said_what_to_add(tmp_path: Path) -> None:
    columns = faces_columns("wild", 1)
    columns["identity"] = np.array([f"p{k}" for k in range(len(columns["split"]))])
    save_pack(tmp_path / "faces-wild.npz", columns)
    with pytest.raises(InputError, match=r"E_FORMAT: nobody is there twice in split train .add a pack"):
        learn_appearance(tmp_path, reader(), progress=False)


def test_collages_are_nobody(tmp_path: Path) -> None:
    columns = faces_columns("synthetic", 1)
    columns["identity"] = np.array(["one"] * len(columns["split"]))
    save_pack(tmp_path / "faces-synthetic.npz", columns)
    with pytest.raises(InputError, match="nobody is there twice"):
        learn_appearance(tmp_path, reader(), progress=False)
