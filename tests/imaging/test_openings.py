import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mien.core.arrays import Array
from mien.core.image import Frame
from mien.imaging.flow import Flow
from mien.imaging.openings import Region, darkened, lay_over, looking, smooth

quiet = settings(derandomize=True, deadline=None, max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)
LINES = arrays.arrays(np.float64, st.tuples(st.integers(2, 9), st.just(2)), elements=st.floats(-50, 50))


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Region:
    return Region(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]))


def lens(seed: int) -> Region:
    """An eye's opening in 40 x 30."""
    random = np.random.default_rng(seed)
    x = np.linspace(6, 34, 9)
    arch = np.sin(np.linspace(0, np.pi, 9))
    upper, lower = (np.column_stack([x, 15 + way * random.uniform(3, 9) * arch]) for way in (-1, 1))
    return Region.between(upper, lower)


def area(outline: Array) -> float:
    x, y = outline.T
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) / 2


# --- borders ----------------------------------------------------------------------------------------------------------


@quiet
@given(LINES)
def test_a_smooth_line_passes_through_its_points(line: Array) -> None:
    curve = smooth(line)
    assert curve.shape == ((len(line) - 1) * 8 + 1, 2)
    np.testing.assert_allclose(curve[::8], line, atol=1e-9)


@quiet
@given(LINES)
def test_a_smooth_line_is_the_same_backwards(line: Array) -> None:
    np.testing.assert_allclose(smooth(line[::-1]), smooth(line)[::-1], atol=1e-9)


@quiet
@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(-4, 4), st.floats(-4, 4))
def test_evenly_set_points_of_a_straight_line_stay_on_it(x: float, y: float, dx: float, dy: float) -> None:
    ends, steps = np.array([x, y]), np.arange(5)[:, None] * [dx, dy]
    np.testing.assert_allclose(smooth(ends + steps), ends + np.arange(33)[:, None] / 8 * [dx, dy], atol=1e-9)


# --- shares -----------------------------------------------------------------------------------------------------------


@quiet
@given(*[st.integers(0, 40)] * 2, *[st.integers(1, 40)] * 2)
def test_a_rectangle_takes_of_each_pixel_what_it_covers(x: int, y: int, wide: int, high: int) -> None:
    """On quarters of a pixel, which is how fine borders are drawn."""
    x0, y0, x1, y1 = (each / 4 for each in (x, y, x + wide, y + high))
    share = rectangle(x0, y0, x1, y1).share(-3, -2, 26, 25)
    across, down = (
        np.clip(np.minimum(last, at + 1) - np.maximum(first, at), 0, 1)
        for first, last, at in ((x0, x1, np.arange(-3, 23)), (y0, y1, np.arange(-2, 23)))
    )
    np.testing.assert_allclose(share, np.outer(down, across), atol=0.01)


@quiet
@given(SEEDS)
def test_shares_add_up_to_the_area(seed: int) -> None:
    region = lens(seed)
    share = region.share(0, 0, 40, 30)
    assert share.dtype == np.float32
    assert 0 <= share.min() <= share.max() <= 1
    assert float(share.sum()) == pytest.approx(area(region.outline), rel=0.02)


@quiet
@given(SEEDS)
def test_a_mirrored_region_takes_mirrored_shares(seed: int) -> None:
    region = lens(seed)
    mirrored = Region(region.outline * [-1, 1] + [40, 0])
    upside_down = Region(region.outline * [1, -1] + [0, 30])
    share = region.share(0, 0, 40, 30)
    assert np.abs(mirrored.share(0, 0, 40, 30)[:, ::-1] - share).max() <= 0.26
    assert np.abs(mirrored.share(0, 0, 40, 30)[:, ::-1] - share).sum() < 0.02 * share.sum()
    assert np.abs(upside_down.share(0, 0, 40, 30)[::-1] - share).sum() < 0.02 * share.sum()


@quiet
@given(SEEDS, st.integers(-5, 8), st.integers(-5, 8))
def test_a_part_of_the_picture_has_the_shares_of_the_whole(seed: int, left: int, top: int) -> None:
    whole = lens(seed).share(-10, -10, 60, 60)
    part = lens(seed).share(left, top, 30, 20)
    np.testing.assert_array_equal(part, whole[top + 10 : top + 30, left + 10 : left + 40])


def test_a_strip_lies_on_its_side_of_the_line() -> None:
    line = np.column_stack([np.arange(5, 26, 5.0), np.full(5, 10.0)])
    below = Region.along(line, np.array([0.0, 4.0])).share(0, 0, 30, 20)
    above = Region.along(line, np.array([0.0, -4.0])).share(0, 0, 30, 20)
    assert (below[10:14, 6:24] == 1).all()
    assert (above[6:10, 6:24] == 1).all()
    assert not below[:9].any()
    assert not above[11:].any()


def test_an_outline_is_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        Region(np.array([[0, 0], [np.inf, 0], [0, 1]]))


# --- contents ---------------------------------------------------------------------------------------------------------

IRIS = np.array([[20.0, 15], [24, 15], [20, 11], [16, 15], [20, 19]])


def grid(left: int = 0, top: int = 0, cell: int = 2) -> Flow:
    return Flow(left, top, cell, np.zeros((31, 41, 2)))


