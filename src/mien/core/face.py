"""The nouns: what is seen of a face, in one frame and over time.

Everything this field measures is weights over a named basis, so a face at one moment is an `Expression`, a `Pose` and
a `Gaze` (a `FaceState`), who it is is an `Identity`, and a performance is a `Take`. Records are frozen and check
themselves at birth; a leading axis [T] makes a performance of a moment.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import Basis
from mien.core.geometry import turn_to
from mien.core.quality import Quality

LANDMARKS = 478
"""Number of points on a face; 468 and 473 are the centres of the irises."""

IRIS_RIGHT, IRIS_LEFT = 468, 473
"""Centres of the irises, the subject's right and left: their distance in the picture is the unit of every error."""

_PIECE = 1024
"""Frames whose points are checked at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face found in a whole picture.

    Args:
        box: [4] x0, y0, x1, y1 in pixels, tight round the landmarks; it may leave the picture.
        score: 0 to 1, how sure the finder is.
        points: [5, 2] the subject's right and left iris, nose tip, right and left mouth corner, in pixels.
    """

    box: Array
    score: float
    points: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", frozen_array(self.box, "box", (4,)))
        object.__setattr__(self, "points", frozen_array(self.points, "points", (5, 2)))
        if not 0 <= self.score <= 1:
            raise ValueError(f"score must lie in 0..1, got {self.score}")


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The points of one face in the frame it was seen in.

    Args:
        points: [478, 3] x and y in pixels of the frame, z in the same scale, negative towards the camera.
        score: 0 to 1, how sure the network is that this is a face.
    """

    points: Array
    score: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen_array(self.points, "points", (LANDMARKS, 3)))
        if not 0 <= self.score <= 1:
            raise ValueError(f"score must lie in 0..1, got {self.score}")


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """Weights [..., K] over a basis; finite; they may leave the nominal range, as real recordings do."""

    weights: Array
    basis: Basis

    def __post_init__(self) -> None:
        weights = frozen_array(
            self.weights, f"weights over {self.basis.name}", (len(self.basis),), np.float32, leading=True
        )
        object.__setattr__(self, "weights", weights)

    def __getitem__(self, column: str) -> Array:
        """Weights [...] of one named column. Raises `KeyError` for a name the basis does not have."""
        return np.asarray(self.weights[..., self.basis.index(column)])

    def mirrored(self) -> Self:
        """The expression of the face in a mirror: left and right swapped."""
        return type(self)(self.weights[..., self.basis.mirror], self.basis)


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """The head in the camera: x right, y down, z forward.

    Args:
        rotation: [..., 3, 3] from the head's axes to the camera's; the identity looks straight into the camera.
        translation: [..., 3] metres, the middle between the eyes.
    """

    rotation: Array
    translation: Array

    def __post_init__(self) -> None:
        rotation = frozen_array(self.rotation, "rotation", (3, 3), leading=True)
        translation = frozen_array(self.translation, "translation", (3,), leading=True)
        if rotation.shape[:-2] != translation.shape[:-1]:
            raise ValueError(
                f"rotation {list(rotation.shape)} and translation {list(translation.shape)} must share leading axes"
            )
        _check_rotations(rotation, "rotation")
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "translation", translation)

    def facing(self) -> Array:
        """[..., 3, 3] the head against the line of sight: how it looks, whatever its place in the picture and the lens.

        `rotation` is against the camera's axes: a head at the picture's edge that looks into the lens is turned there,
        and how far depends on the focal length.
        """
        return np.asarray(np.swapaxes(turn_to(self.translation), -1, -2) @ self.rotation)


@dataclass(frozen=True, slots=True, eq=False)
class Gaze:
    """Where the eyes look, relative to the head: rotation [..., 2, 3, 3], the subject's left eye first."""

    rotation: Array

    def __post_init__(self) -> None:
        rotation = frozen_array(self.rotation, "rotation", (2, 3, 3), leading=True)
        _check_rotations(rotation, "rotation")
        object.__setattr__(self, "rotation", rotation)


def _check_rotations(rotation: Array, name: str) -> None:
    product = rotation @ np.swapaxes(rotation, -1, -2)
    if rotation.size and (np.abs(product - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation).min() < 0):
        raise ValueError(f"{name} holds a matrix that is no rotation")


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """Who a face is: never changes within a take.

    Args:
        shape: [S] weights over a rig's identity directions; empty when nothing was fitted.
        resting: the expression of the face at rest from which the take's weights count, or None when they are as
            they were read.
    """

    shape: Array = field(default_factory=lambda: np.zeros(0, np.float32))
    resting: Expression | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", frozen_array(self.shape, "shape", (None,), np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class FaceState:
    """What changes from frame to frame: expression, pose and gaze with the same leading axes."""

    expression: Expression
    pose: Pose
    gaze: Gaze

    def __post_init__(self) -> None:
        shapes = (
            self.expression.weights.shape[:-1],
            self.pose.translation.shape[:-1],
            self.gaze.rotation.shape[:-3],
        )
        if len(set(shapes)) != 1:
            raise ValueError(f"expression, pose and gaze must share leading axes, got {[list(s) for s in shapes]}")

    @property
    def leading(self) -> tuple[int, ...]:
        """The leading axes: () for a moment, (T,) for a performance."""
        return self.expression.weights.shape[:-1]


