import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made_brought import CONTENT, made_card
from served import Answer, Server, failures, gzipped, plain, running

from mien.compose.model_files import add_model, fetch_model
from mien.core.errors import ModelError, OutputExists
from mien.weights.brought import brought_card, brought_path, read_brought

CARD = made_card()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / "data" / name)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with running({CARD.file: CONTENT}, monkeypatch) as there:
        yield there


def installed() -> list[str]:
    folder = brought_path(CARD).parent
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("usual", [plain, gzipped])
def test_fetches_checks_and_installs(server: Server, usual: Answer) -> None:
    server.usual = usual
    came: list[int] = []
    target = fetch_model(CARD, came=came.append, address=server.base + CARD.file)
    assert target == brought_path(CARD)
    assert read_brought(CARD) == CONTENT
    assert installed() == [CARD.file]
    if usual is plain:
        assert sum(came) == CARD.size
        assert len(came) > 1  # a bar moves while it comes


@pytest.mark.parametrize(
    ("answer", "message"), failures("1 MiB", f"http://127.0.0.1:9/model/{CARD.file}"), ids=lambda value: None
)
def test_failures_install_nothing(server: Server, answer: Answer, message: str) -> None:
    server.answers[CARD.file] = answer
    with pytest.raises(ModelError) as caught:
        fetch_model(CARD, address=server.base + CARD.file)
    assert message in str(caught.value)
    assert caught.value.code == "E_FETCH"
    assert installed() == []


def test_another_file_is_thrown_away(server: Server) -> None:
    changed = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    server.answers[CARD.file] = lambda handler, body: plain(handler, changed)
    with pytest.raises(ModelError, match=r"is not the file that mien knows: sha256 .*nothing was installed"):
        fetch_model(CARD, address=server.base + CARD.file)
    assert installed() == []


def test_nothing_is_asked_for_when_it_is_there_already(server: Server, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(CONTENT)
    add_model(CARD, tmp_path / "mine")
    with pytest.raises(OutputExists):
        fetch_model(CARD, address=server.base + CARD.file)
    assert server.asked == []
    fetch_model(CARD, overwrite=True, address=server.base + CARD.file)
    assert server.asked == [CARD.file]


def test_what_is_published_nowhere_is_not_fetched() -> None:
    with pytest.raises(ModelError, match="is published nowhere"):
        fetch_model(replace(CARD, address=None))


def test_adding_copies_and_leaves_the_original(tmp_path: Path) -> None:
    given = tmp_path / "anything.bin"
    given.write_bytes(CONTENT)
    assert add_model(CARD, given).read_bytes() == CONTENT == given.read_bytes()
    with pytest.raises(OutputExists, match="--overwrite"):
        add_model(CARD, given)
    add_model(CARD, given, overwrite=True)


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"x", CONTENT[:-1] + b"\0"])
def test_another_file_is_not_added(tmp_path: Path, content: bytes) -> None:
    given = tmp_path / "other.task"
    given.write_bytes(content)
    with pytest.raises(ModelError, match=f"{given}: E_MODEL: .*only the file of its makers is used"):
        add_model(CARD, given)
    assert installed() == []


def test_a_missing_file_is_not_added(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the file is missing"):
        add_model(CARD, tmp_path / "nowhere.task")


def test_the_real_card_pins_what_is_published() -> None:
    card = brought_card("mediapipe")
    assert card.address == (
        "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
    )
    assert card.licence == "Apache-2.0"
    published = Path(__file__).parents[3] / "shared" / "data" / "models" / card.file
    if not published.exists():
        pytest.skip("MediaPipe's file lies in ../shared, which is not here")
    content = published.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (card.size, card.sha256)
