"""What the command `mien` starts with: next to nothing, for each worker of a batch imports it once more."""

from typing import NoReturn


def main() -> NoReturn:
    """Runs the command line."""
    from mien.cli.main import main as run

    run()
