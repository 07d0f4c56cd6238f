"""Whether something lies before a face: how far its light and dark depart, region by region, from what faces look like.

The luminance at the 478 points, freed of brightness and contrast, is a vector that a dozen directions explain for most
faces, lit from any side. What is left over, how much pattern a region has, and how far it is a mouth's or an eye's at
all, are weighed by a logistic regression that has seen covered faces.
"""

import io
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.errors import ModelError
from mien.core.face import LANDMARKS
from mien.core.points import EYE_LEFT, EYE_RIGHT, OUTER_LIPS
from mien.detect.shape import mean_face
from mien.weights.catalog import card
from mien.weights.store import read_weights

_FAINT = 1.0
"""Grey levels of contrast below which a face is as good as black."""

_REGIONS = (
    (EYE_LEFT, 0.12),
    (EYE_RIGHT, 0.12),
    (OUTER_LIPS, 0.15),
    ((4, 1, 2, 98, 327, 6, 197), 0.15),
    ((152, 175, 199, 148, 377), 0.2),
    ((280, 425, 352), 0.2),
    ((50, 205, 123), 0.2),
    ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276), 0.06),
    ((10, 151, 108, 337), 0.2),
)
"""Left and right eye, mouth, nose, chin, left and right cheek, brows, forehead: the points that on the mean face lie
within so many inter-ocular distances of some."""

FEATURES = 1 + 3 * len(_REGIONS)


@dataclass(frozen=True, slots=True)
class FaceLook:
    """What faces look like at their points.

    Args:
        mean: [478] of `looks_of` many faces.
        directions: [K, 478] orthonormal, along which they differ most.
        spread: [478] deviation of what is left over.
        slopes: [28] what each feature counts.
        usual: the score up to which no cover is guessed.
        strange: the score from which it is certain; above `usual`.
    """

    mean: Array
    directions: Array
    spread: Array
    slopes: Array
    usual: float
    strange: float
    _patterns: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shapes: tuple[tuple[str, tuple[int | None, ...]], ...] = (
            ("mean", (LANDMARKS,)),
            ("directions", (None, LANDMARKS)),
            ("spread", (LANDMARKS,)),
            ("slopes", (FEATURES,)),
        )
        for name, shape in shapes:
            object.__setattr__(self, name, frozen_array(getattr(self, name), name, shape, np.float32))
        if not self.spread.min() > 0:
            raise ValueError("spread must be above 0")
        if not self.usual < self.strange:
            raise ValueError(f"usual must lie below strange, got {self.usual} and {self.strange}")
        member = regions() > 0
        within = np.where(member, self.mean - (regions() @ self.mean)[:, None], 0)
        size = np.maximum(np.linalg.norm(within, axis=1, keepdims=True), 1e-6)
        # A region's points count by 1 / n in its deviation, by 1 in its pattern.
        patterns = within / size / np.sqrt(member.sum(1, keepdims=True))
        object.__setattr__(self, "_patterns", patterns.astype(np.float32))

    def features(self, looks: Array) -> Array:
        """[..., 28] of looks [..., 478]: what is left over in all; in each region what is left over, its pattern's
        likeness to the mean's, -1 to 1, and how much of any pattern it has.
        """
        # A covered region is of one grey: in single precision its deviation would be what rounding leaves.
        looks = looks.astype(np.float64)
        away = looks - self.mean
        rest = ((away - away @ self.directions.T @ self.directions) / self.spread) ** 2
        middle = looks @ regions().T
        deviation = np.sqrt(np.maximum((looks * looks) @ regions().T - middle * middle, 0))
        alike = looks @ self._patterns.T / (deviation + 0.02)
        parts = (
            np.log(np.sqrt(rest.mean(-1, keepdims=True)) + 0.01),
            np.log(np.sqrt(rest @ regions().T) + 0.1),
            alike,
            np.log(deviation + 0.05),
        )
        return np.concatenate(parts, axis=-1)

    def score(self, looks: Array) -> Array:
        """[...] of looks [..., 478]: the higher, the likelier a face is covered."""
        return np.asarray(self.features(looks) @ self.slopes)

    def occlusion(self, cut: Array, points: Array) -> Array:
        """[...] 0 (it looks as faces do) to 1 (covered): a guess, which hard light or make-up can mislead.

        Args:
            cut: [..., 128, 128] luminance of 0 to 255, a face's upright square.
            points: [..., 478, 2 or more] of the face, in pixels of the cut.
        """
        score = self.score(looks_of(cut, points))
        return np.asarray(np.clip((score - self.usual) / (self.strange - self.usual), 0, 1))


@cache
def regions() -> Array:
    """[9, 478] the share that each point has in the mean of each region."""
    points = mean_face().points[:, :2]
    unit = float(np.linalg.norm(points[468] - points[473]))
    away = np.linalg.norm(points[:, None] - points[None], axis=-1) / unit
    member = np.array([away[list(some)].min(0) < reach for some, reach in _REGIONS])
    shares = (member / member.sum(1, keepdims=True)).astype(np.float32)
    shares.flags.writeable = False
    return np.asarray(shares)


def looks_of(cut: Array, points: Array) -> Array:
    """[..., 478] luminance of cuts [..., 128, 128] at a face's points [..., 478, 2 or more], of mean 0 and deviation 1,
    or less when it is as good as black; of half the cut's pixels, so that noise counts less.
    """
    rows = cut[..., ::2, :] + cut[..., 1::2, :]
    half = (rows[..., ::2] + rows[..., 1::2]) / 4
    side = half.shape[-1]
    place = np.clip(points[..., :2] / 2, 0, side - 1).astype(np.intp)
    flat = half.reshape(*half.shape[:-2], side * side)
    light = np.take_along_axis(flat, place[..., 1] * side + place[..., 0], -1)
    return np.asarray((light - light.mean(-1, keepdims=True)) / (light.std(-1, keepdims=True) + _FAINT))


@cache
def usual_look() -> FaceLook:
    """The look that ships with the package. Raises `ModelError` when its file was changed."""
    look = card("face-look")
    with np.load(io.BytesIO(read_weights(look)), allow_pickle=False) as archive:
        try:
            usual, strange = archive["bounds"].tolist()
            mean, directions, spread, slopes = (archive[name] for name in ("mean", "directions", "spread", "slopes"))
            return FaceLook(mean, directions, spread, slopes, usual, strange)
        except (KeyError, ValueError) as error:
            raise ModelError(look.file, "E_MODEL", f"is no face look: {error}", "reinstall mien") from error
