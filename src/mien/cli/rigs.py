"""`mien rigs`: which 3D faces a take can drive, and how one that is missing is brought in."""

from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table
from rich.text import Text

from mien.cli.terminal import bars, say
from mien.compose import rig_fetch
from mien.core.errors import OutputExists, printable
from mien.formats.files import make_folder
from mien.rig.flame_file import LICENCE as FLAME_LICENCE
from mien.rig.flame_file import import_flame
from mien.rig.ict_files import LICENCE, files_of, model_folder, read_ict, write_ict
from mien.rig.shelf import rig_path, shelf


def list_rigs() -> int:
    """Lists the rigs that a take can drive: how large each is, where it lies, and how to get one that is missing."""
    heads = ("name", "vertices", "identities", "channels", "licence")
    table = Table(*(Column(head, no_wrap=True) for head in heads), Column("where", overflow="fold"))
    for entry in shelf():
        known, numbers = entry.known, ("", "", "")
        if entry.place is None:
            where = f"not installed: {known.remedy}"
        elif entry.fault:
            where = f"{entry.place}: cannot be used: {entry.fault} ({known.remedy})"
        else:
            numbers = f"{entry.vertices:,}", str(entry.identities), str(entry.channels)
            where = entry.place
        table.add_row(*map(Text, (known.name, *numbers, known.licence, printable(where))))
    Console().print(table)
    return 0


def import_rig(
    kind: tyro.conf.Positional[Literal["ict", "flame"]],
    path: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="PATH")]],
    overwrite: bool = False,
) -> int:
    """Installs a rig that you have: makes one file of it that loads fast.

    Example: mien rigs import ict ICT-FaceKit/FaceXModel

    Args:
        kind: which rig it is.
        path: for ict, the folder FaceXModel of its project, or the .npz of another installation; for flame, the .pkl,
            .npz or .safetensors that you obtained.
        overwrite: replace the one that is installed.
    """
    target = _target(kind, overwrite)
    if kind == "ict":
        _import_ict(path, target, overwrite)
    else:
        import_flame(path, target, overwrite)
        _say(FLAME_LICENCE)
    _say(f"installed {target}")
    return 0


def _import_ict(path: Path, target: Path, overwrite: bool) -> None:
    files = files_of(model_folder(path)) if path.is_dir() else []
    with _progress("reading", len(files)) as progress:
        model = read_ict(path, step=lambda name: progress.advance(progress.task_ids[0]))
    write_ict(model, target, overwrite)
    if not model.is_published:
        _say(f"{printable(path)}: W_RELEASE: not the numbers of the release that mien was tested with", "yellow")


def fetch_rig(kind: tyro.conf.Positional[Literal["ict"]], overwrite: bool = False) -> int:
    """Downloads a rig from its project's page, checks it against the release mien was tested with, and installs it.

    Beside `mien models fetch` the only command of mien that downloads anything.

    Args:
        kind: which rig.
        overwrite: replace the one that is installed.
    """
    target = _target(kind, overwrite)
    _say(f"from    {rig_fetch.BASE}")
    _say(f"size    {len(rig_fetch.FILES)} files, {rig_fetch.MEGABYTES} MB unpacked")
    _say(f"licence {LICENCE}")
    with _progress("fetching", 2 * len(rig_fetch.FILES) - 1) as progress:
        rig_fetch.fetch_ict(target, overwrite, lambda name: progress.advance(progress.task_ids[0]))
    _say(f"installed {target}")
    return 0


def _target(kind: str, overwrite: bool) -> Path:
    """Where the rig goes; a refusal is found out before any work is done."""
    target = rig_path(kind)
    make_folder(target.parent)
    if target.exists() and not overwrite:
        raise OutputExists(target, "E_EXISTS", f"the {kind} rig is installed already", "--overwrite replaces it")
    return target


def _say(line: str, style: str | None = None) -> None:
    say(Console(stderr=True), line, style)


def _progress(what: str, total: int) -> Progress:
    progress = bars(Console(stderr=True))
    progress.add_task(what, total=total)
    return progress
