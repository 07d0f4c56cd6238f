"""What a rig learned from photos says of faces whose brows move, without the head that turned along with them.

People who raise their brows lift their heads, and points are aligned by a face of which the brows are a part: so what
photos teach of brows moves noses and mouths, too. Asked for alone, brows must not make a nose longer.
"""

from functools import cache

import numpy as np

from mien.core.arrays import Array
from mien.core.geometry import fit_similarity
from mien.core.points import EYE_LEFT, EYE_RIGHT, LOWER_LIDS
from mien.rig.compact import MOVED, CompactModel

_RISES = 0.017
"""Metres above the middle of the eyes' corners from which on skin goes all the way with the brows; below, it fades."""

_EYES_COUNT = 10.0
"""How many other points one of the lower lids counts for: brows are seen by how far they are from the eyes."""

_CORNERS = [*EYE_RIGHT[::8], *EYE_LEFT[::8]]
_BROWS = [k for k, column in enumerate(MOVED) if column.startswith("brow")]


@cache
def steadied(model: CompactModel) -> Array:
    """[51, 478, 3] a rig's expressions, of which those of brows leave the eyes and all below where they are.

    From each the similarity is taken back that explains most of what it does there; what is left fades.

    Args:
        model: the compact rig.
    """
    mean, expressions = model.mean.astype(np.float64), model.expressions.astype(np.float64)
    above = (mean[_CORNERS, 1].mean() - mean[:, 1]) / _RISES
    count = np.where(above <= 0, 1.0, 0.0)
    count[[k for lid in LOWER_LIDS for k in lid]] = _EYES_COUNT
    rising = np.clip(above, 0, 1)
    share = rising * rising * (3 - 2 * rising)
    for k in _BROWS:
        moved = mean + expressions[k]
        back = fit_similarity(moved, mean, count)
        expressions[k] = share[:, None] * (back.scale * moved @ back.rotation.T + back.translation - mean)
    expressions.setflags(write=False)
    return expressions
