import hashlib
import json
import os
from pathlib import Path

import pytest
from made_signed import CLAIM

from mien.core.errors import InputError, OutputExists
from mien.formats.sidecar import Sidecar, read_sidecar, sidecar_path, write_sidecar


def test_says_what_was_done(tmp_path: Path) -> None:
    picture = tmp_path / "smile.jpg"
    picture.write_bytes(b"pixels")
    path = write_sidecar(picture, CLAIM, tmp_path / "folder" / "me.png", provenance=True)
    assert path == tmp_path / "smile.jpg.mien.json"
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert read_sidecar(path) == Sidecar(CLAIM, "me.png", "smile.jpg", digest, True)
    document = json.loads(path.read_text("utf-8"))
    assert document["edits"] == ["mouthSmileLeft = 0.7", "jawOpen + 0.2"]
    assert document["input"] == {"name": "me.png", "sha256": "a" * 64}
    assert document["models"] == [{"name": "mouth", "sha256": "b" * 64}]
    assert str(tmp_path) not in path.read_text("utf-8")


def test_says_that_provenance_was_switched_off(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    assert not read_sidecar(write_sidecar(tmp_path / "a.png", CLAIM, None, provenance=False)).provenance


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    picture = tmp_path / os.fsdecode(b"bad\xff.png")
    picture.write_bytes(b"1")
    path = write_sidecar(picture, CLAIM, os.fsdecode(b"in\xfe\n.png"), provenance=True)
    assert read_sidecar(path).output == "bad\\udcff.png"
    assert read_sidecar(path).source == "in\\udcfe\\n.png"


def test_each_ending_has_its_own_and_none_is_replaced_unasked(tmp_path: Path) -> None:
    assert sidecar_path("a.jpg") != sidecar_path("a.png")
    (tmp_path / "a.png").write_bytes(b"1")
    write_sidecar(tmp_path / "a.png", CLAIM, None, provenance=True)
    with pytest.raises(OutputExists):
        write_sidecar(tmp_path / "a.png", CLAIM, None, provenance=True)
    write_sidecar(tmp_path / "a.png", CLAIM, None, provenance=True, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["a.png", "a.png.mien.json"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("no", "not whole JSON"),
        ("[]", "not a JSON object"),
        ('{"schema": 9}', "schema 9 is not known"),
        ('{"schema": 1, "version": "1", "input": {"sha256": "x"}}', "64 hexadecimal"),
        ('{"schema": 1, "version": "1"}', "input.sha256 is missing"),
        ('{"schema": 1, "input": {"sha256": ""}, "edits": 3}', "edits must be a list"),
        ('{"schema": 1, "input": {"sha256": ""}, "models": [{"name": "a"}]}', r"models\[0\].sha256 is missing"),
    ],
)
def test_what_is_no_sidecar(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "a.mien.json"
    path.write_text(text)
    with pytest.raises(InputError, match=cause):
        read_sidecar(path)
