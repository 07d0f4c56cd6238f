"""`mien capture --preview`, from the command line to a real browser and back."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from browsers import found_chromium, needs_node, node
from PIL import Image
from portraits import write_clip

from mien.formats.registry import load

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def chromium() -> str:
    """The path of a Chromium that starts."""
    return found_chromium()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A capture of a video as a camera, with its page."""
    write_clip(tmp_path / "c.mp4", 60)
    words = ["capture", "--camera", "loop:c.mp4", "--preview", "-o", "t.csv"]
    program = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "mien", *words],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(SRC)}, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    yield program
    program.kill()
    program.communicate()


def address_of(program: subprocess.Popen[str]) -> str:
    assert program.stderr is not None
    for line in program.stderr:
        if (found := re.fullmatch(r"preview: (http://127\.0\.0\.1:\d+/[\w-]+/)", line.strip())) is not None:
            return found[1]
    raise AssertionError("no address was said")


@needs_node
def test_the_page_moves_and_stops_the_capture(running: subprocess.Popen[str], chromium: str, tmp_path: Path) -> None:
    report: dict[str, Any] = node("preview.mjs", chromium, address_of(running), str(tmp_path), folder=tmp_path)
    assert report["faults"] == []
    one, other = report["seen"]
    assert one["picture"] != other["picture"]
    assert one["values"] != other["values"]
    assert (other["source"], other["rows"], other["filled"]) == ("c.mp4", 10, True)
    assert (one["mirrored"], one["sides"]) == ("true", "LR")
    assert (report["turned"]["mirrored"], report["turned"]["sides"]) == ("false", "RL")
    assert report["small"]["wide"] <= 380
    assert one["wide"] <= 1000
    assert report["said"] == "the capture has ended"
    _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "; wrote t.csv" in said
    assert len((tmp_path / "t.csv").read_text().splitlines()) > 2
    with Image.open(tmp_path / "dark.png") as dark, Image.open(tmp_path / "light-380.png") as light:
        assert np.asarray(dark.convert("L"))[-5:, :5].mean() < 60
        assert np.asarray(light.convert("L"))[-5:, :5].mean() > 200


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_ends_it_properly(running: subprocess.Popen[str], tmp_path: Path) -> None:
    with urlopen(f"{address_of(running)}stream", timeout=60) as stream:
        assert stream.read(4)  # something was read
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert re.search(
        r"\d+ frames read in [\d.]+ s, \d+ dropped \(\d+%\); latency \d+ ms \(median\), \d+ ms \(95 %\)", said
    )
    assert "; wrote t.csv" in said
    assert sorted(os.listdir(tmp_path)) == ["c.mp4", "t.csv"]
    assert load(tmp_path / "t.csv").takes
