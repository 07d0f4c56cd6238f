import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from made_ict import files_of_model, layout_of, made_ict

from mien.compose import rig_fetch
from mien.compose.rig_fetch import BASE, FILES, SHA256, fetch_ict
from mien.core.errors import ModelError, OutputError
from mien.rig.ict_files import DRIVERS, INDICES, NEUTRAL, PUBLISHED_IDENTITIES, read_ict

MODEL = made_ict(side=7)
CONTENT = {name: text.encode() for name, text in files_of_model(MODEL).items()}
SOME = FILES[: len(CONTENT)]

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def plain(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def gzipped(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    assert handler.headers["Accept-Encoding"] == "gzip"
    packed = gzip.compress(body)
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(packed)))
    handler.end_headers()
    handler.wfile.write(packed)


class Server(ThreadingHTTPServer):
    """Serves the model; single files may be answered otherwise."""

    def __init__(self) -> None:
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
        if name not in CONTENT:
            self.send_error(404)
        else:
            self.server.answers.get(name, self.server.usual)(self, CONTENT[name])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def fetch(server: Server, target: Path, overwrite: bool = False, known: dict[str, str] | None = None) -> list[str]:
    """What was stepped through."""
    target.parent.mkdir(exist_ok=True)
    steps: list[str] = []
    fetch_ict(
        target,
        overwrite,
        steps.append,
        base=server.base,
        files=SOME,
        layout=layout_of(MODEL),
        sha256=MODEL.sha256(),
        known=known or {},
    )
    return steps


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "rigs" / "ict.npz"


def left_in(target: Path) -> list[str]:
    """Files in the place of the rig, those within folders with them."""
    return sorted(path.name for path in target.parent.rglob("*") if path.is_file())


@pytest.mark.parametrize("usual", [plain, gzipped])
def test_fetches_checks_and_installs(server: Server, target: Path, usual: Answer) -> None:
    server.usual = usual
    steps = fetch(server, target)
    assert server.asked == list(SOME)
    assert steps == [*SOME, *SOME[1:]]  # fetched, then read: all but the list of indices
    assert left_in(target) == ["ict.npz"]
    installed = read_ict(target)
    assert installed.sha256() == MODEL.sha256()
    assert len(installed.identities) == len(MODEL.identities)
    assert [path.name for path in target.parent.iterdir()] == ["ict.npz"]


def test_the_real_address_is_pinned() -> None:
    assert BASE.startswith(
        "https://raw.githubusercontent.com/USC-ICT/ICT-FaceKit/da5f95a607f5e6b37755b38d3385d7f2853732e5/"
    )
    assert len(FILES) == len(set(FILES)) == 2 + len(DRIVERS) + PUBLISHED_IDENTITIES
    sample = Path(__file__).parents[3] / "shared" / "data" / "rigs" / "ict-sample"
    if not sample.exists():
        pytest.skip("the published files lie in ../shared, which is not here")
    for name, digest in SHA256.items():
        assert hashlib.sha256((sample / name).read_bytes()).hexdigest() == digest


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


NETWORK: list[tuple[Answer, str]] = [
    (status(404), "the server answers 404"),
    (status(500), "the server answers 500"),
    (cut_off, "broke off after 1000 of"),
    (cut_gzip, "broke off within a gzip stream"),
    (no_gzip, "is no whole gzip stream"),
    (says_huge, "is larger than 4 MiB"),
    (is_huge, "is larger than 4 MiB"),
    (bomb, "is larger than 4 MiB"),
    (nonsense, "cannot be fetched"),
    (bad_length, "cannot be fetched"),
    (hangs_up, "cannot be fetched"),
    (redirect("http://127.0.0.1:9/model/jawOpen.obj"), "redirects to http://127.0.0.1:9/model/jawOpen.obj"),
    (redirect("http://elsewhere.invalid/jawOpen.obj"), "redirects to http://elsewhere.invalid/"),
    (redirect("file:///etc/hostname"), "the server answers 302"),
    (redirect("jawOpen.obj"), "the server answers 302"),  # for ever
]


