"""`mien verify`: whether a picture or a video was made here, and whether it still is what it was then."""

from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from mien.cli.terminal import say
from mien.core.errors import InputError, NothingMatched, printable


def verify(
    files: tyro.conf.Positional[tuple[Path, ...]],
    certificate: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None,
) -> int:
    """Says of each file whether mien made it on this computer and whether it was changed since.

    Reads the signed statement in the file and nothing else; the network is never asked. Exit code 0: all were made
    here and are intact; 1: one was changed or cannot be read; 4: one is not known to be from here.

    Args:
        files: JPEG, PNG, WebP, AVIF, HEIC, MP4 or AVI files.
        certificate: PEM file of your own certificate chain and key, as `mien edit --certificate` takes it: what mien
            signed with it counts as made here, too.
    """
    # Loading what reads signatures takes as long as the rest of mien; only this command needs it at once.
    from mien.formats.provenance import Standing, Verdict, inspect
    from mien.formats.signing import known_identities, read_identity

    def told(verdict: Verdict) -> str:
        """A verdict in plain words."""
        words = verdict.standing.value
        if verdict.standing is Standing.CHANGED:
            return f"{words}: {verdict.cause}"
        if verdict.standing is Standing.UNKNOWN:
            return f"{words}: {verdict.cause or 'it carries no statement'}"
        if verdict.standing is Standing.ELSEWHERE:
            maker = "made by mien elsewhere" if verdict.by_mien else f"made by {verdict.tool or 'an unnamed program'}"
            words = f"{maker}, intact, signed by {verdict.signer or 'nobody named'}"
        elif verdict.tool:
            words = f"{words} by {verdict.tool}"
        done = "; ".join(verdict.actions) or "nothing was changed"
        notes = [done]
        if verdict.generative:
            notes.append("with pixels made by a network")
        if verdict.history:
            notes.append(f"earlier statements carried along: {verdict.history}")
        if verdict.redacted:
            notes.append(f"parts taken out of those: {verdict.redacted}")
        return f"{words}: {', '.join(notes)}"

    console, errors = Console(), Console(stderr=True)
    if not files:
        raise NothingMatched("mien verify", "E_USAGE", "no file was named", "name one or more pictures or videos")
    identities = known_identities()
    if certificate is not None:
        # What a certificate signed while it was valid stays signed.
        identities = (*identities, read_identity(certificate, expired=True))
    standings, failed = set(), False
    for path in files:
        try:
            verdict = inspect(path, identities)
        except InputError as error:
            failed = True
            say(errors, str(error), "red")
            continue
        standings.add(verdict.standing)
        say(console, f"{printable(path)}: {told(verdict)}")
    if failed or Standing.CHANGED in standings:
        return InputError.exit_code
    return 0 if standings == {Standing.HERE} else NothingMatched.exit_code
