import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import tyro
from made_brought import CONTENT, made_card
from served import running

from mien.cli.main import run
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


class TestBrought:
    """Weights that do not ship."""

    CARD = made_card()

    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "cards").mkdir()
        catalog.write_card(self.CARD, tmp_path / "cards")
        monkeypatch.setattr("mien.weights.brought.optional", lambda: tmp_path / "cards")
        monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / "data" / name)
        monkeypatch.setenv("COLUMNS", "400")
        (tmp_path / "mine.task").write_bytes(CONTENT)

    def test_is_listed_with_how_to_get_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["models"]) == 0
        (row,) = [line for line in capsys.readouterr().out.splitlines() if "guest" in line]
        assert "Not installed: `mien models fetch guest` downloads it, `mien models add guest PATH`" in row

    def test_is_added_listed_shown_and_verified(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["models", "add", "guest", str(tmp_path / "mine.task")]) == 0
        place = tmp_path / "data" / "mien" / "models" / "guest.task"
        assert capsys.readouterr().err == f"installed {place}\n"
        assert run(["models", "add", "guest", str(tmp_path / "mine.task")]) == 2
        assert run(["models"]) == 0
        assert f"Installed: {place}" in capsys.readouterr().out
        assert run(["models", "show", "guest"]) == 0
        assert "https://models.invalid/guest.task" in capsys.readouterr().out
        assert run(["models", "verify"]) == 0
        assert capsys.readouterr().out == "finder: ok\nlandmarks: ok\nguest: ok\n"
        place.write_bytes(CONTENT[:-1] + b"\0")
        assert run(["models", "verify"]) == 3
        assert "guest: changed: " in capsys.readouterr().out

    def test_other_files_and_names_are_refused_in_one_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "other.task").write_bytes(b"no model")
        for arguments, code in (
            (["add", "guest", str(tmp_path / "other.task")], 3),
            (["add", "guest", str(tmp_path / "nowhere.task")], 3),
            (["add", "landmarks", str(tmp_path / "mine.task")], 2),
            (["fetch", "landmarks"], 2),
        ):
            assert run(["models", *arguments]) == code
            assert capsys.readouterr().err.count("\n") == 1

    def test_is_fetched_with_its_address_and_licence_said(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with running({"guest.task": CONTENT}, monkeypatch) as server:
            here = replace(self.CARD, address=server.base + "guest.task")
            catalog.write_card(here, tmp_path / "cards")
            assert run(["models", "fetch", "guest"]) == 0
            said = capsys.readouterr().err
            for text in (f"from    {here.address}", "size    1.0 MB", "licence MIT", "installed "):
                assert text in said
            assert server.asked == ["guest.task"]
            assert run(["models", "fetch", "guest"]) == 2
            assert server.asked == ["guest.task"]
