"""A new network changes nothing; a mirrored face gets the mirrored answer; skin that rests keeps its light."""

import pytest
import torch
from torch import Generator, Tensor

from mien.core.basis import ARKIT
from mien.imaging.face_layout import MAPS
from mien.nets.crease import CREASE_COLUMNS, MOST, PLANES, CreaseNet, softened

SIGNS = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0])[:, None, None]


def inputs(count: int = 2, height: int = 32, width: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    generator = Generator().manual_seed(3)
    brightness = torch.rand((count, 1, height, width), generator=generator) + 4
    maps = torch.randn((count, PLANES, height, width), generator=generator)
    maps[:, 0] = torch.rand((count, height, width), generator=generator)
    return brightness, maps, torch.rand((count, len(ARKIT)), generator=generator) - 0.5


def shaken() -> CreaseNet:
    """A network none of whose layers is zero."""
    torch.manual_seed(0)
    network = CreaseNet()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
    return network.eval()


def test_its_maps_are_those_of_the_layout() -> None:
    assert len(MAPS) == PLANES
    assert not any(name.startswith("eyeLook") for name in CREASE_COLUMNS)


@torch.no_grad()
def test_a_new_network_changes_nothing() -> None:
    assert not CreaseNet()(*inputs()).any()


@torch.no_grad()
def test_a_mirrored_face_gets_the_mirrored_answer() -> None:
    network, (brightness, maps, change) = shaken(), inputs()
    gain = network(brightness, maps, change)
    mirrored = network(brightness.flip(3), maps.flip(3) * SIGNS, change[:, torch.tensor(ARKIT.mirror.tolist())])
    torch.testing.assert_close(mirrored.flip(3), gain)
    assert gain.abs().max() > 1e-3


@torch.no_grad()
def test_the_answer_is_bounded_and_stays_within_its_cover() -> None:
    network, (brightness, maps, change) = shaken(), inputs()
    network.gain.weight.mul_(1000)
    maps[:, 0, :10] = 0
    gain = network(brightness, maps, change)
    assert gain.abs().max() <= MOST
    assert not gain[:, :, :10].any()


@torch.no_grad()
def test_skin_that_rests_keeps_its_light() -> None:
    network, (brightness, maps, change) = shaken(), inputs()
    maps[:, 3:] = 0
    assert network(brightness, maps, change).abs().max() < 1e-3


@torch.no_grad()
def test_exposure_has_no_say_and_everything_else_has() -> None:
    network, (brightness, maps, change) = shaken(), inputs()
    gain = network(brightness, maps, change)
    torch.testing.assert_close(network(brightness + 0.5, maps, change), gain, atol=1e-4, rtol=1e-3)
    assert (network(brightness * 1.2, maps, change) - gain).abs().max() > 1e-4
    assert (network(brightness, maps, -change) - gain).abs().max() > 1e-4
    for plane in range(PLANES):
        other = maps.clone()
        other[:, plane] *= 0.5
        assert (network(brightness, other, change) - gain).abs().max() > 1e-4, MAPS[plane]


@torch.no_grad()
def test_while_it_learns_it_looks_one_way() -> None:
    network, sample = shaken(), inputs()
    both = network(*sample)
    assert (network.train()(*sample) - both).abs().max() > 1e-4


@pytest.mark.parametrize("level", [-0.3, 0.0, 2.0])
def test_what_is_even_stays_so_when_it_is_softened(level: float) -> None:
    torch.testing.assert_close(softened(torch.full((1, 1, 9, 7), level)), torch.full((1, 1, 9, 7), level))


def test_softening_keeps_the_sum_of_a_spot() -> None:
    spot = torch.zeros(1, 1, 11, 11)
    spot[0, 0, 5, 5] = 1
    soft = softened(spot)
    assert float(soft.sum()) == pytest.approx(1)
    assert float(soft.max()) == pytest.approx((6 / 16) ** 2)
