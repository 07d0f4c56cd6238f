"""The way to Ray: one started here for one batch, or a cluster that is running. Ray is an extra, imported when needed.

A Ray of our own listens on this machine's loopback alone, and tells nobody that it is used.
"""

import logging
import os
import re
import secrets
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any, Self

from mien.core.errors import StateError, UsageError

LOCAL, RUNNING = "local", "auto"

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is told to Ray's makers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or it warns of a change to come in what we do not use
}
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""What makes Ray take 127.0.0.1 for this machine's address, on every system. It is read when Ray is imported."""

_RUNS = "does it run? `ray start --head` starts one"
_PATIENCE = 10.0
"""Seconds in which a cluster must answer at its address."""

_OBJECTS = 80 << 20
"""Bytes of Ray's store of objects, about the least that it takes: pictures do not travel, their paths do."""


@dataclass(frozen=True, slots=True)
class RayAddress:
    """Which Ray: `local` is one of our own on this machine, `auto` the cluster that it belongs to, else HOST:PORT."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`local`, `auto` or HOST:PORT. Raises `UsageError` for anything else."""
        if text in (LOCAL, RUNNING) or re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}", text):
            return cls(text)
        raise UsageError(
            "--ray", "E_USAGE", f"{text!r} is no Ray", "say local, auto, or the HOST:PORT that `ray start` named"
        )

    def __str__(self) -> str:
        return self.text


@contextmanager
def linked(address: RayAddress, processes: int) -> Iterator[Any]:
    """Ray, connected while the block runs; a connection that this program has already is used, and left as it is.

    Args:
        address: which one.
        processes: how many workers a Ray of our own has room for.

    Raises:
        UsageError: it is not installed.
        StateError: E_RAY: there is no such cluster, or it is of other versions.
    """
    own = address.text == LOCAL
    if address.text not in (LOCAL, RUNNING):
        _knock(address)
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _token()}
    with _environment(_QUIET | _LOOPBACK | guarded if own else _QUIET):
        ray = _imported()
        if ray.is_initialized():
            yield ray
            return
        with _folder() as folder:
            quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
            if own:
                quiet |= {"include_dashboard": False, "_temp_dir": folder}
                quiet |= {"num_cpus": processes, "num_gpus": 0, "object_store_memory": _OBJECTS}
            try:
                with _own_termination():
                    ray.init(address.text, **quiet)
            except Exception as error:  # Ray raises a dozen kinds
                cause = (str(error).strip().splitlines() or [type(error).__name__])[0].partition(". ")[0]
                raise StateError(f"--ray {address}", "E_RAY", cause, "see Ray's notes" if own else _RUNS) from error
            try:
                yield ray
            finally:
                ray.shutdown()


def _knock(address: RayAddress) -> None:
    """Makes sure that somebody is there at all: Ray would try for minutes, and say so at every turn."""
    host, _, port = address.text.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise StateError(f"--ray {address}", "E_RAY", f"nobody answers there: {error}", _RUNS) from error


def _imported() -> Any:
    try:
        import ray
    except ImportError:
        raise UsageError("--ray", "E_USAGE", "ray is not installed", 'pip install "mien[batch]"') from None
    return ray


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Variables that Ray and its processes read, until the block ends; what Ray itself adds goes with them."""
    before = _of_ray()
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in _of_ray():
            del os.environ[name]
        os.environ.update(before)


def _of_ray() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("RAY_") or name == "PYTHONBREAKPOINT"}


@cache
def _token() -> str:
    """What lets a process into a Ray of our own, else anyone on this machine could run code by it. Ray remembers the
    first that it meets, so there is one for a process; without any it would write one into the user's home.
    """
    return secrets.token_hex(32)


@contextmanager
def _own_termination() -> Iterator[None]:
    """What SIGTERM does stays as it is: Ray puts a handler of its own in its place when it connects."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:
        if callable(before):
            before(signal.SIGTERM, None)
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _folder() -> Iterator[str]:
    """Where a Ray of our own keeps its sockets and logs: names of sockets must be short, so on POSIX it is `/tmp`."""
    with TemporaryDirectory(
        prefix="mien-ray-", dir="/tmp" if os.path.isdir("/tmp") else None, ignore_cleanup_errors=True
    ) as name:
        yield name
