"""A made head on which the 478 points have known places, and photos' labels that known directions made."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np
from made_ict import made_ict
from made_packs import mirror

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import rotation_from_angles
from mien.core.points import SPARSE_68
from mien.data.packs import FacesPack, Pictures
from mien.detect.shape import mean_face
from mien.rig.compact import MOVED
from mien.rig.ict import IctRig
from mien.rig.ict_files import DRIVERS
from mien.rig.places import Places
from mien.rig.surfaces import Surface

JAW = 0.03
"""Metres that jawOpen lowers what lies below the mouth of the made head."""


@cache
def head() -> IctRig:
    """A sheet with eyes whose 68 points are where the mean face has them, and whose jaw opens below its mouth."""
    model = made_ict(61)
    between = IctRig(model).rest().vertices
    face = slice(model.regions[0].start, model.regions[0].stop)
    points = mean_face().points
    landmarks = [int(np.linalg.norm((between[face] - points[k])[:, :2], axis=1).argmin()) for k in SPARSE_68]
    mouth = points[[13, 14], 1].mean()
    expressions = np.array(model.expressions)
    opened = list(DRIVERS).index("jawOpen")
    expressions[opened] = 0
    expressions[opened, face, 1] = -100 * JAW * (between[face, 1] > mouth)
    return IctRig(replace(model, expressions=expressions, landmarks68=np.array(landmarks)))


def on_sheet(points: Array) -> Places:
    """Where points [478, 3] fall on the face of `head()`."""
    rest, face = head().rest(), head().model.regions[0]
    sheet = rest.triangles[(rest.triangles < face.stop).all(1)]
    contact = Surface(rest.vertices, sheet).closest(points, np.tile([0.0, 0.0, -1.0], (len(points), 1)))
    return Places(contact.corners, contact.shares)


def labelled(
    expressions: Array, count: int, seed: int, name: str = "faces-made", moving: Iterable[str] = MOVED, people: int = 0
) -> FacesPack:
    """Labels without pictures: faces that `expressions` [51, 478, 3] move, a third of them with resting mouths.

    Args:
        expressions: metres for a weight of 1.
        count: faces; one in ten is for validation.
        seed: of everything.
        name: of the pack.
        moving: columns that are used.
        people: how many different ones; 0: nobody twice.
    """
    rng = np.random.default_rng(seed)
    used = ARKIT.indices(list(moving))
    weights = np.zeros((count, len(ARKIT)))
    weights[:, used] = rng.uniform(0, 1, (count, len(used))) * (rng.random((count, len(used))) < 0.3)
    mouth = [k for k, column in enumerate(ARKIT.columns) if column.startswith(("jaw", "mouth"))]
    weights[: count // 3, mouth] = 0
    who = rng.integers(0, people, count) if people else np.arange(count)
    offsets = rng.normal(0, 0.002, (who.max() + 1, 1, 3)) * np.sin(30 * mean_face().points)
    landmarks = []
    for row, person in zip(weights, who, strict=True):
        rest = mean_face().points.copy()
        rest[14] = rest[13] + [0, 5e-4, 0]  # lips that are closed
        points = rest + offsets[person] + np.tensordot(row[ARKIT.indices(MOVED)], expressions, 1)
        rotation = rotation_from_angles(*rng.uniform(-0.2, 0.2, 3))
        landmarks.append(rng.uniform(800, 1500) * points @ rotation.T + [130, 120, 0])
    return FacesPack(
        name,
        Pictures(np.zeros(0, np.uint8), np.zeros(count + 1, np.int64)),
        np.array(landmarks, np.float32),
        weights.astype(np.float32),
        np.zeros(count, np.float32),
        np.array([f"person {k}" for k in who]),
        np.where(np.arange(count) % 10 == 9, "val", "train"),
        mirror(),
    )
