"""A mirrored face gets mirrored weights, views are level and of one size, and every channel has its place."""

import math
from collections.abc import Iterator
from pathlib import Path

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
from mien.nets.landmarks import SIDE
from mien.nets.local_global import (
    BOXES,
    GLOBAL,
    LOCAL,
    READ,
    UNIT,
    VIEW,
    LocalGlobalNet,
    OnCuts,
    box_of,
    upright,
)
from mien.train.export import TOLERANCE, export, rounded
from mien.train.recipes import RECIPES

CHECKED = settings(derandomize=True, deadline=None, max_examples=15)
SEEDS = st.integers(0, 2**32 - 1)
SWAPPED = torch.from_numpy(ARKIT.mirror.copy())
MIRROR = torch.from_numpy(mirror())
TONGUE = ARKIT.index("tongueOut")
SPREAD = 28.3
"""Pixels of a view: root mean square distance of a face's points from their middle."""


@pytest.fixture(scope="module", autouse=True)
def _only_looked_at() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def net() -> LocalGlobalNet:
    return made_net(0)


def made_net(seed: int) -> LocalGlobalNet:
    """Untrained, but its residual blocks are no identities, and its answers far apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LocalGlobalNet(MIRROR)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.weight, 0.5, 1.0)
        network.weigh.mul_(20)
    return network.eval()


def pictures(seed: int, count: int = 2, side: int = VIEW) -> Tensor:
    """[count, 1, side, side] blotches of strong contrast, all of whole grey levels."""
    coarse = torch.rand((count, 1, side // 8, side // 8), generator=Generator().manual_seed(seed))
    return functional.interpolate(coarse * 200 + 20, (side, side), mode="bicubic").round().clamp(0, 255)


def faces(seed: int, count: int = 2, unit: float = UNIT, side: int = VIEW) -> Tensor:
    """[count, 478, 3] uneven faces, in sixty-fourths of a pixel: a mirror then loses no digit."""
    noise = torch.randn((count, 478, 3), generator=Generator().manual_seed(seed))
    return ((drawn_face(unit, side) + noise * 1.5) * 64).round() / 64


class TestChannels:
    def test_the_right_and_the_middle_are_read(self) -> None:
        assert len(READ) == len(set(READ)) == 31
        assert "tongueOut" not in READ
        assert not any(name.endswith("Left") for name in READ)
        both = {*READ, *(ARKIT.columns[ARKIT.mirror[ARKIT.index(name)]] for name in READ)}
        assert both == set(ARKIT.columns) - {"tongueOut"}

    @pytest.mark.parametrize("channel", READ)
    def test_every_channel_has_a_box(self, channel: str, net: LocalGlobalNet) -> None:
        assert box_of(channel) in BOXES
        assert list(BOXES)[int(net.box[READ.index(channel)])] == box_of(channel)

    def test_no_box_is_read_by_nobody(self) -> None:
        assert {box_of(channel) for channel in READ} == set(BOXES)

    @pytest.mark.parametrize(
        ("channel", "box"),
        [
            ("browInnerUp", "brow"),
            ("cheekPuff", "jaw"),
            ("cheekSquintRight", "cheek"),
            ("eyeLookInRight", "eye"),
            ("jawRight", "jaw"),
            ("mouthRight", "mouth"),
            ("mouthShrugLower", "chin"),
            ("mouthShrugUpper", "mouth"),
            ("noseSneerRight", "nose"),
        ],
    )
    def test_the_longest_beginning_decides(self, channel: str, box: str) -> None:
        assert box_of(channel) == box

    def test_boxes_lie_on_the_right_half_or_the_middle(self, net: LocalGlobalNet) -> None:
        centres = net.boxes @ drawn_face(UNIT, 0)[:, :2]
        torch.testing.assert_close(net.boxes.sum(1), torch.ones(len(BOXES)))
        for name, (x, _) in zip(BOXES, centres.tolist(), strict=True):
            if name in ("mouth", "chin", "jaw"):
                assert abs(x) < 0.5, name
            else:
                assert x < -1, name
        sided = [channel for channel in READ if channel.endswith("Right") and not channel.startswith(("mouth", "jaw"))]
        assert len(sided) == 11
        assert {box_of(channel) for channel in sided} <= {"brow", "eye", "nose", "cheek"}

    def test_boxes_hold_what_they_are_named_for(self, net: LocalGlobalNet) -> None:
        face = drawn_face(UNIT, VIEW)[:, :2]
        centres, reach = net.boxes @ face, net.reach.abs().amax(1) * (VIEW / 2) * 5 / 4
        held = {
            "brow": (70, 107),
            "eye": (33, 133, 468),
            "nose": (98, 129),
            "cheek": (50, 205),
            "mouth": (61, 291, 0, 17),
            "chin": (17, 18, 61, 291),
            "jaw": (152, 61, 291),
        }
        for k, name in enumerate(BOXES):
            away = (face[list(held[name])] - centres[k]).abs()
            assert (away <= reach[k] + 0.5).all(), name

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


class TestMirror:
    def test_a_point_mirrored_twice_is_where_it_was(self, net: LocalGlobalNet) -> None:
        points = faces(3)
        once = net.mirrored(points)
        assert torch.equal(net.mirrored(once), points)
        assert not torch.equal(once, points)
        assert torch.equal(once[:, IRIS_LEFT, 0], VIEW - points[:, IRIS_RIGHT, 0])
        assert torch.equal(once[:, IRIS_LEFT, 1:], points[:, IRIS_RIGHT, 1:])

    @CHECKED
    @given(SEEDS)
    def test_a_mirrored_view_gets_mirrored_weights(self, seed: int) -> None:
        net, view, points = made_net(seed % 5), pictures(seed), faces(seed)
        weights = net(view, points)
        mirrored = net(view.flip(3), net.mirrored(points))
        torch.testing.assert_close(mirrored, weights[:, SWAPPED], atol=2e-6, rtol=0)
        assert float((weights - weights[:, SWAPPED]).abs().max()) > 0.03, "the picture is not its own mirror image"

    @CHECKED
    @given(SEEDS)
    def test_a_mirrored_cut_gets_mirrored_weights(self, seed: int) -> None:
        shipped = OnCuts(made_net(seed % 5))
        cut, points = pictures(seed, side=SIDE), faces(seed, unit=48, side=SIDE)
        away = torch.cat([SIDE - points[..., :1], points[..., 1:]], 2)[:, MIRROR]
        mirrored = shipped(cut.flip(3), away)
        torch.testing.assert_close(mirrored, shipped(cut, points)[:, SWAPPED], atol=2e-5, rtol=0)

    def test_a_face_that_is_its_own_mirror_image_gets_even_weights(self, net: LocalGlobalNet) -> None:
        view = pictures(4)
        view = (view + view.flip(3)) / 2
        points = faces(4)
        points = (points + net.mirrored(points)) / 2
        weights = net(view, points)
        torch.testing.assert_close(weights, weights[:, SWAPPED], atol=1e-6, rtol=0)


class TestNet:
    def test_shapes_and_ranges(self, net: LocalGlobalNet) -> None:
        view, points = pictures(5, 3), faces(5, 3)
        seen = net.read(view, points)
        assert seen.weights.shape == (3, len(READ))
        assert seen.local.shape == (3, len(READ), LOCAL)
        assert seen.whole.shape == (3, GLOBAL)
        weights = net(view, points)
        assert weights.shape == (3, len(ARKIT))
        assert ((weights >= 0) & (weights <= 1)).all()
        assert (weights[:, TONGUE] == 0).all()

    def test_both_sides_are_readings_of_one(self, net: LocalGlobalNet) -> None:
        view, points = pictures(6), faces(6)
        right, left = net.read(view, points).weights, net.read(view.flip(3), net.mirrored(points)).weights
        weights = net(view, points)
        for k, name in enumerate(READ):
            column = ARKIT.index(name)
            other = int(ARKIT.mirror[column])
            if other == column:
                torch.testing.assert_close(weights[:, column], (right[:, k] + left[:, k]) / 2, atol=1e-6, rtol=0)
            else:
                torch.testing.assert_close(weights[:, column], right[:, k], atol=1e-6, rtol=0)
                torch.testing.assert_close(weights[:, other], left[:, k], atol=1e-6, rtol=0)

    def test_a_face_does_not_know_the_others_of_its_batch(self, net: LocalGlobalNet) -> None:
        view, points = pictures(7, 3), faces(7, 3)
        alone = torch.cat([net(view[k : k + 1], points[k : k + 1]) for k in range(3)])
        torch.testing.assert_close(net(view, points), alone, atol=1e-5, rtol=0)

    def test_local_features_see_their_region_and_the_global_one_sees_all(self, net: LocalGlobalNet) -> None:
        """The rows of the chin in the mirror: mean and deviation of the picture stay, and so does what brows show."""
        view, points = pictures(8, 1), faces(8, 1)
        below = view.clone()
        below[:, :, 80:] = below[:, :, 80:].flip(3)
        one, other = net.read(view, points), net.read(below, points)
        moved = (one.local - other.local).abs().amax((0, 2))
        for k, name in enumerate(READ):
            if box_of(name) in ("brow", "eye"):
                assert float(moved[k]) < 1e-6, name
            elif box_of(name) in ("chin", "jaw"):
                assert float(moved[k]) > 1e-3, name
        assert float((one.whole - other.whole).abs().max()) > 1e-3

    def test_light_and_contrast_drop_out(self, net: LocalGlobalNet) -> None:
        view, points = pictures(9), faces(9)
        torch.testing.assert_close(net(view * 0.7 + 30, points), net(view, points), atol=0.03, rtol=0)
        assert float((net(pictures(10), points) - net(view, points)).abs().max()) > 0.05, "it does look"

    def test_where_in_the_view_the_face_lies_says_nothing_of_its_shape(self, net: LocalGlobalNet) -> None:
        flat, points = torch.full((2, 1, VIEW, VIEW), 99.0), faces(11)
        away = points + torch.tensor([5.0, -4, 7])
        torch.testing.assert_close(net.read(flat, away).whole, net.read(flat, points).whole, atol=1e-4, rtol=0)


def scene(places: Tensor) -> Tensor:
    """[...] smooth luminance of a made face at places [..., 2] of its own, pixels of an upright view."""
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


def at(picture: Tensor, points: Tensor) -> Tensor:
    """[P] luminance of a picture [1, 1, S, S] at points [P, 2] in its pixels."""
    grid = points * (2 / picture.shape[-1]) - 1
    return functional.grid_sample(picture, grid[None, None], padding_mode="border", align_corners=False).flatten()


class TestUpright:
    @CHECKED
    @given(
        SEEDS,
        st.floats(-math.pi, math.pi),
        st.floats(0.45, 0.65),
        st.floats(-1, 1),
        st.floats(-1, 1),
    )
    def test_views_are_level_and_of_one_size(self, seed: int, turn: float, scale: float, x: float, y: float) -> None:
        """Wherever the face lies in the cut, as long as all that the view shows lies in it, too."""
        points = faces(seed, 1, side=0)[0]
        room = SIDE / 2 - scale * VIEW / math.sqrt(2) - 1
        view, placed = upright(*taken(points, turn, scale, torch.tensor([x, y]) * room))
        straight, wanted = upright(*taken(points, 0.0, 0.6, torch.zeros(2)))
        torch.testing.assert_close(placed, wanted, atol=0.01, rtol=0)
        torch.testing.assert_close(view, straight, atol=2.5, rtol=0)
        level = placed[0, IRIS_LEFT] - placed[0, IRIS_RIGHT]
        assert abs(float(level[1])) < 0.01
        assert float(level[0]) > 20
        flat = placed[0, :468, :2] - VIEW / 2
        assert float(flat.mean(0).abs().max()) < 0.01
        assert float(flat.square().sum(1).mean().sqrt()) == pytest.approx(SPREAD, abs=0.01)

    @CHECKED
    @given(SEEDS, st.floats(-math.pi, math.pi), st.floats(0.5, 0.65))
    def test_points_lie_on_what_they_lay_on(self, seed: int, turn: float, scale: float) -> None:
        points = faces(seed, 1, side=0)[0]
        cut, there = taken(points, turn, scale, torch.tensor([2.0, -3.0]))
        view, placed = upright(cut, there)
        flat = placed[0, :, :2]
        inside = ((flat > 1) & (flat < VIEW - 1)).all(1)
        assert int(inside.sum()) > 400
        torch.testing.assert_close(at(view, flat[inside]), scene(points[inside, :2]), atol=3.0, rtol=0)

    def test_an_ordinary_face_has_the_unit_between_its_irises(self) -> None:
        points = drawn_face(50, SIDE)[None]
        _, placed = upright(pictures(1, 1, SIDE), points)
        assert float((placed[0, IRIS_LEFT] - placed[0, IRIS_RIGHT]).norm()) == pytest.approx(UNIT, rel=0.05)

    def test_turning_the_eyes_changes_no_size(self) -> None:
        points = drawn_face(50, SIDE)[None]
        crossed = points.clone()
        crossed[:, 468:473, 0] += 4
        crossed[:, 473:, 0] -= 4
        cut = pictures(2, 1, SIDE)
        torch.testing.assert_close(upright(cut, crossed)[0], upright(cut, points)[0])

    def test_a_face_beyond_the_border_is_filled_from_it(self) -> None:
        cut = torch.full((1, 1, SIDE, SIDE), 77.0)
        view, placed = upright(cut, drawn_face(60, SIDE)[None] + torch.tensor([90.0, -70, 0]))
        torch.testing.assert_close(view, torch.full((1, 1, VIEW, VIEW), 77.0))
        assert torch.isfinite(placed).all()

    def test_points_that_all_are_one_break_nothing(self, net: LocalGlobalNet) -> None:
        one = torch.full((1, 478, 3), 40.0)
        view, placed = upright(pictures(3, 1, SIDE), one)
        assert torch.isfinite(view).all()
        assert torch.isfinite(placed).all()
        assert torch.isfinite(OnCuts(net)(pictures(3, 1, SIDE), one)).all()


class TestExport:
    def test_the_exported_file_answers_as_torch_does(self, net: LocalGlobalNet, tmp_path: Path) -> None:
        """On cuts of faces, too, not only on what the export checks itself with."""
        shipped = OnCuts(rounded(net)).eval()
        file = tmp_path / "lgml.onnx"
        with torch.enable_grad():
            assert export(shipped, RECIPES["lgml"].signature, file) <= TOLERANCE
        session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
        for seed in range(5):
            cut, points = pictures(seed, 1, SIDE), faces(seed, 1, unit=45, side=SIDE)
            (weights,) = session.run(["weights"], {"luminance": cut.numpy(), "points": points.numpy()})
            torch.testing.assert_close(torch.from_numpy(weights), shipped(cut, points), atol=1e-4, rtol=0)
