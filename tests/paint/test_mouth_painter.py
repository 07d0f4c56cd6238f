"""The painter fills opened mouths and leaves the rest; what it gets wrong it refuses."""

from pathlib import Path

import numpy as np
import pytest
from made_mouths import face_points, photo, shut, weights_of

from mien.core.arrays import Array
from mien.core.geometry import apply_affine
from mien.imaging.mouth_blend import reach
from mien.imaging.mouth_patch import HEIGHT, WIDTH, MouthPatch, filled
from mien.paint.mouth import MouthPainter, calmed

SHARED = Path(__file__).parents[3] / "shared" / "data" / "photos"
SIZE = 300
POINTS = face_points(210.0, (150.0, 150.0))


@pytest.fixture(scope="module")
def painter() -> MouthPainter:
    return MouthPainter.shipped()


def test_an_open_mouth_is_painted_and_nothing_else(painter: MouthPainter) -> None:
    pixels = photo(POINTS, SIZE, SIZE)
    before, patch = pixels.copy(), MouthPatch.of(POINTS)
    painted = painter.paint(pixels, POINTS, weights_of(0.8))
    np.testing.assert_array_equal(pixels, before)
    ring = apply_affine(patch.to_frame, patch.inner)
    far = filled(ring, reach(patch), SIZE, SIZE) == 0
    np.testing.assert_array_equal(painted[far], pixels[far])
    inside = filled(ring, 0.0, SIZE, SIZE) == 1
    assert np.abs(painted[inside].astype(int) - pixels[inside]).mean() > 3


def test_what_lies_between_the_lips_does_not_matter(painter: MouthPainter) -> None:
    patch = MouthPatch.of(POINTS)
    pixels = photo(POINTS, SIZE, SIZE)
    ring = apply_affine(patch.to_frame, patch.inner)
    inside = filled(ring, 0.0, SIZE, SIZE) == 1
    other = pixels.copy()
    other[inside] = [0, 255, 0]
    one, two = (painter.paint(p, POINTS, weights_of(0.8)) for p in (pixels, other))
    assert np.abs(one[inside].astype(int) - two[inside]).mean() < 2


def test_shut_lips_stay_as_they_are(painter: MouthPainter) -> None:
    pixels = photo(POINTS, SIZE, SIZE)
    painted = painter.paint(pixels, shut(POINTS), weights_of(0.0))
    assert painted is not pixels
    np.testing.assert_array_equal(painted, pixels)


def test_the_same_call_says_the_same_and_points_may_have_depth(painter: MouthPainter) -> None:
    pixels = photo(POINTS, SIZE, SIZE)
    deep = np.column_stack([POINTS, np.zeros(len(POINTS))])
    one, two = (painter.paint(pixels, points, weights_of(0.5)) for points in (POINTS, deep))
    np.testing.assert_array_equal(one, two)


def test_weights_change_the_painting_up_to_their_range(painter: MouthPainter) -> None:
    pixels = photo(POINTS, SIZE, SIZE)
    half, full, over = (painter.paint(pixels, POINTS, weights_of(jaw)) for jaw in (0.1, 1.0, 3.0))
    assert (half != full).any()
    np.testing.assert_array_equal(full, over)


@pytest.mark.parametrize(
    ("points", "weights", "message"),
    [
        (POINTS[:468], weights_of(0.5), r"points must have shape \[478, 2\]"),
        (POINTS, np.zeros(51), r"weights must have shape \[52\]"),
        (POINTS, np.full(52, np.nan), "weights holds numbers that are not finite"),
    ],
)
def test_nonsense_is_refused(painter: MouthPainter, points: Array, weights: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        painter.paint(photo(POINTS, SIZE, SIZE), points, weights)


def test_a_large_photo_is_painted_at_its_own_size(painter: MouthPainter) -> None:
    """A mouth of about 500 px: the painting is enlarged smoothly."""
    points = face_points(1400.0, (900.0, 900.0))
    pixels = np.full((1800, 1800, 3), 150, np.uint8)
    painted = painter.paint(pixels, points, weights_of(0.8))
    patch = MouthPatch.of(points)
    assert patch.scale > 4
    changed = (painted != pixels).any(2)
    assert changed.sum() > 30_000
    steps = np.abs(np.diff(painted.astype(int), axis=1))[changed[:, 1:]]
    assert np.percentile(steps, 99.5) < 40


def test_the_networks_answer_covers_the_patch(painter: MouthPainter) -> None:
    patch = MouthPatch.of(POINTS)
    cut = patch.cut(photo(POINTS, SIZE, SIZE))
    soft, crisp = (painter.look(cut, patch, weights_of(0.6), sharpness) for sharpness in (-1.5, 1.0))
    assert soft.shape == crisp.shape == (HEIGHT, WIDTH, 3)
    assert np.isfinite(crisp).all()
    assert (soft != crisp).any()


# --- calm -------------------------------------------------------------------------------------------------------------


def weave(light: float) -> Array:
    """[96, 128, 3] a grid of one pixel on a grey of that luminance."""
    rows, columns = np.indices((96, 128))
    return np.repeat((light + 20.0 * (-1.0) ** (rows + columns))[..., None], 3, 2).astype(np.float32)


def test_a_mouth_that_smiles_is_left_as_it_was_painted() -> None:
    painted = weave(60)
    np.testing.assert_array_equal(calmed(painted, 8.0), painted)


def test_a_wide_mouth_loses_its_weave_in_the_dark_and_keeps_its_teeth() -> None:
    dark, bright = calmed(weave(60), 24.0), calmed(weave(200), 24.0)
    assert np.abs(dark[2:-2, 2:-2] - 60).max() < 1
    np.testing.assert_array_equal(bright, weave(200))
    between = calmed(weave(60), 16.0)
    assert 5 < np.abs(between[2:-2, 2:-2] - 60).max() < 15


def test_what_is_even_stays() -> None:
    even = np.full((96, 128, 3), 50.0, np.float32)
    np.testing.assert_allclose(calmed(even, 30.0), even, rtol=1e-6)
    assert calmed(even, 30.0).dtype == np.float32
