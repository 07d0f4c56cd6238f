"""Signed statements within the file of a picture or a video (C2PA): writing them, and reading them back.

Nothing is fetched: no manifest from elsewhere, no revocation list, no time stamp. No thumbnail is made. Nor is one kept
that the source's own statement holds, unless all is kept: its face may be the very thing that was changed.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from os import fspath
from pathlib import Path
from typing import BinaryIO

import c2pa

from mien.core.errors import InputError, OutputError, printable
from mien.formats.claim import TOOL, Claim
from mien.formats.files import MediaKind, StrPath, kind_of, open_regular
from mien.formats.ingredient import MIME, Ingredient
from mien.formats.json_object import JsonObject
from mien.formats.leftovers import temporary_beside
from mien.formats.manifest_frame import check_frame, history_digest
from mien.formats.signing import SigningIdentity, known_identities

Seal = Callable[[Path], None]
"""What is done to a finished file before it gets its name."""

ASSERTION = "mien.edit"
"""Name of what mien adds to the standard's statements: the hashes of input and networks."""

_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_GENERATIVE, _DRAWN = _TERMS + "compositeWithTrainedAlgorithmicMedia", _TERMS + "algorithmicMedia"

_UNVOUCHED = {"signingCredential.untrusted", "signingCredential.expired", "claimSignature.outsideValidity"}
"""Faults of the certificate alone: nothing was changed."""


