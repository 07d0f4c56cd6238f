"""How far lips part that were closed, beside how far the motion of an edit parts them: photos of one person, twice."""

from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish
from rich.progress import track

from mien.core.arrays import Array
from mien.core.field import MotionField
from mien.core.points import INNER_LIPS, LOWER_INNER_LIP, OUTER_LIPS, UPPER_INNER_LIP
from mien.core.report import Report, Row
from mien.data.packs import read_photos
from mien.data.same_person import Changes, people_twice, read_changes
from mien.detect.shape import mean_face
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

CLOSED, PARTED = 0.035, 0.02
"""Inter-ocular distances: at most as far lips of the first photo are apart; at least as far the motion parts them."""

BANDS = (0.02, 0.07, 0.12, 0.18, 0.25)
"""Where bands of the motion's opening begin, inter-ocular distances."""


def opening(points: Array) -> Array:
    """[N] how far lips of points [N, 478, 2] in the head's plane are apart at most."""
    return np.asarray((points[:, list(LOWER_INNER_LIP), 1] - points[:, list(UPPER_INNER_LIP), 1]).max(1))


def placed(changes: Changes) -> Array:
    """[N, 478, 2] where an edit's motion puts the points: the rig's, with what is done of the residual."""
    session, found = OnnxSession(card("motion")), changes.placed.copy()
    for k in track(range(len(changes)), "pairs", transient=True):
        told = changes.start[k], changes.now[k], changes.then[k] - changes.now[k]
        field, further = session(*(value[None] for value in told))
        found[k] += MotionField(field[0]).at(found[k]) + further[0]
    return found


def main(data: Path, split: str = "val", ledger: bool = False) -> None:
    """Tell how far lips part.

    Args:
        data: folder with the packs of photos.
        split: which of their people; the motion was fitted to train.
        ledger: append the report to the ledger.
    """
    changes = read_changes(people_twice(read_photos(data)[0], split, Fitter(compact_model(), mean_face().steadiness)))
    made = placed(changes)
    before, real, ours = (opening(points) for points in (changes.start, changes.true, made))
    which = (before < CLOSED) & (ours > PARTED)
    away = np.linalg.norm(made - changes.true, axis=2)[which] * 100
    rows = [
        Row("pairs", float(which.sum())),
        Row("error of the opening", float(np.abs(ours - real)[which].mean() * 100), "% IOD"),
        Row("error of inner lips", float(away[:, list(INNER_LIPS)].mean()), "% IOD"),
        Row("error of outer lips", float(away[:, list(OUTER_LIPS)].mean()), "% IOD"),
    ]
    for low, high in zip(BANDS, (*BANDS[1:], np.inf), strict=True):
        band = which & (ours >= low) & (ours < high)
        if band.any():
            name = f"from {low:g}"
            rows.append(Row(f"opening {name}: ours, of {band.sum()}", float(ours[band].mean() * 100), "% IOD"))
            rows.append(Row(f"opening {name}: real", float(real[band].mean() * 100), "% IOD"))
    publish(Report(f"Lips that part, split {split}", command(data), tuple(rows)), ledger)


if __name__ == "__main__":
    tyro.cli(main)
