"""Refuses every connection that leaves this computer, and writes down who tried: for tests, and for what they start.

What Python's own sockets do is seen, in every thread, by an audit hook, which cannot be taken off. What C libraries do
past Python is not: `benchmarks/offline.py` looks at that.
"""

import ipaddress
import os
import sys
from functools import partial
from pathlib import Path

RECORD = "MIEN_TESTS_RECORD"
"""Environment variable: the file that attempts are appended to, a line each, by this process and its children."""

FOLDER = str(Path(__file__).parent)

_AT_AN_ADDRESS = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"}
_AT_A_NAME = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


class ConnectionLeaves(RuntimeError):
    """Something in a test wanted to leave this computer."""


def refuse() -> None:
    """From now on every attempt of this process is refused and recorded."""
    sys.addaudithook(partial(_watch, os.environ.get(RECORD)))


def attempts() -> list[str]:
    """Every attempt so far, of this process and of those that it started."""
    record = Path(os.environ[RECORD])
    return record.read_text("utf-8").splitlines() if record.exists() else []


def python_path(*folders: object) -> str:
    """A PYTHONPATH for a child: `folders`, and what has it refuse connections, too."""
    return os.pathsep.join([*map(str, folders), FOLDER])


def stays(host: object) -> bool:
    """Whether a host is this computer's own loopback, by address or by its usual name."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str):
        return False
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _is_address(host: object) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0] if isinstance(host, str) else "")
    except ValueError:
        return False
    return True


def _watch(record: str | None, event: str, arguments: tuple[object, ...]) -> None:
    if event in _AT_AN_ADDRESS:
        address = arguments[1]
        # Sockets between processes have a name for an address, or none; the others begin with their host.
        if not isinstance(address, tuple) or stays(address[0]):
            return
    elif event in _AT_A_NAME:
        # Without a host it is asked what this computer itself would listen at; of an address nobody need be asked.
        if arguments[0] is None or _is_address(arguments[0]) or stays(arguments[0]):
            return
        address = arguments[0]
    else:
        return
    line = f"{event} {address!r}"
    if record is not None:
        with open(record, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    raise ConnectionLeaves(f"{line}: tests may not leave this computer")
