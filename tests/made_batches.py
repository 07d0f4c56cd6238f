"""Sources of batches that need no picture: workers do what their names say (`made_poison`)."""

import os
from pathlib import Path


def named(folder: Path, *names: str) -> list[Path]:
    """Sources of these names in the folder `in`, each with a content of its own."""
    paths = [folder / "in" / name for name in names]
    for path in paths:
        path.write_bytes(os.fsencode(path.name))
    return paths
