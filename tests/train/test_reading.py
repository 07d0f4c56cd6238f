"""What misplaced points add to weights is what a fit makes of them, whatever the head's place, turn and size."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mien.core.arrays import Array
from mien.core.geometry import fit_similarity, rotation_from_angles
from mien.detect.shape import mean_face
from mien.rig.compact import MOVED, compact_model
from mien.rig.fit import Fitter
from mien.train.reading import _STEADY, Misreading

CHECKED = settings(derandomize=True, deadline=None, max_examples=20)
SEEDS = st.integers(0, 2**32 - 1)
JAW_OPEN = MOVED.index("jawOpen")


@cache
def misreading() -> Misreading:
    return Misreading()


@cache
def fitter() -> Fitter:
    return Fitter(compact_model(), mean_face().steadiness, _STEADY)


def face(rng: np.random.Generator) -> Array:
    """[478, 3] somebody with some expression, in pixels, turned."""
    model = compact_model()
    points = model.mean + np.tensordot(rng.normal(size=len(model.identities)) * 0.7, model.identities, 1)
    points = points + np.tensordot(rng.uniform(0, 1, len(MOVED)) ** 4, model.expressions, 1)
    return np.asarray(800 * points @ rotation_from_angles(*rng.uniform(-0.4, 0.4, 3)).T + [64, 70, 3])


def tensor(points: Array) -> Tensor:
    return torch.from_numpy(np.asarray(points, np.float32))[None]


@CHECKED
@given(SEEDS)
def test_it_is_the_fits_reading_of_what_moved_in_the_heads_axes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = face(rng)
    seen = true + rng.normal(size=true.shape) * 1.5
    head = fit_similarity(compact_model().mean.astype(np.float64), true, mean_face().steadiness)
    moved = (seen - true) @ head.rotation / head.scale
    expected = fitter().reading @ moved.ravel()
    found = misreading()(tensor(seen), tensor(true))
    assert found.shape == (1, len(MOVED))
    np.testing.assert_allclose(found[0].numpy(), expected, atol=2e-3 * np.abs(expected).max())
    assert np.abs(expected).max() > 0.02


@CHECKED
@given(SEEDS)
def test_the_right_points_are_not_misread(seed: int) -> None:
    points = tensor(face(np.random.default_rng(seed)))
    assert not misreading()(points, points).any()


@CHECKED
@given(SEEDS, st.floats(0.3, 5), st.floats(-3, 3), st.floats(-1, 1), st.floats(-3, 3))
def test_turn_size_and_place_of_both_are_no_matter(
    seed: int, scale: float, pitch: float, yaw: float, roll: float
) -> None:
    rng = np.random.default_rng(seed)
    true = face(rng)
    seen = true + rng.normal(size=true.shape) * 1.5
    rotation, shift = rotation_from_angles(pitch, yaw, roll), rng.uniform(-80, 80, 3)
    one = misreading()(tensor(seen), tensor(true))
    other = misreading()(tensor(scale * seen @ rotation.T + shift), tensor(scale * true @ rotation.T + shift))
    torch.testing.assert_close(other, one, atol=5e-3 * float(one.abs().max()), rtol=0)


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_points_of_an_open_jaw_add_an_open_jaw(share: float) -> None:
    model = compact_model()
    true = 800 * model.mean.astype(np.float64)
    added = misreading()(tensor(true + 800 * share * model.expressions[JAW_OPEN]), tensor(true))[0]
    assert int(added.argmax()) == JAW_OPEN
    assert 0.6 * share < float(added[JAW_OPEN]) < 1.05 * share


def test_faces_do_not_know_each_other_and_errors_add_up() -> None:
    rng = np.random.default_rng(1)
    true = torch.cat([tensor(face(rng)) for _ in range(3)])
    one, other = (torch.from_numpy(rng.normal(size=(2, 3, 478, 3))).float()).unbind(0)
    read = misreading()
    torch.testing.assert_close(read(true + one, true)[1:2], read((true + one)[1:2], true[1:2]), atol=1e-4, rtol=1e-3)
    both = read(true + one + other, true)
    torch.testing.assert_close(both, read(true + one, true) + read(true + other, true), atol=1e-3, rtol=1e-3)


def test_the_gradient_leads_to_the_right_points() -> None:
    rng = np.random.default_rng(2)
    true = tensor(face(rng))
    seen = (true + torch.from_numpy(rng.normal(size=(1, 478, 3))).float()).requires_grad_()
    wrong = misreading()(seen, true).square().sum()
    (slope,) = torch.autograd.grad(wrong, seen)
    assert torch.isfinite(slope).all()
    assert float((slope * (seen - true).detach()).sum()) == pytest.approx(2 * float(wrong.detach()), rel=1e-3)
    step = seen.detach() - slope * (float(wrong.detach()) / float(slope.square().sum()))
    assert float(misreading()(step, true).square().sum()) < 0.6 * float(wrong.detach())
