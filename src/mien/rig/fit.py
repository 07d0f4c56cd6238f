"""Landmarks explained by the compact rig: who it is, what the face does, and where the head is.

The head is a scaled rotation of the rig (weak perspective), laid over the points in closed form. With the head taken
away, identity and expression are one bounded least-squares problem, small because everything that does not change from
frame to frame was multiplied out before:

    min_{s, w}  |D^(1/2) (y - B s - E w)|² + λ_s |s|² + λ_1 Σ w + λ_2 |w|²,    0 ≤ w ≤ 1

where y are the points in the head's axes less the mean face, B and E the directions of identity and expression, and D
what each point is worth. Where a network read weights w' off the picture, λ_e |w - w'|² stands for the last two terms:
what the points leave open is then as the picture has it. What a small motion of the head would do to y is free, too:
else the head, laid over the last face, would hold back the next. Points that fit badly are pulled in (P. J. Huber's
modified residuals), so the products stay valid. The two steps alternate. Our own.
"""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS
from mien.core.geometry import Similarity, fit_similarity
from mien.rig.compact import MOVED, CompactModel, turn_features

_PLACES = ARKIT.indices(MOVED)
_STEEPEST = 0.6
"""Sine of the turn beyond which nothing was learned of what turning does to landmarks."""


def _uneven() -> Array:
    """[51, 51] whose quadratic form is the sum of squared differences between both sides."""
    uneven = np.zeros((len(MOVED), len(MOVED)))
    for action in ARKIT.actions:
        if len(action) == 2 and set(action) <= set(MOVED) and not action[0].startswith("eyeLook"):
            apart = np.array([(column == action[0]) - float(column == action[1]) for column in MOVED])
            uneven += np.outer(apart, apart)
    return uneven


_UNEVEN = _uneven()


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How a fit weighs what it sees against what it expects. Chosen on validation faces."""

    deviation: float = 4e-5
    """Metres, times the root of the number of coordinates: how closely the points are followed."""
    identity: float = 1.0
    """Weight of the wish for a usual face."""
    sparsity: float = 2.0
    """Weight of the wish for few channels."""
    ease: float = 10.0
    """Weight of the wish for weak channels."""
    evenness: float = 12.0
    """Weight of the wish that both sides do the same, but for where the eyes look."""
    belief: float = 1000.0
    """Weight of what another reading expects, where there is one; it then stands for sparsity, ease and evenness.

    Chosen on validation faces: 300 agrees a little better with the teacher on photos (.868 to .864; the expression
    network alone .852) and a little worse with the truth of renders (.630 to .635; alone .627).
    """
    depth: float = 0.1
    """What the depth of a point is worth beside its place in the picture."""
    outlier: float = 0.004
    """Metres beyond which a point that fits badly counts no more."""
    rounds: int = 4
    """Alternations of head and face for a face that is new."""
    further: int = 2
    """Alternations for a face that starts from the frame before."""
    steps: int = 40
    """Steps of the bounded least squares in each alternation."""
    memory: int = 100
    """Frames after which an identity changes no faster."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceFit:
    """One face, explained.

    Args:
        shape: [S] identity weights, standard deviations.
        weights: [52] ARKit's, 0 to 1; absent columns 0.
        head: pixels = scale * rotation @ metres + translation.
        points: [478, 3] the landmarks as the rig has them, pixels.
        residual: mean distance of points in the picture, % of the inter-ocular distance.
    """

    shape: Array
    weights: Array
    head: Similarity
    points: Array
    residual: float


