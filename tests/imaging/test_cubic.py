import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.imaging.cubic import REACH, between, packed

quiet = settings(derandomize=True, deadline=None, max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)
WIDTH, HEIGHT = 31, 27


def noise(seed: int) -> Array:
    """Nothing but the darkest and the brightest: what overshoots most."""
    return np.random.default_rng(seed).choice(np.array([0, 255], np.uint8), (HEIGHT, WIDTH, 3))


def places(seed: int, count: int = 500) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    x, y = (generator.uniform(REACH, size - REACH, count).astype(np.float32) for size in (WIDTH, HEIGHT))
    return x, y


def keys(pixels: Array, x: Array, y: Array) -> Array:
    """[P, 3] the same in floating point, one tap after the other."""

    def weight(away: Array) -> Array:
        d = np.abs(away)
        near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
        return np.asarray(np.where(d < 1, near, np.where(d < 2, far, 0)))

    total = np.zeros((len(x), 3))
    left, top = np.floor(x - 0.5).astype(int), np.floor(y - 0.5).astype(int)
    for j in range(-1, 3):
        for i in range(-1, 3):
            share = weight(x - 0.5 - left - i) * weight(y - 0.5 - top - j)
            total += share[:, None] * pixels[top + j, left + i]
    return np.clip(total, 0, 255)


@quiet
@given(SEEDS)
def test_on_its_centre_a_pixel_is_itself(seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    y, x = np.mgrid[REACH : HEIGHT - REACH, REACH : WIDTH - REACH]
    seen = between(packed(pixels), x.ravel() + np.float32(0.5), y.ravel() + np.float32(0.5))
    np.testing.assert_array_equal(seen, pixels[y.ravel(), x.ravel()])


@quiet
@given(SEEDS, st.tuples(*[st.integers(0, 255)] * 3))
def test_what_is_even_stays_so(seed: int, colour: tuple[int, int, int]) -> None:
    even = np.broadcast_to(np.array(colour, np.uint8), (HEIGHT, WIDTH, 3))
    np.testing.assert_array_equal(between(packed(even), *places(seed)), np.broadcast_to(colour, (500, 3)))


@quiet
@given(SEEDS)
def test_it_is_the_cubic_of_keys_at_the_nearest_sixty_fourth(seed: int) -> None:
    """Colours do not leak into each other, whatever over- or undershoots: an error there would be 100 levels."""
    pixels, (x, y) = noise(seed), places(seed)
    near = [np.rint((v - 0.5) * 64) / 64 + 0.5 for v in (x, y)]
    away = np.abs(between(packed(pixels), x, y) - keys(pixels, *near))
    assert away.max() < 9  # weights in 64ths, between black and white
    assert away.mean() < 1.5


@quiet
@given(st.floats(-3, 3), st.floats(-3, 3), SEEDS)
def test_a_slope_is_met_exactly(right: float, down: float, seed: int) -> None:
    """Unlike by the kernel that Pillow has, which bends a straight slope."""
    row, column = np.mgrid[:HEIGHT, :WIDTH]
    levels = np.rint(128 + right * (column - WIDTH / 2) + down * (row - HEIGHT / 2))
    pixels = np.repeat(levels[..., None], 3, axis=2).astype(np.uint8)
    x, y = places(seed)
    truth = 128 + right * (x - 0.5 - WIDTH / 2) + down * (y - 0.5 - HEIGHT / 2)
    assert (
        np.abs(between(packed(pixels), x, y) - truth[:, None]).max() < 1.5
    )  # each pixel is rounded, and so is the sum


@quiet
@given(SEEDS)
def test_many_places_are_as_one_by_one(seed: int) -> None:
    lanes, (x, y) = packed(noise(seed)), places(seed, 20_000)
    seen = between(lanes, x, y)
    for k in range(0, 20_000, 1_777):
        np.testing.assert_array_equal(between(lanes, x[k : k + 1], y[k : k + 1])[0], seen[k])


def test_of_no_place_there_is_nothing() -> None:
    assert between(packed(noise(0)), np.zeros(0, np.float32), np.zeros(0, np.float32)).shape == (0, 3)
