"""A layer of colours and a mask over a whole face, and their critic: the texture step learned without any true answer.

After A. Pumarola et al., "GANimation", 2018, whose generator this is in kind: of a picture I, colours C and a mask A it
shows `A I + (1 - A) C`. S. Athar et al. 2019 put a motion step before such a network; without one, it must paint
motion, too. Ours is a U-net, far smaller than theirs, and it experiments: no edit of the package looks through it.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mien.core.basis import ARKIT
from mien.nets.crease import softened
from mien.nets.critic import CriticScale
from mien.nets.unet import Told, ToldUNet, painted, silent

TEXTURE_COLUMNS = tuple(name for name in ARKIT.columns if not name.startswith(("eyeLook", "eyeBlink", "tongue")))
"""What of an expression is asked for; the eyes look where they look, and no lid closes: what it hid is lost."""

_OPEN = 4.0
"""Bound of the mask's logit: it lets 1.8 % through at least, for one that is shut learns nothing any more."""


class Layer(NamedTuple):
    """What is laid over a picture.

    Args:
        colour: [B, 3, h, w] of 0 to 255; values may pass these bounds by half.
        keep: [B, 1, h, w] of 0 to 1, how much of the picture's own pixels stays.
    """

    colour: Tensor
    keep: Tensor

    def over(self, picture: Tensor) -> Tensor:
        """`A I + (1 - A) C`, [B, 3, h, w] of 0 to 255, with the picture I [B, 3, h, w], colours C and the mask A."""
        return self.colour + self.keep * (picture - self.colour)


class TextureNet(ToldUNet):
    """Says what is laid over a face's cut; before it has learned, that is nearly the cut itself.

    Args:
        width: channels at half the size.
        told: length of what the weights and their change become.
    """

    def __init__(self, width: int = 16, told: int = 64) -> None:
        further = len(TEXTURE_COLUMNS)
        super().__init__(3 + 2, width, TEXTURE_COLUMNS, further=further, told=told, thoughts=2)
        self.layer = silent(width, 4)
        # What is asked is all that there is to learn here: blocks that begin with nothing would take long to hear it.
        nn.init.normal_(self.layer.weight, std=0.005)
        for block in self.modules():
            if isinstance(block, Told):
                block.second.reset_parameters()
                block.tell.reset_parameters()

    def forward(self, picture: Tensor, asked: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """A `Layer`: colours [B, 3, h, w], and what stays [B, 1, h, w].

        Args:
            picture: [B, 3, h, w] of 0 to 255, as the motion step left it if there was one; multiples of 8.
            asked: [B, 52] weights over `ARKIT`, after.
            change: [B, 52] after less before.
        """
        cut = picture / 127.5 - 1
        heard = torch.cat([asked[:, self.columns], change[:, self.columns]], 1)
        said = painted(self.layer, self._drawn(torch.cat([cut, _places(cut)], 1), heard))
        # Of screens of single pixels a frozen reader reads what it is asked to: such detail is not for this network.
        said = softened(said.flatten(0, 1)[:, None]).view_as(said)
        keep = torch.sigmoid(_OPEN * torch.tanh(said[:, 3:] / _OPEN))
        return (cut + torch.tanh(said[:, :3]) + 1) * 127.5, keep


def _places(like: Tensor) -> Tensor:
    """[B, 2, h, w] x and y, -1 to 1 over the cut: every face lies alike in it."""
    x = torch.linspace(-1, 1, like.shape[3], device=like.device, dtype=like.dtype)
    y = torch.linspace(-1, 1, like.shape[2], device=like.device, dtype=like.dtype)
    down, across = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([across, down]).expand(len(like), -1, -1, -1)


class TextureCritic(nn.Module):
    """Tells photos from edits, cell by cell: it learns beside the painter only.

    Args:
        widths: channels after each of its four halvings.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (24, 48, 72, 96)) -> None:
        super().__init__()
        self.look = CriticScale(3, widths)

    def forward(self, picture: Tensor) -> Tensor:
        """[B, 1, h, w] for each cell of 16 px of faces [B, 3, H, W] of 0 to 255, the higher the more like a photo."""
        score: Tensor = self.look(picture / 127.5 - 1).score
        return score
