"""The sidecar: a small JSON beside a picture that says in plain words what was done, to what, and by which networks.

It is called like the picture with `.mien.json` behind: `smile.jpg.mien.json`. Not `smile.json`, which is what a take
of that picture is called, and not `smile.jpg.json`, which a take may be called too; and with the ending of the picture
within, so that `smile.jpg` and `smile.png` each have their own.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError, printable
from mien.formats.claim import Claim, ModelUsed
from mien.formats.files import StrPath, read_bytes, replacing, sha256_of
from mien.formats.json_object import JSON_LIMIT, JsonObject

SCHEMA = 1
"""Version of the sidecar's layout."""

_ENDING = ".mien.json"


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar says.

    Args:
        claim: what was done, to what, by which networks and which version.
        source: name of the file that was edited, without its folder; "" when there was none.
        output: name of the picture, without its folder.
        output_sha256: of the picture, 64 hexadecimal digits.
        provenance: whether the picture carries a signed manifest; False is what `--no-provenance` leaves behind.
    """

    claim: Claim
    source: str
    output: str
    output_sha256: str
    provenance: bool


def sidecar_path(picture: StrPath) -> Path:
    """Where the sidecar of a picture lies: beside it, its name with `.mien.json` behind."""
    path = Path(picture)
    return path.with_name(path.name + _ENDING)


def write_sidecar(
    picture: StrPath, claim: Claim, source: StrPath | None, provenance: bool, overwrite: bool = False
) -> Path:
    """Writes the sidecar of a picture that is in its place, and returns where it is.

    Args:
        picture: the finished file, which is hashed.
        claim: what was done.
        source: the file that was edited; only its name is kept.
        provenance: whether the picture carries a signed manifest.
        overwrite: whether a sidecar that is there already may be replaced.

    Raises:
        InputError: the picture cannot be read.
        OutputError: what `replacing` raises.
    """
    target = sidecar_path(picture)
    document = {
        "schema": SCHEMA,
        "tool": "mien",
        "version": claim.version,
        "input": {"name": printable(Path(source).name) if source else "", "sha256": claim.source_sha256},
        "output": {"name": printable(Path(picture).name), "sha256": sha256_of(picture)},
        "edits": list(claim.actions),
        "generative": claim.generative,
        "models": [{"name": model.name, "sha256": model.sha256} for model in claim.models],
        "provenance": provenance,
    }
    with replacing(target, overwrite) as temporary:
        temporary.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def read_sidecar(path: StrPath) -> Sidecar:
    """A sidecar that `write_sidecar` wrote.

    Raises:
        InputError: E_FORMAT: not one, of a later layout, or a part is missing or of another kind; what `read_bytes`
            raises.
    """
    try:
        document = JsonObject.parse(read_bytes(path, JSON_LIMIT))
        schema = document.whole("schema")
        if schema != SCHEMA:
            raise ValueError(f"schema {schema} is not known, only {SCHEMA}")
        source, output = document.child("input"), document.child("output")
        claim = Claim(
            tuple(document.texts("edits")),
            source.text("sha256"),
            tuple(ModelUsed(model.text("name"), model.text("sha256")) for model in document.objects("models")),
            document.flag("generative", True),
            document.text("version"),
        )
        return Sidecar(
            claim, source.text("name"), output.text("name"), output.text("sha256"), document.flag("provenance", True)
        )
    except ValueError as error:
        raise InputError(path, "E_FORMAT", f"not a sidecar of mien: {error}", "mien writes it anew") from error
