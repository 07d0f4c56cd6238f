"""Light falls as light does: from somewhere, never less than none, weaker from afar, and shine where it falls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.data.lights import Light, gleaming, harmonics, lamps, near_lamps, soft

ALL = (lamps, soft, harmonics, near_lamps)
DULL = (lamps, soft, harmonics)
"""Those without shine."""

EVERY = settings(derandomize=True, deadline=None, max_examples=60)
SEEDS = st.integers(0, 2**32)
AWAY, TOWARDS, UP, DOWN = np.eye(3)[2], -np.eye(3)[2], -np.eye(3)[1], np.eye(3)[1]


def directions(count: int = 400) -> Array:
    """[count, 3] unit vectors spread evenly over all directions; the first looks away from the camera."""
    height = 1 - 2 * np.arange(count) / (count - 1)
    angle = np.arange(count) * np.pi * (3 - 5**0.5)
    across = np.sqrt(np.clip(1 - height**2, 0, 1))
    return np.column_stack([across * np.cos(angle), across * np.sin(angle), height])


def head(seed: int, count: int = 300) -> tuple[Array, Array]:
    """Places [count, 3] in a head, and unit normals [count, 3] in every direction."""
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(count, 3))
    return rng.uniform(-0.12, 0.12, (count, 3)), normals / np.linalg.norm(normals, axis=1, keepdims=True)


def ball(light: Light, seed: int, at: float = 0.0) -> tuple[Array, Array]:
    """What `light` does to surfaces that look into all `directions()`, between the eyes or `at` metres behind them."""
    normals = directions()
    return light(np.random.default_rng(seed), np.tile([0, 0, at], (len(normals), 1)), normals)


@pytest.mark.parametrize("light", ALL)
@EVERY
@given(seed=SEEDS)
def test_light_is_finite_and_never_negative(light: Light, seed: int) -> None:
    vertices, normals = head(seed)
    for part in light(np.random.default_rng(seed), vertices, normals):
        assert part.shape == vertices.shape
        assert np.isfinite(part).all()
        assert part.min() >= 0


@pytest.mark.parametrize("light", ALL)
def test_the_seed_decides_and_nothing_is_changed(light: Light) -> None:
    vertices, normals = head(1)
    before = vertices.copy(), normals.copy()
    one, again, other = (np.stack(light(np.random.default_rng(seed), vertices, normals)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(vertices, before[0])
    np.testing.assert_array_equal(normals, before[1])


@pytest.mark.parametrize("light", [lamps, soft, near_lamps])
@EVERY
@given(seed=SEEDS)
def test_what_faces_the_lamp_is_brighter_than_what_looks_away(light: Light, seed: int) -> None:
    """Every lamp is on the camera's side: what looks away from it has the light from all around, and nothing else."""
    bright = ball(light, seed)[0].mean(1)
    normals = directions()
    np.testing.assert_allclose(normals[0], AWAY, atol=1e-12)
    assert bright[0] == bright.min()
    assert bright.max() > 1.05 * bright.min()
    brightest = normals[bright.argmax()]
    assert bright[(normals @ -brightest).argmax()] < bright.max()
    assert brightest @ TOWARDS > 0


@EVERY
@given(seed=SEEDS)
def test_one_far_lamp_fades_with_the_angle(seed: int) -> None:
    bright = ball(soft, seed)[0].mean(1)
    normals = directions(400)
    nearer = np.argsort(-(normals @ normals[bright.argmax()]))
    # The brightest of 400 directions lies up to 0.1 rad off the lamp.
    steps = bright[nearer][::40]
    assert (np.diff(steps) < 0.01).all()
    assert bright.min() >= 0.85
    assert bright.max() < 1.25 * bright.min(), "soft"


@EVERY
@given(seed=SEEDS)
def test_harmonics_are_bounded_and_smooth(seed: int) -> None:
    light, _ = ball(harmonics, seed)
    assert light.min() >= 0.05
    assert light.max() <= 1.6
    normals = directions()
    turned = normals + 0.01 * np.roll(normals, 1, axis=1)
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    again, _ = harmonics(np.random.default_rng(seed), np.zeros_like(normals), turned)
    assert np.abs(again - light).max() < 0.1, "a hundredth of a radian further it is hardly another"


