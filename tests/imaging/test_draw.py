import numpy as np
import pytest

from mien.core.arrays import Array
from mien.core.basis import ARKIT, Basis
from mien.core.face import LANDMARKS, Expression, FaceReading, FaceState, Gaze, Landmarks, Pose
from mien.core.geometry import Camera, rotation_from_angles
from mien.core.image import Frame
from mien.imaging.draw import ACCENTS, PANEL, draw_overlay

TRIANGLES = np.stack([np.arange(LANDMARKS - 2) + k for k in range(3)], axis=1)
DEPTH = 0.6


def picture(width: int, height: int) -> Frame:
    pixels = np.random.default_rng(0).integers(60, 200, (height, width, 3), np.uint8)
    return Frame(pixels)


def camera(frame: Frame) -> Camera:
    return Camera.of_picture(frame.width, frame.height)


def reading(
    frame: Frame,
    centre: tuple[float, float],
    size: float,
    face: int = 0,
    weights: dict[str, float] | None = None,
    basis: Basis = ARKIT,
    depth: float = DEPTH,
) -> FaceReading:
    """A disc of points, filled like a sunflower, with a head behind it."""
    place = np.arange(LANDMARKS)
    radius, turn = np.sqrt(place / LANDMARKS) * size / 2, place * 2.39996
    points = np.stack([centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn), 0 * turn], axis=1)
    seen = camera(frame)
    middle = (np.array(centre) - seen.centre) / seen.focal_length * depth
    values = np.zeros(len(basis), np.float32)
    for column, weight in (weights or {}).items():
        values[basis.index(column)] = weight
    state = FaceState(
        Expression(values, basis),
        Pose(rotation_from_angles(0.1, -0.3, 0.05), np.array([*middle, depth])),
        Gaze(np.stack([rotation_from_angles(0, 0.2, 0)] * 2)),
    )
    return FaceReading(face, 0, 0.0, Landmarks(points, 0.9), state, 0.8)


def overlay(frame: Frame, *readings: FaceReading, columns: list[str] | None = None) -> Array:
    return draw_overlay(frame, readings, TRIANGLES, camera(frame), columns)


def near(pixels: Array, colour: tuple[int, int, int]) -> int:
    return int((np.abs(pixels.astype(int) - colour).max(-1) < 24).sum())


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 64), (255, 257), (300, 1201), (1281, 360)])
def test_sides_are_even_and_depend_on_the_frame_only(size: tuple[int, int]) -> None:
    frame = picture(*size)
    one = reading(frame, (size[0] / 2, size[1] / 2), min(size) / 2, weights={"jawOpen": 0.5})
    two = reading(frame, (size[0] / 3, size[1] / 3), min(size) / 3, 1)
    results = [overlay(frame), overlay(frame, one), overlay(frame, one, two), overlay(frame, one, columns=["jawOpen"])]
    shapes = {result.shape for result in results}
    assert len(shapes) == 1
    height, width, channels = shapes.pop()
    assert (height % 2, width % 2, channels) == (0, 0, 3)
    assert height - size[1] in (0, 1)
    assert width > size[0]
    assert all(result.dtype == np.uint8 for result in results)


def test_an_odd_height_repeats_the_last_row() -> None:
    result = overlay(picture(200, 121))
    np.testing.assert_array_equal(result[121], result[120])


def test_the_frame_keeps_its_pixels() -> None:
    frame = picture(320, 240)
    before = frame.pixels.copy()
    result = overlay(frame, reading(frame, (160, 120), 120))
    np.testing.assert_array_equal(frame.pixels, before)
    assert result.flags.writeable
    assert not np.shares_memory(result, frame.pixels)


def test_only_the_face_and_its_rays_are_drawn_over() -> None:
    frame = picture(640, 480)
    result = overlay(frame, reading(frame, (200, 200), 160, weights={"mouthSmileLeft": 0.7}))
    changed = (result[:480, :640] != frame.pixels).any(-1)
    rows, columns = np.nonzero(changed)
    assert changed[120:280, 120:280].mean() > 0.02
    assert rows.min() > 60
    assert rows.max() < 340
    assert columns.min() > 40
    assert columns.max() < 360


def test_a_frame_without_faces_says_so() -> None:
    frame = picture(640, 480)
    result = overlay(frame)
    rows, columns = np.nonzero((result[:480, :640] != frame.pixels).any(-1))
    assert rows.min() > 400
    assert columns.max() < 320
    assert (result[:, 640:] == PANEL).all()


@pytest.mark.parametrize("centre", [(-5000.0, 90.0), (90.0, 9000.0), (0.0, 0.0), (319.0, 239.0), (160.0, -60.0)])
def test_faces_beyond_the_edge_are_cut_off(centre: tuple[float, float]) -> None:
    frame = picture(320, 240)
    faces = [reading(frame, centre, 140, face) for face in range(2)]
    assert overlay(frame, *faces).shape == overlay(frame).shape


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e5, 1e30, 1e300])
def test_extreme_points_and_heads_do_not_crash(scale: float) -> None:
    frame = picture(320, 240)
    weights = {"jawOpen": 1e30, "mouthSmileLeft": -5.0, "mouthClose": -1e-9}
    face = reading(frame, (160, 120), 100, weights=weights)
    points = face.landmarks.points * scale
    for way in ((0, 0, 1), (1, -1, 1), (1, 1, -1)):
        pose = Pose(face.state.pose.rotation, np.array(way) * scale)
        state = FaceState(face.state.expression, pose, face.state.gaze)
        far = FaceReading(3, 0, 0.0, Landmarks(points, 1.0), state, 0.0)
        assert overlay(frame, far, face).shape == overlay(frame).shape


