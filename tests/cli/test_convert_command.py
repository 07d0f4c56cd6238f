"""`mien convert`: what it writes, what it says, and its exit codes."""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import made_capture
from made_bridges import made_bridge

from mien.cli.convert import _error
from mien.cli.main import run
from mien.core.basis import ARKIT, FACS
from mien.core.face import Expression
from mien.formats.registry import load, save

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Works in a folder with a take of one face, one of whose weights is 1.25, and leaves SIGTERM as it was."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mien.rig.shelf.platformdirs.user_data_path", lambda name: tmp_path / "nothing")
    capture = made_capture(3, faces=1)
    take = capture.takes[0]
    weights = take.state.expression.weights.copy()
    weights[0, ARKIT.index("mouthSmileLeft")] = 1.25
    take = replace(take, state=replace(take.state, expression=Expression(weights, ARKIT)))
    save(replace(capture, takes=(take,)), "t.npz")
    yield
    signal.signal(signal.SIGTERM, before)


def test_what_is_lost_and_mixed_is_said_by_name(capsys: Captured) -> None:
    assert run(["convert", "t.npz", "--to", "facs", "-o", "f.npz"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "arkit to facs: lost: mouthLeft, mouthRight, mouthShrugUpper",
        "arkit to facs: mixed with others: mouthRollLower, mouthRollUpper",
        "1 weights of facs lie outside 0 to 1 and are kept",
        "1 face, 3 frames; wrote f.npz",
    ]
    assert load("f.npz").takes[0].state.expression["AU12L"][0] == np.float32(1.25)


def test_clipping_is_asked_for_and_said(capsys: Captured) -> None:
    assert run(["convert", "t.npz", "--to", "perfectsync", "--clip", "-o", "p.npz"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "1 weights of perfectsync lay outside 0 to 1 and were clipped",
        "1 face, 3 frames; wrote p.npz",
    ]
    assert load("p.npz").takes[0].state.expression["MouthSmileLeft"][0] == 1


def test_a_format_brings_its_vocabulary(capsys: Captured) -> None:
    assert run(["convert", "t.npz", "--format", "openface", "-o", "u.csv", "-o", "whole.json"]) == 0
    said = capsys.readouterr().err
    assert "wrote u.csv, whole.json" in said
    lost = re.search("openface has no column for: (.*); of both sides the stronger is written\n", said)
    assert lost
    assert {"AU18", "AU27", "AU28", "AU30L"} <= set(lost[1].split(", "))
    assert not {"AU12L", "AU43R"} & set(lost[1].split(", "))
    assert "AU12_r" in Path("u.csv").read_text().splitlines()[0]
    assert load("u.csv").takes[0].state.expression.basis == FACS
    assert load("whole.json").takes[0].state.expression.basis == ARKIT


def test_the_other_table_is_selected(capsys: Captured) -> None:
    assert run(["convert", "t.npz", "--to", "facs", "--facs-table", "ict", "-o", "f.npz"]) == 0
    assert "lost: mouthClose, mouthLeft, mouthRight, tongueOut" in capsys.readouterr().err
    assert load("f.npz").takes[0].state.expression["AU11L"].any()


def test_mouth_and_jaw_are_swapped() -> None:
    assert run(["convert", "t.npz", "--swap-mouth-jaw", "-o", "s.npz"]) == 0
    before, after = (load(name).takes[0].state.expression for name in ("t.npz", "s.npz"))
    np.testing.assert_array_equal(after["jawLeft"], before["jawRight"])


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (["--to", "facs"], "t.npz: E_USAGE: no output is named (add -o FILE)", 2),
        (["-o", "t.npz"], "t.npz: E_USAGE: is the source, which is never overwritten (name another file)", 2),
        (["-o", "a.csv", "--face", "3"], "t.npz: E_USAGE: holds no face 3 (it holds 0)", 2),
        (["--to", "feafa", "--format", "fex", "-o", "a.csv"], "a.csv: E_USAGE: fex holds facs, not feafa", 2),
        (["--to", "flame", "-o", "a.npz"], "flame: E_MODEL: this rig is not installed", 3),
    ],
)
def test_refusals_are_one_line(capsys: Captured, words: list[str], message: str, code: int) -> None:
    assert run(["convert", "t.npz", *words]) == code
    said = capsys.readouterr().err
    assert said.startswith(message)
    assert said.count("\n") == 1
    assert os.listdir() == ["t.npz"]


def test_a_take_that_is_none_costs_one_line(capsys: Captured) -> None:
    Path("bad.npz").write_text("this is no take")
    assert run(["convert", "bad.npz", "--to", "facs", "-o", "f.npz"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("bad.npz: E_FORMAT: ")
    assert said.count("\n") == 1


def test_an_unknown_vocabulary_is_a_usage_error() -> None:
    assert run(["convert", "t.npz", "--to", "klingon", "-o", "f.npz"]) == 2
    assert os.listdir() == ["t.npz"]


def test_the_error_of_the_bridge_is_said(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.compose.conversions.remembered", lambda flame, reference, folder: made_bridge())
    monkeypatch.setattr("mien.compose.conversions.rig_named", lambda name: None)
    assert run(["convert", "t.npz", "--to", "flame", "-o", "psi.npz"]) == 0
    said = capsys.readouterr().err
    known = made_bridge().motion > 0
    left, moved = made_bridge().residual[known].mean(), made_bridge().motion[known].mean()
    assert f"flame follows 5 channels; {left:.2f} of {moved:.2f} mm are left of their motion" in said
    assert load("psi.npz").takes[0].state.expression.basis.name == "flame"


def test_channels_that_flame_hardly_follows_are_named() -> None:
    explained = made_bridge().explained.copy()
    explained[ARKIT.index("browInnerUp")] = 0.2
    line = _error(replace(made_bridge(), explained=explained))
    assert line.endswith("hardly followed: browInnerUp")


def test_several_takes_are_converted_one_by_one(capsys: Captured) -> None:
    for name in ("a", "b"):
        save(load("t.npz"), f"{name}.npz")
    Path("bad.npz").write_bytes(b"no zip")
    assert run(["convert", "a.npz", "bad.npz", "b.npz", "--to", "facs", "-o", "units-{name}.csv"]) == 1
    said = capsys.readouterr().err
    assert said.count("arkit to facs: lost") == 1
    assert "bad.npz: E_FORMAT" in said
    assert {path.name for path in Path().glob("units-*.csv")} == {"units-a.csv", "units-b.csv"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["t.npz", "t.npz", "-o", "x.csv"], "x.csv: E_USAGE: 2 takes cannot share this file (write {name}.csv)"),
        (["-o", "x.csv"], "no take was named"),
        (["clip.mp4", "-o", "x.csv"], "run `mien capture clip.mp4 -o take.npz` first"),
        (["folder", "-o", "x.csv"], "folder: E_USAGE: is a folder, not a take"),
    ],
)
def test_what_is_no_take_says_what_to_do(words: list[str], message: str, capsys: Captured) -> None:
    Path("folder").mkdir()
    assert run(["convert", *words]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_many_mixed_channels_are_counted_rather_than_named(capsys: Captured) -> None:
    assert run(["convert", "t.npz", "--to", "vrm", "-o", "vrm.json"]) == 0
    assert "arkit to vrm: 41 channels are mixed with others" in capsys.readouterr().err
