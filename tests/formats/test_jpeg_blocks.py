from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mien.core.arrays import Array
from mien.formats import jpeg_hops
from mien.formats.jpeg_blocks import JpegBlocks
from mien.formats.jpeg_entropy import Coding, joined


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
    same = decoded(data)
    assert blocks.edited(same, same) == data
    groups = np.arange(len(blocks.scan.starts))
    said = blocks._said(same, same, np.zeros(len(groups), bool), groups, blocks.scan.codings)
    anew = blocks._file(blocks.head, said)
    assert np.array_equal(decoded(anew), same)
    again = JpegBlocks.parse(anew)
    assert again is not None
    assert np.array_equal(again.numbers(), blocks.numbers())


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
    new = decoded(blocks.edited(before, after))
    across, down = blocks.group
    moved = (new != before).any(2)
    inside = np.zeros_like(moved)
    spare = 1 if (across, down) != (8, 8) else 0  # decoders blend coarse colours with their neighbours
    left, top = max(x // across * across - spare, 0), max(y // down * down - spare, 0)
    inside[top : -(-(y + h) // down) * down + spare, left : -(-(x + w) // across) * across + spare] = True
    assert not (moved & ~inside).any()


@settings(max_examples=20, deadline=None)
@given(
    restart=st.sampled_from([0, 1, 3, 7]), sampling=st.integers(0, 2), mode=st.sampled_from(["RGB", "L"]),
    quality=st.integers(30, 100), x=st.integers(0, 60), y=st.integers(0, 50),
)  # fmt: skip
def test_the_numbers_of_touched_groups_alone_are_new(
    restart: int, sampling: int, mode: str, quality: int, x: int, y: int
) -> None:
    data = jpeg(picture(90, 70), mode, quality=quality, subsampling=sampling, restart_marker_blocks=restart)
    before = decoded(data)
    after = before.copy()
    after[y : y + 20, x : x + 24] = before[y : y + 20, x : x + 24] // 2 + 30
    blocks = JpegBlocks.parse(data)
    assert blocks is not None
    new = JpegBlocks.parse(blocks.edited(before, after))
    assert new is not None
    touched, numbers = blocks._touched(before, after), blocks.numbers()
    assert np.array_equal(new.numbers()[~touched], numbers[~touched])
    assert (new.numbers()[touched] != numbers[touched]).any()
    wanted = blocks._changed(numbers[touched], np.flatnonzero(touched), before, after)
    assert np.array_equal(new.numbers()[touched], wanted)


def stream(**options: object) -> tuple[bytes, tuple[Coding, ...], int]:
    """Bits without stuffing, their codings and the number of groups of a picture with grain and an empty half."""
    pixels = picture(320, 240)
    pixels[:, 160:] = 255
    blocks = JpegBlocks.parse(jpeg(pixels, "RGB", **options))
    assert blocks is not None
    (part,) = blocks.parts
    return part.replace(b"\xff\0", b"\xff"), blocks.scan.codings, len(blocks.scan.starts)


@pytest.mark.parametrize(
    ("least", "run_up", "few"), [(64, 0, 0), (64, 300, 0), (300, 0, 10**6), (10**9, 0, 0), (2000, 500, 3)]
)
@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 2}, {"subsampling": 1, "optimize": True}])
def test_however_many_read_they_find_the_same_blocks(
    monkeypatch: pytest.MonkeyPatch, least: int, run_up: int, few: int, options: dict[str, object]
) -> None:
    bits, codings, groups = stream(**options)
    monkeypatch.setattr(jpeg_hops, "_LEAST", 10**9)
    true = jpeg_hops.read_scan([bits], codings, [groups])
    monkeypatch.setattr(jpeg_hops, "_LEAST", least)
    monkeypatch.setattr(jpeg_hops, "_RUN_UP", run_up)
    monkeypatch.setattr(jpeg_hops, "_FEW", few)
    found = jpeg_hops.read_scan([bits], codings, [groups])
    assert np.array_equal(found.starts, true.starts)
    assert np.array_equal(found.ends, true.ends)
    assert (found.starts.ravel()[1:] == found.ends.ravel()[:-1]).all()


@settings(max_examples=100, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.binary(min_size=6, max_size=6), st.integers(0, 48), st.integers(0, 48)), max_size=6)
)
def test_joined_bits(pieces: list[tuple[bytes, int, int]]) -> None:
    spans = [(data, min(one, other), max(one, other)) for data, one, other in pieces]
    text = "".join(f"{int.from_bytes(data):048b}"[start:stop] for data, start, stop in spans)
    text += "1" * (-len(text) % 8)
    want = bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8)).replace(b"\xff", b"\xff\0")
    assert joined([(np.frombuffer(data, np.uint8), start, stop) for data, start, stop in spans]) == want


def test_a_change_arrives() -> None:
    data = jpeg(picture(96, 96), quality=95, subsampling=0)
    before = decoded(data)
    after = before.copy()
    after[30:70, 20:60] = (after[30:70, 20:60] * 0.6 + 40).astype(np.uint8)
    blocks = JpegBlocks.parse(data)
    assert blocks is not None
    new = decoded(blocks.edited(before, after))
    anew = decoded(jpeg(after, quality=95, subsampling=0))
    faults = [np.abs(each.astype(int) - after)[30:70, 20:60].mean() for each in (new, anew)]
    assert faults[0] < 1.05 * faults[1]
    assert blocks.edited(before, before) == data


def test_tables_that_lack_a_code_give_way_to_the_usual_ones() -> None:
    flat = np.full((32, 32, 3), 90, np.uint8)
    data = jpeg(flat, optimize=True)
    blocks = JpegBlocks.parse(data)
    assert blocks is not None
    after = picture(32, 32)
    new = decoded(blocks.edited(decoded(data), after))
    assert np.abs(new.astype(int) - decoded(jpeg(after))).mean() < 3


@pytest.mark.parametrize("data", [jpeg(picture(40, 40), progressive=True), jpeg(picture(40, 40), mode="CMYK")])
def test_kinds_that_are_not_read(data: bytes) -> None:
    assert JpegBlocks.parse(data) is None


@settings(max_examples=100, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), put=st.binary(max_size=20))
def test_damage_is_no_crash(place: float, put: bytes) -> None:
    data = jpeg(picture(40, 40), quality=60)
    start = int(place * len(data))
    damaged = data[:start] + put + data[start + len(put) :]
    if (found := JpegBlocks.parse(damaged)) is not None and len(found.scan.starts) < 1000:
        before = np.zeros((found.height, found.width, 3), np.uint8)
        found.edited(before, before + 1)
