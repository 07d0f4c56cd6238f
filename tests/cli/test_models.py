import hashlib
from pathlib import Path

import pytest
import tyro

from mien.cli.models import list_models, show_model, verify_models
from mien.core.card import Figure, ModelCard
from mien.core.errors import UsageError
from mien.weights import catalog

TEXTS = {
    "licence": "MIT",
    "purpose": "reads [1, 1, 128, 128] pixels",
    "input": "luminance",
    "paper": "our own",
    "recipe": "train --steps 10",
    "data": "synthetic faces [CC0]",
    "weakness": "profiles",
}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(catalog, "shipped", lambda: tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    for name in ("finder", "landmarks"):
        data = name.encode() * 300
        (tmp_path / f"{name}.onnx").write_bytes(data)
        figures = (Figure("error on [wild] faces", 2.25, "% IOD", "mien eval"),)
        digest = hashlib.sha256(data).hexdigest()
        card = ModelCard(name, f"{name}.onnx", digest, len(data), output_basis=None, figures=figures, **TEXTS)
        catalog.write_card(card, tmp_path)
    return tmp_path


def test_lists_each_model_on_a_row(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list_models() == 0
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if "landmarks" in line]
    for text in ("MIT", "2.7 kB", catalog.card("landmarks").sha256[:12], "reads [1, 1, 128, 128] pixels"):
        assert text in row
    assert "finder" in out


def test_verbose_prints_whole_cards(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list_models(verbose=True) == 0
    out = capsys.readouterr().out
    assert out.count("synthetic faces [CC0]") == 2
    assert out.count("2.25 % IOD") == 2


def test_shows_one_card(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tyro.cli(show_model, args=["landmarks"]) == 0
    out = capsys.readouterr().out
    for text in (*TEXTS.values(), catalog.card("landmarks").sha256, "error on [wild] faces", "mien eval"):
        assert text in out
    assert "finder" not in out


def test_a_hash_stays_on_one_line_of_80(
    shipped: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_model("landmarks")
    assert catalog.card("landmarks").sha256 in capsys.readouterr().out


def test_an_unknown_name(shipped: Path) -> None:
    with pytest.raises(UsageError, match="known are finder, landmarks"):
        show_model("smile")


def test_verifies_each(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_models() == 0
    assert capsys.readouterr().out == "finder: ok\nlandmarks: ok\n"


def test_verify_names_what_changed(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shipped / "finder.onnx").write_bytes(b"x" + (shipped / "finder.onnx").read_bytes()[1:])
    assert verify_models() == 3
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("finder: changed: finder.onnx: E_MODEL: sha256 ")
    assert second == "landmarks: ok"


def test_no_weights_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(catalog, "shipped", lambda: tmp_path)
    assert list_models() == 0
    assert verify_models() == 3
    assert capsys.readouterr().out.count("no weights") == 2
