"""What an evaluation found: a title, and rows of measured figures against what was hoped for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what it is, its value, its unit, and the floor and aim it was held against (or None)."""

    what: str
    value: float
    unit: str = ""
    floor: str | None = None
    aim: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A table of figures, and the command that makes it again."""

    title: str
    command: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
