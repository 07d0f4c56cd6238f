"""What is told of a source once it is read: small records, however long it was.

Times are seconds from the source's clock. A long source is told in bins, equal numbers of frames each, by the least,
mean and greatest value in them; a short one has a bin for every frame.
"""

from dataclasses import dataclass

from mien.core.arrays import Array
from mien.core.basis import ARKIT

POSE = ("pitch", "yaw", "roll")
CHANNELS = (*ARKIT.columns, *POSE, "quality")
"""What is followed over time: 52 weights, degrees against the line of sight, and 0 to 1."""

ACTIVE_FROM = 0.2
"""A weight from which a channel counts as active."""


@dataclass(frozen=True, slots=True)
class Blink:
    """One blink: when the lids were closest, how far closed (mean of both `eyeBlink`), and for how long, seconds."""

    time: float
    closure: float
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A moment worth a picture.

    Args:
        name: what happens in it.
        time: when.
        weight: how strongly, or None where that is no question.
        picture: [S, S, 3] uint8, the face.
        points: [478, 2] in pixels of the picture.
        clear: 0 to 1, quality of the reading.
    """

    name: str
    time: float
    weight: float | None
    picture: Array
    points: Array
    clear: float


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Of each of the 52 weights, over the frames in which the face was seen.

    Args:
        mean: [52].
        deviation: [52] standard deviation.
        most: [52] greatest weight.
        most_at: [52] time of it.
        active: [52] share of the frames in which it is `ACTIVE_FROM` or more.
    """

    mean: Array
    deviation: Array
    most: Array
    most_at: Array
    active: Array


@dataclass(frozen=True, slots=True, eq=False)
class FaceDigest:
    """One face.

    Args:
        face: its number.
        frames: in which it was seen.
        first: time of the first of them.
        last: time of the last.
        seen: [B] how many frames of each bin; where 0, the values of the bin are placeholders.
        low: [B, 56] least value of each of `CHANNELS`.
        mean: [B, 56].
        high: [B, 56].
        statistics: of the weights.
        quality: mean, 0 to 1.
        blinks: in their order; None where frames are too few a second to see them.
        blink_rate: blinks per minute in which the face was seen; None likewise, and where it was seen for too short.
        portrait: the clearest moment.
        moments: the strongest ones, by time.
    """

    face: int
    frames: int
    first: float
    last: float
    seen: Array
    low: Array
    mean: Array
    high: Array
    statistics: Statistics
    quality: float
    blinks: tuple[Blink, ...] | None
    blink_rate: float | None
    portrait: Moment
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SourceDigest:
    """One photo or video.

    Args:
        name: as the user gave it.
        size: of the file, bytes; 0 where it is no file.
        width: of the upright picture, pixels.
        height: likewise.
        frames: how many were looked at.
        without_face: in how many of them no face was seen.
        is_video: or else a photo.
        frame_rate: frames a second as the source says, or None.
        starts: [B] time of the first frame of each bin.
        ends: [B] time of the frame after the last.
        counts: [B] frames in each bin.
        faces: those seen longest, by number.
        left_out: how many more were seen.
    """

    name: str
    size: int
    width: int
    height: int
    frames: int
    without_face: int
    is_video: bool
    frame_rate: float | None
    starts: Array
    ends: Array
    counts: Array
    faces: tuple[FaceDigest, ...]
    left_out: int

    @property
    def start(self) -> float:
        """Time of the first frame, 0 without any."""
        return float(self.starts[0]) if len(self.starts) else 0.0

    @property
    def end(self) -> float:
        """Time after the last frame."""
        return float(self.ends[-1]) if len(self.ends) else 0.0

    @property
    def shortened(self) -> int:
        """How many frames a bin has at most: 1 where every frame is told by itself."""
        return int(self.counts.max()) if len(self.counts) else 1
