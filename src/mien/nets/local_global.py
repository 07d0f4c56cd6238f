"""The expression network: one local feature for each channel, one global feature for the face, a head for each channel.

After "A Local-Global Metric Learning Method for Facial Expression Animation" (MIPR 2022), whose abstract alone could be
read: regions, widths and the two-sided reading are ours.

The network reads the right half of a face's channels, and those of its middle. The left half it reads in the mirror:
so a picture and its mirror image get mirrored weights by construction, and every sample teaches both sides.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.nets.blocks import Down, Residual, standardise
from mien.nets.landmarks import POINTS, SIDE

VIEW = 96
"""Pixels along the side of the upright view of the face that the convolutions see."""

UNIT = 36.0
"""Pixels of the view between the irises of a face that looks into the camera."""

LOCAL, GLOBAL = 32, 128
"""Lengths of the two kinds of features."""

_BOX = 64

_SPREAD = 28.3
"""Root mean square distance of the view's points from their middle, pixels: an ordinary face then fills it."""

_LINE = torch.arange(VIEW) + 0.5 - VIEW / 2
_PIXELS = torch.cat([torch.cartesian_prod(_LINE, _LINE).flip(1), torch.ones(VIEW * VIEW, 1)], 1)
"""[9216, 3] every pixel of the view, from its middle, and a 1 by which a shift is a product, too."""

_GRID = 5


class Box(NamedTuple):
    """A region: the mean of some points, and how far it reaches to each side, in units of the inter-ocular distance."""

    points: tuple[int, ...]
    across: float
    down: float


BOXES = {
    "brow": Box((70, 105, 107, 9), 0.55, 0.35),
    "eye": Box((33, 133, 159, 145), 0.35, 0.28),
    "nose": Box((6, 1, 98), 0.4, 0.45),
    "cheek": Box((50, 205, 61), 0.5, 0.55),
    "mouth": Box((61, 291, 0, 17), 0.65, 0.45),
    "chin": Box((17, 152, 61, 291), 0.65, 0.4),
    "jaw": Box((0, 152, 172, 397), 0.95, 0.65),
}
"""What a channel is read from, on the right half of a face and in its middle."""

_BOX_OF = {
    "browDown": "brow",
    "browInnerUp": "brow",
    "browOuterUp": "brow",
    "cheekPuff": "jaw",
    "cheekSquint": "cheek",
    "eye": "eye",
    "jaw": "jaw",
    "mouthClose": "mouth",
    "mouthShrugLower": "chin",
    "mouth": "mouth",
    "noseSneer": "nose",
}
"""The box of a channel by how its name begins, the longest beginning first."""

_MIRROR = ARKIT.mirror
READ = tuple(
    name for k, name in enumerate(ARKIT.columns) if name != "tongueOut" and (_MIRROR[k] == k or name.endswith("Right"))
)
"""The 31 channels that the network reads directly: the subject's right, and the middle."""

_COLUMNS = tuple(ARKIT.indices(READ).tolist())


def box_of(channel: str) -> str:
    """The name of the box that `channel` is read from."""
    return _BOX_OF[max((start for start in _BOX_OF if channel.startswith(start)), key=len)]


class Reading(NamedTuple):
    """What one side of faces shows: weights [B, 31] of `READ`, local features [B, 31, 32], global ones [B, 128]."""

    weights: Tensor
    local: Tensor
    whole: Tensor


