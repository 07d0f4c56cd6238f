"""Names for places among the 478 points: rings, steady points, and the 68 that older tools know.

The numbering is MediaPipe's, whose landmarks the field has settled on; right and left are the subject's.
"""

import numpy as np

from mien.core.arrays import Array

EYE_RIGHT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
"""Ring of the right eye's lids, from the outer corner along the lower lid."""

EYE_LEFT = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
"""Ring of the left eye's lids, from the outer corner along the lower lid."""

INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
"""Ring of the mouth's opening, from its right corner along the lower lip."""

OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
"""Ring of the lips' outer border, from its right corner along the lower lip."""

IRISES_RIGHT, IRISES_LEFT = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)
"""Centre and four border points of each iris."""

BETWEEN_EYES, CHIN = 168, 152
"""Upper and lower end of the line that tells which way is down on a face."""

UPPER_INNER_LIP = (INNER_LIPS[0], *INNER_LIPS[:9:-1])
LOWER_INNER_LIP = INNER_LIPS[:11]
"""The two halves of the mouth's opening, from its right corner to its left: one above the other, point by point."""

UPPER_LIP = (
    UPPER_INNER_LIP,
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (OUTER_LIPS[0], *OUTER_LIPS[:9:-1]),
)
LOWER_LIP = (
    LOWER_INNER_LIP,
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    OUTER_LIPS[:11],
)
"""Rows of each lip, from the mouth's opening to the outer border, point by point beside each other."""

UPPER_LIDS = tuple((eye[0], *eye[:7:-1]) for eye in (EYE_LEFT, EYE_RIGHT))
LOWER_LIDS = tuple(eye[:9] for eye in (EYE_LEFT, EYE_RIGHT))
"""The two lids of the left and the right eye, from the outer corner to the inner, point by point above each other."""

LID_FOLDS = (
    (359, 467, 260, 259, 257, 258, 286, 414, 463),
    (130, 247, 30, 29, 27, 28, 56, 190, 243),
)
"""The next line above each upper lid, left and right, from the outer corner to the inner, point by point above it."""

ABOVE_FOLDS = (
    (342, 445, 444, 443, 442, 441, 413),
    (113, 225, 224, 223, 222, 221, 189),
)
"""The next line above each of these, likewise, without the corners."""

BROWS = (
    ((276, 283, 282, 295, 285), (300, 293, 334, 296, 336)),
    ((46, 53, 52, 65, 55), (70, 63, 105, 66, 107)),
)
"""The lower and the upper border of the left and the right brow, from the outer end to the inner."""

FACE_OVAL = (
    *(10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148),
    *(152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356, 389, 251, 284, 332, 297, 338),
)
"""Ring of the face's border, from the middle of the forehead down its right side."""

STEADY = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 10, 151, 9, 8, 127, 356, 234, 454, 93, 323)
"""Points that expression hardly moves: what two pictures of one face are laid over each other by."""

SPARSE_68 = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
"""The 478 point that stands for each of the 68 points of iBUG's mark-up: jaw, brows, nose, eyes, lips."""


def downwards(flat: Array) -> Array:
    """[2] unit vector from the eyes to the chin of points [478, 2]; 0 where they coincide."""
    way = flat[CHIN] - flat[BETWEEN_EYES]
    return np.asarray(way / max(float(np.linalg.norm(way)), 1e-9))
