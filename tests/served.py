"""A server on loopback for tests of downloads, and everything that a server may do wrong."""

import gzip
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def plain(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Serves files by name; single ones may be answered otherwise."""

    def __init__(self, content: Mapping[str, bytes]) -> None:
        self.content = content
        self.asked: list[str] = []
        self.answers: dict[str, Answer] = {}
        self.usual: Answer = plain
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/model/"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.asked.append(name)
        if name not in self.server.content:
            self.send_error(404)
        else:
            self.server.answers.get(name, self.server.usual)(self, self.server.content[name])

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running(content: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that serves until the block ends, and that no proxy stands before."""
    monkeypatch.setenv("no_proxy", "*")
    with Server(content) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def gzipped(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    assert handler.headers["Accept-Encoding"] == "gzip"
    packed = gzip.compress(body)
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(packed)))
    handler.end_headers()
    handler.wfile.write(packed)


def status(code: int) -> Answer:
    return lambda handler, body: handler.send_error(code)


def cut_off(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:1000])


def cut_gzip(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.end_headers()
    handler.wfile.write(gzip.compress(body)[:-20])


def no_gzip(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.end_headers()
    handler.wfile.write(body)


def says_huge(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(2**40))
    handler.end_headers()


def is_huge(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(64):
            handler.wfile.write(bytes(2**20))
    except OSError:  # the reader has had enough
        pass


def bomb(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    packed = gzip.compress(bytes(2**26))
    assert len(packed) < 2**17
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(packed)))
    handler.end_headers()
    handler.wfile.write(packed)


def nonsense(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.wfile.write(b"this is no HTTP\r\n\r\n")


def bad_length(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "many")
    handler.end_headers()


def hangs_up(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.connection.close()


def redirect(to: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def failures(limit: str, elsewhere: str) -> list[tuple[Answer, str]]:
    """What may come in the place of a file, and what is said of it.

    Args:
        limit: size from which a file is too large.
        elsewhere: address of the same file on another port.
    """
    return [
        (status(404), "the server answers 404"),
        (status(500), "the server answers 500"),
        (cut_off, "broke off after 1000 of"),
        (cut_gzip, "broke off within a gzip stream"),
        (no_gzip, "is no whole gzip stream"),
        (says_huge, f"is larger than {limit}"),
        (is_huge, f"is larger than {limit}"),
        (bomb, f"is larger than {limit}"),
        (nonsense, "cannot be fetched"),
        (bad_length, "cannot be fetched"),
        (hangs_up, "cannot be fetched"),
        (redirect(elsewhere), f"redirects to {elsewhere}"),
        (redirect("http://elsewhere.invalid/jawOpen.obj"), "redirects to http://elsewhere.invalid/"),
        (redirect("file:///etc/hostname"), "the server answers 302"),
        (redirect(elsewhere.rpartition("/")[2]), "the server answers 302"),  # for ever
    ]
