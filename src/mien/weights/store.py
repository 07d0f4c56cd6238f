"""Weight files: read once, and believed only when size and SHA-256 are those of the card."""

import hashlib
from importlib.resources.abc import Traversable
from pathlib import Path

from mien.core.card import ModelCard
from mien.core.errors import ModelError
from mien.weights import catalog

_REMEDY = "reinstall mien, or fetch the file again"


def read_weights(card: ModelCard, folder: Path | None = None) -> bytes:
    """The content of the weight file that `card` describes.

    The bytes returned are the very bytes that were hashed: nothing can change between the check and the use.

    Args:
        card: what the file must be.
        folder: where it lies; by default where the shipped weights are.

    Raises:
        ModelError: E_MODEL: the file is missing, of another size, changed, or a git-lfs pointer.
    """
    if Path(card.file).name != card.file:
        raise ModelError(card.file, "E_MODEL", f"card {card.name} names a path, not a file", _REMEDY)
    return read_file(card, (catalog.shipped() if folder is None else folder).joinpath(card.file), _REMEDY, card.file)


def read_file(card: ModelCard, place: Traversable | Path, remedy: str, called: object = None) -> bytes:
    """The content of one file, which must be the one that `card` describes.

    Args:
        card: what the file must be.
        place: where it lies.
        remedy: what to do when it is not.
        called: what a message calls it; None for its path.

    Raises:
        ModelError: E_MODEL: the file is missing, of another size, changed, or a git-lfs pointer.
    """
    called = place if called is None else called
    if not place.is_file():
        raise ModelError(called, "E_MODEL", "the file is missing", remedy)
    try:
        with place.open("rb") as stream:
            data: bytes = stream.read(card.size + 1)
    except OSError as error:
        cause = f"cannot be read: {error.strerror or type(error).__name__}"
        raise ModelError(called, "E_MODEL", cause, remedy) from error
    check_weights(card, data, called, remedy)
    return data


def verify(card: ModelCard, folder: Path | None = None) -> None:
    """Reads and hashes the weight file of `card` again.

    Raises:
        ModelError: as `read_weights` does.
    """
    read_weights(card, folder)


def check_weights(card: ModelCard, data: bytes, called: object, remedy: str) -> None:
    """Refuses content that is not what `card` describes.

    Args:
        card: what it must be.
        data: the content.
        called: what a message calls it.
        remedy: what to do.

    Raises:
        ModelError: E_MODEL: it is something else.
    """
    found = hashlib.sha256(data).hexdigest()
    if found == card.sha256 and len(data) == card.size:
        return
    if data.startswith(b"version https://git-lfs"):
        cause = "git-lfs pointer, content was never fetched"
    elif len(data) > card.size:
        cause = f"larger than the expected {card.size} bytes"
    elif len(data) < card.size:
        cause = f"sha256 {found[:12]}… expected {card.sha256[:12]}…: {len(data)} of {card.size} bytes are there"
    else:
        cause = f"sha256 {found[:12]}… expected {card.sha256[:12]}…"
    raise ModelError(called, "E_MODEL", cause, remedy)
