"""How an open mouth parts when its jaw goes down: what is the skull's, and in a video the same from frame to frame.

What a frame shows of teeth is little, and whether a line between them is a bite is decided by thresholds: decided anew
for each frame, teeth would come and go.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.imaging.bite import one_row, parting
from mien.imaging.mouth_patch import WIDTH, MouthPatch

LEAST = 3.0
"""Pixels of a patch between the lips of a mouth that showed something worth keeping."""

_OPEN, _UPPER = (8.0, 14.0), (0.85, 0.62)
"""Pixels of a patch between the lips of a mouth without a seam that shows more than a row of teeth, and the share of
that which is the skull's: in a smile upper teeth reach down to the lip, and in wider mouths they do not."""

_PLACES = np.linspace(0, 1, 65)
"""Where a seam is known along a mouth, from the end that lies left in its patch."""

_SETTLES, _FOLLOWS = 0.25, 0.08
"""Seconds in which what is decided about a mouth goes two thirds of the way to what frames say; and where a seam lies.
"""

_SWITCH = 0.65
"""How much of late must speak for the other decision before it is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Parting:
    """How a mouth parts.

    Args:
        seam: [65] where, from end to end of the lips' opening, it parts, as shares of the way from the upper lip to the
            lower one; None where it does not.
        skull: share of what is seen, from the upper lip on, that stays where it is if no seam parts it.
    """

    seam: Array | None
    skull: float

    def __post_init__(self) -> None:
        if self.seam is not None:
            object.__setattr__(self, "seam", frozen_array(self.seam, "seam", (len(_PLACES),)))

    @classmethod
    def of(cls, frame: Frame, mouth: MouthPatch) -> Self:
        """What one picture says.

        Args:
            frame: the picture.
            mouth: in pixels of it, as it is there.
        """
        cut = mouth.cut(frame.pixels)
        seam = parting(cut, mouth)
        if seam is not None:
            first, last = _ends(mouth)
            return cls(np.interp(first + _PLACES * (last - first), np.arange(WIDTH) + 0.5, seam), 1.0)
        return cls(None, 1.0 if one_row(cut, mouth) else float(np.interp(mouth.gap, _OPEN, _UPPER)))

    def along(self, mouth: MouthPatch, x: Array) -> Array | None:
        """The seam at each x [N] of a mouth's patch, beyond its ends as there; None where there is none."""
        if self.seam is None:
            return None
        first, last = _ends(mouth)
        return np.asarray(np.interp((x - first) / max(last - first, 1e-6), _PLACES, self.seam))


class SteadyPartings:
    """How the mouths of a video part: each frame is told in order, and has its say.

    Whether there is a seam is decided anew only when most of a quarter of a second speaks for it; until then it lies
    where it was last seen. A mouth that shuts is forgotten.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Memory] = {}

    def at(self, frame: Frame, reading: FaceReading) -> Parting | None:
        """How the mouth of a face parts in a frame; None where it is shut."""
        mouth = MouthPatch.of(reading.landmarks.points.astype(np.float64))
        if mouth.gap < LEAST:
            self._known.pop(reading.face, None)
            return None
        seen = Parting.of(frame, mouth)
        before = self._known.get(reading.face)
        now = _Memory.begun(seen, reading.time) if before is None else before.after(seen, reading.time)
        self._known[reading.face] = now
        return now.parting


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """What is known of a mouth.

    Args:
        time: of the last frame, seconds.
        parts: how much of late had a seam, 0 to 1.
        decided: whether it has one.
        seam: where it was of late, or None if there never was one.
        skull: of late, in frames without a seam.
    """

    time: float
    parts: float
    decided: bool
    seam: Array | None
    skull: float

    @classmethod
    def begun(cls, seen: Parting, time: float) -> Self:
        """A mouth that was shut, or not there."""
        there = seen.seam is not None
        return cls(time, float(there), there, seen.seam, seen.skull)

    def after(self, seen: Parting, time: float) -> Self:
        """And what another frame says."""
        slow, quick = (1 - float(np.exp(-max(time - self.time, 0) / span)) for span in (_SETTLES, _FOLLOWS))
        there = seen.seam is not None
        parts = self.parts + slow * (there - self.parts)
        decided = parts > 1 - _SWITCH if self.decided else parts > _SWITCH
        seam, skull = self.seam, self.skull
        if seen.seam is None:
            skull = skull + slow * (seen.skull - skull)
        else:
            seam = seen.seam if seam is None else seam + quick * (seen.seam - seam)
        return replace(self, time=time, parts=parts, decided=decided, seam=seam, skull=skull)

    @property
    def parting(self) -> Parting:
        """What is done about it."""
        return Parting(self.seam, 1.0) if self.decided else Parting(None, self.skull)


def _ends(mouth: MouthPatch) -> tuple[float, float]:
    """The x of both ends of the lips' opening."""
    return float(mouth.inner[:, 0].min()), float(mouth.inner[:, 0].max())
