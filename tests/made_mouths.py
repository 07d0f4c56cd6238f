"""Drawn faces whose mouths are shut or open, larger or smaller, turned in the picture."""

import numpy as np
from made_packs import draw_face, moved_face, textured

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.points import INNER_LIPS, LOWER_INNER_LIP, UPPER_INNER_LIP
from mien.imaging.mouth_patch import HEIGHT, WIDTH, MouthPatch, lip_heights


def weights_of(jaw: float) -> Array:
    """[52] of which jawOpen alone is not 0."""
    weights = np.zeros(len(ARKIT), np.float32)
    weights[ARKIT.index("jawOpen")] = jaw
    return weights


def face_points(size: float, centre: tuple[float, float], jaw: float = 0.8, turn: float = 0.0) -> Array:
    """[478, 2] pixels of a face `size` pixels high, its middle at `centre`, turned clockwise by `turn` radians."""
    points = moved_face(weights_of(jaw))[:, :2].copy()
    points *= size / float(np.ptp(points, axis=0).max())
    cos, sin = np.cos(turn), np.sin(turn)
    return np.asarray((points - points.mean(0)) @ np.array([[cos, sin], [-sin, cos]]) + centre)


def shut(points: Array) -> Array:
    """The same face with its lips on one line."""
    closed = points.copy()
    right, left = points[INNER_LIPS[0]], points[INNER_LIPS[len(INNER_LIPS) // 2]]
    axis = (left - right) / np.linalg.norm(left - right)
    ring = list(INNER_LIPS)
    closed[ring] = right + ((points[ring] - right) @ axis)[:, None] * axis
    return closed


def photo(points: Array, width: int, height: int, seed: int = 0) -> Array:
    """[height, width, 3] uint8 of a drawn face before blotches."""
    rng = np.random.default_rng(seed)
    picture = textured(rng, width, height)
    draw_face(picture, points, rng)
    return np.array(picture)


def opened_points(points: Array, gap: float) -> Array:
    """The same face with its lips so many pixels of its mouth's patch apart."""
    wide, patch = points.copy(), MouthPatch.of(points)
    upper, lower = list(UPPER_INNER_LIP[1:-1]), list(LOWER_INNER_LIP[1:-1])
    wide[lower, 1] = points[upper, 1] + gap * patch.scale
    return wide


def opened(points: Array, gap: float) -> MouthPatch:
    """The patch of that face."""
    wide = MouthPatch.of(opened_points(points, gap))
    assert abs(wide.gap - gap) < 0.1 * gap
    return wide


SKIN, UPPER, DARK, LOWER = 180, 235, 15, 215
"""Levels of what `toothy` draws."""


def toothy(patch: MouthPatch, dark: int = DARK, teeth: tuple[float, float] = (0.4, 0.75)) -> Array:
    """[96, 128, 3] uint8: a mouth with teeth above and below, and the dark between them.

    Args:
        patch: its lips.
        dark: level of what lies between the teeth.
        teeth: shares of the opening where upper teeth end and lower ones begin.
    """
    upper, lower = lip_heights(patch.inner, np.arange(WIDTH) + 0.5)
    y = np.arange(HEIGHT)[:, None] + 0.5
    way = (y - upper) / np.maximum(lower - upper, 1e-6)
    inside = np.where(way < teeth[0], UPPER, np.where(way < teeth[1], dark, LOWER))
    grey = np.where((way > 0) & (way < 1) & (lower - upper > 0.5), inside, SKIN)
    return np.repeat(grey[..., None], 3, 2).astype(np.uint8)
