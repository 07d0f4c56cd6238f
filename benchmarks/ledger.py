"""A report as a table on the terminal, and as a section of the ledger: what was measured, where, by which command."""

import datetime
import math
import os
import platform
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mien.core.report import Report, Row
from mien.runtime.session import available_cores

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks" / "ledger"

_HEADS = ("figure", "value", "unit", "floor", "aim", "reached")
_SIGNS = ("<= ", ">= ")


def command(data: Path | None = None, limit: int | None = None, more: str = "") -> str:
    """The command line of the running script, without the path of anybody's machine."""
    words = [f"python benchmarks/{Path(sys.argv[0]).name}"]
    if data is not None:
        words.append(f"--data {data.resolve().name}")
    if limit is not None:
        words.append(f"--limit {limit}")
    return " ".join([*words, more]).strip()


def publish(report: Report, ledger: bool) -> None:
    """Prints `report`, and writes it into the ledger when that is wanted."""
    table = Table(title=report.title, title_justify="left", title_style="bold")
    for place, head in enumerate(_HEADS):
        table.add_column(head, justify="right" if place == 1 else "left", overflow="fold")
    colours = {"aim": "green", "floor": "yellow", "below the floor": "red"}
    for row in report.rows:
        table.add_row(*_cells(row), style=colours.get(reached(row)))
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    for note in report.notes:
        console.print(f"- {note}", markup=False, highlight=False)
    if ledger:
        commit = _commit()
        file = FOLDER / f"{datetime.date.today().isoformat()}-{commit.removesuffix('+changes')}.md"
        FOLDER.mkdir(parents=True, exist_ok=True)
        before = file.read_text(encoding="utf-8") if file.exists() else f"# Measured at {commit}\n"
        file.write_text(with_section(before, report.title, section(report, commit)), encoding="utf-8")
        console.print(f"wrote {file.relative_to(ROOT)}")


def reached(row: Row) -> str:
    """Whether a figure reaches its aim, its floor, or neither; empty where it is held against nothing."""
    if row.floor is None and row.aim is None:
        return ""
    if row.aim is not None and _meets(row.value, row.aim):
        return "aim"
    return "floor" if row.floor is not None and _meets(row.value, row.floor) else "below the floor"


def _meets(value: float, bound: str) -> bool:
    """`value` against `<= 2.6` or `>= 0.9`. What could not be measured meets nothing."""
    sign, number = bound[:3], float(bound[3:])
    if sign not in _SIGNS:
        raise ValueError(f"a bound begins with one of {_SIGNS}, got {bound!r}")
    return value <= number if sign == "<= " else value >= number


def _cells(row: Row) -> tuple[str, ...]:
    value = f"{row.value:.4g}" if math.isfinite(row.value) else "not measured"
    return row.what, value, row.unit, row.floor or "", row.aim or "", reached(row)


def section(report: Report, commit: str) -> str:
    """The Markdown of a report."""
    lines = [
        f"## {report.title}",
        "",
        f"- date: {datetime.date.today().isoformat()}",
        f"- commit: {commit}",
        f"- machine: {_machine()}",
        f"- command: `{report.command}`",
        "",
        f"| {' | '.join(_HEADS)} |",
        "|---|---:|---|---|---|---|",
        *(f"| {' | '.join(cell.replace('|', '&#124;') for cell in _cells(row))} |" for row in report.rows),
    ]
    if report.notes:
        lines += ["", *(f"- {note}" for note in report.notes)]
    return "\n".join(lines) + "\n"


def with_section(text: str, title: str, made: str) -> str:
    """`text` with the section `made` in the place of the one of the same title, or at its end."""
    head, *sections = text.split("\n## ")
    body = made.removeprefix("## ").strip("\n")
    titles = [part.partition("\n")[0] for part in sections]
    if title in titles:
        sections[titles.index(title)] = body
    else:
        sections.append(body)
    return "\n\n## ".join(part.strip("\n") for part in (head, *sections)) + "\n"


def _commit() -> str:
    """Short name of the commit; `+changes` when the tree differs from it, the ledger itself aside."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return "uncommitted"
    changed = _git("status", "--porcelain", "--", ".", ":!benchmarks/ledger")
    return name + ("+changes" if changed else "")


def _git(*words: str) -> str:
    # Without optional locks, asking for the status leaves even the index as it was.
    line = ["git", "--no-optional-locks", *words]
    return subprocess.run(line, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:  # no such file but on Linux
        pass
    cores = f"{available_cores()} of {os.cpu_count()} cores"
    return f"{cores}, {model}, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
