"""Skin is multiplied by what the network says, and nothing else is touched; what makes no sense is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_pairs import drawn, face

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import LANDMARKS
from mien.core.image import Frame
from mien.core.points import EYE_LEFT, INNER_LIPS
from mien.imaging.face_layout import DARK, HEIGHT, WIDTH, FaceLayout
from mien.paint.crease import LIGHTEST, STRENGTH, CreasePainter, believed
from mien.rig.compact import compact_model
from mien.runtime.session import OnnxSession

SIDE = 240
POINTS, TARGET = face(0.0, 170, SIDE), face(0.5, 170, SIDE)
CHANGE = np.zeros(len(ARKIT), np.float32)
CHANGE[ARKIT.index("jawOpen")] = 0.5


@dataclass
class Says:
    """A network that says the same of every face."""

    gain: Array

    def __call__(self, *inputs: Array) -> Sequence[Array]:
        assert [value.shape for value in inputs] == [(1, 1, HEIGHT, WIDTH), (1, 5, HEIGHT, WIDTH), (1, 52)]
        return [self.gain[None, None]]


@cache
def cover() -> Array:
    model = compact_model()
    return FaceLayout.of(model.mean, model.triangles).cover


def painter(gain: Array) -> CreasePainter:
    return CreasePainter(cast(OnnxSession, Says(gain)), compact_model())


@cache
def shipped() -> CreasePainter:
    return CreasePainter.shipped()


def frame() -> Frame:
    return Frame(np.asarray(drawn(POINTS, 0, 4, SIDE)))


def painted(by: CreasePainter, patch: Array, left: int = 0, top: int = 0) -> Array:
    return by.paint(frame(), POINTS, TARGET[:, :2], CHANGE, patch, left, top)


def test_a_network_that_says_nothing_changes_nothing() -> None:
    patch = frame().pixels
    result = painted(painter(np.zeros((HEIGHT, WIDTH), np.float32)), patch)
    assert result is not patch
    np.testing.assert_array_equal(result, patch)


def test_skin_is_multiplied_and_colours_stay() -> None:
    patch = np.full((SIDE, SIDE, 3), (160, 110, 90), np.uint8)
    result = painted(painter(-0.3 * cover()), patch)
    x, y = TARGET[205, :2].astype(int)
    expected = (patch[y, x] + DARK) * np.exp(-0.3 * STRENGTH) - DARK
    np.testing.assert_allclose(result[y, x], expected, atol=1.5)


@given(gain=arrays(np.float32, (3, 4), elements=st.floats(-0.5, 0.5, width=32)))
def test_of_what_gets_lighter_less_is_believed(gain: Array) -> None:
    done = believed(gain)
    assert done.dtype == np.float32
    assert (np.sign(done) == np.sign(gain)).all()
    assert (np.abs(done) <= STRENGTH * np.abs(gain) + 1e-6).all()
    assert (done <= STRENGTH * LIGHTEST).all()
    np.testing.assert_allclose(done[gain < 0], STRENGTH * gain[gain < 0], rtol=1e-6)


def test_eyes_mouth_and_surroundings_stay_as_they_are() -> None:
    patch = frame().pixels
    result = painted(painter(0.4 * cover()), patch)
    for ring in (EYE_LEFT, INNER_LIPS):
        x, y = TARGET[list(ring), :2].mean(0).astype(int)
        np.testing.assert_array_equal(result[y, x], patch[y, x])
    outside = np.ones((SIDE, SIDE), bool)
    low, high = TARGET[:, :2].min(0).astype(int), TARGET[:, :2].max(0).astype(int) + 1
    outside[low[1] : high[1], low[0] : high[0]] = False
    np.testing.assert_array_equal(result[outside], patch[outside])
    assert (result != patch).any(2).mean() > 0.1


def test_a_part_is_painted_as_in_the_whole() -> None:
    whole = frame().pixels
    said = painter(0.4 * np.sin(np.arange(WIDTH, dtype=np.float32) / 3) * cover())
    part = painted(said, whole[60:190, 70:200].copy(), 70, 60)
    np.testing.assert_array_equal(part, painted(said, whole)[60:190, 70:200])


def test_a_part_without_the_face_stays() -> None:
    patch = frame().pixels[:20, :20]
    np.testing.assert_array_equal(painted(painter(0.4 * cover()), patch, -500, -500), patch)


def test_the_shipped_network_is_gentle_and_says_the_same_of_the_same() -> None:
    one, other = (painted(shipped(), frame().pixels) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    away = np.abs(one.astype(int) - frame().pixels)
    assert 0 < away.mean() < 12


def test_what_moves_less_is_shaded_less() -> None:
    gains = [
        np.abs(
            shipped().gain(frame(), POINTS, POINTS + dose * (TARGET - POINTS), (dose * CHANGE).astype(np.float32))
        ).mean()
        for dose in (0.0, 0.1, 1.0)
    ]
    assert gains[0] < 1e-3
    assert gains[1] < gains[2]


@pytest.mark.parametrize(
    ("points", "target", "change", "message"),
    [
        (POINTS[:, :2], TARGET[:, :2], CHANGE, "points"),
        (POINTS, TARGET, CHANGE, "target"),
        (POINTS, TARGET[:, :2], CHANGE[:51], "change"),
        (np.full((LANDMARKS, 3), np.nan), TARGET[:, :2], CHANGE, "points"),
    ],
)
def test_nonsense_is_refused(points: Array, target: Array, change: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shipped().paint(frame(), points, target, change, frame().pixels, 0, 0)
