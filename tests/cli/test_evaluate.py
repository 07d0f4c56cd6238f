"""`mien evaluate expression` as it is typed."""

import csv
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from made_trained import JUDGED, make_judged, make_trained

from mien.cli.main import run
from mien.core.basis import ARKIT
from mien.formats.images import read_image
from mien.train.evaluation import evaluate
from mien.train.feature_picture import SIZE

pytestmark = pytest.mark.usefixtures("keep_signals")

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_judged(tmp_path_factory.mktemp("packs"), ("renders", "wild"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def words(data: Path, trained: Path) -> list[str]:
    return ["evaluate", "expression", "--data", str(data), "--trained", str(trained)]


def test_figures_are_printed_and_written(words: list[str], data: Path, trained: Path, tmp_path: Path) -> None:
    table = tmp_path / "figures.csv"
    assert run([*words, "--csv", str(table)]) == 0
    with table.open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert list(lines[0]) == [
        *("group", "faces", "channel", "r", "error", "active", "icc", "apart", "mirror", "jitter")
    ]
    assert len(lines) == 2 * (len(ARKIT) + 2)
    assert [line["channel"] for line in lines[: len(ARKIT) + 2]] == [*ARKIT.columns, "mean", "global feature"]
    for figures in evaluate(data, trained, progress=False).figures:
        own = {line["channel"]: line for line in lines if line["group"] == figures.group}
        assert {line["faces"] for line in own.values()} == {str(JUDGED)}
        for name, column in figures.columns:
            written = [float(own[channel][name] or "nan") for channel in ARKIT.columns]
            np.testing.assert_allclose(written, column, rtol=1e-5, atol=1e-9)
            finite = column[np.isfinite(column)]
            if len(finite):
                assert float(own["mean"][name]) == pytest.approx(finite.mean(), rel=1e-4, abs=1e-9)
            else:
                assert own["mean"][name] == ""
        assert float(own["global feature"]["apart"]) == pytest.approx(figures.whole, rel=1e-5)


def test_the_terminal_shows_whole_numbers_and_names(words: list[str], capsys: Captured) -> None:
    assert run([*words, "--limit", "1"]) == 0
    said = capsys.readouterr().out
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 80
    assert re.search(r"true labels, 1 face .*photos, 1 face ", said, re.DOTALL)
    assert len(re.findall(r"^ ?jawOpen( +-?\d\.\d{3}| +-){7} *$", said, re.MULTILINE)) == 2
    assert len(re.findall(r"^ ?mean( +-?\d\.\d{3}| +-){7} *$", said, re.MULTILINE)) == 2
    assert "tongueOut" not in said
    assert said.count("mean ICC(3,1)") == 2


def test_the_picture_has_a_panel_for_each_folder_group_and_feature(
    words: list[str], tmp_path: Path, capsys: Captured
) -> None:
    earlier, picture = make_trained(tmp_path / "earlier", seed=1), tmp_path / "space.png"
    words += ["--limit", "3"]
    assert run([*words, "--picture", str(picture)]) == 0
    one = read_image(picture)
    assert SIZE[0] < one.width < 2 * SIZE[0]
    more = ["--before", str(earlier), "--channel", "jawOpen", "--picture", str(picture)]
    assert run([*words, *more]) == 2  # it is there already
    assert "--overwrite replaces it" in capsys.readouterr().err.replace("\n", " ")
    assert run([*words, *more, "--overwrite"]) == 0
    four = read_image(picture)
    assert 2 * SIZE[0] < four.width < 3 * SIZE[0]
    assert 2 * SIZE[1] < one.height < 4 * SIZE[1] < four.height
    wide, middle = four.width // 2, slice(120, 470)  # of the uppermost panels, where faces are drawn alone
    left, right = four.pixels[middle, 40 : wide - 40], four.pixels[middle, wide + 40 : -40]
    assert (left[:, : right.shape[1]] != right[:, : left.shape[1]]).any()  # other weights, other features
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["space.png"]


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        (["--limit", "0"], 2, "--limit: E_USAGE: 0 faces cannot be measured"),
        (["--channel", "smirk", "--picture", "p.png"], 2, "--channel: E_USAGE: smirk is none that the network reads"),
        (["--channel", "tongueOut", "--picture", "p.png"], 2, "--channel: E_USAGE: tongueOut"),
        (["--channel", "jawOpen"], 2, "--channel: E_USAGE: is for the picture alone"),
        (["--before", "there"], 2, "--before: E_USAGE: is for the picture alone"),
        (["--picture", "p.gif"], 2, "p.gif: E_FORMAT: pictures are not written as '.gif'"),
        (["--csv", "old.csv"], 2, "old.csv: E_EXISTS"),
        (["--csv", "."], 3, ".: E_NOTFILE: a directory"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(
    extra: list[str], code: int, message: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.csv").write_text("kept")
    assert run(["evaluate", "expression", "--data", "nowhere", "--trained", "nothing", *extra]) == code
    assert message in capsys.readouterr().err.replace("\n", " ")
    assert Path("old.csv").read_text() == "kept"


def test_missing_packs_and_checkpoints_are_named(data: Path, trained: Path, tmp_path: Path, capsys: Captured) -> None:
    assert run(["evaluate", "expression", "--data", str(data), "--trained", str(tmp_path)]) == 1
    assert "lgml.pt: E_NOTFILE: there is no such checkpoint" in capsys.readouterr().err
    assert run(["evaluate", "expression", "--data", str(tmp_path), "--trained", str(trained)]) == 1
    assert "holds no faces-*.npz" in capsys.readouterr().err


def test_without_torch_the_extra_is_named(words: list[str], capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mien.train.evaluation")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run(words) == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert said.startswith("mien evaluate expression: E_USAGE: evaluating needs torch, which is not installed")
    assert 'pip install "mien[train]"' in said