class LocalGlobalNet(nn.Module):
    """Upright views of faces and their landmarks to ARKit weights.

    Args:
        mirror: [478] index map of the points of a mirrored face.
        widths: channels at 48, 24 and 12 pixels.
    """

    mirror: Tensor
    sides: Tensor
    boxes: Tensor
    reach: Tensor
    box: Tensor

    def __init__(self, mirror: Tensor, widths: tuple[int, int, int] = (16, 32, 64)) -> None:
        super().__init__()
        a, b, c = widths
        self.register_buffer("mirror", mirror)
        self.register_buffer("sides", _sides())
        averages = torch.zeros(len(BOXES), POINTS)
        for k, box in enumerate(BOXES.values()):
            averages[k, list(box.points)] = 1 / len(box.points)
        self.register_buffer("boxes", averages)
        steps = (torch.arange(_GRID) + 0.5) / _GRID * 2 - 1
        square = torch.cartesian_prod(steps, steps).flip(1)
        reach = torch.tensor([[box.across, box.down] for box in BOXES.values()])
        self.register_buffer("reach", square[None] * reach[:, None] * (UNIT * 2 / VIEW))
        names = list(BOXES)
        self.register_buffer("box", torch.tensor([names.index(box_of(channel)) for channel in READ]))
        self.fine = nn.Sequential(Down(1, a, 5), Down(a, b), Residual(b))
        self.coarse = nn.Sequential(Down(b, c), Residual(c), nn.Conv2d(c, 12, 1), nn.ReLU(), nn.Flatten())
        self.shape = nn.Sequential(nn.Linear(POINTS * 3, GLOBAL), nn.GELU())
        self.look = nn.Parameter(torch.randn(len(BOXES), b * _GRID * _GRID, _BOX) / (b * _GRID * _GRID) ** 0.5)
        self.outline = nn.Linear(GLOBAL, len(BOXES) * _BOX)
        self.tell = nn.Parameter(torch.randn(len(READ), _BOX, LOCAL) / _BOX**0.5)
        self.whole = nn.Linear(12 * (VIEW // 8) ** 2 + GLOBAL, GLOBAL)
        self.share = nn.Linear(GLOBAL, LOCAL)
        self.weigh = nn.Parameter(torch.randn(len(READ), 2 * LOCAL) / (2 * LOCAL) ** 0.5)
        self.bias = nn.Parameter(torch.full((len(READ),), -1.5))

    def forward(self, view: Tensor, points: Tensor) -> Tensor:
        """Weights [B, 52] of 0 to 1, tongueOut 0; arguments as of `read`.

        Both sides at once: the mirror image of an upright view is the upright view of the mirror image.
        """
        views = torch.cat([view, view.flip(3)])
        right, left = self.read(views, torch.cat([points, self.mirrored(points)])).weights.chunk(2)
        return torch.cat([right, left], 1) @ self.sides

    def mirrored(self, points: Tensor) -> Tensor:
        """Points [B, 478, 3] of views, of the same faces in a mirror."""
        return torch.cat([VIEW - points[..., :1], points[..., 1:]], 2)[:, self.mirror]

    def read(self, view: Tensor, points: Tensor) -> Reading:
        """One side.

        Args:
            view: [B, 1, 96, 96] upright faces, luminance of 0 to 255.
            points: [B, 478, 3] in pixels of the view.
        """
        fine = self.fine(standardise(view))
        centre = self.boxes @ points[..., :2] * (2 / VIEW) - 1
        places = [(centre[:, :, axis, None] + self.reach[None, :, :, axis]).flatten(1) for axis in (0, 1)]
        grid = torch.stack(places, 2)[:, None]
        seen = functional.grid_sample(fine.float(), grid, padding_mode="border", align_corners=False)
        seen = seen[:, :, 0].view(len(view), -1, len(BOXES), _GRID * _GRID).transpose(1, 2).flatten(2)
        coarse = self.coarse(fine).float()
        with torch.autocast("cpu", enabled=False):
            shape = self.shape(((points - points.mean(1, keepdim=True)) / UNIT).flatten(1))
            outlines = self.outline(shape).view(len(view), len(BOXES), -1)
            boxes = functional.gelu((seen.transpose(0, 1) @ self.look).transpose(0, 1) + outlines)
            local = functional.gelu((boxes[:, self.box].transpose(0, 1) @ self.tell).transpose(0, 1))
            whole = self.whole(torch.cat([coarse, shape], 1))
            shared = functional.gelu(self.share(functional.gelu(whole)))
            both = torch.cat([local, shared[:, None].expand(-1, len(READ), -1)], 2)
            return Reading(torch.sigmoid((both * self.weigh).sum(2) + self.bias), local, whole)


class OnCuts(nn.Module):
    """The network as it ships: on the cut that the landmark network saw.

    Args:
        net: what reads views.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, luminance: Tensor, points: Tensor) -> Tensor:
        """Weights [B, 52] of cuts [B, 1, 128, 128], 0 to 255, and points [B, 478, 3] in pixels of the cut."""
        weights: Tensor = self.net(*upright(luminance, points))
        return weights


def _sides() -> Tensor:
    """[62, 52] where the weights of `READ`, once read and once read in the mirror, belong among ARKit's columns."""
    sides = torch.zeros(2 * len(READ), len(ARKIT))
    for k, column in enumerate(_COLUMNS):
        other = int(_MIRROR[column])
        sides[k, column] += 0.5 if other == column else 1.0
        sides[len(READ) + k, other] += 0.5 if other == column else 1.0
    return sides


def upright(luminance: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Views [B, 1, 96, 96] of the faces in cuts, level and of one size, and their points [B, 478, 3] there.

    Size goes by the whole face, so that a face does not grow when it turns its eyes together.

    Args:
        luminance: [B, 1, 128, 128] cuts, 0 to 255.
        points: [B, 478, 3] in pixels of the cut.
    """
    flat = points[..., :2]
    middle = flat[:, :468].mean(1)
    across = flat[:, IRIS_LEFT] - flat[:, IRIS_RIGHT]
    angle_x = across / across.norm(dim=1, keepdim=True).clamp(min=1e-6)
    spread = (flat[:, :468] - middle[:, None]).square().sum(2).mean(1).sqrt().clamp(min=1.0)
    scale = spread / _SPREAD
    across = angle_x * scale[:, None]
    down = torch.stack([-across[:, 1], across[:, 0]], 1)
    linear = torch.stack([across, down], 2)
    # Every pixel of the view as a place in the cut of -1 to 1; the view's middle lies in the middle of the points.
    shift = (middle * (2 / SIDE) - 1)[:, None]
    places = _PIXELS @ torch.cat([(linear * (2 / SIDE)).transpose(1, 2), shift], 1)
    grid = places.view(len(points), VIEW, VIEW, 2)
    view = functional.grid_sample(luminance, grid, padding_mode="border", align_corners=False)
    centred = flat - middle[:, None]
    unit = (scale * scale)[:, None]
    placed = (centred @ linear) / unit[..., None] + VIEW / 2
    placed = torch.cat([placed, points[..., 2:] / scale[:, None, None]], 2)
    return view, placed
