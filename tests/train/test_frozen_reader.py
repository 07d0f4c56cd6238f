"""The reader says what the package says, wherever it looks from, and passes gradients back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_packs import draw_face, made_landmarks, made_weights, mirror, textured

from mien.core.arrays import Array
from mien.core.image import Frame
from mien.detect.expression import ExpressionReader
from mien.detect.landmarks import SIDE, LandmarkReader, PointRefiner
from mien.imaging.warp import face_square, sample_affine
from mien.runtime.session import OnnxSession
from mien.train.frozen_reader import FrozenReader, laid_over, seen_through
from mien.weights.catalog import card


@pytest.fixture(scope="module")
def reader() -> FrozenReader:
    return FrozenReader(mirror())


def drawn(seed: int, side: int = 128) -> tuple[Array, Array]:
    """[side, side, 3] a drawn face, and the square round it."""
    rng = np.random.default_rng(seed)
    points = made_landmarks(rng, made_weights(rng), 0.8 * side, (side / 2, side / 2))
    picture = textured(rng, side, side)
    draw_face(picture, points, rng)
    return np.array(picture), face_square(points, SIDE)


def batch(*faces: tuple[Array, Array]) -> tuple[torch.Tensor, torch.Tensor]:
    pictures = np.stack([picture.transpose(2, 0, 1) for picture, _ in faces]).astype(np.float32)
    return torch.from_numpy(pictures), torch.from_numpy(np.stack([square for _, square in faces]).astype(np.float32))


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.floats(-0.6, 0.6), st.floats(0.4, 1.2), st.floats(-20, 20), st.floats(-20, 20))
def test_it_cuts_as_the_package_does(seed: int, turn: float, scale: float, x: float, y: float) -> None:
    plane = np.random.default_rng(seed).uniform(0, 255, (90, 110)).astype(np.float32)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    square = np.array([[cos, -sin, x], [sin, cos, y]], np.float32)
    seen = seen_through(torch.from_numpy(plane)[None, None], torch.from_numpy(square)[None])
    np.testing.assert_allclose(seen[0, 0], sample_affine(plane, square, SIDE), atol=0.05)


def test_it_reads_what_the_package_reads(reader: FrozenReader) -> None:
    faces = [drawn(seed) for seed in range(3)]
    with torch.no_grad():
        read = reader.read(*batch(*faces)).numpy()
    # In full precision: eight bits do not agree with torch on faces that are drawn.
    refiner = PointRefiner(OnnxSession(card("refiner")))
    landmarks, expression = LandmarkReader(OnnxSession(card("landmarks")), refiner), ExpressionReader.shipped()
    theirs = [expression.read(landmarks.read(Frame(picture), square))[0].weights for picture, square in faces]
    np.testing.assert_allclose(read, theirs, atol=0.02)
    assert np.abs(read[0] - read[1]).max() > 0.1


def test_pixels_get_gradients_and_the_networks_stay_as_they_are(reader: FrozenReader) -> None:
    pictures, squares = batch(drawn(4))
    pictures.requires_grad_()
    reader.read(pictures, squares).square().sum().backward()  # type: ignore[no-untyped-call]
    assert pictures.grad is not None
    assert float(pictures.grad.abs().max()) > 0
    for network in (reader._landmarks, reader._refiner, reader._expression):
        assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_glance_is_about_a_reading_and_never_the_same(reader: FrozenReader) -> None:
    pictures, squares = batch(*[drawn(seed) for seed in range(4)])
    with torch.no_grad():
        straight = reader.read(pictures, squares)
        torch.manual_seed(1)
        (one,), (other,) = (reader.glance(squares, pictures) for _ in range(2))
        torch.manual_seed(1)
        again, dark = reader.glance(squares, pictures, 0.5 * pictures)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(again, dark)
    spread = float((straight[0] - straight[1]).abs().mean())
    assert float((one - straight).abs().mean()) < 2 * spread


@pytest.mark.parametrize("grey", [0.0, 255.0, 300.0])
def test_skin_without_contrast_gives_gradients_that_are_finite(grey: float, reader: FrozenReader) -> None:
    """Burnt out, or beyond what a picture can show: a painter may lay any colour over a face."""
    _, squares = batch(drawn(5))
    pictures = torch.full((1, 3, 128, 128), grey, requires_grad=True)
    (told,) = torch.autograd.grad(reader.glance(squares, pictures)[0].sum(), pictures)
    assert bool(told.isfinite().all())


class TestLaidOver:
    def test_a_part_of_a_face_laid_where_it_is_changes_nothing(self) -> None:
        face = torch.rand((2, 1, 128, 128), generator=torch.Generator().manual_seed(1)) * 255
        part = face[:, :, 40:90, 20:100].expand(-1, 3, -1, -1)
        place = torch.tensor([[1.0, 0, -20], [0, 1, -40]]).expand(2, -1, -1)
        torch.testing.assert_close(laid_over(face, part, place), face, atol=0.01, rtol=0)

    def test_another_picture_shows_in_the_middle_and_fades(self) -> None:
        face, part = torch.zeros((1, 1, 128, 128)), torch.full((1, 3, 50, 80), 200.0)
        laid = laid_over(face, part, torch.tensor([[[1.0, 0, -20], [0, 1, -40]]]))[0, 0]
        torch.testing.assert_close(laid[48:82, 28:92], torch.full((34, 64), 200.0))
        assert max(float(laid[:40].max()), float(laid[:, 100:].max())) < 1e-3
        assert (laid[40:46, 60].diff() > 20).all()

    def test_its_pixels_get_gradients(self) -> None:
        part = torch.full((1, 3, 20, 20), 100.0, requires_grad=True)
        place = torch.tensor([[[0.5, 0, -10], [0, 0.5, -10]]])
        (told,) = torch.autograd.grad(laid_over(torch.zeros((1, 1, 128, 128)), part, place).sum(), part)
        assert (told[:, :, 8:12, 8:12] > 0).all()
