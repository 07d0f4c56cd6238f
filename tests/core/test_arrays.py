"""What a record asks of an array at birth."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import DTypeLike

from mien.core.arrays import Array, frozen_array

CHECKED = settings(derandomize=True, deadline=None, max_examples=50)


@CHECKED
@given(
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0), elements=st.floats(-9, 9)),
    st.integers(0, 3),
)
def test_any_array_of_the_shape_is_kept_and_frozen(value: Array, free: int) -> None:
    shape = [None if axis == free else size for axis, size in enumerate(value.shape)]
    array = frozen_array(value, "points", shape)
    assert np.array_equal(array, value)
    assert not array.flags.writeable
    assert value.flags.writeable
    assert not np.shares_memory(array, value)


@CHECKED
@given(hnp.array_shapes(min_dims=0, max_dims=3), hnp.array_shapes(min_dims=0, max_dims=3))
def test_leading_axes_are_free_only_when_asked(before: tuple[int, ...], tail: tuple[int, ...]) -> None:
    value = np.zeros(before + tail)
    assert frozen_array(value, "x", tail, leading=True).shape == before + tail
    if before:
        with pytest.raises(ValueError, match="must have shape"):
            frozen_array(value, "x", tail)


@pytest.mark.parametrize(
    ("value", "shape", "leading", "message"),
    [
        (np.zeros(3), (4,), False, r"box must have shape \[4\], got \[3\]"),
        (np.zeros((2, 4)), (4,), False, r"box must have shape \[4\], got \[2, 4\]"),
        (np.zeros((5, 2)), (None, 3), False, r"box must have shape \[n, 3\], got \[5, 2\]"),
        (np.zeros((5, 2)), (3,), True, r"box must have shape \[\.\.\., 3\], got \[5, 2\]"),
        (0.0, (3,), True, r"box must have shape \[\.\.\., 3\], got \[\]"),
        ([[]], (), False, r"box must have shape \[\], got \[1, 0\]"),
    ],
)
def test_wrong_shape_says_expected_and_actual(
    value: object, shape: Sequence[int | None], leading: bool, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        frozen_array(value, "box", shape, leading=leading)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32, np.bool_])
def test_numbers_that_are_not_finite_are_refused_for_every_type(bad: float, dtype: DTypeLike) -> None:
    with pytest.raises(ValueError, match="times holds numbers that are not finite"):
        frozen_array(np.array([0.0, bad]), "times", (2,), dtype)


def test_numbers_too_great_for_the_type_are_refused() -> None:
    with pytest.raises(ValueError, match="score holds numbers that are not finite"):
        frozen_array([1e300], "score", (1,), np.float32)


def test_finiteness_may_be_waived() -> None:
    assert np.isnan(frozen_array([np.nan], "x", (1,), finite=False)).all()


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_fractions_are_not_cut_off_in_silence(dtype: DTypeLike) -> None:
    with pytest.raises(ValueError, match="frames must hold whole numbers"):
        frozen_array([0.0, 1.5], "frames", (2,), dtype)
    assert frozen_array([0.0, 2.0], "frames", (2,), dtype).tolist() == [0, 2]


def test_later_writes_to_the_given_array_do_not_reach_the_record() -> None:
    base = np.zeros((4, 3))
    for given_ in (base, base[1:], base.T):
        array = frozen_array(given_, "x", given_.shape)
        base[...] = 7
        assert not array.any()
        base[...] = 0


def test_frozen_array_is_taken_as_it_is() -> None:
    once = frozen_array([1.0, 2.0], "x", (2,))
    assert frozen_array(once, "x", (2,)) is once
    with pytest.raises(ValueError, match="read-only"):
        once[0] = 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.bool_])
def test_type_is_the_one_asked_for(dtype: DTypeLike) -> None:
    assert frozen_array([0, 1], "x", (2,), dtype).dtype == dtype
