"""How a record checks the arrays it is born with: shape, type, finiteness; and freezes them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]


def frozen_array(
    value: object,
    name: str,
    shape: Sequence[int | None],
    dtype: DTypeLike = np.float64,
    *,
    finite: bool = True,
    leading: bool = False,
) -> Array:
    """A read-only array of `value`, after its checks.

    Args:
        value: anything `numpy.asarray` takes. It is copied only when it is writeable or of another type.
        name: what to call it in a message.
        shape: expected shape, `None` for a free length.
        dtype: the type it is stored as.
        finite: whether NaN and infinity are refused.
        leading: whether any number of axes may come before `shape`.

    Raises:
        ValueError: the shape is another (says the expected and the actual one), or a number is not finite, or is not
            whole where whole numbers are stored.
    """
    if type(value) is np.ndarray and value.dtype == dtype:
        array = value
    else:
        with np.errstate(invalid="ignore", over="ignore"):  # what a cast spoils is refused below, by name
            array = np.array(value, dtype=dtype, copy=None)
    tail = array.shape[array.ndim - len(shape) :] if leading and array.ndim >= len(shape) else array.shape
    if tail != tuple(shape) and not _fits(tail, shape):
        wanted = ", ".join("n" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must have shape [{'..., ' if leading else ''}{wanted}], got {list(array.shape)}")
    given = array if array.dtype.kind == "f" else np.asarray(value)
    if finite and given.dtype.kind == "f" and not np.isfinite(given).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    if array.dtype.kind in "iu" and given.dtype.kind == "f" and (array != given).any():
        raise ValueError(f"{name} must hold whole numbers")
    if array.flags.writeable:
        array = array.copy() if array is value or array.base is not None else array
        array.flags.writeable = False
    return array


def _fits(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(
        want is None or want == have for want, have in zip(wanted, shape, strict=True)
    )
