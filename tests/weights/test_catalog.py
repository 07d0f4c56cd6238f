import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mien.core.card import Figure, ModelCard
from mien.core.errors import ModelError, OutputError, UsageError
from mien.weights import catalog

CARD = ModelCard(
    name="landmarks",
    file="landmarks.onnx",
    sha256="0123456789abcdef" * 4,
    size=4_600_000,
    licence="MIT",
    purpose="A square cut round a face in, 478 points out.",
    input='[1, 1, 128, 128] luminance 0 to 255, "upright"',
    output_basis="arkit",
    paper="our own",
    recipe="mien-train landmarks --steps 14000 \\\n  --batch 128",
    data="FFHQ (CC BY-NC-SA), labels by a teacher\tof Apache-2.0",
    weakness="profiles beyond 75°",
    figures=(Figure("error", 2.25, "% IOD", "mien eval landmarks"), Figure("time", 3, "ms", "mien bench")),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_card_comes_back(tmp_path: Path) -> None:
    path = catalog.write_card(CARD, tmp_path)
    assert path == tmp_path / "landmarks.toml"
    assert catalog.cards(tmp_path) == (CARD,)
    assert tomllib.loads(path.read_text(encoding="utf-8"))["figures"][0]["what"] == "error"


@FEW
@given(
    name=NAMES,
    texts=st.lists(TEXTS, min_size=7, max_size=7),
    basis=st.sampled_from(["arkit", None]),
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3),
)
def test_any_card_comes_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, texts: list[str], basis: str | None, values: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("cards")
    keys = ("licence", "purpose", "input", "paper", "recipe", "data", "weakness")
    figures = tuple(Figure(texts[k], value, texts[k + 1], texts[k + 2]) for k, value in enumerate(values))
    said: dict[str, Any] = dict(zip(keys, texts, strict=True))
    card = replace(CARD, name=name, output_basis=basis, figures=figures, **said)
    catalog.write_card(card, folder)
    assert catalog.cards(folder) == (card,)


def test_numbers_of_numpy_are_written_as_numbers(tmp_path: Path) -> None:
    figure = Figure("error", np.float64(2.5), "%", "eval")
    card = replace(CARD, size=cast(int, np.int64(12)), figures=(figure,))
    catalog.write_card(card, tmp_path)
    assert catalog.cards(tmp_path) == (card,)


def test_cards_are_sorted_and_other_files_are_let_be(tmp_path: Path) -> None:
    for name in ("landmarks", "finder", "expression"):
        catalog.write_card(replace(CARD, name=name), tmp_path)
    (tmp_path / "landmarks.onnx").write_bytes(b"weights")
    assert [card.name for card in catalog.cards(tmp_path)] == ["expression", "finder", "landmarks"]


def test_writing_twice_keeps_the_last(tmp_path: Path) -> None:
    catalog.write_card(CARD, tmp_path)
    catalog.write_card(replace(CARD, licence="CC0"), tmp_path)
    assert catalog.cards(tmp_path)[0].licence == "CC0"


def test_no_folder_no_cards(tmp_path: Path) -> None:
    assert catalog.cards(tmp_path / "nothing") == ()


def test_a_card_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "shipped", lambda: tmp_path)
    with pytest.raises(UsageError, match=r"landmarks: E_USAGE: there is no such model .*no weights"):
        catalog.card("landmarks")
    catalog.write_card(CARD, tmp_path)
    catalog.write_card(replace(CARD, name="finder"), tmp_path)
    assert catalog.card("landmarks") == CARD
    with pytest.raises(UsageError, match=r"smile: E_USAGE: .*\(known are finder, landmarks\)"):
        catalog.card("smile")


def test_what_is_shipped_can_be_read() -> None:
    assert [card.name for card in catalog.cards()] == sorted(card.name for card in catalog.cards())


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ('licence = "MIT"\n', "", "licence is missing"),
        ('licence = "MIT"', 'licence = ""', "licence must be stated"),
        ('licence = "MIT"', "licence = 3", "licence must be a text"),
        ('licence = "MIT"', 'license = "MIT"', "licen[cs]e is"),
        ('licence = "MIT"', 'licence = "MIT"\ncolour = "blue"', "colour is not a key of a card"),
        ('licence = "MIT"', "licence = MIT", "Invalid value"),
        ("size = 4600000", "size = true", "size must be a whole number"),
        ("size = 4600000", "size = 4.6e6", "size must be a whole number"),
        ("size = 4600000", "size = 0", "size must be above 0"),
        ("0123456789abcdef", "", "sha256 must be 64"),
        ('output_basis = "arkit"', 'output_basis = "runes"', "there is no basis runes"),
        ('name = "landmarks"', 'name = "finder"', "name must be landmarks, as the file is called, got finder"),
        ('file = "landmarks.onnx"', 'file = "../evil.onnx"', "file must be letters"),
        ("value = 2.25", "value = nan", r"figures\[0\].value must be finite"),
        ("value = 2.25", f"value = {10**400}", "too large"),
        ("value = 2.25", 'value = "2"', r"figures\[0\].value must be a number"),
        ('unit = "ms"\n', "", r"figures\[1\].unit is missing"),
        ('unit = "ms"', 'unit = "ms"\ncolour = 1', r"figures\[1\].colour is not a key"),
    ],
)
def test_names_what_is_wrong_in_a_card(tmp_path: Path, old: str, new: str, cause: str) -> None:
    path = catalog.write_card(CARD, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ModelError, match=f"landmarks.toml: E_MODEL: .*{cause}"):
        catalog.cards(tmp_path)


@pytest.mark.parametrize("content", [b"\xff", b"figures = 3", b"figures = [3]", b"x = " + b"[" * 3000, b"\0"])
def test_refuses_what_is_no_card(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "landmarks.toml").write_bytes(content)
    with pytest.raises(ModelError, match="E_MODEL"):
        catalog.cards(tmp_path)


def test_a_folder_named_like_a_card(tmp_path: Path) -> None:
    (tmp_path / "landmarks.toml").mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        catalog.cards(tmp_path)


@pytest.mark.parametrize(
    "card",
    [
        replace(CARD, name="../evil"),
        replace(CARD, file="/etc/passwd"),
        replace(CARD, size=0),
        replace(CARD, data="lone \udcff"),
        replace(CARD, figures=(Figure("error", float("nan"), "%", "eval"),)),
    ],
)
def test_a_card_that_cannot_be_kept_is_not_written(tmp_path: Path, card: ModelCard) -> None:
    with pytest.raises(ValueError, match=r"."):
        catalog.write_card(card, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"landmarks\.toml: E_WRITE: cannot be written: No such file"):
        catalog.write_card(CARD, tmp_path / "nothing")
