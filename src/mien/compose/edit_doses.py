"""What came of the doses of a sweep, face by face."""

from collections.abc import Sequence

import numpy as np

from mien.compose.edit_cuts import cut
from mien.compose.edit_pictures import EditedPicture
from mien.compose.edit_report import Measured
from mien.compose.edit_series import MOST_SAMPLES, Sample, Series
from mien.core.basis import ARKIT
from mien.core.image import Frame


class DoseLog:
    """Doses of a slider, each as it is read again.

    Args:
        count: how many there will be.
    """

    def __init__(self, count: int) -> None:
        self._every = -(-count // MOST_SAMPLES)
        self._count = 0
        self._places: dict[int, list[float]] = {}
        self._found: dict[int, list[Measured]] = {}
        self._samples: dict[int, list[Sample]] = {}

    def add(self, dose: float, before: Frame, picture: EditedPicture, found: Sequence[Measured]) -> None:
        """The next dose.

        Args:
            dose: the weight.
            before: the photo.
            picture: what was made of it.
            found: what came of each of its faces.
        """
        for reading, one in zip(picture.readings, found, strict=True):
            self._places.setdefault(one.face, []).append(dose)
            self._found.setdefault(one.face, []).append(one)
            if self._count % self._every == 0:
                sample = Sample(dose, cut(before, reading), cut(picture.frame, reading))
                self._samples.setdefault(one.face, []).append(sample)
        self._count += 1

    def series(self) -> tuple[Series, ...]:
        """What came of each face."""
        return tuple(self._series(face) for face in sorted(self._found))

    def _series(self, face: int) -> Series:
        found = self._found[face]
        unread = np.full(len(ARKIT), np.nan)
        known = [one.identity for one in found if np.isfinite(one.identity)]
        return Series(
            face,
            np.array(self._places[face]),
            np.array([one.now for one in found]),
            np.array([one.asked for one in found]),
            np.array([unread if one.reached is None else one.reached for one in found]),
            float(np.mean(known)) if known else float("nan"),
            sum(one.outside for one in found),
            max(one.folded for one in found),
            sum(one.painted for one in found),
            tuple(self._samples.get(face, ())),
        )
