"""Points to head pose and gaze, by geometry alone.

Camera model: a pinhole without distortion (`Camera`); the face is small beside its distance, so its points are fitted
by a scaled rotation (weak perspective) and the result is turned to the ray on which the face lies. Distance follows
from the mean face's size: a person whose irises are not 63 mm apart is placed too near or too far in proportion.
"""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, Gaze, Pose
from mien.core.geometry import Camera, Similarity, fit_similarity, rotation_from_angles, turn_to
from mien.detect.shape import FaceShape

EYEBALL = 0.012
"""Radius of the human eye in metres: an iris that is displaced by it would look a quarter turn aside."""

_FARTHEST = 0.95
"""Sine of the angle beyond which no eye looks aside."""

_EYES = np.array([IRIS_LEFT, 362, 263, IRIS_RIGHT, 33, 133])
"""Of each eye its iris and its corners."""


@dataclass(frozen=True, slots=True)
class HeadFit:
    """The mean face laid over a face's points: pixels = scale * rotation @ metres + translation."""

    fit: Similarity

    def to_head(self, points: Array) -> Array:
        """Points [..., N, 3] of the frame in the head's own axes, metres."""
        away = points - self.fit.translation[..., None, :]
        return np.asarray(away @ self.fit.rotation / np.asarray(self.fit.scale)[..., None, None])


def fit_head(points: Array, shape: FaceShape) -> HeadFit:
    """The similarity from the mean face to landmarks [..., 478, 3], each point weighted by its steadiness."""
    return HeadFit(fit_similarity(shape.points, points, shape.steadiness))


def head_pose(head: HeadFit, camera: Camera) -> Pose:
    """The head in the camera."""
    ray = np.ones_like(head.fit.translation)
    ray[..., :2] = (head.fit.translation[..., :2] - camera.centre) / camera.focal_length
    distance = camera.focal_length / np.asarray(head.fit.scale)[..., None]
    return Pose(turn_to(ray) @ head.fit.rotation, ray * distance)


def gaze_from(points: Array, head: HeadFit, shape: FaceShape) -> Gaze:
    """Where each eye looks: the displacement of the iris between its corners, on a ball of `EYEBALL` radius.

    Args:
        points: [..., 478, 3] landmarks.
        head: their fit.
        shape: the mean face, whose irises look straight ahead.
    """
    away = (head.to_head(points[..., _EYES, :]) - shape.points[_EYES]).reshape(*points.shape[:-2], 2, 3, 3)
    aside = (away[..., 0, :] - (away[..., 1, :] + away[..., 2, :]) / 2) / EYEBALL
    pitch = np.arcsin(np.clip(aside[..., 1], -_FARTHEST, _FARTHEST))
    yaw = np.arcsin(np.clip(-aside[..., 0] / np.cos(pitch), -_FARTHEST, _FARTHEST))
    return Gaze(rotation_from_angles(pitch, yaw, 0.0))
