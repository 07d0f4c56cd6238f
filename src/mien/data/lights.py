"""What light leaves of a surface's colours: several models, so that a network can be tested under one it never saw."""

from typing import Protocol

import numpy as np

from mien.core.arrays import Array

_TO_CAMERA = np.array([0.0, 0.0, -1.0])


class Light(Protocol):
    """A way to light a face."""

    def __call__(self, rng: np.random.Generator, vertices: Array, normals: Array) -> tuple[Array, Array]:
        """What colours are multiplied by, and what is added to them (of 0 to 255), each [V, 3].

        Args:
            rng: where chance comes from.
            vertices: [V, 3] metres in the camera's axes, 0 between the eyes.
            normals: [V, 3] unit, away from the head.
        """
        ...


def lamps(rng: np.random.Generator, vertices: Array, normals: Array) -> tuple[Array, Array]:
    """Light from all around, and from one or two far lamps, tinted (J. H. Lambert's law)."""
    light = np.full_like(vertices, rng.uniform(0.35, 0.8))
    for _ in range(int(rng.integers(1, 3))):
        way = np.array([rng.normal() * 0.9, rng.normal() * 0.6 - 0.3, -1.0])
        tint = 1 + rng.normal(size=3) * 0.06
        light += _facing(normals, way)[:, None] * rng.uniform(0.1, 0.6) * tint
    return light, np.zeros_like(vertices)


def gleaming(rng: np.random.Generator, vertices: Array, normals: Array) -> tuple[Array, Array]:
    """As `lamps`, and they shine on skin and eyes, from hardly to greasily (B. T. Phong, 1975)."""
    light = np.full_like(vertices, rng.uniform(0.35, 0.8))
    shine = np.zeros_like(vertices)
    gloss, sharp = rng.uniform(0, 80), np.exp(rng.uniform(np.log(2), np.log(16)))
    for _ in range(int(rng.integers(1, 3))):
        way = np.array([rng.normal() * 0.9, rng.normal() * 0.6 - 0.3, -1.0])
        facing = _facing(normals, way)[:, None]
        strength, tint = rng.uniform(0.1, 0.6), 1 + rng.normal(size=3) * 0.06
        light += facing * strength * tint
        thrown = 2 * facing * normals - way / np.linalg.norm(way)
        shine += gloss * np.clip(thrown @ _TO_CAMERA, 0, None)[:, None] ** sharp * strength * tint * (facing > 0)
    return light, shine


def soft(rng: np.random.Generator, vertices: Array, normals: Array) -> tuple[Array, Array]:
    """A studio: much light from all around, little from one side."""
    way = np.array([rng.normal() * 0.9, rng.normal() * 0.6 - 0.3, -1.0])
    tint = 1 + rng.normal(size=3) * 0.06
    return 0.85 + _facing(normals, way)[:, None] * 0.15 * tint, np.zeros_like(vertices)


def harmonics(rng: np.random.Generator, vertices: Array, normals: Array) -> tuple[Array, Array]:
    """A whole surrounding, as the nine lowest spherical harmonics (R. Ramamoorthi and P. Hanrahan, 2001)."""
    x, y, z = normals.T
    waves = np.stack([np.ones_like(x), x, y, z, x * y, y * z, z * x, 3 * z * z - 1, x * x - y * y], 1)
    spread = np.array([0, 0.28, 0.2, 0.22, 0.08, 0.08, 0.08, 0.05, 0.08])
    grey = rng.normal(size=9) * spread
    grey[0] = rng.uniform(0.55, 1.0)
    grey[2:4] -= (0.08, 0.1)  # light mostly comes from above and from the camera's side
    tint = rng.normal(size=(9, 3)) * spread[:, None] * 0.25
    return np.clip(waves @ (grey[:, None] + tint), 0.05, 1.6), np.zeros_like(vertices)


def near_lamps(rng: np.random.Generator, vertices: Array, normals: Array) -> tuple[Array, Array]:
    """One to three lamps within reach, which fade with distance and shine on the skin (J. F. Blinn, 1977)."""
    light = np.full_like(vertices, rng.uniform(0.2, 0.5))
    shine = np.zeros_like(vertices)
    gloss, sharp = rng.uniform(10, 70), rng.uniform(8, 40)
    for _ in range(int(rng.integers(1, 4))):
        lamp = np.array([rng.normal() * 0.4, rng.normal() * 0.3 - 0.15, -rng.uniform(0.25, 0.9)])
        ray = lamp - vertices
        distance = np.linalg.norm(ray, axis=1, keepdims=True)
        strength = rng.uniform(0.25, 0.8) * (np.linalg.norm(lamp) / distance) ** 2
        tint = 1 + rng.normal(size=3) * 0.08
        ray = ray / distance
        facing = np.clip((normals * ray).sum(1, keepdims=True), 0, None)
        light += facing * strength * tint
        half = ray + _TO_CAMERA
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        shine += gloss * np.clip((normals * half).sum(1, keepdims=True), 0, None) ** sharp * strength * (facing > 0)
    return light, shine


def _facing(normals: Array, way: Array) -> Array:
    """[V] cosine between normals and the way to a far lamp, 0 on the far side."""
    return np.asarray(np.clip(normals @ (way / np.linalg.norm(way)), 0, None))