@pytest.mark.parametrize(("answer", "message"), NETWORK, ids=range(len(NETWORK)))
def test_failures_install_nothing(server: Server, target: Path, answer: Answer, message: str) -> None:
    server.answers["jawOpen.obj"] = answer
    with pytest.raises(ModelError) as caught:
        fetch(server, target)
    assert message in str(caught.value)
    assert caught.value.code == "E_FETCH"
    assert "\n" not in str(caught.value)
    assert not target.exists()
    done = FILES[: FILES.index("jawOpen.obj")]
    assert left_in(target) == sorted(done)


def test_the_next_try_goes_on_where_the_last_one_stopped(server: Server, target: Path) -> None:
    server.answers["mouthClose.obj"] = cut_off
    with pytest.raises(ModelError, match="try again: what has come already is kept"):
        fetch(server, target)
    server.answers.clear()
    server.asked.clear()
    fetch(server, target)
    assert server.asked == list(SOME[SOME.index("mouthClose.obj") :])
    assert left_in(target) == ["ict.npz"]


def test_a_redirect_on_the_same_host_is_followed(server: Server, target: Path) -> None:
    server.answers["jawOpen.obj"] = redirect(server.base.replace("model", "moved") + "jawLeft.obj")
    # jawLeft's numbers under jawOpen's name are not the model, and are found out by the sum over all.
    with pytest.raises(ModelError, match="the model's SHA-256 is"):
        fetch(server, target)
    assert server.asked.count("jawLeft.obj") == 2


def test_wrong_numbers_are_thrown_away(server: Server, target: Path) -> None:
    changed = CONTENT["mouthSmile_L.obj"].replace(b"v -8 -10 ", b"v -8 -9.9 ", 1)
    assert changed != CONTENT["mouthSmile_L.obj"]
    server.answers["mouthSmile_L.obj"] = lambda handler, body: plain(handler, changed)
    with pytest.raises(ModelError, match=r"the model's SHA-256 is .*nothing was installed"):
        fetch(server, target)
    assert left_in(target) == []
    server.answers.clear()
    fetch(server, target)
    assert left_in(target) == ["ict.npz"]


def test_a_page_in_the_place_of_a_file_is_thrown_away(server: Server, target: Path) -> None:
    for name in ("identity001.obj", INDICES):
        server.answers = {name: lambda handler, body: plain(handler, b"<html>please log in</html>")}
        with pytest.raises(ModelError, match=f"{name} is not as published"):
            fetch(server, target)
        assert left_in(target) == []


def test_known_files_are_checked_as_they_come(server: Server, target: Path) -> None:
    with pytest.raises(ModelError, match=f"{NEUTRAL}: E_FETCH: SHA-256 is not that of the release"):
        fetch(server, target, known={NEUTRAL: "0" * 64})
    assert server.asked == [INDICES, NEUTRAL]
    assert left_in(target) == [INDICES]
    fetch(server, target, known={NEUTRAL: hashlib.sha256(CONTENT[NEUTRAL]).hexdigest()})


def test_an_installed_rig_is_replaced_only_when_asked(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"mine")
    with pytest.raises(OutputError, match="E_EXISTS"):
        fetch(server, target)
    assert (server.asked, target.read_bytes()) == ([], b"mine")
    fetch(server, target, overwrite=True)
    assert read_ict(target).sha256() == MODEL.sha256()


def test_a_server_that_is_not_there(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as closed:
        base = closed.base
    with pytest.raises(ModelError, match=r"cannot be fetched: .*\(try again"):
        fetch_ict(target, base=base)
    assert left_in(target) == []


def test_a_server_that_never_answers(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig_fetch, "_TIMEOUT", 0.2)
    release = threading.Event()

    def silent(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        release.wait(5)

    server.answers[INDICES] = silent
    try:
        with pytest.raises(ModelError, match=r"cannot be fetched: .*timed out"):
            fetch(server, target)
    finally:
        release.set()
