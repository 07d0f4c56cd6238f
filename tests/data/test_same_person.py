"""Pairs of photos of one person: what the rig explains is explained, the rest is left, nobody else is paired."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_fits import fitter
from made_twice import LIPS, pairs_pack

from mien.core.errors import InputError
from mien.data.packs import FacesPack, read_faces
from mien.data.same_person import Changes, people_twice, read_changes


def pack(folder: Path, drop: float = 0.0) -> FacesPack:
    return read_faces(pairs_pack(folder, people=6, drop=drop) / "faces-twice.npz")


@pytest.fixture(scope="module")
def faithful(tmp_path_factory: pytest.TempPathFactory) -> FacesPack:
    return pack(tmp_path_factory.mktemp("faithful"))


def error(changes: Changes, which: list[int] | slice = slice(None)) -> float:
    return float(np.linalg.norm((changes.placed - changes.true)[:, which], axis=2).mean() * 100)


def test_everybody_is_paired_with_themselves_both_ways(faithful: FacesPack) -> None:
    changes = read_changes(people_twice([faithful], "train", fitter()))
    assert len(changes) == 4 * 3 * 2
    assert len(read_changes(people_twice([faithful], "val", fitter()))) == 2 * 3 * 2
    rise = (changes.then - changes.now).max(1)
    assert sorted(rise[rise > 0].round(4)) == sorted((changes.now - changes.then).max(1)[rise <= 0].round(4))


def test_no_more_pairs_of_one_person_than_asked(faithful: FacesPack) -> None:
    assert len(read_changes(people_twice([faithful], "train", fitter()), each=2)) == 4 * 2


def test_what_the_rig_made_the_rig_explains(faithful: FacesPack) -> None:
    changes = read_changes(people_twice([faithful], "train", fitter()))
    moved = float(np.linalg.norm((changes.start - changes.true)[:, LIPS], axis=2).mean() * 100)
    assert error(changes, LIPS) < 0.4 * moved
    assert error(changes) < 1.0


def test_what_it_does_not_know_is_left(tmp_path: Path, faithful: FacesPack) -> None:
    dropping = read_changes(people_twice([pack(tmp_path / "dropping", drop=8.0)], "train", fitter()))
    assert error(dropping, LIPS) > 1.5 * error(read_changes(people_twice([faithful], "train", fitter())), LIPS)


def test_generated_faces_and_renders_are_left_out(faithful: FacesPack) -> None:
    others = [replace(faithful, name="faces-synthetic"), replace(faithful, rendered=True)]
    with pytest.raises(InputError, match="nobody is there twice"):
        read_changes(people_twice(others, "train", fitter()))


def test_photos_that_the_teacher_is_unsure_of_are_left_out(faithful: FacesPack) -> None:
    with pytest.raises(InputError, match="nobody is there twice"):
        read_changes(people_twice([replace(faithful, spread=np.full(len(faithful.spread), 3.0))], "train", fitter()))
