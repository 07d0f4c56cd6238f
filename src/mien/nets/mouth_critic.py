"""The critic of painted mouths: says of every cell whether it looks photographed. It learns beside the painter only."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.nets.critic import CriticScale, Verdict
from mien.nets.mouth import PLANES


class MouthCritic(nn.Module):
    """Looks at a patch as it is and at half its size.

    Args:
        widths: channels after each halving.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128)) -> None:
        super().__init__()
        self.scales = nn.ModuleList([CriticScale(3 + PLANES, widths), CriticScale(3 + PLANES, widths)])

    def forward(self, picture: Tensor, maps: Tensor) -> tuple[Verdict, ...]:
        """A verdict for each scale.

        Args:
            picture: [B, 3, h, w] of 0 to 255, h and w multiples of 16.
            maps: [B, 7, h, w] what was to be painted where.
        """
        x = torch.cat([picture / 127.5 - 1, maps], 1)
        verdicts = []
        for scale in self.scales:
            verdicts.append(scale(x))
            x = functional.avg_pool2d(x, 2)
        return tuple(verdicts)
