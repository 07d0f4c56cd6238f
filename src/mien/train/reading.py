"""What misplaced points would do to the weights that a fit reads of them: a loss in the currency that users see."""

import numpy as np
import torch
from torch import Tensor

from mien.detect.shape import mean_face
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter


class Misreading:
    """The linear part of the compact rig's fit, as a function of tensors.

    A point's error weighs as little in the mean distance when it makes a cheek look puffed as when it lies along the
    cheek; in a fit it does not. Our own.
    """

    def __init__(self) -> None:
        shape, model = mean_face(), compact_model()
        self._reading = torch.from_numpy(Fitter(model, shape.steadiness).reading).float()
        mean = model.mean.astype(np.float64)
        share = shape.steadiness / shape.steadiness.sum()
        about = mean - share @ mean
        self._share = torch.from_numpy(share).float()
        self._about = torch.from_numpy(about).float()
        self._spread = float(share @ (about * about).sum(1))

    def __call__(self, predicted: Tensor, true: Tensor) -> Tensor:
        """[B, 51] what is added to the weights by points [B, 478, 3] that should be `true`, in any scale."""
        centred = true - (true * self._share[:, None]).sum(1, keepdim=True)
        u, stretch, vt = torch.linalg.svd((centred * self._share[:, None]).transpose(1, 2) @ self._about)
        signs = torch.ones_like(stretch)
        signs[:, 2] = torch.sign(torch.linalg.det(u) * torch.linalg.det(vt))
        rotation = (u * signs[:, None]) @ vt
        scale = (stretch * signs).sum(1) / self._spread
        away = (predicted - true) @ rotation / scale[:, None, None]
        added: Tensor = away.flatten(1) @ self._reading.T
        return added