class Fitter:
    """Fits the compact rig to landmarks. Holds what is the same for every face; has no memory of any.

    Args:
        model: the compact rig.
        steadiness: [478] what each point is worth for the first guess of the head's place.
        options: how to weigh.
    """

    def __init__(self, model: CompactModel, steadiness: Array, options: FitOptions = FitOptions()) -> None:
        self.options = options
        self._mean = model.mean.astype(np.float64)
        self._identities = model.identities.reshape(len(model.identities), -1).astype(np.float64)
        self._expressions = model.expressions.reshape(len(MOVED), -1).astype(np.float64)
        self._turns = model.turns.astype(np.float64)
        self._steadiness = steadiness
        self._worth = np.ones(LANDMARKS)
        self._worth[468:] = 0.2  # the irises go where the gaze goes, not where the head does
        each = np.ones((LANDMARKS, 3))
        each[:, 2] = options.depth
        weigh = each.ravel() / options.deviation**2 / (2 * LANDMARKS)
        heads = _head_motions(self._mean)
        count, free = len(self._identities), np.zeros(len(heads))
        everything = np.concatenate([self._identities, heads])
        wish = np.concatenate([np.full(count, options.identity), free])
        self._unknown = _Weights(self._expressions, everything, wish, weigh, options)
        self._known = _Weights(self._expressions, heads, free, weigh, options)
        self._to_shape = self._unknown.others[:count]

    @property
    def reading(self) -> Array:
        """[51, 1434] what points a little elsewhere, in metres of the head's axes, would add to weights without bounds.

        Of a face whose identity is found, too; the linear part of `fit`.
        """
        return self._unknown.reading

    @property
    def identities(self) -> int:
        """Number of identity weights."""
        return len(self._identities)

    def fit(
        self,
        points: Array,
        shape: Array | None = None,
        start: Array | None = None,
        expected: Array | None = None,
    ) -> FaceFit:
        """Explains landmarks [478, 3] in pixels.

        Args:
            points: x and y in pixels, z in the same scale.
            shape: [S] the identity where it is known, else it is found, too.
            start: [52] weights to start from, those of the frame before.
            expected: [52] weights that another reading of the face gave: what points leave open is as it says.
        """
        hoped = None if expected is None else np.asarray(expected[_PLACES], np.float64)
        weights = np.zeros(len(MOVED)) if start is None else np.asarray(start[_PLACES], np.float64)
        person = np.zeros(self.identities) if shape is None else np.asarray(shape, np.float64)
        first = start is None or shape is None
        turned = np.zeros((LANDMARKS, 3))
        face = self._face(person, weights)
        for round_ in range(self.options.rounds if first else self.options.further):
            worth = self._steadiness if first and round_ == 0 else self._worth
            head = fit_similarity(face + turned, points, worth)
            turned = self._turned(head)
            seen = (points - head.translation) @ head.rotation / head.scale - turned
            seen = self._tamed(seen, face) if not first or round_ else seen
            offset = (seen - self._mean).ravel()
            if shape is None:
                weights = self._unknown.solve(offset, weights, hoped)
                person = self._to_shape @ (offset - weights @ self._expressions)
            else:
                weights = self._known.solve(offset - person @ self._identities, weights, hoped)
            face = self._face(person, weights)
        head = fit_similarity(face + turned, points, self._worth)
        laid = head.scale * (face + turned) @ head.rotation.T + head.translation
        whole = np.zeros(len(ARKIT), np.float32)
        whole[_PLACES] = weights
        return FaceFit(person, whole, head, laid, residual(laid, points))

    def as_read(self, points: Array) -> Array:
        """Where a reader sees what lies at `points` [478, 3], pixels: when a head turns, read points do more."""
        head = fit_similarity(self._mean, points, self._steadiness)
        return np.asarray(points + head.scale * self._turned(head) @ head.rotation.T)

    def person(self, fit: FaceFit, points: Array) -> Array:
        """[S] the identity that would explain what a fit's expression leaves of `points` [478, 3]."""
        head = fit.head
        seen = (points - head.translation) @ head.rotation / head.scale - self._turned(head)
        seen = self._tamed(seen, self._face(fit.shape, fit.weights[_PLACES]))
        offset = (seen - self._mean).ravel() - fit.weights[_PLACES] @ self._expressions
        return np.asarray(self._to_shape @ offset)

    def _face(self, person: Array, weights: Array) -> Array:
        offset = person @ self._identities + weights @ self._expressions
        return np.asarray(self._mean + offset.reshape(LANDMARKS, 3))

    def _turned(self, head: Similarity) -> Array:
        features = np.clip(turn_features(head.rotation), -_STEEPEST, _STEEPEST)
        return np.asarray(np.tensordot(features, self._turns, 1))

    def _tamed(self, seen: Array, face: Array) -> Array:
        """Points no farther from where they are expected than an outlier may be."""
        away = seen - face
        distance = np.sqrt((away[:, :2] ** 2).sum(1))
        far = np.minimum(1.0, self.options.outlier / np.maximum(distance, 1e-12))
        return np.asarray(face + away * far[:, None])


def _head_motions(mean: Array) -> Array:
    """[7, 1434] what points do when a head moves a little to each side, turns about each axis, and comes nearer."""
    sides = np.broadcast_to(np.eye(3)[:, None], (3, *mean.shape))
    about = mean - mean.mean(0)
    turns = np.cross(np.eye(3)[:, None], about)
    return np.concatenate([sides, turns, about[None]]).reshape(7, -1)


