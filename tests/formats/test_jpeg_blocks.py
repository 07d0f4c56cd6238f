from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mien.core.arrays import Array
from mien.formats.jpeg_blocks import JpegBlocks


def picture(width: int, height: int, seed: int = 0) -> Array:
    """[H, W, 3]: smooth with grain, and corners that are quite black and quite white."""
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([128 + 140 * np.sin(x / 9 + y / 31), 128 + 140 * np.cos(x / 13), x * 255 / width], -1)
    return (smooth + np.random.default_rng(seed).normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8)


def jpeg(pixels: Array, mode: str = "RGB", **options: object) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", **{"quality": 85, **options})
    return file.getvalue()


def decoded(data: bytes) -> Array:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 70), height=st.integers(1, 70), quality=st.integers(5, 100), sampling=st.integers(0, 2),
    restart=st.sampled_from([0, 1, 3]), mode=st.sampled_from(["RGB", "L"]), optimised=st.booleans(),
)  # fmt: skip
def test_taken_apart_and_put_together_it_is_the_same(
    width: int, height: int, quality: int, sampling: int, restart: int, mode: str, optimised: bool
) -> None:
    data = jpeg(
        picture(width, height), mode, quality=quality, subsampling=sampling, restart_marker_blocks=restart,
        optimize=optimised,
    )  # fmt: skip
    blocks = JpegBlocks.parse(data)
    assert blocks is not None
    assert np.array_equal(decoded(blocks.encode()), decoded(data))
    again = JpegBlocks.parse(blocks.encode())
    assert again is not None
    assert np.array_equal(again.blocks, blocks.blocks)


@settings(max_examples=30, deadline=None)
@given(
    x=st.integers(0, 80), y=st.integers(0, 60), w=st.integers(1, 40), h=st.integers(1, 40),
    sampling=st.integers(0, 2), quality=st.integers(30, 98), seed=st.integers(0, 9),
)  # fmt: skip
def test_blocks_outside_a_change_are_the_very_same(
    x: int, y: int, w: int, h: int, sampling: int, quality: int, seed: int
) -> None:
    data = jpeg(picture(90, 70), quality=quality, subsampling=sampling)
    before = decoded(data)
    after = before.copy()
    after[y : y + h, x : x + w] = np.random.default_rng(seed).integers(0, 256, after[y : y + h, x : x + w].shape)
    blocks = JpegBlocks.parse(data)
    assert blocks is not None
    new = decoded(blocks.changed(before, after).encode())
    across, down = blocks.group
    moved = (new != before).any(2)
    inside = np.zeros_like(moved)
    spare = 1 if (across, down) != (8, 8) else 0  # decoders blend coarse colours with their neighbours
    left, top = max(x // across * across - spare, 0), max(y // down * down - spare, 0)
    inside[top : -(-(y + h) // down) * down + spare, left : -(-(x + w) // across) * across + spare] = True
    assert not (moved & ~inside).any()


def test_a_change_arrives() -> None:
    data = jpeg(picture(96, 96), quality=95, subsampling=0)
    before = decoded(data)
    after = before.copy()
    after[30:70, 20:60] = (after[30:70, 20:60] * 0.6 + 40).astype(np.uint8)
    blocks = JpegBlocks.parse(data)
    assert blocks is not None
    new = decoded(blocks.changed(before, after).encode())
    anew = decoded(jpeg(after, quality=95, subsampling=0))
    faults = [np.abs(each.astype(int) - after)[30:70, 20:60].mean() for each in (new, anew)]
    assert faults[0] < 1.05 * faults[1]
    assert blocks.changed(before, before) is blocks


def test_tables_that_lack_a_code_give_way_to_the_usual_ones() -> None:
    flat = np.full((32, 32, 3), 90, np.uint8)
    data = jpeg(flat, optimize=True)
    blocks = JpegBlocks.parse(data)
    assert blocks is not None
    after = picture(32, 32)
    new = decoded(blocks.changed(decoded(data), after).encode())
    assert np.abs(new.astype(int) - decoded(jpeg(after))).mean() < 3


@pytest.mark.parametrize("options", [{"progressive": True}, {"mode": "CMYK"}])
def test_kinds_that_are_not_read(options: dict[str, object]) -> None:
    assert JpegBlocks.parse(jpeg(picture(40, 40), **options)) is None  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), put=st.binary(max_size=20))
def test_damage_is_no_crash(place: float, put: bytes) -> None:
    data = jpeg(picture(40, 40), quality=60)
    start = int(place * len(data))
    damaged = data[:start] + put + data[start + len(put) :]
    if (found := JpegBlocks.parse(damaged)) is not None and len(found.blocks) < 1000:
        found.encode()
