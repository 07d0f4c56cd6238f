"""Windows: DirectShow, by way of FFmpeg's dshow."""

import av
from av.error import FFmpegError

from mien.cameras.asking import Options, Refusal, told
from mien.cameras.system import PATIENT, Fault, System
from mien.cameras.wanted import CameraInfo, Wanted, sizes_in

_ROOM = {"rtbufsize": "67108864"}
"""Bytes that FFmpeg keeps until they are read: its own limit is less than two raw frames in 720p."""

_PRIVACY = "let desktop apps use the camera in Settings > Privacy & security > Camera"
_REMEDIES = {
    Fault.MISSING: f"plug it in; `mien cameras` lists what is there; or {_PRIVACY}",
    Fault.DENIED: _PRIVACY,
    Fault.BUSY: f"close the program that uses it, or {_PRIVACY}",
    Fault.OTHER: f"name another --camera-size or --camera-rate, or {_PRIVACY}",
}

_SIGNS = (
    (Fault.BUSY, ("already in use", "could not run graph", "could not run filter")),
    (Fault.DENIED, ("access is denied", "0x80070005")),
    (Fault.MISSING, ("could not find video device", "could not enumerate video devices")),
)
"""What FFmpeg logs for each fault: the error number is the same for all."""


def cameras(sizes: bool) -> list[CameraInfo]:
    """The video devices, by the unique names that tell two of one kind apart and hold no colon."""
    try:
        devices = av.enumerate_input_devices("dshow")
    except (FFmpegError, ValueError):  # nothing is there, or FFmpeg lacks the device
        return []
    found: list[CameraInfo] = []
    for device in devices:
        if device.media_types and "video" not in device.media_types:
            continue
        address = f"video={device.name}"
        said = told(address, "dshow", {"list_options": "true"}).said if sizes else ""
        known = sizes_in(said, r"max s=(\d+)x(\d+)")
        found.append(CameraInfo(len(found), device.description or device.name, address, known))
    return found


def options(wanted: Wanted, attempt: int, said: str) -> Options | None:
    """The size and the rate, then with less and less asked. The rate alone keeps raw pictures away that USB cannot
    carry: a camera does not offer them at it.
    """
    size, rate = {"video_size": str(wanted.size)}, {"framerate": f"{wanted.rate:g}"}
    attempts: tuple[Options, ...] = ({**size, **rate}, size, {})
    return {**PATIENT, **_ROOM, **attempts[attempt]} if attempt < len(attempts) else None


def fault(refusal: Refusal) -> Fault:
    """By what FFmpeg logged."""
    said = refusal.said.lower()
    return next((fault for fault, signs in _SIGNS if any(sign in said for sign in signs)), Fault.OTHER)


WINDOWS = System("dshow", cameras, options, fault, _REMEDIES)
