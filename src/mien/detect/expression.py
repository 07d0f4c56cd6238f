"""What was seen of a face to its expression, and to where its points are after all."""

from typing import Self

import numpy as np

from mien.core.basis import ARKIT
from mien.core.face import Expression
from mien.detect.landmarks import PointRefiner, Sight
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
        sight = sight if self._refiner is None else self._refiner.refine(sight)
        weights, points = self._session(sight.cut[None, None], sight.cut_points[None])
        return Expression(np.array(weights[0]), ARKIT), sight.moved(points[0])