def test_surroundings_mostly_light_from_above_and_from_the_camera() -> None:
    normals = np.stack([UP, DOWN, TOWARDS, AWAY])
    places = np.zeros((4, 3))
    up, down, towards, away = np.mean(
        [harmonics(np.random.default_rng(seed), places, normals)[0].mean(1) for seed in range(300)], axis=0
    )
    assert up > down + 0.05
    assert towards > away + 0.05


@pytest.mark.parametrize("light", ALL)
def test_light_comes_from_either_side(light: Light) -> None:
    sides = np.stack([np.array([-0.8, 0, -0.6]), np.array([0.8, 0, -0.6])])
    lit = np.array([light(np.random.default_rng(seed), np.zeros((2, 3)), sides)[0].mean(1) for seed in range(200)])
    stronger = (lit[:, 0] > lit[:, 1]).mean()
    assert 0.35 < stronger < 0.65
    assert np.abs(lit[:, 0] - lit[:, 1]).mean() > 0.02


@pytest.mark.parametrize("light", ALL)
@EVERY
@given(seed=SEEDS)
def test_light_is_hardly_coloured(light: Light, seed: int) -> None:
    vertices, normals = head(seed)
    lit = light(np.random.default_rng(seed), vertices, normals)[0]
    tint = lit.mean(0) / lit.mean()
    assert np.abs(tint - 1).max() < 0.35


@EVERY
@given(seed=SEEDS, near=st.floats(-0.1, 0.1), further=st.floats(0.02, 1))
def test_near_lamps_are_brighter_nearer(seed: int, near: float, further: float) -> None:
    """The mean over all directions of what a lamp gives depends on its distance alone, and every lamp is before."""
    normals = directions()
    rows = np.concatenate([np.tile([0, 0, z], (len(normals), 1)) for z in (near, near + further)])
    light, _ = near_lamps(np.random.default_rng(seed), rows, np.concatenate([normals, normals]))
    close, far = light[: len(normals)], light[len(normals) :]
    assert (close.mean(0) > far.mean(0)).all()
    assert close.min() == far.min(), "the light from all around is the same everywhere"


@pytest.mark.parametrize("light", [lamps, soft, harmonics, gleaming])
def test_far_light_is_the_same_everywhere(light: Light) -> None:
    np.testing.assert_array_equal(ball(light, 3)[0], ball(light, 3, at=0.3)[0])


@EVERY
@given(seed=SEEDS)
def test_skin_shines_only_where_a_lamp_lights_it(seed: int) -> None:
    light, shine = ball(near_lamps, seed)
    unlit = (light <= light[0] + 1e-12).all(1)
    assert unlit.any()
    assert not shine[unlit].any()
    assert shine[~unlit].max() > 0
    assert np.ptp(shine, axis=1).max() == 0, "of the lamp's colour, not of the skin's: grey"
    brightest = directions()[shine[:, 0].argmax()]
    assert brightest @ TOWARDS > 0, "a mirror shows the lamp where it halves the way to the camera"


@EVERY
@given(seed=SEEDS)
def test_lamps_that_gleam_shine_where_a_mirror_shows_them(seed: int) -> None:
    light, shine = ball(gleaming, seed)
    unlit = (light <= light.min(0) + 1e-12).all(1)
    assert unlit.any()
    assert not shine[unlit].any()
    assert (shine >= 0).all()
    assert shine.max() < 255, "greasy at most, no mirror"
    if shine.max() > 1:
        brightest = directions()[shine.mean(1).argmax()]
        assert brightest @ TOWARDS > 0.5, "a mirror shows a lamp where it halves the way to the camera"
    np.testing.assert_allclose(shine, ball(gleaming, seed, at=0.3)[1])


def test_some_skins_gleam_and_others_hardly_do() -> None:
    most = np.array([ball(gleaming, seed)[1].max() for seed in range(60)])
    assert most.min() < 5
    assert most.max() > 40


@pytest.mark.parametrize("light", DULL)
def test_the_other_lights_do_not_shine(light: Light) -> None:
    assert not ball(light, 2)[1].any()


def test_lamps_differ_in_number_and_strength() -> None:
    """Contrast over a face runs from hardly any to strong shadows."""
    contrast = np.array([np.ptp(ball(lamps, seed)[0].mean(1)) for seed in range(60)])
    assert contrast.min() < 0.25
    assert contrast.max() > 0.6
