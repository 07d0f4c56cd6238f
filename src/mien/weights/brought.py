"""Weights that do not come with mien: their cards, and where the user's own copies of the files lie."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import platformdirs

from mien.core.card import ModelCard
from mien.core.errors import ModelError, UsageError
from mien.weights.catalog import cards
from mien.weights.store import read_file


def optional() -> Traversable:
    """The folder of their cards."""
    return files("mien.weights").joinpath("optional")


def brought_cards() -> tuple[ModelCard, ...]:
    """The cards of all weights that a user may bring, by name. Raises `ModelError` as `catalog.cards`."""
    return cards(optional())


def brought_card(name: str) -> ModelCard:
    """The card of that name. Raises `UsageError`: E_USAGE: there is none; says which there are."""
    known = {card.name: card for card in brought_cards()}
    if name not in known:
        raise UsageError(name, "E_USAGE", "there is no such model to bring", f"known are {', '.join(known)}")
    return known[name]


def brought_path(card: ModelCard) -> Path:
    """Where the file of `card` is looked for: in the user's data folder. Nothing is made."""
    return platformdirs.user_data_path("mien") / "models" / card.file


def how_to_bring(card: ModelCard) -> str:
    """What to do to get the file of `card`."""
    return f"`mien models fetch {card.name}` downloads it, `mien models add {card.name} PATH` takes what you have"


def read_brought(card: ModelCard, path: Path | None = None) -> bytes:
    """The content of the file that `card` describes; only the very file that is meant is ever used.

    Args:
        card: what the file must be.
        path: where it lies; None for `brought_path`.

    Raises:
        ModelError: E_MODEL: it is missing, cannot be read, or is another file.
    """
    if path is None and not brought_path(card).exists():
        raise ModelError(card.name, "E_MODEL", "is not installed", how_to_bring(card))
    return read_file(card, path or brought_path(card), f"only the file of its makers is used: {how_to_bring(card)}")
