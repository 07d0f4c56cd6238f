"""`mien data render`: a pack that training reads, and what it says when there is nothing to make one of."""

from pathlib import Path

import numpy as np
import pytest
from made_packs import make_packs

from mien.cli.main import run
from mien.data.packs import read_faces
from mien.rig.compact import compact_model

ICT = Path(__file__).parents[2].parent / "shared" / "data" / "rigs" / "ict-facekit.npz"
Captured = pytest.CaptureFixture[str]


@pytest.mark.skipif(not ICT.is_file(), reason="the ICT rig lies in ../shared, which is not here")
def test_a_pack_of_renders_is_read_as_one(tmp_path: Path, capsys: Captured) -> None:
    packs, path = make_packs(tmp_path / "packs"), tmp_path / "faces-renders.npz"
    assert run(["data", "render", "--data", str(packs), "-o", str(path), "--count", "3", "--ict", str(ICT)]) == 0
    assert "3 faces to train on, 1 to validate" in capsys.readouterr().err.replace("\n", " ")
    pack = read_faces(path)
    assert pack.rendered
    assert (len(pack.indices("train")), len(pack.indices("val"))) == (3, 1)
    assert np.isfinite(pack.landmarks).all()
    assert pack.landmarks.shape[1:] == compact_model().mean.shape
    again = ["data", "render", "--data", str(packs), "-o", str(path), "--count", "3", "--ict", str(ICT)]
    assert run(again) == 3  # it is there already


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        (["--count", "0"], 2, "--count: E_USAGE: 0 faces make no pack"),
        (["--ict", "gone.npz"], 1, "gone.npz: E_NOTFILE"),
    ],
)
def test_what_makes_no_pack_is_said(
    extra: list[str], code: int, message: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    packs = make_packs(tmp_path / "packs")
    assert run(["data", "render", "--data", str(packs), "-o", "faces-renders.npz", *extra]) == code
    assert message in capsys.readouterr().err
    assert not Path("faces-renders.npz").exists()
