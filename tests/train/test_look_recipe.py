"""The usual look is learned from packs, and only from their training faces."""

from pathlib import Path

import numpy as np
import pytest
from made_packs import make_packs

from mien.core.errors import InputError
from mien.core.report import Row
from mien.data.packs import read_photos
from mien.detect.look import FaceLook, looks_of
from mien.train.look import COVERED, covered, face_cuts, learn_look
from mien.train.recipes import run
from mien.weights.store import verify


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs")
    make_packs(folder)
    return folder


def silent(step: int, loss: float, rows: tuple[Row, ...]) -> None:
    raise AssertionError("a table has no steps")


def test_it_is_written_with_its_card(data: Path, tmp_path: Path) -> None:
    card = run("face-look", data, tmp_path, {}, silent)
    verify(card, tmp_path)
    with np.load(tmp_path / card.file) as archive:
        usual, strange = archive["bounds"].tolist()
        mean, directions, spread, slopes = (archive[name] for name in ("mean", "directions", "spread", "slopes"))
        look = FaceLook(mean, directions, spread, slopes, usual, strange)
    again = learn_look(data)
    np.testing.assert_allclose(look.mean, again.mean, atol=2e-3)
    np.testing.assert_allclose(look.slopes, again.slopes, rtol=1e-4, atol=1e-5)
    assert look.usual == pytest.approx(again.usual, abs=1e-4)
    packs, _ = read_photos(data)
    cuts, points = face_cuts(packs, "train", 1000, np.random.default_rng(0))
    assert len(cuts) == sum(len(pack.indices("train")) for pack in packs)
    hidden, share = covered(cuts, points, seed=0)
    clean, strange = (
        again.score(np.array([looks_of(*each) for each in zip(some, points, strict=True)])) for some in (cuts, hidden)
    )
    assert (clean <= again.usual + 1e-6).mean() >= 0.85
    assert np.median(strange[share >= COVERED]) > np.median(clean)


def test_cover_hides_what_it_says(data: Path) -> None:
    packs, _ = read_photos(data)
    cuts, points = face_cuts(packs, "train", 40, np.random.default_rng(0))
    hidden, share = covered(cuts, points, seed=0)
    assert hidden.shape == cuts.shape
    assert ((share >= 0) & (share <= 1)).all()
    assert share.max() > COVERED
    untouched = (hidden == cuts).all((1, 2))
    assert not share[untouched].any()


def test_packs_without_faces_to_learn_from_are_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_few(folder: Path) -> FaceLook:
        raise ValueError("none of 0 faces can be covered by a fifth")

    monkeypatch.setattr("mien.train.tables.learn_look", too_few)
    with pytest.raises(InputError, match=r"E_FORMAT: none of 0 faces .*add packs of faces"):
        run("face-look", data, tmp_path, {}, silent)
