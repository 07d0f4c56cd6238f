"""Skin that goes further than its points is seen to; what light does is not taken for it."""

from pathlib import Path

import numpy as np
import pytest
from made_fits import fitter
from made_twice import freckled, marks_that_drop, pairs_pack, shifted

from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS
from mien.core.points import OUTER_LIPS, UPPER_INNER_LIP
from mien.data.followed import Followed, at_points, read_followed, went_further
from mien.data.packs import read_faces
from mien.data.same_person import people_twice
from mien.imaging.face_layout import HEIGHT, WIDTH, FaceLayout
from mien.rig.compact import compact_model

MODEL = compact_model()


@pytest.fixture(scope="module")
def layout() -> FaceLayout:
    return FaceLayout.of(MODEL.mean, MODEL.triangles)


@pytest.mark.parametrize(("across", "down"), [(1.0, 0.0), (0.0, -1.5), (-0.7, 0.7)])
def test_marks_that_moved_are_followed(layout: FaceLayout, across: float, down: float) -> None:
    before = freckled(1)
    flow = went_further(before, shifted(before, across, down), layout)
    skin = layout.cover > 0.95
    np.testing.assert_allclose(np.median(flow[:, skin], 1), [across, down], atol=0.15)


def test_skin_that_rests_in_other_light_goes_nowhere(layout: FaceLayout) -> None:
    before = freckled(2)
    light = np.linspace(-0.5, 0.7, WIDTH)[None] + np.linspace(0.3, -0.2, HEIGHT)[:, None]
    noise = np.random.default_rng(3).normal(size=before.shape) * 0.01
    flow = went_further(before, np.asarray(0.8 * before + light + noise + 0.7, np.float32), layout)
    assert np.abs(flow).mean() < 0.15


def test_what_has_no_marks_goes_nowhere(layout: FaceLayout) -> None:
    smooth = np.full((HEIGHT, WIDTH), 4.5, np.float32)
    assert np.abs(went_further(smooth, smooth, layout)).max() < 0.01


def test_eyes_and_lips_go_with_their_points(layout: FaceLayout) -> None:
    before = freckled(4)
    flow = went_further(before, shifted(before, 2.0, 1.0), layout)
    bare = layout.cover == 0
    for seen in (IRIS_LEFT, IRIS_RIGHT, UPPER_INNER_LIP[5]):
        column, row = np.floor(layout.placed[seen]).astype(int)
        assert bare[row, column]
    assert not flow[:, bare].any()
    assert np.abs(flow[:, layout.cover > 0.95]).mean() > 0.5


def test_points_go_as_the_flow_at_them_and_lips_stay(layout: FaceLayout) -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    unit = np.linalg.norm(layout.placed[IRIS_LEFT] - layout.placed[IRIS_RIGHT])
    found = at_points(np.stack([x, 2 * y]), layout) * unit
    lips = np.isin(np.arange(LANDMARKS), OUTER_LIPS)
    np.testing.assert_allclose(found[~lips], (layout.placed * [1, 2])[~lips], atol=1e-6)
    assert not found[lips].any()


def test_pairs_that_differ_most_are_followed(tmp_path: Path) -> None:
    pack = read_faces(pairs_pack(tmp_path, people=6) / "faces-twice.npz")
    one, more = (read_followed(people_twice([pack], "train", fitter()), each) for each in (1, 4))
    assert isinstance(one, Followed)
    assert len(one.change) == 4
    assert len(more.change) == 16
    assert more.further.shape == (16, LANDMARKS, 2)
    strongest = [np.abs(more.change[more.person == who]).sum(1).max() for who in range(4)]
    np.testing.assert_allclose(np.abs(one.change).sum(1), strongest)


def test_skin_is_followed_from_the_first_picture_to_the_second(
    tmp_path: Path, layout: FaceLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marks lie a pixel lower for each sum of weights of .5: skin goes down where weights rise."""
    pack = read_faces(pairs_pack(tmp_path, people=6) / "faces-twice.npz")
    monkeypatch.setattr(FaceLayout, "brightness", marks_that_drop(pack))
    followed = read_followed(people_twice([pack], "train", fitter()))
    skin = layout.cover[tuple(np.floor(layout.placed).astype(int).T[::-1])] > 0.95
    unit = np.linalg.norm(layout.placed[IRIS_LEFT] - layout.placed[IRIS_RIGHT])
    down = np.median(followed.further[:, skin, 1], 1) * unit
    expected = 2 * followed.change.sum(1)
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(down, expected, atol=0.3)
