"""A square of a frame to the 478 points of the face in it, and whether there is one."""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array
from mien.core.face import Landmarks
from mien.core.geometry import apply_affine
from mien.core.image import Frame
from mien.imaging.warp import cut
from mien.runtime.session import OnnxSession

SIDE = 128
"""Pixels along the side of the cut that the network reads."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the landmark network saw in one cut.

    Args:
        landmarks: in pixels of the frame, and the presence score.
        cut_points: [478, 3] in pixels of the cut.
        features: [256] the network's description of the face, for the expression head.
    """

    landmarks: Landmarks
    cut_points: Array
    features: Array


class LandmarkReader:
    """Reads points from a cut.

    Args:
        session: the landmark network.
    """

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    def read(self, frame: Frame, to_frame: Array) -> Sight:
        """What lies in the square that `to_frame` [2, 3] (cut of `SIDE` to frame) names."""
        crop = cut(frame, to_frame, SIDE)
        points, presence, features = self._session(crop.pixels[None, None])
        score = min(max(float(presence[0]), 0.0), 1.0)
        in_frame = apply_affine(to_frame, points[0].astype(np.float64))
        return Sight(Landmarks(in_frame, score), points[0], features[0])
