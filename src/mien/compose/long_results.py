"""Results so long that reading them again takes minutes, or that mien itself does not read."""

import os
from collections.abc import Sequence
from pathlib import Path

from mien.compose.done import Done, Steps
from mien.compose.naming import is_pattern, named
from mien.compose.outputs import TABLES, BatchOptions
from mien.formats.files import READ_LIMIT
from mien.formats.takes import JSON_LIMIT

LONG_TAKE = 1 << 29
"""Bytes of a take as JSON that are worth a warning: some twenty minutes of a face."""


def note_long_results(results: Sequence[Done], batch: BatchOptions, steps: Steps) -> None:
    """Warns (`W_LONG`) of what a batch wrote and nobody will like to read, once it is written."""
    good = [done.path for done in results if done.error is None]
    for output in batch.outputs if good else ():
        for target in [named(output, path, batch.base) for path in good] if is_pattern(output) else [output]:
            if cause := _long(target):
                steps.warned(target, "W_LONG", cause)


def _long(target: Path) -> str:
    """What is to be said of a result; nothing of one that is short, or gone."""
    ending = target.suffix.lower()
    try:
        size = os.stat(target).st_size
    except OSError:
        return ""
    if ending == ".json" and size > LONG_TAKE:
        slow = "take minutes to read" if size <= JSON_LIMIT else "are more than mien reads"
        return f"{size >> 20} MiB of JSON {slow}; .npz keeps more in less than half, and is quick"
    if ending in TABLES and size > READ_LIMIT:
        return (
            f"{size >> 20} MiB of a table is more than mien reads; without --landmarks it is short, and .npz has them"
        )
    return ""
