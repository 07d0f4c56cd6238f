import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core.card import ModelCard
from mien.core.errors import ModelError
from mien.runtime.session import MOST_THREADS, OnnxSession, available_cores
from mien.weights.catalog import card, shipped


def put(folder: Path, content: bytes) -> ModelCard:
    """A file that its card describes rightly, whatever it is."""
    (folder / "finder.onnx").write_bytes(content)
    return replace(card("finder"), sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def test_runs_the_shipped_network_and_keeps_its_card() -> None:
    session = OnnxSession(card("finder"))
    assert session.card == card("finder")
    score, box, points = session(np.zeros((1, 1, 64, 96), np.float32))
    assert score.ndim == 2
    assert box.shape == (*score.shape, 4)
    assert points.shape == (*score.shape, 10)
    assert all(np.isfinite(output).all() for output in (score, box, points))


def test_other_number_types_are_widened_and_strides_do_not_matter() -> None:
    session = OnnxSession(card("finder"))
    picture = np.random.default_rng(0).integers(0, 256, (1, 1, 64, 64), np.uint8)
    for one, other in zip(session(picture), session(picture.astype(np.float32)), strict=True):
        np.testing.assert_array_equal(one, other)
    turned = np.swapaxes(picture, 2, 3)
    for one, other in zip(session(turned), session(turned.copy()), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("place", [0, 40_000, -1])
def test_a_flipped_bit_is_refused_by_name(tmp_path: Path, place: int) -> None:
    content = bytearray(shipped().joinpath("finder.onnx").read_bytes())
    content[place] ^= 8
    (tmp_path / "finder.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"finder.onnx: E_MODEL: sha256") as caught:
        OnnxSession(card("finder"), tmp_path)
    assert caught.value.source == "finder.onnx"
    assert caught.value.exit_code == 3


def test_the_unchanged_copy_is_taken(tmp_path: Path) -> None:
    copy = put(tmp_path, shipped().joinpath("finder.onnx").read_bytes())
    assert copy.sha256 == card("finder").sha256
    assert OnnxSession(copy, tmp_path).card is copy


@pytest.mark.parametrize("content", [b"<!doctype html>", b"\0" * 64, bytes(range(256)) * 8])
def test_what_is_no_network_is_refused_though_its_card_says_so(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelError, match=r"finder.onnx: E_MODEL: is no network") as caught:
        OnnxSession(put(tmp_path, content), tmp_path)
    assert "\n" not in str(caught.value)


def test_half_a_network_is_refused_though_its_card_says_so(tmp_path: Path) -> None:
    content = shipped().joinpath("finder.onnx").read_bytes()
    with pytest.raises(ModelError, match="E_MODEL"):
        OnnxSession(put(tmp_path, content[: len(content) // 2]), tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"finder.onnx: E_MODEL: the file is missing"):
        OnnxSession(card("finder"), tmp_path)


@pytest.mark.parametrize("count", [0, 2])
def test_another_number_of_inputs_is_refused(count: int) -> None:
    session = OnnxSession(card("finder"))
    with pytest.raises(ValueError, match="zip"):
        session(*[np.zeros((1, 1, 64, 64), np.float32)] * count)


def test_threads_are_few() -> None:
    assert 1 <= MOST_THREADS <= 4
    assert available_cores() >= 1
