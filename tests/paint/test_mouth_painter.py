"""The painter fills opened mouths and leaves the rest; what it gets wrong it refuses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from made_mouths import face_points, opened_points, photo, shut, weights_of

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import apply_affine
from mien.imaging.mouth_blend import reach
from mien.imaging.mouth_patch import HEIGHT, WIDTH, MouthPatch, filled
from mien.paint.mouth import MouthPainter, crispness, grown, natural

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


def test_of_a_jaw_that_opens_wide_the_network_is_told_by_the_lips_alone(
    painter: MouthPainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Array] = []
    session = painter._session

    def noting(*inputs: Array) -> Sequence[Array]:
        heard.append(inputs[2][0])
        return session(*inputs)

    monkeypatch.setattr(painter, "_session", noting)
    weights = weights_of(0.9)
    weights[ARKIT.index("mouthSmileLeft")] = 0.8
    painter.paint(photo(POINTS, SIZE, SIZE), POINTS, weights)
    (told,) = heard
    assert told[ARKIT.index("jawOpen")] == 0.25
    assert told[ARKIT.index("mouthSmileLeft")] == np.float32(0.8)


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


# --- mauve, green and yellow teeth ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("colour", "other"), [([150, 120, 145], 2), ([180, 205, 170], 0)])
def test_mauve_and_green_go_and_brightness_stays(colour: list[int], other: int) -> None:
    cut = np.full((HEIGHT, WIDTH, 3), [90, 70, 60], np.uint8)
    painted = np.full((HEIGHT, WIDTH, 3), colour, np.float32)
    grey = natural(painted, cut)
    luminance = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey @ luminance, painted @ luminance, rtol=1e-5)
    np.testing.assert_allclose(grey[..., other], grey[..., 1], rtol=1e-5)
    assert grey.dtype == np.float32


def test_in_a_pale_photo_teeth_are_pale() -> None:
    """As yellow as there is allowed, and as bright."""
    pale, tanned = (np.full((HEIGHT, WIDTH, 3), colour, np.uint8) for colour in ([150, 145, 142], [190, 140, 90]))
    painted = np.full((HEIGHT, WIDTH, 3), [210, 190, 140], np.float32)
    shown = natural(painted, pale)
    luminance = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(shown @ luminance, painted @ luminance, rtol=1e-5)
    assert float((shown[..., 1] - shown[..., 2]).max()) < 20
    np.testing.assert_array_equal(natural(painted, tanned), painted)


@pytest.mark.parametrize("colour", [[200, 190, 170], [160, 90, 90], [40, 20, 20]])
def test_teeth_tongue_and_the_dark_keep_their_colours(colour: list[int]) -> None:
    cut = np.full((HEIGHT, WIDTH, 3), [90, 70, 60], np.uint8)
    painted = np.full((HEIGHT, WIDTH, 3), colour, np.float32)
    np.testing.assert_array_equal(natural(painted, cut), painted)


def test_in_cold_light_teeth_are_cold() -> None:
    cut = np.full((HEIGHT, WIDTH, 3), [90, 110, 120], np.uint8)
    painted = np.full((HEIGHT, WIDTH, 3), [120, 140, 150], np.float32)
    np.testing.assert_array_equal(natural(painted, cut), painted)


def test_in_mauve_light_teeth_are_mauve() -> None:
    cut = np.full((HEIGHT, WIDTH, 3), [160, 100, 150], np.uint8)
    painted = np.full((HEIGHT, WIDTH, 3), [200, 150, 190], np.float32)
    np.testing.assert_array_equal(natural(painted, cut), painted)


def test_the_painter_uses_what_it_knows_of_colours(painter: MouthPainter, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, points = photo(POINTS, SIZE, SIZE), opened_points(POINTS, 34.0)
    mauve = np.full((HEIGHT, WIDTH, 3), [150, 100, 150], np.float32)
    monkeypatch.setattr(MouthPainter, "look", lambda *_: mauve)
    painted = painter.paint(pixels, points, weights_of(1.0))
    inside = filled(apply_affine(MouthPatch.of(points).to_frame, MouthPatch.of(points).inner), -3.0, SIZE, SIZE) == 1
    middle = painted[inside].astype(int)
    assert np.median(np.minimum(middle[:, 0], middle[:, 2]) - middle[:, 1]) < 15


# --- what stays -------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_not_painted_over_and_is_looked_at(painter: MouthPainter) -> None:
    points = opened_points(POINTS, 24.0)
    pixels, patch = photo(points, SIZE, SIZE), MouthPatch.of(points)
    (x0, y0), (x1, y1) = patch.inner.min(0), patch.inner.max(0)
    middle = (x0 + x1) / 2
    teeth = np.array([[middle - 12, y0 + 3], [middle + 12, y0 + 3], [middle + 12, y0 + 11], [middle - 12, y0 + 11]])
    place = filled(apply_affine(patch.to_frame, teeth), 0.0, SIZE, SIZE)
    pixels[place > 0] = [235, 230, 220]
    bare, kept = (painter.paint(pixels, points, weights_of(0.9), some) for some in ((), (teeth,)))
    core = filled(apply_affine(patch.to_frame, (teeth - teeth.mean(0)) * 0.5 + teeth.mean(0)), 0.0, SIZE, SIZE) == 1
    assert np.abs(kept[core].astype(int) - pixels[core]).max() <= 2
    assert np.abs(bare[core].astype(int) - pixels[core]).mean() > 5
    below = filled(apply_affine(patch.to_frame, teeth + np.array([0, 9])), 0.0, SIZE, SIZE) == 1
    assert np.abs(kept[below].astype(int) - bare[below]).mean() > 0.5
    assert y1 > y0 + 11


def test_what_is_asked_of_a_coarse_photo_is_softer() -> None:
    asked = [crispness(scale) for scale in (0.2, 0.65, 0.8, 0.9, 5.0)]
    assert asked == sorted(asked)
    assert asked[0] == asked[1] < asked[2] < asked[3] == asked[4]
    assert -1 < asked[0] < asked[4] < 0, "crisper draws dots between teeth, softer runs into lips"


def test_a_slit_is_painted_over_with_more_of_its_lips(painter: MouthPainter) -> None:
    patch = MouthPatch.of(POINTS)
    gaps = [grown(gap) for gap in (0.0, 1.5, 2.0, 2.7, 3.5, 4.0, 20.0)]
    assert gaps[0] == gaps[1] == gaps[-2] == gaps[-1] < gaps[2] < gaps[3]
    assert gaps[0] < gaps[4] < gaps[3]
    pixels = photo(POINTS, SIZE, SIZE)
    usual, more = (painter.paint(pixels, POINTS, weights_of(0.8), grow=grow) for grow in (gaps[0], gaps[3]))
    ring = apply_affine(patch.to_frame, patch.inner)
    rim = (filled(ring, gaps[3] * patch.scale, SIZE, SIZE) == 1) & (filled(ring, gaps[0], SIZE, SIZE) == 0)
    assert np.abs(more[rim].astype(int) - usual[rim]).mean() > 1
    far = filled(ring, reach(patch, gaps[3]), SIZE, SIZE) == 0
    np.testing.assert_array_equal(more[far], pixels[far])
