"""Faces that the compact rig itself made, and a fitter of them."""

from functools import cache

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import rotation_from_angles
from mien.detect.shape import mean_face
from mien.rig.compact import MOVED, compact_model, turn_features
from mien.rig.fit import FitOptions, Fitter

CHECKED = settings(derandomize=True, deadline=None, max_examples=12)
SEEDS = st.integers(0, 10_000)
PLACES = ARKIT.indices(MOVED)
SCALE, MIDDLE = 1500.0, np.array([300.0, 200.0, 0.0])
"""Pixels a metre, and where the head is: the irises are some 95 pixels apart."""

UNBIASED = FitOptions(
    depth=0.3, identity=1e-3, sparsity=1e-3, ease=1e-3, evenness=1e-3, rounds=8, further=6, steps=300, outlier=1.0
)
"""Hardly a wish for usual faces and weak channels, and all the time in the world: then only the truth fits."""


USUAL = FitOptions()


@cache
def fitter(options: FitOptions = USUAL) -> Fitter:
    return Fitter(compact_model(), mean_face().steadiness, options)


def person(rng: np.random.Generator) -> Array:
    """[S] somebody, not too unusual."""
    return np.clip(rng.normal(size=fitter().identities) * 0.7, -2, 2)


def expression(rng: np.random.Generator, channels: int = 4) -> Array:
    """[52] a few channels."""
    weights = np.zeros(len(ARKIT))
    weights[rng.permutation(PLACES)[:channels]] = rng.uniform(0.2, 1, channels)
    return weights


def turned(rng: np.random.Generator, most: float = 0.3) -> Array:
    return rotation_from_angles(*rng.uniform(-most, most, 3))


def face(shape: Array, weights: Array, rotation: Array, scale: float = SCALE, middle: Array = MIDDLE) -> Array:
    """[478, 3] pixels: what a landmark reader would see of somebody, faults of reading turned heads included."""
    model = compact_model()
    points = model.mean + np.tensordot(shape, model.identities, 1)
    points = points + np.tensordot(weights[PLACES], model.expressions, 1)
    points = points + np.tensordot(turn_features(rotation), model.turns, 1)
    return np.asarray(scale * points @ rotation.T + middle)


def made(seed: int) -> tuple[Array, Array, Array, Array]:
    """Shape, weights, rotation, and the landmarks that follow from them."""
    rng = np.random.default_rng(seed)
    shape, weights, rotation = person(rng), expression(rng), turned(rng)
    return shape, weights, rotation, face(shape, weights, rotation)


def surface_error(one: Array, other: Array) -> float:
    """Mean distance in mm between the resting faces of two shapes: shapes themselves may differ where nothing shows."""
    return 1000 * float(np.linalg.norm(np.tensordot(one - other, compact_model().identities, 1), axis=1).mean())


def correlation(one: Array, other: Array) -> float:
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])
