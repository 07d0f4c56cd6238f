"""Points to ARKit weights, as MediaPipe's blendshape network reads them: it sees no pixels, and no tongue.

The points it sees are those of MediaPipe's published graph, `face_blendshapes_graph.cc`.
"""

from collections.abc import Sequence

import numpy as np

from mien.core.basis import ARKIT
from mien.core.face import Expression
from mien.detect.peer_landmarks import PeerSight
from mien.runtime.litert import Network

SEEN = (
    *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80),
    *(81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153),
    *(154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249),
    *(251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314),
    *(317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382),
    *(384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478)),
)
"""The 146 of the 478 points that the network reads."""

_TONGUE = "tongueOut"
# Behind a `_neutral` of which nobody knows what it says, its channels stand in the order of the alphabet.
_PLACES = [ARKIT.index(name) for name in sorted(set(ARKIT.columns) - {_TONGUE})]


class PeerExpressionReader:
    """Reads ARKit weights off points.

    Args:
        session: MediaPipe's blendshape network.
    """

    def __init__(self, session: Network) -> None:
        self._session = session

    def read_all(self, sights: Sequence[PeerSight]) -> list[tuple[Expression, PeerSight]]:
        """What is read of each; its network takes one at a time."""
        return [self.read(sight) for sight in sights]

    def read(self, sight: PeerSight) -> tuple[Expression, PeerSight]:
        """The weights [52], 0 to 1, tongueOut 0; the points stay as they are."""
        (answer,) = self._session(sight.landmarks.points[SEEN, :2][None])
        weights = np.zeros(len(ARKIT), np.float32)
        weights[_PLACES] = answer[1:]
        return Expression(weights, ARKIT), sight
