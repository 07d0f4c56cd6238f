"""What do two real takes lose on their way to another vocabulary and back?"""

import re
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from ledger import ROOT, command, publish

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS, FEAFA, PERFECT_SYNC, VRM, Basis
from mien.core.face import Expression
from mien.core.report import Report, Row
from mien.formats.registry import load
from mien.rig.convert import Route, convert, route
from mien.rig.maps import COMMON, FACS_TABLES, FEAFA_TABLE, ICT, VocabularyTable, vrm_recipes

PAGE = ROOT / "docs" / "vocabularies.md"
WAYS: tuple[tuple[str, Basis, VocabularyTable], ...] = (
    ("FACS, common", FACS, COMMON),
    ("FACS, ict", FACS, ICT),
    ("FEAFA", FEAFA, COMMON),
    ("VRM presets", VRM, COMMON),
    ("Perfect Sync", PERFECT_SYNC, COMMON),
)


_CROSSED = ("AU61", "AU62", "blink", "look")
"""Columns whose sides are not those of the channels they are made of."""


def main(
    data: Annotated[Path, tyro.conf.arg(metavar="PATH")],
    ledger: bool = False,
    docs: bool = False,
) -> None:
    """Convert the recordings in PATH/takes to each vocabulary and back.

    Args:
        data: The folder with the takes.
        ledger: Also write the figures into benchmarks/ledger.
        docs: Also write the tables into docs/vocabularies.md.
    """
    files = sorted((data / "takes").glob("*.csv"))
    if not files:
        raise SystemExit(f"{data.name}/takes holds no .csv")
    weights = np.concatenate([take.state.expression.weights[take.valid] for file in files for take in load(file).takes])
    takes = Expression(weights, ARKIT)
    rows, lines = [], []
    for name, basis, table in WAYS:
        way = route(ARKIT, basis, table)
        there = convert(takes, basis, table)
        error = np.abs(convert(there, ARKIT, table).weights - takes.weights)
        rows += _rows(name, way, error)
        lines.append(_line(name, way, error))
    outside = int(((weights < 0) | (weights > 1)).sum())
    notes = (
        f"{len(files)} Live Link Face takes of one person, {len(weights)} rows; {outside} weights outside 0 to 1.",
        "The error of a lost channel is what it weighed, but for browInnerUp, which FEAFA's way back guesses.",
    )
    publish(Report("Vocabularies, there and back", command(data), tuple(rows), notes), ledger)
    if docs:
        _write_page(lines)


def _rows(name: str, way: Route, error: Array) -> list[Row]:
    kinds = (("one to one", way.exact), ("one to several", way.spread), ("shared", way.shared), ("lost", way.lost))
    rows = []
    for kind, columns in kinds:
        if columns:
            bounds = ("<= 0.001", "<= 1e-6") if kind.startswith("one") else (None, None)
            rows.append(Row(f"{name}: {len(columns)} {kind}", _mean(error, columns), "mean error", *bounds))
    return rows


def _mean(error: Array, columns: tuple[str, ...]) -> float:
    return float(error[:, ARKIT.indices(columns)].mean(dtype=np.float64))


def _line(name: str, way: Route, error: Array) -> str:
    cells = [
        f"{len(columns)}: {round(_mean(error, columns), 6):.2g}" if columns else "none"
        for columns in (way.exact, way.spread, way.shared, way.lost)
    ]
    lost = ", ".join(dict.fromkeys(map(_either_side, way.lost))) or "nothing"
    return f"| {name} | {' | '.join(cells)} | {lost} |"


def _write_page(lines: list[str]) -> None:
    """Fills the marked places of the page with the tables as the code has them."""
    facs = ["| action unit | common (the default) | ict |", "|---|---|---|"]
    said = {name: _rows_of(table) for name, table in FACS_TABLES.items()}
    units = sorted({unit for each in said.values() for unit in each})
    facs += [f"| {unit} | {said['common'].get(unit, 'none')} | {said['ict'].get(unit, 'none')} |" for unit in units]
    feafa = ["| FEAFA | ARKit |", "|---|---|"]
    feafa += [f"| {column} | {channels} |" for column, channels in _rows_of(FEAFA_TABLE).items()]
    vrm = ["| preset | recipe |", "|---|---|"]
    for recipe in vrm_recipes():
        spell = str if recipe.preset.startswith(_CROSSED) else _either_side
        parts = dict.fromkeys(f"{spell(channel)} {amount:g}" for channel, amount in recipe.channels)
        vrm.append(f"| {recipe.preset} | {', '.join(parts) or 'nothing'} |")
    heads = ("there and back", "one to one", "one to several", "shared", "lost", "lost by name")
    measured = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    page = PAGE.read_text(encoding="utf-8")
    for mark, table in (("facs", facs), ("feafa", feafa), ("vrm", vrm), ("measured", measured + lines)):
        opening, closing = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
        before, _, rest = page.partition(opening)
        _, found, after = rest.partition(closing)
        if not found:
            raise SystemExit(f"{PAGE.name} has no place for {mark}")
        page = "".join([before, opening, *(f"{row}\n" for row in table), closing, after])
    PAGE.write_text(page, encoding="utf-8")


def _rows_of(table: VocabularyTable) -> dict[str, str]:
    """Every column of a table and what it is made of; both sides in one row where they differ by nothing else."""
    cells: dict[str, str] = {}
    for row in table.rows:
        if row.kind == "guess":
            continue
        crossed = row.targets[0].startswith(_CROSSED)
        sources = " and ".join(row.sources)
        text = sources if crossed else f"mean of {sources}" if len(row.sources) > 1 else _either_side(sources)
        for stage, target in enumerate(row.targets, 1):
            part = f", part {stage} of {len(row.targets)}" if row.kind == "stages" else ""
            cells[target if crossed else _either_unit(target)] = text + part
    return cells


def _either_side(name: str) -> str:
    return name.replace("Left", "*").replace("Right", "*")


def _either_unit(name: str) -> str:
    return _either_side(re.sub(r"^(AU\d\d)[LR]$", r"\1 L/R", name))


if __name__ == "__main__":
    tyro.cli(main)