def test_a_head_behind_the_camera_has_no_rays() -> None:
    frame = picture(320, 240)
    before, behind = (reading(frame, (160, 120), 8, depth=depth) for depth in (0.3, -0.3))
    marked = [(overlay(frame, face)[:, :320] != frame.pixels).any(-1).sum() for face in (before, behind)]
    assert marked[0] > marked[1] > 0


def test_the_panel_names_the_four_largest_faces() -> None:
    frame = picture(1000, 500)
    faces = [reading(frame, (80 + 160 * face, 250), 140 - 15 * face, face, {"jawOpen": 1.0}) for face in range(6)]
    panel = overlay(frame, *reversed(faces))[:, 1000:]
    assert [near(panel, accent) > 100 for accent in ACCENTS] == [True, True, True, True, False]
    first = [np.nonzero((panel == accent).all(-1))[0].min() for accent in ACCENTS[:4]]
    assert first == sorted(first)


@pytest.mark.parametrize("size", [(640, 480), (360, 250), (1280, 720)])
def test_the_number_of_further_faces_has_a_line_of_its_own(size: tuple[int, int]) -> None:
    frame = picture(*size)
    many = {name: 0.4 for name in ("jawOpen", "mouthPucker", "browInnerUp", "cheekPuff", "mouthClose", "jawLeft")}
    place = (size[0] // 2, size[1] // 2)
    faces = [reading(frame, place, size[1] // 3 - k, k, weights=many) for k in range(6)]
    panel = overlay(frame, *faces)[:, size[0] :]
    inked = np.flatnonzero((panel != PANEL).any((1, 2)))
    gaps = np.flatnonzero(np.diff(inked) > 1)
    last = inked[gaps[-1] + 1 :]  # the rows of pixels of the lowest line
    assert not (panel[last, : size[1] // 20] != PANEL).any()  # nothing stands at its left: no bar, no name


def test_faces_are_numbered_when_there_are_several() -> None:
    frame = picture(640, 480)
    one, two = reading(frame, (160, 240), 160, 0), reading(frame, (480, 240), 160, 1)
    alone, together = overlay(frame, one), overlay(frame, one, two)
    tab = (slice(130, 160), slice(75, 110))
    np.testing.assert_array_equal(alone[tab], frame.pixels[tab])
    assert near(together[tab], ACCENTS[0]) > 100


def test_more_weight_is_a_longer_bar() -> None:
    frame = picture(640, 480)
    lengths = []
    for weight in (0.1, 0.3, 0.5, 0.9, 1.0):
        result = overlay(frame, reading(frame, (200, 200), 160, weights={"jawOpen": weight}))
        lengths.append(near(result[:, 640:], ACCENTS[0]))
    assert (np.diff(lengths) > 0).all()
    beyond = overlay(frame, reading(frame, (200, 200), 160, weights={"jawOpen": 1.7}))
    assert near(beyond[:, 640:], ACCENTS[0]) == lengths[-1]


def test_both_sides_share_a_row_and_jaws_do_not() -> None:
    frame = picture(640, 480)
    face = reading(frame, (200, 200), 160)
    smiles = overlay(frame, face, columns=["mouthSmileLeft", "mouthSmileRight", "jawOpen"])
    apart = overlay(frame, face, columns=["jawLeft", "jawRight", "jawOpen"])
    lowest = [np.nonzero((result[:, 640:] != PANEL).any((1, 2)))[0].max() for result in (smiles, apart)]
    assert lowest[0] < lowest[1]


def test_columns_keep_the_rows_in_place() -> None:
    frame = picture(640, 480)
    columns = ["browInnerUp", "jawOpen", "mouthPucker"]
    tracks = []
    for weights in ({}, {"mouthPucker": 0.9}, {"jawOpen": 0.02, "cheekPuff": 1.0}):
        panel = overlay(frame, reading(frame, (200, 200), 160, weights=weights), columns=columns)[:, 640:]
        names = panel[70:, : panel.shape[1] // 2]
        tracks.append((names.min(-1) > 200).nonzero())
    for rows, places in tracks[1:]:
        np.testing.assert_array_equal(rows, tracks[0][0])
        np.testing.assert_array_equal(places, tracks[0][1])


def test_bars_of_a_two_sided_basis_start_at_its_zero() -> None:
    frame = picture(640, 480)
    basis = Basis("affect", ("valence", "a name that is far too long to fit beside its number"), low=-1.0)
    middles = []
    for valence in (-0.8, 0.8):
        face = reading(frame, (200, 200), 160, weights={"valence": valence}, basis=basis)
        panel = overlay(frame, face, columns=list(basis.columns))[70:, 640:]
        middles.append(np.nonzero((panel == ACCENTS[0]).all(-1))[1].mean() / panel.shape[1])
    assert middles[0] < 0.4
    assert middles[1] > 0.6


def test_what_is_not_there_is_refused() -> None:
    frame = picture(64, 64)
    face = reading(frame, (32, 32), 20)
    with pytest.raises(KeyError, match="arkit"):
        overlay(frame, face, columns=["smile"])
    with pytest.raises(ValueError, match="outside"):
        draw_overlay(frame, [face], np.array([[0, 1, LANDMARKS]]), camera(frame))
    with pytest.raises(ValueError, match="triangles"):
        draw_overlay(frame, [face], np.zeros((3, 2)), camera(frame))


def test_a_big_picture_and_an_empty_mesh() -> None:
    frame = picture(2400, 1800)
    face = reading(frame, (1200, 900), 1500, weights={"jawOpen": 0.4})
    bare = draw_overlay(frame, [face], np.empty((0, 3), int), camera(frame))
    assert bare.shape == overlay(frame, face).shape
    assert (bare != overlay(frame, face)).any()
