"""What was seen of a face to its expression, and to where its points are after all."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from mien.core.basis import ARKIT
from mien.core.face import Expression
from mien.detect.landmarks import PointRefiner, Sight, batched
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card


class ExpressionReader:
    """Reads ARKit weights, and moves the points by what it saw.

    Args:
        session: the expression network.
        refiner: moves the points first, where sights come without that; None where they come refined.
    """

    def __init__(self, session: OnnxSession, refiner: PointRefiner | None = None) -> None:
        self._session, self._refiner = session, refiner

    @classmethod
    def shipped(cls) -> Self:
        """With the network of the package, for refined sights. Raises `ModelError` when its file was changed."""
        return cls(OnnxSession(card("lgml")))

    def read(self, sight: Sight) -> tuple[Expression, Sight]:
        """The weights [52] of the face in a cut, 0 to 1, tongueOut 0; and the same sight with better points."""
        return self.read_all([sight])[0]

    def read_all(self, sights: Sequence[Sight]) -> list[tuple[Expression, Sight]]:
        """The same of several faces, which takes less time than one after the other."""
        return [read for some in batched(sights) for read in self._read_some(some)]

    def _read_some(self, sights: Sequence[Sight]) -> list[tuple[Expression, Sight]]:
        cuts = np.stack([sight.cut for sight in sights])[:, None]
        if self._refiner is None:
            points = np.stack([sight.cut_points for sight in sights])
        else:
            points = self._refiner.points(sights)
        weights, points = self._session(cuts, points)
        read = zip(sights, weights, points, strict=True)
        return [(Expression(np.array(said), ARKIT), sight.moved(where)) for sight, said, where in read]
