"""Whether something lies before a face: how far its light and dark depart from what faces look like.

The luminance at the 478 points, freed of brightness and contrast, is a vector that a dozen directions explain for most
faces, lit from any side. What is left over is large where a hand, hair or a microphone lies before the skin.
"""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.errors import ModelError
from mien.core.face import LANDMARKS
from mien.weights.catalog import card
from mien.weights.store import read_weights

_FAINT = 4.0
"""Grey levels of contrast below which a face is as good as black."""


@dataclass(frozen=True, slots=True)
class FaceLook:
    """What faces look like at their points.

    Args:
        mean: [478] of `looks_of` many faces.
        directions: [K, 478] orthonormal, along which they differ most.
        spread: [478] deviation of what is left over.
        usual: what is left over of nine faces in ten, at most, in deviations.
        strange: what is left over of nine in ten faces that are covered by a fifth or more, at most; above `usual`.
    """

    mean: Array
    directions: Array
    spread: Array
    usual: float
    strange: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", frozen_array(self.mean, "mean", (LANDMARKS,), np.float32))
        object.__setattr__(
            self, "directions", frozen_array(self.directions, "directions", (None, LANDMARKS), np.float32)
        )
        object.__setattr__(self, "spread", frozen_array(self.spread, "spread", (LANDMARKS,), np.float32))
        if not self.spread.min() > 0:
            raise ValueError("spread must be above 0")
        if not 0 < self.usual < self.strange:
            raise ValueError(f"usual must lie between 0 and strange, got {self.usual} and {self.strange}")

    def left_over(self, looks: Array) -> Array:
        """[...] root mean square of what no direction explains of looks [..., 478], in deviations."""
        away = looks - self.mean
        rest = (away - away @ self.directions.T @ self.directions) / self.spread
        return np.asarray(np.sqrt((rest * rest).mean(-1)))

    def occlusion(self, cut: Array, points: Array) -> float:
        """0 (it looks as faces do) to 1 (covered): a guess, which hard light or make-up can mislead.

        Args:
            cut: [128, 128] luminance of 0 to 255, a face's upright square.
            points: [478, 2 or more] of the face, in pixels of the cut.
        """
        left = float(self.left_over(looks_of(cut, points)))
        return min(max((left - self.usual) / (self.strange - self.usual), 0.0), 1.0)


def looks_of(cut: Array, points: Array) -> Array:
    """[478] luminance of a cut [128, 128] at a face's points [478, 2 or more], of mean 0 and deviation 1, or less when
    it is as good as black; of half the cut's pixels, so that noise counts less.
    """
    rows = cut[::2] + cut[1::2]
    half = (rows[:, ::2] + rows[:, 1::2]) / 4
    side = len(half)
    across, down = np.clip(points[:, :2].T / 2, 0, side - 1).astype(np.intp)
    light = half[down, across]
    return np.asarray((light - light.mean()) / (light.std() + _FAINT))


@cache
def usual_look() -> FaceLook:
    """The look that ships with the package. Raises `ModelError` when its file was changed."""
    look = card("face-look")
    with np.load(io.BytesIO(read_weights(look)), allow_pickle=False) as archive:
        try:
            usual, strange = archive["bounds"].tolist()
            return FaceLook(archive["mean"], archive["directions"], archive["spread"], usual, strange)
        except (KeyError, ValueError) as error:
            raise ModelError(look.file, "E_MODEL", f"is no face look: {error}", "reinstall mien") from error
