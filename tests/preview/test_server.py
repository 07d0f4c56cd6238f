"""Who gets the page and its pictures, and who does not."""

import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
import pytest
from made import made_reading
from portraits import noise

from mien.core.image import Frame
from mien.core.live import Figures
from mien.preview import server
from mien.preview.server import MOST_FACES, MOST_VIEWERS, Preview

NONE = Figures()


@pytest.fixture
def preview() -> Iterator[Preview]:
    """A page whose stop button is heard of in `stopped`."""
    stopped: list[bool] = []
    with Preview("Test Camera", None, lambda: NONE, lambda: stopped.append(True)) as page:
        page.stopped = stopped  # type: ignore[attr-defined]
        yield page


def asked(page: Preview, path: str | None = None, method: str = "GET", **headers: str) -> HTTPResponse:
    """The answer to a request below the key, or at another path."""
    parts = urlsplit(page.address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    where = path if path is not None and path.startswith("/") else parts.path + (path or "")
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, where, headers={"Host": parts.netloc, **own})
    return connection.getresponse()


def test_it_listens_on_loopback_alone_behind_a_key(preview: Preview) -> None:
    parts = urlsplit(preview.address)
    assert parts.hostname == "127.0.0.1"
    assert len(parts.path.strip("/")) >= 43
    with Preview("x", None, lambda: NONE, lambda: None) as other:
        assert urlsplit(other.address).path != parts.path
    assert preview._server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "text/html"),
        ("page.js", "text/javascript"),
        ("drawing.js", "text/javascript"),
        ("page.css", "text/css"),
        ("icon.svg", "image/svg+xml"),
        ("mesh.json", "application/json"),
    ],
)
def test_every_part_is_served_under_a_strict_policy(name: str, kind: str, preview: Preview) -> None:
    answer = asked(preview, name)
    assert answer.status == 200
    assert (answer.getheader("Content-Type") or "").startswith(kind)
    assert len(answer.read()) == int(answer.getheader("Content-Length") or 0) > 100
    policy = answer.getheader("Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.getheader("Cache-Control") == "no-store"
    assert answer.getheader("Referrer-Policy") == "no-referrer"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("Server") == "mien "


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/wrong/", "/wrong/stream", "//", "/../", "http://127.0.0.1/"])
def test_without_the_key_there_is_nothing(path: str, preview: Preview) -> None:
    assert asked(preview, path if path.startswith("/") else "/" + path).status == 404


def test_a_key_that_is_nearly_right_is_wrong(preview: Preview) -> None:
    key = urlsplit(preview.address).path.strip("/")
    for wrong in (key[:-1], key + "A", key.swapcase(), "é" * 43):
        assert not preview.knows(wrong)
    assert preview.knows(key)
    assert asked(preview, f"/{key[:-1]}/").status == 404


@pytest.mark.parametrize("name", ["nothing", "../server.py", "page/index.html", "%2e%2e/server.py", "page.js/x"])
def test_nothing_else_of_the_disk_is_served(name: str, preview: Preview) -> None:
    assert asked(preview, name).status == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "", "[::1]:80"])
def test_another_host_s_name_is_refused(host: str, preview: Preview) -> None:
    """A page elsewhere whose name was made to point at this machine asks under its own name."""
    assert asked(preview, "", Host=host).status == 403


def test_localhost_is_a_name_for_it(preview: Preview) -> None:
    assert asked(preview, "", Host=f"localhost:{urlsplit(preview.address).port}").status == 200


def test_other_origins_are_refused(preview: Preview) -> None:
    assert asked(preview, "mesh.json", Origin="http://evil.example").status == 403
    assert asked(preview, "mesh.json", Origin="null").status == 403
    assert asked(preview, "mesh.json", Sec_Fetch_Site="cross-site").status == 403
    assert asked(preview, "mesh.json", Sec_Fetch_Site="same-site").status == 403
    own = f"http://{urlsplit(preview.address).netloc}"
    assert asked(preview, "mesh.json", Origin=own, Sec_Fetch_Site="same-origin").status == 200


def test_only_the_page_itself_stops_the_capture(preview: Preview) -> None:
    own = f"http://{urlsplit(preview.address).netloc}"
    assert asked(preview, "stop").status == 404
    assert asked(preview, "stop", "POST").status == 403
    assert asked(preview, "stop", "POST", Origin="http://evil.example").status == 403
    assert asked(preview, "other", "POST", Origin=own).status == 404
    assert preview.stopped == []  # type: ignore[attr-defined]
    assert asked(preview, "stop", "POST", Origin=own).status == 200
    assert preview.stopped == [True]  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_are_not_known(method: str, preview: Preview) -> None:
    assert asked(preview, "", method).status == 501


class Camera:
    """Frames that are shown for as long as the test lasts."""

    def __init__(self, page: Preview, faces: int = 1) -> None:
        self.shown, self._page, self._faces, self._over = 0, page, faces, False
        self._thread = Thread(target=self._run)

    def _run(self) -> None:
        while not self._over:
            readings = [made_reading(face, self.shown) for face in range(self._faces)]
            self._page.show(Frame(noise(320, 240, self.shown), self.shown / 30, self.shown), readings)
            self.shown += 1

    def __enter__(self) -> "Camera":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over = True
        self._thread.join()


def first_message(answer: HTTPResponse) -> bytes:
    text = answer.read(int.from_bytes(answer.read(4)))
    return text + answer.read(int.from_bytes(answer.read(4)))


def test_pictures_stream_and_end_with_the_capture(preview: Preview) -> None:
    with Camera(preview):
        answer = asked(preview, "stream")
        assert answer.status == 200
        one, other = first_message(answer), first_message(answer)
        assert one != other
        assert b'"source":"Test Camera"' in one
        preview.__exit__(None, None, None)
        assert answer.read() is not None  # to its end, and no longer


def test_only_some_faces_and_some_pages_are_shown(preview: Preview) -> None:
    with Camera(preview, faces=MOST_FACES + 3):
        answers = [asked(preview, "stream") for _ in range(MOST_VIEWERS)]
        assert [answer.status for answer in answers] == [200] * MOST_VIEWERS
        assert first_message(answers[0]).count(b'"number"') == MOST_FACES
        assert asked(preview, "stream").status == 503
        assert asked(preview, "").status == 200


def test_a_page_that_takes_nothing_holds_up_nobody(preview: Preview) -> None:
    with Camera(preview) as camera:
        slow = asked(preview, "stream")
        fast = asked(preview, "stream")
        before = camera.shown
        for _ in range(12):
            first_message(fast)
        assert camera.shown > before + 12  # the capture went on meanwhile, faster than any page
        slow.close()


def test_a_page_that_goes_away_makes_room(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    with Camera(preview):
        parts = urlsplit(preview.address)
        for _ in range(2 * MOST_VIEWERS):
            with socket.create_connection((parts.hostname, parts.port), timeout=30) as rude:
                rude.sendall(f"GET {parts.path}stream HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
                assert rude.recv(12).startswith(b"HTTP/1.0 ")
        for _ in range(200):
            if (answer := asked(preview, "stream")).status == 200:
                break
        assert answer.status == 200


def test_nobody_looking_costs_no_pictures(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def message(*arguments: object) -> bytes:
        made.append(arguments)
        return b""

    monkeypatch.setattr(server, "message", message)
    for index in range(20):
        preview.show(Frame(np.zeros((8, 8, 3), np.uint8), index / 30, index), [])
    assert made == []
