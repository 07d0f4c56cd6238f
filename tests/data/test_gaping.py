"""Open mouths that are rendered: lit from outside, the deeper the darker, with the rig's teeth."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_renders import drawn, plain

from mien.core.basis import ARKIT
from mien.core.points import INNER_LIPS
from mien.data.gaping import Insides, gaping
from mien.data.renders import CALM, GAPING, SIDE
from mien.rig.ict_files import Region

quiet = settings(derandomize=True, deadline=None, max_examples=30)
SEEDS = st.integers(0, 2**32 - 1)
NAMES = ("face", "teeth", "gums_tongue", "mouth_socket")
REGIONS = tuple(Region(name, 10 * k, 10 * k + 10) for k, name in enumerate(NAMES))
FACE, TEETH, TONGUE, SOCKET = (slice(region.start, region.stop) for region in REGIONS)
LIPS = np.array([[-0.02, 0.03, 0.0], [0.02, 0.03, 0.0], [0.0, 0.02, -0.005], [0.0, 0.05, -0.005]])


@quiet
@given(SEEDS)
def test_every_mouth_is_open_and_may_do_something_else_as_well(seed: int) -> None:
    weights = gaping(np.random.default_rng(seed))
    assert weights.shape == (len(ARKIT),)
    assert weights.dtype == np.float32
    assert weights[ARKIT.index("jawOpen")] >= 0.25
    assert ((weights >= 0) & (weights <= 1)).all()
    moved = [ARKIT.columns[k] for k in np.flatnonzero(weights)]
    assert all(name.startswith(("jaw", "mouth")) for name in moved)


def test_mouths_differ() -> None:
    many = np.stack([gaping(np.random.default_rng(seed)) for seed in range(200)])
    jaw = many[:, ARKIT.index("jawOpen")]
    assert jaw.min() < 0.35
    assert jaw.max() > 0.9
    left, right = many[:, ARKIT.index("jawLeft")], many[:, ARKIT.index("jawRight")]
    assert (left > 0).any()
    assert (right > 0).any()
    assert not ((left > 0) & (right > 0)).any()


@quiet
@given(SEEDS, st.floats(20, 220))
def test_teeth_are_pale_on_every_skin_and_tongues_are_red(seed: int, skin: float) -> None:
    colours = np.full((40, 3), skin)
    coloured = Insides(REGIONS).coloured(np.random.default_rng(seed), colours)
    np.testing.assert_array_equal(coloured[FACE], colours[FACE])
    np.testing.assert_array_equal(colours, skin)
    assert (coloured[TEETH].mean(1) > 95).all()
    assert (np.ptp(coloured[TEETH], axis=1) < 0.35 * coloured[TEETH].max(1)).all()
    assert (coloured[TONGUE][:, 0] > 1.3 * coloured[TONGUE][:, 1]).all()
    assert (coloured[SOCKET] < coloured[TONGUE]).all()


@quiet
@given(SEEDS)
def test_less_light_comes_the_deeper_it_must_go_and_all_of_it_to_the_skin(seed: int) -> None:
    vertices = np.zeros((40, 3))
    vertices[:, 1] = 0.035
    vertices[TONGUE, 2] = np.linspace(-0.005, 0.12, 10)
    reached = Insides(REGIONS).reached(np.random.default_rng(seed), vertices, LIPS)[:, 0]
    assert (reached[FACE] == 1).all()
    assert (np.diff(reached[TONGUE]) <= 0).all()
    assert reached[TONGUE][0] == 1
    assert 0 < reached[TONGUE][-1] < 0.5


@quiet
@given(SEEDS)
def test_what_is_behind_a_cheek_gets_less_than_what_is_behind_the_lips(seed: int) -> None:
    vertices = np.zeros((40, 3))
    vertices[:, 1:] = 0.035, 0.04
    vertices[TEETH, 0] = np.linspace(0, 0.05, 10)
    reached = Insides(REGIONS).reached(np.random.default_rng(seed), vertices, LIPS)[TEETH, 0]
    assert (np.diff(reached) <= 0).all()
    assert reached[-1] < reached[0]


def test_only_what_is_wet_shines_and_most_where_it_faces_the_lamp() -> None:
    normals = np.zeros((40, 3))
    for part, turned in ((FACE, 0.0), (TEETH, 0.0), (TONGUE, 0.0), (SOCKET, np.pi)):
        way = np.linspace(0, np.pi / 2, 10) + turned  # from the camera's side to above
        normals[part, 1], normals[part, 2] = -np.sin(way), -np.cos(way)
    shine = Insides(REGIONS).shine(np.random.default_rng(3), normals)
    assert shine.shape == (40, 1)
    assert (shine[FACE] == 0).all()
    assert shine[TEETH].max() > 5
    assert shine[TEETH].argmax() not in (0, 9), "between the camera and a lamp above it"
    assert shine[SOCKET].max() < 1, "what faces away"


def test_a_rig_without_teeth_has_an_empty_mouth() -> None:
    bare = Insides(REGIONS[:1])
    random, colours = np.random.default_rng(0), np.full((40, 3), 100.0)
    np.testing.assert_array_equal(bare.coloured(random, colours), colours)
    np.testing.assert_array_equal(bare.reached(random, colours / 1000, LIPS), np.ones((40, 1)))


def test_a_studio_for_mouths_opens_them_and_looks_closer() -> None:
    maker = plain(GAPING)
    random = np.random.default_rng(1)
    assert all(maker.weights(random)[ARKIT.index("jawOpen")] >= 0.25 for _ in range(20))
    near, far = ([drawn(one, seed) for seed in range(12)] for one in (maker, plain(CALM)))
    assert near[0].pixels.shape == far[0].pixels.shape
    mouth = np.mean([face.points[list(INNER_LIPS), :2].mean(0) for face in near], axis=0)
    assert abs(mouth - SIDE / 2).max() < 0.25 * SIDE, "in the middle"
    sizes = [np.mean([np.linalg.norm(face.points[33] - face.points[263]) for face in some]) for some in (near, far)]
    assert sizes[0] > 1.05 * sizes[1]


@pytest.mark.parametrize("seed", range(3))
def test_faces_that_are_drawn_finer_lie_where_coarser_ones_lie(seed: int) -> None:
    coarse, fine = (drawn(plain(replace(CALM, mouths=mouths)), seed) for mouths in (False, True))
    np.testing.assert_allclose(fine.points[:, :2], coarse.points[:, :2], atol=1e-6)
    np.testing.assert_allclose(fine.placed, coarse.placed, atol=1e-6)
    where = np.clip(coarse.points[[50, 280, 152], :2].astype(int), 0, 287).T[::-1]
    assert fine.pixels[tuple(where)].mean() == pytest.approx(coarse.pixels[tuple(where)].mean(), abs=60)