@quiet
@given(st.floats(-6, 6), st.floats(-6, 6))
def test_a_look_carries_the_iris_and_leaves_the_far_white(dx: float, dy: float) -> None:
    shift = np.array([dx, dy])
    flow = looking(grid(-20, -15), IRIS, shift)
    away = np.linalg.norm(flow.nodes() - (IRIS[0] + shift), axis=-1) / 4
    np.testing.assert_allclose(flow.backward[away <= 1.15], np.broadcast_to(-shift, flow.backward[away <= 1.15].shape))
    assert not flow.backward[away >= 2.4].any()
    size = np.linalg.norm(flow.backward, axis=-1)
    assert (size <= np.hypot(dx, dy) + 1e-9).all()
    assert (flow.left, flow.top, flow.cell) == (-20, -15, 2)


def test_an_eye_that_does_not_look_elsewhere_is_still() -> None:
    assert not looking(grid(), IRIS, np.zeros(2)).backward.any()
    assert np.isfinite(looking(grid(), np.zeros((5, 2)), np.ones(2)).backward).all()


def frame(seed: int = 0) -> Frame:
    return Frame(np.random.default_rng(seed).integers(0, 256, (60, 80, 3), np.uint8))


def test_within_a_region_the_other_motion_is_seen() -> None:
    picture, flow = frame(), grid()
    patch = np.zeros((60, 80, 3), np.uint8)
    moved = Flow(0, 0, 2, np.broadcast_to([3.0, 1.0], (31, 41, 2)))
    laid = lay_over(patch, picture, flow, rectangle(10, 12, 30, 40), moved)
    np.testing.assert_array_equal(laid[12:40, 10:30], picture.pixels[13:41, 13:33])
    rest = np.ones((60, 80), bool)
    rest[12:40, 10:30] = False
    assert not laid[rest].any()
    assert not patch.any(), "the patch itself stays"


def test_a_half_covered_pixel_is_half_of_each() -> None:
    picture = Frame(np.full((60, 80, 3), 200, np.uint8))
    patch = np.full((60, 80, 3), 100, np.uint8)
    laid = lay_over(patch, picture, grid(), rectangle(10.5, 12, 30, 40), grid())
    assert (laid[20, 10] == 150).all()
    assert (laid[20, 11] == 200).all()
    assert (laid[20, 9] == 100).all()


@quiet
@given(SEEDS)
def test_the_same_motion_laid_over_itself_changes_nothing(seed: int) -> None:
    picture, flow = frame(seed), grid(3, 1)
    patch = flow.sample(picture)
    np.testing.assert_array_equal(lay_over(patch, picture, flow, lens(seed), flow), patch)


def test_a_region_elsewhere_changes_nothing() -> None:
    patch = np.zeros((60, 80, 3), np.uint8)
    assert lay_over(patch, frame(), grid(), rectangle(200, 0, 220, 9), grid()) is patch


def test_a_region_over_the_border_is_cut_there() -> None:
    picture, flow = frame(), grid(-10, -10)
    patch = np.zeros((60, 80, 3), np.uint8)
    laid = lay_over(patch, picture, flow, rectangle(-30, -30, 5, 5), flow)
    np.testing.assert_array_equal(laid[10:15, 10:15], picture.pixels[:5, :5])
    assert laid[:15, :15].any(2).mean() > 0.95
    assert not laid[16:].any()


# --- shade ------------------------------------------------------------------------------------------------------------


def test_a_region_in_the_shade_is_darker_and_fades_out() -> None:
    patch = np.full((60, 80, 3), 200, np.uint8)
    shaded = darkened(patch, 100, 50, rectangle(120, 70, 150, 90), 0.5, 1.0)
    assert np.abs(shaded[25:35, 25:45].astype(int) - 100).max() <= 1
    assert (shaded <= patch).all()
    assert (np.diff(shaded[30, 45:60, 0].astype(int)) >= 0).all()
    far = np.ones((60, 80), bool)
    far[14:46, 14:56] = False
    np.testing.assert_array_equal(shaded[far], patch[far])
    assert (patch == 200).all(), "the patch itself stays"


@quiet
@given(SEEDS, st.floats(0, 1))
def test_more_shade_is_darker(seed: int, amount: float) -> None:
    patch = frame(seed).pixels
    shaded = darkened(patch, 20, 20, Region(lens(seed).outline + 30), amount, 0.7)
    assert (shaded <= patch).all()
    assert (darkened(patch, 20, 20, Region(lens(seed).outline + 30), 1.0, 0.7) <= shaded).all()
    np.testing.assert_array_equal(darkened(patch, 20, 20, Region(lens(seed).outline + 30), 0.0, 0.7), patch)


@pytest.mark.parametrize("place", [(-500, 0), (0, -500), (500, 0), (0, 500), (-25, -15), (55, 45)])
def test_a_shade_at_or_beyond_the_border(place: tuple[int, int]) -> None:
    patch = np.full((60, 80, 3), 200, np.uint8)
    shaded = darkened(patch, 0, 0, Region(lens(0).outline + place), 0.5, 2.0)
    assert (shaded == patch).all() == (500 in np.abs(place))
