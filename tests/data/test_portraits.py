"""A portrait holds the face and its surroundings; four views of it give a mean and how far they lie apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_packs import made_landmarks, made_weights, mirror

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import bounds
from mien.core.image import Frame
from mien.data.portraits import BORDER, LONGEST, ROOM, Look, Portrait, four_views, portrait
from mien.metrics import inter_ocular_distance

WIDTH, HEIGHT = 120, 140


def made_look(seed: int = 0, centre: tuple[float, float] = (60, 70), size: float = 60) -> Look:
    rng = np.random.default_rng(seed)
    weights = made_weights(rng)
    return Look(made_landmarks(rng, weights, size, centre), weights)


class Knowing:
    """An eye that knows where the faces of one picture are, whatever view of it is shown, and errs as it is told.

    Views are told by their size and by a bright corner: the picture's upper left.
    """

    def __init__(self, faces: list[Look], errors: tuple[float, float, float, float] = (0, 0, 0, 0)) -> None:
        self.faces, self.errors = faces, errors
        self.views: list[tuple[int, bool]] = []

    def __call__(self, pixels: Array) -> list[Look]:
        assert pixels.flags.c_contiguous
        border = (pixels.shape[1] - WIDTH) // 2
        assert pixels.shape == (HEIGHT + 2 * border, WIDTH + 2 * border, 3)
        flipped = pixels[border, border, 0] != 255
        assert pixels[border, -1 - border if flipped else border, 0] == 255
        error = self.errors[len(self.views)]
        self.views.append((border, bool(flipped)))
        looks = []
        for face in self.faces:
            points, weights = face.points + np.array([border + error, border, 0]), face.weights
            if flipped:
                points, weights = points[mirror()], weights[ARKIT.mirror]
                points[:, 0] = pixels.shape[1] - points[:, 0]
            looks.append(Look(points, weights))
        return looks


def picture(box: Array | None = None) -> Portrait:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[0, 0] = 255
    return Portrait(pixels, box)


# --- four views -------------------------------------------------------------------------------------------------------


def test_views_that_agree_give_what_they_say() -> None:
    face = made_look()
    eye = Knowing([face])
    seen = four_views(eye, picture(bounds(face.points)), mirror())
    assert seen is not None
    border = round(BORDER * WIDTH)
    assert eye.views == [(0, False), (0, True), (border, False), (border, True)]
    np.testing.assert_allclose(seen.look.points, face.points, atol=1e-9)
    np.testing.assert_allclose(seen.look.weights, face.weights, atol=1e-6)
    assert seen.spread == pytest.approx(0, abs=1e-9)


def test_the_mean_and_the_spread_are_those_of_the_views() -> None:
    face = made_look()
    seen = four_views(Knowing([face], (1, 1, -1, -1)), picture(), mirror())
    assert seen is not None
    np.testing.assert_allclose(seen.look.points, face.points, atol=1e-9)
    assert seen.spread == pytest.approx(100 / inter_ocular_distance(face.points))
    moved = four_views(Knowing([face], (4, 0, 0, 0)), picture(), mirror())
    assert moved is not None
    np.testing.assert_allclose(moved.look.points, face.points + np.array([1, 0, 0]), atol=1e-9)
    assert moved.spread == pytest.approx(1.5 * 100 / inter_ocular_distance(face.points))


def test_an_eye_that_favours_a_side_is_balanced() -> None:
    """Whoever adds to the left side of every view adds half of it to both."""
    face = made_look()
    eye = Knowing([Look(face.points, np.zeros(52))])
    left = np.array([column.endswith("Left") for column in ARKIT.columns])

    def biased(pixels: Array) -> list[Look]:
        return [Look(look.points, np.where(left, 0.4, 0)) for look in eye(pixels)]

    seen = four_views(biased, picture(), mirror())
    assert seen is not None
    sides = np.array([column.endswith(("Left", "Right")) for column in ARKIT.columns])
    paired = sides & (ARKIT.mirror != np.arange(52))
    np.testing.assert_allclose(seen.look.weights[paired], 0.2, atol=1e-6)


def test_of_neighbours_the_one_that_is_meant_is_taken_in_every_view() -> None:
    left, right = made_look(1, (30, 60), 40), made_look(2, (90, 80), 46)
    for faces in ([left, right], [right, left]):
        for meant in faces:
            seen = four_views(Knowing(faces), picture(bounds(meant.points)), mirror())
            assert seen is not None
            np.testing.assert_allclose(seen.look.points, meant.points, atol=1e-9)
        largest = four_views(Knowing(faces), picture(), mirror())
        assert largest is not None
        np.testing.assert_allclose(largest.look.points, right.points, atol=1e-9)


def test_a_face_that_one_view_lacks_is_none() -> None:
    face = made_look()
    for lost in range(4):
        eye = Knowing([face])

        def forgetful(pixels: Array, eye: Knowing = eye, lost: int = lost) -> list[Look]:
            looks = eye(pixels)
            return [] if len(eye.views) == lost + 1 else looks

        assert four_views(forgetful, picture(bounds(face.points)), mirror()) is None
    assert four_views(lambda pixels: [], picture(), mirror()) is None


def test_another_face_than_the_one_that_was_found_is_none() -> None:
    face = made_look(1, (30, 60), 40)
    elsewhere = bounds(made_look(2, (90, 80), 46).points)
    assert four_views(Knowing([face]), picture(elsewhere), mirror()) is None
    wandering = Knowing([face], (0, 0, 40, 40))
    assert four_views(wandering, picture(), mirror()) is None


# --- the cut ----------------------------------------------------------------------------------------------------------


def plane(width: int, height: int) -> Frame:
    """A picture whose red says x and whose green says y, in steps of eight pixels."""
    rows, columns = np.mgrid[:height, :width]
    return Frame(np.stack([columns // 8, rows // 8, np.zeros_like(rows)], 2).astype(np.uint8))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.integers(40, 900),
    st.integers(40, 900),
    st.floats(0.1, 0.9),
    st.floats(0.1, 0.9),
    st.floats(6, 300),
    st.floats(0.6, 1),
)
def test_the_box_goes_where_its_pixels_go(
    width: int, height: int, across: float, down: float, size: float, narrow: float
) -> None:
    frame = plane(width, height)
    centre, half = np.array([across * width, down * height]), np.array([size * narrow, size]) / 2
    box = np.concatenate([centre - half, centre + half])
    cut = portrait(frame, box)
    assert cut.box is not None
    high, wide = cut.pixels.shape[:2]
    assert max(high, wide) <= LONGEST
    x, y = (cut.box[:2] + cut.box[2:]) / 2
    column, row = min(int(x), wide - 1), min(int(y), high - 1)
    there = cut.pixels[row, column, :2].astype(float) * 8 + 4
    assert np.abs(there - centre).max() < 12 + max(width, height) / min(high, wide)


def test_a_small_face_gets_its_room_and_keeps_its_size() -> None:
    frame = plane(640, 480)
    cut = portrait(frame, np.array([300.0, 200.0, 350.0, 260.0]))
    assert cut.box is not None
    side = ROOM * 60
    assert cut.pixels.shape == pytest.approx((side, side, 3), abs=2)
    np.testing.assert_allclose(cut.box[2:] - cut.box[:2], [50, 60])
    left, top = (np.array([300, 200]) - cut.box[:2]).astype(int)
    np.testing.assert_array_equal(
        cut.pixels, frame.pixels[top : top + cut.pixels.shape[0], left : left + cut.pixels.shape[1]]
    )


def test_a_large_face_is_reduced_and_ends_with_the_picture() -> None:
    cut = portrait(plane(2000, 1500), np.array([500.0, 200.0, 1300.0, 1300.0]))
    assert cut.box is not None
    assert max(cut.pixels.shape) == LONGEST
    assert cut.pixels.shape[:2] == (300, 400)
    np.testing.assert_allclose(cut.box, np.array([500, 200, 1300, 1300]) / 5)


def test_without_a_box_it_is_the_whole_picture() -> None:
    frame = plane(300, 200)
    cut = portrait(frame, None)
    assert cut.box is None
    np.testing.assert_array_equal(cut.pixels, frame.pixels)
    assert portrait(plane(1200, 600), None).pixels.shape == (200, 400, 3)
