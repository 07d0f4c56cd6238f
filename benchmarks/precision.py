"""How well weights could be read if points were known to so many pixels: a straight line from points to weights."""

from pathlib import Path

import numpy as np
import torch
import tyro
from ledger import command, publish
from lgml import DEAD

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.report import Report, Row
from mien.data.packs import read_folder
from mien.metrics import pearson
from mien.nets.local_global import UNIT, lie_of, straightened
from mien.rig.compact import MOVED

ERRORS = (0.0, 0.1, 0.3, 0.6, 1.0)
"""Standard deviations of the error of each coordinate, pixels of a face with 36 px between its irises."""

RIDGES = (1e-5, 1e-3)
"""Of the mean variance of a coordinate; the better of the two counts."""

SEED = 5


def read(learned: Array, weights: Array, judged: Array, ridge: float) -> Array:
    """[M, 52] weights of `judged` [M, D] by ridge regression on `learned` [N, D] with `weights` [N, 52]."""
    mean, usual = learned.mean(0), weights.mean(0)
    away = learned - mean
    gram = away.T @ away
    slope = np.linalg.solve(gram + ridge * np.trace(gram) / len(gram) * np.eye(len(gram)), away.T @ (weights - usual))
    return np.asarray((judged - mean) @ slope + usual)


def _own(points: Array) -> Array:
    """Points [N, 478, 3] in the face's own axes and size."""
    seen = torch.from_numpy(points.astype(np.float32))
    return np.asarray(straightened(seen, lie_of(seen)), np.float64)


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Tell what the precision of points allows.

    Args:
        data: Folder with packs of renders, whose points and weights are known.
        limit: Faces of each pack and split; all of them when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    packs = [pack for pack in read_folder(data)[0] if pack.rendered]
    if not packs:
        raise InputError(data, "E_NOTFILE", "holds no pack of renders", "make one: mien data render")
    (train, known), (val, true) = (
        (
            _own(np.concatenate([pack.landmarks[pack.indices(split)[:limit]] for pack in packs])),
            np.concatenate([pack.weights[pack.indices(split)[:limit]] for pack in packs]).astype(np.float64),
        )
        for split in ("train", "val")
    )
    rng, places = np.random.default_rng(SEED), ARKIT.indices(MOVED)
    rows = []
    for error in ERRORS:
        noisy = [points + rng.normal(size=points.shape) * error / UNIT for points in (train, val)]
        for axes, kept in (("", 3), (" of points without their depth", 2)):
            learned, judged = (points[..., :kept].reshape(len(points), -1) for points in noisy)
            found = [pearson(read(learned, known, judged, ridge), true) for ridge in RIDGES]
            best = max(found, key=lambda r: float(r[places].mean()))
            rows.append(Row(f"{error} px off, mean of 51 channels{axes}", float(best[places].mean()), "r"))
            if not error:
                rows += [Row(f"{error} px off, {name}{axes}", float(best[ARKIT.index(name)]), "r") for name in DEAD]
    notes = (
        f"{len(train)} renders learned from and {len(val)} of other identities judged; the error of each coordinate is "
        "normal and its own. Networks err together on neighbouring points, so this is a comparison, not a bound.",
    )
    publish(Report("What the precision of points allows", command(data, limit), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
