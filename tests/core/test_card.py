"""Model cards: what must be stated before a weight file is used."""

from typing import Any

import pytest

from mien.core.basis import ARKIT
from mien.core.card import Figure, ModelCard


def card(**changes: Any) -> ModelCard:
    stated: dict[str, Any] = {
        "name": "landmarks",
        "file": "landmarks.onnx",
        "sha256": "0123456789abcdef" * 4,
        "size": 1234,
        "licence": "MIT",
        "purpose": "From a cut of a face to 478 points.",
        "input": "[N, 1, 128, 128] luminance, 0 to 1",
        "output_basis": "arkit",
        "paper": "our own",
        "recipe": "mien train landmarks",
        "data": "synthetic renders, CC0",
        "weakness": "profiles",
    }
    return ModelCard(**{**stated, **changes})


def test_card_finds_its_basis() -> None:
    assert card().basis is ARKIT
    assert card(output_basis=None).basis is None


def test_card_carries_its_figures() -> None:
    figure = Figure("mean error", 3.2, "% of IOD", "mien evaluate landmarks")
    assert card().figures == ()
    assert card(figures=(figure,)).figures == (figure,)


@pytest.mark.parametrize("sha256", ["", "0" * 63, "0" * 65, "G" + "0" * 63, "A" * 64, "0" * 64 + "\n"])
def test_card_refuses_what_is_no_hash(sha256: str) -> None:
    with pytest.raises(ValueError, match="card landmarks: sha256 must be 64 hexadecimal digits"):
        card(sha256=sha256)


@pytest.mark.parametrize("name", ["licence", "data", "recipe"])
def test_card_must_state_where_it_comes_from(name: str) -> None:
    with pytest.raises(ValueError, match=f"card landmarks: {name} must be stated"):
        card(**{name: ""})


def test_card_refuses_an_unknown_basis() -> None:
    with pytest.raises(ValueError, match="card landmarks: there is no basis mediapipe"):
        card(output_basis="mediapipe")


def test_cards_are_values() -> None:
    assert card() == card()
    assert card(size=1) != card()
    assert hash(card()) == hash(card())
