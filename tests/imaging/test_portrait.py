import numpy as np
import pytest
from made_rig import EYES, MadeRig

from mien.core.arrays import Array
from mien.core.geometry import rotation_from_angles
from mien.imaging.portrait import BACKDROP, FACE, Portrait

FACE_MESH = MadeRig().rest()
UPRIGHT = np.eye(3)


def shown(portrait: Portrait, turn: Array = UPRIGHT) -> Array:
    """[H, W] where the face is."""
    return np.asarray((portrait.picture(FACE_MESH, turn) != portrait.background).any(2))


@pytest.mark.parametrize(("width", "height"), [(200, 200), (200, 120), (90, 200)])
def test_the_face_is_in_the_middle_and_fits(width: int, height: int) -> None:
    seen = shown(Portrait.of(FACE_MESH.vertices, width, height))
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    assert abs(rows[0] + rows[-1] + 1 - height) <= 0.05 * height
    assert abs(columns[0] + columns[-1] + 1 - width) <= 0.05 * width
    filled = max(len(rows) / height, len(columns) / width)
    assert 0.7 < filled < 1


def test_zoom_enlarges() -> None:
    near, far = (shown(Portrait.of(FACE_MESH.vertices, 200, 200, zoom=zoom)).mean() for zoom in (1.0, 0.5))
    assert near / far == pytest.approx(4, rel=0.05)


def test_a_window_chooses_what_fills_the_picture() -> None:
    wide = Portrait.of(FACE_MESH.vertices * 2, 200, 200)
    close = Portrait.of(FACE_MESH.vertices * 2, 200, 200, window=FACE)
    assert close.camera.focal_length > wide.camera.focal_length


def test_a_turned_head_stays_in_the_picture() -> None:
    portrait = Portrait.of(FACE_MESH.vertices, 200, 200)
    for yaw in (-0.9, 0.9):
        seen = shown(portrait, rotation_from_angles(0.2, yaw, 0.1))
        assert seen[100, 60:140].any()
        assert not seen[:, [0, -1]].any()


def test_positive_yaw_shows_the_subject_s_left_side() -> None:
    portrait = Portrait.of(FACE_MESH.vertices, 200, 200)
    left, right = np.array(EYES)
    ahead = portrait.posed(np.stack([left, right]), UPRIGHT)
    turned = portrait.posed(np.stack([left, right]), rotation_from_angles(0.0, 0.5, 0.0))
    assert ahead[0, 2] == pytest.approx(ahead[1, 2])
    assert turned[0, 2] < turned[1, 2]  # the left eye has come nearer


def test_the_background_is_asked_for() -> None:
    for ground in (BACKDROP, (1, 2, 3)):
        picture = Portrait.of(FACE_MESH.vertices, 60, 60, background=ground).picture(FACE_MESH, UPRIGHT)
        assert tuple(picture[0, 0]) == ground


def test_a_face_has_vertices() -> None:
    with pytest.raises(ValueError, match="with vertices"):
        Portrait.of(np.zeros((0, 3)), 60, 60)
