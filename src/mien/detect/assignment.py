"""Who is paired with whom, so that all pairs together are worth most: the Hungarian method with potentials."""

import numpy as np

from mien.core.arrays import Array


def best_pairs(worth: Array, least: float = 0.0) -> list[tuple[int, int]]:
    """The pairs (row, column) of `worth` [R, C] with the greatest sum, by row; each row and column at most once.

    What is worth `least` or less is never paired: nobody need have a partner.

    Source: H. W. Kuhn, "The Hungarian method for the assignment problem", 1955; in the form with shortest augmenting
    paths, R. Jonker and A. Volgenant, 1987.

    Args:
        worth: finite, or -inf for what cannot be.
        least: see above.
    """
    rows, columns = worth.shape
    if not rows or not columns:
        return []
    # Every row may stay alone, at a column of its own that costs nothing.
    gain = np.maximum(worth - least, 0.0)
    cost = np.concatenate([-gain, np.zeros((rows, rows))], axis=1)
    taken = _least_cost(cost)
    return [(row, taken[row]) for row in range(rows) if taken[row] < columns and gain[row, taken[row]] > 0]


def _least_cost(cost: Array) -> list[int]:
    """The column of each row of `cost` [R, C], R <= C, all different, for the least sum."""
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    owner = np.full(columns, -1)
    for start in range(rows):
        reach, before = np.full(columns, np.inf), np.full(columns, -1)
        done = np.zeros(columns, bool)
        row, column = start, -1
        while True:  # the cheapest chain of exchanges from the new row to a free column
            through = cost[row] - row_price[row] - column_price
            if column >= 0:
                through += reach[column]
            nearer = ~done & (through < reach)
            reach[nearer], before[nearer] = through[nearer], column
            column = int(np.where(done, np.inf, reach).argmin())
            done[column] = True
            if owner[column] < 0:
                break
            row = int(owner[column])
        passed = done.copy()
        passed[column] = False
        row_price[start] += reach[column]
        row_price[owner[passed]] += reach[column] - reach[passed]
        column_price[passed] -= reach[column] - reach[passed]
        while column >= 0:
            previous = int(before[column])
            owner[column] = start if previous < 0 else owner[previous]
            column = previous
    taken = [0] * rows
    for column, row in enumerate(owner.tolist()):
        if row >= 0:
            taken[row] = column
    return taken
