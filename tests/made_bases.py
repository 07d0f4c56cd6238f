"""Random but valid captures over any basis, and changes to the cells of a written table."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from made import made_capture

from mien.core.basis import Basis
from mien.core.face import Capture, Expression

Cells = list[list[str]]
Change = Callable[[Cells], object]


def made_over(
    basis: Basis, frames: int = 3, faces: int = 2, landmarks: bool = False, seed: int = 0, high: float = 1.0
) -> Capture:
    """What `made_capture` makes, with weights 0 to `high` over `basis`; 0 in frames in which the face was not seen."""
    capture = made_capture(frames, faces, landmarks, seed)
    takes = []
    for take in capture.takes:
        weights = np.random.default_rng([seed, take.face]).uniform(0, high, (len(take), len(basis)))
        expression = Expression(weights * take.valid[:, None], basis)
        takes.append(replace(take, state=replace(take.state, expression=expression)))
    return replace(capture, takes=tuple(takes))


def lines_of(path: Path) -> Cells:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def edited(path: Path, change: Change) -> Path:
    """The table at `path` after a change to its cells."""
    rows = lines_of(path)
    change(rows)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    return path


def put(column: str, text: str, row: int = 2) -> Change:
    """Writes `text` into a cell; row 2 is line 3 of the file."""

    def change(rows: Cells) -> None:
        rows[row][rows[0].index(column)] = text

    return change


def drop(*columns: str) -> Change:
    def change(rows: Cells) -> None:
        for column in columns:
            place = rows[0].index(column)
            for row in rows:
                del row[place]

    return change


def rename(column: str, name: str) -> Change:
    def change(rows: Cells) -> None:
        rows[0][rows[0].index(column)] = name

    return change


def add(column: str, text: str = "0") -> Change:
    def change(rows: Cells) -> None:
        for row in rows:
            row.append(column if row is rows[0] else text)

    return change


def cut(rows: Cells) -> None:
    """Takes the last cell of line 4."""
    rows[3].pop()


def keep_header(rows: Cells) -> None:
    del rows[1:]
