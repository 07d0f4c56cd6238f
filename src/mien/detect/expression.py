"""What was seen of a face to its expression."""

import numpy as np

from mien.core.basis import ARKIT
from mien.core.face import Expression
from mien.detect.landmarks import Sight
from mien.runtime.session import OnnxSession


class ExpressionReader:
    """Reads ARKit weights.

    Args:
        session: the expression network.
    """

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    def read(self, sight: Sight) -> Expression:
        """The weights [52] of the face in a cut, 0 to 1; tongueOut is 0."""
        weights = np.array(self._session(sight.cut[None, None], sight.cut_points[None])[0][0])
        return Expression(weights, ARKIT)
