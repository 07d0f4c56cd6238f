"""The residual of an edit's motion: from a face's points, its weights and their change to a field that cannot fold.

Our own, for the motion step of S. Athar et al. 2020: small, since the rig has said most of it, and 0 where nothing
changes, by construction. The field says what a teacher's points do beyond the rig; beside it, point by point and
unbounded, how much further than they skin goes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.basis import ARKIT
from mien.core.field import COLUMNS, HIGH, LEFT, ROWS, TOP, WIDE
from mien.core.points import FACE_OVAL

DIRECTIONS = 64
"""How many numbers are kept of a face's points."""

STEEPEST = 0.6
"""Most that the field may change per place along either axis: `MotionField` says why."""

DONE = 0.6
"""How much is done of what points do beyond the rig: less than all brings a smile nearer in its pixels, and most of
what is gained in its points; chosen on London's training people."""

_STILL = 0.35
"""Share of the way from the face's border to its middle over which the field grows from nothing."""


_MIDDLE = 0.05
"""Inter-ocular distances over which one side of the face goes over into the other."""


class MotionNet(nn.Module):
    """Three layers that say how much of each of some fields a change of weights calls for, and what skin adds.

    What skin adds goes along with the change, the same for everybody: pairs of photos say it too dimly for more.

    Args:
        mirror: [478] index map of the points of a mirrored face.
        mean: [478, 2] the mean face in the head's plane, inter-ocular distances.
        directions: [956, 64] what is kept of the points, each of unit deviation.
        hidden: width of the layers.
        fields: how many fields there are.
    """

    mirror: Tensor
    mean: Tensor
    directions: Tensor
    across: Tensor
    flipped: Tensor
    counted: Tensor
    sides: Tensor
    halves: Tensor
    lying: Tensor
    cover: Tensor
    skin: Tensor

    def __init__(self, mirror: Tensor, mean: Tensor, directions: Tensor, hidden: int = 256, fields: int = 96) -> None:
        super().__init__()
        self.register_buffer("mirror", mirror)
        self.register_buffer("mean", mean)
        self.register_buffer("directions", directions)
        self.register_buffer("across", torch.tensor([-1.0, 1.0]))
        self.register_buffer("flipped", torch.from_numpy(ARKIT.mirror.copy()))
        # Where the eyes look goes with how the head is held in photos; how lids close is known better.
        counted = [not name.startswith(("eyeLook", "eyeBlink", "tongue")) for name in ARKIT.columns]
        self.register_buffer("counted", torch.tensor(counted).float())
        sides = [[name.endswith(side) for name in ARKIT.columns] for side in ("Right", "Left")]
        self.register_buffer("sides", torch.tensor(sides).float())
        across = torch.linspace(LEFT, LEFT + WIDE, COLUMNS) / _MIDDLE
        self.register_buffer("halves", torch.sigmoid(torch.stack([-across, across])))
        self.register_buffer("lying", torch.sigmoid(torch.stack([-mean[:, 0], mean[:, 0]]) / _MIDDLE))
        self.register_buffer("cover", _cover(mean[list(FACE_OVAL)]))
        columns = len(ARKIT)
        self.say = nn.Sequential(
            *(nn.Linear(DIRECTIONS + 2 * columns, hidden), nn.GELU(), nn.Dropout(0.1)),
            *(nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(0.1), nn.Linear(hidden, fields)),
        )
        self.ask = nn.Linear(columns, fields, bias=False)
        self.field = nn.Linear(fields, 2 * ROWS * COLUMNS, bias=False)
        nn.init.zeros_(self.field.weight)
        self.register_buffer("skin", torch.zeros(columns, 2 * len(mean)))

    def forward(self, points: Tensor, now: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """What is done, inter-ocular distances, to a face and to its mirror image alike.

        Args:
            points: [B, 478, 2] in the head's plane, inter-ocular distances.
            now: [B, 52] weights.
            change: [B, 52] what is added to them.

        Returns:
            Fields [B, 2, 28, 24], and [B, 478, 2] how much further the skin at each point goes.
        """
        return DONE * self.by_points(points, now, change), self.by_skin(change)

    def by_points(self, points: Tensor, now: Tensor, change: Tensor) -> Tensor:
        """Fields [B, 2, 28, 24]: all of what points do beyond the rig, which learns. Arguments as of `forward`."""
        one = self._one(points, now, change)
        turned = self._one(points[:, self.mirror] * self.across, now[:, self.flipped], change[:, self.flipped])
        both = (one + turned.flip(3) * self.across[:, None, None]) / 2
        both = both * (self.cover * self._asked(change, self.halves)[:, None, None])
        bounded: Tensor = both * (STEEPEST / _steepest(both).clamp(min=STEEPEST))[:, None, None, None]
        return bounded

    def by_skin(self, change: Tensor) -> Tensor:
        """[B, 478, 2] how much further than the points the skin at them goes."""
        one, turned = (
            ((asked * self.counted) @ self.skin).view(len(change), -1, 2) for asked in (change, change[:, self.flipped])
        )
        both = (one + turned[:, self.mirror] * self.across) / 2
        return both * self._asked(change, self.lying)[..., None]

    def _asked(self, change: Tensor, halves: Tensor) -> Tensor:
        """[B, K] of 0 to 1, how much each of K places is asked for: photos hardly ever show a change of one side alone.

        Args:
            change: [B, 52].
            halves: [2, K] how much each place is on the right side, and on the left.
        """
        amount = (change * self.counted).abs()
        sides = amount @ self.sides.T
        both = amount.sum(1, keepdim=True) - sides.sum(1, keepdim=True)
        share = (sides + both) / (sides.amax(1, keepdim=True) + both).clamp(min=1e-6)
        asked: Tensor = share @ halves
        return asked

    def _one(self, points: Tensor, now: Tensor, change: Tensor) -> Tensor:
        """What points do in one side's view, unbounded."""
        shape = (points - self.mean).flatten(1) @ self.directions
        now, change = now * self.counted, change * self.counted
        amounts = self.say(torch.cat([shape, now, change], 1)) * self.ask(change)
        field: Tensor = self.field(amounts)
        return field.view(-1, 2, ROWS, COLUMNS)


def sampled(field: Tensor, places: Tensor) -> Tensor:
    """[B, N, 2] what fields [B, 2, 28, 24] say at places [B, N, 2]: `MotionField.at` as tensors."""
    x, y = (places[..., 0] - LEFT) * (2 / WIDE) - 1, (places[..., 1] - TOP) * (2 / HIGH) - 1
    found = functional.grid_sample(
        field, torch.stack([x, y], -1)[:, :, None], padding_mode="border", align_corners=True
    )
    added: Tensor = found[..., 0].transpose(1, 2)
    return added


def _steepest(field: Tensor) -> Tensor:
    """[B] `MotionField.steepest`."""
    across = field.diff(dim=3).square().sum(1).flatten(1).amax(1).clamp(min=1e-12).sqrt() * ((COLUMNS - 1) / WIDE)
    down = field.diff(dim=2).square().sum(1).flatten(1).amax(1).clamp(min=1e-12).sqrt() * ((ROWS - 1) / HIGH)
    return torch.maximum(across, down)


def _cover(border: Tensor) -> Tensor:
    """[28, 24] of 0 to 1: nothing at the face's border [K, 2] and beyond, all of it some way inside."""
    middle = border.mean(0)
    away = border - middle
    angle, order = torch.atan2(away[:, 1], away[:, 0]).sort()
    reach = away.norm(dim=1)[order]
    y, x = torch.meshgrid(
        torch.linspace(TOP, TOP + HIGH, ROWS), torch.linspace(LEFT, LEFT + WIDE, COLUMNS), indexing="ij"
    )
    place = torch.stack([x, y], -1) - middle
    nearest = (torch.atan2(place[..., 1], place[..., 0])[..., None] - angle).cos().argmax(2)
    inside: Tensor = ((1 - place.norm(dim=2) / reach[nearest]) / _STILL).clamp(0, 1)
    return inside
