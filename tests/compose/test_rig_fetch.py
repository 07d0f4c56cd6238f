import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from made_ict import files_of_model, layout_of, made_ict
from served import Answer, Server, cut_off, failures, gzipped, plain, redirect, running

from mien.compose import fetching
from mien.compose.rig_fetch import BASE, FILES, SHA256, fetch_ict
from mien.core.errors import ModelError, OutputError
from mien.rig.ict_files import DRIVERS, INDICES, NEUTRAL, PUBLISHED_IDENTITIES, read_ict

MODEL = made_ict(side=7)
CONTENT = {name: text.encode() for name, text in files_of_model(MODEL).items()}
SOME = FILES[: len(CONTENT)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with running(CONTENT, monkeypatch) as there:
        yield there


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


NETWORK = failures("4 MiB", "http://127.0.0.1:9/model/jawOpen.obj")


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
    with Server({}) as closed:
        base = closed.base
    with pytest.raises(ModelError, match=r"cannot be fetched: .*\(try again"):
        fetch_ict(target, base=base)
    assert left_in(target) == []


def test_a_server_that_never_answers(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_TIMEOUT", 0.2)
    release = threading.Event()

    def silent(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        release.wait(5)

    server.answers[INDICES] = silent
    try:
        with pytest.raises(ModelError, match=r"cannot be fetched: .*timed out"):
            fetch(server, target)
    finally:
        release.set()
