"""What an open mouth showed stays to be seen when it opens further: nobody's own teeth are painted over.

Upper teeth stand in the skull and stay where they are; what lies in the jaw goes down with it. Between the two a
network paints, and beside them, where lips drew back.
"""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.geometry import apply_affine
from mien.core.image import Frame
from mien.imaging.flow import Flow
from mien.imaging.mouth_patch import LIP_EDGE, WIDTH, MouthPatch, lip_heights
from mien.imaging.openings import Region, lay_over
from mien.paint.parting import Parting

_LEAST = 3.0
"""Pixels of a patch between the lips of a mouth that showed something worth keeping."""

_FELL = 1.0, 3.0
"""Pixels of a patch that the jaw goes down: up to the first all that was seen stays; from the second on, what is the
skull's."""

_MIDDLE = 0.25, 0.75
"""Part of a mouth's width in which the way of the jaw is measured."""

_THIN = 1.0
"""Pixels of a patch: of a column that showed less nothing is kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A part of what a mouth showed.

    Args:
        outline: [N, 2] where it is now, pixels of the patch.
        way: [2] pixels of the patch by which it went.
    """

    outline: Array
    way: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "outline", frozen_array(self.outline, "outline", (None, 2)))
        object.__setattr__(self, "way", frozen_array(self.way, "way", (2,)))


def kept(frame: Frame, points: Array, now: MouthPatch, parts: Parting | None = None) -> tuple[Kept, ...]:
    """What a mouth showed before it opened further, and where it is seen now.

    Args:
        frame: the picture as it was.
        points: [478, 2 or more] the face's landmarks in it.
        now: the mouth as it will be, in pixels of the frame.
        parts: how the mouth parts, if frames before had their say in that; None to decide by this picture alone.
    """
    before = MouthPatch.at(points[:, :2], now.to_frame)
    if before.gap < _LEAST:
        return ()
    x = np.arange(WIDTH) + 0.5
    (above, below), (upper, lower) = lip_heights(before.inner, x), lip_heights(now.inner, x)
    places = np.quantile(before.inner[:, 0], _MIDDLE)
    middle = (x >= places[0]) & (x <= places[1])
    if not middle.any():
        return ()
    fell = float(np.median((lower - below)[middle]))
    seam, skull = None, 1.0
    if fell > _FELL[0]:
        parts = Parting.of(frame, before) if parts is None else parts
        seam, skull = parts.along(before, x), parts.skull(before.gap)
    share = np.interp(fell, _FELL, (1.0, skull)) if seam is None else seam
    edge = above + share * (below - above)
    first = np.maximum(above + LIP_EDGE, upper)
    found = [_part(x, first, np.minimum(np.minimum(edge, below - LIP_EDGE), lower), 0.0)]
    if seam is not None:
        found.append(_part(x, np.maximum(edge + fell, upper), np.minimum(below - LIP_EDGE + fell, lower), fell))
    return tuple(part for part in found if part is not None)


def laid(patch: Array, frame: Frame, flow: Flow, now: MouthPatch, parts: tuple[Kept, ...]) -> Array:
    """[h, w, 3] uint8: part of a result, with what its mouth keeps of the picture.

    Args:
        patch: [h, w, 3] uint8, the part of the result that `flow` covers.
        frame: the picture as it was.
        flow: gives the place of the patch.
        now: the mouth as it will be, in pixels of the frame.
        parts: what is kept.
    """
    for part in parts:
        back = np.zeros_like(flow.backward) - now.to_frame[:, :2] @ part.way
        region = Region(apply_affine(now.to_frame, part.outline))
        patch = lay_over(patch, frame, flow, region, Flow(flow.left, flow.top, flow.cell, back))
    return patch


def _part(x: Array, first: Array, last: Array, fell: float) -> Kept | None:
    """What lies between two heights [128], where there is enough, in its longest stretch; None where there is none."""
    tall = np.flatnonzero(last - first > _THIN)
    if not len(tall):
        return None
    stretches = np.split(tall, np.flatnonzero(np.diff(tall) > 1) + 1)
    longest = max(stretches, key=len)
    if len(longest) < 2:
        return None
    there, back = (np.stack([x[longest], edge[longest]], 1) for edge in (first, last))
    return Kept(np.concatenate([there, back[::-1]]), np.array([0.0, fell]))
