from pathlib import Path

import pytest
from made_signed import identity, plain, signed, signed_from

from mien.cli.main import run
from mien.formats.provenance import Standing, Verdict
from mien.formats.signing import own_identity, signing_folder

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer whose key is that of `identity("mine")`, in a folder for pictures."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    signing_folder().mkdir(parents=True)
    (signing_folder() / "identity.pem").write_bytes(identity().certificates + identity().key)
    (signing_folder() / "identity.pem").chmod(0o600)
    (tmp_path / "p").mkdir()
    monkeypatch.chdir(tmp_path / "p")


def test_made_here(capsys: Captured) -> None:
    Path("a.jpg").write_bytes(signed(".jpg"))
    Path("b.mp4").write_bytes(signed_from(".mp4", signed(".mp4")))
    assert run(["verify", "a.jpg", "b.mp4"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("a.jpg: made here by mien ")
    assert "mouthSmileLeft = 0.7; jawOpen + 0.2, with pixels made by a network" in first
    assert second.endswith("earlier statements carried along: 1")


def test_changed_since(capsys: Captured) -> None:
    data = bytearray(signed(".png"))
    data[-30] ^= 1
    Path("a.png").write_bytes(data)
    Path("b.png").write_bytes(signed(".png"))
    assert run(["verify", "a.png", "b.png"]) == 1
    assert capsys.readouterr().out.startswith("a.png: changed since: ")


def test_elsewhere_and_unknown(capsys: Captured) -> None:
    Path("a.png").write_bytes(signed(".png", name="theirs"))
    Path("b.png").write_bytes(plain(".png"))
    assert run(["verify", "a.png", "b.png"]) == 4
    first, second = capsys.readouterr().out.splitlines()
    assert "made by mien elsewhere, intact, signed by mien local key: mouthSmileLeft" in first
    assert second == "b.png: unknown: it carries no statement"


def test_a_certificate_of_ones_own(capsys: Captured) -> None:
    """What `mien edit --certificate` signed is one's own, wherever the file lies; a bad one is refused."""
    Path("a.png").write_bytes(signed(".png", name="theirs"))
    Path("own.pem").write_bytes(identity("theirs").certificates + identity("theirs").key)
    Path("b.png").write_bytes(signed(".png"))
    assert run(["verify", "a.png", "b.png", "--certificate", "own.pem"]) == 0
    assert [line[:16] for line in capsys.readouterr().out.splitlines()] == ["a.png: made here", "b.png: made here"]
    assert run(["verify", "a.png"]) == 4
    Path("bad.pem").write_text("this is text")
    assert run(["verify", "a.png", "--certificate", "bad.pem"]) == 1
    assert "bad.pem: E_CERTIFICATE" in capsys.readouterr().err


def test_what_is_not_looked_into(capsys: Captured) -> None:
    Path("a.mkv").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(60))
    assert run(["verify", "a.mkv"]) == 4
    assert capsys.readouterr().out == "a.mkv: unknown: Matroska files are not looked into\n"


def test_what_was_taken_out_is_said(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Verdict(Standing.HERE, ("jawOpen = 1",), "mien 1", history=1, redacted=3)
    monkeypatch.setattr("mien.formats.provenance.inspect", lambda path, identities: found)
    assert run(["verify", "a.png"]) == 0
    assert capsys.readouterr().out.endswith("earlier statements carried along: 1, parts taken out of those: 3\n")


def test_unreadable_ones_do_not_stop_it(capsys: Captured) -> None:
    Path("a.txt").write_text("this is text")
    Path("b.png").write_bytes(signed(".png"))
    Path("c.jpg").write_bytes(plain(".jpg")[:100])
    assert run(["verify", "a.txt", "missing.jpg", "c.jpg", "b.png"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("b.png: made here")
    assert "a.txt: E_FORMAT" in said.err
    assert "missing.jpg: E_NOTFILE" in said.err
    assert "Traceback" not in said.err


def test_nothing_named(capsys: Captured) -> None:
    assert run(["verify"]) in (2, 4)


def test_no_key_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    Path("a.png").write_bytes(signed(".png"))
    assert run(["verify", "a.png"]) == 4
    assert not (tmp_path / "other").exists()
    assert own_identity().serial != identity().serial
