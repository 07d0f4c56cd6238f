"""The guard that every test runs under is proven: it refuses, and the test that tried fails, whoever tried for it."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from connections import RECORD, python_path, stays

TESTS = Path(__file__).parent
AWAY = ("192.0.2.1", 9)
"""An address that belongs to nobody."""


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", b"127.0.0.1"])
def test_loopback_stays(host: object) -> None:
    assert stays(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "example.invalid", "127.0.0.1.example", None, 7])
def test_everything_else_leaves(host: object) -> None:
    assert not stays(host)


def test_what_stays_is_let_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b"", ("127.0.0.1", 9))
    one, other = socket.socketpair()
    one.close()
    other.close()
    asyncio.run(asyncio.sleep(0))


ATTEMPTS = {
    "connect": f"socket.socket().connect({AWAY})",
    "connect_ex": f"socket.socket().connect_ex({AWAY})",
    "send": f"socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', {AWAY})",
    "message": f"socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, {AWAY})",
    "listen": "socket.create_server(('', 0))",
    "look up": "socket.getaddrinfo('example.invalid', 80)",
    "by name": "socket.gethostbyname('example.invalid')",
    "browse": "__import__('urllib.request').request.urlopen('http://example.invalid/')",
    "sixth": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 9))",
    "thread": f"(t := threading.Thread(target=lambda: socket.socket().connect({AWAY}))).start(); t.join()",
    "forgiven": f"with contextlib.suppress(BaseException): socket.socket().connect({AWAY})",
}
HEAD = "import contextlib, multiprocessing, socket, subprocess, sys, threading\n"


def record_of(program: str, folder: Path) -> list[str]:
    """What a program that a test might start is written down for."""
    record = folder / "attempts"
    environment = {**os.environ, RECORD: str(record), "PYTHONPATH": python_path()}
    subprocess.run([sys.executable, "-c", HEAD + program], env=environment, capture_output=True, check=False)
    return record.read_text().splitlines() if record.exists() else []


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_program_that_tries_is_refused_and_written_down(attempt: str, tmp_path: Path) -> None:
    (line,) = record_of(attempt, tmp_path)
    assert line.startswith("socket.")


def test_so_is_one_that_it_starts_itself(tmp_path: Path) -> None:
    inner = f"import socket; socket.socket().connect({AWAY})"
    assert len(record_of(f"subprocess.run([sys.executable, '-c', {inner!r}])", tmp_path)) == 1
    (tmp_path / "worker.py").write_text(
        f"import multiprocessing, socket\ndef work(): socket.socket().connect({AWAY})\n"
        "if __name__ == '__main__':\n"
        "    p = multiprocessing.get_context('spawn').Process(target=work); p.start(); p.join()\n"
    )
    (tmp_path / "attempts").unlink()
    assert len(record_of(f"subprocess.run([sys.executable, {str(tmp_path / 'worker.py')!r}])", tmp_path)) == 1


def test_what_stays_is_not_written_down(tmp_path: Path) -> None:
    assert (
        record_of("s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())", tmp_path)
        == []
    )


@pytest.mark.parametrize(("attempt", "failed"), [(ATTEMPTS["forgiven"], True), ("socket.socketpair()", False)])
def test_the_test_that_tried_fails(attempt: str, failed: bool, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(f"{HEAD}def test_it():\n    {attempt}\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, RECORD: str(tmp_path / "attempts"), "PYTHONPATH": python_path(TESTS)}
    line = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ("tried to leave this computer: socket.connect ('192.0.2.1', 9)" in run.stdout) is failed, run.stdout
    assert f"connections that would have left this computer: {int(failed)}" in run.stdout
    assert run.returncode == int(failed)
