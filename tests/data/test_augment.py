"""Views and points agree, and what is done to a view is decided by its generator and stays a picture."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_packs import mirror
from torch import Generator, Tensor

from mien.data.augment import (
    FINDING,
    FOLLOWING,
    blur,
    compress,
    cover,
    degrade,
    fill_outside,
    jitter,
    points_in_views,
    relight,
    speckle,
    take_views,
    view_maps,
)
from mien.data.tiles import FACE, TILE
from mien.imaging.warp import sample_affine

CHECKED = settings(derandomize=True, deadline=None, max_examples=25)
SIDE = 128
UNIT = st.floats(-1, 1, width=32)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def some_cuts(count: int = 6, side: int = 64, seed: int = 0) -> Tensor:
    """[count, 1, side, side] blotches of 1..255."""
    coarse = torch.rand((count, 1, side // 8, side // 8), generator=seeded(seed)) * 254 + 1
    return torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear", align_corners=False)


def dot(x: float, y: float) -> Tensor:
    """[1, 1, 256, 256] a bright spot."""
    steps = torch.arange(TILE) + 0.5
    across, down = (torch.exp(-0.5 * ((steps - place) / 2.5) ** 2) for place in (x, y))
    return 255 * (down[:, None] * across[None, :])[None, None]


def centroid(cut: Tensor) -> Tensor:
    steps = torch.arange(cut.shape[-1]) + 0.5
    total = cut.sum()
    return torch.stack([(cut.sum((0, 1, 2)) * steps).sum(), (cut.sum((0, 1, 3)) * steps).sum()]) / total


class TestViews:
    @CHECKED
    @given(UNIT, UNIT, UNIT, UNIT, st.booleans(), st.integers(0, 477), UNIT, UNIT)
    def test_a_dot_at_a_landmark_lies_where_the_point_says(
        self, turn: float, zoom: float, right: float, down: float, flipped: bool, landmark: int, x: float, y: float
    ) -> None:
        shift = FINDING.shift
        wander = torch.tensor([[turn * FINDING.turn, zoom * FINDING.zoom, right * shift, down * shift]])
        maps = view_maps(wander, torch.tensor([flipped]), SIDE)
        points = torch.zeros(1, 478, 3)
        points[0, landmark] = torch.tensor([TILE / 2 + 20 * x, TILE / 2 + 20 * y, -6.0])
        cut = take_views(dot(*points[0, landmark, :2].tolist()), maps, SIDE)
        moved = points_in_views(points, maps, torch.tensor([flipped]), torch.from_numpy(mirror()))
        place = int(mirror()[landmark]) if flipped else landmark
        torch.testing.assert_close(centroid(cut), moved[0, place, :2], atol=0.1, rtol=0)
        scale = float(torch.exp(wander[0, 1])) * FACE / SIDE
        assert float(moved[0, place, 2]) == pytest.approx(-6 / scale, rel=1e-4)

    def test_a_mirrored_view_is_the_view_in_a_mirror(self) -> None:
        tiles, still = some_cuts(2, TILE), torch.zeros(2, 4)
        plain = take_views(tiles, view_maps(still, torch.tensor([False, False]), SIDE), SIDE)
        flipped = take_views(tiles, view_maps(still, torch.tensor([True, True]), SIDE), SIDE)
        torch.testing.assert_close(flipped, plain.flip(3), atol=1e-2, rtol=0)

    def test_the_view_that_does_not_wander_is_the_square_of_the_face(self) -> None:
        tiles, edge = some_cuts(1, TILE), (TILE - FACE) // 2
        cut = take_views(tiles, view_maps(torch.zeros(1, 4), torch.tensor([False]), FACE), FACE)
        torch.testing.assert_close(cut, tiles[:, :, edge : edge + FACE, edge : edge + FACE], atol=1e-2, rtol=0)

    @CHECKED
    @given(st.integers(0, 2**32 - 1))
    def test_training_sees_what_capture_sees(self, seed: int) -> None:
        """The house's one resampler and torch's agree to a fiftieth of a grey level, outside the picture too."""
        wander = jitter(seeded(seed), 1, wide=1.0) * 1.5
        maps = view_maps(wander, torch.tensor([False]), SIDE)
        tile = some_cuts(1, TILE, seed)
        ours = sample_affine(tile[0, 0].numpy(), maps[0].double().numpy(), SIDE)
        np.testing.assert_allclose(take_views(tile, maps, SIDE)[0, 0], ours, atol=0.02)

    def test_past_the_tile_lies_nothing(self) -> None:
        away = torch.tensor([[0.0, 0, 3, 0]])
        assert float(take_views(some_cuts(1, TILE), view_maps(away, torch.tensor([False]), SIDE), SIDE).max()) == 0


class TestJitter:
    def test_near_views_wander_with_the_deviations_of_following(self) -> None:
        wander = jitter(seeded(), 4000)
        wanted = torch.tensor([FOLLOWING.turn, FOLLOWING.zoom, FOLLOWING.shift, FOLLOWING.shift])
        torch.testing.assert_close(wander.std(0) / wanted, torch.ones(4), atol=0.06, rtol=0)
        torch.testing.assert_close(wander.mean(0) / wanted, torch.zeros(4), atol=0.06, rtol=0)

    def test_wide_views_stay_within_the_bounds_of_finding(self) -> None:
        bound = torch.tensor([FINDING.turn, FINDING.zoom, FINDING.shift, FINDING.shift])
        wander = jitter(seeded(), 4000, wide=1.0).abs() / bound
        assert float(wander.max()) <= 1
        assert float(wander.max(0).values.min()) > 0.99

    def test_a_share_is_wide(self) -> None:
        turns = jitter(seeded(), 4000, wide=0.5)[:, 0].abs()
        far = float((turns > 5 * FOLLOWING.turn).float().mean())
        assert far == pytest.approx(0.5 * (1 - 5 * FOLLOWING.turn / FINDING.turn), abs=0.03)


WORKS: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "relight": relight,
    "blur": blur,
    "compress": compress,
    "cover": cover,
    "speckle": speckle,
    "fill_outside": fill_outside,
    "degrade": degrade,
}


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS.keys())
class TestWorks:
    @pytest.mark.parametrize("seed", range(6))
    def test_a_picture_stays_a_picture(self, work: Callable[[Tensor, Generator], Tensor], seed: int) -> None:
        for cuts in (some_cuts(7, 64, seed), torch.zeros(3, 1, 64, 64), torch.full((3, 1, 64, 64), 255.0)):
            before = cuts.clone()
            out = work(cuts, seeded(seed))
            assert out.shape == cuts.shape
            assert torch.isfinite(out).all()
            assert float(out.min()) >= -1e-3
            assert float(out.max()) <= 255 + 1e-3
            assert torch.equal(cuts, before), "the input is left alone"

    def test_the_generator_alone_decides(self, work: Callable[[Tensor, Generator], Tensor]) -> None:
        cuts = some_cuts(16)
        cuts[:, :, :9] = 0
        one = work(cuts, seeded(1))
        torch.manual_seed(99)
        assert torch.equal(one, work(cuts, seeded(1)))
        assert not torch.equal(one, work(cuts, seeded(2)))


class TestParts:
    def test_only_what_lies_outside_is_filled(self) -> None:
        cuts = some_cuts(40)
        cuts[:, :, :, 50:] = 0
        out = fill_outside(cuts, seeded())
        assert torch.equal(out[..., :50], cuts[..., :50])
        black = (out[..., 50:] == 0).flatten(1).all(1)
        assert 0 < int(black.sum()) < 40

    def test_a_share_of_nothing_changes_nothing(self) -> None:
        cuts = some_cuts()
        for work in (blur, compress, cover):
            assert torch.equal(work(cuts, seeded(), share=0.0), cuts)

    def test_compression_is_mild_on_what_is_smooth(self) -> None:
        flat = torch.linspace(5, 250, 30)[:, None, None, None].expand(-1, 1, 32, 32)
        # The mean of a block is kept to an eighth of half its step, which is at most 30.
        assert float((compress(flat, seeded(), share=1.0) - flat).abs().max()) <= 30 / 16 + 1e-3
        slope = (torch.arange(64.0) * 2 + 60).view(1, 1, 1, 64).expand(20, 1, 64, 64)
        assert float((compress(slope, seeded(), share=1.0) - slope).abs().mean()) < 3

    def test_compression_loses_no_more_than_its_steps(self) -> None:
        cuts = torch.rand((50, 1, 32, 32), generator=seeded()) * 200 + 25
        error = (compress(cuts, seeded(3), share=1.0) - cuts).square().mean((1, 2, 3)).sqrt()
        frequency = torch.arange(8.0)[:, None] + torch.arange(8.0)[None, :]
        coarsest = 30 * (1 + 0.35 * frequency)
        assert float(error.max()) <= float((coarsest / 2).square().mean().sqrt())
        assert float(error.min()) < 4, "the mildest steps of fifty change little"
        assert float(error.max()) > 20

    def test_a_second_compression_by_the_same_steps_changes_nothing(self) -> None:
        once = compress(some_cuts(8), seeded(4), share=1.0)
        inside = (once > 1).all() and (once < 254).all()
        twice = compress(once, seeded(4), share=1.0)
        assert float((once - twice).abs().max()) < (1e-2 if inside else 10)

    def test_blur_keeps_the_light(self) -> None:
        cuts = some_cuts(30)
        out = blur(cuts, seeded(), share=1.0)
        torch.testing.assert_close(out.mean((1, 2, 3)), cuts.mean((1, 2, 3)), atol=6, rtol=0)

    def test_cover_hides_a_part(self) -> None:
        cuts = some_cuts(30)
        changed = (cover(cuts, seeded(), share=1.0) != cuts).float().mean((1, 2, 3))
        assert float(changed.max()) < 0.5
        assert float(changed.mean()) > 0.01

    def test_relighting_keeps_the_order_of_neighbours(self) -> None:
        """Light bends and slopes, yet a bright spot never becomes a dark one."""
        cuts = torch.full((20, 1, 32, 32), 80.0)
        cuts[:, :, 15:17, 15:17] = 160
        out = relight(cuts, seeded())
        assert (out[:, 0, 16, 16] >= out[:, 0, 16, 18] - 1).all()
