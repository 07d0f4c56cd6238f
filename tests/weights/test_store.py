import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mien.core.card import ModelCard
from mien.core.errors import ModelError
from mien.weights import catalog
from mien.weights.store import read_weights, verify

WEIGHTS = bytes(range(256)) * 40


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    (tmp_path / "landmarks.onnx").write_bytes(WEIGHTS)
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    texts: dict[str, Any] = {key: key for key in ("licence", "purpose", "input", "paper", "recipe", "data", "weakness")}
    return ModelCard("landmarks", "landmarks.onnx", digest, len(WEIGHTS), output_basis=None, **texts)


def test_gives_the_bytes_that_were_hashed(tmp_path: Path, card: ModelCard) -> None:
    assert read_weights(card, tmp_path) == WEIGHTS
    verify(card, tmp_path)


def test_shipped_weights_are_the_default(tmp_path: Path, card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "shipped", lambda: tmp_path)
    assert read_weights(card) == WEIGHTS
    verify(card)


def test_reads_once(tmp_path: Path, card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    path_open = Path.open

    def counted(path: Path, mode: str = "r") -> object:
        opened.append(path)
        return path_open(path, mode)

    monkeypatch.setattr(Path, "open", counted)
    read_weights(card, tmp_path)
    assert opened == [tmp_path / "landmarks.onnx"]


@pytest.mark.parametrize("place", [0, 7, 5000, len(WEIGHTS) - 1])
@pytest.mark.parametrize("bit", [0, 7])
def test_one_flipped_bit_is_refused_by_name(tmp_path: Path, card: ModelCard, place: int, bit: int) -> None:
    data = bytearray(WEIGHTS)
    data[place] ^= 1 << bit
    (tmp_path / "landmarks.onnx").write_bytes(data)
    found = hashlib.sha256(data).hexdigest()[:12]
    with pytest.raises(ModelError) as caught:
        read_weights(card, tmp_path)
    assert str(caught.value) == (
        f"landmarks.onnx: E_MODEL: sha256 {found}… expected {card.sha256[:12]}…"
        " (reinstall mien, or fetch the file again)"
    )
    assert caught.value.exit_code == 3
    with pytest.raises(ModelError):
        verify(card, tmp_path)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4600000\n"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (WEIGHTS[:-1], "sha256 .*… expected .*…: 10239 of 10240 bytes"),
        (b"", ".*: 0 of 10240 bytes"),
        (WEIGHTS + b"\0", "larger than the expected 10240 bytes"),
        (LFS, "git-lfs pointer, content was never fetched"),
        (b"<!doctype html>", ".*: 15 of 10240 bytes"),
    ],
)
def test_says_how_a_file_is_wrong(tmp_path: Path, card: ModelCard, content: bytes, cause: str) -> None:
    (tmp_path / "landmarks.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=f"landmarks.onnx: E_MODEL: {cause}"):
        read_weights(card, tmp_path)


def test_the_size_counts_even_when_the_hash_is_right(tmp_path: Path, card: ModelCard) -> None:
    with pytest.raises(ModelError, match="10240 of 10241 bytes"):
        read_weights(replace(card, size=10241), tmp_path)


def test_a_missing_file_a_folder_and_a_pipe(tmp_path: Path, card: ModelCard) -> None:
    for name in ("nothing.onnx", "folder", "pipe"):
        if name == "folder":
            (tmp_path / name).mkdir()
        if name == "pipe":
            os.mkfifo(tmp_path / name)
        with pytest.raises(ModelError, match=f"{name}: E_MODEL: the file is missing"):
            read_weights(replace(card, file=name), tmp_path)


def test_a_card_never_leads_out_of_its_folder(tmp_path: Path, card: ModelCard) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for name in ("../landmarks.onnx", str(tmp_path / "landmarks.onnx"), ".."):
        with pytest.raises(ModelError, match="E_MODEL"):
            read_weights(replace(card, file=name), inner)


def test_a_disk_that_refuses(tmp_path: Path, card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str = "r") -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ModelError, match="cannot be read: Permission denied"):
        read_weights(card, tmp_path)
