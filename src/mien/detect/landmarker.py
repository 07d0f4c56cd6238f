"""What capture needs of whoever reads faces, and mien's own: others may stand in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from mien.core.arrays import Array
from mien.core.face import Detection, Expression, Landmarks
from mien.core.image import Frame
from mien.detect.expression import ExpressionReader
from mien.detect.faces import FaceFinder
from mien.detect.landmarks import LandmarkReader, PointRefiner
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card


class Seen(Protocol):
    """What a reader saw of one face in one frame: its points, and what else its own kind understands."""

    @property
    def landmarks(self) -> Landmarks:
        """In pixels of the frame."""
        ...

    @property
    def cut(self) -> Array:
        """[128, 128] float32 luminance of 0 to 255, the face upright, by which it is known again."""
        ...

    @property
    def cut_points(self) -> Array:
        """[478, 3] the points in pixels of the cut."""
        ...


class FindsFaces(Protocol):
    """Finds the faces of whole pictures."""

    def find(self, frame: Frame, glance: bool = False) -> list[Detection]:
        """The faces of `frame`, largest first; at a glance, if that is quicker."""
        ...


class ReadsPoints(Protocol):
    """Reads the points of a face whose place is known."""

    def meet(self, frame: Frame, detection: Detection) -> Seen | None:
        """The face that was found there, or None when it is none after all."""
        ...

    def follow(self, frame: Frame, points: Array) -> Seen:
        """The face that had its points [478, 3] there a moment ago, if it still is; the score tells."""
        ...


class ReadsExpression(Protocol):
    """Reads what faces express."""

    def read_all(self, sights: Sequence[Any]) -> Sequence[tuple[Expression, Seen]]:
        """ARKit weights of what the points' reader of the same kind saw, and the same with better points, if any."""
        ...


@dataclass(frozen=True, slots=True)
class Landmarker:
    """The three that read faces together: each understands what the one before it gives."""

    finder: FindsFaces
    reader: ReadsPoints
    expression: ReadsExpression

    @classmethod
    def shipped(cls, least_score: float, threads: int) -> Self:
        """mien's own networks.

        Args:
            least_score: how sure the finder must be.
            threads: how many work on the finder.

        Raises:
            ModelError: a weight file is missing or was changed.
        """
        return cls(
            FaceFinder(OnnxSession(card("finder"), threads=threads), least_score),
            LandmarkReader(OnnxSession(card("landmarks-8bit"))),
            ExpressionReader(OnnxSession(card("lgml")), PointRefiner(OnnxSession(card("refiner")))),
        )
