"""How an open mouth parts when its jaw goes down: what is the skull's, and in a video the same from frame to frame.

What a frame shows of teeth is little, and whether a line between them is a bite is decided by thresholds: decided anew
for each frame, teeth would come and go.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.imaging.bite import LEAST as BITES
from mien.imaging.bite import one_row, parting
from mien.imaging.jaw_seam import LEAST as SEAMS
from mien.imaging.mouth_patch import WIDTH, MouthPatch

_OPEN, _UPPER = (8.0, 14.0), (0.85, 0.62)
"""Pixels of a patch between the lips of a mouth without a seam that shows more than a row of teeth, and the share of
that which is the skull's: in a smile upper teeth reach down to the lip, and in wider mouths they do not."""

_PLACES = np.linspace(0, 1, 65)
"""Where a seam is known along a mouth, from the end that lies left in its patch."""

_SETTLES, _FOLLOWS = 0.25, 0.08
"""Seconds in which what is decided about a mouth that keeps still goes two thirds of the way to what frames say; and
where a seam lies."""

_MOVES = 6.0
"""Pixels of a patch by which lips part or meet that age a decision as much as that time does."""

_SWITCH = 0.65
"""How much of late must speak for the other decision before it is taken."""

_FORGETS = 0.3
"""Seconds after which a mouth that was not seen is another one."""


@dataclass(frozen=True, slots=True, eq=False)
class Parting:
    """How a mouth parts.

    Args:
        seam: [65] where, from end to end of the lips' opening, it parts, as shares of the way from the upper lip to the
            lower one; None where it does not.
        whole: how surely all that is seen is one row of teeth, 0 to 1.
    """

    seam: Array | None
    whole: float

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
        if seam is None:
            return cls(None, float(one_row(cut, mouth)))
        first, last = _ends(mouth)
        return cls(np.interp(first + _PLACES * (last - first), np.arange(WIDTH) + 0.5, seam), 0.0)

    def along(self, mouth: MouthPatch, x: Array) -> Array | None:
        """The seam at each x [N] of a mouth's patch, beyond its ends as there; None where there is none."""
        if self.seam is None:
            return None
        first, last = _ends(mouth)
        return np.asarray(np.interp((x - first) / max(last - first, 1e-6), _PLACES, self.seam))

    def skull(self, gap: float) -> float:
        """Share of what is seen, from the upper lip on, that stays where it is if no seam parts it.

        Args:
            gap: pixels of the patch between the lips.
        """
        return self.whole + (1 - self.whole) * float(np.interp(gap, _OPEN, _UPPER))


class SteadyPartings:
    """How the mouths of a video part: frames are told in their order, and those before have their say.

    Whether there is a seam is decided by the first frame in which a mouth is open wide enough, and anew only when about
    a quarter of a second speaks for it, or less where lips are quick; until then it lies where it was last seen. A slit
    has no say.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Memory] = {}

    def at(self, frame: Frame, reading: FaceReading) -> Parting:
        """How the mouth of a face parts in a frame."""
        time = reading.time
        # Also bounds what is held: numbers of faces are never given again.
        self._known = {face: known for face, known in self._known.items() if 0 <= time - known.time <= _FORGETS}
        mouth = MouthPatch.of(reading.landmarks.points.astype(np.float64))
        before = self._known.get(reading.face)
        if mouth.gap < BITES:  # nothing is told apart in it
            return Parting(None, 0.0 if before is None else before.whole)
        seen = Parting.of(frame, mouth)
        if seen.seam is None and mouth.gap < SEAMS:  # the dark of wider ones is not looked for
            return seen if before is None else before.parting
        now = _Memory.begun(seen, time, mouth.gap) if before is None else before.after(seen, time, mouth.gap)
        self._known[reading.face] = now
        return now.parting


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """What is known of a mouth.

    Args:
        time: of the last frame that had a say, seconds.
        gap: pixels of the patch between the lips then.
        parts: how much of late had a seam, 0 to 1.
        decided: whether it has one.
        seam: where it was of late, or None if there never was one.
        whole: how much of late, of what had none, was one row of teeth, 0 to 1.
    """

    time: float
    gap: float
    parts: float
    decided: bool
    seam: Array | None
    whole: float

    @classmethod
    def begun(cls, seen: Parting, time: float, gap: float) -> Self:
        """A mouth of which nothing is known."""
        there = seen.seam is not None
        return cls(time, gap, float(there), there, seen.seam, seen.whole)

    def after(self, seen: Parting, time: float, gap: float) -> "_Memory":
        """And what another frame says."""
        moved = abs(gap - self.gap) / _MOVES
        slow, quick = (1 - float(np.exp(-(time - self.time) / span - moved)) for span in (_SETTLES, _FOLLOWS))
        parts = self.parts + slow * ((seen.seam is not None) - self.parts)
        decided = parts > 1 - _SWITCH if self.decided else parts > _SWITCH
        if seen.seam is None:
            return _Memory(time, gap, parts, decided, self.seam, self.whole + slow * (seen.whole - self.whole))
        seam = seen.seam if self.seam is None else self.seam + quick * (seen.seam - self.seam)
        return _Memory(time, gap, parts, decided, seam, self.whole)

    @property
    def parting(self) -> Parting:
        """What is done about it."""
        return Parting(self.seam if self.decided else None, self.whole)


def _ends(mouth: MouthPatch) -> tuple[float, float]:
    """The x of both ends of the lips' opening."""
    return float(mouth.inner[:, 0].min()), float(mouth.inner[:, 0].max())
