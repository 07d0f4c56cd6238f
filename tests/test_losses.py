"""Distances are nothing at equality, and their gradients lead there."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from mien.core.geometry import box_overlap
from mien.losses import (
    box_distance,
    covered_distance,
    depth_distance,
    expression_distance,
    feature_distance,
    flattery,
    focal,
    global_metric,
    hinge,
    local_metric,
    mask_area,
    picture_distance,
    point_distance,
    slope_distance,
    total_variation,
    weights_distance,
)

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


def metric_batch(seed: int, count: int = 24, channels: int = 4, length: int = 16) -> tuple[Tensor, Tensor, Tensor]:
    """Features [B, K, D], states [B, K] of -1, 0 and 1, and people [B], some of them several times."""
    generator = Generator().manual_seed(seed)
    state = torch.randint(-1, 2, (count, channels), generator=generator).float()
    person = torch.randint(count // 2, (count,), generator=generator)
    return torch.randn((count, channels, length), generator=generator), state, person


def apart(one: Tensor, other: Tensor) -> float:
    """Squared distance of two directions."""
    away = torch.nn.functional.normalize(one, dim=0) - torch.nn.functional.normalize(other, dim=0)
    return float(away.square().sum())


class TestLocalMetric:
    @CHECKED
    @given(SEEDS)
    def test_it_is_what_its_equation_says(self, seed: int) -> None:
        features, state, person = metric_batch(seed, 12, 3)
        means = []
        for k in range(3):
            wrong = []
            for a in range(12):
                others = [n for n in range(12) if state[a, k] * state[n, k] == -1]
                positives = [p for p in range(12) if state[a, k] * state[p, k] == 1 and person[a] != person[p]]
                if others:
                    nearest = min(apart(features[a, k], features[n, k]) for n in others)
                    wrong += [max(apart(features[a, k], features[p, k]) - nearest + 0.3, 0) for p in positives]
            if wrong:
                means.append(sum(wrong) / len(wrong))
        expected = sum(means) / max(len(means), 1)
        assert float(local_metric(features, state, person)) == pytest.approx(expected, abs=1e-5)

    @CHECKED
    @given(SEEDS, st.floats(0.05, 0.6))
    def test_it_is_nothing_once_states_are_the_margin_apart(self, seed: int, margin: float) -> None:
        noise, state, person = metric_batch(seed)
        shown = torch.zeros_like(noise)
        shown[..., 0], shown[..., 1] = (state == 1).float(), (state == -1).float()
        together = shown + torch.where(state[..., None] == 0, noise, 0.01 * noise)
        assert float(local_metric(together, state, person, margin)) == 0
        # With an appearing channel a little nearer to one that does not than the margin allows, it is not.
        mixed = shown + shown[..., [1, 0, *range(2, 16)]] * 0.9
        assert float(local_metric(mixed, state, person, margin)) > 0

    @CHECKED
    @given(SEEDS)
    def test_going_against_the_gradient_joins_what_is_alike_and_parts_what_is_not(self, seed: int) -> None:
        generator = Generator().manual_seed(seed)
        features = torch.randn((10, 2, 512), generator=generator, requires_grad=True)
        state, person = torch.tensor([1.0, -1] * 5)[:, None].expand(-1, 2), torch.arange(10)
        loss = local_metric(features, state, person)
        after = (features - 100 * gradient(loss, features)).detach()
        assert float(local_metric(after, state, person)) < float(loss.detach())
        before, alike = features.detach(), state[:, 0, None] == state[None, :, 0]
        for k in range(2):
            was, now = (
                2 - 2 * unit @ unit.T
                for unit in (torch.nn.functional.normalize(each[:, k], dim=1) for each in (before, after))
            )
            assert float((now - was)[alike].sum()) < 0
            assert float((now - was)[~alike].sum()) > 0

    @CHECKED
    @given(SEEDS)
    def test_the_order_of_a_batch_is_no_matter(self, seed: int) -> None:
        features, state, person = metric_batch(seed)
        order = torch.randperm(len(person), generator=Generator().manual_seed(seed))
        shuffled = local_metric(features[order], state[order], person[order])
        torch.testing.assert_close(shuffled, local_metric(features, state, person), atol=1e-6, rtol=1e-5)
        named = torch.randperm(len(person), generator=Generator().manual_seed(seed + 1))[person]
        torch.testing.assert_close(local_metric(features, state, named), local_metric(features, state, person))

    @CHECKED
    @given(SEEDS)
    def test_what_is_undecided_is_ignored(self, seed: int) -> None:
        features, state, person = metric_batch(seed)
        undecided = state == 0
        other = torch.where(undecided[..., None], normal(seed + 1, *features.shape), features).requires_grad_()
        loss = local_metric(other, state, person)
        torch.testing.assert_close(loss, local_metric(features, state, person))
        assert float(gradient(loss, other)[undecided].abs().max()) == 0

    @CHECKED
    @given(SEEDS)
    def test_length_is_no_matter(self, seed: int) -> None:
        features, state, person = metric_batch(seed)
        longer = features * (torch.rand((*features.shape[:2], 1), generator=Generator().manual_seed(seed)) * 9 + 0.1)
        torch.testing.assert_close(local_metric(longer, state, person), local_metric(features, state, person))

    @pytest.mark.parametrize("case", ["one person", "all appear", "none appears", "nothing decided", "one face"])
    def test_without_pairs_it_is_exactly_nothing(self, case: str) -> None:
        features, state, person = metric_batch(5)
        if case == "one person":
            person = torch.zeros_like(person)
        elif case == "one face":
            features, state, person = features[:1], state[:1], person[:1]
        else:
            state = torch.full_like(state, {"all appear": 1.0, "none appears": -1.0, "nothing decided": 0.0}[case])
        features.requires_grad_()
        loss = local_metric(features, state, person)
        assert float(loss.detach()) == 0
        assert float(gradient(loss, features).abs().max()) == 0

    def test_channels_without_pairs_do_not_thin_the_others(self) -> None:
        features, state, person = metric_batch(6)
        more = torch.cat([state, torch.ones_like(state)], 1)
        wide = local_metric(torch.cat([features, features], 1), more, person)
        torch.testing.assert_close(wide, local_metric(features, state, person))

    def test_features_of_no_length_or_that_are_the_same_have_finite_gradients(self) -> None:
        _, state, person = metric_batch(7)
        for features in (torch.zeros(24, 4, 16), torch.ones(24, 4, 16)):
            features.requires_grad_()
            assert torch.isfinite(gradient(local_metric(features, state, person), features)).all()


def faces_batch(seed: int, count: int = 16, length: int = 24) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features [B, D], strengths [B] (a third 0), which are neutral [B], and people [B]."""
    generator = Generator().manual_seed(seed)
    kind = torch.randint(3, (count,), generator=generator)
    strength = torch.rand(count, generator=generator) * 2 * (kind == 2)
    person = torch.randint(count // 2, (count,), generator=generator)
    return torch.randn((count, length), generator=generator), strength, kind == 0, person


class TestGlobalMetric:
    @CHECKED
    @given(SEEDS)
    def test_it_is_what_its_equation_says(self, seed: int) -> None:
        features, strength, neutral, person = faces_batch(seed)
        calm = [i for i in range(16) if neutral[i]]
        wrong = [
            max(apart(features[i], features[j]) - apart(features[i], features[n]) + 0.5 * min(float(strength[n]), 1), 0)
            for i in calm
            for j in calm
            for n in range(16)
            if person[i] != person[j] and strength[n] > 0 and not neutral[n]
        ]
        expected = sum(wrong) / max(len(wrong), 1)
        assert float(global_metric(features, strength, neutral, person)) == pytest.approx(expected, abs=1e-5)

    @CHECKED
    @given(SEEDS, st.floats(0.05, 0.9))
    def test_it_is_nothing_once_neutral_faces_are_the_margin_apart_from_expressive_ones(
        self, seed: int, margin: float
    ) -> None:
        noise, strength, neutral, person = faces_batch(seed)
        shown = torch.zeros_like(noise)
        shown[:, 0], shown[:, 1] = neutral.float(), (strength > 0).float()
        assert float(global_metric(shown + 0.01 * noise, strength, neutral, person, margin)) == 0

    def test_the_stronger_a_face_the_farther_it_must_be(self) -> None:
        """Two neutral faces in one place, an expressive one near them: what lacks is the margin's share."""
        features = torch.tensor([[1.0, 0], [1, 0], [1, 0.1]])
        neutral, person = torch.tensor([True, True, False]), torch.arange(3)
        away = apart(features[0], features[2])
        for strength in (0.1, 0.5, 1.0, 7.0):
            seen = float(global_metric(features, torch.tensor([0, 0, strength]), neutral, person))
            assert seen == pytest.approx(max(0.5 * min(strength, 1) - away, 0), abs=1e-6)

    @CHECKED
    @given(SEEDS)
    def test_going_against_the_gradient_joins_neutral_faces_and_parts_them_from_expressive_ones(
        self, seed: int
    ) -> None:
        features = torch.randn((9, 512), generator=Generator().manual_seed(seed), requires_grad=True)
        neutral, person = torch.arange(9) < 5, torch.arange(9)
        strength = (~neutral).float()
        loss = global_metric(features, strength, neutral, person)
        after = (features - 100 * gradient(loss, features)).detach()
        assert float(global_metric(after, strength, neutral, person)) < float(loss.detach())
        was, now = (
            2 - 2 * unit @ unit.T
            for unit in (torch.nn.functional.normalize(each, dim=1) for each in (features.detach(), after))
        )
        assert float((now - was)[neutral][:, neutral].sum()) < 0
        assert float((now - was)[neutral][:, ~neutral].sum()) > 0

    @CHECKED
    @given(SEEDS)
    def test_neither_order_nor_length_nor_faces_that_are_neither_matter(self, seed: int) -> None:
        features, strength, neutral, person = faces_batch(seed)
        plain = global_metric(features, strength, neutral, person)
        generator = Generator().manual_seed(seed)
        order = torch.randperm(16, generator=generator)
        shuffled = global_metric(features[order], strength[order], neutral[order], person[order])
        torch.testing.assert_close(shuffled, plain, atol=1e-6, rtol=1e-5)
        longer = features * (torch.rand((16, 1), generator=generator) * 9 + 0.1)
        torch.testing.assert_close(global_metric(longer, strength, neutral, person), plain, atol=1e-6, rtol=1e-5)
        neither = (strength == 0) & ~neutral
        other = torch.where(neither[:, None], normal(seed + 1, 16, 24), features).requires_grad_()
        loss = global_metric(other, strength, neutral, person)
        torch.testing.assert_close(loss, plain)
        assert not gradient(loss, other)[neither].any()

    def test_a_neutral_face_is_none_that_expresses(self) -> None:
        features, strength, neutral, person = faces_batch(3)
        told = torch.where(neutral, 1.5, strength)
        same = global_metric(features, strength, neutral, person)
        torch.testing.assert_close(global_metric(features, told, neutral, person), same)

    @pytest.mark.parametrize("case", ["one person", "none neutral", "all neutral", "none expressive", "one neutral"])
    def test_without_pairs_it_is_exactly_nothing(self, case: str) -> None:
        features, strength, neutral, person = faces_batch(4)
        if case == "one person":
            person = torch.zeros_like(person)
        elif case == "none expressive":
            strength = torch.zeros_like(strength)
        elif case == "one neutral":
            neutral = torch.arange(16) == 0
        else:
            neutral = torch.full_like(neutral, case == "all neutral")
        features.requires_grad_()
        loss = global_metric(features, strength, neutral, person)
        assert float(loss.detach()) == 0
        assert float(gradient(loss, features).abs().max()) == 0

    def test_features_of_no_length_or_that_are_the_same_have_finite_gradients(self) -> None:
        _, strength, neutral, person = faces_batch(5)
        for features in (torch.zeros(16, 24), torch.ones(16, 24)):
            features.requires_grad_()
            assert torch.isfinite(gradient(global_metric(features, strength, neutral, person), features)).all()


class TestPainting:
    def pictures(self, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        cover = torch.zeros(2, 1, 8, 12)
        cover[:, :, 2:6, 3:9] = 1
        return normal(seed, 2, 3, 8, 12), normal(seed + 1, 2, 3, 8, 12), cover

    def test_what_is_not_covered_does_not_count(self) -> None:
        one, other, cover = self.pictures()
        outside = torch.where(cover > 0, one, one + 9)
        assert float(covered_distance(one, outside, cover)) == 0
        assert float(covered_distance(one, one + 2, cover)) == pytest.approx(2, rel=1e-5)
        assert float(covered_distance(one, other, cover)) > 0
        assert float(covered_distance(one, other, torch.zeros_like(cover))) == 0

    def test_slopes_see_edges_and_no_level(self) -> None:
        one, other, cover = self.pictures()
        assert float(slope_distance(one, one + 5, cover)) == pytest.approx(0, abs=1e-5)
        assert float(slope_distance(one, other, cover)) > 0
        ramp = torch.arange(12.0).expand(2, 3, 8, 12)
        assert float(slope_distance(ramp, ramp * 3, cover)) == pytest.approx(2)

    def test_a_critic_that_is_sure_and_right_loses_nothing(self) -> None:
        cells = torch.rand(2, 1, 3, 4)
        sure = torch.full((2, 1, 3, 4), 1.5)
        assert float(hinge(sure, -sure, cells)) == 0
        assert float(hinge(-sure, sure, cells)) == pytest.approx(5, rel=1e-5)
        assert float(hinge(sure * 0, sure * 0, cells)) == pytest.approx(2, rel=1e-5)
        assert float(hinge(sure, sure, torch.zeros_like(cells))) == 0

    def test_features_are_compared_where_the_hole_is_and_teach_the_made_alone(self) -> None:
        _, _, cover = self.pictures()
        made = [normal(4, 2, 5, 4, 6).requires_grad_(), normal(5, 2, 7, 2, 3).requires_grad_()]
        real = [(part.detach() + 1).requires_grad_() for part in made]
        loss = feature_distance(made, real, cover)
        assert float(loss.detach()) == pytest.approx(1, rel=1e-5)
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(part.grad is not None and part.grad.abs().max() > 0 for part in made)
        assert all(part.grad is None for part in real)


class TestMasksAndCycles:
    @CHECKED
    @given(SEEDS)
    def test_a_picture_that_comes_back_as_it_was_costs_nothing(self, seed: int) -> None:
        one, other = normal(seed, 2, 3, 6, 5), normal(seed + 1, 2, 3, 6, 5)
        assert float(picture_distance(one, one)) == 0
        assert float(picture_distance(one, other)) == float(picture_distance(other, one)) > 0
        assert float(picture_distance(one, one - 3)) == pytest.approx(3, rel=1e-5)

    @CHECKED
    @given(st.floats(0, 1))
    def test_an_even_mask_costs_what_it_gives_away_and_has_no_variation(self, share: float) -> None:
        keep = torch.full((2, 1, 7, 6), share)
        assert float(mask_area(keep)) == pytest.approx(1 - share, abs=1e-6)
        assert float(total_variation(keep)) == 0

    @CHECKED
    @given(SEEDS)
    def test_variation_sees_steps_alone_and_both_ways_alike(self, seed: int) -> None:
        mask = torch.rand((2, 1, 6, 6), generator=Generator().manual_seed(seed))
        variation = float(total_variation(mask))
        assert variation > 0
        assert float(total_variation(mask + 4)) == pytest.approx(variation, rel=1e-4)
        assert float(total_variation(2 * mask)) == pytest.approx(2 * variation, rel=1e-4)
        assert float(total_variation(mask.transpose(2, 3))) == pytest.approx(variation, rel=1e-4)
        step = torch.zeros(1, 1, 4, 5)
        step[..., 3:] = 1
        assert float(total_variation(step)) == pytest.approx(1 / 4), "one of four steps across is 1"

    def test_flattery_raises_scores(self) -> None:
        score = normal(0, 2, 1, 3, 3).requires_grad_()
        assert float(flattery(score).detach()) == pytest.approx(-float(score.detach().mean()))
        assert float(gradient(flattery(score), score).max()) < 0

    @CHECKED
    @given(SEEDS)
    def test_expressions_are_told_apart_in_their_own_units(self, seed: int) -> None:
        read, true, unit = normal(seed, 4, 6), normal(seed + 1, 4, 6), normal(seed + 2, 6).abs() + 0.1
        assert float(expression_distance(true, true, unit)) == 0
        assert float(expression_distance(true + unit, true, unit)) == pytest.approx(1, rel=1e-4)
        scaled = expression_distance(read * 3, true * 3, unit * 3)
        torch.testing.assert_close(scaled, expression_distance(read, true, unit), rtol=1e-4, atol=1e-6)
