"""Faces to edit: what lies in the cut, what the mirror shows, what may be asked."""

from pathlib import Path

import numpy as np
import pytest
from made import made_capture
from made_packs import TRAIN, faces_columns, make_packs, save_pack

from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.points import INNER_LIPS
from mien.data.face_cuts import MOST_UNSURE, FaceCuts, asked_of, read_face_cuts
from mien.formats.registry import save
from mien.imaging.face_cut import EYES, SIDE, FaceCut
from mien.rig.compact import compact_model

CUT = FaceCut.of(compact_model().mean)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_packs(tmp_path_factory.mktemp("drawn faces"))


@pytest.fixture(scope="module")
def faces(data: Path) -> FaceCuts:
    return read_face_cuts(data, "train", CUT)


def test_faces_lie_where_the_mean_face_does(faces: FaceCuts) -> None:
    assert len(faces) == 2 * TRAIN
    for index in range(len(faces)):
        pixels, points, weights = faces.plain(index)
        assert pixels.shape == (SIDE, SIDE, 3)
        assert np.linalg.norm(points[IRIS_LEFT, :2] - points[IRIS_RIGHT, :2]) == pytest.approx(EYES, rel=0.1)
        assert np.abs(points[[33, 263], :2] - CUT.placed[[33, 263]]).max() < 4
        np.testing.assert_array_equal(weights, faces.weights[index])


def test_pixels_and_points_belong_together(faces: FaceCuts) -> None:
    """The middle of a drawn iris is dark, that of the forehead is not; in the mirror as well."""
    for look in (faces.plain, faces.mirrored):
        for index in range(len(faces)):
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


def test_small_and_doubtful_faces_are_left_out(tmp_path: Path) -> None:
    columns = faces_columns("wild", 4)
    columns["landmarks"][0] = (columns["landmarks"][0] * 0.3).astype(np.int16)
    columns["spread"][:] = 1
    columns["spread"][1] = MOST_UNSURE + 1
    save_pack(tmp_path / "faces-wild.npz", columns)
    kept = read_face_cuts(tmp_path, "train", CUT).place[:, 1].tolist()
    assert kept == list(range(2, TRAIN))
    columns["spread"][:] = MOST_UNSURE + 1
    save_pack(tmp_path / "faces-wild.npz", columns)
    with pytest.raises(InputError, match="E_NOTHING: holds no face of split train that is large enough"):
        read_face_cuts(tmp_path, "train", CUT)


def test_eyes_are_not_asked_to_move() -> None:
    rng = np.random.default_rng(0)
    now, wanted = rng.random((2, 5, 52))
    asked = asked_of(now, wanted)
    kept = [name.startswith(("eyeLook", "eyeBlink", "tongue")) for name in ARKIT.columns]
    np.testing.assert_array_equal(asked[:, kept], now[:, kept])
    np.testing.assert_array_equal(asked[:, ~np.array(kept)], wanted[:, ~np.array(kept)])


def test_recorded_takes_may_be_asked_for(data: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "packs").mkdir()
    save_pack(folder / "faces-wild.npz", faces_columns("wild", 2))
    assert len(read_face_cuts(folder, "train", CUT).performed) == 0
    (folder / "takes").mkdir()
    capture = made_capture(4, 2, landmarks=False)
    save(capture, folder / "takes" / "made.csv")
    performed = read_face_cuts(folder, "train", CUT).performed
    shown = np.concatenate([take.state.expression.weights[take.valid] for take in capture.takes])
    assert len(shown) == 7, "one frame without the second face"
    np.testing.assert_allclose(performed, shown, atol=1e-3)
