"""Which system this is, and the camera that a name stands for."""

import sys

from mien.cameras.linux import LINUX
from mien.cameras.macos import MACOS
from mien.cameras.system import Fault, System
from mien.cameras.wanted import CameraInfo
from mien.cameras.windows import WINDOWS
from mien.core.errors import InputError, NothingMatched

_BY_PLATFORM = {"darwin": MACOS, "win32": WINDOWS}


def this_system() -> System:
    """The one that runs."""
    return _BY_PLATFORM.get(sys.platform, LINUX)


def known_cameras(system: System) -> list[CameraInfo]:
    """Every camera, with the sizes of its pictures.

    Raises:
        NothingMatched: there is none; says what to do.
    """
    found = system.cameras(True)
    if not found:
        raise NothingMatched("cameras", Fault.MISSING, "no camera was found", system.remedies[Fault.MISSING])
    return found


def camera_named(name: str, system: System) -> CameraInfo:
    """The camera with a number, a name (or a part that no other has), or a path.

    Raises:
        InputError: there is none of this name, or several.
    """
    label = f"camera {name}"
    cameras = system.cameras(False)
    if name.isdecimal():
        matching = [camera for camera in cameras if camera.index == int(name)]
    else:
        lower = name.casefold()
        exact = [camera for camera in cameras if lower in (camera.name.casefold(), camera.address.casefold())]
        matching = exact or [camera for camera in cameras if lower in camera.name.casefold()]
    if not matching and (address := system.at_path(name)) is not None:
        return CameraInfo(-1, name, address)
    if not matching:
        there = ", ".join(f"{camera.index} ({camera.name})" for camera in cameras)
        cause = f"there is no such camera; found: {there}" if there else "no camera was found"
        raise InputError(label, Fault.MISSING, cause, system.remedies[Fault.MISSING])
    if len(matching) > 1:
        there = ", ".join(str(camera.index) for camera in matching)
        raise InputError(label, Fault.MISSING, f"several cameras are called so: {there}", "name one by its number")
    return matching[0]