class Standing(Enum):
    """What is known of a file; the value is how `mien verify` says it."""

    HERE = "made here"
    ELSEWHERE = "intact, by another signer"
    CHANGED = "changed since"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a file's own statement says, and whether it holds. Every text is on one line.

    Args:
        standing: whose statement it is, and whether the file still is what was signed.
        actions: what was done, in the signer's words.
        tool: the program that made it and its version, "" when there is no statement.
        signer: the name in the certificate.
        generative: whether a network made up some of it.
        history: earlier statements that it carries along, as many as it has.
        redacted: parts that were taken out of those, as many as it says.
        cause: why it counts as changed, or was not looked at.
    """

    standing: Standing
    actions: tuple[str, ...] = ()
    tool: str = ""
    signer: str = ""
    generative: bool = False
    history: int = 0
    redacted: int = 0
    cause: str = ""

    @property
    def by_mien(self) -> bool:
        """Whether the statement calls its maker mien; only a signature of this computer proves it."""
        return self.tool.split(" ")[0] == TOOL


def sealing(
    claim: Claim, identity: SigningIdentity, source: bytes | StrPath | None = None, keep_metadata: bool = False
) -> Seal:
    """What signs a finished file with `claim`; give it to `write_image`, `write_photo` or `VideoWriter` as `seal`.

    Args:
        claim: what was done.
        identity: who signs.
        source: the file that was edited, as bytes or as its path; None when the result was made from nothing.
        keep_metadata: whether the source's own statements stay whole, as `sign` says.
    """
    return lambda path: sign(path, claim, identity, source, keep_metadata)


def sign(
    path: Path,
    claim: Claim,
    identity: SigningIdentity,
    source: bytes | StrPath | None = None,
    keep_metadata: bool = False,
) -> None:
    """Puts a signed statement into the JPEG, PNG, WebP or MP4 at `path`, in place.

    Pixels, samples and all other metadata stay as they are. The source becomes the parent of the result, together with
    every statement that it carries itself: what was done, to what, and who signed it. What those say of place, camera
    and people is taken out, and so are their thumbnails; titles stay, for they are part of what was signed.

    Args:
        path: the finished file, before it gets its name; replaced as a whole, or left as it was.
        claim: what was done.
        identity: who signs.
        source: the file that was edited, as bytes or as its path; None when the result was made from nothing.
        keep_metadata: whether the source's own statements stay whole.

    Raises:
        OutputError: E_SIGN: the file or the certificate is none that can be signed or sign.
        InputError: the source cannot be read.
    """
    signed = temporary_beside(path)
    try:
        with path.open("rb") as plain, _new(signed) as result:
            kind = kind_of(plain.read(64), path)
            head = _head_digest(plain, kind)
            parent = None if source is None else Ingredient(source)
            try:
                if parent is not None and not keep_metadata:
                    parent = replace(parent, redacted=parent.private_parts())
                _sign(plain, result, kind, claim, _Unsigned(head), identity, parent)
            except (c2pa.C2paError, ValueError):
                if parent is None:
                    raise
                parent = replace(parent, readable=False, redacted=())
                _sign(plain, result, kind, claim, _Unsigned(head), identity, parent)
            if history := history_digest(result, kind):
                # What the source brought is known only once it is in its place: said in a second signing.
                _sign(plain, result, kind, claim, _Unsigned(head, history), identity, parent)
        os.replace(signed, path)
    except (c2pa.C2paError, KeyError, ValueError) as error:
        cause = f"cannot be signed: {error}"
        remedy = "--no-provenance writes it without a signature, and the sidecar will say so"
        raise OutputError(path, "E_SIGN", cause, remedy) from error
    finally:
        with suppress(OSError):
            signed.unlink()


def inspect(path: StrPath, identities: tuple[SigningIdentity, ...] | None = None) -> Verdict:
    """What the file says of itself, and whether that holds.

    Args:
        path: a photo or a video of any kind that mien reads; Matroska is not looked into.
        identities: who counts as "here"; by default every key of this user on this computer.

    Raises:
        InputError: what `open_regular` and `kind_of` raise; E_CORRUPT: damaged, and without a statement.
    """
    source = fspath(path)
    own = known_identities() if identities is None else identities
    with open_regular(path) as file:
        kind = kind_of(file.read(64), source)
        if kind not in MIME:
            return Verdict(Standing.UNKNOWN, cause=f"{kind.value} files are not looked into")
        head = _head_digest(file, kind)
        file.seek(0)
        try:
            with (
                c2pa.Context.from_dict(_settings("".join(one.anchor for one in own))) as context,
                c2pa.Reader(MIME[kind], file, context=context) as reader,
            ):
                account = reader.json()
        except c2pa.C2paError.ManifestNotFound:
            return Verdict(Standing.UNKNOWN)
        except c2pa.C2paError as error:
            if str(error).startswith("Remote"):
                return Verdict(Standing.UNKNOWN, cause="its statement lies at an address, which is not asked")
            if not _mentions_manifest(file):
                cause = f"damaged: {printable(error)}"
                raise InputError(source, "E_CORRUPT", cause, "fetch or export it again") from error
            return Verdict(Standing.CHANGED, cause=printable(error))
        try:
            verdict, extras = _verdict(account, {one.serial for one in own})
            if verdict.standing is Standing.HERE:
                check_frame(file, kind)
                if extras != _Unsigned(head, history_digest(file, kind)):
                    raise ValueError("the head of the file, or an earlier manifest")
        except ValueError as error:
            return Verdict(Standing.CHANGED, cause=printable(error))
    return verdict


def _new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "w+b")


def _settings(anchors: str = "") -> dict[str, object]:
    """How the library is to work; told each time, for its defaults fetch and keep thumbnails."""
    verify = {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": True}
    trust = {"trust": {"user_anchors": anchors}} if anchors else {}
    return {"version": 1, "verify": verify, "builder": {"thumbnail": {"enabled": False}}, **trust}


@dataclass(frozen=True, slots=True)
class _Unsigned:
    """SHA-256 of what the standard leaves unsigned: the head of an MP4, and the boxes round earlier manifests."""

    head: str = ""
    history: str = ""


def _statement(claim: Claim, mime: str, source: Ingredient | None, extras: _Unsigned) -> dict[str, object]:
    agent = {"name": TOOL, "version": claim.version}
    kind = _GENERATIVE if claim.generative else _DRAWN if source is None else None
    first: dict[str, object] = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT]}}
    if source is not None and not source.readable:
        first["description"] = _UNREADABLE
    if source is None:
        first = {"action": "c2pa.created", "softwareAgent": agent, "digitalSourceType": kind or _DRAWN}
    steps: list[dict[str, object]] = [
        {"action": "c2pa.edited", "description": action, "softwareAgent": agent} for action in claim.actions
    ]
    if claim.generative and source is not None and not steps:
        # A network made up pixels, and no words say how: the mark needs a step to stand on.
        steps = [{"action": "c2pa.edited", "softwareAgent": agent}]
    for step in steps:
        if kind is not None:
            step["digitalSourceType"] = kind
    redacted = () if source is None else source.redacted
    steps += [
        {"action": _REDACTED, "reason": "c2pa.PII.present", "parameters": {"redacted": part}} for part in redacted
    ]
    hashes = {
        "source_sha256": claim.source_sha256,
        "models": [{"name": model.name, "sha256": model.sha256} for model in claim.models],
        "head_sha256": extras.head,
        "history_sha256": extras.history,
    }
    named = {"title": _PARENT, "relationship": "parentOf", "label": _PARENT, "format": mime, "instance_id": _PARENT}
    return {
        "claim_generator_info": [agent],
        "title": "picture" if mime.startswith("image") else "video",  # the real name may tell who is on it
        "format": mime,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [first, *steps]}},
            {"label": ASSERTION, "data": hashes},
        ],
        "ingredients": [named] if source is not None and not source.readable else [],
        "redactions": list(redacted),
    }


_PARENT = "source"
_REDACTED = "c2pa.redacted"
_UNREADABLE = "the source carried a statement that cannot be read"


def _sign(
    plain: BinaryIO,
    result: BinaryIO,
    kind: MediaKind,
    claim: Claim,
    extras: _Unsigned,
    identity: SigningIdentity,
    source: Ingredient | None,
) -> None:
    key = c2pa.C2paSignerInfo(identity.algorithm, identity.certificates, identity.key, None)
    signer = c2pa.Signer.from_info(key)
    statement = _statement(claim, MIME[kind], source, extras)
    plain.seek(0)
    result.seek(0)
    result.truncate()
    with (
        c2pa.Context.from_dict(_settings(identity.anchor), signer=signer) as context,
        c2pa.Builder(statement, context=context) as builder,
    ):
        if source is not None and source.readable:
            parent = {"title": _PARENT, "relationship": "parentOf", "label": _PARENT}
            with source.opened() as (original, mime):
                builder.add_ingredient(parent, mime, original)
        builder.sign(MIME[kind], plain, result)


def _head_digest(file: BinaryIO, kind: MediaKind) -> str:
    """The SHA-256 of an MP4's first box, which the standard leaves out of what is signed; "" for other formats."""
    if kind is not MediaKind.MP4:
        return ""
    file.seek(0)
    size = int.from_bytes(file.read(4), "big")
    file.seek(0)
    return hashlib.sha256(file.read(min(size, 4096))).hexdigest()