@dataclass(frozen=True, slots=True, eq=False)
class FaceReading:
    """One face in one frame, as capture yields it while a video streams by.

    Args:
        face: its number in the source, from 0; the same face keeps it.
        frame: number of the frame in the source, from 0.
        time: seconds, from the source's clock.
        landmarks: its points in the upright frame, and the score of the landmark network.
        state: expression, pose and gaze, without leading axes.
        quality: 0 to 1, how far the reading can be trusted.
        identity: who it is, as far as the frames until this one tell; without a shape when no rig was fitted.
        trust: what `quality` is the product of, or None where that is not known.
    """

    face: int
    frame: int
    time: float
    landmarks: Landmarks
    state: FaceState
    quality: float
    identity: Identity = Identity()
    trust: Quality | None = None

    def __post_init__(self) -> None:
        if self.state.leading:
            raise ValueError(f"a reading holds one moment, got leading axes {list(self.state.leading)}")
        if self.trust is not None and abs(self.trust.overall - self.quality) > 1e-6:
            raise ValueError(f"quality is {self.quality}, and the product of its parts {self.trust.overall}")

    @property
    def box(self) -> Array:
        """[4] x0, y0, x1, y1 of the points, in pixels."""
        points = self.landmarks.points
        return np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])

    @property
    def size(self) -> float:
        """The longer side of its box, in pixels."""
        box = self.box
        return float((box[2:] - box[:2]).max())


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """One face over time: the noun that every verb reads or writes.

    Frames in which the face was not seen have `valid` False; their other values are placeholders (weights 0, upright
    head, box 0), never NaN.

    Args:
        state: [T].
        times: [T] seconds, from the source's clock, rising.
        frames: [T] numbers of the frames in the source.
        valid: [T] bool, whether the face was seen.
        box: [T, 4] x0, y0, x1, y1 in pixels.
        score: [T] 0 to 1.
        quality: [T] 0 to 1.
        identity: who it is.
        landmarks: [T, 478, 3] in pixels of the upright picture, or None when not kept.
        source: name of the file or stream.
        face: number of the face in the source.
        frame_rate: frames a second, or None for a photo.
        start_timecode: `HH:MM:SS:FF` of the first frame, or None.
    """

    state: FaceState
    times: Array
    frames: Array
    valid: Array
    box: Array
    score: Array
    quality: Array
    identity: Identity = Identity()
    landmarks: Array | None = None
    source: str = ""
    face: int = 0
    frame_rate: float | None = None
    start_timecode: str | None = None

    def __post_init__(self) -> None:
        if len(self.state.leading) != 1:
            raise ValueError(f"a take's state must have one leading axis [T], got {list(self.state.leading)}")
        count = self.state.leading[0]
        checks: tuple[tuple[str, tuple[int, ...], type], ...] = (
            ("times", (count,), np.float64),
            ("frames", (count,), np.int64),
            ("valid", (count,), np.bool_),
            ("box", (count, 4), np.float32),
            ("score", (count,), np.float32),
            ("quality", (count,), np.float32),
        )
        for name, shape, dtype in checks:
            object.__setattr__(self, name, frozen_array(getattr(self, name), name, shape, dtype))
        if self.landmarks is not None:
            shape = (count, LANDMARKS, 3)
            landmarks = frozen_array(self.landmarks, "landmarks", shape, np.float32, finite=False)
            # In pieces: of an hour's points the answers alone would take 150 MB.
            if not all(np.isfinite(landmarks[k : k + _PIECE]).all() for k in range(0, count, _PIECE)):
                raise ValueError("landmarks holds numbers that are not finite")
            object.__setattr__(self, "landmarks", landmarks)
        if count > 1 and not (np.diff(self.times) >= 0).all():
            raise ValueError("times must not run backwards")
        if self.frame_rate is not None and not (np.isfinite(self.frame_rate) and self.frame_rate > 0):
            raise ValueError(f"frame_rate must be above 0, got {self.frame_rate}")

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """What was read from one source.

    Args:
        source: its name.
        width: of the upright picture, pixels.
        height: likewise.
        takes: one per face, by number; empty when no face was seen, which is a result and no error.
        frames: how many frames were looked at.
    """

    source: str
    width: int
    height: int
    takes: tuple[Take, ...]
    frames: int
