"""`mien rigs vrm`: presets and Perfect Sync for the compact rig, by the numbers of its GLB's targets."""

import json
from pathlib import Path

import pytest

from mien.cli.main import run
from mien.formats.vrm import read_vrm_expressions
from mien.rig.compact import MOVED

Captured = pytest.CaptureFixture[str]


def test_presets_and_perfect_sync_bind_the_targets_by_number(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "new" / "expressions.json"
    assert run(["rigs", "vrm", "-o", str(path), "--node", "3"]) == 0
    assert "18 presets, 52 custom expressions" in capsys.readouterr().err
    written = json.loads(path.read_text("utf-8"))["extensions"]["VRMC_vrm"]["expressions"]
    (bind,) = written["custom"]["JawOpen"]["morphTargetBinds"]
    assert bind == {"node": 3, "index": MOVED.index("jawOpen"), "weight": 1.0}
    assert not written["custom"]["TongueOut"].get("morphTargetBinds")
    blink = {one["index"] for one in written["preset"]["blink"]["morphTargetBinds"]}
    assert blink == {MOVED.index("eyeBlinkLeft"), MOVED.index("eyeBlinkRight")}
    assert {one.name for one in read_vrm_expressions(path).preset} >= {"happy", "aa", "blinkLeft", "lookUp"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.glb"], "VRM expressions are JSON"),
        (["-o", "x.json", "--node", "-1"], "-1 is no number of a node"),
        (["-o", "x.json", "--rig", "nobody"], "no rig of that name"),
    ],
)
def test_what_cannot_be_written_is_said(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["rigs", "vrm", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_an_existing_file_is_kept(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "a.json"
    path.write_text("mine")
    assert run(["rigs", "vrm", "-o", str(path)]) == 2
    assert path.read_text() == "mine"
    assert run(["rigs", "vrm", "-o", str(path), "--overwrite"]) == 0
