"""Getting the ICT rig from its project, on the user's explicit command.

Every file comes from one commit of one host. Files that came whole are kept beside the
target until all are there, so that a broken fetch goes on where it stopped. What they hold must be, number by number,
what mien was tested with; anything else is thrown away.
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from mien.compose.fetching import Fetcher
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
    fetcher = Fetcher(base, _FILE_LIMIT, _AGAIN, _NOTHING)
    for name in files:
        step(name)
        if not (folder / name).exists():
            data = fetcher.get(base + name)
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
