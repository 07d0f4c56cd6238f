"""Least squares with weights of 0 and more, for many right sides at once, exact and in numpy alone."""

import numpy as np

from mien.core.arrays import Array

_ROWS = 1024
"""Right sides solved together: their systems stay within some tens of megabytes."""

_PATIENCE = 3
"""Steps that exchange all wrong columns at once without getting better, before they are exchanged one by one."""


def nonnegative_least_squares(gram: Array, products: Array) -> Array:
    """The x >= 0 that makes x·gram·x - 2 products·x least, for each row.

    Block principal pivoting: guess which columns are above 0, solve for them, exchange those of the wrong sign. With a
    positive definite `gram` the answer is unique, and exact but for rounding.
    Source: L. F. Portugal, J. J. Júdice, L. N. Vicente, "A comparison of block pivoting and interior-point algorithms
    for linear least squares problems with nonnegative variables", 1994.

    Args:
        gram: [K, K] A·Aᵀ, positive definite.
        products: [..., K] b·Aᵀ for each right side b.

    Returns:
        [..., K] float64.
    """
    rows = products.reshape(-1, products.shape[-1]).astype(np.float64)
    parts = [_pivoted(gram, rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS)]
    return np.concatenate([*parts, np.zeros((0, len(gram)))]).reshape(products.shape)


def _pivoted(gram: Array, products: Array) -> Array:
    count, columns = products.shape
    passive = np.zeros((count, columns), bool)
    solution, slope = np.zeros_like(products), -products
    fewest = np.full(count, columns + 1)
    patience = np.full(count, _PATIENCE)
    small = 1e-12 * (1 + np.abs(products).max(1, keepdims=True, initial=0))
    while True:
        wrong = np.where(passive, solution < -small, slope < -small)
        wrongs = wrong.sum(1)
        open_ = np.flatnonzero(wrongs)
        if not len(open_):
            return np.maximum(solution, 0)
        better = wrongs < fewest
        fewest = np.minimum(fewest, wrongs)
        patience = np.where(better, _PATIENCE, patience - 1)
        # Exchanging only the last wrong column is slow but cannot go round in circles.
        last = np.arange(columns) == columns - 1 - np.argmax(wrong[:, ::-1], axis=1)[:, None]
        exchanged = np.where((patience < 0)[:, None], wrong & last, wrong)
        passive[open_] ^= exchanged[open_]
        solution[open_], slope[open_] = _solved(gram, products[open_], passive[open_])


def _solved(gram: Array, products: Array, passive: Array) -> tuple[Array, Array]:
    """Where the passive columns are free and the others 0: the solution, and the slope of what is made least."""
    within = passive[:, :, None] & passive[:, None, :]
    systems = np.where(within, gram, 0.0)
    diagonal = np.arange(gram.shape[0])
    systems[:, diagonal, diagonal] += ~passive
    solution = np.linalg.solve(systems, np.where(passive, products, 0.0)[..., None])[..., 0]
    return solution, solution @ gram - products
