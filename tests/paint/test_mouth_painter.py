"""The painter fills opened mouths and leaves the rest; what it gets wrong it refuses."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made_mouths import face_points, opened, opened_points, photo, shut, weights_of

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import apply_affine
from mien.imaging.mouth_blend import reach
from mien.imaging.mouth_patch import HEIGHT, WIDTH, MouthPatch, filled
from mien.paint.gape import HALF, HalfOpen
from mien.paint.mouth import MouthPainter, calmed, hollowed, unmauved

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


# --- the throat -------------------------------------------------------------------------------------------------------


def test_a_throat_is_dark_where_a_mouth_is_wide_open() -> None:
    patch = opened(POINTS, 40.0)
    painted = np.full((HEIGHT, WIDTH, 3), 90, np.float32)
    deep = hollowed(painted, patch)
    inner = patch.inner
    x, top, bottom = inner[:, 0].mean(), inner[:, 1].min(), inner[:, 1].max()
    column = deep[:, int(x), 0]
    throat, tongue = column[int(top + 0.4 * (bottom - top))], column[int(bottom - 3)]
    assert throat < 45
    assert tongue > 75
    assert (deep <= painted).all()
    corners = deep[int((top + bottom) / 2), [int(inner[:, 0].min()) + 1, int(inner[:, 0].max()) - 1], 0]
    assert (corners > throat).all()
    np.testing.assert_array_equal(painted, 90)


def test_teeth_stand_before_the_dark() -> None:
    teeth = np.full((HEIGHT, WIDTH, 3), 190, np.float32)
    np.testing.assert_array_equal(hollowed(teeth, opened(POINTS, 40.0)), teeth)


def test_the_wider_the_darker_and_a_smile_not_at_all() -> None:
    painted = np.full((HEIGHT, WIDTH, 3), 90, np.float32)
    darkest = [float(hollowed(painted, opened(POINTS, gap)).min()) for gap in (6.0, 16.0, 22.0, 34.0)]
    assert darkest[0] == 90
    assert darkest == sorted(darkest, reverse=True)
    assert darkest[-1] < darkest[1]


def test_a_mirrored_mouth_gets_a_mirrored_throat() -> None:
    patch = opened(POINTS, 40.0)
    painted = np.full((HEIGHT, WIDTH, 3), 90, np.float32)
    there, back = hollowed(painted, patch), hollowed(painted, patch.mirrored())
    np.testing.assert_allclose(back[:, ::-1], there, atol=0.5)


# --- black and white --------------------------------------------------------------------------------------------------


def test_a_photo_without_colour_gets_a_mouth_without_colour(painter: MouthPainter) -> None:
    pixels = photo(POINTS, SIZE, SIZE)
    grey = np.repeat(pixels.mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
    told = weights_of(0.8)
    assert np.ptp(painter.paint(grey, POINTS, told).astype(int), axis=2).max() <= 2
    noisy = np.clip(grey + np.random.default_rng(0).integers(-1, 2, grey.shape), 0, 255).astype(np.uint8)
    inside = filled(apply_affine(MouthPatch.of(POINTS).to_frame, MouthPatch.of(POINTS).inner), 0.0, SIZE, SIZE) == 1
    assert np.ptp(painter.paint(noisy, POINTS, told).astype(int), axis=2)[inside].mean() < 3
    warm = np.clip(grey * [1.2, 1.0, 0.85], 0, 255).astype(np.uint8)
    assert np.ptp(painter.paint(warm, POINTS, told).astype(int), axis=2)[inside].mean() > 5


# --- mauve teeth ------------------------------------------------------------------------------------------------------


def test_mauve_becomes_grey_as_bright_as_it_was() -> None:
    cut = np.full((HEIGHT, WIDTH, 3), [90, 70, 60], np.uint8)
    painted = np.full((HEIGHT, WIDTH, 3), [150, 120, 145], np.float32)
    grey = unmauved(painted, cut)
    luminance = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey @ luminance, painted @ luminance, rtol=1e-5)
    np.testing.assert_allclose(grey[..., 2], grey[..., 1], rtol=1e-5)
    assert grey.dtype == np.float32


@pytest.mark.parametrize("colour", [[200, 190, 170], [160, 90, 90], [40, 20, 20], [120, 140, 150]])
def test_teeth_tongue_and_the_dark_keep_their_colours(colour: list[int]) -> None:
    cut = np.full((HEIGHT, WIDTH, 3), [90, 70, 60], np.uint8)
    painted = np.full((HEIGHT, WIDTH, 3), colour, np.float32)
    np.testing.assert_array_equal(unmauved(painted, cut), painted)


def test_in_mauve_light_teeth_are_mauve() -> None:
    cut = np.full((HEIGHT, WIDTH, 3), [160, 100, 150], np.uint8)
    painted = np.full((HEIGHT, WIDTH, 3), [200, 150, 190], np.float32)
    np.testing.assert_array_equal(unmauved(painted, cut), painted)


# --- wide mouths ------------------------------------------------------------------------------------------------------


def test_a_mouth_changes_smoothly_from_half_open_to_wide(painter: MouthPainter) -> None:
    """No jump where the painting of upper teeth by themselves begins."""
    pixels = photo(POINTS, SIZE, SIZE)
    pictures = [painter.paint(pixels, opened_points(POINTS, gap), weights_of(0.5)) for gap in (12.6, 12.9, 13.1, 13.4)]
    steps = [np.abs(one.astype(int) - other).mean() for one, other in pairwise(pictures)]
    assert steps[1] < 2 * max(steps[0], steps[2]) + 0.05


def test_upper_teeth_of_a_wide_mouth_are_those_of_the_half_open_one(painter: MouthPainter) -> None:
    pixels, points = photo(POINTS, SIZE, SIZE), opened_points(POINTS, 34.0)
    patch = MouthPatch.of(points)
    half = HalfOpen.of(patch.cut(pixels), patch)
    shown = patch.cut(painter.paint(pixels, points, weights_of(1.0))).astype(int)
    told = weights_of(HALF / patch.gap)
    drawn = painter.look(half.cut, half.patch, told, 0.0)
    there = half.cover > 0.99
    assert there.sum() > 100
    likeness = np.corrcoef(shown[there].mean(1), drawn[there].mean(1))[0, 1]
    assert likeness > 0.95, "without it .86"


def test_the_painter_uses_what_it_knows_of_colours_and_jaws(
    painter: MouthPainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, points = photo(POINTS, SIZE, SIZE), opened_points(POINTS, 34.0)
    asked: list[tuple[float, float]] = []
    look = MouthPainter.look

    def mauve(self: MouthPainter, cut: Array, patch: MouthPatch, weights: Array, sharpness: float) -> Array:
        asked.append((float(weights[ARKIT.index("jawOpen")]), patch.gap))
        return look(self, cut, patch, weights, sharpness) * 0 + np.array([150, 100, 150], np.float32)

    monkeypatch.setattr(MouthPainter, "look", mauve)
    painted = painter.paint(pixels, points, weights_of(1.0))
    (whole, gap), (half, half_gap) = asked
    assert whole == 1
    assert half == pytest.approx(HALF / gap, rel=1e-3)
    assert half_gap == pytest.approx(HALF, rel=0.02)
    inside = filled(apply_affine(MouthPatch.of(points).to_frame, MouthPatch.of(points).inner), -3.0, SIZE, SIZE) == 1
    middle = painted[inside].astype(int)
    assert np.median(np.minimum(middle[:, 0], middle[:, 2]) - middle[:, 1]) < 15
