"""A real browser for tests: the scripts of tests/browser, run by Node.js, and the Chromium that they drive."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = Path(__file__).parent / "browser"
_NODE = shutil.which("node")
_INSTALLED = all((BROWSER / "node_modules" / name).is_dir() for name in ("three", "gltf-validator", "playwright-core"))
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

needs_node = pytest.mark.skipif(
    _NODE is None or not _INSTALLED, reason="no node, or no packages in tests/browser: run scripts/browser-tools"
)


def node(script: str, *arguments: str, folder: Path) -> Any:
    """What a script of tests/browser prints; whatever the browser leaves behind stays in `folder`."""
    assert _NODE is not None
    command = [_NODE, str(BROWSER / script), *arguments]
    done = subprocess.run(
        command, capture_output=True, timeout=240, env={**os.environ, "TMPDIR": str(folder)}, check=False
    )
    assert not done.returncode, done.stderr.decode(errors="replace")
    return json.loads(done.stdout)


def found_chromium() -> str:
    """The path of a Chromium that starts: some systems have a stand-in that only says how to install one."""
    for path in filter(None, map(shutil.which, _CHROMIUMS)):
        if not subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode:
            return path
    pytest.skip("no Chromium: run scripts/browser-tools")
