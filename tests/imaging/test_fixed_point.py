import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.core.arrays import Array
from mien.imaging.fixed_point import sample_fixed

pictures = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))
places = st.integers(-40, 40)


def shifted(across: float, down: float) -> Array:
    return np.array([[1.0, 0, across], [0, 1.0, down]])


@given(pictures, places, places)
def test_whole_steps_give_pixels_and_what_lies_outside(picture: Array, across: int, down: int) -> None:
    side, (height, width) = 5, picture.shape[:2]
    dark = sample_fixed(picture, shifted(across, down), side, zeros_outside=True)
    going_on = sample_fixed(picture, shifted(across, down), side, zeros_outside=False)
    for j in range(side):
        for i in range(side):
            x, y = i + across, j + down
            edge = picture[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]
            inside = 0 <= x < width and 0 <= y < height
            assert (going_on[j, i] == edge).all()
            assert (dark[j, i] == (edge if inside else 0)).all()


@given(pictures, st.floats(-9, 9), st.floats(-9, 9), st.floats(-2, 2), st.floats(-2, 2))
def test_between_pixels_it_is_the_bilinear_mean_at_the_nearest_32nd(
    picture: Array, across: float, down: float, a: float, b: float
) -> None:
    to_picture = np.array([[a, b, across], [-b, a, down]])
    found = sample_fixed(picture, to_picture, 4, zeros_outside=False)
    padded = np.pad(picture, ((40, 40), (40, 40), (0, 0)), mode="edge").astype(np.int64)
    for j in range(4):
        for i in range(4):
            # In the order in which the code adds, for a rounding half decides.
            x = round(32 * (a * i + b * j + across)) + 40 * 32
            y = round(32 * (-b * i + a * j + down)) + 40 * 32
            (u, fx), (v, fy) = divmod(x, 32), divmod(y, 32)
            (upper, lower) = padded[v, u : u + 2], padded[v + 1, u : u + 2]
            total = (upper[0] * (32 - fx) + upper[1] * fx) * (32 - fy) + (lower[0] * (32 - fx) + lower[1] * fx) * fy
            assert (found[j, i] == (total + 512) // 1024).all()


def test_a_place_far_away_is_outside() -> None:
    picture = np.full((4, 4, 3), 200, np.uint8)
    assert sample_fixed(picture, shifted(1e12, -1e12), 2, zeros_outside=True).max() == 0
