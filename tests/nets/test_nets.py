"""Networks answer in the shapes and ranges they promise, and know what they need not learn."""

from collections.abc import Iterator

import pytest
import torch
from torch import Generator, Tensor, nn

from mien.nets.blocks import Down, Residual, standardise
from mien.nets.finder import REACH, STRIDES, FaceFinder
from mien.nets.landmarks import FEATURES, POINTS, SIDE, LandmarkNet


def pictures(count: int = 2, height: int = SIDE, width: int = SIDE, seed: int = 0) -> Tensor:
    """[count, 1, height, width] rough pictures of strong contrast."""
    coarse = torch.rand((count, 1, height // 8, width // 8), generator=Generator().manual_seed(seed))
    return nn.functional.interpolate(coarse, (height, width), mode="nearest") * 180 + 20


@pytest.fixture(autouse=True)
def _only_looked_at() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.no_grad():
        yield


class TestBlocks:
    @pytest.mark.parametrize("kernel", [3, 5])
    def test_down_halves(self, kernel: int) -> None:
        out = Down(2, 5, kernel)(torch.rand(1, 2, 32, 64))
        assert out.shape == (1, 5, 16, 32)

    @pytest.mark.parametrize("training", [True, False])
    def test_a_new_residual_changes_nothing(self, training: bool) -> None:
        x = torch.rand(2, 6, 8, 8)
        torch.testing.assert_close(Residual(6).train(training)(x), x)

    def test_standardising_drops_light_and_contrast(self) -> None:
        plain = pictures()
        seen = standardise(plain)
        torch.testing.assert_close(seen.mean((1, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
        torch.testing.assert_close(seen.std((1, 2, 3)), torch.ones(2), atol=0.03, rtol=0)
        torch.testing.assert_close(standardise(plain * 0.7 + 30), seen, atol=0.05, rtol=0)

    def test_a_flat_picture_stays_flat(self) -> None:
        flat = torch.full((1, 1, 32, 32), 90.0)
        assert float(standardise(flat).abs().max()) == 0
        assert float(standardise(flat + torch.randn(1, 1, 32, 32)).std()) < 0.2, "noise is not blown up"


class TestLandmarkNet:
    def test_shapes_and_ranges(self) -> None:
        seen = LandmarkNet().eval()(pictures(3))
        assert seen.points.shape == (3, POINTS, 3)
        assert seen.presence.shape == (3,)
        assert seen.features.shape == (3, FEATURES)
        assert ((seen.presence >= 0) & (seen.presence <= 1)).all()
        assert float(seen.features.min()) >= 0

    @pytest.mark.parametrize(("gain", "level"), [(0.6, 0), (1.3, 10), (1, -15), (0.8, 60)])
    def test_light_changes_little(self, gain: float, level: float) -> None:
        network, plain = LandmarkNet().eval(), pictures()
        one, other = network(plain), network(plain * gain + level)
        size = float(one.points.std())
        assert float((one.points - other.points).abs().max()) < 0.03 * size
        torch.testing.assert_close(one.presence, other.presence, atol=0.01, rtol=0)
        assert float((network(pictures(seed=5)).points - one.points).abs().max()) > 0.06 * size, "it does look"

    def test_started_from_a_model_it_answers_the_mean(self) -> None:
        network = LandmarkNet(components=7).eval()
        mean, directions = torch.rand(POINTS, 3) * SIDE, torch.randn(7, POINTS, 3)
        network.start_from(mean, directions)
        with torch.no_grad():
            network.coefficients.weight.zero_()
            network.coefficients.bias.zero_()
        points = network(pictures()).points
        torch.testing.assert_close(points, mean.expand(2, -1, -1), atol=1e-3, rtol=1e-5)

    def test_a_coefficient_moves_along_its_direction(self) -> None:
        network = LandmarkNet(components=7).eval()
        mean, directions = torch.rand(POINTS, 3) * SIDE, torch.randn(7, POINTS, 3)
        network.start_from(mean, directions)
        with torch.no_grad():
            network.coefficients.weight.zero_()
            network.coefficients.bias.copy_(torch.eye(7)[4] * 2)
        points = network(pictures(1)).points[0]
        torch.testing.assert_close(points, mean + 2 * directions[4], atol=1e-3, rtol=1e-5)


class TestFaceFinder:
    @pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (160, 224), (320, 320)])
    def test_each_map_has_its_cells(self, height: int, width: int) -> None:
        seen = FaceFinder().eval()(pictures(2, height, width))
        cells = sum((height // stride) * (width // stride) for stride in STRIDES)
        assert seen.score.shape == (2, cells)
        assert seen.box.shape == (2, cells, 4)
        assert seen.points.shape == (2, cells, 10)

    def test_untrained_it_finds_nothing_and_its_boxes_have_a_size(self) -> None:
        seen = FaceFinder().eval()(pictures(2, 96, 96))
        assert 0 <= float(seen.score.min()) <= float(seen.score.max()) < 0.5
        assert (seen.box[..., 2:] > seen.box[..., :2]).all()

    def test_cells_come_by_stride_row_by_row(self) -> None:
        network = FaceFinder().eval()
        with torch.no_grad():
            for module in network.heads.modules():
                if isinstance(module, nn.Conv2d) and module.bias is not None:
                    nn.init.zeros_(module.weight)
                    nn.init.zeros_(module.bias)
        height, width = 64, 96
        seen = network(pictures(1, height, width))
        places = [
            (x * stride + stride / 2, y * stride + stride / 2, stride)
            for stride in STRIDES
            for y in range(height // stride)
            for x in range(width // stride)
        ]
        x, y, stride = torch.tensor(places).T
        wanted = torch.stack([x - 2 * stride, y - 2 * stride, x + 2 * stride, y + 2 * stride], 1)
        torch.testing.assert_close(seen.box[0], wanted)
        torch.testing.assert_close(seen.points[0], torch.stack([x, y], 1).repeat(1, 5))

    def test_the_maps_leave_no_size_out(self) -> None:
        assert REACH[0][0] == 0
        assert [high for _, high in REACH[:-1]] == [low for low, _ in REACH[1:]]
        assert len(REACH) == len(STRIDES)
