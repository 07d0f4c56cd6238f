"""A mirrored face gets mirrored weights and points, however it lies in its cut, and every channel has its place."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_eyes import drawn_face
from made_packs import mirror
from torch import Generator, Tensor
from torch.nn import functional

from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.detect.shape import mean_face
from mien.nets.landmarks import SIDE
from mien.nets.local_global import GLOBAL, LOCAL, UNIT, LocalGlobalNet, lie_of, mirrored
from mien.nets.regions import READ, REGIONS, region_of
from mien.rig.compact import MOVED, compact_model
from mien.rig.fit import Fitter
from mien.train.export import TOLERANCE, export, rounded
from mien.train.recipes import RECIPES

CHECKED = settings(derandomize=True, deadline=None, max_examples=15)
SEEDS = st.integers(0, 2**32 - 1)
SWAPPED = torch.from_numpy(ARKIT.mirror.copy())
MIRROR = torch.from_numpy(mirror())
TONGUE = ARKIT.index("tongueOut")


@pytest.fixture(scope="module", autouse=True)
def _only_looked_at() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def net() -> LocalGlobalNet:
    return made_net(0)


def made_net(seed: int) -> LocalGlobalNet:
    """Untrained, but its answers lie far apart, and it moves points."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LocalGlobalNet(MIRROR)
        network.weigh.mul_(20)
        torch.nn.init.normal_(network.move.weight, std=0.01)
    return network.eval()


