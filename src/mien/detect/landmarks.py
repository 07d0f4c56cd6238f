"""A square of a frame to the 478 points of the face in it, and whether there is one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.face import Detection, Landmarks
from mien.core.geometry import apply_affine
from mien.core.image import Frame
from mien.imaging.warp import cut, detection_square, face_square
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

SIDE = 128
"""Pixels along the side of the cut that the network reads."""

AT_ONCE = 4
"""Faces in one call: of more none would be read much sooner."""

# No validation face scores below .99; what lies between is a face upside down, or none.
_TRUSTED_TO_START = 0.8
_WORTH_A_SECOND_LOOK = 0.25


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in one cut.

    Args:
        landmarks: in pixels of the frame, and the presence score.
        cut: [128, 128] float32 luminance of 0 to 255.
        to_frame: [2, 3] from the cut to the frame.
        cut_points: [478, 3] in pixels of the cut.
        features: [256] the landmark network's description of the face.
    """

    landmarks: Landmarks
    cut: Array
    to_frame: Array
    cut_points: Array
    features: Array

    def moved(self, cut_points: Array) -> Self:
        """The same sight with its points elsewhere, [478, 3] in pixels of the cut."""
        in_frame = apply_affine(self.to_frame, cut_points.astype(np.float64))
        return replace(self, landmarks=Landmarks(in_frame, self.landmarks.score), cut_points=cut_points)


class PointRefiner:
    """Moves the points of a sight by what lies where they are.

    Args:
        session: the refiner.
    """

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    def refine(self, sight: Sight) -> Sight:
        """The same sight with better points."""
        return sight.moved(self.points([sight])[0])

    def points(self, sights: Sequence[Sight]) -> Array:
        """[N, 478, 3] better points of several faces, in pixels of their cuts; `batched` says how many at once."""
        cuts = np.stack([sight.cut for sight in sights])[:, None]
        points, features = (np.stack([getattr(sight, of) for sight in sights]) for of in ("cut_points", "features"))
        (moved,) = self._session(cuts, points, features)
        return moved


def batched(sights: Sequence[Sight]) -> Iterator[Sequence[Sight]]:
    """The same in their order, `AT_ONCE` at a time, and what is left over one by one.

    Two or three are summed in an order that goes by the number of threads; one and four are not.
    """
    whole = len(sights) // AT_ONCE * AT_ONCE
    for start in range(0, whole, AT_ONCE):
        yield sights[start : start + AT_ONCE]
    for sight in sights[whole:]:
        yield (sight,)


class LandmarkReader:
    """Reads points from a cut.

    Args:
        landmarks: the landmark network.
        refiner: the refiner; without one, points are as the landmark network sees them.
    """

    def __init__(self, landmarks: OnnxSession, refiner: PointRefiner | None = None) -> None:
        self._landmarks, self._refiner = landmarks, refiner

    @classmethod
    def shipped(cls) -> Self:
        """With the networks of the package. Raises `ModelError` when their files were changed."""
        return cls(OnnxSession(card("landmarks-8bit")), PointRefiner(OnnxSession(card("refiner"))))

    def read(self, frame: Frame, to_frame: Array) -> Sight:
        """What lies in the square that `to_frame` [2, 3] (cut of `SIDE` to frame) names."""
        crop = cut(frame, to_frame, SIDE)
        points, presence, features = self._landmarks(crop.pixels[None, None])
        score = min(max(float(presence[0]), 0.0), 1.0)
        in_frame = apply_affine(to_frame, points[0].astype(np.float64))
        sight = Sight(Landmarks(in_frame, score), crop.pixels, to_frame, points[0], features[0])
        return sight if self._refiner is None else self._refiner.refine(sight)

    def follow(self, frame: Frame, points: Array) -> Sight:
        """What lies where a face had its points [478, 3] a moment ago."""
        return self.read(frame, face_square(points, SIDE))

    def meet(self, frame: Frame, detection: Detection) -> Sight | None:
        """The face that was found there, read twice: the finder's square is coarse, the first reading's is exact.

        None when it is no face after all.
        """
        first = self.read(frame, detection_square(detection.box, detection.points, SIDE))
        if first.landmarks.score < _WORTH_A_SECOND_LOOK:
            return None
        second = self.follow(frame, first.landmarks.points)
        return second if second.landmarks.score >= _TRUSTED_TO_START else None
