import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.image import Frame
from mien.imaging.flow import Flow

quiet = settings(derandomize=True, deadline=None, max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)
CELLS = st.integers(1, 7)
OFFSETS = st.integers(-9, 9)


def noise(seed: int, width: int = 61, height: int = 47) -> Frame:
    return Frame(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def photo(width: int = 90, height: int = 80) -> Frame:
    """As smooth as skin."""
    y, x = np.mgrid[:height, :width]
    planes = [128 + 60 * np.sin(x / (8 + c)) + 50 * np.cos(y / (7 + c)) for c in range(3)]
    return Frame(np.stack(planes, -1).astype(np.uint8))


def wavy(seed: int, rows: int = 9, columns: int = 11, cell: int = 4, most: float = 2.0) -> Flow:
    """Smooth, as skin moves; over (7, 5) on."""
    coarse = np.random.default_rng(seed).uniform(-most, most, (3, 3, 2))
    y, x = np.linspace(0, 2, rows + 1), np.linspace(0, 2, columns + 1)
    hats = [np.clip(1 - np.abs(each[:, None] - np.arange(3)), 0, 1) for each in (y, x)]
    return Flow(7, 5, cell, np.einsum("ra,cb,abk->rck", *hats, coarse))


def constant(shift: tuple[float, float], left: int = 3, top: int = 2, cell: int = 4) -> Flow:
    return Flow(left, top, cell, np.broadcast_to(np.array(shift), (8, 10, 2)))


def under(frame: Frame, flow: Flow, dx: int = 0, dy: int = 0) -> Array:
    """The picture's own pixels that a flow covers, moved; beyond its border it goes on as it ends."""
    rows = np.clip(flow.top + dy + np.arange(flow.rows * flow.cell), 0, frame.height - 1)
    columns = np.clip(flow.left + dx + np.arange(flow.columns * flow.cell), 0, frame.width - 1)
    return frame.pixels[rows][:, columns]


# --- the picture's own pixels -----------------------------------------------------------------------------------------


@quiet
@given(SEEDS, CELLS, st.integers(0, 15), st.integers(0, 12))
def test_without_motion_every_pixel_is_its_own(seed: int, cell: int, left: int, top: int) -> None:
    frame, still = noise(seed), Flow(left, top, cell, np.zeros((36 // cell, 46 // cell, 2)))
    np.testing.assert_array_equal(still.sample(frame), under(frame, still))


@quiet
@given(SEEDS, CELLS, st.integers(-6, 6), st.integers(-6, 6))
def test_a_shift_by_whole_pixels_is_a_shifted_picture(seed: int, cell: int, dx: int, dy: int) -> None:
    frame, flow = noise(seed), constant((dx, dy), 10, 8, cell)
    flow = Flow(10, 8, cell, flow.backward[: 24 // cell + 1, : 36 // cell + 1])
    np.testing.assert_array_equal(flow.sample(frame), under(frame, flow, dx, dy))


@quiet
@given(OFFSETS, OFFSETS, st.floats(-9, 9), st.floats(-9, 9))
def test_beyond_the_border_the_picture_goes_on_as_it_ends(left: int, top: int, dx: float, dy: float) -> None:
    """A picture that does not change down its columns: each pixel is as its column, wherever that is asked for."""
    frame = Frame(np.broadcast_to(np.array([40, 90, 200], np.uint8), (20, 24, 3)))
    flow = constant((dx, dy), left - 8, top - 8, 5)
    assert (flow.sample(frame) == [40, 90, 200]).all()


def test_far_outside_it_is_the_nearest_pixel() -> None:
    frame = noise(1)
    np.testing.assert_array_equal(constant((0, 0), 500, 2).sample(frame)[:20], under(frame, constant((0, 0), 500))[:20])
    assert (constant((0, 0), -400, -300).sample(frame) == frame.pixels[0, 0]).all()


@quiet
@given(SEEDS)
def test_in_between_it_is_near_what_is_there(seed: int) -> None:
    """The picture is a formula, so what lies between its pixels is known."""
    flow, frame = wavy(seed), photo()
    drawn = flow.sample(frame)
    rows, columns = ((np.arange(cells * flow.cell) + 0.5) / flow.cell for cells in (flow.rows, flow.columns))
    places = bilinear(flow.nodes() + flow.backward, rows, columns) - 0.5
    x, y = places[..., 0], places[..., 1]
    truth = np.stack([128 + 60 * np.sin(x / (8 + c)) + 50 * np.cos(y / (7 + c)) for c in range(3)], -1)
    assert np.abs(drawn - truth).max() < 2
    assert np.abs(drawn - truth).mean() < 0.8


def bilinear(nodes: Array, rows: Array, columns: Array) -> Array:
    i, j = rows.astype(int), columns.astype(int)
    v, u = (rows - i)[:, None, None], (columns - j)[None, :, None]
    a, b, c, d = (nodes[i + p][:, j + q] for p in (0, 1) for q in (0, 1))
    return np.asarray((1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d))


def test_the_source_is_not_touched() -> None:
    frame = noise(3)
    before = frame.pixels.copy()
    one, other = wavy(4).sample(frame), wavy(4).sample(frame)
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(frame.pixels, before)


@quiet
@given(SEEDS, st.floats(0, 1))
def test_the_cells_that_are_wanted_are_the_same_alone(seed: int, share: float) -> None:
    flow, frame = wavy(seed), photo()
    wanted = np.random.default_rng(seed).uniform(size=(flow.rows, flow.columns)) < share
    inside = flow.enlarged(wanted)
    np.testing.assert_array_equal(flow.sample(frame, wanted)[inside], flow.sample(frame)[inside])


@pytest.mark.parametrize("cell", [1, 3, 40, 150])
def test_large_cells_are_as_small_ones(cell: int) -> None:
    """However many are worked on at once."""
    frame, shift = noise(5, 640, 480), np.broadcast_to([1.25, -2.5], (480 // cell, 640 // cell, 2))
    coarse, fine = Flow(0, 0, cell, shift), Flow(0, 0, 1, np.broadcast_to([1.25, -2.5], (481, 641, 2)))
    drawn = coarse.sample(frame)
    np.testing.assert_array_equal(drawn, fine.sample(frame)[: drawn.shape[0], : drawn.shape[1]])


# --- parts ------------------------------------------------------------------------------------------------------------


@quiet
@given(SEEDS, st.floats(0, 55), st.floats(0, 45), st.floats(0.5, 30), st.floats(0.5, 30))
def test_a_part_is_what_the_whole_has_there(seed: int, x: float, y: float, wide: float, high: float) -> None:
    flow, frame, box = wavy(seed), photo(), np.array([x, y, x + wide, y + high])
    part = flow.part(box)
    right, bottom = flow.left + flow.columns * flow.cell, flow.top + flow.rows * flow.cell
    if part is None:
        assert x + wide <= flow.left or y + high <= flow.top or x >= right or y >= bottom
        return
    assert part.left <= max(x, flow.left)
    assert part.top <= max(y, flow.top)
    assert part.left + part.columns * part.cell >= min(x + wide, right)
    assert part.top + part.rows * part.cell >= min(y + high, bottom)
    i, j = (part.top - flow.top) // flow.cell, (part.left - flow.left) // flow.cell
    inside = slice(i, i + part.rows + 1), slice(j, j + part.columns + 1)
    np.testing.assert_array_equal(part.backward, flow.backward[inside])
    np.testing.assert_array_equal(part.nodes(), flow.nodes()[inside])
    rows = slice(part.top - flow.top, part.top - flow.top + part.rows * part.cell)
    columns = slice(part.left - flow.left, part.left - flow.left + part.columns * part.cell)
    away = part.sample(frame).astype(int) - flow.sample(frame)[rows, columns]
    assert np.abs(away).max() <= 2  # by a 64th of a pixel at most: the two are rounded elsewhere


def test_the_part_of_everything_is_the_whole_and_of_nothing_none() -> None:
    flow = wavy(0)
    whole = flow.part(np.array([-1e4, -1e4, 1e4, 1e4]))
    assert whole is not None
    assert (whole.left, whole.top, whole.cell) == (flow.left, flow.top, flow.cell)
    np.testing.assert_array_equal(whole.backward, flow.backward)
    for box in ([-50, 0, 7, 40], [0, -50, 40, 5], [60, 0, 99, 40], [10, 60, 20, 70]):
        assert flow.part(np.array(box, float)) is None


# --- what is said of it -----------------------------------------------------------------------------------------------


@quiet
@given(st.floats(-9, 9), st.floats(-9, 9))
def test_a_shift_takes_up_as_much_room_as_before(dx: float, dy: float) -> None:
    flow = constant((dx, dy))
    np.testing.assert_allclose(flow.turns(), 1)
    assert flow.turns().shape == (flow.rows, flow.columns)
    assert flow.moving().all() == (max(abs(dx), abs(dy)) > 0.01)


@quiet
@given(st.floats(-0.9, 3), st.floats(-0.9, 3))
def test_the_area_of_a_stretched_grid(wide: float, high: float) -> None:
    flow = constant((0, 0))
    stretched = Flow(flow.left, flow.top, flow.cell, flow.nodes() * [wide, high])
    np.testing.assert_allclose(stretched.turns(), (1 + wide) * (1 + high), atol=1e-9)


def test_a_fold_is_below_zero_where_it_is() -> None:
    still = np.zeros((8, 10, 2))
    still[3, 4, 0] = 9.0  # past the next node, 4 px off
    turns = Flow(0, 0, 4, still).turns()
    folded = np.zeros((7, 9), bool)
    folded[2:4, 4] = True
    np.testing.assert_array_equal(turns < 0, folded)
    mirrored = constant((0, 0)).nodes() * [-2, 0]
    assert (Flow(3, 2, 4, mirrored).turns() < 0).all()


def test_the_cells_round_a_node_that_moves_are_moving() -> None:
    still = np.zeros((8, 10, 2))
    still[3, 4, 1] = 0.011
    still[6, 8, 1] = 0.009
    moving = np.zeros((7, 9), bool)
    moving[2:4, 3:5] = True
    flow = Flow(0, 0, 4, still)
    np.testing.assert_array_equal(flow.moving(), moving)
    large = flow.enlarged(flow.moving())
    assert large.shape == (28, 36)
    np.testing.assert_array_equal(large[::4, ::4], moving)
    assert large.sum() == 16 * moving.sum()


@pytest.mark.parametrize(("shape", "cell"), [((1, 3, 2), 4), ((3, 1, 2), 4), ((3, 3, 2), 0), ((3, 3, 3), 4)])
def test_what_is_no_flow(shape: tuple[int, ...], cell: int) -> None:
    with pytest.raises(ValueError, match=r"flow|backward"):
        Flow(0, 0, cell, np.zeros(shape))


def test_a_flow_is_finite_and_its_own() -> None:
    given_array = np.zeros((3, 3, 2))
    flow = Flow(0, 0, 4, given_array)
    given_array[:] = 7
    assert not flow.backward.any()
    with pytest.raises(ValueError, match="read-only"):
        flow.backward[0, 0] = 1
    with pytest.raises(ValueError, match="finite"):
        Flow(0, 0, 4, np.full((3, 3, 2), np.nan))


# --- over a whole picture ---------------------------------------------------------------------------------------------


@quiet
@given(OFFSETS, OFFSETS, CELLS, st.integers(1, 70), st.integers(1, 60))
def test_over_a_picture_a_flow_is_where_it_lies_and_nothing_elsewhere(
    left: int, top: int, cell: int, width: int, height: int
) -> None:
    flow = Flow(left, top, cell, np.ones((6, 8, 2)) * [2.0, -3.0])
    laid = flow.over(width, height)
    assert laid.shape == (height, width, 2)
    x, y = np.arange(width) - left, (np.arange(height) - top)[:, None]
    inside = (x >= 0) & (x < 7 * cell) & (y >= 0) & (y < 5 * cell)
    np.testing.assert_array_equal(laid, np.where(inside[..., None], [2.0, -3.0], 0.0))


@quiet
@given(CELLS)
def test_over_a_picture_pixels_have_what_lies_at_their_centres(cell: int) -> None:
    y, x = np.mgrid[:6, :8] * float(cell)
    flow = Flow(0, 0, cell, np.stack([0.5 * x - 0.25 * y, y], -1))
    laid = flow.over(7 * cell, 5 * cell)
    rows, columns = np.mgrid[: 5 * cell, : 7 * cell] + 0.5
    np.testing.assert_allclose(laid, np.stack([0.5 * columns - 0.25 * rows, rows], -1), atol=1e-4)