class _Weights:
    """The problem in the weights alone: what else moves the points was multiplied out.

    Args:
        expressions: [K, 1434] directions of the weights.
        others: [N, 1434] of everything else.
        wish: [N] what each of those costs, squared.
        weigh: [1434] what each coordinate is worth.
        options: how much weights cost, and how many steps are made.

    Attributes:
        others: [N, 1434] what gives each of the others, of an offset that no weight explains.
        reading: [K, 1434] what gives each weight, of an offset, if none had bounds.
    """

    def __init__(self, expressions: Array, others: Array, wish: Array, weigh: Array, options: FitOptions) -> None:
        seen = expressions * weigh
        shared = seen @ others.T
        inverse = np.linalg.inv(others * weigh @ others.T + np.diag(wish))
        self.others = inverse @ (others * weigh)
        self._seen = seen - shared @ self.others
        self._sparsity = options.sparsity
        self._belief = options.belief
        gram = seen @ expressions.T - shared @ inverse @ shared.T
        eased = gram + options.ease * np.eye(len(expressions)) + options.evenness * _UNEVEN
        self.reading = np.linalg.solve(eased, self._seen)
        self._bounded = _Bounded(eased, options.steps)
        self._hoping = _Bounded(gram + options.belief * np.eye(len(expressions)), options.steps)

    def solve(self, offset: Array, start: Array, expected: Array | None = None) -> Array:
        """[K] the weights that explain `offset` [1434] best, from `start` [K], and near `expected` [K] if given."""
        pull = self._seen @ offset
        if expected is None:
            return self._bounded.solve(pull - self._sparsity, start)
        return self._hoping.solve(pull + self._belief * expected, start)


class _Bounded:
    """min ½ wᵀ Q w - pᵀ w over 0 ≤ w ≤ 1, by accelerated projected gradients (A. Beck and M. Teboulle, 2009).

    Args:
        gram: [K, K] Q, positive definite.
        steps: how many.
    """

    def __init__(self, gram: Array, steps: int) -> None:
        # In units in which every channel is as stiff as the others, fewer steps are needed.
        self._unit = 1 / np.sqrt(np.diag(gram))
        scaled = gram * self._unit[:, None] * self._unit
        self._steps = steps
        self._length = 1 / float(np.linalg.eigvalsh(scaled)[-1])
        self._move = np.eye(len(gram)) - self._length * scaled
        self._most = 1 / self._unit

    def solve(self, pull: Array, start: Array) -> Array:
        """[K] the minimiser for p = `pull` [K], from `start` [K]."""
        push = self._length * self._unit * pull
        now = ahead = start * self._most
        pace = 1.0
        for _ in range(self._steps):
            after = np.minimum(np.maximum(self._move @ ahead + push, 0.0), self._most)
            if (ahead - after) @ (after - now) > 0:  # it overshoots: take a fresh run
                pace = 1.0
            faster = (1 + np.sqrt(1 + 4 * pace * pace)) / 2
            ahead = after + (pace - 1) / faster * (after - now)
            now, pace = after, faster
        return np.asarray(now * self._unit)


def residual(fitted: Array, points: Array) -> float:
    """Mean distance in the picture of points [478, 2 or more], % of the inter-ocular distance of `points`."""
    unit = float(np.linalg.norm(points[IRIS_RIGHT, :2] - points[IRIS_LEFT, :2]))
    return 100 * float(np.linalg.norm((fitted - points)[:, :2], axis=1).mean()) / max(unit, 1e-9)


class TakeFitter:
    """Follows one face: its identity settles over the frames, each frame starts from the last.

    Args:
        fitter: what fits.
    """

    def __init__(self, fitter: Fitter) -> None:
        self._fitter = fitter
        self._shape: Array | None = None
        self._weights: Array | None = None
        self._frames = 0

    @property
    def shape(self) -> Array:
        """[S] the identity so far; empty before the first frame."""
        return np.zeros(0) if self._shape is None else self._shape

    def see(self, points: Array, expected: Array | None = None) -> FaceFit:
        """The next frame's landmarks [478, 3], explained by the identity so far, which learns from it.

        `expected` as of `Fitter.fit`.
        """
        fit = self._fitter.fit(points, self._shape, self._weights, expected)
        self._weights = fit.weights
        self._frames += 1
        if self._shape is None:
            self._shape = fit.shape
        else:
            step = 1 / min(self._frames, self._fitter.options.memory)
            self._shape = self._shape + step * (self._fitter.person(fit, points) - self._shape)
        return fit


def fit_take(fitter: Fitter, landmarks: Array) -> tuple[Array, tuple[FaceFit, ...]]:
    """A whole performance under one identity: [S] its weights, and a fit for every frame of landmarks [T, 478, 3].

    Twice over: the first pass finds out who it is, the second keeps to it.
    """
    first = TakeFitter(fitter)
    for points in landmarks:
        first.see(points)
    fits: list[FaceFit] = []
    for points in landmarks:
        fits.append(fitter.fit(points, first.shape, fits[-1].weights if fits else None))
    return first.shape, tuple(fits)
