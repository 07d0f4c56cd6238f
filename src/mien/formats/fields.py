"""The arrays of a take as files hold them: the axes, type and range of each, checked in one place for every format."""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array
from mien.core.face import LANDMARKS


@dataclass(frozen=True, slots=True)
class Field:
    """One array of a take: its axes after that of time, its type, its range, and how JSON writes a number of it.

    The range is wide of anything a face can do; a number outside it is a damaged file, never clipped.
    """

    tail: tuple[int | None, ...]
    dtype: type[np.generic]
    low: float
    high: float
    style: str = "%.6g"

    def array(self, value: object, key: str, shape: tuple[int | None, ...]) -> Array:
        """`value` (nested lists or an array) as an array of `shape`, None for a free length.

        Raises:
            ValueError: another shape, no numbers, or a number out of range; begins with `key`.
        """
        try:
            array = np.asarray(value)
        except (ValueError, TypeError, OverflowError):
            raise ValueError(f"{key} must be a regular array of numbers") from None
        if array.size == 0 and 0 in shape:
            return np.zeros([size or 0 for size in shape], self.dtype)
        kinds = {"b": "b", "i": "iu"}.get(np.dtype(self.dtype).kind, "fiu")
        if array.size and array.dtype.kind not in kinds:
            wanted = {"b": "true or false", "iu": "whole numbers"}.get(kinds, "numbers")
            raise ValueError(f"{key} must hold {wanted} only")
        if array.ndim != len(shape) or any(w not in (None, h) for w, h in zip(shape, array.shape, strict=True)):
            wanted = ", ".join("n" if size is None else str(size) for size in shape)
            raise ValueError(f"{key} must have shape [{wanted}], got {list(array.shape)}")
        if array.size and not (self.low <= float(array.min()) and float(array.max()) <= self.high):
            wide = array.astype(np.float64)
            wrong = wide[~((wide >= self.low) & (wide <= self.high))].flat[0]
            raise ValueError(f"{key} holds {wrong:g}, allowed are {self.low:g} to {self.high:g}")
        return array.astype(self.dtype, copy=False)


_PIXELS = (np.float32, -1e6, 1e6, "%.2f")

FIELDS: dict[str, Field] = {
    "times": Field((), np.float64, -1e12, 1e12, "%.6f"),
    "frames": Field((), np.int64, 0, 2**53),
    "valid": Field((), np.bool_, 0, 1),
    "box": Field((4,), *_PIXELS),
    "score": Field((), np.float32, 0, 1),
    "quality": Field((), np.float32, 0, 1),
    "weights": Field((None,), np.float32, -100, 100),
    "rotation": Field((3, 3), np.float64, -1.01, 1.01),
    "translation": Field((3,), np.float64, -1e6, 1e6),
    "gaze": Field((2, 3, 3), np.float64, -1.01, 1.01),
    "landmarks": Field((LANDMARKS, 3), *_PIXELS),
}
"""The arrays [T, ...] of a take, in the order in which they are written."""
