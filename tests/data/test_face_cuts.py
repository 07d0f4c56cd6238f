"""Faces to edit: what lies in the cut, what the mirror shows, which two are one person."""

from pathlib import Path

import numpy as np
import pytest
from made_packs import save_pack
from made_pairs import EACH, make_pairs, pairs_columns

from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.points import INNER_LIPS
from mien.data.face_cuts import MOST_UNSURE, FaceCuts, read_face_cuts
from mien.imaging.face_cut import EYES, SIDE, FaceCut
from mien.rig.compact import compact_model

CUT = FaceCut.of(compact_model().mean)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("drawn faces"))


@pytest.fixture(scope="module")
def faces(data: Path) -> FaceCuts:
    return read_face_cuts(data, "train", CUT)


def test_faces_lie_where_the_mean_face_does(faces: FaceCuts) -> None:
    assert len(faces.place) == 2 * 2 * EACH
    for index in range(len(faces.place)):
        pixels, points, weights = faces.plain(index)
        assert pixels.shape == (SIDE, SIDE, 3)
        assert np.linalg.norm(points[IRIS_LEFT, :2] - points[IRIS_RIGHT, :2]) == pytest.approx(EYES, rel=0.1)
        assert np.abs(points[[33, 263], :2] - CUT.placed[[33, 263]]).max() < 4
        np.testing.assert_array_equal(weights, faces.weights[index])


def test_pixels_and_points_belong_together(faces: FaceCuts) -> None:
    """The middle of a drawn iris is dark, that of the forehead is not; in the mirror as well."""
    for look in (faces.plain, faces.mirrored):
        for index in range(len(faces.place)):
            pixels, points, weights = look(index)
            for iris, blink in ((IRIS_LEFT, "eyeBlinkLeft"), (IRIS_RIGHT, "eyeBlinkRight")):
                if weights[ARKIT.index(blink)] < 0.4:
                    x, y = points[iris, :2].astype(int)
                    assert pixels[y, x].max() < 110
            x, y = points[151, :2].astype(int)
            assert pixels[y, x, 0] > 150


def test_the_mirror_of_a_mirror_image_is_the_face(faces: FaceCuts) -> None:
    pixels, points, weights = faces.plain(3)
    seen, turned, said = faces.mirrored(3)
    np.testing.assert_array_equal(seen[:, ::-1], pixels)
    np.testing.assert_array_equal(said[ARKIT.mirror], weights)
    back = turned[faces.packs[0].mirror] * [-1, 1, 1] + [SIDE, 0, 0]
    np.testing.assert_allclose(back, points)
    lips = list(INNER_LIPS)
    assert turned[lips, 0].mean() == pytest.approx(SIDE - points[lips, 0].mean())


def test_pairs_are_of_one_person_in_both_orders(faces: FaceCuts) -> None:
    assert len(faces.first) == len(faces.second) == len(faces.share) == 2 * 2 * EACH * (EACH - 1)
    assert (faces.first // EACH == faces.second // EACH).all()
    assert (faces.first != faces.second).all()
    assert faces.share.sum() == pytest.approx(1)


def test_small_and_doubtful_faces_are_in_no_pair(tmp_path: Path) -> None:
    columns = pairs_columns()
    columns["spread"][0] = MOST_UNSURE + 1
    columns["landmarks"][1] = (columns["landmarks"][1] * 0.3).astype(np.int16)
    save_pack(tmp_path / "faces-clip.npz", columns)
    kept = read_face_cuts(tmp_path, "train", CUT)
    assert set(kept.first) == set(kept.second) == {EACH, EACH + 1, EACH + 2}, "of the second person all"
    columns["spread"][:] = MOST_UNSURE + 1
    save_pack(tmp_path / "faces-clip.npz", columns)
    with pytest.raises(InputError, match="E_NOTHING: holds no two large faces of one person in one pose in split tr"):
        read_face_cuts(tmp_path, "train", CUT)
