"""Which rigs there are, where those that the user brought lie, and how to get one that is missing."""

from dataclasses import dataclass
from os.path import isdir
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import platformdirs

from mien.core.errors import InputError, MienError, ModelError, UsageError
from mien.formats.files import StrPath, open_regular
from mien.rig.compact import CompactRig
from mien.rig.flame import FlameRig
from mien.rig.ict import IctRig
from mien.rig.model import Rig


@dataclass(frozen=True, slots=True)
class Known:
    """A rig that mien can drive: its name, its licence in a word, and how it gets onto this computer."""

    name: str
    licence: str
    remedy: str


COMPACT = Known("compact", "MIT", "comes with mien: reinstall it")
KNOWN = (
    COMPACT,
    Known("ict", "MIT", "`mien rigs fetch ict` gets it, or `mien rigs import ict FOLDER` takes what you have"),
    Known("flame", "its own", "register at https://flame.is.tue.mpg.de, then `mien rigs import flame FILE`"),
)


@dataclass(frozen=True, slots=True)
class Shelved:
    """What is known of a rig here: where it lies (None: nowhere), how large it is, or why it cannot be used."""

    known: Known
    place: str | None
    vertices: int = 0
    identities: int = 0
    channels: int = 0
    fault: str = ""


def rigs_folder() -> Path:
    """Where imported rigs lie: the user's data folder. Nothing is made."""
    return platformdirs.user_data_path("mien") / "rigs"


def rig_path(name: str) -> Path:
    """Where the imported rig of that name lies, or would."""
    return rigs_folder() / f"{name}.npz"


def rig_named(name: str) -> Rig:
    """A rig by its name, or by the path of a file that `mien rigs import` made or of a folder with ICT's OBJ files.

    Raises:
        UsageError: E_USAGE: no rig has that name, and it is no path of one.
        ModelError: E_MODEL: it is not installed, or its file is damaged; says what to run.
        InputError: what lies at that path is no rig.
    """
    for known in KNOWN:
        if name == known.name:
            return _installed(known)
    if name.lower().endswith(".npz") or isdir(name):
        return _at(name)
    names = ", ".join(known.name for known in KNOWN)
    raise UsageError(name, "E_USAGE", "no rig of that name", f"use {names}, or the path of an .npz")


def shelf() -> tuple[Shelved, ...]:
    """Every known rig with what can be said of it here; a damaged one does not hide the others."""
    return tuple(_shelved(known) for known in KNOWN)


def _shelved(known: Known) -> Shelved:
    path = rig_path(known.name)
    if known is not COMPACT and not path.exists():
        return Shelved(known, None)
    place = "in the package" if known is COMPACT else str(path)
    try:
        rig = _installed(known)
    except MienError as error:
        return Shelved(known, place, fault=error.cause)
    channels = len(rig.basis) - len(rig.absent)
    return Shelved(known, place, len(rig.rest().vertices), rig.identities, channels)


def _installed(known: Known) -> Rig:
    if known is COMPACT:
        return CompactRig.shipped()
    path = rig_path(known.name)
    if not path.exists():
        raise ModelError(known.name, "E_MODEL", "this rig is not installed", known.remedy)
    try:
        return _at(path)
    except InputError as error:
        remedy = f"install it again with --overwrite: {known.remedy}"
        raise ModelError(path, "E_MODEL", error.cause, remedy) from error


def _at(path: StrPath) -> Rig:
    """The rig in a file or a folder, told by what it holds."""
    if isdir(path):
        return IctRig.load(path)
    try:
        with open_regular(path) as file, ZipFile(file) as archive:
            names = archive.namelist()
    # zipfile raises NotImplementedError for a way of packing that it does not know.
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(path, "E_FORMAT", f"not a rig: {error}", "`mien rigs import` makes such files") from error
    return IctRig.load(path) if "region_names.npy" in names else FlameRig.load(path)
