"""ONNX Runtime reports to its makers unless it is told not to, past Python, so no guard of sockets sees it: it leaves a
number for the device and a store of what it would send in the user's cache, and that is what tells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest
from connections import python_path

from mien.runtime.engine import OPT_OUT, engine

SRC = Path(__file__).parents[2] / "src"
CONTINUOUS_INTEGRATION = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "GITLAB_CI", "ORT_RUNNING_UNIT_TESTS")

BY_MIEN = """
import os
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card
before = dict(os.environ)
OnnxSession(card("refiner"))
assert dict(os.environ) == before
"""


APART = ["unshare", "--map-root-user", "--net", "--"]
"""Begins a command line that runs in a network of its own, which leads nowhere."""


def can_run_apart() -> bool:
    found = shutil.which(APART[0])
    return found is not None and subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0


def left_behind(program: str, home: Path, *before: str) -> list[str]:
    """Files that a program leaves in a user's home, Linux's places for them within it."""
    environment = {name: value for name, value in os.environ.items() if name not in (*CONTINUOUS_INTEGRATION, OPT_OUT)}
    places = {"HOME": home, "XDG_CACHE_HOME": home / "cache", "XDG_DATA_HOME": home / "data"}
    environment |= {name: str(place) for name, place in places.items()}
    environment["PYTHONPATH"] = python_path(SRC)
    run = subprocess.run(
        [*before, sys.executable, "-B", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]


def test_a_network_is_loaded_and_nothing_is_kept_or_sent(tmp_path: Path) -> None:
    assert left_behind(BY_MIEN, tmp_path) == []


@pytest.mark.skipif(
    sys.platform != "linux" or tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 29),
    reason="only newer versions report, and elsewhere they keep it in other places",
)
def test_left_alone_it_would_leave_traces(tmp_path: Path) -> None:
    if not can_run_apart():
        pytest.skip("it must not be left alone where it could send something, and no network of its own can be made")
    assert left_behind("import onnxruntime, time; time.sleep(0.5)", tmp_path, *APART) != []


def test_importing_mien_does_not_import_it() -> None:
    program = "import sys, mien, mien.cli.main; sys.exit('onnxruntime' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": python_path(SRC)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0


def test_a_setting_of_the_user_stays() -> None:
    program = f"import os; from mien.runtime.engine import engine; engine(); assert os.environ[{OPT_OUT!r}] == '0'"
    environment = {**os.environ, OPT_OUT: "0", "PYTHONPATH": python_path(SRC)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0


def test_it_is_the_usual_engine() -> None:
    assert engine() is onnxruntime
