"""Mouths that are wide open, lit as the inside of a mouth is: few photos show one sharply, a rig does.

Teeth, gums and tongue come from the rig, the skin round them from photos. Light fades on its way in, so that front
teeth are bright, the tongue is dim and the throat is black.
"""

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.rig.ict_files import Region

_JAW = 0.25, 1.0
"""How far jaws are open."""

_BESIDE = (
    (("mouthSmileLeft", "mouthSmileRight"), 0.35, 0.8),
    (("mouthUpperUpLeft", "mouthUpperUpRight"), 0.4, 0.7),
    (("mouthLowerDownLeft", "mouthLowerDownRight"), 0.4, 0.7),
    (("mouthStretchLeft", "mouthStretchRight"), 0.2, 0.6),
    (("mouthFrownLeft", "mouthFrownRight"), 0.15, 0.5),
    (("mouthFunnel",), 0.2, 0.6),
    (("mouthPucker",), 0.15, 0.4),
    (("jawLeft",), 0.1, 0.4),
)
"""What else a mouth may do: which channels, in which share of the faces, and how strongly at most."""

_UNEVEN = 0.8, 1.2
"""By how much the sides differ."""

_TEETH, _TONGUE = np.array([1.0, 0.965, 0.88]), np.array([0.98, 0.5, 0.475])
"""Colours beside the skin's brightness."""

_ENAMEL, _PALEST = (1.0, 1.4), (120.0, 225.0)
"""Teeth beside the skin; they are never darker nor lighter than this, 0 to 255, for teeth hardly differ between
people."""

_FLESH = 80.0, 180.0
"""Likewise of the tongue and the gums."""

_BEGINS, _FADES = (0.01, 0.018), (0.025, 0.09)
"""Metres behind the lips from which light fades, and over which it falls to a third."""

_GLOSS, _SHARP = (10.0, 90.0), (20.0, 60.0)
"""How brightly what is wet shines, 0 to 255, and how small the spot is (J. F. Blinn, 1977)."""


def gaping(rng: np.random.Generator) -> Array:
    """[52] ARKit weights of an open mouth, and of what mouths do beside that."""
    weights = np.zeros(len(ARKIT), np.float32)
    weights[ARKIT.index("jawOpen")] = rng.uniform(*_JAW)
    for names, often, most in _BESIDE:
        if rng.random() < often:
            weights[ARKIT.indices(names)] = rng.uniform(0.1, most) * rng.uniform(*_UNEVEN, len(names))
    if rng.random() < 0.5:
        weights = weights[ARKIT.mirror]
    return np.clip(weights, 0, 1)


class Insides:
    """The insides of mouths of one rig, of which it may lack some.

    Args:
        regions: of the rig.
    """

    def __init__(self, regions: tuple[Region, ...]) -> None:
        def vertices(name: str) -> Array:
            """Their numbers."""
            spans = [np.arange(region.start, region.stop) for region in regions if region.name == name]
            return np.concatenate([np.zeros(0, np.intp), *spans])

        self._skin, self._teeth = vertices("face"), vertices("teeth")
        self._tongue, self._socket = vertices("gums_tongue"), vertices("mouth_socket")
        self._all = np.concatenate([self._teeth, self._tongue, self._socket])

    def coloured(self, rng: np.random.Generator, colours: Array) -> Array:
        """Colours [V, 3] of 0 to 255 with teeth, gums and tongue as they are beside that skin."""
        skin = float(np.median(colours[self._skin], 0).mean())
        flesh = float(np.clip(skin, *_FLESH)) * rng.uniform(1.1, 1.7) * _TONGUE * (1 + rng.normal(size=3) * 0.05)
        coloured = colours.copy()
        enamel = float(np.clip(skin * rng.uniform(*_ENAMEL), *_PALEST)) * _TEETH * (1 + rng.normal(size=3) * 0.025)
        coloured[self._teeth] = enamel
        coloured[self._tongue], coloured[self._socket] = flesh, flesh / 2
        return coloured

    def reached(self, rng: np.random.Generator, vertices: Array, lips: Array) -> Array:
        """[V, 1] the share of the light that comes to vertices [V, 3], metres, behind lips [N, 3]."""
        inside = vertices[self._all]
        behind = np.clip(inside[:, 2] - lips[:, 2].min() - rng.uniform(*_BEGINS), 0, None)
        middle, half = lips.mean(0), np.ptp(lips, axis=0) / 2 + 1e-4
        aside = np.hypot(*((inside - middle) / half).T[:2])
        narrowed = 1 + 0.3 * np.clip(aside - 0.5, 0, 2)  # less comes to what lies behind a cheek
        share = np.ones((len(vertices), 1))
        share[self._all, 0] = np.clip(np.exp(-behind / rng.uniform(*_FADES) * narrowed), 0.02, 1)
        return share

    def shine(self, rng: np.random.Generator, normals: Array) -> Array:
        """[V, 1] what is added to the brightness of what is wet, by the way that it faces, [V, 3]."""
        lamp = np.array([rng.normal() * 0.4, rng.normal() * 0.3 - 0.5, -1.0])
        half = lamp / np.linalg.norm(lamp) + [0, 0, -1]
        facing = np.clip(normals[self._all] @ (half / np.linalg.norm(half)), 0, None)
        shine = np.zeros((len(normals), 1))
        shine[self._all, 0] = facing ** rng.uniform(*_SHARP) * rng.uniform(*_GLOSS)
        return shine
