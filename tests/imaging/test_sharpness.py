"""Sharpness falls with blur and darkness, and not with size, light skin or noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageFilter
from portraits import astronaut, reader

from mien.core.arrays import Array
from mien.core.image import Frame
from mien.imaging.sharpness import sharpness
from mien.imaging.warp import cut, face_square

_FACE = np.array([[1.0, 0, 160], [0, 1.0, 60]])


def face(pixels: Array) -> Array:
    """The face's upright cut."""
    square = face_square(reader().read(Frame(astronaut()), _FACE).landmarks.points, 128)
    square = square * (pixels.shape[1] / 512)
    return cut(Frame(pixels), square, 128).pixels


def blurred(radius: float) -> Array:
    return np.array(Image.fromarray(astronaut()).filter(ImageFilter.GaussianBlur(radius)))


def test_blur_lowers_it_step_by_step() -> None:
    rated = [sharpness(face(blurred(radius))) for radius in (0, 2, 3, 5)]
    assert rated[0] == 1
    assert (np.diff(rated) < -0.1).all()
    assert rated[3] < 0.3


@pytest.mark.parametrize("deviation", [5, 12])
def test_noise_makes_nothing_sharp(deviation: float) -> None:
    rng = np.random.default_rng(0)

    def noisy(pixels: Array) -> Array:
        return np.clip(pixels + rng.normal(0, deviation, pixels.shape), 0, 255).astype(np.uint8)

    for radius in (0.0, 2.0, 4.0):
        plain = sharpness(face(blurred(radius)))
        assert sharpness(face(noisy(blurred(radius)))) == pytest.approx(plain, abs=0.15)


@pytest.mark.parametrize("side", [1024, 400, 300])
def test_size_does_not_matter(side: int) -> None:
    resized = np.array(Image.fromarray(astronaut()).resize((side, side), Image.Resampling.LANCZOS))
    assert sharpness(face(resized)) > 0.8


@pytest.mark.parametrize(("light", "least", "most"), [(0.5, 0.9, 1), (0.1, 0.1, 0.6), (0.03, 0, 0.25)])
def test_the_dark_hides_detail(light: float, least: float, most: float) -> None:
    assert least <= sharpness(face((astronaut() * light).astype(np.uint8))) <= most


def test_a_small_face_is_not_called_blurred_for_its_size() -> None:
    soft = face(blurred(2.0))
    assert sharpness(soft, 0.4) > sharpness(soft, 1.0)
    assert sharpness(soft, 0.0) == 0


@pytest.mark.parametrize("level", [0, 90, 255])
def test_one_grey_has_no_sharpness(level: int) -> None:
    assert sharpness(np.full((128, 128), level, np.float32)) == 0


@settings(derandomize=True, deadline=None, max_examples=15)
@given(arrays.arrays(np.float32, (128, 128), elements=st.floats(0, 255, width=32), fill=st.just(90.0)), st.floats(0, 1))
def test_it_is_a_fraction_of_anything(pixels: Array, size: float) -> None:
    assert 0 <= sharpness(pixels, size) <= 1


def test_of_many_faces_each_is_rated_as_if_alone() -> None:
    cuts = np.array([face(blurred(radius)) for radius in (0, 2, 4)] + [np.full((128, 128), 7, np.float32)])
    sizes = np.array([1.0, 0.5, 0.0, 1.0])
    together = sharpness(cuts, sizes)
    assert together.tolist() == [float(sharpness(cut, size)) for cut, size in zip(cuts, sizes, strict=True)]
