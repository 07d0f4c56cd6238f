"""The painter fills holes and nothing else; weights, sharpness and maps have a say; the critic looks twice."""

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from mien.core.basis import ARKIT
from mien.imaging.mouth_patch import HEIGHT, MAPS, WIDTH
from mien.nets.mouth import MOUTH_COLUMNS, PLANES, MouthNet
from mien.nets.mouth_critic import MouthCritic


def inputs(count: int = 2, height: int = 32, width: int = 48) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = Generator().manual_seed(3)
    picture = torch.rand((count, 3, height, width), generator=generator) * 255
    maps = torch.rand((count, PLANES, height, width), generator=generator) * 2 - 1
    maps[:, 0] = 0
    maps[:, 0, 8:24, 8:40] = 1
    weights = torch.rand((count, len(ARKIT)), generator=generator)
    return picture, maps, weights, torch.zeros(count, 1)


def shaken() -> MouthNet:
    """A network none of whose layers is zero."""
    torch.manual_seed(0)
    network = MouthNet()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.03)
    return network.eval()


@torch.no_grad()
def test_a_new_network_leaves_the_photo_and_greys_the_hole() -> None:
    picture, maps, weights, sharpness = inputs()
    painted = MouthNet()(picture, maps, weights, sharpness)
    outside = (maps[:, :1] == 0).expand_as(picture)
    torch.testing.assert_close(painted[outside], picture[outside], rtol=0, atol=1e-4)
    assert (painted[~outside] == 127.5).all()


@torch.no_grad()
def test_it_does_not_look_into_the_hole() -> None:
    network, (picture, *rest) = shaken(), inputs()
    other = torch.where(rest[0][:, :1] == 1, 255 - picture, picture)
    torch.testing.assert_close(network(picture, *rest), network(other, *rest))


@torch.no_grad()
def test_expression_sharpness_and_place_have_a_say() -> None:
    network, (picture, maps, weights, sharpness) = shaken(), inputs()
    painted = network(picture, maps, weights, sharpness)
    assert (network(picture, maps, 1 - weights, sharpness) - painted).abs().max() > 0.1
    assert (network(picture, maps, weights, sharpness + 2) - painted).abs().max() > 0.1
    for plane in range(PLANES):
        changed = maps.clone()
        changed[:, plane] *= 0.5
        assert (network(picture, changed, weights, sharpness) - painted).abs().max() > 0.1


@torch.no_grad()
def test_eyes_and_brows_have_none() -> None:
    network, (picture, maps, weights, sharpness) = shaken(), inputs()
    heard = np.isin(ARKIT.columns, MOUTH_COLUMNS)
    assert {"jawOpen", "mouthSmileLeft", "tongueOut"} <= set(MOUTH_COLUMNS)
    assert not any(name.startswith(("eye", "brow")) for name in MOUTH_COLUMNS)
    other = torch.where(torch.from_numpy(heard), weights, 1 - weights)
    torch.testing.assert_close(network(picture, maps, other, sharpness), network(picture, maps, weights, sharpness))


def test_it_is_small_and_knows_the_planes() -> None:
    assert 4e6 < sum(parameter.numel() for parameter in MouthNet().parameters()) < 5e6
    assert len(MAPS) == PLANES
    assert HEIGHT % 16 == WIDTH % 16 == 0


def test_every_layer_learns_once_the_last_one_has() -> None:
    network = shaken().train()
    network(*inputs()).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(("height", "width"), [(32, 48), (96, 128)])
def test_the_critic_judges_cells_at_two_scales(height: int, width: int) -> None:
    picture, maps, *_ = inputs(2, height, width)
    whole, half = MouthCritic()(picture, maps)
    assert whole.score.shape == (2, 1, height // 8, width // 8)
    assert half.score.shape == (2, 1, height // 16, width // 16)
    assert len(whole.features) == len(half.features) == 3


def test_the_critic_tells_a_cell_by_what_lies_round_it() -> None:
    torch.manual_seed(0)
    critic, (picture, maps, *_) = MouthCritic(), inputs(1, 96, 128)
    picture.requires_grad_()
    critic(picture, maps)[0].score[0, 0, 6, 8].backward()
    assert picture.grad is not None
    seen = picture.grad.abs().sum((0, 1))
    assert seen[44:60, 60:76].min() > 0
    assert seen[40:64, 56:80].sum() > 0.5 * seen.sum()
