"""A card of weights that a user brings, with a file to go with it; neither is anybody's model."""

import hashlib

from mien.core.card import ModelCard

CONTENT = bytes(range(256)) * 4000


def made_card() -> ModelCard:
    """The card of `CONTENT`."""
    return ModelCard(
        name="guest",
        file="guest.task",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        licence="MIT",
        purpose="Nothing.",
        input="none",
        output_basis=None,
        paper="none",
        recipe="made for a test",
        data="none",
        weakness="reads nothing",
        address="https://models.invalid/guest.task",
    )
