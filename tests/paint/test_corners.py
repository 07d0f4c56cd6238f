"""Lines beside a mouth that opens go, skin stays; what was seen in the corners of one that shuts is covered."""

import numpy as np
import pytest
from made_mouths import face_points, opened_points, photo, shut

from mien.core.arrays import Array
from mien.imaging.mouth_patch import HEIGHT, MAPS, WIDTH, MouthPatch
from mien.paint.corners import lifting, lips_over, sealed_corners, unfolded_corners

FACE = face_points(420.0, (300.0, 300.0))
SHUT, OPEN = MouthPatch.of(shut(FACE)), MouthPatch.of(opened_points(FACE, 20.0))


def whiskered(mouth: MouthPatch, level: int = 60) -> Array:
    """[96, 128, 3] uint8: skin of one level with a dark line beside either corner."""
    cut = np.full((HEIGHT, WIDTH, 3), 170, np.uint8)
    for corner, outwards in ((mouth.inner[0], -1), (mouth.inner[len(mouth.inner) // 2], 1)):
        y, begin = int(corner[1]), int(corner[0])
        first, last = sorted((begin + 5 * outwards, begin + 9 * outwards))
        cut[y - 1 : y + 1, first:last] = level
    return cut


class TestUnfolded:
    def test_a_line_is_lifted_and_skin_is_not(self) -> None:
        cut = whiskered(OPEN)
        gain = lifting(cut, OPEN, 1.0)
        assert gain.shape == (HEIGHT, WIDTH)
        assert gain.dtype == np.float32
        line = cut[..., 0] == 60
        assert (gain[line] * 60).mean() > 110
        far = np.ones_like(line)
        rows = np.flatnonzero(line.any(1))
        far[rows.min() - 4 : rows.max() + 5] = False
        np.testing.assert_array_equal(gain[far], 1)

    def test_it_never_darkens_and_nothing_is_lifted_between_the_lips(self) -> None:
        rng = np.random.default_rng(0)
        gain = lifting(rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8), OPEN, 1.0)
        assert 1 <= gain.min() <= gain.max() <= 2.5
        opening = OPEN.maps()[MAPS.index("opening")] > 0.9
        np.testing.assert_array_equal(gain[opening], 1)

    def test_a_mirrored_face_is_lifted_likewise(self) -> None:
        cut = whiskered(OPEN)
        np.testing.assert_allclose(
            lifting(cut[:, ::-1], OPEN.mirrored(), 0.7)[:, ::-1], lifting(cut, OPEN, 0.7), atol=1e-4
        )

    def test_as_far_as_the_mouth_opened(self) -> None:
        pixels = photo(FACE, 600, 600)
        assert np.array_equal(unfolded_corners(pixels, OPEN, OPEN), pixels)
        some, all_of_it = (
            unfolded_corners(pixels, OPEN, MouthPatch.of(opened_points(FACE, gap))) for gap in (16.0, 4.0)
        )
        change = [np.abs(one.astype(int) - pixels).sum() for one in (some, all_of_it)]
        assert 0 < change[0] < change[1]

    def test_the_photo_given_stays_and_a_face_at_the_border_is_no_matter(self) -> None:
        pixels = photo(FACE, 600, 600)
        own = pixels.copy()
        unfolded_corners(pixels, OPEN, SHUT)
        np.testing.assert_array_equal(pixels, own)
        away = MouthPatch.of(opened_points(FACE + 900, 20.0))
        assert np.array_equal(unfolded_corners(pixels, away, SHUT), pixels)


class TestSealed:
    def test_what_lay_in_the_corners_is_covered_and_a_line_is_left(self) -> None:
        cut = np.full((HEIGHT, WIDTH, 3), 170, np.uint8)
        right, left = SHUT.inner[0], SHUT.inner[len(SHUT.inner) // 2]
        y, x = int(right[1]), int(right[0] + 0.15 * (left[0] - right[0]))
        cut[y - 2 : y + 2, x - 3 : x + 3] = 250  # a sliver of teeth
        lips, cover = lips_over(cut, SHUT)
        sealed = cut + cover[..., None] * (lips - cut)
        assert sealed[..., 0].max() < 175
        assert sealed[y - 2 : y + 2, x, 0].min() < 130
        assert cover[:, WIDTH // 2].max() == 0

    @pytest.mark.parametrize(("before", "after"), [(1.5, 0.0), (20.0, 12.0), (2.8, 2.8)])
    def test_only_a_mouth_that_was_open_and_shuts(self, before: float, after: float) -> None:
        pixels = photo(FACE, 600, 600)
        now = SHUT if after == 0 else MouthPatch.of(opened_points(FACE, after))
        result = sealed_corners(pixels, now, MouthPatch.of(opened_points(FACE, before)))
        np.testing.assert_array_equal(result, pixels)

    def test_it_keeps_to_the_mouth(self) -> None:
        pixels = photo(shut(FACE), 600, 600)
        result = sealed_corners(pixels, SHUT, OPEN)
        changed = (result != pixels).any(2)
        assert changed.any()
        rows, columns = np.nonzero(changed)
        lips = SHUT.to_frame[:, :2] @ SHUT.outer.T + SHUT.to_frame[:, 2:]
        room = 14 * SHUT.scale
        assert lips[0].min() - room < columns.min() <= columns.max() < lips[0].max() + room
        assert lips[1].min() - room < rows.min() <= rows.max() < lips[1].max() + room
