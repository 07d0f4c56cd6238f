import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.geometry import Camera
from mien.imaging import raster
from mien.imaging.raster import NEAR, Seen, rasterise

quiet = settings(derandomize=True, deadline=None, max_examples=60)


def counter_clockwise(points: Array, triangles: Array) -> Array:
    """The triangles, turned so that the viewer sees their front."""
    a, b, c = (points[triangles[:, k], :2] for k in range(3))
    turn = (b - a)[:, 0] * (c - a)[:, 1] - (c - a)[:, 0] * (b - a)[:, 1]
    return np.where((turn > 0)[:, None], triangles[:, ::-1], triangles)


def owners(seen: Seen) -> Array:
    return seen.spread(seen.triangle, -1)


def net(columns: int, rows: int, step: float, seed: int, snapped: bool) -> tuple[Array, Array]:
    """A grid of triangles from (-step, -step) on, its inner vertices moved; `snapped` to where pixel centres lie."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(columns + 1) * step - step, np.arange(rows + 1) * step - step)
    jitter = random.uniform(-0.45, 0.45, (2, rows + 1, columns + 1)) * step / 2
    jitter[:, [0, -1]] = 0
    jitter[:, :, [0, -1]] = 0
    points = np.stack([x + jitter[0], y + jitter[1], random.uniform(1, 9, x.shape)], axis=-1).reshape(-1, 3)
    if snapped:
        points[:, :2] = np.round(points[:, :2] * 2) / 2
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    first = np.stack([corner, corner + columns + 1, corner + 1], 1)
    second = np.stack([corner + 1, corner + columns + 1, corner + columns + 2], 1)
    return points, np.concatenate([first, second])


@quiet
@given(st.integers(0, 2**32 - 1), st.floats(1.0, 9.0), st.booleans())
def test_a_net_has_no_holes_and_no_doubles(seed: int, step: float, snapped: bool) -> None:
    points, triangles = net(6, 5, step, seed, snapped)
    width, height = max(int(4 * step), 1), max(int(3 * step), 1)
    assert (owners(rasterise(points, triangles, width, height)) >= 0).all()
    # Each triangle by itself: together they must count every pixel once. Moved vertices may turn a triangle over.
    turned = counter_clockwise(points, triangles)
    if (turned == triangles).all():
        covered = sum(len(rasterise(points, triangles[[k]], width, height).pixel) for k in range(len(triangles)))
        assert covered == width * height


@quiet
@given(st.integers(0, 2**32 - 1), st.integers(1, 25))
def test_it_sees_what_a_test_of_every_pixel_sees(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    points = random.uniform([-8, -8, 1], [32, 24, 9], (3 * count, 3))
    triangles = counter_clockwise(points, np.arange(3 * count).reshape(-1, 3))
    seen = rasterise(points, triangles, 24, 16)
    x, y = np.meshgrid(np.arange(24) + 0.5, np.arange(16) + 0.5)
    best, owner, doubtful = np.zeros((16, 24)), np.full((16, 24), -1), np.zeros((16, 24), bool)
    for number, (a, b, c) in enumerate(points[triangles]):
        edges = [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((b, c), (c, a), (a, b))]
        shares = np.stack(edges) / sum(edges)
        closeness = shares[0] / a[2] + shares[1] / b[2] + shares[2] / c[2]
        doubtful |= (np.abs(shares).min(0) < 1e-7) & (shares > -1e-6).all(0)
        doubtful |= (np.abs(closeness - best) < 1e-6) & (shares > 0).all(0)
        closer = (shares > 0).all(0) & (closeness > best)
        best[closer], owner[closer] = closeness[closer], number
    agrees = owners(seen) == owner
    assert (agrees | doubtful).all()
    depth = seen.spread(seen.depth.astype(np.float64), np.inf)
    both = agrees & ~doubtful & (owner >= 0)
    np.testing.assert_allclose(1 / depth[both], best[both], atol=1e-5)


@quiet
@given(st.integers(0, 2**32 - 1))
def test_shares_lead_back_to_the_place_in_space(seed: int) -> None:
    random = np.random.default_rng(seed)
    camera = Camera(40.0, np.array([16.0, 12.0]))
    solid = np.column_stack([random.uniform(-0.8, 0.8, (3, 2)), random.uniform(0.6, 4, 3)])
    points = np.column_stack([camera.project(solid), solid[:, 2]])
    triangle = counter_clockwise(points, np.array([[0, 1, 2]]))
    seen = rasterise(points, triangle, 32, 24)
    if np.ptp(points[:, 0]) * np.ptp(points[:, 1]) < 4:  # a sliver has no digits to lead back with
        return
    shares = seen.barycentric().astype(np.float64)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-6)
    assert shares.min(initial=0) >= 0
    place = shares @ solid[triangle[0]]
    centres = np.column_stack([seen.pixel % 32 + 0.5, seen.pixel // 32 + 0.5])
    np.testing.assert_allclose(camera.project(place), centres, atol=0.02)
    np.testing.assert_allclose(place[:, 2], seen.depth, rtol=1e-3)


def test_shares_of_some_pixels_are_those_of_all() -> None:
    points, triangles = net(6, 5, 5.0, 3, False)
    seen = rasterise(points, triangles, 20, 15)
    which = np.array([0, 7, 299])
    np.testing.assert_array_equal(seen.barycentric(which), seen.barycentric()[which])


SQUARE = np.array([[2.0, 2.0, 5.0], [2.0, 6.0, 5.0], [6.0, 6.0, 5.0], [6.0, 2.0, 5.0]])
FRONT = np.array([[0, 1, 2], [0, 2, 3]])


def moved_square(x: float, y: float, depth: float) -> Array:
    return np.asarray(SQUARE + np.array([x, y, depth]))


def test_pixel_centres_lie_at_half() -> None:
    seen = owners(rasterise(SQUARE, FRONT, 8, 8)) >= 0
    expected = np.zeros((8, 8), bool)
    expected[2:6, 2:6] = True
    np.testing.assert_array_equal(seen, expected)
    moved = owners(rasterise(moved_square(0.5, 0.5, 0), FRONT, 8, 8)) >= 0
    np.testing.assert_array_equal(moved, expected)  # the left and upper edges own their centres
    moved = owners(rasterise(moved_square(0.51, 0.51, 0), FRONT, 8, 8)) >= 0
    np.testing.assert_array_equal(moved, np.roll(expected, (1, 1), (0, 1)))


def test_backs_are_not_seen() -> None:
    assert not len(rasterise(SQUARE, FRONT[:, ::-1], 8, 8).pixel)


def test_the_nearer_one_is_seen_whatever_the_order() -> None:
    points = np.concatenate([SQUARE, moved_square(1, 1, -1)])
    for order in (np.concatenate([FRONT, FRONT + 4]), np.concatenate([FRONT + 4, FRONT])):
        seen = rasterise(points, order, 8, 8)
        depth = seen.spread(seen.depth, np.inf)
        assert depth[4, 4] == pytest.approx(4)
        assert depth[2, 2] == pytest.approx(5)
        assert depth[0, 0] == np.inf


def test_crossing_surfaces_meet_where_their_depths_do() -> None:
    points = np.array(
        [[0, 0, 2.0], [0, 8, 2.0], [8, 8, 6.0], [8, 0, 6.0], [0, 0, 6.0], [0, 8, 6.0], [8, 8, 2], [8, 0, 2]]
    )
    seen = owners(rasterise(points, np.concatenate([FRONT, FRONT + 4]), 8, 8))
    assert (seen[:, :4] < 2).all()
    assert (seen[:, 4:] >= 2).all()


def test_what_lies_behind_the_camera_or_beside_the_picture_is_left_out() -> None:
    for shift in ((0, 0, -5.0), (0, 0, NEAR / 2 - 5), (100, 0, 0), (0, -100, 0), (0, 0, -50)):
        assert not len(rasterise(moved_square(*shift), FRONT, 8, 8).pixel)


def test_huge_triangles_are_cut_to_the_picture() -> None:
    points = np.array([[-1e6, -1e6, 1.0], [-1e6, 3e6, 1.0], [3e6, -1e6, 1.0]])
    seen = rasterise(points, np.array([[0, 1, 2]]), 50, 40)
    assert len(seen.pixel) == 2000
    np.testing.assert_allclose(seen.depth, 1, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-30, 1e-9, 1e200, 1e300])
def test_slivers_and_giants_do_no_harm(size: float) -> None:
    points = np.array([[2.0, 2.0, 1.0], [2.0 + min(size, 1.0), 7.0, 2.0], [2.5, 7.0 * size, 3.0], [6.5, 2.5, 1.0]])
    triangles = counter_clockwise(points, np.array([[0, 1, 2], [0, 1, 3], [1, 2, 3]]))
    seen = rasterise(points, triangles, 8, 8)
    assert np.isfinite(seen.depth).all()
    assert np.isfinite(seen.barycentric()).all()


def test_nothing_gives_nothing() -> None:
    seen = rasterise(np.zeros((0, 3)), np.zeros((0, 3)), 4, 3)
    assert len(seen.pixel) == len(seen.triangle) == len(seen.depth) == 0
    assert seen.barycentric().shape == (0, 3)
    assert (owners(seen) == -1).all()


def test_memory_is_cut_into_parts_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    points = random.uniform([-8, -8, 1], [70, 50, 9], (300, 3))
    triangles = counter_clockwise(points, np.arange(300).reshape(-1, 3))
    whole = rasterise(points, triangles, 64, 48)
    monkeypatch.setattr(raster, "_CHUNK", 500)
    parts = rasterise(points, triangles, 64, 48)
    np.testing.assert_array_equal(parts.pixel, whole.pixel)
    np.testing.assert_array_equal(parts.triangle, whole.triangle)
    np.testing.assert_array_equal(parts.depth, whole.depth)


def test_values_are_spread_over_the_picture() -> None:
    seen = rasterise(SQUARE, FRONT, 8, 8)
    colours = seen.spread(np.full((len(seen.pixel), 3), 7, np.uint8), 1)
    assert colours.shape == (8, 8, 3)
    assert colours.dtype == np.uint8
    assert (colours[3, 3] == 7).all()
    assert (colours[0, 0] == 1).all()


@pytest.mark.parametrize(
    ("vertices", "triangles", "size", "said"),
    [
        (SQUARE * np.nan, FRONT, (8, 8), "vertices holds numbers that are not finite"),
        (SQUARE[:, :2], FRONT, (8, 8), "vertices must have shape"),
        (SQUARE, FRONT[:, :2], (8, 8), "triangles must have shape"),
        (SQUARE, FRONT, (0, 8), "at least one pixel"),
    ],
)
def test_refuses_what_is_no_surface(vertices: Array, triangles: Array, size: tuple[int, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rasterise(vertices, triangles, *size)
