"""Differentiable distances, as pure functions of tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def point_distance(predicted: Tensor, true: Tensor, unit: Tensor, emphasis: Tensor) -> Tensor:
    """[B] mean distance of points in the plane, in units: `mean_p e_p |x_p - t_p| / unit`.

    Args:
        predicted: [B, P, 2 or 3] pixels; only x and y count.
        true: likewise.
        unit: [B] pixels, the inter-ocular distance.
        emphasis: [P] weights of the points, mean 1.
    """
    squared = (predicted[..., :2] - true[..., :2]).square().sum(-1)
    return ((squared + 1e-4).sqrt() * emphasis).mean(1) / unit


def depth_distance(predicted: Tensor, true: Tensor, unit: Tensor) -> Tensor:
    """[B] mean absolute difference of z, in units."""
    return (predicted[..., 2] - true[..., 2]).abs().mean(1) / unit


def focal(probability: Tensor, target: Tensor, care: Tensor) -> Tensor:
    """The focal loss of T.-Y. Lin et al. 2017 (alpha .25, gamma 2), summed over the cells that count.

    Args:
        probability: [...] 0 to 1.
        target: [...] 0 or 1.
        care: [...] 0 where a cell counts for nothing.
    """
    p = probability.clamp(1e-5, 1 - 1e-5)
    positive = -0.25 * (1 - p).square() * p.log() * target
    negative = -0.75 * p.square() * (1 - p).log() * (1 - target)
    return ((positive + negative) * care).sum()


def box_distance(predicted: Tensor, true: Tensor) -> Tensor:
    """[N] one minus the generalised overlap of boxes [N, 4] (H. Rezatofighi et al. 2019): 0 if the same, up to 2."""
    least = torch.maximum(predicted[:, :2], true[:, :2])
    most = torch.minimum(predicted[:, 2:], true[:, 2:])
    shared = (most - least).clamp(min=0).prod(1)
    area = (predicted[:, 2:] - predicted[:, :2]).prod(1) + (true[:, 2:] - true[:, :2]).prod(1) - shared
    hull = torch.maximum(predicted[:, 2:], true[:, 2:]) - torch.minimum(predicted[:, :2], true[:, :2])
    whole = hull.prod(1)
    return 1 - shared / area.clamp(min=1e-6) + (whole - area) / whole.clamp(min=1e-6)


def weights_distance(predicted: Tensor, true: Tensor, scale: Tensor) -> Tensor:
    """Smooth L1 of expression weights [B, K], each column divided by its `scale` [K]: mean over both."""
    return functional.smooth_l1_loss(predicted / scale, true / scale, beta=0.3)


def local_metric(features: Tensor, state: Tensor, person: Tensor, margin: float = 0.3) -> Tensor:
    """How far each channel's features fail to tell a channel that appears from one that does not, across people.

    Local metric learning (LML) of "A Local-Global Metric Learning Method for Facial Expression Animation" (MIPR 2022),
    in our reading; with unit features z of a channel, anchors a, positives p of the same state and another person,
    and the anchor's nearest n of the opposite state:

        mean over channels, mean over (a, p) of [ |z_a - z_p|² - min_n |z_a - z_n|² + margin ]₊

    Args:
        features: [B, K, D].
        state: [B, K] 1 where a channel appears, -1 where it does not, 0 where it is not decided or not known.
        person: [B] who.
        margin: of the squared distances, which lie between 0 and 4.
    """
    unit = functional.normalize(features, dim=2).transpose(0, 1)
    apart = 2 - 2 * unit @ unit.transpose(1, 2)
    one, other = state.T[:, :, None], state.T[:, None, :]
    positive = (one * other == 1) & (person[:, None] != person[None, :])
    nearest = apart.masked_fill(one * other != -1, torch.inf).amin(2, keepdim=True)
    counts = positive & nearest.isfinite()
    wrong = (apart - nearest.nan_to_num(posinf=0.0) + margin).clamp(min=0) * counts
    pairs = counts.sum((1, 2))
    return (wrong.sum((1, 2)) / pairs.clamp(min=1)).sum() / (pairs > 0).sum().clamp(min=1)


def global_metric(features: Tensor, strength: Tensor, neutral: Tensor, person: Tensor, margin: float = 0.5) -> Tensor:
    """How far the features of whole faces fail to tell neutral faces from expressive ones, across people.

    Global metric learning (GML) of the same paper, in our reading; with unit features f, neutral faces i and j of
    different people, and expressive faces n of strength s_n:

        mean over (i, j, n) of [ |f_i - f_j|² - |f_i - f_n|² + margin min(1, s_n) ]₊

    Args:
        features: [B, D].
        strength: [B] sum of a face's weights; above 0 for expressive faces, 0 for faces that are neither.
        neutral: [B] bool.
        person: [B] who.
        margin: of the squared distances, for a face of strength 1 or more.
    """
    unit = functional.normalize(features, dim=1)
    apart = 2 - 2 * unit @ unit.T
    expressive = (strength > 0) & ~neutral
    same, away = apart[neutral][:, neutral], apart[neutral][:, expressive]
    pairs = person[neutral][:, None] != person[neutral][None, :]
    asked = margin * strength[expressive].clamp(max=1)
    wrong = (same[:, :, None] - away[:, None, :] + asked).clamp(min=0) * pairs[:, :, None]
    return wrong.sum() / (pairs.sum() * expressive.sum()).clamp(min=1)


def covered_distance(painted: Tensor, true: Tensor, cover: Tensor) -> Tensor:
    """Mean absolute difference of pictures [B, C, H, W] where `cover` [B, 1, H, W] lies, by its weight."""
    return ((painted - true).abs().mean(1, keepdim=True) * cover).sum() / cover.sum().clamp(min=1)


def slope_distance(painted: Tensor, true: Tensor, cover: Tensor) -> Tensor:
    """The same for the steps from pixel to pixel, across and down: edges that are soft or lie elsewhere."""
    across = covered_distance(painted.diff(dim=3), true.diff(dim=3), cover[..., 1:])
    return across + covered_distance(painted.diff(dim=2), true.diff(dim=2), cover[:, :, 1:])


def in_cells(cover: Tensor, like: Tensor) -> Tensor:
    """[B, 1, h, w] how much of each cell of `like` [B, C, h, w] a cover [B, 1, H, W] takes."""
    height, width = like.shape[-2:]
    return functional.adaptive_avg_pool2d(cover, (height, width))


def hinge(real: Tensor, made: Tensor, cells: Tensor) -> Tensor:
    """What a critic's scores [B, 1, h, w] of real and of made pictures cost it: `[1 - real]₊ + [1 + made]₊`.

    Args:
        real: the higher the more a cell looks real.
        made: likewise.
        cells: [B, 1, h, w] how much each cell counts.
    """
    wrong = (1 - real).clamp(min=0) + (1 + made).clamp(min=0)
    return (wrong * cells).sum() / cells.sum().clamp(min=1e-6)


def feature_distance(made: Sequence[Tensor], real: Sequence[Tensor], cover: Tensor) -> Tensor:
    """Mean difference of a critic's features (T.-C. Wang et al. 2018), each [B, C, h, w], where `cover` lies.

    Args:
        made: of the made pictures.
        real: of the real ones, which do not learn.
        cover: [B, 1, H, W] of 0 to 1, averaged down to each size.
    """
    total = cover.new_zeros(())
    for one, other in zip(made, real, strict=True):
        total = total + covered_distance(one, other.detach(), in_cells(cover, one))
    return total / len(made)


def picture_distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference of pictures of one shape, `mean |x - y|`: of a picture and itself after an edit there
    and back (the cycle), or after an edit that asks for nothing (the identity)."""
    return (one - other).abs().mean()


def mask_area(keep: Tensor) -> Tensor:
    """`mean (1 - A)`: the share of pictures that a mask A [B, 1, H, W], 1 where their own pixels stay, gives away."""
    return (1 - keep).mean()


def total_variation(plane: Tensor) -> Tensor:
    """`mean |A(x+1, y) - A(x, y)| + mean |A(x, y+1) - A(x, y)|` of planes A [B, C, H, W]: 0 where they are even."""
    return plane.diff(dim=3).abs().mean() + plane.diff(dim=2).abs().mean()


def flattery(score: Tensor) -> Tensor:
    """What a critic's verdict on made pictures costs their maker: `-mean s`, of scores s [B, 1, h, w]."""
    return -score.mean()


def expression_distance(read: Tensor, true: Tensor, unit: Tensor) -> Tensor:
    """`mean_b mean_k ((w_bk - t_bk) / u_k)²`: squares, for most weights are 0 most of the time.

    Args:
        read: [B, K] weights as somebody reads them.
        true: [B, K] as they should be.
        unit: [K] what an error of 1 in a column is worth, its deviation say.
    """
    return ((read - true) / unit).square().mean()
