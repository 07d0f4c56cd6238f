"""The residual is 0 where nothing changes, the same in a mirror, bounded whatever its weights, still at the border."""

import numpy as np
import pytest
import torch
from hypothesis import given
from made_fits import CHECKED, SEEDS
from made_packs import mirror
from torch import Tensor

from mien.core.basis import ARKIT
from mien.core.field import COLUMNS, ROWS, MotionField
from mien.core.points import FACE_OVAL
from mien.detect.shape import mean_face
from mien.nets.motion import DIRECTIONS, DONE, STEEPEST, MotionNet, sampled
from mien.rig.residual import EYES_APART


def net(seed: int, loud: float = 1.0) -> MotionNet:
    torch.manual_seed(seed)
    mean = torch.from_numpy(mean_face().points[:, :2] / EYES_APART).float()
    network = MotionNet(torch.from_numpy(mirror()), mean, torch.randn(2 * len(mean), DIRECTIONS) / 10).eval()
    torch.nn.init.normal_(network.field.weight, std=loud)
    torch.nn.init.normal_(network.skin, std=loud / 10)
    return network


def inputs(seed: int, count: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mean = torch.from_numpy(mean_face().points[:, :2] / EYES_APART).float()
    points = mean + torch.randn((count, *mean.shape), generator=generator) * 0.05
    now, then = torch.rand((2, count, len(ARKIT)), generator=generator)
    return points, now, then - now


@CHECKED
@given(SEEDS)
def test_nothing_changes_where_nothing_is_asked(seed: int) -> None:
    points, now, change = inputs(seed)
    with torch.no_grad():
        assert not any(part.any() for part in net(seed)(points, now, change * 0))


@CHECKED
@given(SEEDS)
def test_a_mirror_image_gets_the_mirrored_field(seed: int) -> None:
    network = net(seed, 0.01)
    points, now, change = inputs(seed)
    flipped = torch.from_numpy(ARKIT.mirror.copy())
    with torch.no_grad():
        field, skin = network(points, now, change)
        other, others = network(
            points[:, torch.from_numpy(mirror())] * torch.tensor([-1.0, 1.0]), now[:, flipped], change[:, flipped]
        )
    # The cover follows the mean face's border, whose two halves differ by a rounding.
    turned = other.flip(3) * torch.tensor([-1.0, 1.0])[:, None, None]
    torch.testing.assert_close(field, turned, atol=2e-2 * float(field.abs().max()), rtol=0)
    across = others[:, torch.from_numpy(mirror())] * torch.tensor([-1.0, 1.0])
    torch.testing.assert_close(skin, across, atol=2e-2 * float(skin.abs().max()), rtol=0)


@pytest.mark.parametrize("loud", [0.001, 1.0, 1000.0])
def test_no_field_is_steeper_than_allowed(loud: float) -> None:
    with torch.no_grad():
        fields, _ = net(1, loud)(*inputs(1))
    assert all(MotionField(field).steepest() < STEEPEST * 1.001 for field in fields.numpy())


def test_looks_blinks_and_a_tongue_move_no_skin() -> None:
    points, now, change = inputs(2)
    free = [k for k, name in enumerate(ARKIT.columns) if name.startswith(("eyeLook", "eyeBlink", "tongue"))]
    only = torch.zeros_like(change)
    only[:, free] = change[:, free]
    with torch.no_grad():
        assert not any(part.any() for part in net(2)(points, now, only))


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_what_one_side_is_asked_for_moves_that_side(side: str) -> None:
    points, now, change = inputs(5)
    only = torch.zeros_like(change)
    column = ARKIT.index(f"mouthSmile{side}")
    only[:, column] = 0.7
    with torch.no_grad():
        field, skin = net(5)(points, now, only)
    across = field.abs().sum((0, 1, 2))
    x, moved = mean_face().points[:, 0] / EYES_APART, skin.norm(dim=2).sum(0).numpy()
    for right, left in (
        (float(across[: COLUMNS // 2 - 2].sum()), float(across[COLUMNS // 2 + 2 :].sum())),
        (moved[x < -0.2].sum(), moved[x > 0.2].sum()),
    ):
        assert min(left, right) < 0.05 * max(left, right)
        assert (left > right) == (side == "Left")


def test_the_border_of_the_face_stays() -> None:
    network = net(3)
    border = network.mean[list(FACE_OVAL)][None]
    with torch.no_grad():
        fields, _ = network(*inputs(3, 1))
        moved, inside = sampled(fields, border * 1.05), sampled(fields, network.mean[[1, 13]][None])
    assert float(moved.norm(dim=2).mean()) < 0.15 * float(inside.norm(dim=2).mean())


def test_tensors_are_sampled_as_arrays_are() -> None:
    rng = np.random.default_rng(4)
    grid, places = rng.normal(size=(2, ROWS, COLUMNS)), rng.uniform(-2, 2.5, (50, 2))
    found = sampled(torch.from_numpy(grid)[None], torch.from_numpy(places)[None])[0]
    np.testing.assert_allclose(found.numpy(), MotionField(grid).at(places), atol=1e-9)


def test_skin_goes_along_with_the_change_whatever_face_it_is() -> None:
    network = net(6)
    points, now, change = inputs(6)
    with torch.no_grad():
        one, half = network(points, now, change)[1], network(points, now, change / 2)[1]
        elsewhere = network(points * 1.1, now + 0.1, change)[1]
    assert one.abs().max() > 1e-4
    torch.testing.assert_close(half, one / 2)
    torch.testing.assert_close(elsewhere, one)


def test_some_of_what_points_do_is_done() -> None:
    network = net(7, 1e-3)
    with torch.no_grad():
        torch.testing.assert_close(network(*inputs(7))[0], DONE * network.by_points(*inputs(7)))
