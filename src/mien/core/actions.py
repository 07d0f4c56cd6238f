"""The rows in which weights are shown to people: a left and a right column of one action share a row."""

from collections.abc import Sequence

import numpy as np

from mien.core.basis import Basis
from mien.core.face import Expression, FaceReading

ActionRow = tuple[str, ...]
"""One column, or the left and the right column of one action."""


def action_rows(basis: Basis, columns: Sequence[str] | None = None) -> tuple[ActionRow, ...]:
    """The rows of a basis, or of some of its columns, in their order.

    Raises:
        KeyError: the basis lacks one of `columns`.
    """
    shown = basis.columns if columns is None else tuple(columns)
    basis.indices(shown)  # raises for a name the basis does not have
    partners = {column: pair for pair in basis.actions if set(pair) <= set(shown) for column in pair}
    return tuple(dict.fromkeys(partners.get(column, (column,)) for column in shown))


class MostUsed:
    """Which rows are worth watching while weights stream by: those that were used most, of late.

    Rows keep their order, and one leaves only for another that is used clearly more: bars do not hop about.

    Args:
        basis: of the weights.
        count: how many rows.
    """

    FADES = 6.0
    """Seconds in which what a row once showed sinks to a third."""
    LEAD = 0.08
    """By how much a row must be stronger than a shown one to take its place."""

    def __init__(self, basis: Basis, count: int) -> None:
        self._rows = action_rows(basis)
        self._places = basis.indices([column for row in self._rows for column in row])
        self._starts = np.cumsum([0, *(len(row) for row in self._rows[:-1])])
        self._used = np.zeros(len(self._rows))
        self._count = min(count, len(self._rows))
        self._shown: tuple[int, ...] = ()
        self._time = 0.0

    def see(self, expression: Expression, time: float) -> None:
        """Takes in the weights of a moment, in seconds from the source's clock."""
        now = np.maximum.reduceat(np.abs(expression.weights[self._places]), self._starts)
        fading = np.exp(-max(time - self._time, 0.0) / self.FADES)
        self._used, self._time = np.maximum(now, self._used * fading), time
        favoured = self._used.copy()
        favoured[list(self._shown)] += self.LEAD
        self._shown = tuple(sorted(np.argsort(-favoured, kind="stable")[: self._count].tolist()))

    def rows(self) -> tuple[ActionRow, ...]:
        """The rows to show, in the order of the basis; none before the first moment."""
        return tuple(self._rows[place] for place in self._shown)


class FacesUsed:
    """`MostUsed` for every face of a source; those that have not been seen for long are forgotten.

    Args:
        basis: of the weights.
        count: how many rows of each.
    """

    KEPT = 32

    def __init__(self, basis: Basis, count: int) -> None:
        self._basis, self._count = basis, count
        self._faces: dict[int, MostUsed] = {}

    def see(self, readings: Sequence[FaceReading]) -> dict[int, tuple[ActionRow, ...]]:
        """Takes in what was read in a frame, and gives the rows to show of each face in it."""
        for reading in readings:
            used = self._faces.pop(reading.face, None) or MostUsed(self._basis, self._count)
            used.see(reading.state.expression, reading.time)
            self._faces[reading.face] = used  # at the end: the first in line was not seen for longest
        while len(self._faces) > max(self.KEPT, len(readings)):
            del self._faces[next(iter(self._faces))]
        return {reading.face: self._faces[reading.face].rows() for reading in readings}
