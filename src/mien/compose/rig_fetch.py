"""Getting the ICT rig from its project, on the user's explicit command: the one place where mien downloads anything.

Every file comes from one commit of one host; a redirect elsewhere is refused. Files that came whole are kept beside the
target until all are there, so that a broken fetch goes on where it stopped. What they hold must be, number by number,
what mien was tested with; anything else is thrown away.
"""

import hashlib
import shutil
import zlib
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from mien.core.errors import InputError, ModelError, OutputExists
from mien.formats.files import make_folder, replacing
from mien.rig.ict_files import (
    DRIVERS,
    INDICES,
    NEUTRAL,
    PUBLISHED,
    PUBLISHED_IDENTITIES,
    PUBLISHED_SHA256,
    IctModel,
    Layout,
    identity_file,
    read_ict,
    write_ict,
)

BASE = "https://raw.githubusercontent.com/USC-ICT/ICT-FaceKit/da5f95a607f5e6b37755b38d3385d7f2853732e5/FaceXModel/"
"""The release of December 2020, at the commit that it stands at."""

FILES = (
    INDICES,
    NEUTRAL,
    *(f"{shape}.obj" for shape in DRIVERS),
    *(identity_file(number) for number in range(PUBLISHED_IDENTITIES)),
)
MEGABYTES = 290
"""About how large the files are together."""

SHA256 = {
    NEUTRAL: "eedbc2576d8e5ea57f55255b8f98263213a1efb5431d8bfceed1d7aef10271f9",
    "jawOpen.obj": "8d84355e10f48b05550980cee385bcd426f4797090da76a20de0535bb2f99f4a",
}
"""Files known byte for byte: a wrong release is found out at once. The numbers of all are checked at the end."""

_FILE_LIMIT = 2**22
_TIMEOUT = 30.0
_AGAIN = "try again: what has come already is kept"
_NOTHING = "nothing was installed; get the model by hand and use `mien rigs import ict PATH`"


def fetch_ict(
    target: Path,
    overwrite: bool = False,
    step: Callable[[str], None] = lambda name: None,
    *,
    base: str = BASE,
    files: Sequence[str] = FILES,
    layout: Layout = PUBLISHED,
    sha256: str = PUBLISHED_SHA256,
    known: dict[str, str] = SHA256,
) -> IctModel:
    """Downloads the model, checks it, and writes it to `target` as one file.

    Args:
        target: where it goes.
        overwrite: whether a file that is there already may be replaced.
        step: called with the name of each file before it is fetched, and again before it is read.
        base: the address of the folder, ending in a slash. Redirects must stay on its scheme and host.
        files: names of the files there.
        layout: the topology it must have.
        sha256: `IctModel.sha256` that it must have.
        known: SHA-256 of single files.

    Raises:
        ModelError: E_FETCH: the network or the server failed, or sent what is not the model; nothing is installed.
        OutputError: the target is there already, or the disk refuses.
    """
    if target.exists() and not overwrite:
        raise OutputExists(target, "E_EXISTS", "the file exists already", "--overwrite replaces it")
    folder = target.parent / f".{target.stem}-fetch-{hashlib.sha256(base.encode()).hexdigest()[:8]}"
    make_folder(folder)
    opener = build_opener(_SameHost(base))
    for name in files:
        step(name)
        if not (folder / name).exists():
            data = _download(opener, base + name)
            if name in known and hashlib.sha256(data).hexdigest() != known[name]:
                raise ModelError(base + name, "E_FETCH", "SHA-256 is not that of the release", _NOTHING)
            with replacing(folder / name, overwrite=True) as part:
                part.write_bytes(data)
    try:
        model = read_ict(folder, layout, step)
    except InputError as error:
        shutil.rmtree(folder)
        cause = f"{Path(error.source).name} is not as published: {error.cause}"
        raise ModelError(base, "E_FETCH", cause, _NOTHING) from error
    if (found := model.sha256()) != sha256:
        shutil.rmtree(folder)
        cause = f"the model's SHA-256 is {found[:12]}…, expected {sha256[:12]}…"
        raise ModelError(base, "E_FETCH", cause, _NOTHING)
    write_ict(model, target, overwrite)
    shutil.rmtree(folder)
    return model


class _SameHost(HTTPRedirectHandler):
    """Follows a redirect only to where the user was told that the files come from."""

    def __init__(self, base: str) -> None:
        self._origin = urlsplit(base)[:2]

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """The request that follows. Raises `ModelError` when it leads elsewhere."""
        if urlsplit(newurl)[:2] != self._origin:
            fp.close()
            raise ModelError(req.full_url, "E_FETCH", f"redirects to {newurl}, another host", _NOTHING)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(opener: OpenerDirector, address: str) -> bytes:
    """The content of one file, whole, and never more than `_FILE_LIMIT` of it."""
    request = Request(address, headers={"User-Agent": "mien", "Accept-Encoding": "gzip"})
    try:
        with opener.open(request, timeout=_TIMEOUT) as response:
            length = response.headers.get("Content-Length")
            if length is not None and int(length) > _FILE_LIMIT:
                raise _too_large(address)
            body: bytes = response.read(_FILE_LIMIT + 1)
            if length is not None and len(body) < int(length):
                raise ModelError(address, "E_FETCH", f"broke off after {len(body)} of {length} bytes", _AGAIN)
            if response.headers.get("Content-Encoding", "").lower() == "gzip":
                body = _unpacked(address, body)
    except HTTPError as error:
        error.close()  # it is the answer, too, and holds the connection
        raise ModelError(address, "E_FETCH", f"the server answers {error.code} {error.reason}", _AGAIN) from error
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise ModelError(address, "E_FETCH", f"cannot be fetched: {reason or type(error).__name__}", _AGAIN) from error
    if len(body) > _FILE_LIMIT:
        raise _too_large(address)
    return body


def _unpacked(address: str, body: bytes) -> bytes:
    """What a gzip body holds, and at most one byte more than is allowed."""
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(body, _FILE_LIMIT + 1)
    except zlib.error as error:
        raise ModelError(address, "E_FETCH", f"is no whole gzip stream: {error}", _AGAIN) from error
    if not stream.eof and len(data) <= _FILE_LIMIT:
        raise ModelError(address, "E_FETCH", "broke off within a gzip stream", _AGAIN)
    return data


def _too_large(address: str) -> ModelError:
    return ModelError(address, "E_FETCH", f"is larger than {_FILE_LIMIT >> 20} MiB", _NOTHING)