def pictures(seed: int, count: int = 2) -> Tensor:
    """[count, 1, 128, 128] blotches of strong contrast, all of whole grey levels."""
    coarse = torch.rand((count, 1, SIDE // 8, SIDE // 8), generator=Generator().manual_seed(seed))
    return functional.interpolate(coarse * 200 + 20, (SIDE, SIDE), mode="bicubic").round().clamp(0, 255)


def faces(seed: int, count: int = 2, unit: float = 40) -> Tensor:
    """[count, 478, 3] uneven faces, in sixty-fourths of a pixel: a mirror then loses no digit."""
    noise = torch.randn((count, 478, 3), generator=Generator().manual_seed(seed))
    return ((drawn_face(unit, SIDE) + noise * 1.5) * 64).round() / 64


class TestMirror:
    def test_a_point_mirrored_twice_is_where_it_was(self) -> None:
        points = faces(3)
        once = mirrored(points, MIRROR)
        assert torch.equal(mirrored(once, MIRROR), points)
        assert not torch.equal(once, points)
        assert torch.equal(once[:, IRIS_LEFT, 0], SIDE - points[:, IRIS_RIGHT, 0])
        assert torch.equal(once[:, IRIS_LEFT, 1:], points[:, IRIS_RIGHT, 1:])

    @CHECKED
    @given(SEEDS)
    def test_a_mirrored_cut_gets_mirrored_weights_and_points(self, seed: int) -> None:
        net, cut, points = made_net(seed % 5), pictures(seed), faces(seed)
        weights, moved = net(cut, points)
        others, other_moved = net(cut.flip(3), mirrored(points, MIRROR))
        torch.testing.assert_close(others, weights[:, SWAPPED], atol=2e-5, rtol=0)
        torch.testing.assert_close(other_moved, mirrored(moved, MIRROR), atol=2e-3, rtol=0)
        assert float((weights - weights[:, SWAPPED]).abs().max()) > 0.03, "the picture is not its own mirror image"
        assert float((moved - points).abs().max()) > 0.1, "it does move points"

    def test_a_face_that_is_its_own_mirror_image_gets_even_weights(self, net: LocalGlobalNet) -> None:
        cut = pictures(4)
        cut = (cut + cut.flip(3)) / 2
        points = faces(4)
        points = (points + mirrored(points, MIRROR)) / 2
        weights = net(cut, points).weights
        torch.testing.assert_close(weights, weights[:, SWAPPED], atol=1e-5, rtol=0)


class TestNet:
    @pytest.mark.parametrize("channel", READ)
    def test_every_channel_is_read_from_its_region(self, channel: str, net: LocalGlobalNet) -> None:
        assert list(REGIONS)[int(net.region[READ.index(channel)])] == region_of(channel)

    def test_shapes_and_ranges(self, net: LocalGlobalNet) -> None:
        cut, points = pictures(5, 3), faces(5, 3)
        seen = net.read(cut, points)
        assert seen.weights.shape == (3, 2, len(READ))
        assert seen.local.shape == (3, 2, len(READ), LOCAL)
        assert seen.whole.shape == (3, 2, GLOBAL)
        assert seen.points.shape == points.shape
        weights, moved = net(cut, points)
        assert weights.shape == (3, len(ARKIT))
        assert ((weights >= 0) & (weights <= 1)).all()
        assert (weights[:, TONGUE] == 0).all()
        assert torch.equal(moved, seen.points)

    def test_each_weight_goes_to_its_own_column_and_none_to_the_tongue(self, net: LocalGlobalNet) -> None:
        once = torch.eye(2 * len(READ)) @ net.sides
        for k, name in enumerate(READ):
            column = ARKIT.index(name)
            other = int(ARKIT.mirror[column])
            worth = 0.5 if other == column else 1.0
            assert once[k].nonzero().flatten().tolist() == [column]
            assert once[len(READ) + k].nonzero().flatten().tolist() == [other]
            assert float(once[k, column]) == float(once[len(READ) + k, other]) == worth
        sums = net.sides.sum(0)
        assert float(sums[TONGUE]) == 0
        assert (sums[torch.arange(52) != TONGUE] == 1).all()

    def test_an_untrained_network_moves_no_point(self) -> None:
        points = faces(6)
        assert torch.equal(LocalGlobalNet(MIRROR).eval()(pictures(6), points).points, points)

    def test_a_face_does_not_know_the_others_of_its_batch(self, net: LocalGlobalNet) -> None:
        cut, points = pictures(7, 3), faces(7, 3)
        alone = torch.cat([net(cut[k : k + 1], points[k : k + 1]).weights for k in range(3)])
        torch.testing.assert_close(net(cut, points).weights, alone, atol=1e-5, rtol=0)

    def test_local_features_see_their_region_and_the_global_one_sees_all(self, net: LocalGlobalNet) -> None:
        """A chin in the mirror, mean and deviation of the whole hardly other: brows see little of it, chins much."""
        cut, points = pictures(8, 1), faces(8, 1)
        below = cut.clone()
        below[:, :, 84:] = below[:, :, 84:].flip(3)
        one, other = net.read(cut, points), net.read(below, points)
        moved = (one.local - other.local).abs().amax((0, 1, 3))
        near = min(float(moved[k]) for k, name in enumerate(READ) if region_of(name) in ("chin", "jaw"))
        far = max(float(moved[k]) for k, name in enumerate(READ) if region_of(name) in ("brow", "eye"))
        assert near > 5 * far
        assert float((one.whole - other.whole).abs().max()) > 1e-3

    def test_light_and_contrast_drop_out(self, net: LocalGlobalNet) -> None:
        cut, points = pictures(9), faces(9)
        same = net(cut * 0.7 + 30, points).weights
        torch.testing.assert_close(same, net(cut, points).weights, atol=0.1, rtol=0)
        assert float((net(pictures(10), points).weights - net(cut, points).weights).abs().max()) > 0.2, "it does look"

    def test_a_face_beyond_the_border_breaks_nothing(self, net: LocalGlobalNet) -> None:
        away = drawn_face(60, SIDE)[None] + torch.tensor([90.0, -70, 0])
        assert all(torch.isfinite(of).all() for of in net(pictures(1, 1), away))

    def test_points_that_all_are_one_break_nothing(self, net: LocalGlobalNet) -> None:
        assert all(torch.isfinite(of).all() for of in net(pictures(3, 1), torch.full((1, 478, 3), 40.0)))


def scene(places: Tensor) -> Tensor:
    """[...] smooth luminance of a made face at places [..., 2] of its own."""
    x, y = places.unbind(-1)
    return 128 + 45 * torch.sin(x / 11 + 0.4) * torch.cos(y / 13 - 1) + 30 * torch.sin((x - 2 * y) / 29)


def taken(points: Tensor, turn: float, scale: float, shift: Tensor) -> tuple[Tensor, Tensor]:
    """A cut [1, 1, 128, 128] that shows the scene turned, scaled and shifted, and the points [1, 478, 3] in it."""
    rotation = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    line = torch.arange(SIDE) + 0.5
    pixels = torch.cartesian_prod(line, line).flip(1)
    cut = scene((pixels - SIDE / 2 - shift) @ rotation / scale).view(1, 1, SIDE, SIDE)
    placed = points[:, :2] @ rotation.T * scale + SIDE / 2 + shift
    return cut, torch.cat([placed, points[:, 2:] * scale], 1)[None]


class TestStart:
    def test_what_is_kept_of_points_begins_with_what_a_fit_would_read(self) -> None:
        """A jaw that opens on the mean face is read as an open jaw, on both sides."""
        model = compact_model()
        net, mean = made_net(0), torch.tensor(model.mean.astype(np.float32))
        reading = torch.from_numpy(Fitter(model, mean_face().steadiness).reading).float()
        net.start_from(reading * 0.063)
        jaw = MOVED.index("jawOpen")
        opened = mean + 0.3 * torch.tensor(model.expressions[jaw])
        pixels = torch.stack([mean, opened]) * 600 + torch.tensor([64.0, 40, 0])
        kept = net.recall(net._sided(pixels, lie_of(pixels)))
        right, left = kept[2] - kept[0], kept[3] - kept[1]
        for side in (right, left):
            assert int(side[: len(MOVED)].abs().argmax()) == jaw
            assert float(side[jaw]) == pytest.approx(0.3, abs=0.15)


class TestLie:
    @CHECKED
    @given(SEEDS, st.floats(-math.pi, math.pi), st.floats(0.5, 0.7), st.floats(-1, 1), st.floats(-1, 1))
    def test_where_and_how_a_face_lies_in_its_cut_is_no_matter(
        self, seed: int, turn: float, scale: float, x: float, y: float
    ) -> None:
        """As long as all of it lies in the cut: its weights are the same, its points move with it."""
        net, points = made_net(seed % 5), faces(seed, 1)[0] - SIDE / 2
        shift = torch.tensor([x, y]) * 8
        one = net.read(*taken(points, turn, scale, shift))
        other = net.read(*taken(points, 0.0, 0.65, torch.zeros(2)))
        torch.testing.assert_close(one.local, other.local, atol=0.15, rtol=0)
        # An untrained network's weights differ by far more from face to face.
        torch.testing.assert_close(net.joined(one), net.joined(other), atol=0.2, rtol=0)
        _, straight = taken(points, 0.0, 0.65, torch.zeros(2))
        _, turned = taken(points, turn, scale, shift)
        rotation = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        wanted = (other.points - straight)[0] / 0.65
        wanted = torch.cat([wanted[:, :2] @ rotation.T, wanted[:, 2:]], 1)
        steps = (one.points - turned)[0] / scale
        assert float(wanted.norm(dim=1).mean()) > 0.5
        torch.testing.assert_close(steps, wanted, atol=0.5, rtol=0.1)

    def test_an_ordinary_face_is_of_the_unit(self) -> None:
        lie = lie_of(drawn_face(50, SIDE)[None])
        assert float(lie.scale[0]) == pytest.approx(50 / UNIT, rel=0.05)
        assert lie.across[0].tolist() == pytest.approx([1, 0], abs=0.01)
        assert lie.down[0].tolist() == pytest.approx([0, 1], abs=0.01)

    def test_turning_the_eyes_changes_no_size(self) -> None:
        points = drawn_face(50, SIDE)[None]
        crossed = points.clone()
        crossed[:, 468:473, 0] += 4
        crossed[:, 473:, 0] -= 4
        for one, other in zip(lie_of(crossed), lie_of(points), strict=True):
            torch.testing.assert_close(one, other)


class TestExport:
    def test_the_exported_file_answers_as_torch_does(self, net: LocalGlobalNet, tmp_path: Path) -> None:
        """On cuts of faces, too, not only on what the export checks itself with."""
        shipped = rounded(net)
        file = tmp_path / "lgml.onnx"
        with torch.enable_grad():
            assert export(shipped, RECIPES["lgml"].signature, file) <= TOLERANCE
        session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
        for seed in range(5):
            cut, points = pictures(seed, 1), faces(seed, 1)
            feed = {"luminance": cut.numpy(), "points": points.numpy()}
            weights, moved = session.run(["weights", "moved"], feed)
            expected = shipped(cut, points)
            torch.testing.assert_close(torch.from_numpy(weights), expected.weights, atol=1e-4, rtol=0)
            torch.testing.assert_close(torch.from_numpy(moved), expected.points, atol=5e-3, rtol=0)
