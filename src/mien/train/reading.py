"""What misplaced points would do to the weights that a fit reads of them: a loss in the currency that users see."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.detect.shape import mean_face
from mien.losses import depth_distance, point_distance
from mien.rig.compact import compact_model
from mien.rig.fit import FitOptions, Fitter

_DEPTH = 0.2
"""What an error of depth counts beside one in the plane."""

_SLIGHT = 0.1
"""Error of a weight up to which its square counts: absolute errors would amplify every tremble of the points."""

_STEADY = FitOptions(identity=2.0, depth=0.3, evenness=0.0)
"""A fit that wishes more for the usual than `mien capture --fit` does: it amplifies the trembling of points less, and a
refiner learned by it."""

_LEAST = 24.0
"""Pixels of the least inter-ocular distance that errors are told in: profiles shrink it."""


class Misreading:
    """The linear part of the compact rig's fit, as a function of tensors.

    A point's error weighs as little in the mean distance when it makes a cheek look puffed as when it lies along the
    cheek; in a fit it does not. Our own.
    """

    def __init__(self) -> None:
        shape, model = mean_face(), compact_model()
        self._reading = torch.from_numpy(Fitter(model, shape.steadiness, _STEADY).reading).float()
        mean = model.mean.astype(np.float64)
        share = shape.steadiness / shape.steadiness.sum()
        about = mean - share @ mean
        self._share = torch.from_numpy(share).float()
        self._about = torch.from_numpy(about).float()
        self._spread = float(share @ (about * about).sum(1))

    @property
    def linear(self) -> Tensor:
        """[51, 1434] what points a little elsewhere, in metres of the head's axes, add to the weights."""
        return self._reading

    def __call__(self, predicted: Tensor, true: Tensor) -> Tensor:
        """[B, 51] what is added to the weights by points [B, 478, 3] that should be `true`, in any scale."""
        share, about, reading = (held.to(true.device) for held in (self._share, self._about, self._reading))
        centred = true - (true * share[:, None]).sum(1, keepdim=True)
        u, stretch, vt = torch.linalg.svd((centred * share[:, None]).transpose(1, 2) @ about)
        signs = torch.ones_like(stretch)
        signs[:, 2] = torch.sign(torch.linalg.det(u) * torch.linalg.det(vt))
        rotation = (u * signs[:, None]) @ vt
        scale = (stretch * signs).sum(1) / self._spread
        away = (predicted - true) @ rotation / scale[:, None, None]
        added: Tensor = away.flatten(1) @ reading.T
        return added

    def cost(self, points: Tensor, true: Tensor, emphasis: Tensor, misreading: float) -> Tensor:
        """[B] distance of points and, a fifth of it, of depths, inter-ocular distances, and what a fit would misread.

        Args:
            points: [B, 478, 3] pixels.
            true: likewise.
            emphasis: [478] what each point's error weighs, mean 1.
            misreading: what an error of 1 in every weight costs.
        """
        unit = (true[:, IRIS_RIGHT, :2] - true[:, IRIS_LEFT, :2]).norm(dim=1).clamp(min=_LEAST)
        misread = self(points, true)
        wrong = smooth_l1_loss(misread, torch.zeros_like(misread), reduction="none", beta=_SLIGHT).mean(1)
        placed = point_distance(points, true, unit, emphasis) + _DEPTH * depth_distance(points, true, unit)
        return placed + misreading * wrong
