"""A turned rectangle of a frame to the 478 points of the face in it, as MediaPipe's landmark network reads them.

The numbers are those of MediaPipe's published graph: `face_landmarks_detector_graph.cc` and the calculators it names.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.face import LANDMARKS, Detection, Landmarks
from mien.core.geometry import apply_affine, bounds, invert_affine
from mien.core.image import Frame
from mien.detect.landmarks import SIDE as CUT
from mien.imaging.fixed_point import sample_fixed
from mien.imaging.warp import cut, face_square
from mien.runtime.litert import Network

SIDE = 256
"""Pixels along the side of the cut that the network reads."""

MARGIN = 1.5
"""Sides of the rectangle over those of the face's box."""

_TRUSTED = 0.5
_EYE_RIGHT, _EYE_LEFT = 33, 263
"""Outer corners of the eyes: their line is level in the cut."""


@dataclass(frozen=True, slots=True)
class PeerSight:
    """What was seen, and mien's own cut of it.

    Args:
        landmarks: in pixels of the frame, and the presence score.
        cut: [128, 128] float32 luminance of 0 to 255, by which a face is known again.
        cut_points: [478, 3] in pixels of that cut.
    """

    landmarks: Landmarks
    cut: Array
    cut_points: Array

    @classmethod
    def of(cls, frame: Frame, landmarks: Landmarks) -> Self:
        """With the cut that mien's networks would see of the face."""
        to_frame = face_square(landmarks.points, CUT)
        return cls(landmarks, cut(frame, to_frame, CUT).pixels, apply_affine(invert_affine(to_frame), landmarks.points))


class PeerReader:
    """Reads points from a rectangle.

    Args:
        session: MediaPipe's landmark network.
    """

    def __init__(self, session: Network) -> None:
        self._session = session

    def meet(self, frame: Frame, detection: Detection) -> PeerSight | None:
        """The face that was found there, read once, as MediaPipe does; None when the network sees no face."""
        box, (right, left) = detection.box, detection.points[:2]
        sight = self._read(frame, rectangle((box[:2] + box[2:]) / 2, box[2:] - box[:2], left - right))
        return sight if sight.landmarks.score >= _TRUSTED else None

    def follow(self, frame: Frame, points: Array) -> PeerSight:
        """What lies where a face had its points [478, 3] a moment ago."""
        box = bounds(points)
        longest = np.full(2, (box[2:] - box[:2]).max())
        eyes = points[_EYE_LEFT, :2] - points[_EYE_RIGHT, :2]
        return self._read(frame, rectangle((box[:2] + box[2:]) / 2, longest, eyes))

    def _read(self, frame: Frame, to_frame: Array) -> PeerSight:
        """What lies in the rectangle that `to_frame` [2, 3] (cut of `SIDE` to frame) names."""
        pixels = sample_fixed(frame.pixels, to_frame, SIDE, zeros_outside=False)
        places, presence, *_ = self._session((pixels.astype(np.float32) / 255)[None])
        cut_points = places.reshape(LANDMARKS, 3).astype(np.float64)
        flat = cut_points[:, :2] @ to_frame[:, :2].T + to_frame[:, 2]
        depth = cut_points[:, 2:] * np.linalg.norm(to_frame[:, 0])
        score = 1 / (1 + np.exp(-float(presence.ravel()[0])))
        return PeerSight.of(frame, Landmarks(np.concatenate([flat, depth], 1), float(score)))


def rectangle(middle: Array, size: Array, eyes: Array) -> Array:
    """The map [2, 3] to the frame from a cut of `SIDE` that shows a face with some room round it.

    Args:
        middle: [2] of the face's box.
        size: [2] its width and height, before the margin and before it is turned.
        eyes: [2] from the subject's right eye to the left, level in the cut.
    """
    angle = np.arctan2(eyes[1], eyes[0])
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]]) * (np.maximum(size * MARGIN, 1.0) / SIDE)
    return np.concatenate([turn, (middle - turn.sum(1) * SIDE / 2)[:, None]], axis=1)
