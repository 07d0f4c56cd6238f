"""Differentiable distances, as pure functions of tensors."""

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
