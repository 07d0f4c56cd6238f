"""Frames and crops: what they are, and what they refuse."""

import dataclasses

import numpy as np
import pytest

from mien.core.arrays import Array
from mien.core.image import Crop, Frame


def test_frame_knows_its_size() -> None:
    frame = Frame(np.zeros((3, 5, 3), np.uint8), time=0.5, index=12)
    assert (frame.width, frame.height, frame.time, frame.index) == (5, 3, 0.5, 12)


def test_photo_is_frame_nought_at_time_nought() -> None:
    frame = Frame(np.zeros((1, 1, 3), np.uint8))
    assert (frame.time, frame.index) == (0.0, 0)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((3, 5), np.uint8), r"got uint8 \[3, 5\]"),
        (np.zeros((3, 5, 3), np.float32), r"got float32 \[3, 5, 3\]"),
        (np.zeros((2, 3, 5, 3), np.uint8), r"got uint8 \[2, 3, 5, 3\]"),
        (np.zeros((3, 5, 4), np.uint8), r"H and W above 0, got \[3, 5, 4\]"),
        (np.zeros((0, 5, 3), np.uint8), r"H and W above 0, got \[0, 5, 3\]"),
        ([[[0, 0, 0]]], r"uint8 of shape \[H, W, 3\], got list"),
    ],
)
def test_frame_refuses_pixels_of_another_kind(pixels: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Frame(pixels)


@pytest.mark.parametrize("time", [float("nan"), float("inf")])
def test_frame_refuses_a_time_that_is_none(time: float) -> None:
    with pytest.raises(ValueError, match="time must be finite"):
        Frame(np.zeros((1, 1, 3), np.uint8), time)


def test_crop_knows_its_side_and_freezes_the_way_back() -> None:
    way = np.array([[1.0, 0, 2], [0, 1, 3]])
    crop = Crop(np.zeros((4, 4), np.float32), way)
    assert crop.side == 4
    way[0, 0] = 9
    assert crop.to_frame.tolist() == [[1, 0, 2], [0, 1, 3]]
    with pytest.raises(ValueError, match="read-only"):
        crop.to_frame[0, 0] = 9


@pytest.mark.parametrize("shape", [(4, 5), (4,), (4, 4, 3)])
def test_crop_refuses_what_is_no_square(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"pixels must be float32 of shape \[S, S\], got float32"):
        Crop(np.zeros(shape, np.float32), np.eye(2, 3))


def test_crop_refuses_another_type() -> None:
    with pytest.raises(ValueError, match=r"pixels must be float32 .* got float64"):
        Crop(np.zeros((4, 4)), np.eye(2, 3))


def test_crop_refuses_another_map() -> None:
    with pytest.raises(ValueError, match=r"to_frame must have shape \[2, 3\], got \[3, 3\]"):
        Crop(np.zeros((4, 4), np.float32), np.eye(3))
    with pytest.raises(ValueError, match="to_frame holds numbers that are not finite"):
        Crop(np.zeros((4, 4), np.float32), np.full((2, 3), np.nan))


def test_records_are_frozen() -> None:
    frame = Frame(np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame.index = 1  # type: ignore[misc]
