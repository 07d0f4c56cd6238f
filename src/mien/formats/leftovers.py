"""The names of half-written files, and which of them nobody will finish.

A killed program leaves its half-written files behind. Their names say which process was at work on which machine, so
that the next run can tell its dead from another's living.
"""

import hashlib
import os
import platform
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_NAME = re.compile(r"\.mien-([0-9a-f]{8})-(\d+)-[0-9a-f]{16}(\..*)?")


def temporary_beside(target: Path) -> Path:
    """A name beside `target`, with its suffix, that no other file has; nothing is made."""
    return target.parent / f".mien-{_machine()}-{os.getpid()}-{secrets.token_hex(8)}{target.suffix}"


def sweep(folders: Iterable[Path]) -> int:
    """Removes, from each folder itself, the half-written files of processes of this machine that are no more.

    Returns:
        How many there were.
    """
    count = 0
    for folder in folders:
        with suppress(OSError):
            for entry in os.scandir(folder):
                found = _NAME.fullmatch(entry.name)
                if found and found[1] == _machine() and not _lives(int(found[2])):
                    with suppress(OSError):
                        os.unlink(entry)
                        count += 1
    return count


def _machine() -> str:
    return hashlib.sha256(platform.node().encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _lives(process: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is no question but an end
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return True
