"""What differs between Linux, macOS and Windows about cameras, as one record each."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mien.cameras.asking import Options, Refusal
from mien.cameras.wanted import CameraInfo, Wanted

PATIENT = {"fflags": "+4"}
"""AVFMT_FLAG_NONBLOCK: reading returns at once when there is no picture yet, so that a camera that hangs holds up
nobody."""


class Fault(StrEnum):
    """Why a camera cannot be read, by the code that people see."""

    MISSING = "E_NOCAMERA"
    DENIED = "E_DENIED"
    BUSY = "E_BUSY"
    OTHER = "E_CAMERA"


@dataclass(frozen=True, slots=True)
class System:
    """One operating system.

    Args:
        device: FFmpeg's name of the way in.
        cameras: those that there are; the argument says whether each is asked for the sizes of its pictures.
        options: FFmpeg's options of the n-th attempt to open a camera, from 0; of the attempt before it is told what
            was said. None gives up.
        fault: what a refusal means.
        remedies: what people can do about it.
        at_path: what FFmpeg opens for a name that the list does not know, or None.
    """

    device: str
    cameras: Callable[[bool], list[CameraInfo]]
    options: Callable[[Wanted, int, str], Options | None]
    fault: Callable[[Refusal], Fault]
    remedies: dict[Fault, str]
    at_path: Callable[[str], str | None] = lambda name: None
