"""Linux: Video4Linux devices, by way of FFmpeg's v4l2."""

import errno
import re
from pathlib import Path

from mien.cameras.asking import Options, Refusal, told
from mien.cameras.system import PATIENT, Fault, System
from mien.cameras.wanted import CameraInfo, Wanted, sizes_in

_DEVICES = Path("/sys/class/video4linux")

_MOST_RAW = 30e6
"""Bytes a second of raw pictures that USB 2 surely carries beside other things; above it JPEGs are asked for."""

_MISSING = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTTY)

_REMEDIES = {
    Fault.MISSING: "plug it in; `mien cameras` lists what is there, and `ls /dev/video*` what the kernel knows",
    Fault.DENIED: "join the group video: sudo usermod -aG video $USER, then log in anew",
    Fault.BUSY: "close the program that uses it; fuser -v /dev/video* names it",
    Fault.OTHER: "unplug it and plug it in again, or name another --camera-size",
}


def cameras(sizes: bool, devices: Path = _DEVICES) -> list[CameraInfo]:
    """The devices that give pictures, by number.

    A webcam has a second device for what is no picture (`uvcvideo` calls it metadata): one that offers no format for
    pictures is passed over.

    Args:
        sizes: kept for the other systems' sake: here asking is what tells a camera from its metadata.
        devices: the kernel's list.
    """
    found = []
    for entry in sorted(devices.glob("video*"), key=lambda path: (len(path.name), path.name)):
        number = re.fullmatch(r"video(\d+)", entry.name)
        if number is None:
            continue
        info = CameraInfo(int(number[1]), _line(entry / "name") or entry.name, f"/dev/{entry.name}")
        camera = _asked(info, told(info.address, "v4l2", {"list_formats": "all"}))
        if camera is not None:
            found.append(camera)
    return found


def _asked(info: CameraInfo, answer: Refusal) -> CameraInfo | None:
    """What is known of a device after its answer; None when it is no camera."""
    if fault(answer) is Fault.DENIED:
        return CameraInfo(info.index, info.name, info.address, note="no permission")
    if not re.search(r"(?:Raw|Compressed)\s*:", answer.said):
        return None
    return CameraInfo(info.index, info.name, info.address, sizes_in(answer.said, r" (\d+)x(\d+)\b"))


def _line(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def options(wanted: Wanted, attempt: int, said: str) -> Options | None:
    """The size and the rate, as JPEGs where raw pictures would be too many bytes; then with less and less asked."""
    size, rate = {"video_size": str(wanted.size)}, {"framerate": f"{wanted.rate:g}"}
    heavy = 2 * wanted.size.width * wanted.size.height * wanted.rate > _MOST_RAW
    jpegs: tuple[Options, ...] = ({**size, **rate, "input_format": "mjpeg"},) if heavy else ()
    attempts = (*jpegs, {**size, **rate}, size, {})
    return {**PATIENT, **attempts[attempt]} if attempt < len(attempts) else None


def fault(refusal: Refusal) -> Fault:
    """By the kernel's error number."""
    if refusal.number in _MISSING:
        return Fault.MISSING
    if refusal.number in (errno.EACCES, errno.EPERM):
        return Fault.DENIED
    return Fault.BUSY if refusal.number == errno.EBUSY else Fault.OTHER


def at_path(name: str) -> str | None:
    """Devices may be named by any path: /dev/video0, /dev/v4l/by-id/…"""
    return name if name.startswith("/dev/") else None


LINUX = System("v4l2", cameras, options, fault, _REMEDIES, at_path)
