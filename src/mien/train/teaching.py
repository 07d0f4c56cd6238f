"""What each pack's labels are worth: a render knows all of its weights, a teacher is believed where it moves.

The teacher reads something on faces that people call neutral. Its middle reading there is taken off, channel by
channel, and the rest stretched, so that nothing is 0 and everything is 1; where the eyes look, and whether they are
closed, is left as it is. Our own.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.data.tiles import EXPRESSIVE
from mien.train.seen import Looked, SeenFaces

LEAST_DEVIATION = 0.05
"""A channel of the teacher counts as active where its deviation over all validation photos passes this."""

REST = 0.85
"""What is left of a reading, beyond the middle one, on a photo that a person calls neutral."""

FAINT = {"mouthFrownLeft": 3.3, "mouthFrownRight": 3.3, "mouthFunnel": 4.5, "mouthLeft": 1.8, "mouthRight": 1.8}
"""Channels in which the teacher hardly moves on photos, but says something true: on 1,000 validation renders it goes
with the truth at .27 to .84. By how much its readings must be stretched to spread there as far as the truth does."""

FAINT_WORTH = 0.3
"""What such a label is worth beside one of an active channel."""

_TONGUE = ARKIT.index("tongueOut")


def taught(true: Array) -> Array:
    """[packs] bool, whose labels are a teacher's: no column of theirs is true in `true` [packs, 52], as of `Looked`."""
    return np.asarray(~np.any(true, axis=1))


@dataclass(frozen=True)
class Teaching:
    """How labels are read.

    Args:
        active: columns of `ARKIT` in which the teacher is believed.
        resting: [52] its middle reading on photos that a person calls neutral.
    """

    active: Array
    resting: Array

    @classmethod
    def of(cls, looked: Looked) -> Self:
        """From the photos among what was looked at that a teacher labelled."""
        by_teacher = taught(looked.true)
        val, train = by_teacher[looked.val.pack], by_teacher[looked.train.pack]
        deviation = looked.val.weights[val].std(0) if val.any() else np.zeros(len(ARKIT))
        calm = train & looked.train.neutral
        resting = np.zeros(len(ARKIT), np.float32)
        if calm.any():
            columns = list(EXPRESSIVE)
            resting[columns] = np.median(looked.train.weights[calm][:, columns], 0)
        return cls(np.flatnonzero(deviation > LEAST_DEVIATION), resting)

    def weights(self, seen: SeenFaces, true: Array) -> Array:
        """[N, 52] float32 labels: true ones as they are, the teacher's less what it sees on neutral faces.

        Args:
            seen: faces.
            true: [packs, 52] bool, as of `Looked`.
        """
        by_teacher = taught(true)[seen.pack]
        labels = np.array(seen.weights)
        beyond = np.maximum(1 - self.resting, 1e-6)
        corrected = np.clip((labels[by_teacher] - self.resting) / beyond, 0, 1)
        faint = self._faint()
        corrected[:, faint] = np.clip(corrected[:, faint] * [FAINT[ARKIT.columns[k]] for k in faint], 0, 1)
        calm = np.asarray(seen.neutral)[by_teacher]
        columns = np.array(EXPRESSIVE)
        corrected[np.ix_(calm, columns)] *= REST
        labels[by_teacher] = corrected
        return labels.astype(np.float32)

    def known(self, seen: SeenFaces, true: Array) -> Array:
        """[N, 52] float32, what each label is worth: nothing where the teacher is dead, unless a face is neutral.

        Arguments as of `weights`.
        """
        by_teacher = taught(true)[seen.pack]
        worth = true[seen.pack].astype(np.float32)
        worth[np.ix_(by_teacher, self._faint())] = FAINT_WORTH
        worth[np.ix_(by_teacher, self.active)] = 1
        worth[by_teacher & seen.neutral] = 1
        worth *= np.asarray(seen.trust)[:, None]
        worth[:, _TONGUE] = 0
        return worth

    def _faint(self) -> Array:
        """The columns of `FAINT` that are not active after all."""
        return np.setdiff1d(ARKIT.indices(list(FAINT)), self.active)