def _mentions_manifest(file: BinaryIO) -> bool:
    """Whether a file that cannot be read carries the remains of a statement, wherever."""
    file.seek(0)
    tail = b""
    while block := file.read(2**20):
        if b"c2pa" in tail + block or b"jumd" in tail + block:
            return True
        tail = block[-3:]
    return False


def _verdict(account: str, serials: set[int]) -> tuple[Verdict, _Unsigned]:
    """What the library's account of a file amounts to, and what mien said of unsigned parts.

    Raises:
        ValueError: the account is not of the expected make.
    """
    store = JsonObject.parse(account.encode("utf-8", "replace"))
    manifests = store.child("manifests")
    manifest = manifests.child(store.text("active_manifest"))
    signature = manifest.child("signature_info")
    failures = [fault.text("code") for fault in store.objects("validation_status")]
    broken = [code for code in failures if code not in _UNVOUCHED]
    results = store.child("validation_results").child("activeManifest")
    trusted = any(entry.text("code") == "signingCredential.trusted" for entry in results.objects("success"))
    generator = manifest.objects("claim_generator_info")
    actions, generative, redacted, extras = [], False, 0, _Unsigned()
    for assertion in manifest.objects("assertions"):
        if assertion.text("label").startswith("c2pa.actions"):
            for action in assertion.child("data").objects("actions"):
                generative |= "rainedAlgorithmic" in action.text("digitalSourceType", "")
                redacted += action.text("action") == _REDACTED
                actions.append(action.text("description", "") or action.text("action"))
        elif assertion.text("label") == ASSERTION:
            data = assertion.child("data")
            extras = _Unsigned(data.text("head_sha256", ""), data.text("history_sha256", ""))
    serial = signature.text("cert_serial_number", "")
    own = trusted and serial.isdecimal() and len(serial) < 60 and int(serial) in serials
    tool = " ".join((generator[0].text("name", ""), generator[0].text("version", ""))).strip() if generator else ""
    # Other programs may sign with the same certificate; what they write has no form that could be held against it.
    here = own and tool.split(" ")[0] == TOOL
    standing = Standing.CHANGED if broken else Standing.HERE if here else Standing.ELSEWHERE
    verdict = Verdict(
        standing,
        tuple(printable(action) for action in actions if action not in ("c2pa.opened", "c2pa.created", _REDACTED)),
        printable(tool),
        printable(signature.text("common_name", "") or signature.text("issuer", "")),
        generative,
        sum(1 for _ in manifests) - 1,
        redacted,
        broken[0] if broken else "",
    )
    return verdict, extras
