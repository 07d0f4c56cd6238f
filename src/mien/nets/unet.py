"""What the networks of an edit share: a small U-net without normalisation whose features are told what the face does.

What is told scales and shifts the features (FiLM: E. Perez et al. 2018). The first layer sees 2 x 2 pixels as one, and
the heads give each pixel back its own. Our own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.basis import ARKIT

_LEAK = 0.1


class Told(nn.Module):
    """Two convolutions and a shortcut, scaled and shifted by what is told; a new block changes nothing.

    Args:
        channels: of the picture.
        told: length of what is told.
    """

    def __init__(self, channels: int, told: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.tell = nn.Linear(told, 2 * channels)
        for parameter in (*self.second.parameters(), *self.tell.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """[B, channels, h, w] to the same; `told` is [B, told]."""
        scale, shift = self.tell(told)[:, :, None, None].chunk(2, 1)
        inner = self.first(functional.leaky_relu(x, _LEAK)) * (1 + scale) + shift
        changed: Tensor = x + self.second(functional.leaky_relu(inner, _LEAK))
        return changed


class ToldUNet(nn.Module):
    """All but the last layer of a network that paints. It has no `forward`: those that end it do.

    Args:
        planes: of what is seen.
        width: channels at half the size; twice and four times as many at a quarter and an eighth.
        columns: of `ARKIT`, those that are heard.
        further: how many other numbers are heard.
        told: length of what is heard becomes.
        thoughts: blocks at the coarsest level.
    """

    columns: Tensor

    def __init__(
        self, planes: int, width: int, columns: Sequence[str], *, further: int = 0, told: int, thoughts: int
    ) -> None:
        super().__init__()
        self.register_buffer("columns", torch.from_numpy(ARKIT.indices(columns)), persistent=False)
        self.hear = nn.Linear(len(columns) + further, told)
        self.stem = nn.Conv2d(4 * planes, width, 3, padding=1)
        self.shrink = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.see_half = Told(2 * width, told)
        self.shrink_again = nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1)
        self.think = nn.ModuleList(Told(4 * width, told) for _ in range(thoughts))
        self.widen_quarter = nn.Conv2d(4 * width, 4 * 2 * width, 1)
        self.draw_half = Told(2 * width, told)
        self.widen_half = nn.Conv2d(2 * width, 4 * width, 1)
        self.draw_whole = Told(width, told)

    def _drawn(self, planes: Tensor, heard: Tensor) -> Tensor:
        """[B, width, h/2, w/2] what is to be painted.

        Args:
            planes: [B, planes, h, w] what is seen, h and w multiples of 8.
            heard: [B, N] the columns and the other numbers.
        """
        told = functional.leaky_relu(self.hear(heard), _LEAK)
        whole = self.stem(functional.pixel_unshuffle(planes, 2))
        half = self.see_half(self.shrink(functional.leaky_relu(whole, _LEAK)), told)
        x = self.shrink_again(functional.leaky_relu(half, _LEAK))
        for block in self.think:
            x = block(x, told)
        x = half + functional.pixel_shuffle(self.widen_quarter(functional.leaky_relu(x, _LEAK)), 2)
        x = self.draw_half(x, told)
        x = whole + functional.pixel_shuffle(self.widen_half(functional.leaky_relu(x, _LEAK)), 2)
        x = self.draw_whole(x, told)
        return functional.leaky_relu(x, _LEAK)


def silent(width: int, planes: int) -> nn.Conv2d:
    """A last layer that paints `planes` at full size and says nothing yet: see `painted`."""
    head = nn.Conv2d(width, 4 * planes, 3, padding=1)
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
    return head


def painted(head: nn.Conv2d, drawn: Tensor) -> Tensor:
    """[B, planes, h, w] of what is to be painted, [B, width, h/2, w/2]."""
    return functional.pixel_shuffle(head(drawn), 2)
