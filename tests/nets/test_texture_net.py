"""A layer over a face: nothing before it learned; the picture where the mask keeps it, colours where it does not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from mien.core.basis import ARKIT
from mien.imaging.face_cut import SIDE
from mien.nets.texture import TEXTURE_COLUMNS, Layer, TextureCritic, TextureNet

quiet = settings(derandomize=True, deadline=None, max_examples=20)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=Generator().manual_seed(seed))


def awake(seed: int = 0) -> TextureNet:
    """A network that says something."""
    torch.manual_seed(seed)
    network = TextureNet()
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


def faces(seed: int, count: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    return drawn(seed, count, 3, SIDE, SIDE) * 255, drawn(seed + 1, count, 52), drawn(seed + 2, count, 52) - 0.5


@pytest.mark.parametrize("seed", range(3))
def test_a_new_network_changes_little_and_hears_what_is_asked(seed: int) -> None:
    torch.manual_seed(seed)
    network, (picture, asked, change) = TextureNet(), faces(seed)
    with torch.no_grad():
        over, other = (Layer(*network(picture, asked, said)).over(picture) for said in (change, -change))
    assert 0.01 < float((over - picture).abs().mean()) < 5
    assert float((over - other).abs().mean()) > 1e-3


@quiet
@given(st.integers(0, 1000), st.floats(0, 1))
def test_a_mask_says_how_much_of_the_picture_stays(seed: int, keep: float) -> None:
    picture, colour = drawn(seed, 1, 3, 8, 8) * 255, drawn(seed + 1, 1, 3, 8, 8) * 255
    over = Layer(colour, torch.full((1, 1, 8, 8), keep)).over(picture)
    torch.testing.assert_close(over, keep * picture + (1 - keep) * colour, atol=1e-3, rtol=0)


def test_no_mask_shuts_for_good() -> None:
    network = awake()
    for sign in (-1, 1):
        torch.nn.init.constant_(network.get_parameter("layer.bias"), sign * 1e3)
        with torch.no_grad():
            keep = network(*faces(3))[1]
        assert keep.min() == keep.max()
        assert 0.01 < float(keep.min()) < 0.02 or 0.98 < float(keep.min()) < 0.99


def test_what_is_asked_for_matters_but_not_where_eyes_look_or_whether_they_are_shut() -> None:
    network, (picture, asked, change) = awake(), faces(5)
    others = torch.tensor([name not in TEXTURE_COLUMNS for name in ARKIT.columns])
    assert {name.rstrip("LeftRigh") for name, other in zip(ARKIT.columns, others, strict=True) if other} >= {"tongueOu"}
    with torch.no_grad():
        before = network(picture, asked, change)
        elsewhere = torch.where(others, 1 - asked, asked), torch.where(others, -change, change)
        same, different = network(picture, *elsewhere), network(picture, asked * 0, change)
    assert torch.equal(before[0], same[0])
    assert torch.equal(before[1], same[1])
    assert not torch.equal(before[0], different[0])


def test_places_tell_the_same_skin_apart() -> None:
    """A face lies alike in every cut, so what is at the mouth is painted at the mouth."""
    plain = torch.full((1, 3, SIDE, SIDE), 128.0)
    with torch.no_grad():
        colour, _ = awake()(plain, torch.zeros(1, 52), torch.zeros(1, 52))
    assert float(colour[..., 16:-16, 16:-16].std()) > 0.01


@pytest.mark.parametrize("side", [32, SIDE])
def test_the_critic_judges_cells(side: int) -> None:
    torch.manual_seed(1)
    critic, picture = TextureCritic(), drawn(7, 2, 3, side, side) * 255
    with torch.no_grad():
        score = critic(picture)
        elsewhere = picture.clone()
        elsewhere[0, :, :8, :8] = 0
        changed = critic(elsewhere)
    assert score.shape == (2, 1, side // 16, side // 16)
    assert float((changed[0, 0, 0, 0] - score[0, 0, 0, 0]).abs()) > 1e-4
    assert torch.equal(changed[1], score[1])
