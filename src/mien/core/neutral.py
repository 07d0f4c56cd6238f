"""From which resting face weights count: what a user names, and what became of it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.calm import calm_frames, trusted_frames
from mien.core.errors import UsageError
from mien.core.face import Expression, FaceReading, Take
from mien.core.resting import calibrated, resting_expression

NONE, AUTO = "none", "auto"


@dataclass(frozen=True, slots=True)
class Neutral:
    """The resting face that weights count from: none, of every face its own calm frames', or one person's.

    Args:
        file: a photo, video or take of a resting face, or None.
        is_auto: whether each face counts from its own calm frames.
        weights: [52] of one person's resting face, once they are known.
    """

    file: Path | None = None
    is_auto: bool = False
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.weights is not None and len(self.weights) != len(ARKIT):
            raise ValueError(f"a resting face has {len(ARKIT)} weights, got {len(self.weights)}")
        if self.is_auto and not (self.file is None and self.weights is None):
            raise ValueError("each face's own resting face is in no file")

    @classmethod
    def parse(cls, text: str) -> Self:
        """`none`, `auto`, or a file's path. Raises `UsageError` for an empty one."""
        if not text:
            raise UsageError(
                "--neutral", "E_USAGE", "names no resting face", "name a photo, video or take, or say auto"
            )
        return cls() if text == NONE else cls(is_auto=True) if text == AUTO else cls(Path(text))

    @classmethod
    def of(cls, resting: Expression, file: Path | None = None) -> Self:
        """One person's known resting face, over `ARKIT`."""
        return cls(file, weights=tuple(resting_expression(resting.weights).weights.tolist()))

    @property
    def asked(self) -> bool:
        """Whether weights count from any resting face."""
        return self != type(self)()

    @property
    def resting(self) -> Expression | None:
        """One person's resting face, where it is known."""
        return None if self.weights is None else resting_expression(np.array(self.weights))

    def __str__(self) -> str:
        named = AUTO if self.is_auto else "" if self.file is None else str(self.file)
        known = "" if self.weights is None else hashlib.sha256(np.array(self.weights, "<f4").tobytes()).hexdigest()[:16]
        return " ".join(filter(None, (named, known))) or NONE


class FaceWeights:
    """The weights of a stream, face by face: 52 numbers, a time and a quality of each reading are kept, no more."""

    def __init__(self) -> None:
        self._times: dict[int, list[float]] = {}
        self._weights: dict[int, list[Array]] = {}
        self._quality: dict[int, list[float]] = {}

    def add(self, readings: Iterable[FaceReading]) -> None:
        """Those of one frame."""
        for reading in readings:
            self._times.setdefault(reading.face, []).append(reading.time)
            self._weights.setdefault(reading.face, []).append(reading.state.expression.weights)
            self._quality.setdefault(reading.face, []).append(reading.quality)

    def calm_faces(self) -> dict[int, Expression | None]:
        """The resting face of each, by its own calm frames."""
        return {
            face: calm_face(np.array(self._times[face]), np.array(weights), np.array(self._quality[face]))
            for face, weights in self._weights.items()
        }

    def most_seen(self) -> Expression | None:
        """The middle of the face that is in most frames, all of which show it at rest; None when there is none."""
        if not self._weights:
            return None
        face = max(self._weights, key=lambda each: len(self._weights[each]))
        return resting_face(np.array(self._weights[face]), np.array(self._quality[face]))


def resting_face(weights: Array, quality: Array) -> Expression | None:
    """The middle of a face's trusted frames, weights [T, 52] and quality [T], that all show it at rest."""
    good = trusted_frames(quality)
    return resting_expression(np.median(weights[good], 0)) if good.any() else None


def calm_face(times: Array, weights: Array, quality: Array) -> Expression | None:
    """The middle of a face's calm frames, as for `calm_frames`; None when there are too few to tell."""
    calm = calm_frames(times, weights, quality)
    return None if calm is None else resting_expression(np.median(weights[calm], 0))


def self_calibrated(take: Take) -> Take:
    """A take whose weights count from its own calm frames; as it is when there are too few to tell."""
    seen = take.valid
    resting = calm_face(take.times[seen], take.state.expression.weights[seen], take.quality[seen])
    return take if resting is None else calibrated_take(take, resting)


def calibrated_take(take: Take, resting: Expression) -> Take:
    """A take whose weights count from `resting`, which its identity keeps.

    Raises:
        UsageError: E_BASIS, its weights are not ARKit's; E_USAGE, they count from a resting face already.
    """
    if take.state.expression.basis != ARKIT:
        name = take.state.expression.basis.name
        raise UsageError(take.source or "take", "E_BASIS", f"calibration needs arkit weights, got {name}", "convert it")
    if take.identity.resting is not None:
        raise UsageError(take.source or "take", "E_USAGE", "counts from a resting face already")
    expression = calibrated(take.state.expression, resting)
    identity = replace(take.identity, resting=resting)
    return replace(take, state=replace(take.state, expression=expression), identity=identity)
