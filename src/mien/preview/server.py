"""The page, served to browsers on this computer and to nobody else.

It listens on 127.0.0.1 at a port that the system picks; every address begins with a key that cannot be guessed. A
request must name this very host and, where browsers say where it comes from, come from the page itself: other pages in
the same browser get nothing. Whoever is slow gets fewer pictures; nobody holds up the capture.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Condition, Event, Lock, Thread
from types import TracebackType
from typing import Self

from mien.core.actions import FacesUsed
from mien.core.basis import ARKIT
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.core.live import Figures
from mien.preview.picture import Glimpse, mesh, message

HOST = "127.0.0.1"

MOST_VIEWERS = 4
"""Pages that are shown pictures at a time."""

MOST_FACES = 4
_ROWS = 10
_PAUSE = 1 / 15
"""Seconds between pictures, at least."""

_PATIENCE = 10.0
"""Seconds for a request to be said, and for a browser to take a picture."""

_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "drawing.js": ("drawing.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Preview:
    """The page of one camera, as a context manager.

    Attributes:
        address: where a browser finds it.

    Args:
        source: what the camera is called.
        focal_length: of the camera in pixels, or None, as for capture.
        figures: how the camera is keeping up, whenever asked.
        stop: what ends the capture.
    """

    def __init__(
        self, source: str, focal_length: float | None, figures: Callable[[], Figures], stop: Callable[[], None]
    ) -> None:
        self._source, self._focal_length, self._figures, self.stop = source, focal_length, figures, stop
        self._key = secrets.token_urlsafe(32)
        self._used = FacesUsed(ARKIT, _ROWS)
        self._latest: Glimpse | None = None
        self._message, self._count = b"", 0
        self._fresh, self._written = Event(), Condition()
        self._viewers, self._counting = 0, Lock()
        self._closed = False
        self._server = _Server((HOST, 0), _Handler)
        self._server.preview = self
        self.authorities = tuple(f"{host}:{self._server.server_port}" for host in (HOST, "localhost"))
        self.address = f"http://{self.authorities[0]}/{self._key}/"
        self._threads = (
            Thread(target=self._server.serve_forever, args=(0.1,), name="preview", daemon=True),
            Thread(target=self._write, name="preview pictures", daemon=True),
        )

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._fresh.set()
        with self._written:
            self._written.notify_all()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=2)

    def show(self, frame: Frame, readings: list[FaceReading]) -> None:
        """One more frame: only kept, and only the newest."""
        faces = sorted(readings, key=lambda reading: reading.face)[:MOST_FACES]
        self._latest = Glimpse(frame, faces, self._used.see(faces), self._figures(), self._source)
        self._fresh.set()

    def knows(self, key: str) -> bool:
        """Whether an address begins with the key; says nothing by the time it takes."""
        return hmac.compare_digest(key.encode("utf-8", "replace"), self._key.encode())

    def enter_viewer(self) -> bool:
        """Whether there is room for one more page."""
        with self._counting:
            if self._viewers >= MOST_VIEWERS:
                return False
            self._viewers += 1
            return True

    def leave_viewer(self) -> None:
        """One page less."""
        with self._counting:
            self._viewers -= 1

    def next_message(self, after: int) -> tuple[int, bytes] | None:
        """The newest message and its number, once there is one after `after`; None at the end."""
        with self._written:
            self._written.wait_for(lambda: self._closed or self._count > after)
            return None if self._closed else (self._count, self._message)

    def _write(self) -> None:
        """The thread that makes messages: none while nobody looks, and no more than a few a second."""
        while not self._closed:
            self._fresh.wait()
            self._fresh.clear()
            glimpse = self._latest
            if glimpse is None or not self._viewers or self._closed:
                continue
            began = time.monotonic()
            made = message(glimpse, self._focal_length)
            with self._written:
                self._message, self._count = made, self._count + 1
                self._written.notify_all()
            time.sleep(max(_PAUSE - (time.monotonic() - began), 0.0))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    preview: Preview

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away is no event."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE
    server_version, sys_version = "mien", ""

    def do_GET(self) -> None:
        """The page, its parts, and its pictures."""
        if (name := self._allowed()) is None:
            return
        if name in _FILES:
            file, kind = _FILES[name]
            self._answer(HTTPStatus.OK, kind, (files("mien.preview") / "page" / file).read_bytes())
        elif name == "mesh.json":
            self._answer(HTTPStatus.OK, "application/json", mesh())
        elif name == "stream":
            self._stream()
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """The end of the capture, when the page asks for it."""
        if (name := self._allowed()) is None:
            return
        if name != "stop":
            self._refuse(HTTPStatus.NOT_FOUND)
        elif self.headers.get("Origin") is None:  # every browser says it with a POST
            self._refuse(HTTPStatus.FORBIDDEN)
        else:
            self.server.preview.stop()
            self._answer(HTTPStatus.OK, "text/plain; charset=utf-8", b"stopping")

    def _allowed(self) -> str | None:
        """The name that is asked for below the key; None when the request was refused."""
        preview = self.server.preview
        origin = self.headers.get("Origin")
        own = [f"http://{authority}" for authority in preview.authorities]
        site = self.headers.get("Sec-Fetch-Site", "none")
        if self.headers.get("Host", "") not in preview.authorities or (origin is not None and origin not in own):
            self._refuse(HTTPStatus.FORBIDDEN)
            return None
        key, slash, name = self.path.removeprefix("/").partition("/")
        if not slash or not preview.knows(key):
            self._refuse(HTTPStatus.NOT_FOUND)
            return None
        if site not in ("none", "same-origin") and name:  # a link elsewhere may lead to the page, not to its parts
            self._refuse(HTTPStatus.FORBIDDEN)
            return None
        return name.partition("?")[0]

    def _stream(self) -> None:
        preview = self.server.preview
        if not preview.enter_viewer():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        try:
            self._head(HTTPStatus.OK, "application/octet-stream", None)
            count = 0
            while (found := preview.next_message(count)) is not None:
                count, made = found
                self.wfile.write(made)
        except OSError:  # it went away, or took nothing for too long
            pass
        finally:
            preview.leave_viewer()

    def _refuse(self, status: HTTPStatus) -> None:
        self._answer(status, "text/plain; charset=utf-8", status.phrase.encode())

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self._head(status, kind, len(body))
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, length: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal belongs to the capture."""
