"""The house keeps its rules (`house_rules`), and each rule is proven on a small package with one fault in it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from house_rules import (
    READING,
    ROOT,
    RUNNING,
    Rule,
    hidden_imports,
    imports_that_climb,
    modules,
    relative_imports,
    rings,
    torch_abroad,
    torch_within_reach,
    unknown_rooms,
    verbs_that_know_each_other,
    what_importing_does,
    what_needs_torch,
)


@pytest.mark.parametrize("rule", [*READING, *RUNNING], ids=lambda rule: rule.__name__)
def test_house_keeps_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == []


def test_the_house_is_where_the_rules_look() -> None:
    assert {("core", "face"), ("imaging", "warp"), ("nets", "landmarks")} <= set(modules(ROOT))


# --- the rules are proven: each finds the one fault planted in a sound package ----------------------------------------

SOUND = {
    "__init__.py": "from demo.pipelines.capture import capture\n",
    "__main__.py": "from demo.cli.main import main\n",
    "core/__init__.py": "",
    "core/face.py": "import json\nfrom demo.core.errors import Fault\n",
    "core/errors.py": "class Fault(Exception): ...\n",
    "imaging/__init__.py": "",
    "imaging/warp.py": "from demo.core import face\nfrom demo.core.errors import Fault\n",
    "formats/__init__.py": "",
    "formats/takes.py": "import demo.core.face\n",
    "nets/__init__.py": "",
    "nets/points.py": "import torch\nfrom torch.nn import functional\n",
    "losses.py": "import torch\n",
    "train/__init__.py": "",
    "train/loop.py": "import torch\nfrom demo.nets.points import functional\n",
    "pipelines/__init__.py": "",
    "pipelines/capture.py": "from demo.imaging.warp import face\n\n\ndef capture(): ...\n",
    "pipelines/edit.py": "from demo.formats import takes\n",
    "cli/__init__.py": "",
    "cli/main.py": "def main():\n    from demo.cli import train\n    return train\n",
    "cli/train.py": "from demo.train.loop import functional\n",
}
FAULTS: list[tuple[Rule, dict[str, str], str]] = [
    (unknown_rooms, {"utils.py": ""}, "demo.utils is in no room"),
    (unknown_rooms, {"helpers/__init__.py": ""}, "demo.helpers is in no room"),
    (imports_that_climb, {"core/bad.py": "from demo.imaging.warp import face\n"}, "demo.core.bad imports demo.imaging"),
    (imports_that_climb, {"core/bad.py": "from demo.imaging import warp\n"}, "demo.core.bad imports demo.imaging.warp"),
    (imports_that_climb, {"core/bad.py": "import demo.imaging.warp as w\n"}, "demo.core.bad imports demo.imaging.warp"),
    (imports_that_climb, {"core/bad.py": "def f():\n    import demo.imaging\n"}, "demo.core.bad imports demo.imaging"),
    (imports_that_climb, {"core/bad.py": "from demo import imaging\n"}, "demo.core.bad imports demo.imaging"),
    (imports_that_climb, {"core/__init__.py": "import demo.cli\n"}, "demo.core imports demo.cli"),
    (
        imports_that_climb,
        {"formats/bad.py": "import demo.imaging.warp\n"},
        "demo.formats.bad imports demo.imaging.warp",
    ),
    (imports_that_climb, {"losses.py": "import demo.nets.points\n"}, "demo.losses imports demo.nets.points"),
    (imports_that_climb, {"imaging/bad.py": "import demo.losses\n"}, "demo.imaging.bad imports demo.losses"),
    (imports_that_climb, {"cli/bad.py": "import demo.web\n", "web/__init__.py": ""}, "demo.cli.bad imports demo.web"),
    (imports_that_climb, {"cli/bad.py": "from demo import capture\n"}, "demo.cli.bad imports demo, a front door"),
    (imports_that_climb, {"cli/bad.py": "import demo\n"}, "demo.cli.bad imports demo, a front door"),
    (imports_that_climb, {"cli/bad.py": "import demo.__main__\n"}, "demo.cli.bad imports demo.__main__, a front door"),
    (relative_imports, {"core/bad.py": "from .face import json\n"}, "demo.core.bad line 1 imports relatively"),
    (
        relative_imports,
        {"core/bad.py": "def f():\n    from . import face\n"},
        "demo.core.bad line 2 imports relatively",
    ),
    (hidden_imports, {"core/bad.py": "def f():\n    import json\n"}, "demo.core.bad line 2 hides an import of json"),
    (
        hidden_imports,
        {"core/bad.py": "class A:\n    from demo.core import face\n"},
        "line 2 hides an import of demo.core",
    ),
    (hidden_imports, {"core/bad.py": "try:\n    import numba\nexcept ImportError: ...\n"}, "hides an import of numba"),
    (hidden_imports, {"core/bad.py": "if True:\n    import demo.core.face\n"}, "hides an import of demo.core.face"),
    (hidden_imports, {"core/bad.py": "import onnxruntime\n"}, "demo.core.bad line 1 imports onnxruntime past"),
    (
        hidden_imports,
        {"core/bad.py": "def f():\n    import onnxruntime.capi\n"},
        "demo.core.bad line 2 imports onnxruntime.capi past",
    ),
    (
        hidden_imports,
        {"core/bad.py": "from importlib import import_module\n"},
        "demo.core.bad line 1 imports by importlib",
    ),
    (hidden_imports, {"core/bad.py": "import importlib\n"}, "demo.core.bad line 1 imports by importlib"),
    (hidden_imports, {"core/bad.py": "x = __import__('json')\n"}, "demo.core.bad line 1 imports by __import__"),
    (
        hidden_imports,
        {"__init__.py": "def __getattr__(name):\n    import json\n"},
        "demo line 2 hides an import of json",
    ),
    (rings, {"core/errors.py": "import demo.core.face\n"}, "demo.core.errors -> demo.core.face -> demo.core.errors"),
    (rings, {"core/errors.py": "from demo.core import face\n"}, "demo.core.errors -> demo.core.face"),
    (rings, {"core/errors.py": "def f():\n    import demo.core.face\n"}, "demo.core.errors -> demo.core.face"),
    (rings, {"core/alone.py": "import demo.core.alone\n"}, "demo.core.alone -> demo.core.alone"),
    (
        rings,
        {"imaging/__init__.py": "from demo.imaging.a import x\n", "imaging/a.py": "from demo.imaging import y\n"},
        "demo.imaging -> demo.imaging.a -> demo.imaging",
    ),
    (
        verbs_that_know_each_other,
        {"pipelines/edit.py": "from demo.pipelines import capture\n"},
        "demo.pipelines.edit knows",
    ),
    (torch_abroad, {"runtime/session.py": "import torch\n"}, "demo.runtime.session imports torch"),
    (torch_abroad, {"core/bad.py": "def f():\n    from torch.nn import Module\n"}, "demo.core.bad imports torch"),
    (torch_abroad, {"cli/train.py": "import torch.nn\n"}, "demo.cli.train imports torch"),
    (torch_within_reach, {"core/bad.py": "import torch\n"}, "demo.core.bad -> torch"),
    (torch_within_reach, {"evaluate.py": "import demo.losses\n"}, "demo.evaluate -> demo.losses -> torch"),
    (
        torch_within_reach,
        {"evaluate.py": "import demo.train.loop\n", "train/loop.py": "import demo.nets.points\n"},
        "demo.evaluate -> demo.train.loop -> demo.nets.points -> torch",
    ),
    (
        torch_within_reach,
        {"evaluate.py": "import demo.data.packs\n", "data/__init__.py": "import torch\n", "data/packs.py": ""},
        "demo.evaluate -> demo.data.packs -> demo.data -> torch",
    ),
    (torch_within_reach, {"cli/main.py": "from demo.cli import train\n"}, "demo.cli.main -> demo.cli.train"),
    (what_needs_torch, {"evaluate.py": "import demo.losses\n"}, "demo.evaluate does not import without torch"),
    (
        what_needs_torch,
        {"core/bad.py": "import importlib\nimportlib.import_module('torch.nn')\n"},
        "demo.core.bad does not",
    ),
    (what_needs_torch, {"core/bad.py": "import nothing_of_this_name\n"}, "demo.core.bad does not import"),
    (what_importing_does, {"core/bad.py": "print('hello')\n"}, "demo.core.bad prints 'hello\\n'"),
    (what_importing_does, {"core/bad.py": "import sys\nsys.stderr.write('hm')\n"}, "demo.core.bad prints 'hm'"),
    (what_importing_does, {"core/bad.py": "import os\nos.write(2, b'low')\n"}, "demo writes 'low'"),
    (
        what_importing_does,
        {"core/bad.py": "import os\nos.environ['A_B'] = '1'\n"},
        "demo.core.bad changes the environment",
    ),
    (
        what_importing_does,
        {"core/bad.py": "import os\nos.putenv('A_B', '1')\n"},
        "demo.core.bad changes the environment",
    ),
    (what_importing_does, {"core/bad.py": "import socket\nsocket.socket().close()\n"}, "demo.core.bad opens a socket"),
    (what_importing_does, {"core/bad.py": "import os\nos.system('true')\n"}, "demo.core.bad starts a process"),
    (
        what_importing_does,
        {"core/bad.py": "import warnings\nwarnings.simplefilter('ignore')\n"},
        "demo.core.bad changes the warning filters",
    ),
    (what_importing_does, {"core/bad.py": "import warnings\nwarnings.warn('old')\n"}, "demo.core.bad prints"),
]


def make(folder: Path, changes: Mapping[str, str]) -> Path:
    """A package `demo` in `folder`: the sound one with some files changed or added."""
    root = folder / "demo"
    for name, text in {**SOUND, **changes}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@pytest.mark.parametrize("rule", [*READING, *RUNNING], ids=lambda rule: rule.__name__)
def test_rule_finds_no_fault_in_a_sound_package(rule: Rule, tmp_path: Path) -> None:
    assert rule(make(tmp_path, {})) == []


@pytest.mark.parametrize(
    ("rule", "changes", "fault"), FAULTS, ids=[f"{rule.__name__}-{k}" for k, (rule, _, _) in enumerate(FAULTS)]
)
def test_rule_finds_the_planted_fault(rule: Rule, changes: dict[str, str], fault: str, tmp_path: Path) -> None:
    faults = rule(make(tmp_path, changes))
    assert any(fault in found for found in faults), faults


def test_every_rule_is_proven() -> None:
    assert {rule for rule, _, _ in FAULTS} == {*READING, *RUNNING}
