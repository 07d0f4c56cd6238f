"""What was seen of a face to its expression, and to where its points are after all."""

from typing import Self

import numpy as np

from mien.core.basis import ARKIT
from mien.core.face import Expression
from mien.detect.landmarks import Sight
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card


class ExpressionReader:
    """Reads ARKit weights, and moves the points by what it saw.

    Args:
        session: the expression network.
    """

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    @classmethod
    def shipped(cls) -> Self:
        """With the network of the package. Raises `ModelError` when its file was changed."""
        return cls(OnnxSession(card("lgml")))

    def read(self, sight: Sight) -> tuple[Expression, Sight]:
        """The weights [52] of the face in a cut, 0 to 1, tongueOut 0; and the same sight with better points."""
        weights, points = self._session(sight.cut[None, None], sight.cut_points[None])
        return Expression(np.array(weights[0]), ARKIT), sight.moved(points[0])
