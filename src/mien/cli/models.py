"""`mien models`: what the weight files are, where they came from, and whether they are still what they were."""

import tyro
from rich.console import Console
from rich.filesize import decimal
from rich.table import Column, Table
from rich.text import Text

from mien.core.card import ModelCard
from mien.core.errors import ModelError
from mien.weights import catalog, store

_NONE = "this copy of mien has no weights: reinstall it"


def list_models(verbose: bool = False) -> int:
    """Lists the weight files that come with mien.

    Args:
        verbose: print each card whole: training data, licence, known weakness, and every measured figure.
    """
    console, cards = Console(), catalog.cards()
    if not cards:
        console.print(Text(_NONE))
    elif verbose:
        for card in cards:
            _print_card(console, card)
    else:
        table = Table(*(Column(head, no_wrap=True) for head in ("name", "licence", "size", "sha256")), "purpose")
        for card in cards:
            table.add_row(*map(Text, (card.name, card.licence, decimal(card.size), card.sha256[:12], card.purpose)))
        console.print(table)
    return 0


def show_model(name: tyro.conf.Positional[str]) -> int:
    """Prints the whole card of one weight file: what it was trained on, where it is weak, what was measured.

    Args:
        name: as `mien models` lists it.
    """
    _print_card(Console(), catalog.card(name))
    return 0


def verify_models() -> int:
    """Hashes every weight file again and says which still are what their cards say; exit code 3 when one is not."""
    console, cards = Console(), catalog.cards()
    if not cards:
        console.print(Text(_NONE))
        return ModelError.exit_code
    code = 0
    for card in cards:
        try:
            store.verify(card)
        except ModelError as error:
            code = error.exit_code
            console.print(Text(f"{card.name}: changed: {error}"), soft_wrap=True)
        else:
            console.print(Text(f"{card.name}: ok"), soft_wrap=True)
    return code


def _print_card(console: Console, card: ModelCard) -> None:
    about = Table.grid(padding=(0, 2))
    rows = {
        "name": card.name,
        "purpose": card.purpose,
        "file": f"{card.file}, {decimal(card.size)}",
        "sha256": card.sha256,
        "licence": card.licence,
        "input": card.input,
        "output basis": card.output_basis or "no expression",
        "implements": card.paper,
        "trained by": card.recipe,
        "trained on": card.data,
        "weakness": card.weakness,
    }
    for key, value in rows.items():
        about.add_row(Text(key), Text(value, overflow="fold"))
    console.print(about)
    if card.figures:
        figures = Table("measured", "value", "measured again by")
        for figure in card.figures:
            figures.add_row(*map(Text, (figure.what, f"{figure.value:g} {figure.unit}".rstrip(), figure.command)))
        console.print(figures)
