"""The names of half-written files, and which of them nobody will finish.

A killed program leaves its half-written files behind. Their names say which process was at work, and where: a number
means a process only within one namespace of one running system, and neither a host's name nor a container's tells those
apart. So each file is locked as well while somebody is at work on it: a system lets go of the locks of its dead, and
shows them to every container. By both, the next run tells its dead from another's living.
"""

import hashlib
import os
import platform
import re
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_NAME = re.compile(r"\.mien-([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{16}(\..*)?")
_MACHINE, _SYSTEM = Path("/etc/machine-id"), Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")

_REST = 3600.0
"""Seconds without a change after which a file of a process that cannot be asked about counts as left, if unlocked."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a process runs.

    Args:
        machine: 8 hexadecimal digits, the same after the next start of the machine, if that can be told; else `system`.
        system: likewise, the same until then, for all containers of the machine.
        namespace: within which the number of a process means that process; 0 where there are none.
    """

    machine: str
    system: str
    namespace: int

    @classmethod
    def here(cls) -> Self:
        """That of this process."""
        # What each Linux that was started calls itself: no two are the same, whatever their hosts are called.
        system = _digits(_content(_SYSTEM) or platform.node())
        machine = _content(_MACHINE)  # copies of a machine share it, so that its name counts as well
        try:
            namespace = os.stat(_NAMESPACE).st_ino
        except OSError:
            namespace = 0
        return cls(_digits(machine + platform.node()) if machine else system, system, namespace)


def temporary_beside(target: Path) -> Path:
    """A name beside `target`, with its suffix, that no other file has; nothing is made."""
    here = _Place.here()
    name = f".mien-{here.machine}-{here.system}-{here.namespace}-{os.getpid()}-{secrets.token_hex(8)}{target.suffix}"
    return target.parent / name


@contextmanager
def in_work(path: Path) -> Iterator[None]:
    """Makes the file at `path`, and holds it locked while the block runs. Raises `OSError`, also if it is there.

    A process loses the lock of a file that it opens once more and closes; but that file has changed just then.
    """
    # `O_EXCL` refuses a planted link.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        if not _lock(descriptor):
            os.close(descriptor)
            descriptor = -1
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def sweep(folders: Iterable[Path]) -> int:
    """Removes, from each folder itself, half-written files that nobody is at work on any more.

    What other machines left is for them to remove.

    Returns:
        How many there were.
    """
    count, here = 0, _Place.here()
    for folder in folders:
        with suppress(OSError):
            for entry in os.scandir(folder):
                found = _NAME.fullmatch(entry.name)
                with suppress(OSError):
                    if found and entry.is_file(follow_symlinks=False) and _is_left(Path(entry), found, here):
                        os.unlink(entry)
                        count += 1
    return count


def _is_left(path: Path, name: re.Match[str], here: _Place) -> bool:
    """Whether nobody will finish a file. Raises `OSError` when it is gone."""
    there, process = _Place(name[1], name[2], int(name[3])), int(name[4])
    if (there.system, there.namespace) == (here.system, here.namespace):
        return not _lives(process) and _is_free(path) is not False
    if there.system != here.system and there.machine != here.machine:
        return False
    # Another container's, or from before the machine was started again.
    return time.time() - path.stat().st_mtime > _REST and _is_free(path) is True


def _is_free(path: Path) -> bool | None:
    """Whether nobody holds a file locked; None where that cannot be told."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Locks a file for this process: whether no other one had; None where that cannot be told."""
    if sys.platform == "win32":
        return None  # an open file could not be renamed
    try:
        os.lockf(descriptor, os.F_TLOCK, 0)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # not every file system has locks
        return None
    return True


def _content(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _lives(process: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is no question but an end
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    # Dead, and nobody has asked how: some containers' first process never does.
    return _content(Path(f"/proc/{process}/stat")).rpartition(")")[2].split()[:1] != ["Z"]
