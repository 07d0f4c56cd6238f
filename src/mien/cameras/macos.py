"""macOS: AVFoundation, by way of FFmpeg's device of that name."""

import re

import av
from av.error import FFmpegError

from mien.cameras.asking import Options, Refusal, told
from mien.cameras.system import PATIENT, Fault, System
from mien.cameras.wanted import CameraInfo, Size, Wanted, sizes_in

_MODE = r"(\d+)x(\d+)@\[\s*([\d.]+)\s+([\d.]+)\]fps"

_PRIVACY = "allow your terminal in System Settings > Privacy & Security > Camera, then start it anew"
_REMEDIES = {
    Fault.MISSING: f"plug it in; `mien cameras` lists what is there; or {_PRIVACY}",
    Fault.DENIED: _PRIVACY,
    Fault.BUSY: "close the program that uses it",
    Fault.OTHER: f"name another --camera-size or --camera-rate, or {_PRIVACY}",
}

_SIGNS = (
    (Fault.BUSY, ("in use by another", "could not lock device")),
    (Fault.DENIED, ("not authorized", "failed to create av capture input device", "can't add video input")),
    (Fault.MISSING, ("video device not found", "invalid device index", "no av capture device found")),
)
"""What FFmpeg logs for each fault: the error number is the same for all."""


def cameras(sizes: bool) -> list[CameraInfo]:
    """The video devices but for the screens, which FFmpeg lists among them."""
    try:
        devices = av.enumerate_input_devices("avfoundation")
    except (FFmpegError, ValueError):  # nothing is there, or FFmpeg lacks the device
        return []
    found = []
    for device in devices:
        if "video" not in device.media_types or device.description.startswith("Capture screen"):
            continue
        address = f"{device.name}:none"
        known = _sizes(address) if sizes else ()
        found.append(CameraInfo(int(device.name), device.description, address, known))
    return found


def _sizes(address: str) -> tuple[Size, ...]:
    """A size that no camera has makes FFmpeg name those that it has, before the camera is switched on."""
    return sizes_in(told(address, "avfoundation", {"video_size": "1x1", "framerate": "30"}).said, _MODE_SIZE)


_MODE_SIZE = r"(\d+)x(\d+)@\["


def options(wanted: Wanted, attempt: int, said: str) -> Options | None:
    """What is wanted; AVFoundation takes a size and a rate that it has and no other, so then the nearest it named."""
    if attempt == 0:
        return _mode(wanted.size, wanted.rate)
    if attempt > 1:
        return None
    modes = [
        (Size(int(width), int(height)), min(max(wanted.rate, float(low)), float(high)), float(high))
        for width, height, low, high in re.findall(_MODE, said)
    ]
    if not modes:
        return None
    # FFmpeg compares with the highest rate of a range only.
    size, _, rate = min(modes, key=lambda mode: (_apart(mode[0], wanted.size), abs(mode[2] - wanted.rate)))
    return _mode(size, rate)


def _mode(size: Size, rate: float) -> Options:
    return {**PATIENT, "video_size": str(size), "framerate": f"{rate:g}", "pixel_format": "nv12"}


def _apart(one: Size, other: Size) -> int:
    return abs(one.width - other.width) + abs(one.height - other.height)


def fault(refusal: Refusal) -> Fault:
    """By what FFmpeg logged."""
    said = refusal.said.lower()
    return next((fault for fault, signs in _SIGNS if any(sign in said for sign in signs)), Fault.OTHER)


MACOS = System("avfoundation", cameras, options, fault, _REMEDIES)
