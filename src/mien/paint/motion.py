"""The learned half of an edit's motion: what the rig missed, as a network has it."""

from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.field import MotionField
from mien.core.geometry import Similarity
from mien.rig.motion import FaceMotion
from mien.rig.residual import in_head, mended
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card


class MotionMender:
    """Adds to a rig's motion what photos of one person showed that it lacks.

    Args:
        session: the network `motion`.
    """

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    @classmethod
    def shipped(cls) -> Self:
        """With the network of the package. Raises `ModelError` when its file was changed."""
        return cls(OnnxSession(card("motion")))

    def mend(self, motion: FaceMotion, points: Array, head: Similarity, now: Array, wanted: Array) -> FaceMotion:
        """The motion, mended.

        Args:
            motion: what the rig says.
            points: [478, 3] the face's landmarks, pixels, z in the same scale.
            head: pixels = scale * rotation @ metres + translation.
            now: [52] ARKit's weights as they are.
            wanted: [52] as they shall be.
        """
        placed = in_head(points, head)[:, :2]
        change = np.asarray(wanted, np.float64) - now
        field, further = self._session(*(value[None] for value in (placed, np.asarray(now), change)))
        return mended(motion, head, MotionField(field[0]), further[0])
