"""What all tests stand under: no connection leaves this computer, and whoever tries to open one fails its test."""

import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest
from connections import FOLDER, RECORD, attempts, refuse

if TYPE_CHECKING:
    from mien.data.packs import FacesPack, ScenesPack

_NOBODY = 65534

# Before any test module is imported, for importing could connect, too. A run within a run keeps the outer one's record.
_PLACE = Path(mkdtemp(prefix="mien-tests-"))
os.environ.setdefault(RECORD, str(_PLACE / "attempts"))
os.environ["PYTHONPATH"] = os.pathsep.join([FOLDER, *filter(None, [os.environ.get("PYTHONPATH")])])
# Tests that import ONNX Runtime by themselves must silence it by themselves; mien does so for whoever uses mien.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
refuse()
# As in a terminal, though somebody may run the suite under `nohup` or in the background of a script, where these
# signals are ignored, which mien respects.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def keep_signals() -> Iterator[None]:
    """For tests of commands that listen to SIGTERM while they work: it is listened to as before afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def _no_connections() -> Iterator[None]:
    before = len(attempts())
    yield
    tried = attempts()[before:]
    assert not tried, f"tried to leave this computer: {'; '.join(tried)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how often something tried."""
    terminalreporter.write_line(f"connections that would have left this computer: {len(attempts())}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Attempts outside any test, while modules were imported or after the last one, fail the whole."""
    if attempts() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    """The record of this run is nobody else's."""
    shutil.rmtree(_PLACE, ignore_errors=True)


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> "tuple[list[FacesPack], ScenesPack]":
    """Drawn packs that tests share."""
    from made_packs import make_packs

    from mien.data.packs import read_folder

    faces, scenes = read_folder(make_packs(tmp_path_factory.mktemp("packs")))
    assert scenes is not None
    return faces, scenes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a folder for sources, and one for results."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def without_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of batches do what the names of sources say."""
    from made_poison import Reader

    monkeypatch.setattr("mien.compose.batches.SourceReader", Reader)
    monkeypatch.setattr("mien.compose.batches.verify", lambda card: None)


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder; meanwhile this process may do no more than the modes of files allow, even if root started it."""
    if sys.platform == "win32":
        pytest.skip("modes are not asked there")
    from portraits import write_photo

    from mien.compose.captures import capture_batch
    from mien.compose.outputs import BatchOptions

    folder = Path(mkdtemp())
    folder.chmod(0o777)
    # What programs and networks lie in may not be readable for everybody: one capture loads them.
    capture_batch([write_photo(folder / "a.png")], BatchOptions((folder / "t.csv",)))
    (folder / "a.png").unlink()
    (folder / "t.csv").unlink()
    before = os.geteuid()
    if before == 0:
        os.seteuid(_NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(before)
        invalidate_caches()  # of what could not be looked for meanwhile
        for below, folders, _ in os.walk(folder):
            for name in folders:
                os.chmod(os.path.join(below, name), stat.S_IRWXU)
        shutil.rmtree(folder)
