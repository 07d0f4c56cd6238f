"""Bringing weights that do not come with mien: from a file that the user has, or from their makers' own address."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from mien.compose.fetching import Fetcher
from mien.core.card import ModelCard
from mien.core.errors import ModelError, OutputExists
from mien.formats.files import make_folder, replacing
from mien.weights.brought import brought_path, read_brought

_LIMIT = 2**26
_AGAIN = "try again later"


def add_model(card: ModelCard, path: Path, overwrite: bool = False) -> Path:
    """Copies the file at `path`, which must be the one that `card` describes, to where it is looked for.

    Raises:
        ModelError: E_MODEL: it cannot be read, or is another file; nothing is installed.
        OutputExists: it is installed already, and nobody said that it may be replaced.
        OutputError: the disk refuses.
    """
    _check_absent(card, overwrite)
    return _keep(card, read_brought(card, path), overwrite)


def fetch_model(
    card: ModelCard,
    overwrite: bool = False,
    came: Callable[[int], None] = lambda count: None,
    *,
    address: str | None = None,
) -> Path:
    """Downloads the file that `card` describes from its makers, checks it, and puts it where it is looked for.

    Args:
        card: what it must be.
        overwrite: whether one that is there already may be replaced.
        came: called with the number of bytes of each part that has come.
        address: where it is published; None for the card's.

    Raises:
        ModelError: E_FETCH: the network or the server failed, or sent another file; nothing is installed.
        OutputExists, OutputError: as `add_model`.
    """
    address = address or card.address
    if address is None:
        raise ModelError(card.name, "E_FETCH", "is published nowhere", f"`mien models add {card.name} PATH` takes it")
    _check_absent(card, overwrite)
    nothing = f"nothing was installed; get the file by hand and use `mien models add {card.name} PATH`"
    content = Fetcher(address, min(2 * card.size, _LIMIT), _AGAIN, nothing).get(address, came)
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        cause = f"is not the file that mien knows: sha256 {found[:12]}… expected {card.sha256[:12]}…"
        raise ModelError(address, "E_FETCH", cause, nothing)
    return _keep(card, content, overwrite)


def _check_absent(card: ModelCard, overwrite: bool) -> None:
    """Finds out, before any work is done, what would end it."""
    target = brought_path(card)
    make_folder(target.parent)
    if target.exists() and not overwrite:
        raise OutputExists(target, "E_EXISTS", f"{card.name} is installed already", "--overwrite replaces it")


def _keep(card: ModelCard, content: bytes, overwrite: bool) -> Path:
    target = brought_path(card)
    with replacing(target, overwrite) as part:
        part.write_bytes(content)
    return target
