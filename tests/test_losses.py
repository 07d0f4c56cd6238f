"""Distances are nothing at equality, and their gradients lead there."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from mien.core.geometry import box_overlap
from mien.losses import box_distance, depth_distance, focal, point_distance, weights_distance

CHECKED = settings(derandomize=True, deadline=None, max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def boxes(seed: int, count: int = 8) -> Tensor:
    least = normal(seed, count, 2) * 20
    return torch.cat([least, least + 0.5 + normal(seed + 1, count, 2).abs() * 20], 1)


def gradient(loss: Tensor, of: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(loss, of)
    return found


class TestPoints:
    def test_the_same_points_are_as_good_as_nothing_apart(self) -> None:
        points, unit = normal(0, 3, 478, 3) * 50, torch.full((3,), 40.0)
        assert float(point_distance(points, points, unit, torch.ones(478)).max()) <= 0.0101 / 40
        assert float(depth_distance(points, points, unit).max()) == 0

    @CHECKED
    @given(SEEDS)
    def test_it_is_symmetric_and_scales_away(self, seed: int) -> None:
        one, other = normal(seed, 2, 2, 10, 3) * 30
        unit, emphasis = torch.tensor([20.0, 45.0]), torch.rand(10) + 0.5
        there = point_distance(one, other, unit, emphasis)
        torch.testing.assert_close(there, point_distance(other, one, unit, emphasis))
        torch.testing.assert_close(point_distance(one * 7, other * 7, unit * 7, emphasis), there, rtol=1e-3, atol=0)
        torch.testing.assert_close(depth_distance(one, other, unit), depth_distance(other, one, unit))

    def test_depth_and_plane_do_not_mix(self) -> None:
        one = normal(1, 2, 10, 3)
        deeper, aside = one + torch.tensor([0.0, 0, 8]), one + torch.tensor([3.0, 4, 0])
        unit = torch.tensor([2.0, 4.0])
        torch.testing.assert_close(depth_distance(deeper, one, unit), torch.tensor([4.0, 2.0]))
        torch.testing.assert_close(point_distance(aside, one, unit, torch.ones(10)), torch.tensor([2.5, 1.25]))
        assert float(depth_distance(aside, one, unit).max()) == 0
        assert float(point_distance(deeper, one, unit, torch.ones(10)).max()) < 0.01

    def test_emphasis_counts(self) -> None:
        one = torch.zeros(1, 2, 2)
        other = torch.tensor([[[3.0, 4.0], [0, 0]]])
        seen = point_distance(one, other, torch.ones(1), torch.tensor([2.0, 0.0]))
        assert float(seen) == pytest.approx(5, rel=1e-4)

    def test_going_against_the_gradient_comes_nearer(self) -> None:
        true = normal(2, 2, 10, 3)
        points = (true + 5 * normal(3, 2, 10, 3)).requires_grad_()
        slope = gradient(point_distance(points, true, torch.ones(2), torch.ones(10)).sum(), points)
        assert (((points - true) * slope)[..., :2].sum(-1) > 0).all()
        assert float(slope[..., 2].abs().max()) == 0
        still = true.clone().requires_grad_()
        assert torch.isfinite(gradient(point_distance(still, true, torch.ones(2), torch.ones(10)).sum(), still)).all()


class TestFocal:
    def test_what_nobody_cares_for_counts_nothing(self) -> None:
        probability, target = torch.rand(4, 50), (torch.rand(4, 50) < 0.3).float()
        assert float(focal(probability, target, torch.zeros(4, 50))) == 0
        care = (torch.rand(4, 50) < 0.5).float()
        other = torch.where(care > 0, probability, 1 - probability)
        torch.testing.assert_close(focal(probability, target, care), focal(other, target, care))

    def test_certainty_costs_nothing_if_right_and_stays_finite_if_wrong(self) -> None:
        target = torch.tensor([0.0, 1.0])
        assert float(focal(target, target, torch.ones(2))) < 1e-8
        assert 2 < float(focal(1 - target, target, torch.ones(2))) < 100

    @pytest.mark.parametrize(("target", "sign"), [(0.0, 1), (1.0, -1)])
    def test_gradient_leads_to_the_target(self, target: float, sign: int) -> None:
        probability = torch.linspace(0.02, 0.98, 30).requires_grad_()
        slope = gradient(focal(probability, torch.full((30,), target), torch.ones(30)), probability)
        assert (slope * sign > 0).all()

    def test_it_is_the_papers(self) -> None:
        p = torch.tensor([0.3])
        assert float(focal(p, torch.ones(1), torch.ones(1))) == pytest.approx(0.25 * 0.49 * -np.log(0.3), rel=1e-5)
        assert float(focal(p, torch.zeros(1), torch.ones(1))) == pytest.approx(0.75 * 0.09 * -np.log(0.7), rel=1e-5)


class TestBoxes:
    @CHECKED
    @given(SEEDS)
    def test_it_lies_between_0_and_2_and_is_symmetric(self, seed: int) -> None:
        one, other = boxes(seed), boxes(seed + 7)
        seen = box_distance(one, other)
        assert float(seen.min()) >= 0
        assert float(seen.max()) <= 2
        torch.testing.assert_close(seen, box_distance(other, one))
        torch.testing.assert_close(box_distance(one, one), torch.zeros(8), atol=1e-5, rtol=0)
        torch.testing.assert_close(box_distance(one * 3 + 5, other * 3 + 5), seen, atol=1e-4, rtol=1e-4)

    @CHECKED
    @given(SEEDS)
    def test_nested_boxes_are_one_minus_their_overlap_apart(self, seed: int) -> None:
        outer = boxes(seed)
        share = torch.rand(8, 4, generator=Generator().manual_seed(seed)) * 0.4
        size = (outer[:, 2:] - outer[:, :2]).repeat(1, 2)
        inner = outer + share * size * torch.tensor([1.0, 1, -1, -1])
        wanted = [1 - box_overlap(a, b[None])[0] for a, b in zip(inner.numpy(), outer.numpy(), strict=True)]
        torch.testing.assert_close(box_distance(inner, outer), torch.tensor(wanted).float(), atol=1e-4, rtol=0)

    def test_boxes_far_apart_are_drawn_together(self) -> None:
        near = torch.tensor([[30.0, 0, 40, 10]], requires_grad=True)
        true = torch.tensor([[0.0, 0, 10, 10]])
        loss = box_distance(near, true)
        assert float(loss.detach()) == pytest.approx(1 + 20 / 40)
        assert float(box_distance(near.detach() + 1000, true)) > 1.99
        assert float(gradient(loss.sum(), near)[0, 0]) > 0, "its left edge must come nearer"

    def test_no_boxes_have_no_distance(self) -> None:
        assert box_distance(torch.zeros(0, 4), torch.zeros(0, 4)).shape == (0,)


class TestWeights:
    def test_nothing_at_equality_symmetric_and_in_units_of_the_scale(self) -> None:
        one, other = torch.rand(6, 52), torch.rand(6, 52)
        scale = torch.rand(52) + 0.1
        assert float(weights_distance(one, one, scale)) == 0
        torch.testing.assert_close(weights_distance(one, other, scale), weights_distance(other, one, scale))
        torch.testing.assert_close(weights_distance(one * 5, other * 5, scale * 5), weights_distance(one, other, scale))

    def test_gradient_leads_to_the_truth(self) -> None:
        true = torch.rand(6, 52)
        seen = torch.rand(6, 52).requires_grad_()
        slope = gradient(weights_distance(seen, true, torch.ones(52)), seen)
        assert (slope * (seen - true) >= 0).all()
