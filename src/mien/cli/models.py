"""`mien models`: what the weight files are, where they came from, and whether they are still what they were."""

from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.filesize import decimal
from rich.table import Column, Table
from rich.text import Text

from mien.cli.terminal import bars, say
from mien.compose.model_files import add_model, fetch_model
from mien.core.card import ModelCard
from mien.core.errors import ModelError, printable
from mien.weights import catalog, store
from mien.weights.brought import brought_card, brought_cards, brought_path, how_to_bring, read_brought

_NONE = "this copy of mien has no weights: reinstall it"


def list_models(verbose: bool = False) -> int:
    """Lists the weight files that come with mien, and those that you may bring.

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
            _add_row(table, card, card.purpose)
        for card in brought_cards():
            here = brought_path(card).exists()
            where = f"Installed: {printable(brought_path(card))}" if here else f"Not installed: {how_to_bring(card)}"
            _add_row(table, card, f"{card.purpose} {where}")
        console.print(table)
    return 0


def show_model(name: tyro.conf.Positional[str]) -> int:
    """Prints the whole card of one weight file: what it was trained on, where it is weak, what was measured.

    Args:
        name: as `mien models` lists it.
    """
    brought = {card.name: card for card in brought_cards()}
    _print_card(Console(), brought[name] if name in brought else catalog.card(name))
    return 0


def add_file(
    name: tyro.conf.Positional[str],
    path: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="PATH")]],
    overwrite: bool = False,
) -> int:
    """Installs weights that do not come with mien from a file that you have.

    Example: mien models add mediapipe face_landmarker.task

    Args:
        name: which weights; `mien models` lists them.
        path: the file as its makers publish it.
        overwrite: replace the one that is installed.
    """
    target = add_model(brought_card(name), path, overwrite)
    say(Console(stderr=True), f"installed {printable(target)}")
    return 0


def fetch_file(name: tyro.conf.Positional[str], overwrite: bool = False) -> int:
    """Downloads weights from their makers' address, checks that they are those that mien knows, and installs them.

    Beside `mien rigs fetch` the only command of mien that downloads anything.

    Args:
        name: which weights; `mien models` lists them.
        overwrite: replace the one that is installed.
    """
    card, err = brought_card(name), Console(stderr=True)
    for line in (f"from    {card.address}", f"size    {decimal(card.size)}", f"licence {card.licence}"):
        say(err, line)
    with bars(err) as progress:
        task = progress.add_task("fetching", total=card.size)
        target = fetch_model(card, overwrite, lambda count: progress.advance(task, count))
    say(err, f"installed {printable(target)}")
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
    for card in brought_cards():
        if brought_path(card).exists():
            code = max(code, _verify_brought(console, card))
    return code


def _verify_brought(console: Console, card: ModelCard) -> int:
    try:
        read_brought(card)
    except ModelError as error:
        console.print(Text(f"{card.name}: changed: {error}"), soft_wrap=True)
        return error.exit_code
    console.print(Text(f"{card.name}: ok"), soft_wrap=True)
    return 0


def _add_row(table: Table, card: ModelCard, purpose: str) -> None:
    table.add_row(*map(Text, (card.name, card.licence, decimal(card.size), card.sha256[:12], purpose)))


def _print_card(console: Console, card: ModelCard) -> None:
    about = Table.grid(padding=(0, 2))
    rows = {
        "name": card.name,
        "purpose": card.purpose,
        "file": f"{card.file}, {decimal(card.size)}",
        "sha256": card.sha256,
        "licence": card.licence,
        **({} if card.address is None else {"published at": card.address}),
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
