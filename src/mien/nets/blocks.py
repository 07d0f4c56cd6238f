"""The two blocks that our convolutional networks are built from: dense 3x3 ones, which two CPU cores run best."""

from torch import Tensor, nn
from torch.nn import functional


class Down(nn.Sequential):
    """Halves the picture: [B, in, H, W] to [B, out, H/2, W/2]."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )


class Residual(nn.Module):
    """Two convolutions and a shortcut; the last normalisation starts at zero, so a new block changes nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.second_norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, H, W] to the same."""
        inner = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(x + self.second_norm(self.second(inner)))


def standardise(luminance: Tensor) -> Tensor:
    """Luminance [B, 1, H, W] of 0..255 to zero mean and unit deviation per picture: light and contrast drop out."""
    mean = luminance.mean((2, 3), keepdim=True)
    centred = luminance - mean
    # Eight grey levels of floor: a nearly flat cut stays nearly flat instead of becoming noise.
    return centred / ((centred * centred).mean((2, 3), keepdim=True) + 64.0).sqrt()
